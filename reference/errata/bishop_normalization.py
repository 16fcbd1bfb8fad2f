"""Misprints of Bishop and Bishop, Deep Learning: section 7.4, and the exercises."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb, arb_series

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.calculus.elements import cross_entropy
from optcheck.reference.domains import open_interval, positive
from optcheck.reference.errata.record import Erratum, erratum, real, scalar, whether, whole
from optcheck.reference.normalization.transforms import affine, normalised, running_average


def _variance(values: Sequence[Any]) -> Any:
    centre = sum(values, Fraction(0)) / len(values)
    return sum((each - centre) ** 2 for each in values) / len(values)


def _averaged(case: SimpleNamespace, statistic: Callable[[Sequence[Fraction]], arb]) -> arb:
    """The running average of a statistic over all batches, where all weigh the same."""
    ends = (Fraction(case.x1), Fraction(case.x2))
    average = arb(0)
    for seen, batch in enumerate(itertools.product(ends, repeat=case.K)):
        average = running_average(average, statistic(batch), real(Fraction(seen, seen + 1)))
    return average


erratum(
    Erratum(
        id="B13",
        status="confirmed",
        source="bishop:7.57",
        as_printed=r"\bar\sigma_i^{(\tau)}=\alpha\bar\sigma_i^{(\tau-1)}+(1-\alpha)\sigma_i",
        as_corrected=(
            r"(\bar\sigma_i^2)^{(\tau)}=\alpha(\bar\sigma_i^2)^{(\tau-1)}+(1-\alpha)\sigma_i^2"
        ),
        why=(
            "inference needs the variance, and the square of a mean deviation is too small "
            "(Jensen); asked for is the expected variance of a batch of K, each x1 or x2"
        ),
        equations=("batch-normalisation-running-averages",),
        variables={"x1": whole(-3, 3, 0), "x2": whole(-3, 3, 1), "K": whole(1, 4, 2)},
        # A mean of K leaves (K - 1)/K of the variance.
        fact=lambda case: (
            Fraction(case.K - 1, case.K) * _variance((Fraction(case.x1), Fraction(case.x2)))
        ),
        printed=lambda case: _averaged(case, lambda batch: real(_variance(batch)).sqrt()) ** 2,
        corrected=lambda case: _averaged(case, lambda batch: real(_variance(batch))),
    )
)


def _likelihood(case: SimpleNamespace) -> Fraction:
    """The probability of both targets."""
    pairs = ((case.t1, case.y1), (case.t2, case.y2))
    first, second = (y if t else 1 - y for t, y in pairs)
    return Fraction(first * second)


def _sum_of_logarithms(case: SimpleNamespace) -> Any:
    pairs = ((case.t1, case.y1), (case.t2, case.y2))
    return sum((t * real(y).log() + (1 - t) * real(1 - y).log() for t, y in pairs), arb(0))


def _cross_entropy(case: SimpleNamespace) -> Any:
    exact = Arithmetic.exact()
    predictions = Balls([real(case.y1), real(case.y2)], exact)
    return cross_entropy(predictions, Balls([arb(case.t1), arb(case.t2)], exact)).total().ball


erratum(
    Erratum(
        id="B14",
        status="confirmed",
        source="bishop:7.64",
        as_printed=r"E=\sum_n\{t_n\ln y_n+(1-t_n)\ln(1-y_n)\}",
        as_corrected=r"E=-\sum_n\{t_n\ln y_n+(1-t_n)\ln(1-y_n)\}",
        why="the error is minus the logarithm of the targets' probability, and convex",
        equations=("cross-entropy-error", "logistic-regression-hessian"),
        variables={
            "t1": whole(0, 1, 1),
            "y1": open_interval(0.5, 0.9),
            "t2": whole(0, 1, 1),
            "y2": open_interval(0.5, 0.9),
        },
        fact=lambda case: -real(_likelihood(case)).log(),
        printed=_sum_of_logarithms,
        corrected=_cross_entropy,
    )
)


def _powers(case: SimpleNamespace) -> list[Fraction | int]:
    """The factors: ``few`` large ones and ``many`` small ones."""
    return [case.large] * case.few + [case.small] * case.many


def _end(factor: Any) -> str:
    """What becomes of a factor that comes again and again."""
    return "vanishes" if factor < 1 else "explodes" if factor > 1 else "stays"


def _product(case: SimpleNamespace) -> Fraction:
    product = Fraction(1)
    for each in _powers(case):
        product *= each
    return product


def _mean_logarithm(case: SimpleNamespace) -> arb:
    logarithms = [real(each).log() for each in _powers(case)]
    return sum(logarithms, arb(0)) / len(logarithms)


erratum(
    Erratum(
        id="B18",
        status="qualification",
        source="bishop:sec 7.4.2 (7.51)",
        as_printed=(
            r"\prod_k f_k\to0\text{ if most }|f_k|<1,\quad\to\infty\text{ if most }|f_k|>1"
        ),
        as_corrected=r"\text{decided by the sign of }\frac1K\sum_k\ln|f_k|",
        why="a few large factors outweigh many that are slightly small",
        equations=("vanishing-exploding-product", "jacobian-chain-gradient"),
        variables={
            "large": whole(2, 100, 2, 100),
            "few": whole(1, 10, 1),
            "small": open_interval(0.9, 0.5),
            "many": whole(1, 10, 2),
        },
        fact=lambda case: _end(_product(case)),
        printed=lambda case: (
            None if case.few == case.many else "vanishes" if case.few < case.many else "explodes"
        ),
        corrected=lambda case: _end(_mean_logarithm(case).exp()),
    )
)


def _inputs(case: SimpleNamespace) -> tuple[int, ...]:
    return (case.x1, case.x2, case.x3)


# The loss of one example, of its argument wx + b as a series; the target adds a linear term.
_LOSSES: tuple[Callable[[arb_series], arb_series], ...] = (
    lambda argument: argument * argument / 2,
    lambda argument: (1 + argument.exp()).log(),
)


def _curvature(
    case: SimpleNamespace, loss: Callable[[arb_series], arb_series], along: tuple[int, int]
) -> arb:
    """The second derivative of the loss along a direction of (w, b), at w = 1 and b = 0."""
    total = arb(0)
    for x in _inputs(case):
        total += 2 * loss(arb_series([x, along[0] * x + along[1]], prec=3))[2]
    return total


def _determinant(case: SimpleNamespace, loss: Callable[[arb_series], arb_series]) -> arb:
    ww, bb, both = (_curvature(case, loss, along) for along in ((1, 0), (0, 1), (1, 1)))
    return ww * bb - ((both - ww - bb) / 2) ** 2


erratum(
    Erratum(
        id="B19",
        status="qualification",
        source="bishop:Ex 7.4, bishop:Ex 7.5, prince:Problem 6.2",
        as_printed=r"\det\mathbf H>0",
        as_corrected=r"\det\mathbf H>0\iff\text{two inputs differ; otherwise }0",
        why=(
            "N sum x^2 - (sum x)^2 = N^2 var(x); asked for is the sign in linear and in logistic "
            "regression on three inputs"
        ),
        equations=("least-squares-linear-hessian", "logistic-regression-hessian"),
        variables={"x1": whole(-3, 3, 0), "x2": whole(-3, 3, 0), "x3": whole(-3, 3, 0)},
        fact=lambda case: tuple(
            whether(_determinant(case, loss) > 0, "positive") for loss in _LOSSES
        ),
        printed=lambda case: ("positive", "positive"),
        corrected=lambda case: (whether(len(set(_inputs(case))) > 1, "positive"),) * 2,
    )
)


def _deviation(case: SimpleNamespace) -> Any:
    """Of two normalised values, scaled and shifted, from the values themselves."""
    exact = Arithmetic.exact()
    values = (Fraction(case.x1), Fraction(case.x2))
    centre, variance = (values[0] + values[1]) / 2, _variance(values)
    before = Balls([real(each) for each in values], exact)
    numbers = (scalar(each) for each in (centre, variance, case.delta))
    after = affine(normalised(before, *numbers), case.gamma, case.beta).balls
    middle = (after[0] + after[1]) / 2
    return (((after[0] - middle) ** 2 + (after[1] - middle) ** 2) / 2).sqrt()


erratum(
    Erratum(
        id="B24",
        status="qualification",
        source="bishop:sec 7.4.2 (7.55)",
        as_printed=r"\text{standard deviation }\gamma_i",
        as_corrected=r"|\gamma_i|\,\frac{\sigma_i}{\sqrt{\sigma_i^2+\delta}}",
        why="gamma may be negative, and delta shrinks the spread; here of two values x1 and x2",
        equations=("batch-normalisation-affine",),
        variables={
            "gamma": whole(-3, 3, -1, 1, 2),
            "beta": whole(-3, 3, 0),
            "delta": positive(1e-5, 0.1),
            "x1": whole(-3, 3, 0),
            "x2": whole(-3, 3, 2),
        },
        fact=_deviation,
        printed=lambda case: case.gamma,
        corrected=lambda case: (
            abs(case.gamma)
            * (
                real(Fraction((case.x1 - case.x2) ** 2, 4))
                / real(Fraction((case.x1 - case.x2) ** 2, 4) + case.delta)
            ).sqrt()
        ),
    )
)
