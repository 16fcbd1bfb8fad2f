"""Stationary points and convexity, against fractions, mpmath and plain NumPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from optcheck.reference.calculus.models import LinearRegression, LogisticRegression
from optcheck.reference.problems import LOG_COSH, ROSENBROCK, Polynomial
from optcheck.reference.surfaces.convexity import (
    AFFINE,
    CONVEX,
    DOUBLE_WELL,
    EXPONENTIAL,
    FOURTH_POWER,
    chord_gap,
    curvature_along,
    interval_hessian,
    is_semidefinite,
    lowest_direction,
    proves_convex,
)
from optcheck.reference.surfaces.stationary_points import (
    DEGENERATE,
    Valley,
    inertia,
    slice_of,
    strict_within,
    third_derivative_bound,
    turned,
    whole_scale,
    without_rounding,
)

RANDOM = np.random.default_rng(3)
ROOTS = (-1.0, 0.25, 1.5)
VALLEY = Valley(ROOTS, whole_scale(ROOTS, 0.125))
OTHER = Valley((-0.75, 0.5, 1.0), whole_scale(ROOTS, 0.25))
SURFACE = turned(VALLEY, OTHER)


def test_a_valley_has_the_slope_of_its_roots() -> None:
    t = np.linspace(-2.0, 2.0, 17)
    polynomial = np.poly1d(1.5 * np.poly(ROOTS))
    assert VALLEY.scale == 1.5
    assert VALLEY.slope(t) == pytest.approx(polynomial(t), abs=1e-12)
    computed = [VALLEY.problem.gradient(np.array([x]))[0] for x in t]
    assert computed == pytest.approx(polynomial(t), abs=1e-12)
    assert [VALLEY.curvature(r) for r in ROOTS] == pytest.approx(polynomial.deriv()(ROOTS))
    assert VALLEY.minima == (-1.0, 1.5)
    heights = [float(VALLEY.height(r)) for r in ROOTS]
    assert heights == pytest.approx(polynomial.integ()(ROOTS))
    assert all(c.denominator.bit_count() == 1 for c in VALLEY.powers)


def test_basins_and_the_pull_on_the_way() -> None:
    assert [VALLEY.basin(t) for t in (-5.0, 0.2, 0.3, 9.0)] == [-1.0, -1.0, 1.5, 1.5]
    for start in (-2.0, 0.0, 1.0, 2.5):
        root = VALLEY.basin(start)
        way = np.linspace(start, root, 101)[:-1]
        pulls = VALLEY.slope(way) / (way - root)
        low, high = (float(each) for each in VALLEY.pull(root, start))
        assert 0.0 < low <= pulls.min() + 1e-12
        assert pulls.max() <= high + 1e-12
    t = np.linspace(-2.0, 3.0, 401)
    largest = np.abs(np.poly1d(1.5 * np.poly(ROOTS)).deriv()(t)).max()
    assert largest <= VALLEY.steepness(-2.0, 3.0) <= 1.5 * largest


def test_a_turned_pair_is_stationary_at_all_pairs_of_roots() -> None:
    kinds = [place.kind for place in SURFACE.stationary]
    assert {kind: kinds.count(kind) for kind in kinds} == {"minimum": 4, "saddle": 4, "maximum": 1}
    for place in SURFACE.stationary:
        x, y = (Fraction(c) for c in place.point)
        value = sum(Fraction(c) * x**i * y**j for c, (i, j) in SURFACE.problem.terms)
        assert value == VALLEY.height(float(x + y)) + OTHER.height(float(x - y))
        for slope in SURFACE.problem.derivatives:
            assert sum(Fraction(c) * x**i * y**j for c, (i, j) in slope.terms) == 0
        hessian = SURFACE.problem.hessian(np.array(place.point))
        assert np.linalg.eigvalsh(hessian) == pytest.approx(sorted(place.eigenvalues))
        for eigenvalue, axis in zip(place.eigenvalues, place.axes, strict=True):
            assert hessian @ axis == pytest.approx(eigenvalue * np.array(axis))
        assert without_rounding(SURFACE.problem, place.point, 53)
    assert not without_rounding(SURFACE.problem, (2.0**-14, 1.0), 53)


def test_slices_keep_the_other_coordinates() -> None:
    point = (0.5, -0.25)
    first, second = (slice_of(SURFACE.problem, point, index) for index in (0, 1))
    for t in (-1.0, 0.5, 2.0):
        along = SURFACE.problem.value(np.array([t, point[1]]))
        across = SURFACE.problem.value(np.array([point[0], t]))
        assert first.value(np.array([t])) == pytest.approx(along)
        assert second.value(np.array([t])) == pytest.approx(across)


def test_the_third_derivative_bounds_the_remainder() -> None:
    for place in SURFACE.stationary:
        delta = strict_within(SURFACE.problem, place)
        least = min(abs(each) for each in place.eigenvalues)
        point = np.array(place.point)
        hessian = SURFACE.problem.hessian(point)
        for _ in range(20):
            h = RANDOM.normal(size=2)
            h *= delta * RANDOM.uniform(0.1, 1.0) / np.linalg.norm(h)
            rise = SURFACE.problem.value(point + h) - SURFACE.problem.value(point)
            assert abs(rise - 0.5 * h @ hessian @ h) < least / 4 * h @ h
    cubic = Polynomial(1, ((2.0, (3,)),))
    assert third_derivative_bound(cubic, (0.0,), 1.0) == pytest.approx(12.0)


def test_inertia_is_counted_exactly() -> None:
    for spectrum in ((1.0, 2.0, 3.0), (1.0, -1.0, 0.0), (0.0, 0.0, 0.0), (-1.0, -2.0, 5.0)):
        signs = np.sign(spectrum)
        expected = tuple(int(np.sum(signs == sign)) for sign in (1, -1, 0))
        assert inertia(np.diag(spectrum)) == expected
        mixing = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
        assert inertia(mixing.T @ np.diag(spectrum) @ mixing) == expected
    assert inertia(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])) == (2, 0, 0)
    # B02: the strict minimum of w^4 has no positive definite Hessian.
    for power in DEGENERATE.values():
        assert inertia(power.hessian(np.zeros(1))) == (0, 0, 1)


@pytest.mark.parametrize("name", CONVEX)
def test_convex_functions_are_proved_convex(name: str) -> None:
    low, high = np.array([-3.0]), np.array([3.0])
    assert proves_convex(CONVEX[name], low, high)
    # P06: exp is strictly convex everywhere and has no minimum; affine functions are not.
    least = {"exp": np.exp(-3.0), "log cosh": 1 / np.cosh(3.0) ** 2}.get(name)
    if least is not None:
        assert proves_convex(CONVEX[name], low, high, 0.9 * least)
        assert not proves_convex(CONVEX[name], low, high, 1.01 * least)
    else:
        assert not proves_convex(CONVEX[name], low, high, 1e-6)


def test_regressions_are_proved_convex_and_others_are_not() -> None:
    box = np.array([-0.125, -0.125]), np.array([0.125, 0.125])
    line = LinearRegression((1.0, 2.0, 3.0), (0.0, 1.0, 0.0))
    alike = LinearRegression((2.0, 2.0, 2.0), (0.0, 1.0, 0.0))
    classes = LogisticRegression((-1.0, 0.5, 2.0), (0.0, 1.0, 0.0))
    assert all(proves_convex(problem, *box) for problem in (line, alike, classes))
    assert proves_convex(line, *box, 0.5)
    assert not proves_convex(alike, *box, 2.0**-20)
    assert not proves_convex(ROSENBROCK, *box)
    assert not proves_convex(DOUBLE_WELL, np.array([-0.5]), np.array([0.5]))
    assert proves_convex(DOUBLE_WELL, np.array([0.75]), np.array([1.5]))


def test_semidefinite_matrices_of_balls() -> None:
    def balls(rows: object) -> list[list[arb]]:
        return [[arb(each) for each in row] for row in rows]

    assert is_semidefinite(balls([[1, 1], [1, 1]]))
    assert is_semidefinite(balls([[0, 0], [0, 1]]))
    assert not is_semidefinite(balls([[0, 1], [1, 0]]))
    assert not is_semidefinite(balls([[1, 2], [2, 1]]))
    assert not is_semidefinite([[arb(0, 1)]])
    assert is_semidefinite(balls([[3, 1], [1, 3]]), 1.5)
    assert not is_semidefinite(balls([[3, 1], [1, 3]]), 2.5)


def test_curvature_along_the_lowest_direction() -> None:
    point = np.array([0.0, 1.0])
    flat = [entry for row in interval_hessian(ROSENBROCK, point, point) for entry in row]
    assert float(curvature_along(flat, [1.0, 0.0])) == -199.0
    assert abs(lowest_direction(ROSENBROCK, point)).tolist() == [1.0, 0.0]


def test_gaps_between_chords_and_functions() -> None:
    ends = np.array([-1.5]), np.array([0.5])
    between = float(np.exp(-1.5) * 0.25 + np.exp(0.5) * 0.75 - np.exp(0.0))
    assert float(chord_gap(EXPONENTIAL, *ends, 0.25)) == pytest.approx(between)
    # P06: all chords of an affine function touch it.
    assert chord_gap(AFFINE, *ends, 0.25) == 0
    assert chord_gap(FOURTH_POWER, *ends, 0.5) > 0
    assert chord_gap(LOG_COSH, *ends, 0.5) > 0
    assert chord_gap(DOUBLE_WELL, np.array([-0.5]), np.array([0.5]), 0.5) < 0
