"""What theory says of gradient descent, against brute force in fractions and worst cases."""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
from exact_numbers import MP
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference import EQUATIONS
from optcheck.reference.descent.convergence import (
    chain_floor,
    chain_minimum,
    convex_bound,
    sharp_convex_bound,
    steps_to_tolerance,
)
from optcheck.reference.descent.gradient_descent import (
    DoubleWell,
    best_factor,
    second_order_change,
    slow_factor_limit,
)
from optcheck.reference.descent.searches import best_of, successful_starts

SMALL = st.integers(-20, 20)


@given(coefficients=st.tuples(SMALL, SMALL, SMALL), x=SMALL, rate=st.fractions(0, 3))
def test_change_of_a_cubic_by_a_step(
    coefficients: tuple[int, int, int], x: int, rate: Fraction
) -> None:
    a, b, c = coefficients

    def value(x: Fraction) -> Fraction:
        return a * x**3 + b * x**2 + c * x

    g = 3 * a * x**2 + 2 * b * x + c
    change = value(x - rate * g) - value(Fraction(x))
    assert change == second_order_change(rate, g * g, (6 * a * x + 2 * b) * g * g, 6 * a * g**3)


@pytest.mark.parametrize("kappa", [2, 7, 100])
def test_no_rate_is_better_than_the_best_one(kappa: int) -> None:
    def worst(rate: Fraction) -> Fraction:
        return max(abs(1 - rate), abs(1 - rate * kappa))

    best = Fraction(2, 1 + kappa)
    assert worst(best) == best_factor(Fraction(kappa))
    assert all(worst(best * Fraction(k, 50)) > worst(best) for k in range(101) if k != 50)


def test_factor_at_the_largest_rate_as_printed_is_a_limit() -> None:
    # Erratum B08: with curvatures 1 and 10 at 2/10 itself the stiff mode stays for ever.
    modes = [Fraction(1), Fraction(1)]
    for _ in range(100):
        modes = [w - Fraction(1, 5) * c * w for c, w in zip((1, 10), modes, strict=True)]
    assert abs(modes[1]) == 1
    assert modes[0] == slow_factor_limit(Fraction(10)) ** 100 < 3e-10
    assert float(best_factor(Fraction(10))) == pytest.approx(0.818, abs=1e-3)


def test_printed_sign_of_the_summed_loss_raises_it() -> None:
    # Erratum G01.
    inputs, targets, w, rate = (1, 2, -1), (3, -1, 2), Fraction(1), Fraction(1, 20)

    def loss(w: Fraction) -> Fraction:
        return sum((Fraction(x) * w - t) ** 2 for x, t in zip(inputs, targets, strict=True)) / 2

    gradient = sum(x * (x * w - t) for x, t in zip(inputs, targets, strict=True))
    assert loss(w - rate * gradient) < loss(w) < loss(w + rate * gradient)
    assert "plus sign" in str(EQUATIONS["gradient-descent-update-summed-loss"].erratum)


def test_rate_of_strongly_convex_functions_is_that_of_one_rate() -> None:
    # Erratum G53: 1 - mu/L is for the rate 1/L, and a tenth of it is slower.
    smoothness, strength = Fraction(2), Fraction(1)
    factor = 1 - strength / smoothness
    for rate, holds in ((1 / smoothness, True), (1 / (10 * smoothness), False)):
        assert ((1 - rate * strength) ** 2 <= factor) == holds


@given(
    left=st.integers(-9, -1),
    right=st.integers(1, 9),
    scale=st.integers(1, 4),
    x=st.integers(-9, 9),
)
def test_double_well(left: int, right: int, scale: int, x: int) -> None:
    well = DoubleWell(left, right, scale)
    slope, curvature = (MP.diff(f, x) for f in (well.value, well.slope))
    assert abs(slope - well.slope(x)) < 1e-20
    assert abs(curvature - well.curvature(x)) < 1e-20
    deeper, other = (left, right) if -left > right else (right, left)
    assert well.value(deeper) <= well.value(other) < well.value(0) == 0
    assert well.slope(left) == well.slope(0) == well.slope(right) == 0


def huber(slope: Fraction, start: Fraction, steps: int) -> Fraction:
    """The error after descent at the rate 1 on a parabola of curvature 1 with straight arms."""
    x = start
    for _ in range(steps):
        x -= max(-slope, min(slope, x))
    return x * x / 2 if abs(x) <= slope else slope * abs(x) - slope**2 / 2


