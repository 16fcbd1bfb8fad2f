"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, section 8.7: search strategies."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace

from optcheck.reference.domains import positive
from optcheck.reference.errata.exact import NUMBER, vertex
from optcheck.reference.errata.record import Erratum, erratum, real, whether, whole
from optcheck.reference.minimizers.coordinate_descent import sweep_contraction


def _after_a_sweep(penalty: Callable[[Fraction, Fraction], Fraction]) -> Fraction:
    """What x2 = 1 becomes, where the variables are drawn to each other and by ``penalty``."""

    def f(first: Fraction, second: Fraction) -> Fraction:
        return (first - second) ** 2 + penalty(first, second)

    first = vertex(lambda x: f(x, Fraction(1)))
    return vertex(lambda x: f(first, x))


def _squared_length(*variables: Fraction) -> Fraction:
    return sum((each**2 for each in variables), Fraction(0))


erratum(
    Erratum(
        id="G34",
        status="confirmed",
        source="goodfellow:sec 8.7.1",
        as_printed=r"(x_1-x_2)^2+\alpha(x_1^2+y_1^2)",
        as_corrected=r"(x_1-x_2)^2+\alpha(x_1^2+x_2^2)",
        why="there is no y in the problem, whose second term draws both variables to zero",
        equations=("coordinate-descent-coupled-quadratic",),
        variables={"alpha": positive(1.0, 0.1, 0.001), "y1": NUMBER},
        fact=lambda case: _after_a_sweep(lambda *x: case.alpha * _squared_length(*x)),
        printed=lambda case: _after_a_sweep(lambda x1, x2: case.alpha * (x1**2 + case.y1**2)),
        corrected=lambda case: sweep_contraction(case.alpha),
    )
)


def _f(case: SimpleNamespace, first: Fraction, second: Fraction) -> Fraction:
    """Two parabolas, coupled by a kink and by a product."""
    parabolas = case.p * (first**2 + second**2) - case.b * first * second
    return Fraction(case.kink * abs(first - second) + parabolas)


def _held(case: SimpleNamespace) -> bool:
    """Whether neither coordinate alone improves (x, x): at the kink or on either side of it."""
    x = Fraction(case.x)
    sides = [(case.b * x + side) / (2 * case.p) for side in (-case.kink, case.kink)]
    return all(_f(case, x, x) <= _f(case, other, x) for other in sides)


def _minimal(case: SimpleNamespace) -> bool:
    """Whether (x, x) is a local minimum.

    Along the diagonals and nothing else need be looked: the function is a sum of one of them each.
    """
    x, near = Fraction(case.x), Fraction(1, 1000)
    moves = [(near, near), (-near, -near), (near, -near), (-near, near)]
    return all(_f(case, x + u, x + v) >= _f(case, x, x) for u, v in moves)


def _smooth_and_convex(case: SimpleNamespace) -> bool:
    return bool(case.kink == 0 and abs(case.b) <= 2 * case.p)


erratum(
    Erratum(
        id="G35",
        status="confirmed",
        source="goodfellow:sec 8.7.1",
        as_printed=r"\text{coordinate descent is guaranteed to arrive at a (local) minimum}",
        as_corrected=(
            r"\text{it arrives at a stationary point of a smooth function with unique minima "
            r"along the axes, and at a minimum if that is convex}"
        ),
        why="a kink may hold every coordinate, and so may a saddle between the axes",
        equations=("coordinate-descent-guarantee",),
        variables={
            **{"p": whole(1, 3, 1, 2), "b": whole(-3, 3, 0, 1, 3)},
            **{"kink": whole(0, 4, 0, 1, 2), "x": whole(-2, 2, 0, 1)},
        },
        fact=lambda case: whether(_minimal(case), "minimal"),
        printed=lambda case: "minimal" if _held(case) else None,
        corrected=lambda case: (
            whether(_held(case), "minimal") if _smooth_and_convex(case) else None
        ),
    )
)


def _convex_there(sigma: Fraction) -> bool:
    """Whether ``1 - exp(-t**2 / 2)``, blurred, is not above its chord around ``t = 2 v``.

    Normal densities convolve to one with the sum ``v`` of their variances; constants and factors
    do not matter.
    """
    v = 1 + real(sigma) ** 2
    before, here, after = (-(-((2 * v + each) ** 2) / (2 * v)).exp() for each in (-1, 0, 1))
    return not bool(before + after < 2 * here)


def _at_last(case: SimpleNamespace) -> bool:
    """Whether one of ten widths is enough, each twice the one before it."""
    return any(_convex_there(case.sigma * 2**doubled) for doubled in range(10))


erratum(
    Erratum(
        id="G40",
        status="confirmed",
        source="goodfellow:sec 8.7.5",
        as_printed=(
            r"\text{an objective with finite global minima becomes convex if it is blurred enough}"
        ),
        as_corrected=(
            r"\text{some do; one that is bounded and not constant never does, as }1-e^{-t^2/2}"
        ),
        why="a bounded convex function on a whole line is constant, and blurring keeps bounds",
        equations=("blurring-yields-convexity",),
        variables={"sigma": positive(1.0, 5.0, 10.0)},
        fact=lambda case: whether(_at_last(case), "convex"),
        printed=lambda case: "convex",
        corrected=lambda case: "not convex",
    )
)

erratum(
    Erratum(
        id="G39",
        status="notation",
        source="goodfellow:sec 8.7.5",
        as_printed=(
            r"J(\theta)^{(i)}(\theta)=\mathbb E_{\theta'\sim\mathcal N(\theta',\theta,"
            r"\sigma^{(i)2})}J(\theta')"
        ),
        as_corrected=(
            r"J^{(i)}(\theta)=\mathbb E_{\theta'\sim\mathcal N(\theta';\,\theta,"
            r"\sigma^{(i)2}\mathbf I)}J(\theta')"
        ),
        why="an argument is written twice, and the separator of argument and parameters is lost",
        equations=("gaussian-blurred-objective",),
        unchecked="what is meant is not in doubt, and the slips claim nothing else",
    )
)
