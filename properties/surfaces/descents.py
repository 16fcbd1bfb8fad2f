"""Gradient descent on surfaces: where it stays, where it ends, and how gradients tell.

The points are those of the backend's gradient descent; gradients that a law says something of are
computed by the backend too.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.surfaces.drawn_surfaces import points, surfaces, valleys
from optcheck.properties.surfaces.landscapes import Landscape, worst
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Problem
from optcheck.reference.surfaces.networks import dead_network
from optcheck.reference.surfaces.stationary_points import Valley

_FLOAT64 = ("float64",)
_UNIT = 2.0**-53


def is_gradient_descent(subject: Subject) -> bool:
    """Whether the laws of descents are about ``subject``."""
    return bool(subject.record.id == "gradient-descent")


def _gradients(subject: Subject, problem: Problem, flat: Floats) -> Floats:
    """The computed gradients at several points, one after the other, as they are."""
    landscape = Landscape(subject, problem)
    rows = flat.reshape(-1, problem.dimension)
    return np.concatenate([landscape.gradient(row) for row in rows])


@law(
    id="descent-stays-at-stationary-points",
    title="A step of gradient descent leaves stationary points alone, and no others",
    statement=(
        "From each of the nine stationary points of a polynomial, and in the flat region of a "
        "network with all its rectified units dead, a step with the library's own gradient leads "
        "to the same numbers; from a point beside a stationary point it does not."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("stationary-point-condition", "flat-region-zero-gradient-and-hessian"),
    about=is_gradient_descent,
    every_path=False,
    share=0.1,
    dtypes=_FLOAT64,
)
def descent_stays(subject: Subject, data: st.DataObject) -> float:
    surface = data.draw(surfaces(), label="surface")
    h = {"learning_rate": 2.0 ** -data.draw(st.integers(3, 8), label="log2 of 1/rate")}
    level = np.array([place.point for place in surface.stationary])
    beside = level[data.draw(st.integers(0, len(level) - 1), label="place")] + [0.0625, 0.0]
    start = np.concatenate([level.ravel(), beside])
    ends = descend(subject, h, start, lambda w: _gradients(subject, surface.problem, w), 1)[-1]
    if not np.array_equal(ends[: level.size], level.ravel()):
        raise _deviation(subject, h, start, "leaves a stationary point", ends=ends)
    if np.array_equal(ends[level.size :], beside):
        raise _deviation(subject, h, beside, "stays where the gradient is not 0")
    network = dead_network((0.5, 1.0), (1.0, -2.0), 2)
    dead = data.draw(dead_points(2), label="dead network")
    ends = descend(subject, h, dead, lambda w: _gradients(subject, network, w), 1)[-1]
    if not np.array_equal(ends, dead):
        raise _deviation(subject, h, dead, "leaves a point of a flat region", ends=ends)
    return 0.0


@st.composite
def dead_points(draw: st.DrawFn, units: int) -> Floats:
    """Parameters with which no unit is active for an input up to 2."""
    point = draw(points(3 * units, 2.0))
    # Weight and bias of each unit, then the weights of the output.
    for unit in range(units):
        weight = abs(point[2 * unit])
        point[2 * unit], point[2 * unit + 1] = weight, -2.0 * weight - 0.5
    return point


def _deviation(
    subject: Subject,
    h: dict[str, float],
    start: Floats,
    message: str,
    ratio: float = float("inf"),
    **more: object,
) -> Deviation:
    return Deviation(
        f"{subject.name}: {message}", ratio=ratio, counterexample=told(h, start, **more)
    )


def _steepness(valley: Valley, starts: Floats) -> float:
    """What the curvature is at most between the outermost of ``starts`` and roots."""
    ends = (*starts.tolist(), *valley.roots)
    return valley.steepness(min(ends), max(ends))


def _rounding(valley: Valley, w: Floats, rate: float) -> float:
    """What one step ``w - rate * slope`` may be off by.

    The slope is a product of n + 1 factors, n of them differences: it is off by 2 n of its units;
    then come a product with the rate and a difference.
    """
    moved = rate * np.abs(valley.slope(w))
    return float(np.max(_UNIT * ((2 * len(valley.roots) + 3) * moved + np.abs(w))))


@law(
    id="descents-end-in-the-minimum-of-their-basin",
    title="Descents end in local minima; those of the smallest value are global",
    statement=(
        "On a function of one variable with five known stationary points, gradient descent with "
        "a rate below 1/L comes from every start monotonically nearer to the minimum of its "
        "basin, by factors between 1 - eta M and 1 - eta m a step, where m and M bound the slope "
        "over the distance. By the library's values one of the ends is lowest on a grid that "
        "holds all minima, and lowest are the ends at the minima of the smallest value alone."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("global-and-local-minima-definition",),
    about=is_gradient_descent,
    every_path=False,
    share=0.2,
    dtypes=_FLOAT64,
)
def descents_end_in_their_basin(subject: Subject, data: st.DataObject) -> float:
    valley = data.draw(valleys(5), label="function")
    steps = data.draw(st.integers(10, 60), label="steps")
    offset = data.draw(fractions(0.125, 0.375), label="offset")
    inner = [root + side * offset / 2 for root in valley.roots for side in (1.0, -1.0)]
    starts = np.array(inner)
    h = {
        "learning_rate": data.draw(fractions(0.25, 1.0), label="eta L")
        / _steepness(valley, starts)
    }
    path = descend(subject, h, starts, valley.slope, steps)
    ratios = [_require_convergence(subject, valley, h, path)]
    _require_lowest(subject, valley, path[-1])
    return worst(ratios)


def _require_convergence(
    subject: Subject, valley: Valley, h: dict[str, float], path: Floats
) -> float:
    rate, steps = h["learning_rate"], len(path) - 1
    # No factor is above 1: what the steps are off by adds up.
    error = SAFETY * steps * max(_rounding(valley, w, rate) for w in path)
    ratios = []
    for start, end in zip(path[0].tolist(), path[-1].tolist(), strict=True):
        minimum = valley.basin(start)
        low, high = (float(each) for each in valley.pull(minimum, start))
        side = np.sign(start - minimum)
        left = side * (end - minimum)
        least, most = (abs(start - minimum) * (1.0 - rate * each) ** steps for each in (high, low))
        # The bounds themselves are computed in doubles.
        allowed = error + 4.0 * steps * _UNIT * abs(start - minimum)
        if not least - allowed <= left <= most + allowed:
            raise _deviation(
                subject,
                h,
                path[0],
                f"{steps} steps lead from {start} to {end}, {left:.6g} off the minimum {minimum} "
                f"of its basin; that should be between {least:.6g} and {most:.6g}",
                roots=valley.roots,
                scale=valley.scale,
            )
        ratios.append(max(least - left, left - most, 0.0) / allowed)
    return worst(ratios)


def _require_lowest(subject: Subject, valley: Valley, ends: Floats) -> None:
    """What the library's values say of the minima, on a grid that holds them all."""
    landscape = Landscape(subject, valley.problem)
    heights = {root: landscape.value([root]) for root in valley.roots}
    slack = 2.0 * max(float(landscape.slack("value", [root])[0]) for root in valley.roots)
    lowest = min(valley.height(root) for root in valley.minima)
    bottom = min(heights.values())
    for minimum in {valley.basin(end) for end in ends.tolist()}:
        above = heights[minimum] - bottom
        gap = float(valley.height(minimum) - lowest)
        if gap > 2.0 * slack and not above > 0.0:
            raise landscape.deviation(
                "a local minimum is as low as the global one", [minimum], "value"
            )
        if gap == 0.0 and above > slack:
            raise landscape.deviation("the global minimum lies above another", [minimum], "value")
    for point in np.arange(valley.roots[0] - 0.5, valley.roots[-1] + 0.5, 0.25):
        if landscape.value([point]) < bottom - slack:
            raise landscape.deviation("a point lies below all minima", [point], "value")


