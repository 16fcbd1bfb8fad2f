"""Laws about what the learning rate and the start decide: regimes, valleys and thresholds."""

from __future__ import annotations

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
    require_equal,
    require_that,
)
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.reference.descent.gradient_descent import DoubleWell
from optcheck.reference.oracle import SAFETY

_PAIRS = WIDTH // 2


@law_of_descent(
    id="learning-rate-regimes",
    title="Below 1/lambda monotone, to 2/lambda oscillating, above it divergent",
    statement=(
        "Along each axis of an ill-conditioned quadratic in two coupled coordinates the sign is "
        "constant for eta < 1/lambda, gone after one step at equality and alternates above; the "
        "distance falls for 0 < eta < 2/lambda, stays at either end and rises elsewhere. So the "
        "error falls at every step for 0 < eta < 2/lambda_max, after k steps to rho^2k of the "
        "first at most, with no change of sign below 1/lambda_max and one along the steep axis at "
        "every step above; from 2/lambda_max on it is at least that of the steep axis times "
        "(eta lambda - 1)^2k. Along an axis with a curvature of no more than 0 nothing converges. "
        "All numbers are short binary fractions: nothing rounds."
    ),
    oracle="rate",
    equations=(
        "gd-quadratic-oscillation-condition",
        "gd-learning-rate-regimes",
        "gd-quadratic-convergence-condition",
    ),
)
def learning_rate_regimes(subject: Subject, data: st.DataObject) -> float:
    rate = 2.0 ** data.draw(st.integers(-4, 3), label="binary exponent of the rate")
    steep = draw_integers(data, 1, 48, "eta lambda of steep axes, times 16", _PAIRS) / 16
    flat = draw_integers(data, -4, 4, "eta lambda of flat axes, times 16", _PAIRS) / 16
    # One of each regime at least, and both ends.
    steep[:5] = 0.5, 1.0, 1.5, 2.0, 2.5
    flat[:3] = 0.0625, 0.0625, 0.0625
    start, steps = draw_integers(data, 1, 15, "modes at the start"), 8
    curvatures, h = np.concatenate([steep, flat]) / rate, {"learning_rate": rate}
    # sqrt(2) times the modes are the sum and the difference of two coordinates.
    points = descend(subject, h, _rotated(start) / 2, _coupled(curvatures), steps)
    modes = np.array([_rotated(point) for point in points])
    shares = np.concatenate([steep, flat])

    def scene() -> dict[str, Any]:
        return told(h, start, curvatures=curvatures)

    signs = np.sign(modes[1:]) == np.sign(1.0 - shares) * np.sign(modes[:-1])
    require_that(signs, f"{subject.name}: a mode has the wrong sign", scene)
    trend = np.sign(np.abs(modes[1:]) - np.abs(modes[:-1]))
    right = np.where(modes[:-1] == 0.0, 0.0, np.sign(np.abs(1.0 - shares) - 1.0))
    require_that(trend == right, f"{subject.name}: a mode shrinks, stays or grows wrongly", scene)
    return _regimes(subject, shares, exactly(curvatures) * exactly(modes) ** 2, scene)


def _regimes(subject: Subject, shares: Floats, errors: Any, scene: Any) -> float:
    """The error of each pair of axes, from those of the modes; no saddles and no troughs."""
    steps = len(errors) - 1
    factors = (1 - exactly(shares)) ** 2
    for steep in range(_PAIRS):
        flat = steep + _PAIRS
        if shares[flat] <= 0.0:
            continue
        total = errors[:, steep] + errors[:, flat]
        if converges := max(shares[steep], shares[flat]) < 2.0:
            slowest = max(factors[steep], factors[flat])
            holds = all(total[1:] < total[:-1]) and total[-1] <= slowest**steps * total[0]
        else:
            holds = total[-1] >= factors[steep] ** steps * errors[0, steep]
        require_that(
            holds,
            f"{subject.name}: the error at eta lambda = {shares[flat]:g} and {shares[steep]:g} "
            f"{'falls too little' if converges else 'vanishes'}",
            scene,
        )
    return 0.0


def _rotated(pairs: Floats) -> Floats:
    """Sums and differences of the two halves."""
    first, second = pairs[:_PAIRS], pairs[_PAIRS:]
    return np.concatenate([first + second, first - second])


def _coupled(curvatures: Floats) -> Any:
    """The gradient of quadratics with axes along the diagonals of pairs of coordinates."""
    return lambda w: _rotated(curvatures * _rotated(w)) / 2


