"""Laws of the surfaces of small networks: flat regions, linear chains, poor minima."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.surfaces.descents import dead_points, is_gradient_descent
from optcheck.properties.surfaces.landscapes import Landscape, computes, worst
from optcheck.reference.calculus.derivatives import derivative_at
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Problem
from optcheck.reference.surfaces.networks import (
    LINEAR_CHAIN,
    PLATEAU,
    SIGMOID_MINIMA,
    SIGMOID_UNIT,
    curvature_range,
    dead_network,
    enclosed_minimum,
    linear_pair,
)
from optcheck.reference.surfaces.stationary_points import inertia

_FLOAT64 = ("float64",)
_ANY = ("value", "gradient", "hessian")


@law(
    id="flat-regions-have-no-derivatives",
    title="In a flat region value and derivatives tell nothing apart",
    statement=(
        "Where all rectified units of a network are off for all inputs, the computed loss is the "
        "same number at all points, and gradient and Hessian are exactly 0; a point with active "
        "units lies lower. On the convex max(x - 1, 0)^2 + max(-x - 1, 0)^2 that is so for "
        "abs(x) < 1, and there no computed value lies lower."
    ),
    oracle="exact",
    capability="derivative",
    equations=("flat-region-zero-gradient-and-hessian",),
    about=computes(*_ANY),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def flat_regions(subject: Subject, data: st.DataObject) -> float:
    problem = dead_network((0.5, 1.0), (1.0, 2.0), 2)
    spots = data.draw(st.lists(dead_points(2), min_size=2, max_size=2), label="dead points")
    # One unit that is x itself, and the other dead: the outputs are half of the targets or more.
    alive = np.array([1.0, 0.0, *spots[0][2:4], 1.5, 1.0])
    _require_flat(subject, problem, spots, alive, lower=True)
    inside = data.draw(st.lists(fractions(-0.875, 0.875), min_size=2, max_size=2), label="x")
    outside = np.array([data.draw(st.sampled_from((-2.0, 1.5, 3.0)), label="outside")])
    _require_flat(subject, PLATEAU, [np.array([x]) for x in inside], outside, lower=False)
    return 0.0


def _require_flat(
    subject: Subject, problem: Problem, spots: list[Floats], other: Floats, *, lower: bool
) -> None:
    landscape = Landscape(subject, problem)
    if subject.record.id == "value":
        heights = {landscape.value(spot) for spot in spots}
        if len(heights) > 1:
            raise landscape.deviation(f"a flat region has the values {heights}", spots[0])
        if (landscape.value(other) < heights.pop()) != lower:
            how = "not lower" if lower else "lower"
            raise landscape.deviation(f"a point outside lies {how} than a flat region", other)
        return
    for spot in spots:
        found = getattr(landscape, subject.record.id)(spot)
        if found.any():
            raise landscape.deviation(
                f"in a flat region the {subject.record.id} is {found.tolist()}", spot
            )


@law(
    id="linear-chains-have-saddles-and-global-minima",
    title="A chain of linear units is stationary at saddles and global minima alone",
    statement=(
        "(w1 w2 - 1)^2 has no gradient at the origin and where w1 w2 = 1, and one everywhere "
        "else, of length 2 abs(w1 w2 - 1) ||w||. The Hessian at the origin has the eigenvalues 2 "
        "and -2, and the loss is 1; on the hyperbola the loss is 0 and no eigenvalue negative. "
        "Of two 2 by 2 matrices, the stationary points that fit fewer modes than there are have "
        "a positive loss and a negative eigenvalue: none of them is a local minimum."
    ),
    oracle="exact",
    capability="derivative",
    equations=("deep-linear-network-no-poor-local-minima",),
    about=computes(*_ANY),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def linear_chains(subject: Subject, data: st.DataObject) -> float:
    power = 2.0 ** data.draw(st.integers(-3, 3), label="log2 of w1")
    sign = data.draw(st.sampled_from((1.0, -1.0)), label="sign")
    chain = Landscape(subject, LINEAR_CHAIN)
    # Powers of two: nothing rounds.
    _require_exactly(chain, [0.0, 0.0], loss=1.0, counts=(1, 1, 0))
    _require_exactly(chain, [sign * power, sign / power], loss=0.0, counts=(1, 0, 1))
    if subject.record.id == "hessian":
        saddle = Bound(np.array([0.0, -2.0, -2.0, 0.0]), np.zeros(4))
        chain.require("hessian", [0.0, 0.0], saddle, "Hessian at the origin")
    elsewhere = [data.draw(fractions(0.25, 2.0), label="w"), sign * 0.375]
    if subject.record.id == "gradient":
        _require_slope(chain, elsewhere)
    roots = data.draw(st.sampled_from(((2.0, 1.0), (1.0, 0.5), (4.0, 0.25))), label="roots")
    first, second = roots
    pair = Landscape(subject, linear_pair((first**2, second**2)))
    for fitted in ((first, second), (first, 0.0), (0.0, second), (0.0, 0.0)):
        missed = sum(r**4 / 2.0 for r, f in zip(roots, fitted, strict=True) if f == 0.0)
        point = [fitted[0], 0.0, 0.0, fitted[1]] * 2
        _require_exactly(pair, point, loss=missed, saddle=missed > 0.0)
    return 0.0


def _require_exactly(
    landscape: Landscape,
    point: list[float],
    *,
    loss: float,
    counts: tuple[int, int, int] | None = None,
    saddle: bool = False,
) -> None:
    """What the subject's rule is to say of a stationary point, where nothing rounds."""
    method = landscape.subject.record.id
    if method == "value":
        landscape.require("value", point, Bound(np.array([loss]), np.zeros(1)), "loss")
    elif method == "gradient":
        zeros = np.zeros(landscape.problem.dimension)
        landscape.require("gradient", point, Bound(zeros, zeros), "gradient")
    else:
        found = inertia(landscape.hessian(point))
        if (counts and found != counts) or (found[1] > 0) != (saddle or counts == (1, 1, 0)):
            raise landscape.deviation(
                f"{found[1]} eigenvalues are negative where the loss is {loss:g}", point
            )


