"""Laws about how fast gradient descent converges, with the constants of theory."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.plain import (
    UNIT,
    WIDTH,
    draw_floats,
    draw_integers,
    exactly,
    law_of_descent,
    mode_budgets,
    require_at_most,
    require_equal,
    require_that,
    step_rounding,
)
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent.convergence import (
    chain_floor,
    chain_minimum,
    convex_bound,
    sharp_convex_bound,
    steps_to_tolerance,
)


def _balls(values: npt.NDArray[np.floating[Any]]) -> list[arb]:
    return [arb(value) for value in values.tolist()]


@law_of_descent(
    id="fixed-rate-brings-the-gradient-to-zero",
    title="A fixed rate below 2/L brings the gradient to zero, and the steps with it",
    statement=(
        "On c log(1 + x^2)/2, which is not convex and whose slope is c-Lipschitz, the squared "
        "gradients of K steps at a fixed rate e < 2/c add up to at most what the error has fallen "
        "over e (1 - c e/2), so that they come to zero; each step is e times the gradient long, "
        "with no schedule. But for the rounding of the steps."
    ),
    oracle="rate",
    equations=("steps-small-near-minimum-fixed-rate-converges",),
    share=0.4,
)
def fixed_rate_brings_the_gradient_to_zero(subject: Subject, data: st.DataObject) -> float:
    shares = draw_floats(data, 0.05, 1.95, "rate times L")
    start = draw_floats(data, 0.125, 8.0, "start")
    rate, steps = 0.25, 60
    smoothness, h = shares / rate, {"learning_rate": rate}

    def slope(w: Floats) -> Floats:
        # At most four roundings from the slope itself.
        return smoothness * w / (1.0 + w * w)

    points = descend(subject, h, start, slope, steps)
    gradients = np.array([slope(w) for w in points[:-1]])
    # Of a point, and of the error there: that many times the slope, and the curvature's part.
    stray = step_rounding(points[1:], rate * gradients) + 8 * UNIT * rate * np.abs(gradients)
    slopes = np.abs(np.array([slope(w) for w in points[1:]]))

    def scene() -> dict[str, Any]:
        return told(h, start, smoothness=smoothness)

    with ball_arithmetic():
        fallen, bound = [], []
        for i, c in enumerate(_balls(smoothness)):
            ends = [c * (1 + x * x).log() / 2 for x in _balls(points[[0, -1], i])]
            exact = [c * x / (1 + x * x) for x in _balls(points[:-1, i])]
            squares = sum((g * g for g in exact), arb(0))
            fallen.append(rate * (1 - c * rate / 2) * squares)
            bound.append(ends[0] - ends[1])
        allowed = (slopes * stray + smoothness * stray**2).sum(axis=0)
        what = f"{subject.name}: squared gradients of {steps} steps"
        ratio = require_at_most(fallen, bound, allowed, what, scene)
    lengths, moved = rate * np.abs(gradients), np.abs(np.diff(points, axis=0))
    what = f"{subject.name}: the step against the rate times the gradient"
    return max(ratio, require_at_most(np.abs(moved - lengths), 0.0 * stray, stray, what, scene))


@law_of_descent(
    id="error-falls-by-one-minus-mu-over-l",
    title="At the rate 1/L the error falls by 1 - mu/L a step, in the end by its square",
    statement=(
        "At the rate 1/L the error of a mu-strongly convex function falls at every step by the "
        "factor 1 - mu/L at least. On a quadratic the factor is at most (1 - mu/L)^2, and at "
        "least that times the share of the flattest mode in the error, which is known at every "
        "step and comes to 1. On logistic regression with a ridge the factor is at most 1 - mu/L. "
        "But for the rounding of the steps."
    ),
    oracle="rate",
    equations=("gd-linear-rate-strongly-convex",),
    share=0.4,
)
def error_falls_by_one_minus_mu_over_l(subject: Subject, data: st.DataObject) -> float:
    largest = 2.0 ** data.draw(st.integers(-3, 6), label="binary exponent of L")
    shares = draw_floats(data, 0.25, 1.0, "curvatures over L")
    shares[:2] = data.draw(st.floats(0.02, 0.125), label="mu over L"), 1.0
    curvatures, rate, steps = shares * largest, 1.0 / largest, 30
    start = draw_integers(data, 1, 64, "start times 16") / 16
    points = descend(subject, {"learning_rate": rate}, start, lambda w: curvatures * w, steps)
    budgets = mode_budgets(start, curvatures, rate, steps)
    strays = (curvatures * (np.abs(points) + budgets) * budgets).sum(axis=1)

    def scene() -> dict[str, Any]:
        return told({"learning_rate": rate}, start, curvatures=curvatures)

    with ball_arithmetic():
        factors = [(1 - arb(share)) ** 2 for share in shares.tolist()]
        first = _energies(curvatures, start)
        errors = [sum(_energies(curvatures, w), arb(0)) for w in points]
        others = [_power_sum(first[1:], factors[1:], k) for k in range(steps)]
        upper = [factors[0] * error for error in errors[:-1]]
        lower = [factors[0] * (e - other) for e, other in zip(errors[:-1], others, strict=True)]
        what = f"{subject.name}: error after a step at the rate 1/L"
        allowed = strays[1:] + strays[:-1]
        ratio = max(
            require_at_most(errors[1:], upper, allowed, what, scene),
            require_at_most(lower, errors[1:], allowed, f"{what}, from below", scene),
        )
    return max(ratio, _logistic(subject, data))


def _energies(curvatures: Floats, point: Floats) -> list[arb]:
    """What each mode adds to the error."""
    pairs = zip(_balls(curvatures), _balls(point), strict=True)
    return [curvature * x * x / 2 for curvature, x in pairs]


def _power_sum(terms: list[arb], factors: list[arb], power: int) -> arb:
    return sum((t * f**power for t, f in zip(terms, factors, strict=True)), arb(0))


def _logistic(subject: Subject, data: st.DataObject) -> float:
    """``log(1 + exp(-x w))`` summed over examples, with a ridge that makes L a power of two.

    J* is at most the error of any point: with that of the last one the bound holds a fortiori.
    """
    inputs = draw_integers(data, -8, 8, "inputs times 4, with their labels", 4) / 4
    inputs[0] += 0.125
    steepest = float((inputs**2).sum()) / 4
    largest = 2.0 ** (math.floor(math.log2(steepest)) + 1 + np.arange(WIDTH) % 4)
    ridges, rate = largest - steepest, 0.125
    scales = 1.0 / (rate * largest)
    start = draw_integers(data, -64, 64, "start times 16") / 16
    h = {"learning_rate": rate}

    def slope(w: Floats) -> Floats:
        z = np.multiply.outer(inputs, w)
        pull = inputs[:, np.newaxis] / (1.0 + np.exp(z))
        of_scale: Floats = scales * (ridges * w - pull.sum(axis=0))
        return of_scale

    points = descend(subject, h, start, slope, 24)
    errors, bounds, allowed = [], [], []
    with ball_arithmetic():
        exact, examples = [_balls(each) for each in (scales, ridges, largest)], _balls(inputs)
        for i, (scale, ridge, top) in enumerate(zip(*exact, strict=True)):
            path = [_logistic_error(scale, ridge, examples, x) for x in _balls(points[:, i])]
            end = path[-1][0]
            for k, ((before, gradient), (after, there)) in enumerate(itertools.pairwise(path)):
                given = float(slope(points[k])[i])
                stray = rate * float(abs(given - gradient).upper())
                stray += float(step_rounding(points[k + 1, i], rate * given))
                errors.append(after)
                bounds.append(before - ridge / top * (before - end))
                allowed.append(float(abs(there).upper()) * stray + stray**2 / rate)
    return require_at_most(
        errors,
        bounds,
        np.array(allowed),
        f"{subject.name}: error of a logistic regression after a step at the rate 1/L",
        lambda: told(h, start, inputs=inputs, ridges=ridges),
    )


def _logistic_error(scale: arb, ridge: arb, inputs: list[arb], w: arb) -> tuple[arb, arb]:
    """The error at ``w``, and its slope."""
    powers = [(x * w).exp() for x in inputs]
    error = ridge * w * w / 2 + sum(((1 + 1 / power).log() for power in powers), arb(0))
    pull = sum((x / (1 + power) for x, power in zip(inputs, powers, strict=True)), arb(0))
    return scale * error, scale * (ridge * w - pull)


@law_of_descent(
    id="error-of-a-convex-function-falls-like-one-over-k",
    title="The error of a convex function is at most L R^2/(2k), and one attains L R^2/(4k + 2)",
    statement=(
        "At the rate 1/L the error of a convex function after k steps from a distance R is at "
        "most L R^2/(4k + 2), and so below L R^2/(2k): on x^p with p = 4 ... 40, and on a chain "
        "of n quadratics, where nothing that follows gradients comes below "
        "L/8 (1/(k + 1) - 1/(n + 1)). On Huber's function with a slope of L R/(2k + 1) beyond a "
        "parabola the error after k steps is exactly L R^2/(4k + 2)."
    ),
    oracle="rate",
    equations=("gd-sublinear-rate-convex",),
    share=0.4,
)
def error_of_a_convex_function_falls_like_one_over_k(
    subject: Subject, data: st.DataObject
) -> float:
    rate = 2.0 ** data.draw(st.integers(-6, 3), label="binary exponent of the rate")
    _worst_function(subject, data, rate)
    _chain(subject, rate)
    return _powers(subject, data, rate)


def _worst_function(subject: Subject, data: st.DataObject, rate: float) -> float:
    """The worst function of each number of steps, in units in which nothing rounds."""
    counts = draw_integers(data, 1, 60, "steps")
    unit = 2.0 ** data.draw(st.integers(-4, 4), label="binary exponent of the unit")
    start, slopes = (2 * counts + 1) * unit, unit / rate
    h = {"learning_rate": rate}
    points = descend(
        subject, h, start, lambda w: np.clip(w / rate, -slopes, slopes), int(counts.max())
    )
    exact, slope, smoothness = exactly(points), Fraction(slopes), 1 / Fraction(rate)
    for i, steps in enumerate(counts.astype(int).tolist()):
        error = slope * exact[steps, i] - slope**2 / (2 * smoothness)
        require_equal(
            error,
            sharp_convex_bound(smoothness, Fraction(start[i]) ** 2, steps),
            f"{subject.name}: error of the worst convex function after {steps} steps",
            lambda: told(h, start, counts=counts),
        )
    return 0.0


def _chain(subject: Subject, rate: float) -> float:
    """``L/4 (x'Ax/2 - x_1)``, on which a step reaches one coordinate further; nothing rounds."""
    h, start, steps = {"learning_rate": rate}, np.zeros(WIDTH), 12
    matrix = 2.0 * np.eye(WIDTH) - np.eye(WIDTH, k=1) - np.eye(WIDTH, k=-1)
    linear = np.eye(WIDTH)[0]
    points = descend(subject, h, start, lambda w: (matrix @ w - linear) / (4 * rate), steps)
    exact, coupling, smoothness = exactly(points), exactly(matrix), 1 / Fraction(rate)
    minimum, lowest = chain_minimum(smoothness, WIDTH)
    distance = sum(each**2 for each in minimum)
    for k in range(1, steps + 1):
        error = smoothness / 4 * (exact[k] @ coupling @ exact[k] / 2 - exact[k][0]) - lowest
        least = chain_floor(smoothness, WIDTH, k)
        most = sharp_convex_bound(smoothness, distance, k)
        require_that(
            least <= error <= most,
            f"{subject.name}: after {k} steps the error of a chain of quadratics is "
            f"{float(error):.6g}; theory says between {float(least):.6g} and {float(most):.6g}",
            lambda: told(h, start),
        )
    return 0.0


def _powers(subject: Subject, data: st.DataObject, rate: float) -> float:
    """``x**p`` on [-1, 1], scaled so that its largest curvature there is the same for all p.

    A step at the rate 1/L brings no two points apart, so that roundings add up and do not grow.
    """
    every = list(range(4, 41, 2))
    left_out = data.draw(st.integers(0, len(every) - WIDTH), label="first exponent")
    exponents = np.array(every[left_out:][:WIDTH], dtype=np.float64)
    # A little less than 1, lest the rounded scale be above 1/rate.
    start, steps = np.full(WIDTH, 1.0 - 2.0**-20), 60
    scales, h = 1.0 / (rate * (exponents - 1.0)), {"learning_rate": rate}

    def slope(w: Floats) -> Floats:
        steep: Floats = scales * w ** (exponents - 1.0)
        return steep

    points = descend(subject, h, start, slope, steps)
    values, bounds, allowed, smoothness = [], [], [], 1 / rate
    with ball_arithmetic():
        for i, p in enumerate(exponents.astype(int).tolist()):
            scale, stray = arb(float(scales[i])), 0.0
            for k in range(steps):
                x, given = arb(float(points[k, i])), float(slope(points[k])[i])
                stray += rate * float(abs(given - scale * x ** (p - 1)).upper())
                stray += float(step_rounding(points[k + 1, i], rate * given))
                values.append(scale / p * arb(float(points[k + 1, i])) ** p)
                bounds.append(sharp_convex_bound(smoothness, arb(float(start[i])) ** 2, k + 1))
                allowed.append(smoothness * stray)
    what = f"{subject.name}: error of x^p"
    return max(
        require_at_most(values, bounds, np.array(allowed), what, lambda: told(h, start)),
        require_that(
            [v < convex_bound(smoothness, 1, 1 + n % steps) for n, v in enumerate(values)],
            f"{what} is not below L R^2/(2k)",
            lambda: told(h, start),
        ),
    )


@law_of_descent(
    id="steps-grow-with-the-condition-number",
    title="The number of steps to a tolerance is proportional to the condition number",
    statement=(
        "At the rate 1/L the error along the flattest axis of a quadratic of condition number "
        "kappa, which is all of it after the first step where the other curvature is L, first is "
        "below a tolerance tau of its start after the smallest whole number of steps above "
        "ln tau/(2 ln(1 - 1/kappa)): between (kappa - 1) ln(1/tau)/2 and kappa ln(1/tau)/2 + 1. "
        "Where rounding may decide the step, either is right."
    ),
    oracle="rate",
    equations=("gd-iteration-complexity-condition-number",),
    share=0.4,
)
def steps_grow_with_the_condition_number(subject: Subject, data: st.DataObject) -> float:
    numbers = draw_floats(data, 2.0, 40.0, "condition numbers", WIDTH // 2)
    tolerance = data.draw(st.floats(1e-3, 0.5), label="tolerance")
    largest = 2.0 ** data.draw(st.integers(-3, 6), label="binary exponent of L")
    curvatures = np.concatenate([largest / numbers, np.full(WIDTH // 2, largest)])
    rate, start = 1.0 / largest, np.ones(WIDTH)
    expected = [steps_to_tolerance(kappa, tolerance) for kappa in numbers.tolist()]
    steps = max(math.ceil(float(each)) for each in expected) + 1
    points = descend(subject, {"learning_rate": rate}, start, lambda w: curvatures * w, steps)
    budgets = mode_budgets(start, curvatures, rate, steps)

    def scene() -> dict[str, Any]:
        return told({"learning_rate": rate}, start, curvatures=curvatures, tolerance=tolerance)

    require_that(
        points[1:, WIDTH // 2 :] == 0.0,
        f"{subject.name}: a mode of curvature 1/eta is not gone after a step",
        scene,
    )
    half = math.log(1.0 / tolerance) / 2
    for i, (kappa, real) in enumerate(zip(numbers.tolist(), expected, strict=True)):
        sizes = np.abs(points[:, i])
        reached = np.flatnonzero(sizes <= math.sqrt(tolerance))
        count = int(reached[0]) if reached.size else steps
        # Where it may be decided by rounding, the count is one of two.
        near = np.abs(sizes - math.sqrt(tolerance)) <= budgets[:, i] + 4 * UNIT
        right = math.ceil(float(real))
        holds = count == right or bool(near[min(count, right) : max(count, right)].all())
        slack = abs(count - right)
        linear = (kappa - 1) * half - slack <= count <= kappa * half + 1 + slack
        require_that(
            holds and linear,
            f"{subject.name}: {count} steps to {tolerance:g} of the error at the condition number "
            f"{kappa:g}; theory says {right}",
            scene,
        )
    return 0.0
