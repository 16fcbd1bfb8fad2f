"""How rarely all eigenvalues of a random symmetric matrix are positive, exactly.

The matrices of the Gaussian orthogonal ensemble have independent Gaussian entries of variance 1
on the diagonal and 1/2 beside it. Their eigenvalues repel: their density is proportional to the
product of all differences times ``exp(-sum(lambda**2) / 2)``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from flint import acb, arb

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.registry import equation, statement

statement(
    "low-cost-critical-points-more-likely-minima",
    title="Critical points of low cost are more often minima",
    formula=r"\Pr[\lambda_i>0]\ \text{increases as }J\ \text{decreases}",
    sources=("goodfellow:sec 8.2.4",),
    unchecked=(
        "it is about random functions of no stated kind; for a Gaussian random field, where the "
        "probability is known, a law of random-critical-point-minimum-probability checks it"
    ),
)


@equation(
    "random-critical-point-minimum-probability",
    title="Coin tosses: minima and maxima are exponentially rare",
    formula=r"\Pr[\text{all }n\text{ eigenvalues positive}]=2^{-n}=\Pr[\text{all negative}]",
    sources=("goodfellow:sec 8.2.4",),
)
def coin_toss_probability(order: int) -> float:
    """For eigenvalues whose signs are independent; for those of Gaussian matrices it is less."""
    return 0.5**order


@functools.cache
def gaussian_probability(order: int) -> float:
    """That all eigenvalues of a matrix of the Gaussian orthogonal ensemble are positive.

    A ratio of integrals of the density over ordered eigenvalues, each a Pfaffian (de Bruijn 1955).
    """
    with ball_arithmetic():
        return float((_ordered(order, half=True) / _ordered(order, half=False)).mid())


def conditional_probability(order: int, value: float) -> float:
    """That the Hessian of a random field is positive definite where its value is known.

    The field is Gaussian with covariance ``exp(-r**2 / 2)``, in one or two dimensions. Its
    Hessian, given the value, is ``sqrt(2)`` times a matrix of the ensemble minus the value on the
    diagonal: in two dimensions its eigenvalues are ``m - r`` and ``m + r`` with a standard
    Gaussian ``m + value`` and a standard Rayleigh ``r``.
    """
    with ball_arithmetic():
        low = arb(-value)
        if order == 1:
            return float(_normal(low / arb(2).sqrt()).mid())
        if order != 2:
            raise ValueError(f"known for one or two dimensions, not for {order}")
        overlap = (-(low * low) / 4).exp() / arb(2).sqrt() * _normal(low / arb(2).sqrt())
        return float((_normal(low) - overlap).mid())


def _normal(x: arb) -> arb:
    """The distribution function of a standard Gaussian."""
    share: arb = (-x / arb(2).sqrt()).erfc() / 2
    return share


def _ordered(order: int, *, half: bool) -> arb:
    """The density's integral over ordered eigenvalues: all of them, or the positive ones."""
    rows = [[_pair(i, j, half=half) for j in range(order)] for i in range(order)]
    if order % 2:
        border = [_moment(i, half=half) for i in range(order)]
        rows = [[*row, edge] for row, edge in zip(rows, border, strict=True)]
        rows.append([*(-edge for edge in border), arb(0)])
    return _pfaffian(rows)


def _moment(i: int, *, half: bool) -> arb:
    """The integral of ``x**i exp(-x**2 / 2)``."""
    if not half and i % 2:
        return arb(0)
    size = arb(2) ** (arb(i - 1) / 2) * (arb(i + 1) / 2).gamma()
    return size if half else 2 * size


def _pair(i: int, j: int, *, half: bool) -> arb:
    """The integral of ``sign(y - x) x**i y**j exp(-(x**2 + y**2) / 2)``, in polar coordinates."""
    radial = arb(2) ** (arb(i + j) / 2) * (arb(i + j) / 2 + 1).gamma()
    quarter = arb.pi() / 4
    if half:
        return radial * (_angular(i, j, quarter, 2 * quarter) - _angular(i, j, arb(0), quarter))
    # Half a turn further the sign is the other one, and that of the powers is so if i + j is odd.
    return radial * 2 * ((i + j) % 2) * _angular(i, j, quarter, 5 * quarter)


def _angular(i: int, j: int, start: arb, end: arb) -> arb:
    """The integral of ``cos(t)**i sin(t)**j``."""
    found: arb = acb.integral(lambda t, _: t.cos() ** i * t.sin() ** j, acb(start), acb(end)).real
    return found


def _pfaffian(rows: Sequence[Sequence[arb]]) -> arb:
    """By expansion along the first row."""
    if not rows:
        return arb(1)
    total = arb(0)
    for j in range(1, len(rows)):
        kept = [k for k in range(1, len(rows)) if k != j]
        minor = [[rows[a][b] for b in kept] for a in kept]
        total += (-1) ** (j - 1) * rows[0][j] * _pfaffian(minor)
    return total
