"""Coordinate descent in exact arithmetic: Gauss and Seidel, coupled variables, where it stays."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.minimizers.coordinate_descent import (
    SADDLE_OF_AXES,
    Kink,
    blocks,
    coordinate_direction,
    coupled,
    sweep_contraction,
)
from optcheck.reference.trajectories import scalars

RANDOM = np.random.default_rng(4)


def test_the_direction_is_a_unit_vector_downhill() -> None:
    gradient = np.array([2.0, -0.5, 0.0])
    expected = [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    for index, each in enumerate(expected):
        assert coordinate_direction(gradient, index).tolist() == each
        found = coordinate_direction(Arithmetic.exact().array(gradient), index)
        assert isinstance(found, Balls)
        assert found.midpoints().tolist() == each


def test_blocks_cover_all_coordinates_once() -> None:
    assert blocks(5, 2) == [[0, 1], [2, 3], [4]]
    assert blocks(3, 1) == [[0], [1], [2]]
    assert blocks(2, 30) == [[0, 1]]


def coordinate_minimum(A: Any, b: Any, x: Any, i: int) -> Any:
    """Where the derivative of ``x'A x/2 - b'x`` in coordinate ``i`` is 0."""
    return (b[i] - sum(A[i][j] * x[j] for j in range(len(x)) if j != i)) / A[i][i]


def test_on_quadratics_it_is_gauss_seidel() -> None:
    """With ``A = L + U``, ``L`` with the diagonal, a sweep solves ``L x' = b - U x``."""
    half = np.vectorize(Fraction)(RANDOM.integers(-3, 4, (4, 4)))
    A = half + half.T + 20 * np.eye(4, dtype=int)
    b = np.vectorize(Fraction)(RANDOM.integers(-9, 9, 4))
    x = [Fraction(int(v)) for v in RANDOM.integers(-9, 9, 4)]
    for _ in range(3):
        before = list(x)
        for i in range(4):
            x[i] = coordinate_minimum(A, b, x, i)
        for i in range(4):
            left = sum(A[i][j] * x[j] for j in range(i + 1))
            assert left == b[i] - sum(A[i][j] * before[j] for j in range(i + 1, 4))


@pytest.mark.parametrize("alpha", [Fraction(1, 1000), Fraction(1, 2), Fraction(3)])
def test_a_sweep_over_coupled_variables(alpha: Fraction) -> None:
    A = [[2 + 2 * alpha, Fraction(-2)], [Fraction(-2), 2 + 2 * alpha]]
    x = [Fraction(5), Fraction(-7)]
    for i in (0, 1):
        x[i] = coordinate_minimum(A, [0, 0], x, i)
    assert x[1] == -7 * sweep_contraction(alpha) == Fraction(-7) / (1 + alpha) ** 2
    # As printed, with a y_1 that is no variable, the second coordinate is not held by alpha (G34).
    printed = [[2 + 2 * alpha, Fraction(-2)], [Fraction(-2), Fraction(2)]]
    x = [Fraction(5), Fraction(-7)]
    for i in (0, 1):
        x[i] = coordinate_minimum(printed, [0, 0], x, i)
    assert x[1] == Fraction(-7) / (1 + alpha) != -7 * sweep_contraction(alpha)


def test_the_coupled_quadratic_crawls_and_newton_does_not() -> None:
    assert sweep_contraction(0.001) == pytest.approx(0.998, abs=5e-6)
    problem = coupled(0.125)
    x = np.array([1.5, -2.0])
    value = (x[0] - x[1]) ** 2 + 0.125 * (x[0] ** 2 + x[1] ** 2)
    assert problem.value(x) == pytest.approx(value, rel=1e-15)
    step = np.linalg.solve(np.array(problem.hessian(x)), -problem.gradient(x))
    assert x + step == pytest.approx(np.zeros(2), abs=1e-15)


def test_no_coordinate_leaves_the_kink() -> None:
    problem = Kink(0.1)
    held = np.array([1.0, 1.0])
    assert problem.value(held) == pytest.approx(0.2)
    assert problem.value(np.zeros(2)) == 0.0
    for t in np.linspace(-3.0, 3.0, 601):
        for i in (0, 1):
            other = held.copy()
            other[i] = t
            assert problem.value(other) >= problem.value(held) - 1e-15
    # Farther out than 1/(2 weight), a coordinate leaves it.
    assert problem.value(np.array([5.5, 6.0])) < problem.value(np.array([6.0, 6.0]))


def test_no_coordinate_leaves_the_saddle() -> None:
    for t in np.linspace(-2.0, 2.0, 41):
        for point in ([t, 0.0], [0.0, t]):
            assert SADDLE_OF_AXES.value(np.array(point)) >= 0.0
    assert SADDLE_OF_AXES.value(np.array([1.0, 1.0])) == -1.0
    assert np.linalg.eigvalsh(np.array(SADDLE_OF_AXES.matrix)).tolist() == pytest.approx([-1, 5])


def test_the_kink_in_every_number_type() -> None:
    problem, x = Kink(0.25), np.array([1.5, -0.5])
    sources, known = problem.sources(), {"x": x, "np": np}
    assert problem.value(x) == eval(sources.value, known) == 2.625
    assert problem.gradient(x).tolist() == [1.75, -1.25]
    assert [eval(each, known) for each in sources.gradient] == [1.75, -1.25]
    assert np.array(problem.hessian(x)).tolist() == [[0.5, 0.0], [0.0, 0.5]]
    exact = scalars(x, Arithmetic.exact())
    assert problem.value(exact).ball == 2.625
    assert [each.ball for each in problem.gradient(exact)] == [1.75, -1.25]
    assert [[each.ball for each in row] for row in problem.hessian(exact)] == [[0.5, 0], [0, 0.5]]
    assert problem.with_coefficients(problem.coefficients) == problem


def sparse_coding(X: Any, W: Any, H: Any, penalty: float) -> float:
    return float(np.sum((X - W @ H) ** 2) + penalty * np.sum(np.abs(H)))


def test_sparse_coding_is_convex_in_each_block_and_not_in_both() -> None:
    X = RANDOM.normal(size=(3, 4))
    for _ in range(50):
        (W, V), (H, K) = RANDOM.normal(size=(2, 3, 2)), RANDOM.normal(size=(2, 2, 4))
        t = RANDOM.uniform()
        chord = t * sparse_coding(X, W, H, 0.5) + (1 - t) * sparse_coding(X, V, H, 0.5)
        assert sparse_coding(X, t * W + (1 - t) * V, H, 0.5) <= chord + 1e-12
        chord = t * sparse_coding(X, W, H, 0.5) + (1 - t) * sparse_coding(X, W, K, 0.5)
        assert sparse_coding(X, W, t * H + (1 - t) * K, 0.5) <= chord + 1e-12
    # Both signs turned, the product is the same; half way between, there is no product.
    W, H = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(2, 4))
    X = W @ H
    assert sparse_coding(X, W, H, 0.01) == pytest.approx(sparse_coding(X, -W, -H, 0.01))
    assert sparse_coding(X, 0 * W, 0 * H, 0.01) > sparse_coding(X, W, H, 0.01)