@pytest.mark.parametrize("steps", [1, 2, 5, 30])
def test_worst_of_all_slopes_attains_the_sharp_bound(steps: int) -> None:
    bound = sharp_convex_bound(Fraction(1), Fraction(1), steps)
    assert bound < convex_bound(Fraction(1), Fraction(1), steps)
    assert huber(Fraction(1, 2 * steps + 1), Fraction(1), steps) == bound
    others = [huber(Fraction(k, 100 * steps), Fraction(1), steps) for k in range(1, 150)]
    assert max(others) <= bound


@pytest.mark.parametrize("steps", [1, 3])
def test_sharp_bound_is_the_worst_case_of_a_semidefinite_program(steps: int) -> None:
    pytest.importorskip("PEPit", exc_type=ImportError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from PEPit import PEP
        from PEPit.functions import SmoothConvexFunction

        problem = PEP()
        function = problem.declare_function(SmoothConvexFunction, L=1)
        minimum = function.stationary_point()
        start = x = problem.set_initial_point()
        problem.set_initial_condition((start - minimum) ** 2 <= 1)
        for _ in range(steps):
            x = x - function.gradient(x)
        problem.set_performance_metric(function(x) - function(minimum))
        worst = problem.solve(verbose=0)
    assert worst == pytest.approx(sharp_convex_bound(1.0, 1.0, steps), rel=1e-3)


@pytest.mark.parametrize("dimension", [2, 5, 16])
def test_minimum_and_floor_of_the_chain(dimension: int) -> None:
    smoothness = Fraction(4)

    def least(free: int) -> tuple[list[Fraction], Fraction]:
        """In the first ``free`` coordinates, by elimination from the end: x_i = r_i x_(i-1)."""
        ratios = [Fraction(0)]
        for _ in range(free):
            ratios.append(1 / (2 - ratios[-1]))
        point, x = [], Fraction(1)
        for ratio in reversed(ratios[1:]):
            x *= ratio
            point.append(x)
        padded = [*point, *[Fraction(0)] * (dimension - free)]
        pairs = sum(a * b for a, b in itertools.pairwise(padded))
        quadratic = 2 * sum(a * a for a in padded) - 2 * pairs
        return padded, smoothness / 4 * (quadratic / 2 - padded[0])

    point, value = chain_minimum(smoothness, dimension)
    assert least(dimension) == (point, value)
    for steps in range(1, dimension):
        assert least(steps)[1] - value == chain_floor(smoothness, dimension, steps)


@given(kappa=st.integers(2, 60), tolerance=st.sampled_from([0.5, 0.1, 1e-3]))
def test_steps_to_a_tolerance(kappa: int, tolerance: float) -> None:
    error, steps = Fraction(1), 0
    while error > Fraction(tolerance):
        error *= (1 - Fraction(1, kappa)) ** 2
        steps += 1
    real = steps_to_tolerance(float(kappa), tolerance)
    assert steps == int(np.ceil(float(real)))
    half = np.log(1 / tolerance) / 2
    assert (kappa - 1) * half <= float(real) <= kappa * half


def test_best_of_counts_all_outcomes() -> None:
    chance = Fraction(1, 4)
    for restarts in (1, 2, 3, 5):
        outcomes = itertools.product((True, False), repeat=restarts)
        weights = [
            float(np.prod([float(chance if hit else 1 - chance) for hit in each]))
            for each in outcomes
            if any(each)
        ]
        assert best_of(float(chance), restarts) == pytest.approx(sum(weights), rel=1e-12)


@pytest.mark.parametrize(("rate", "steps", "reach"), [(0.0625, 6, 0.6), (0.0625, 3, 2.0)])
def test_successful_starts_are_those_of_a_fine_grid(rate: float, steps: int, reach: float) -> None:
    well = DoubleWell(-1.0, 1.5)
    low, high = successful_starts(well, rate, steps, reach)
    grid = np.linspace(-reach, reach, 20001)
    x = grid.copy()
    for _ in range(steps):
        x -= rate * well.slope(x)
    succeeds = np.asarray(well.value(x)) < well.value(well.left)
    assert np.array_equal(succeeds, (grid > low) & (grid <= high))
    assert rate * np.abs(well.curvature(grid)).max() < 1.0
