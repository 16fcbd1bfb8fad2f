"""What the texts say of adaptive rates, averages, signs and Newton's costs, counted anew."""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from optcheck.reference import EQUATIONS, METHODS
from optcheck.reference.adagrad import effective_rates, rotated_spread
from optcheck.reference.adam import steps_until_within
from optcheck.reference.minimizers.coordinate_descent import SparseCoding
from optcheck.reference.minimizers.newton import elimination_products, hessian_bytes
from optcheck.reference.rmsprop import summed_ages, weight_so_far
from optcheck.reference.signs import drift, resting_offsets


def test_rates_are_inverse_to_the_root() -> None:
    # Erratum G52; B20: ten steps on a line of slope 100, and on one of slope 1.
    assert effective_rates(1.0, np.array([1.0, 4.0, 16.0])).tolist() == [1.0, 0.5, 0.25]
    steep, flat = effective_rates(1.0, 10 * np.array([100.0, 1.0]) ** 2)
    assert (round(steep, 5), round(flat, 3)) == (0.00316, 0.316)


@pytest.mark.parametrize("rates", [(1.0, 1.0), (3.0, 1.0), (0.125, 8.0)])
def test_no_rates_equalise_curvatures_at_45_degrees(rates: tuple[float, float]) -> None:
    kappa = 9.0
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2.0)
    hessian = turn @ np.diag([kappa, 1.0]) @ turn.T
    scaled = np.sort(np.linalg.eigvals(np.diag(rates) @ hessian).real)
    condition = scaled[1] / scaled[0]
    spread = float(rotated_spread(kappa, *rates))
    assert spread == pytest.approx((condition + 1) ** 2 / condition)
    assert condition >= kappa * (1 - 1e-12)
    # Along the axes one pair of rates makes both curvatures 1.
    assert np.diag(np.array([1 / kappa, 1.0])) @ np.diag([kappa, 1.0]) == pytest.approx(np.eye(2))


def test_without_a_stabiliser_nothing_is_divided_by_nothing() -> None:
    # Erratum G12.
    for method, more in (("adagrad", {"initial_accumulator": 0.0}), ("rmsprop", {"decay": 0.9})):
        for epsilon in (0.0, 1e-8):
            with np.errstate(invalid="ignore"):
                new, _ = METHODS[method].step(
                    "epsilon-outside-root",
                    np.zeros(2),
                    np.array([0.0, 1.0]),
                    learning_rate=0.1,
                    epsilon=epsilon,
                    **more,
                )
            assert np.isnan(new[0]) == (epsilon == 0.0)
            assert np.isfinite(new[1])


@pytest.mark.parametrize("window", [2, 4, 10, 100])
def test_an_average_looks_back(window: int) -> None:
    rho = 1 - Fraction(1, window)
    weights = [(1 - rho) * rho**k for k in range(3 * window)]
    assert sum(weights[:window]) == weight_so_far(rho, window)
    assert 1 - math.exp(-1) < weight_so_far(rho, window) <= Fraction(3, 4)
    ages = sum(k * weight for k, weight in enumerate(weights))
    assert ages == summed_ages(rho, len(weights)) < rho / (1 - rho)
    assert float(summed_ages(rho, 100 * window)) == pytest.approx(window - 1)


def test_mean_square_starts_too_small() -> None:
    rho, square, mean = Fraction(9, 10), Fraction(25, 4), Fraction(0)
    for step in range(1, 6):
        mean = rho * mean + (1 - rho) * square
        assert mean == weight_so_far(rho, step) * square
    assert 1 / math.sqrt(weight_so_far(0.9, 1)) == pytest.approx(3.162, abs=1e-3)


@pytest.mark.parametrize(("decay", "step"), [(0.5, 7), (0.9, 44), (0.999, 4613)])
def test_bias_corrections_are_within_a_hundredth(decay: float, step: int) -> None:
    assert steps_until_within(decay, 0.01) == step
    assert 1 / (1 - decay**step) <= 1.01 < 1 / (1 - decay ** (step - 1))


@pytest.mark.parametrize("offset", [Fraction(11, 4), Fraction(-11, 4), Fraction(3), Fraction(0)])
def test_sign_descent_comes_to_its_cycle(offset: Fraction) -> None:
    at, path = offset, []
    for _ in range(12):
        path.append(at)
        at -= (at > 0) - (at < 0)
    high, low = resting_offsets(offset, Fraction(1))
    assert set(path[-2:]) == set(path[-4:-2]) == {high, low}
    assert high - low == (0 if offset.denominator == 1 else 1)


