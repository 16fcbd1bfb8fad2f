"""Laws of convexity: chords, and Hessians on boxes where convexity is proved."""

from __future__ import annotations

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.surfaces.drawn_surfaces import regressions
from optcheck.properties.surfaces.landscapes import Landscape, computes
from optcheck.reference.calculus.models import (
    Gabor,
    LinearRegression,
    LogisticRegression,
    ShallowReLU,
)
from optcheck.reference.minimizers.coordinate_descent import SparseCoding
from optcheck.reference.oracle import Quantity
from optcheck.reference.problems import ROSENBROCK, Problem
from optcheck.reference.surfaces.convexity import (
    CONVEX,
    DOUBLE_WELL,
    chord_gap,
    curvature_along,
    is_semidefinite,
    lowest_direction,
    proves_convex,
)

_FLOAT64 = ("float64",)
_UNIT = 2.0**-53


@st.composite
def _convex(draw: st.DrawFn) -> Problem:
    """Functions that are convex everywhere."""
    kind = draw(st.sampled_from(("line", "classes", "equal inputs", *CONVEX)))
    if kind in CONVEX:
        return CONVEX[kind]
    data = draw(regressions(classes=kind == "classes", alike=kind == "equal inputs"))
    model = LogisticRegression if kind == "classes" else LinearRegression
    return model(*data)


@st.composite
def _not_convex(draw: st.DrawFn) -> tuple[Problem, Floats]:
    """Functions that are not, each with a point where the curvature is negative in some way."""
    kind = draw(st.sampled_from(("double well", "rosenbrock", "gabor", "network")))
    if kind == "double well":
        return DOUBLE_WELL, np.array([draw(fractions(-0.5, 0.5))])
    if kind == "rosenbrock":
        return ROSENBROCK, np.array([draw(fractions(-0.5, 0.5)), draw(fractions(1.0, 2.0))])
    data = draw(regressions())
    if kind == "gabor":
        # Near the top of the sine, above a target of -2, the loss is bent down.
        top = np.array([draw(fractions(1.25, 1.75)), draw(fractions(1.0, 4.0))])
        return Gabor(data[0], (-2.0, -2.0, -2.0)), top
    # One unit without a weight, active for a positive input and off its target.
    point = np.zeros(10)
    point[[4, 5, 6, 8]] = draw(fractions(0.25, 1.0)), 0.5, -4.0, -4.0
    return ShallowReLU((data[0][2],), (2.0,)), point


def _place(data: st.DataObject, problem: Problem, reach: float = 2.0) -> Floats:
    count = problem.dimension
    coordinates = st.lists(fractions(-reach, reach), min_size=count, max_size=count)
    return np.array(data.draw(coordinates, label="point"))


@law(
    id="convex-functions-lie-below-their-chords",
    title="No value of a convex function lies above a chord",
    statement=(
        "By the computed values a convex function (least squares, logistic regression, exp, log "
        "cosh, x^4) lies nowhere above a chord, and below it where the exact gap is more than "
        "rounding; an affine function lies on all its chords; on a function that is not convex "
        "the chord through a point of negative curvature lies below the function."
    ),
    oracle="exact",
    capability="derivative",
    equations=("convex-function-chord-definition",),
    about=computes("value"),
    every_path=False,
    share=0.5,
    dtypes=_FLOAT64,
)
def convex_functions_lie_below_their_chords(subject: Subject, data: st.DataObject) -> float:
    share = data.draw(st.sampled_from((0.25, 0.5, 0.75)), label="share")
    problem = data.draw(_convex(), label="convex function")
    ends = _place(data, problem), _place(data, problem)
    ratio = _require_gap(Landscape(subject, problem), *ends, share, convex=True)
    other, point = data.draw(_not_convex(), label="function")
    step = lowest_direction(other, point) / 16.0
    below = Landscape(subject, other)
    return max(ratio, _require_gap(below, point - step, point + step, 0.5, convex=False))


def _require_gap(
    landscape: Landscape, x: Floats, y: Floats, share: float, *, convex: bool
) -> float:
    """The gap between chord and function has the sign of the exact one."""
    exact = float(chord_gap(landscape.problem, x, y, share).mid())
    between = share * x + (1.0 - share) * y
    weights = (share, 1.0 - share, 1.0)
    heights = [landscape.value(each) for each in (x, y, between)]
    gap = share * heights[0] + (1.0 - share) * heights[1] - heights[2]
    slack = sum(
        weight * (float(landscape.slack("value", each)[0]) + 4.0 * _UNIT * abs(height))
        for weight, each, height in zip(weights, (x, y, between), heights, strict=True)
    )
    sign = 1.0 if convex else -1.0
    if sign * exact < -slack:
        # Not a matter of the library: no chord was shown to lie that way.
        return float("nan")
    touches = abs(exact) <= 2.0 * slack
    if abs(gap - exact) > slack or not (touches or sign * gap > 0.0):
        raise landscape.deviation(
            f"the chord lies {gap:.6g} above the function, exactly {exact:.6g}",
            between,
            ends=[x.tolist(), y.tolist()],
        )
    return abs(gap - exact) / slack if slack else 0.0


