"""Levenberg-Marquardt in rational numbers: derivatives, conventions, steps and their limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import cosh, log, tanh
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference.minimizers.levenberg_marquardt import (
    LEVENBERG_MARQUARDT,
    damped_hessian,
    gauss_newton_term,
    gradient_of_squares,
    hessian,
    mean_gradient,
    mean_squared_error,
    predicted_decrease,
)
from optcheck.reference.problems import LOG_COSH, LeastSquares

Point = Sequence[Fraction]
Function = Callable[[Point], Any]

NUMBERS = st.integers(-24, 24).map(lambda k: Fraction(k, 8))
POSITIVE = st.integers(1, 64).map(lambda k: Fraction(k, 8))
POINTS = st.tuples(NUMBERS, NUMBERS)
# The coefficients of three residuals: a x + b y + c x y + d.
RESIDUALS = st.tuples(*(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),) * 3)


def residual(rows: Sequence[Sequence[Fraction]], w: Point) -> list[Fraction]:
    return [a * w[0] + b * w[1] + c * w[0] * w[1] + d for a, b, c, d in rows]


def jacobian(rows: Sequence[Sequence[Fraction]], w: Point) -> list[list[Fraction]]:
    return [[a + c * w[1], b + c * w[0]] for a, b, c, _ in rows]


def derivative(f: Function, w: Point, i: int) -> Fraction:
    """Five points: exact for polynomials up to the fourth degree in each variable."""
    h = Fraction(1, 2)

    def at(k: int) -> Any:
        return f([value + k * h if j == i else value for j, value in enumerate(w)])

    return (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h)


def solved(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction]:
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return [
        (right[0] * d - b * right[1]) / determinant,
        (a * right[1] - c * right[0]) / determinant,
    ]


def product(matrix: Sequence[Sequence[Fraction]], vector: Sequence[Fraction]) -> list[Fraction]:
    return [inner(row, vector) for row in matrix]


def inner(first: Sequence[Fraction], second: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def gradient(J: Sequence[Sequence[Fraction]], e: Sequence[Fraction]) -> list[Fraction]:
    return [inner(column, e) for column in zip(*J, strict=True)]


def step(J: Any, e: Any, mu: Fraction, ones: Sequence[int] = (1, 1)) -> list[Fraction]:
    g = gradient(J, e)
    return solved(damped_hessian(gauss_newton_term(J), mu, ones), [-each for each in g])


@given(RESIDUALS, POINTS)
def test_the_jacobian_is_that_of_the_residuals(rows: Any, w: Point) -> None:
    for k in range(3):
        slopes = [derivative(lambda v, k=k: residual(rows, v)[k], w, i) for i in range(2)]
        assert jacobian(rows, w)[k] == slopes


@given(RESIDUALS, POINTS)
def test_gradients_of_sums_and_of_means(rows: Any, w: Point) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    squares = [
        derivative(lambda v: inner(residual(rows, v), residual(rows, v)), w, i) for i in (0, 1)
    ]
    assert gradient_of_squares(J, e) == squares
    means = [derivative(lambda v: mean_squared_error(residual(rows, v)), w, i) for i in (0, 1)]
    assert mean_gradient(J, e) == means


@given(RESIDUALS, POINTS)
def test_the_hessian_is_two_terms(rows: Any, w: Point) -> None:
    def slope(i: int) -> Function:
        return lambda v: derivative(
            lambda u: inner(residual(rows, u), residual(rows, u)) / 2, v, i
        )

    curvatures = [[[Fraction(0), row[2]], [row[2], Fraction(0)]] for row in rows]
    found = hessian(jacobian(rows, w), residual(rows, w), curvatures)
    assert found == [[derivative(slope(i), w, j) for j in (0, 1)] for i in (0, 1)]


@given(RESIDUALS, POINTS, POSITIVE)
def test_a_damped_step_solves_the_least_squares_problem_with_more_rows(
    rows: Any, w: Point, mu: Fraction
) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    d = step(J, e, mu)

    def longer(v: Point) -> Fraction:
        left = [a + b for a, b in zip(product(J, v), e, strict=True)]
        return inner(left, left) + mu * inner(v, v)

    assert [derivative(longer, d, i) for i in (0, 1)] == [0, 0]
    g = gradient(J, e)
    assert inner(g, d) == -inner(product(J, d), product(J, d)) - mu * inner(d, d)
    assert inner(g, d) < 0 or g == [0, 0]


@given(RESIDUALS, POINTS, POSITIVE)
def test_means_are_sums_with_n_times_the_damping(rows: Any, w: Point, mu: Fraction) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    squares = [[each / 3 for each in row] for row in gauss_newton_term(J)]
    d = solved(damped_hessian(squares, mu, (1, 1)), [-each for each in mean_gradient(J, e)])
    assert d == step(J, e, 3 * mu)


@given(RESIDUALS, POINTS, POSITIVE)
def test_the_limits_of_the_damping(rows: Any, w: Point, mu: Fraction) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    M, g, d = gauss_newton_term(J), gradient(J, e), step(J, e, mu)
    # (J'J + mu)(d(0) - d(mu)) = mu d(0), and mu (d + g/mu) = -J'J d.
    assert [mu * a + b for a, b in zip(d, g, strict=True)] == [-each for each in product(M, d)]
    size = sum((m * m for row in M for m in row), Fraction(0))
    away = [a + b / mu for a, b in zip(d, g, strict=True)]
    assert inner(away, away) <= size / mu**2 * inner(g, g) / mu**2
    determinant = M[0][0] * M[1][1] - M[0][1] * M[1][0]
    if determinant:
        newton = solved(M, [-each for each in g])
        away = [a - b for a, b in zip(d, newton, strict=True)]
        # The inverse of a matrix of two rows has its entries, over the determinant.
        assert inner(away, away) <= mu**2 * size / determinant**2 * inner(newton, newton)


@given(RESIDUALS, POINTS, POSITIVE)
def test_the_predicted_decrease_is_that_of_the_linear_model(
    rows: Any, w: Point, mu: Fraction
) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    d = step(J, e, mu)
    model = [a + b for a, b in zip(e, product(J, d), strict=True)]
    by_floats = predicted_decrease(
        *(np.array(each, dtype=float) for each in (gradient(J, e), product(J, d), d))
    )
    exact = (inner(e, e) - inner(model, model)) / 2
    # As MINPACK has it.
    assert exact == inner(product(J, d), product(J, d)) / 2 + mu * inner(d, d)
    assert by_floats == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


@given(RESIDUALS, POINTS, POSITIVE)
def test_linear_residuals_leave_minus_mu_d(rows: Any, w: Point, mu: Fraction) -> None:
    linear = [(a, b, Fraction(0), d) for a, b, _, d in rows]
    e, J = residual(linear, w), jacobian(linear, w)
    d = step(J, e, mu)
    there = [a + b for a, b in zip(w, d, strict=True)]
    assert gradient(J, residual(linear, there)) == [-mu * each for each in d]


@given(RESIDUALS, POINTS, POSITIVE, st.tuples(POSITIVE, POSITIVE))
def test_scaled_damping_is_damping_in_scaled_variables(
    rows: Any, w: Point, mu: Fraction, scale: Point
) -> None:
    e, J = residual(rows, w), jacobian(rows, w)
    d = step(J, e, mu, [s * s for s in scale])
    scaled = [[a / s for a, s in zip(row, scale, strict=True)] for row in J]
    assert [s * each for s, each in zip(scale, d, strict=True)] == step(scaled, e, mu)


@given(POSITIVE, st.integers(2, 1000).map(Fraction), POSITIVE)
def test_where_damping_beats_steepest_descent(least: Fraction, kappa: Any, mu: Fraction) -> None:
    left, worst = mu / (mu + least), (kappa - 1) / (kappa + 1)
    assert (left < worst) == (mu < least * (kappa - 1) / 2)


def test_conventions_are_told_apart() -> None:
    e = [Fraction(3), Fraction(4)]
    assert mean_squared_error(e) == Fraction(25, 4)
    assert 2 * mean_squared_error(e) == inner(e, e) / 2
    assert set(LEVENBERG_MARQUARDT.dialects) >= {"fixed-damping", "fixed-damping-of-means"}


def test_a_residual_need_not_be_a_polynomial() -> None:
    problem = LeastSquares((LOG_COSH,))
    x = np.array([0.75])
    e, slope = log(cosh(0.75)), tanh(0.75)
    assert problem.value(x) == pytest.approx(e * e / 2)
    assert problem.gradient(x)[0] == pytest.approx(e * slope)
    assert problem.jacobian(x)[0, 0] == pytest.approx(slope)
    assert problem.hessian(x)[0, 0] == pytest.approx(slope**2 + e / cosh(0.75) ** 2)
    assert problem.with_coefficients(()) == problem