@pytest.mark.parametrize("dialect", ["rprop-minus", "irprop-minus", "rprop-plus"])
def test_rprop_drifts_by_its_own_recursion(dialect: str) -> None:
    h = {"eta_minus": 0.5, "eta_plus": 1.2, "step_size_min": 1e-6, "step_size_max": 50.0}
    w, state, ends = np.zeros(1), None, []
    for step in range(1000):
        gradient = np.array([0.1 if (step + 1) % 10 else -0.9])
        w, state = METHODS["rprop"].step(dialect, w, gradient, state, learning_rate=50.0, **h)
        if (step + 1) % 10 == 0:
            ends.append(float(w[0]))
    expected = drift(dialect, SimpleNamespace(**h), 10)
    assert np.diff(ends) == pytest.approx(np.full(99, -expected))
    # Thousands of units in a thousand steps, on gradients with the mean 0.
    assert ends[-1] < -10_000


def test_million_parameters() -> None:
    # Erratum T02.
    single, double = hessian_bytes(10**6, 4), hessian_bytes(10**6, 8)
    assert single == 4000 * 10**9
    assert (round(single / 2**30, 2), round(double / 2**30, 2)) == (3725.29, 7450.58)


@pytest.mark.parametrize("order", [1, 2, 3, 8, 20])
def test_elimination_multiplies_as_often_as_it_says(order: int) -> None:
    # Outer products of symmetric elimination, one triangle of each, counted one by one.
    counted = sum(
        1 for k in range(order) for i in range(k + 1, order) for _ in range(k + 1, i + 1)
    )
    assert elimination_products(range(order - 1, -1, -1)) == counted == (order**3 - order) // 6


def test_sparse_coding_by_hand() -> None:
    problem = SparseCoding((1.0, -2.0, 0.5, 3.0), 0.75)
    X = np.array(problem.data).reshape(2, 2)
    x = np.array([1.5, -0.5, 0.25, -2.0])

    def value(x: np.ndarray) -> float:
        residual = X - np.outer(x[:2], x[2:])
        return float(np.sum(residual**2) + 0.75 * np.abs(x[2:]).sum())

    assert float(problem.value(x)) == pytest.approx(value(x))
    assert value(x) == pytest.approx(value(-x))
    step = 1e-4 * np.eye(4)
    slopes = [(value(x + e) - value(x - e)) / 2e-4 for e in step]
    assert np.asarray(problem.gradient(x)) == pytest.approx(np.array(slopes), abs=1e-6)
    bends = [(problem.gradient(x + e) - problem.gradient(x - e)) / 2e-4 for e in step]
    hessian = np.asarray(problem.hessian(x))
    assert hessian == pytest.approx(np.array(bends), abs=1e-6)
    for block in (slice(0, 2), slice(2, 4)):
        assert np.linalg.eigvalsh(hessian[block, block])[0] > 0
    assert eval(problem.sources().value, {"x": x}) == pytest.approx(value(x))


def test_single_parameter_as_printed() -> None:
    # Errata G10 and G11, with the numbers given there: L'' = 3, L' = -1.2.
    slope, curvature = -1.2, 3.0

    def change(step: float) -> float:
        return slope * step + curvature * step**2 / 2

    newton, printed = -slope / curvature, -slope / (2 * curvature)
    assert (newton, printed) == (pytest.approx(0.4), pytest.approx(0.2))
    assert (change(newton), change(printed)) == (pytest.approx(-0.24), pytest.approx(-0.18))
    assert change(-curvature / curvature) == pytest.approx(2.7)
    assert -newton / slope == pytest.approx(1 / curvature)


def test_adam_as_printed_ascends() -> None:
    # Erratum B15: |w|^2/2 from 2.5.
    ends = {}
    for sign in (1.0, -1.0):
        w, state = np.array([2.5]), None
        for _ in range(10):
            w, state = METHODS["adam"].step(
                *("epsilon-outside-root", w, sign * w, state),
                **{"learning_rate": 0.15, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
            )
        ends[sign] = float(w[0])
    assert ends[1.0] < 2.5 < ends[-1.0]


def test_what_is_not_checked_says_why() -> None:
    for identifier in (
        "sgd-finds-lower-minima-than-adam",
        "adaptive-method-comparisons",
        "deterministic-curriculum-no-gain",
    ):
        assert EQUATIONS[identifier].unchecked