@law(
    id="sparse-coding-is-convex-in-each-block-alone",
    title="Sparse coding is convex in the code and in the dictionary, and not in both",
    statement=(
        "By the computed values of |X - w h'|^2 + lambda |h|_1, no value lies above a chord along "
        "which h alone changes, or w alone. From (w, h) to (-w, -h), which has the same value, "
        "the chord lies below the function: in the middle, where all is 0, it is |X|^2, by as "
        "much as the code is better than none."
    ),
    oracle="exact",
    capability="derivative",
    equations=("sparse-coding-biconvexity",),
    about=computes("value"),
    every_path=False,
    share=0.2,
    dtypes=_FLOAT64,
)
def sparse_coding_is_biconvex(subject: Subject, data: st.DataObject) -> float:
    eighths = st.integers(-16, 16).map(lambda k: (k + 0.5) / 8.0)
    drawn = data.draw(st.tuples(*[eighths] * 6), label="dictionary, code, and another of either")
    w, h, others = np.array(drawn[:2]), np.array(drawn[2:4]), np.array(drawn[4:])
    share = data.draw(st.sampled_from((0.25, 0.5, 0.75)), label="share")
    # Half of what the code saves is not its price, so that it is better than none.
    target = np.outer(w, h)
    saved, size = float((target**2).sum()), float(np.abs(h).sum())
    penalty = data.draw(st.sampled_from((0.5, 0.125)), label="share of the price") * saved / size
    landscape = Landscape(subject, SparseCoding(tuple(target.ravel().tolist()), penalty))
    code, dictionary = np.concatenate([w, others]), np.concatenate([others, h])
    here = np.concatenate([w, h])
    return max(
        _require_gap(landscape, here, code, share, convex=True),
        _require_gap(landscape, here, dictionary, share, convex=True),
        _require_gap(landscape, here, -here, 0.5, convex=False),
    )


@law(
    id="hessians-of-convex-functions-are-semidefinite",
    title="The Hessian of a convex function has no negative eigenvalue, that of others has",
    statement=(
        "A convex function is proved to be convex on a box about a point, with its Hessian in "
        "intervals, strictly where the proof gives a least curvature; the computed Hessian at "
        "the point has no eigenvalue below that but for rounding. The exponential has a positive "
        "curvature everywhere, and no minimum: a positive slope everywhere. Of Rosenbrock's "
        "function, a double well, the Gabor model and a network the computed v'Hv is negative "
        "where it is proved to be."
    ),
    oracle="exact",
    capability="derivative",
    equations=("convexity-hessian-criterion",),
    about=computes("hessian"),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def hessians_of_convex_functions(subject: Subject, data: st.DataObject) -> float:
    problem = data.draw(_convex(), label="convex function")
    point = _place(data, problem, 1.0)
    ratio = _require_semidefinite(Landscape(subject, problem), point)
    _require_no_minimum(subject, data.draw(fractions(-32.0, 32.0), label="of the exponential"))
    other, place = data.draw(_not_convex(), label="function")
    _require_downward(Landscape(subject, other), place)
    return ratio


def _require_no_minimum(subject: Subject, x: float) -> None:
    """Strictly convex is not enough (P06)."""
    exponential = Landscape(subject, CONVEX["exp"])
    if not (exponential.hessian([x])[0, 0] > 0.0 and exponential.gradient([x])[0] > 0.0):
        raise exponential.deviation("exp is not convex, or does not rise", [x])


# The half width of the boxes on which convexity is proved.
_HALF = 0.0625


def _require_semidefinite(landscape: Landscape, point: Floats) -> float:
    problem = landscape.problem
    low, high = point - _HALF, point + _HALF
    least = _least_curvature(problem, low, high)
    if least is None:
        return float("nan")
    hessian = landscape.hessian(point)
    slack = float(np.linalg.norm(landscape.slack("hessian", point)))
    symmetric = (hessian + hessian.T) / 2.0
    entries = [[arb(float(each)) for each in row] for row in symmetric]
    # An eigenvalue moves by at most the norm of what the matrix is off by.
    allowed = slack + 2.0 * _UNIT * float(np.linalg.norm(hessian))
    if not is_semidefinite(entries, least - allowed - np.finfo(np.float64).tiny):
        raise landscape.deviation(
            f"the Hessian has an eigenvalue below {least:.6g}, which is proved to be the least "
            "curvature about the point",
            point,
        )
    lowest = float(np.linalg.eigvalsh(symmetric)[0])
    return max(least - lowest, 0.0) / allowed if allowed else 0.0


def _least_curvature(problem: Problem, low: Floats, high: Floats) -> float | None:
    """Half of the least curvature at the middle if that is proved on the box, else 0 or None."""
    middle = np.linalg.eigvalsh(np.asarray(problem.hessian((low + high) / 2.0)))
    for least in (float(middle[0]) / 2.0, 0.0):
        if least >= 0.0 and proves_convex(problem, low, high, least):
            return least
    return None


def _require_downward(landscape: Landscape, point: Floats) -> None:
    way = lowest_direction(landscape.problem, point)
    quantity = landscape.quantity("hessian", point)
    assert isinstance(quantity, Quantity)
    exact = float(curvature_along(quantity.exact.balls, way.tolist()))
    hessian = landscape.hessian(point)
    bent = float(way @ hessian @ way)
    slack = quantity.allowed().reshape(hessian.shape) + 32.0 * _UNIT * np.abs(hessian)
    if exact < -2.0 * float(np.abs(way) @ slack @ np.abs(way)) and not bent < 0.0:
        raise landscape.deviation(
            f"v'Hv is {bent:.6g} for v = {way.tolist()}, exactly {exact:.6g}", point
        )