def _require_slope(landscape: Landscape, point: list[float]) -> None:
    """Not 0, but ``2 abs(w1 w2 - 1) ||w||``, as a square: nothing rounds."""
    length = float(np.sum(landscape.gradient(point) ** 2))
    exact = 4.0 * (point[0] * point[1] - 1.0) ** 2 * (point[0] ** 2 + point[1] ** 2)
    if length != exact:
        raise landscape.deviation(
            f"the squared length of the gradient is {length!r} and not {exact!r}", point
        )


@law(
    id="a-sigmoid-unit-has-a-poor-minimum",
    title="One sigmoid unit has two strict minima of different loss",
    statement=(
        "On the data of three examples the loss of y = sig(w x) has a minimum between w = -0.25 "
        "and 0 (0.3864) and a higher one between 7.5 and 8.5 (0.7356). Each is proved: in balls "
        "the derivative changes its sign and the curvature is positive throughout. The computed "
        "losses agree, and rise within the brackets; the computed slope is negative before and "
        "positive beyond each minimum, the computed curvature is positive in the whole bracket."
    ),
    oracle="exact",
    capability="derivative",
    equations=("poor-local-minima-exist-in-small-networks",),
    about=computes(*_ANY),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def poor_minimum(subject: Subject, data: st.DataObject) -> float:
    landscape = Landscape(subject, SIGMOID_UNIT)
    share = data.draw(fractions(0.125, 0.875), label="share of the way")
    ratios = []
    for low, high in SIGMOID_MINIMA:
        minimum = enclosed_minimum(SIGMOID_UNIT, low, high)
        if subject.record.id == "value":
            quantity = landscape.quantity("value", [minimum])
            ratios.append(landscape.require("value", [minimum], quantity, "loss at a minimum"))
            _require_above(landscape, minimum, [low, high], share)
        elif subject.record.id == "gradient":
            for end, side in ((low, -1.0), (high, 1.0)):
                w = minimum + share * (end - minimum)
                if not side * landscape.gradient([w])[0] > 0.0:
                    raise landscape.deviation(f"the loss does not rise away from {minimum}", [w])
        else:
            w = low + share * (high - low)
            if not landscape.hessian([w])[0, 0] > 0.0:
                raise landscape.deviation("the loss is not convex about its minimum", [w])
    return worst(ratios)


def _require_above(landscape: Landscape, minimum: float, ends: list[float], share: float) -> None:
    """The minimum is strict, and no minimum is as low as the first."""
    bottom = landscape.value([minimum])
    lowest = enclosed_minimum(SIGMOID_UNIT, *SIGMOID_MINIMA[0])
    for w in [minimum + share * (end - minimum) for end in ends]:
        if not landscape.value([w]) > bottom:
            raise landscape.deviation(f"the loss is not above that of the minimum {minimum}", [w])
    if minimum != lowest and not bottom > landscape.value([lowest]):
        raise landscape.deviation("the poor minimum is not above the global one", [minimum])


@law(
    id="descent-stays-with-a-poor-minimum",
    title="Gradient descent that starts beside a poor minimum ends in it",
    statement=(
        "Within the bracket of either minimum of the sigmoid unit, each step of gradient descent "
        "with a rate below 1/M brings the weight nearer to that minimum by a factor between "
        "1 - eta M and 1 - eta m, where m and M enclose the curvature in the bracket."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("poor-local-minima-exist-in-small-networks",),
    about=is_gradient_descent,
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def descent_stays_with_a_poor_minimum(subject: Subject, data: st.DataObject) -> float:
    bracket = data.draw(st.sampled_from(SIGMOID_MINIMA), label="bracket")
    share = data.draw(fractions(0.125, 0.875), label="start")
    steps = data.draw(st.integers(5, 25), label="steps")
    minimum = enclosed_minimum(SIGMOID_UNIT, *bracket)
    m, M = curvature_range(SIGMOID_UNIT, *bracket)
    start = np.array([bracket[0] + share * (bracket[1] - bracket[0])])
    h = {"learning_rate": data.draw(fractions(0.25, 1.0), label="eta M") / M}
    path = descend(subject, h, start, SIGMOID_UNIT.gradient, steps)[:, 0]
    side = np.sign(start[0] - minimum)
    distances = side * (path - minimum)
    ratios = []
    for w, before, after in zip(path[:-1], distances[:-1], distances[1:], strict=True):
        slack = _step_rounding(subject, float(w), h["learning_rate"])
        low, high = (before * (1.0 - h["learning_rate"] * each) for each in (M, m))
        low, high = min(low, high) - slack, max(low, high) + slack
        if not low <= after <= high:
            raise Deviation(
                f"{subject.name}: a step leads from {before:.6g} to {after:.6g} off the minimum "
                f"{minimum:.6g}, which is not between {low:.6g} and {high:.6g}",
                counterexample=told(h, start, path=path),
            )
        ratios.append(max(low + slack - after, after - high + slack, 0.0) / slack)
    return worst(ratios)


def _step_rounding(subject: Subject, w: float, rate: float) -> float:
    """What a step from ``w`` may be off by, and the two distances: in slope, product and sums."""
    slope = derivative_at("gradient", "reverse-mode", SIGMOID_UNIT, np.array([w]), subject.working)
    moved = rate * float(abs(slope.expected()[0]))
    return rate * float(slope.allowed()[0]) + SAFETY * 2.0**-53 * (2.0 * moved + 4.0 * abs(w))
