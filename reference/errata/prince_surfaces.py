"""Misprints of Prince, Understanding Deep Learning, chapter 6: convexity, and Newton's method."""

from __future__ import annotations

import itertools
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from flint import arb, fmpq_mat

from optcheck.reference.domains import Domain
from optcheck.reference.errata.exact import curvature, slope
from optcheck.reference.errata.record import Erratum, erratum, real, whether, whole


def _height(case: SimpleNamespace, x: int) -> Any:
    return case.a * arb(x).exp() + case.b * x * x + case.c * x


def _slopes(case: SimpleNamespace) -> list[arb]:
    """Far apart: the exponential is nearly nothing at the first, and most of it at the last."""
    return [case.a * arb(x).exp() + 2 * case.b * x + case.c for x in range(-64, 65, 16)]


def _minima_and_chord(case: SimpleNamespace) -> tuple[str, str, str]:
    slopes = _slopes(case)
    exists = slopes[0] < 0 < slopes[-1]
    rising = all(low < high for low, high in itertools.pairwise(slopes))
    above = 2 * _height(case, 0) < _height(case, -1) + _height(case, 1)
    return (
        whether(exists and rising, "one minimum"),
        whether(rising, "at most one"),
        whether(above, "chord above"),
    )


def _corrected_convexity(case: SimpleNamespace) -> tuple[str | None, str | None, str]:
    definite = case.a + case.b > 0
    coercive = case.b > 0 or (case.a > 0 and case.c < 0)
    return (
        whether(coercive, "one minimum"),
        "at most one" if definite else None,
        whether(definite, "chord above"),
    )


erratum(
    Erratum(
        id="P06",
        status="confirmed",
        source="prince:Notes Convexity, prince:sec 6.1.2, prince:Problem 6.2",
        as_printed=(
            r"\mathbf H\succ0\text{ everywhere}\Rightarrow\text{one global minimum};\quad"
            r"\text{chords of convex functions lie above them}"
        ),
        as_corrected=(
            r"\mathbf H\succ0\text{ everywhere}\Rightarrow\text{at most one minimum};\quad"
            r"\text{chords may touch, unless }\mathbf H\succ0"
        ),
        why=(
            "exp has no minimum, which needs a function that rises on all sides; affine functions "
            "are their own chords. Here a exp(x) + b x^2 + c x, with the chord from -1 to 1"
        ),
        equations=("convexity-hessian-criterion", "convex-function-chord-definition"),
        variables={"a": whole(0, 3, 1, 0), "b": whole(0, 3, 0), "c": whole(-3, 3, 0)},
        fact=_minima_and_chord,
        printed=lambda case: (
            *(("one minimum", "at most one") if case.a + case.b > 0 else (None, None)),
            "chord above",
        ),
        corrected=_corrected_convexity,
    )
)


def _solutions(case: SimpleNamespace) -> str:
    """Whether the normal equations of a line have one solution."""
    design = fmpq_mat([[1, x] for x in (case.x1, case.x2, case.x3)])
    return whether((design.transpose() * design).rank() == 2, "unique")


erratum(
    Erratum(
        id="P07",
        status="confirmed",
        source="prince:sec 6.1.2",
        as_printed=r"\text{the loss of linear regression has a single global minimum}",
        as_corrected=r"\text{where two inputs differ; else a line of them}",
        why="with equal inputs slope and intercept can make up for each other",
        equations=("linear-regression-single-minimum",),
        variables={"x1": whole(-3, 3, 0), "x2": whole(-3, 3, 0), "x3": whole(-3, 3, 0)},
        fact=_solutions,
        printed=lambda case: "unique",
        corrected=lambda case: whether(len({case.x1, case.x2, case.x3}) > 1, "unique"),
    )
)


def _newton(case: SimpleNamespace) -> str | None:
    """Whether Newton's step on (a x^2 + b y^2)/2, from (3, 2), ends at an extremum."""
    if not case.a * case.b:
        return None
    rises: list[Any] = []
    for start, factor in ((3, case.a), (2, case.b)):

        def energy(x: Any, factor: int = factor) -> Any:
            return factor * x * x / Fraction(2)

        end = start - slope(energy, start) / curvature(energy, start)
        rises += [energy(end + side) - energy(end) for side in (1, -1)]
    return whether(min(rises) > 0 or max(rises) < 0, "an extremum")


erratum(
    Erratum(
        id="P12",
        status="qualification",
        source="prince:Notes Beyond gradient descent",
        as_printed=r"\text{Newton's method moves toward the nearest extremum}",
        as_corrected=(
            r"\text{toward the stationary point of the local quadratic model, which may be a "
            r"saddle}"
        ),
        why=(
            "the step leads to that point whatever the signs of the eigenvalues; asked for is "
            "what it is for (a x^2 + b y^2)/2"
        ),
        equations=("newton-attracted-to-saddles-and-maxima",),
        variables={"a": whole(-3, 3, 1), "b": whole(-3, 3, -1, 1)},
        fact=_newton,
        printed=lambda case: "an extremum" if case.a * case.b else None,
        corrected=lambda case: (
            whether(case.a * case.b > 0, "an extremum") if case.a * case.b else None
        ),
    )
)


def _full_steps(start: Fraction) -> str:
    """What becomes of Newton's full steps on ln cosh x: x - tanh(x) cosh(x)^2."""
    x = real(start)
    while not (abs(x) < 0.5 or abs(x) > 3):
        x = x - x.tanh() * x.cosh() ** 2
    return whether(abs(x) < 1, "convergent")


erratum(
    Erratum(
        id="P13",
        status="qualification",
        source="prince:Notes Beyond gradient descent",
        as_printed=r"\text{Newton's method needs no line search}",
        as_corrected=(r"\text{near the minimum; on }\ln\cosh x\text{ for }\sinh2|x_0|<4|x_0|"),
        why="far from the minimum the full step may diverge, on a smooth convex function too",
        equations=("newton-convergence-far-start",),
        variables={"x0": Domain(-3.0, 3.0, (1.0, 1.2, 2.0))},
        fact=lambda case: _full_steps(case.x0),
        printed=lambda case: "convergent",
        corrected=lambda case: whether(
            case.x0 == 0 or (2 * real(abs(case.x0))).sinh() < 4 * real(abs(case.x0)),
            "convergent",
        ),
    )
)