@law(
    id="gradient-length-bounds-the-distance",
    title="A gradient shrinks where descent converges; one that does not keeps its distance",
    statement=(
        "Along gradient descent in a valley the library's gradient is between m and M times the "
        "distance to the minimum, and at most M_j times that to every other stationary point: so "
        "it goes to 0 with the distance. On a quadratic of curvature L with the rate 2/L the "
        "point goes to and fro: the gradient keeps its length c, and no stationary point comes "
        "within c/L."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("gradient-norm-diagnoses-local-minima",),
    about=is_gradient_descent,
    every_path=False,
    share=0.2,
    dtypes=_FLOAT64,
)
def gradient_length_bounds_the_distance(subject: Subject, data: st.DataObject) -> float:
    valley = data.draw(valleys(), label="function")
    offset = data.draw(fractions(0.125, 0.375), label="offset")
    starts = np.array([valley.roots[0] - offset, valley.roots[1] + offset])
    h = {"learning_rate": 0.75 / _steepness(valley, starts)}
    steps = data.draw(st.integers(20, 60), label="steps")
    path = descend(subject, h, starts, valley.slope, steps)
    _require_convergence(subject, valley, h, path)
    ratios = []
    for w in path[[0, 1, steps // 2, steps]].ravel().tolist():
        ratios.append(_require_distance(subject, valley, w))
    _require_oscillation(subject, data)
    return worst(ratios)


def _require_distance(subject: Subject, valley: Valley, w: float) -> float:
    landscape = Landscape(subject, valley.problem)
    size = abs(float(landscape.gradient([w])[0]))
    # Distances and bounds are exact but for their last digits.
    slack = float(landscape.slack("gradient", [w])[0]) + 8.0 * _UNIT * size
    minimum, ratios = valley.basin(w), []
    for root in valley.roots:
        low, high = (float(each) for each in valley.pull(root, w))
        least, most = (abs(w - root) * each for each in (low, high))
        if root != minimum:
            least = 0.0
        if not least - slack <= size <= most + slack:
            raise landscape.deviation(
                f"the gradient has the length {size:.6g}, {abs(w - root):.6g} away from the "
                f"stationary point {root}: not between {least:.6g} and {most:.6g}",
                [w],
                "gradient",
            )
        ratios.append(max(least - size, size - most, 0.0) / slack)
    return worst(ratios)


def _require_oscillation(subject: Subject, data: st.DataObject) -> None:
    curvature = 2.0 ** data.draw(st.integers(-3, 5), label="log2 of the curvature")
    start = np.array([data.draw(fractions(0.125, 2.0), label="start")])
    problem = Valley((0.0,), curvature).problem
    h = {"learning_rate": 2.0 / curvature}
    path = descend(subject, h, start, lambda w: _gradients(subject, problem, w), 5)
    # Powers of two: nothing rounds.
    length = curvature * float(start[0])
    for w in path:
        size = abs(float(Landscape(subject, problem).gradient(w)[0]))
        if size != length or abs(float(w[0])) != length / curvature:
            raise _deviation(
                subject,
                h,
                start,
                f"with a rate of 2/L the gradient has the length {size:g} at {w.tolist()}, and "
                f"{length:g} at the start",
                curvature=curvature,
            )