@law_of_descent(
    id="start-decides-the-valley",
    title="The start alone decides the end",
    statement=(
        "Gradient descent is a map: two runs from the same start agree to the last bit. On "
        "c (x^2 - 1)^2/4 at rates below 1/L it comes from every start to the minimum of its side, "
        "and never past it: the distance after k steps is at most (1 - eta c m (m + 1))^k of the "
        "first, m being the smaller of the start and 1, but for rounding."
    ),
    oracle="rate",
    equations=("gd-initial-point-dependence",),
    share=0.3,
)
def start_decides_the_valley(subject: Subject, data: st.DataObject) -> float:
    start = draw_floats(data, 0.05, 1.5, "distance of the start from 0")
    start[::2] *= -1.0
    # The largest curvature on [-1.5, 1.5] is 5.75 c.
    share = data.draw(st.floats(0.2, 1.0), label="eta L")
    scale, steps, h = share / 5.75, 60, {"learning_rate": 1.0}
    points = descend(subject, h, start, lambda w: scale * (w * w - 1.0) * w, steps)
    again = descend(subject, h, start, lambda w: scale * (w * w - 1.0) * w, steps)

    def scene() -> dict[str, Any]:
        return told(h, start, scale=scale)

    require_equal(points, again, f"{subject.name}: two runs from the same start", scene)
    side = np.sign(start)
    require_that(np.sign(points) == side, f"{subject.name}: leaves its side of the hill", scene)
    nearest = np.minimum(np.abs(start), 1.0)
    factor = 1.0 - scale * nearest * (nearest + 1.0)
    # Six roundings a step, of numbers below 4; what each leaves is contracted by the factor.
    floor = 6 * 4 * SAFETY * UNIT / (1.0 - factor)
    first = np.abs(start - side)
    bound = factor ** np.arange(steps + 1)[:, np.newaxis] * first + floor
    return require_that(
        np.abs(points - side) <= bound,
        f"{subject.name}: is further from the minimum of its side than the bound",
        scene,
    )


@law_of_descent(
    id="fixed-rate-leaves-a-sharp-minimum",
    title="A fixed rate leaves a minimum if it is above 2 over its curvature, and stays below",
    statement=(
        "Near a local minimum a of a double well with the slope c x (x - a)(x - b) a step "
        "multiplies the distance e by 1 - eta c (a + e)(a + e - b). Where eta E''(a) is below 2, "
        "by more than the third derivative takes away, descent that starts near a comes to a as "
        "fast as this says; where it is above, the distance grows at least as fast as this says "
        "until it is out of the neighbourhood."
    ),
    oracle="rate",
    equations=("gd-fixed-rate-escape-local-minimum",),
    share=0.5,
)
def fixed_rate_leaves_a_sharp_minimum(subject: Subject, data: st.DataObject) -> float:
    radius, first, steps = 2.0**-6, 2.0**-12, 40
    left = -draw_integers(data, 8, 16, "local minimum times -16") / 16
    right = draw_integers(data, 17, 24, "global minimum times 16") / 16
    shares = draw_floats(data, 1.1, 1.85, "eta times the curvature at the local minimum")
    shares[::2] += 1.15
    scales = shares / (left * (left - right))
    # |Phi(e) - Phi(0)| for |e| up to the radius, with room for the roundings of the scale.
    spread = scales * (np.abs(2 * left - right) + radius) * radius + 16 * UNIT * shares
    well, h, start = DoubleWell(left, right, scales), {"learning_rate": 1.0}, left + first
    points = descend(subject, h, start, well.slope, steps)
    distances = np.abs(points - left)
    # Eight roundings of a step, each of at most 4, so far as it is near.
    rounding = 8 * 4 * SAFETY * UNIT

    def scene() -> dict[str, Any]:
        return told(h, start, left=left, right=right, scales=scales)

    stays = shares < 2.0
    factor = np.maximum(np.abs(1.0 - shares - spread), np.abs(1.0 - shares + spread))
    powers = factor ** np.arange(steps + 1)[:, np.newaxis]
    bound = powers * first + rounding / (1.0 - factor)
    require_that(
        (distances <= bound)[:, stays],
        f"{subject.name}: leaves a local minimum at a rate below 2 over its curvature",
        scene,
    )
    growth = shares - spread - 1.0
    near = np.cumprod(distances[:-1] <= radius, axis=0) == 1
    grows = distances[1:] >= growth * distances[:-1] - rounding
    left_it = (distances > radius).any(axis=0)
    return require_that(
        ((grows | ~near).all(axis=0) & left_it)[~stays],
        f"{subject.name}: stays near a local minimum at a rate above 2 over its curvature",
        scene,
    )
