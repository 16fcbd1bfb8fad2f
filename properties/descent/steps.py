"""Laws about one step of gradient descent: what it adds, and what it does to the error."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.plain import (
    WIDTH,
    draw_integers,
    exactly,
    law_of_descent,
    require_at_most,
    require_equal,
    require_that,
    step_rounding,
)
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent.gradient_descent import second_order_change
from optcheck.reference.problems import hadamard


def _given(gradients: Floats) -> Callable[[Floats], Floats]:
    """Gradients one after the other, wherever the weights are."""
    each = iter(gradients)
    return lambda w: next(each)


def _draw_gradients(data: st.DataObject, steps: int) -> Floats:
    rows = [draw_integers(data, -64, 64, f"gradient {k} times 8") for k in range(steps)]
    return np.array(rows) / 8


@law_of_descent(
    id="updates-are-added",
    title="A step adds the same to every weight vector",
    statement=(
        "The update is added to the weights: under the same gradients two runs move by the same, "
        "wherever they start. On short binary fractions nothing rounds, and the weights are to "
        "the last bit the start plus the sum of the updates of a run from zero."
    ),
    oracle="identity",
    equations=("iterative-weight-update",),
    share=0.5,
)
def updates_are_added(subject: Subject, data: st.DataObject) -> float:
    steps = 5
    gradients = _draw_gradients(data, steps)
    start = draw_integers(data, -4096, 4096, "start times 16") / 16
    h = {"learning_rate": data.draw(st.integers(1, 64), label="rate times 32") / 32}
    updates = descend(subject, h, np.zeros(WIDTH), _given(gradients), steps)
    points = descend(subject, h, start, _given(gradients), steps)
    return require_equal(
        points,
        start + updates,
        f"{subject.name}: the start plus the updates of a run from zero",
        lambda: told(h, start, gradients=gradients),
    )


@law_of_descent(
    id="step-is-proportional-to-the-gradient",
    title="The step is the rate times the gradient, and as long",
    statement=(
        "Each step is minus the rate times the gradient, so that its length is the rate times "
        "that of the gradient; c times the error is c times the step. On short binary fractions "
        "both hold to the last bit."
    ),
    oracle="identity",
    equations=("gd-step-proportional-to-gradient",),
    share=0.5,
)
def step_is_proportional_to_the_gradient(subject: Subject, data: st.DataObject) -> float:
    steps = 3
    gradients = _draw_gradients(data, steps)
    start = draw_integers(data, -64, 64, "start times 4") / 4
    rate = data.draw(st.integers(1, 64), label="rate times 32") / 32
    factor = data.draw(st.integers(2, 100), label="factor")
    h = {"learning_rate": rate}
    moved = np.diff(descend(subject, h, start, _given(gradients), steps), axis=0)
    scaled = np.diff(descend(subject, h, start, _given(factor * gradients), steps), axis=0)
    lengths, of_gradients = ((exactly(each) ** 2).sum(axis=1) for each in (moved, gradients))

    def scene() -> dict[str, Any]:
        return told(h, start, gradients=gradients, factor=factor)

    return max(
        require_equal(
            lengths,
            exactly(rate) ** 2 * of_gradients,
            f"{subject.name}: the squared length of the step, from the gradient's",
            scene,
        ),
        require_equal(
            scaled, factor * moved, f"{subject.name}: the step of {factor} times the error", scene
        ),
    )


@law_of_descent(
    id="change-of-the-error-by-a-step",
    title="A step changes the error as its expansion says",
    statement=(
        "On a quadratic with any curvatures and coupled axes one step changes the error by "
        "-a g'g + a^2 g'Hg/2, exactly, so that it goes uphill if and only if a g'Hg/2 > g'g, and "
        "along an axis if and only if a > 2/lambda; at equality the error stays. On a cubic what "
        "is left over is exactly -a^3 D^3[g,g,g]/6. All numbers are short binary fractions."
    ),
    oracle="identity",
    equations=("gradient-step-second-order-cost", "gradient-step-uphill-condition"),
)
def change_of_the_error_by_a_step(subject: Subject, data: st.DataObject) -> float:
    curvatures = draw_integers(data, -8, 8, "curvatures")
    matrix = np.array(hadamard(curvatures.tolist()).matrix)
    cubic = data.draw(st.sampled_from((0.0, 0.0, 1.0, -2.0)), label="cubic coefficient")
    axis = data.draw(st.integers(-WIDTH, WIDTH - 1), label="axis, if any")
    if axis >= 0:
        curvatures[axis] = data.draw(st.sampled_from((1.0, 2.0, 4.0, 8.0)), label="along it")
        matrix = np.array(hadamard(curvatures.tolist()).matrix)
        start = _axis(axis)
        rate = data.draw(st.sampled_from((0.5, 0.75, 1.0, 1.25, 2.0))) * 2 / curvatures[axis]
    else:
        start = draw_integers(data, -16, 16, "start times 8") / 8
        rate = data.draw(st.integers(1, 32), label="rate times 16") / 16
    h = {"learning_rate": float(rate)}
    points = descend(subject, h, start, lambda w: matrix @ w + 3 * cubic * w * w, 1)
    before, after = exactly(points)
    exact, third = exactly(matrix), exactly(cubic).item()
    gradient = exact @ before + 3 * third * before**2
    squares = gradient @ gradient
    curvature = gradient @ exact @ gradient + 6 * third * (before * gradient**2).sum()

    def error(w: Any) -> Any:
        return w @ exact @ w / 2 + third * (w**3).sum()

    a, change = exactly(rate).item(), error(after) - error(before)

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures, cubic=cubic)

    expected = second_order_change(a, squares, curvature, 6 * third * (gradient**3).sum())
    require_equal(change, expected, f"{subject.name}: change of the error by a step", scene)
    if cubic == 0.0:
        uphill = a * curvature / 2 - squares
        require_that(
            _sign(change) == _sign(uphill),
            f"{subject.name}: a step that changes the error by {float(change):.6g} goes "
            f"{'uphill' if uphill > 0 else 'downhill or nowhere'} by its condition",
            scene,
        )
    return 0.0


def _axis(index: int) -> Floats:
    """An eigenvector of all quadratics of ``hadamard``."""
    signs: Floats = np.array([(-1.0) ** (index & j).bit_count() for j in range(WIDTH)])
    return signs


def _sign(value: Any) -> int:
    return int(value > 0) - int(value < 0)


@law_of_descent(
    id="summed-loss-falls",
    title="A step on the summed loss lowers it",
    statement=(
        "One step on a loss summed over m examples, at a rate below 2/L, lowers the loss, and by "
        "as much as the quadratic says; the step that is printed with a plus sign raises it. It "
        "is the step on the mean loss at m times the rate. Losses of whole numbers at rates that "
        "are powers of two: nothing rounds."
    ),
    oracle="identity",
    equations=("gradient-descent-update-summed-loss",),
    share=0.5,
)
def summed_loss_falls(subject: Subject, data: st.DataObject) -> float:
    examples = data.draw(st.sampled_from((4, 2, 8, 16)), label="examples")
    drawn = [draw_integers(data, -3, 3, f"inputs {n}") for n in range(examples)]
    inputs = np.array(drawn)
    targets = draw_integers(data, -20, 20, "targets", examples)
    start = draw_integers(data, -8, 8, "start")
    trace = float((inputs**2).sum())  # the largest curvature is at most the sum of all
    rate = 2.0 ** -np.ceil(np.log2(max(trace, 1.0)))
    h = {"learning_rate": float(rate)}

    def summed(w: Floats) -> Floats:
        per_example: Floats = inputs * (inputs @ w - targets)[:, np.newaxis]
        total: Floats = per_example.sum(axis=0)
        return total

    of_mean = {"learning_rate": float(rate) * examples}
    after = descend(subject, h, start, summed, 1)[-1]
    by_mean = descend(subject, of_mean, start, lambda w: summed(w) / examples, 1)[-1]

    def scene() -> dict[str, Any]:
        return told(h, start, inputs=inputs, targets=targets)

    require_equal(by_mean, after, f"{subject.name}: the mean loss at {examples} times", scene)

    def loss(w: Floats) -> Any:
        return ((exactly(inputs) @ exactly(w) - exactly(targets)) ** 2).sum() / 2

    printed = loss(start + rate * summed(start))
    if not summed(start).any():
        return require_equal(after, start, f"{subject.name}: a step without a gradient", scene)
    return require_that(
        loss(after) < loss(start) < printed,
        f"{subject.name}: a step on the summed loss takes it from {float(loss(start)):g} to "
        f"{float(loss(after)):g}; against the gradient it falls, along it comes to "
        f"{float(printed):g}",
        scene,
    )


@law_of_descent(
    id="step-lowers-the-error-below-its-threshold",
    title="A step lowers the error by e (1 - L e/2) |g|^2",
    statement=(
        "On functions with a slope that is L-Lipschitz (c log cosh x, which is convex, and "
        "-c cos x, which is not; L = c) a step at the rate e takes the error at least "
        "e (1 - L e/2) |g|^2 down, for all e; but for the rounding of the step. On c x^2/2 it is "
        "exactly that much, so that the error falls below e L = 2, stays there and rises above."
    ),
    oracle="rate",
    equations=("gradient-descent-descent-threshold",),
    share=0.5,
)
def step_lowers_the_error_below_its_threshold(subject: Subject, data: st.DataObject) -> float:
    shares = draw_integers(data, 1, 48, "rate times L, times 16") / 16
    rate = 2.0 ** data.draw(st.integers(-4, 2), label="binary exponent of the rate")
    start = draw_integers(data, 1, 64, "start times 16") / 16
    smoothness, h = shares / rate, {"learning_rate": rate}

    def scene() -> dict[str, Any]:
        return told(h, start, smoothness=smoothness)

    bowl = exactly(descend(subject, h, start, lambda w: smoothness * w, 1))
    exact, share = exactly(smoothness), exactly(shares)
    change = exact * (bowl[1] ** 2 - bowl[0] ** 2) / 2
    lemma = -exactly(rate) * (1 - share / 2) * (exact * bowl[0]) ** 2
    require_equal(change, lemma, f"{subject.name}: change of c x^2/2 by a step", scene)
    require_that(
        [_sign(c) == _sign(s - 2) for c, s in zip(change, share, strict=True)],
        f"{subject.name}: the error of c x^2/2 falls or rises on the wrong side of e L = 2",
        scene,
    )
    return max(_lemma(subject, start, smoothness, rate, kind) for kind in ("log cosh", "cos"))


def _lemma(subject: Subject, start: Floats, smoothness: Floats, rate: float, kind: str) -> float:
    slope = np.tanh if kind == "log cosh" else np.sin
    h = {"learning_rate": rate}
    points = descend(subject, h, start, lambda w: smoothness * slope(w), 3)
    values, bounds, allowed = [], [], []
    with ball_arithmetic():
        for w, after in itertools.pairwise(points):
            given = smoothness * slope(w)
            rounding = step_rounding(after, rate * given)
            for i, c in enumerate(smoothness.tolist()):
                value, gradient = _value_and_slope(kind, c, w[i])
                lower, there = _value_and_slope(kind, c, after[i])
                stray = rounding[i] + rate * float(abs(given[i] - gradient).upper())
                values.append(lower)
                bounds.append(value - rate * (1 - arb(c) * rate / 2) * gradient**2)
                allowed.append(float(abs(there).upper()) * stray + c * stray**2)
        return require_at_most(
            values,
            bounds,
            np.array(allowed),
            f"{subject.name}: c {kind} x after a step",
            lambda: told(h, start, smoothness=smoothness),
        )


def _value_and_slope(kind: str, factor: float, x: float) -> tuple[arb, arb]:
    ball = arb(float(x))
    if kind == "cos":
        return -factor * ball.cos(), factor * ball.sin()
    return factor * ball.cosh().log(), factor * ball.tanh()
