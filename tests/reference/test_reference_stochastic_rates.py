"""What is promised of stochastic descent, against fractions, simulation and balls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from optcheck.reference import METHODS
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.calculus.models import GABOR_DATA
from optcheck.reference.sampling import escape
from optcheck.reference.sampling.rates import (
    CoinProblem,
    approach,
    floor,
    responses,
    sharpest_bias,
)
from optcheck.reference.sampling.variance_reduction import stage_bound, stage_squares

F = Fraction
DESCENT = METHODS["gradient-descent"]

# One step of each dialect as (matrix, weight of the noise) in the basis (w, velocity), for the
# gradient lambda (w - xi); a, m, d are rate times curvature, momentum and dampening. The velocity
# is scaled to a step of w.
Recurrence = Callable[[Fraction, Fraction, Fraction], tuple[list[list[Fraction]], list[Fraction]]]
RECURRENCES: dict[tuple[str, str], Recurrence] = {
    ("gradient-descent", "plain"): lambda a, m, d: ([[1 - a, F(0)], [F(0), F(0)]], [a, F(0)]),
    ("momentum", "learning-rate-inside"): lambda a, m, d: ([[1 - a, m], [-a, m]], [a, a]),
    ("momentum", "learning-rate-outside"): lambda a, m, d: ([[1 - a, m], [-a, m]], [a, a]),
    ("momentum", "averaged"): lambda a, m, d: (
        [[1 - a * (1 - m), m], [-a * (1 - m), m]],
        [a * (1 - m), a * (1 - m)],
    ),
    ("nesterov", "look-ahead"): lambda a, m, d: (
        [[1 - a, m * (1 - a)], [-a, m * (1 - a)]],
        [a, a],
    ),
    ("nesterov", "look-ahead-averaged"): lambda a, m, d: (
        [[1 - a * (1 - m), m - a * m * (1 - m)], [-a * (1 - m), m - a * m * (1 - m)]],
        [a * (1 - m), a * (1 - m)],
    ),
    ("nesterov", "shifted"): lambda a, m, d: (
        [[1 - a * (1 + m), m * m], [-a, m]],
        [a * (1 + m), a],
    ),
    ("nesterov", "shifted+learning-rate-inside"): lambda a, m, d: (
        [[1 - a * (1 + m), m * m], [-a, m]],
        [a * (1 + m), a],
    ),
}
STEPS = 12


def covariances(
    recurrence: Recurrence, rate: Fraction, curvature: Fraction, momentum: Fraction
) -> list[tuple[Fraction, Fraction]]:
    """Means (from a start of 1) and variances (for unit noise) of w, in fractions."""
    A, b = recurrence(rate * curvature, momentum, F(0))
    mean, C = [F(1), F(0)], [[F(0), F(0)], [F(0), F(0)]]
    found = [(mean[0], C[0][0])]
    for _ in range(STEPS):
        mean = [sum(A[i][k] * mean[k] for k in range(2)) for i in range(2)]
        C = [
            [
                sum(A[i][k] * C[k][n] * A[j][n] for k in range(2) for n in range(2)) + b[i] * b[j]
                for j in range(2)
            ]
            for i in range(2)
        ]
        found.append((mean[0], C[0][0]))
    return found


@pytest.mark.parametrize(("method", "dialect"), RECURRENCES)
def test_responses_are_the_covariance_recurrence(method: str, dialect: str) -> None:
    rate, curvature, momentum = F(1, 8), F(5, 4), F(3, 4)
    h = {"momentum": 0.75}
    found = responses(METHODS[method], dialect, h, [1.25] * STEPS, [0.125] * STEPS)
    exact = covariances(RECURRENCES[method, dialect], rate, curvature, momentum)
    for response, (mean, variance) in zip(found, exact, strict=True):
        assert response.mean(1.0, 0.0) == pytest.approx(float(mean), rel=1e-12, abs=1e-14)
        assert response.variance(1.0) == pytest.approx(float(variance), rel=1e-12, abs=1e-14)


def test_dampening_spares_the_first_gradient() -> None:
    h = {"momentum": 0.5, "dampening": 0.25}
    found = responses(METHODS["momentum"], "dampened", h, [1.0, 1.0], [0.5, 0.5])
    # w1 = w0 - (w0 - x1)/2; v2 = (w0 - x1)/2 + 3/4 (w1 - x2); w2 = w1 - v2/2.
    assert found[2].start == 0.5 - 0.5 * (0.5 + 0.75 * 0.5)
    assert found[2].examples.tolist() == [0.5 - 0.5 * (-0.5 + 0.75 * 0.5), 0.375]


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0, 1.75])
def test_the_floor_is_the_limit_of_the_approach(share: float) -> None:
    exact = covariances(RECURRENCES["gradient-descent", "plain"], F(share), F(1), F(0))
    for step, (_, variance) in enumerate(exact):
        assert approach(share, step, 0.0, 1.0) == pytest.approx(float(variance), rel=1e-12)
    assert approach(share, 10**4, 3.0, 1.0) == pytest.approx(floor(share, 1.0), rel=1e-12)


def test_the_floor_of_the_catalogue() -> None:
    assert floor(0.1, 1.0) == pytest.approx(0.0526, abs=5e-5)
    # P09: it vanishes with the rate, in proportion; the stochastic differential equation, which
    # knows no finite step, has the first order of it.
    for share in (0.1, 0.01, 0.001):
        diffusion = share / 2.0
        assert floor(share, 1.0) == pytest.approx(diffusion / (1.0 - share / 2.0))


def test_one_over_k_is_the_mean_of_the_examples() -> None:
    k = 20
    found = responses(DESCENT, "plain", {}, [4.0] * k, [1.0 / (4.0 * t) for t in range(1, k + 1)])
    assert found[-1].start == 0.0
    np.testing.assert_allclose(found[-1].examples, np.full(k, 1.0 / k), rtol=1e-12)


def test_no_other_weights_reach_the_bound() -> None:
    k, random = 12, np.random.default_rng(0)
    for _ in range(50):
        rates = [1.0, *random.uniform(0.0, 1.0, k - 1)]
        found = responses(DESCENT, "plain", {}, [1.0] * k, rates)[-1]
        assert math.isclose(float(found.examples.sum()), 1.0)
        assert found.variance(1.0) >= 1.0 / k


@pytest.mark.parametrize("s", [1.0, 1.25, 2.0])
def test_momentum_does_not_change_the_constant(s: float) -> None:
    """Doubling k halves the distance of k times the variance from its limit."""
    limit, k = s * s / (2.0 * s - 1.0), 1024
    for momentum in (0.0, 0.5, 0.75):
        errors = []
        for steps in (k // 2, k):
            rates = [s * (1.0 - momentum) / t for t in range(1, steps + 1)]
            curvatures = [1.0] * steps
            found = responses(
                METHODS["nesterov"], "shifted", {"momentum": momentum}, curvatures, rates
            )[-1]
            errors.append(abs(steps * found.variance(1.0) - limit))
        assert errors[1] < 0.02 * limit
        assert errors[1] < 0.6 * errors[0] or errors[1] < 1e-9


def test_batch_descent_overtakes_by_far() -> None:
    """Excess errors on the curvatures 1 and 8, from 32 standard deviations away."""
    rates = [1.0 / k for k in range(1, 65)]
    found = [responses(DESCENT, "plain", {}, [a] * 64, rates) for a in (1.0, 8.0)]
    for k, ahead in ((8, "single"), (64, "batch")):
        batch = (0.875**k * 32.0) ** 2
        single = sum(
            a * (each[k].mean(32.0, 0.0) ** 2 + each[k].variance(1.0))
            for a, each in zip((1.0, 8.0), found, strict=True)
        )
        assert (single if ahead == "single" else batch) < 0.25 * max(single, batch)


def test_the_walk_is_the_sum_over_all_tosses() -> None:
    coin, reach, steps = CoinProblem(0.25, 1.0), 2, 8
    probabilities = np.zeros(2 * reach + 1)
    for tosses in itertools.product((1, -1), repeat=steps):
        place = 0
        for toss in tosses:
            place += int(np.sign(toss * reach - place))
        heads = tosses.count(1)
        probabilities[place + reach] += 0.625**heads * 0.375 ** (steps - heads)
    np.testing.assert_allclose(coin.walk(reach, steps)[-1], probabilities, rtol=1e-12)


@pytest.mark.parametrize("reach", [4, 8, 16])
def test_the_worst_case_lies_between_the_bounds(reach: int) -> None:
    steps = reach**2
    coin = CoinProblem(sharpest_bias(steps), 1.0)
    lower, upper = coin.lower_bound(steps), coin.upper_bound(1.0 / reach, steps)
    assert upper == pytest.approx(1.0 / reach)
    assert lower == pytest.approx(0.25 / reach, rel=0.02)
    # The average of the points is no worse than the mean of their errors.
    assert lower < coin.expected_excess(reach, steps) < upper


def test_the_coin_is_the_objective_that_it_says() -> None:
    coin = CoinProblem(0.25, 2.0)
    w = np.linspace(-5.0, 5.0, 41)
    value = 0.625 * np.abs(w - 2.0) + 0.375 * np.abs(w + 2.0)
    np.testing.assert_allclose(coin.excess(w), value - value.min(), atol=1e-12)


def test_svrg_stage_by_all_sequences_of_examples() -> None:
    curvatures, rate, steps = (1.0, 0.5, 0.75), 0.25, 5
    squares = np.zeros(steps + 1)
    for order in itertools.product(curvatures, repeat=steps):
        e, path = 1.0, [1.0]
        for a in order:
            e -= rate * (a * e - a + 0.75)
            path.append(e)
        squares += np.square(path) / 3**steps
    np.testing.assert_allclose(stage_squares(rate, curvatures, steps), squares, rtol=1e-12)


def test_svrg_stage_stays_below_the_theorem() -> None:
    for rate, steps in itertools.product((0.05, 0.125, 0.2), (20, 40, 200)):
        squares = stage_squares(rate, (1.0, 0.5, 0.75), steps)
        assert np.mean(squares[:-1]) <= stage_bound(rate, 1.0, 0.75, steps)


# The valley, in balls, by formulas of its own.


def loss(p: arb, q: arb) -> arb:
    total = arb(0)
    for x, y in zip(GABOR_DATA.inputs, GABOR_DATA.targets, strict=True):
        u = p + arb(0.06) * q * arb(x)
        total += (u.sin() * (-(u**2) / 32).exp() - arb(y)) ** 2
    return total


def slopes(p: arb, q: arb) -> tuple[list[arb], list[list[arb]]]:
    """Gradient, and Hessian as (pp, pq, qq)."""
    gradient, hessian = [arb(0)] * 2, [arb(0)] * 3
    for x, y in zip(GABOR_DATA.inputs, GABOR_DATA.targets, strict=True):
        scale = arb(0.06) * arb(x)
        u = p + q * scale
        sine, cosine, bell = u.sin(), u.cos(), (-(u**2) / 32).exp()
        f = sine * bell
        slope = bell * (cosine - u / 16 * sine)
        bend = bell * ((u**2 / 256 - arb(17) / 16) * sine - u / 8 * cosine)
        pull, curve = 2 * (f - arb(y)) * slope, 2 * (slope**2 + (f - arb(y)) * bend)
        gradient = [gradient[0] + pull, gradient[1] + pull * scale]
        hessian = [h + curve * scale**k for k, h in enumerate(hessian)]
    return gradient, [[hessian[0], hessian[1]], [hessian[1], hessian[2]]]


def cells(center: float, half: float, count: int) -> list[arb]:
    width = half / count
    return [arb(center - half + (2 * k + 1) * width, width * 1.0000001) for k in range(count)]


def test_the_valley_has_edges_above_the_barrier() -> None:
    (p, q), (a, b) = escape.CENTER, escape.HALF_WIDTHS
    edges = [
        *((arb(p + sign * a), each) for sign in (-1, 1) for each in cells(q, b, 150)),
        *((each, arb(q + sign * b)) for sign in (-1, 1) for each in cells(p, a, 150)),
    ]
    assert all(loss(*edge) > escape.BARRIER for edge in edges)
    assert float(loss(*map(arb, escape.MINIMUM)).mid()) == pytest.approx(8.456, abs=5e-4)


def test_no_curvature_of_the_valley_is_steeper() -> None:
    (p, q), (a, b) = escape.CENTER, escape.HALF_WIDTHS
    for cell in itertools.product(cells(p, a, 24), cells(q, b, 24)):
        _, hessian = slopes(*cell)
        assert all(abs(row[0]) + abs(row[1]) < escape.STEEPEST for row in hessian)
    assert escape.RATE < 2.0 / escape.STEEPEST


def test_the_minimum_of_the_valley_is_stationary_for_the_sum_alone() -> None:
    with ball_arithmetic():
        gradient, ((pp, pq), (_, qq)) = slopes(*map(arb, escape.MINIMUM))
    assert all(abs(each) < escape.SLOPE_AT_MINIMUM for each in gradient)
    assert pp > 0
    assert pp * qq - pq * pq > 0
    singles = escape.gradients(np.array(escape.MINIMUM), np.arange(28))
    np.testing.assert_allclose(singles.sum(axis=1), 0.0, atol=1e-12)
    assert escape.LONGEST_OF_ONE_EXAMPLE < np.hypot(*singles).max() < 1.9


def test_minibatches_leave_the_valley_as_often_as_the_law_says() -> None:
    random, trials = np.random.default_rng(1), 20_000
    w = np.repeat(np.array(escape.MINIMUM)[:, None], trials, axis=1)
    for _ in range(escape.STEPS):
        drawn = random.integers(0, 28, (escape.BATCH_SIZE, trials))
        w = w - escape.RATE * escape.gradients(w[:, None], drawn).mean(axis=1) * 28
    left = 1.0 - float(np.mean(escape.is_in_the_valley(w)))
    # Hoeffding: within 0.01 of the probability but for 0.05 of the seeds.
    assert left == pytest.approx(0.91, abs=0.02)
    assert left > escape.LEAVES + 0.1
