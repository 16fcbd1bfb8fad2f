"""Recursions that several misprints are about, run without a formula for what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import arb_mat

from optcheck.reference.errata.record import real, whether

# A matrix is raised to the power 2**18: a factor of 0.9995 has become 1e-57 by then.
_SQUARINGS = 18
_NOTHING = 2.0**-20


def _fate(rows: Sequence[Sequence[int | Fraction]]) -> str:
    """Whether the powers of a matrix vanish."""
    power = arb_mat([[real(each) for each in row] for row in rows])
    for _ in range(_SQUARINGS):
        power = power * power
    return whether(all(abs(each) < _NOTHING for each in power.entries()), "convergent")


def heavy_ball(rate: Fraction, momentum: int | Fraction) -> str:
    """What becomes of momentum on w^2/2, with the last two weights as its state."""
    return _fate([[1 + momentum - rate, -momentum], [1, 0]])


def nesterov(rate: Fraction, momentum: int | Fraction) -> str:
    """The same with the gradient at the point ahead, w + momentum (w - w_before)."""
    return _fate([[(1 - rate) * (1 + momentum), -(1 - rate) * momentum], [1, 0]])


def alternating_share(momentum: int | Fraction) -> Fraction:
    """The velocity over the gradient, on the cycle that gradients 1, -1, 1, -1 ... lead to.

    Two updates are an affine map, whose fixed point is solved for.
    """

    def twice(velocity: Fraction) -> Fraction:
        return momentum * (momentum * velocity + 1) - 1

    constant = twice(Fraction(0))
    before = constant / (1 - (twice(Fraction(1)) - constant))
    return momentum * before + 1
