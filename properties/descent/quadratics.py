"""Laws about gradient descent on quadratics: what becomes of each mode."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
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
)
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.properties.trace import require
from optcheck.reference.descent.gradient_descent import best_factor, slow_factor_limit
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import hadamard
from optcheck.reference.rates import contracted_modes


@law_of_descent(
    id="quadratic-mode-contraction",
    title="Each mode of a quadratic contracts by 1 - eta lambda",
    statement=(
        "On a quadratic with curvatures lambda_i, gradient descent multiplies coordinate i by "
        "(1 - eta lambda_i) at every step, so after T steps it is (1 - eta lambda_i)^T of its "
        "start. The budget is the forward error of T rounded steps."
    ),
    oracle="rate",
    equations=("gd-quadratic-mode-contraction", "gd-quadratic-mode-after-t-steps"),
    share=0.4,
)
def quadratic_mode_contraction(subject: Subject, data: st.DataObject) -> float:
    curvatures = draw_floats(data, 1e-3, 1e3, "curvatures")
    share = data.draw(st.floats(0.01, 1.99), label="eta * largest curvature")
    return _follow(subject, data, curvatures, share)


@law_of_descent(
    id="saddle-repels",
    title="A saddle repels by 1 + eta |lambda| a step, but for its stable directions",
    statement=(
        "Near a saddle the coordinate along a direction of curvature -|lambda| is after T steps "
        "(1 + eta |lambda|)^T of its start, and those of positive curvature shrink: with t = "
        "eta T that is exp(|lambda| t) times a factor between exp(-eta lambda^2 t/2) and 1, as "
        "in the flow that small rates come to. Started exactly where the coordinates of negative "
        "curvature are 0, gradient descent comes to the saddle."
    ),
    oracle="rate",
    equations=("saddle-escape-gradient-descent",),
    share=0.4,
)
def saddle_repels(subject: Subject, data: st.DataObject) -> float:
    curvatures = draw_floats(data, 0.05, 10.0, "sizes of the curvatures")
    curvatures[::2] *= -1.0
    share = data.draw(st.floats(0.5, 1.5), label="eta * largest size")
    ratio = _follow(subject, data, curvatures, share)
    h = {"learning_rate": share / float(np.abs(curvatures).max())}
    start = np.where(curvatures < 0.0, 0.0, np.linspace(-2.0, 2.0, WIDTH))
    points = descend(subject, h, start, lambda w: curvatures * w, 20)

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures)

    require_equal(
        points[:, curvatures < 0.0],
        0.0 * points[:, curvatures < 0.0],
        f"{subject.name}: coordinates that start exactly on the stable directions of a saddle",
        scene,
    )
    _near_the_flow(subject, curvatures, h["learning_rate"])
    moved = start != 0.0
    nearer = np.abs(points[1:, moved]) < np.abs(points[:-1, moved])
    require_that(nearer, f"{subject.name}: leaves a saddle along its stable directions", scene)
    return ratio


def _near_the_flow(subject: Subject, curvatures: Floats, rate: float) -> float:
    """Growth against that of the flow, in logarithms: off by some roundings for each step."""
    steps, small = 40, rate / 16
    repelled = curvatures < 0.0
    h, start = {"learning_rate": small}, np.where(repelled, 1.0, 0.0)
    end = descend(subject, h, start, lambda w: curvatures * w, steps)[-1]
    sizes = -curvatures[repelled]
    growth, flow = np.log(end[repelled]), sizes * small * steps
    slack = 8 * SAFETY * UNIT * (steps + flow)
    lag = small * sizes**2 * small * steps / 2
    return require_that(
        (flow - lag - slack <= growth) & (growth <= flow + slack),
        f"{subject.name}: grows away from a saddle too fast or too slowly for the flow",
        lambda: told(h, start, curvatures=curvatures, steps=steps),
    )


def _follow(subject: Subject, data: st.DataObject, curvatures: Floats, share: float) -> float:
    """Run to a drawn number of steps, and compare each mode with its power."""
    steps = data.draw(st.integers(1, 40), label="steps")
    rate = share / float(np.abs(curvatures).max())
    start = np.resize([1.0, -2.0, 0.5], WIDTH)
    h = {"learning_rate": rate}
    points = descend(subject, h, start, lambda w: curvatures * w, steps)
    exact = contracted_modes(start, curvatures, rate, steps)
    return require(
        Bound(exact.midpoints(), mode_budgets(start, curvatures, rate, steps)[-1]),
        points[-1],
        what=f"{subject.name}: modes after {steps} steps on curvatures {curvatures.tolist()}",
        counterexample=lambda: told(h, start, curvatures=curvatures, steps=steps),
    )


@law_of_descent(
    id="step-in-eigencoordinates",
    title="With coupled axes each mode goes its own way",
    statement=(
        "On a quadratic with any curvatures, whose axes are those of a Hadamard matrix, minus the "
        "step over the rate is sum_i alpha_i lambda_i u_i; the step is sum_i of the changes of "
        "alpha_i times u_i, and each of these is -eta lambda_i alpha_i. All numbers are short "
        "binary fractions, and nothing rounds."
    ),
    oracle="identity",
    equations=(
        "gradient-in-eigencoordinates",
        "weight-change-in-eigencoordinates",
        "gradient-descent-eigencoordinate-change",
    ),
    share=0.5,
)
def step_in_eigencoordinates(subject: Subject, data: st.DataObject) -> float:
    curvatures = draw_integers(data, -16, 16, "curvatures")
    center = draw_integers(data, -8, 8, "center")
    start = draw_integers(data, -64, 64, "start times 8") / 8
    rate = data.draw(st.integers(1, 32), label="rate times 32") / 32
    matrix, h = np.array(hadamard(curvatures.tolist()).matrix), {"learning_rate": rate}
    points = exactly(descend(subject, h, start, lambda w: matrix @ (w - center), 2))
    # sqrt(WIDTH) times the eigenvectors, which are fractions.
    axes = exactly(np.array(hadamard_axes()))
    modes = (points - exactly(center)) @ axes.T
    changes, exact, eta = np.diff(modes, axis=0), exactly(curvatures), Fraction(rate)
    steps = np.diff(points, axis=0)

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures, center=center)

    require_equal(
        -steps / eta,
        (modes[:-1] * exact) @ axes / WIDTH,
        f"{subject.name}: the gradient that the step follows, from the modes",
        scene,
    )
    require_equal(
        steps, changes @ axes / WIDTH, f"{subject.name}: the step, from the modes' changes", scene
    )
    return require_equal(
        changes, -eta * exact * modes[:-1], f"{subject.name}: the changes of the modes", scene
    )


def hadamard_axes() -> list[list[float]]:
    """The axes of the quadratics of ``hadamard``, each ``sqrt(WIDTH)`` long."""
    return [[(-1.0) ** (i & j).bit_count() for j in range(WIDTH)] for i in range(WIDTH)]


@law_of_descent(
    id="best-fixed-rate",
    title="The best fixed rate is 2/(L + mu), and its factor (kappa - 1)/(kappa + 1)",
    statement=(
        "At the rate 2/(L + mu) the flattest and the steepest mode both shrink by exactly "
        "(kappa - 1)/(kappa + 1) a step, with opposite signs; at any other rate the worse of the "
        "two shrinks by less. As the rate rises to 2/L the factor of the flattest mode falls to "
        "1 - 2/kappa from above; at 2/L itself the steepest one stays. All on condition numbers "
        "and rates at which nothing rounds."
    ),
    oracle="rate",
    equations=("gd-quadratic-slowest-mode-factor",),
    share=0.5,
)
def best_fixed_rate(subject: Subject, data: st.DataObject) -> float:
    pairs = WIDTH // 4
    rate = 2.0 ** data.draw(st.integers(-6, 3), label="binary exponent of the rate")
    exponents = draw_integers(data, 2, 10, "binary exponents of kappa, or of kappa + 1", 2 * pairs)
    best, limit = 2.0 ** exponents[:pairs] - 1.0, 2.0 ** exponents[pairs:]
    # The rate over 2/(L + mu), and how far it is below 2/L.
    relative = draw_integers(data, 8, 24, "rate over the best one, times 16", pairs) / 16
    relative[0] = 1.0
    short = 2.0 ** -draw_integers(data, 1, 12, "binary exponents of what is short of 2/L", pairs)
    short[0] = 0.0
    flat = np.concatenate([2 * relative / (best + 1), 2 * (1 - short) / limit])
    steep = np.concatenate([flat[:pairs] * best, flat[pairs:] * limit])
    curvatures = np.concatenate([flat, steep]) / rate
    h, start = {"learning_rate": rate}, np.ones(WIDTH)
    points = exactly(descend(subject, h, start, lambda w: curvatures * w, 2))

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures)

    expected = 1 - exactly(rate * curvatures)
    require_equal(points[1], expected, f"{subject.name}: factors of the modes", scene)
    require_equal(points[2], expected**2, f"{subject.name}: factors in two steps", scene)
    flattest, steepest = points[1][: WIDTH // 2], points[1][WIDTH // 2 :]
    for i, kappa in enumerate(best.tolist()):
        optimum = best_factor(Fraction(kappa))
        worst = max(abs(flattest[i]), abs(steepest[i]))
        if relative[i] == 1.0:
            holds = flattest[i] == optimum and steepest[i] == -optimum
        else:
            holds = worst > optimum
        require_that(
            holds,
            f"{subject.name}: at {relative[i]:g} times the best rate for kappa = {kappa:g} the "
            f"worse factor is {float(worst):.17g}, at the best one {float(optimum):.17g}",
            scene,
        )
    for i, kappa in enumerate(limit.tolist(), start=pairs):
        bound, below = slow_factor_limit(Fraction(kappa)), short[i - pairs]
        exact = flattest[i] == bound if below == 0.0 else flattest[i] > bound
        require_that(
            exact and (abs(steepest[i]) == 1) == (below == 0.0),
            f"{subject.name}: at {1 - below:g} times 2/L for kappa = {kappa:g} the slow factor "
            f"is {float(flattest[i]):.17g}, its limit {float(bound):.17g}",
            scene,
        )
    return 0.0


@law_of_descent(
    id="distance-shrinks-by-the-slowest-factor",
    title="The distance to the minimum shrinks by the factor of the slowest mode",
    statement=(
        "With rho = max |1 - eta lambda_i| the distance after k steps on a quadratic with coupled "
        "axes is at most rho^k of the first, and at least rho^k of its part along the slowest "
        "mode, but for the forward error of the steps. On c log(1 + x^2)/2, whose curvature is c "
        "at its minimum only, the factor of each step from within r of it lies between those of "
        "the curvatures c/(1 + r^2) and c."
    ),
    oracle="rate",
    equations=("gd-linear-convergence-near-minimum",),
    share=0.4,
)
def distance_shrinks_by_the_slowest_factor(subject: Subject, data: st.DataObject) -> float:
    curvatures = draw_integers(data, 1, 256, "curvatures times 16") / 16
    share = data.draw(st.floats(0.05, 1.95), label="eta * largest curvature")
    steps, rate = 40, share / float(curvatures.max())
    matrix, h = np.array(hadamard(curvatures.tolist()).matrix), {"learning_rate": rate}
    start = draw_integers(data, 1, 64, "start times 8") / 8
    points = descend(subject, h, start, lambda w: matrix @ w, steps)
    factors = np.abs(1.0 - rate * curvatures)
    slowest = int(np.argmax(factors))
    rho = float(factors[slowest])
    along = abs(float(np.array(hadamard_axes())[slowest] @ start)) / np.sqrt(WIDTH)
    distances = np.linalg.norm(points, axis=1)
    powers = rho ** np.arange(steps + 1)
    allowed = _norm_budget(matrix, rate, rho, float(distances[0]), steps)

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures)

    what = f"{subject.name}: distance to the minimum at rho = {rho:.6g}"
    return max(
        require_at_most(distances, powers * distances[0], allowed, what, scene),
        require_at_most(powers * along, distances, allowed, f"{what}, from below", scene),
        _near_a_minimum(subject, data),
    )


def _norm_budget(matrix: Floats, rate: float, rho: float, distance: float, steps: int) -> Floats:
    """Forward error of the distance: that of a matrix product, of a product and of a difference.

    The product of an n by n matrix is off by at most gamma(n) of the product of the moduli
    (Higham, section 3.5), whose norm is at most that of the matrix in Frobenius' sense.
    """
    n = len(matrix)
    product = (n + 2) * UNIT * rate * float(np.linalg.norm(matrix))
    # Roundings of the powers and the norms themselves: one for each step, n for each norm.
    error, allowed = 0.0, [SAFETY * (n + 2) * UNIT * distance]
    for k in range(steps):
        size = rho**k * distance + error
        error = rho * error + (product + UNIT * rho) * size
        allowed.append(SAFETY * (error + (n + 2 + 2 * k) * UNIT * size) + 1e-300)
    return np.array(allowed)


def _near_a_minimum(subject: Subject, data: st.DataObject) -> float:
    """``c log(1 + x**2) / 2``: the slope is c x / (1 + x**2), a quotient of few roundings."""
    shares = draw_floats(data, 0.1, 0.9, "eta c, or 2 less it")
    shares[::2] = 2.0 - shares[::2]
    radius = data.draw(st.sampled_from((0.125, 0.25, 2.0**-6)), label="start")
    steps = 30
    h, start = {"learning_rate": 0.25}, np.full(WIDTH, radius)
    curvatures = 4.0 * shares
    points = descend(subject, h, start, lambda w: curvatures * w / (1.0 + w * w), steps)
    ends = np.abs(np.array([1.0 - shares, 1.0 - shares / (1.0 + radius**2)]))
    # A step rounds six times, each time by the share or the factor at most.
    slack = 8 * SAFETY * UNIT * (1.0 + shares)
    powers = np.arange(steps + 1)[:, np.newaxis]
    upper = (ends.max(axis=0) + slack) ** powers * radius
    lower = (ends.min(axis=0) - slack) ** powers * radius
    sizes = np.abs(points)
    return require_that(
        (lower <= sizes) & (sizes <= upper),
        f"{subject.name}: from {radius} the minimum of c log(1 + x^2)/2 comes nearer too fast or "
        "too slowly",
        lambda: told(h, start, curvatures=curvatures),
    )
