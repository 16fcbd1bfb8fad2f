"""Newton's methods against exact arithmetic: the equations, the misprints, the limits."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb

from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.formats import FORMATS
from optcheck.reference.minimizers.newton import (
    NEWTON,
    REGULARIZED_NEWTON,
    SADDLE_FREE_NEWTON,
    absolute,
    absolute_error,
    newton_equations,
    regularised_equations,
    saddle_free_equations,
)
from optcheck.reference.problems import LOG_COSH, SADDLE, Polynomial, hadamard
from optcheck.reference.trajectories import residual, scalars

RANDOM = np.random.default_rng(2)
EXACT = Arithmetic.exact()
DOUBLE = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)


def solved(equations: tuple[Any, Any]) -> list[Fraction]:
    """The exact solution of a system of rationals, by Gauss and Jordan."""
    rows, right = equations
    system = [[*map(Fraction, row), Fraction(b)] for row, b in zip(rows, right, strict=True)]
    for k in range(len(system)):
        pivot = max(range(k, len(system)), key=lambda i: abs(system[i][k]))
        system[k], system[pivot] = system[pivot], system[k]
        system[k] = [a / system[k][k] for a in system[k]]
        for i, row in enumerate(system):
            if i != k:
                system[i] = [a - row[k] * b for a, b in zip(row, system[k], strict=True)]
    return [row[-1] for row in system]


def rationals(*shape: int) -> np.ndarray:
    return np.vectorize(Fraction)(RANDOM.integers(-8, 8, shape))


def symmetric(count: int) -> np.ndarray:
    half = rationals(count, count)
    return half + half.T + 40 * np.eye(count, dtype=int)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_newton_makes_the_quadratic_model_stationary(count: int) -> None:
    H, g = symmetric(count), rationals(count)
    d = np.array(solved(newton_equations(H, g)))
    assert np.all(H @ d + g == 0)
    # Algorithm 8.9 as printed goes to twice the distance (G18).
    printed = -d
    assert np.all(H @ (-d + printed) == 2 * g)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_shift_leads_from_newton_to_the_gradient(count: int) -> None:
    H, g = symmetric(count), rationals(count)
    g[0] = Fraction(1)
    plain = solved(newton_equations(H, g))
    assert solved(regularised_equations(H, g, 0)) == plain
    for shift in (Fraction(1, 10**6), Fraction(10**6)):
        d = np.array(solved(regularised_equations(H, g, shift)))
        assert np.all(shift * d + g == -H @ d)
        assert np.all(H @ (d - plain) == -shift * d)
    lengths = [
        sum(each**2 for each in solved(regularised_equations(H, g, shift))) for shift in range(5)
    ]
    assert lengths == sorted(lengths, reverse=True)


def test_whitened_variables() -> None:
    # Q is a quarter turn of (3, 4)/5: everything is rational.
    Q = np.array([[Fraction(3, 5), Fraction(-4, 5)], [Fraction(4, 5), Fraction(3, 5)]])
    roots = np.array([Fraction(2), Fraction(7)])
    H = Q @ np.diag(roots**2) @ Q.T
    g = np.array([Fraction(5), Fraction(-3)])
    back = Q @ np.diag(1 / roots)  # phi to theta
    slope = back.T @ g
    assert np.all(back.T @ H @ back == np.eye(2, dtype=int))
    assert np.all(Q @ np.diag(roots) @ slope == g)
    assert list(back @ -slope) == solved(newton_equations(H, g))
    # As printed (G19, G20).
    assert not np.any(Q @ np.diag(roots) @ g == slope)
    assert not np.any(np.diag(roots) @ Q.T @ slope == g)
    # A model in phi: the same value as the model in theta, wherever.
    step = np.array([Fraction(1, 3), Fraction(2)])
    assert g @ (back @ step) + (back @ step) @ H @ (back @ step) / 2 == (
        slope @ step + step @ step / 2
    )


def matrix_of_arb(matrix: np.ndarray) -> list[list[arb]]:
    return [[arb(float(a)) for a in row] for row in matrix]


MATRICES = {
    "indefinite": np.array([[1.0, 2.0], [2.0, -3.0]]),
    "definite": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 1.0], [0.5, 1.0, 5.0]]),
    "negative": -np.diag([1.0, 2.0]),
    "singular": np.array([[1.0, 1.0], [1.0, 1.0]]),
    "zero": np.zeros((2, 2)),
    "one": np.array([[-3.0]]),
    "double": np.array(hadamard([2.0, 2.0, -2.0, -0.125]).matrix),
    "graded": np.diag([1.0, 2.0**-40]) + 2.0**-30 * np.ones((2, 2)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_absolute_is_the_positive_root_of_the_square(name: str) -> None:
    matrix = MATRICES[name]
    with mpmath.workprec(300):
        values, Q = mpmath.eigsy(mpmath.matrix(matrix.tolist()))
        expected = Q * mpmath.diag([abs(v) for v in values]) * Q.T
        with ball_arithmetic():
            found = absolute(matrix_of_arb(matrix))
            for i in range(len(matrix)):
                for j in range(len(matrix)):
                    off = mpmath.mpf(found[i][j].str(70, radius=False)) - expected[i, j]
                    assert abs(off) <= 2.0**-190 * max(1.0, np.abs(matrix).max())


def numbers(values: Any, arithmetic: Arithmetic) -> Any:
    if np.ndim(values) == 0:
        return Scalar(arb(float(values)), arithmetic.bits)
    return [numbers(each, arithmetic) for each in values]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eigenvectors_solve_within_the_bound(count: int, dtype: str) -> None:
    worst = 0.0
    for _ in range(50):
        half = RANDOM.normal(size=(count, count))
        H, g = (half + half.T).astype(dtype), RANDOM.normal(size=count).astype(dtype)
        curvatures, Q = np.linalg.eigh(H)
        d = (-Q @ (Q.T @ g / np.abs(curvatures))).astype(float)
        rows, right = saddle_free_equations(numbers(H, EXACT), numbers(g, EXACT))
        left = [sum(float(a.ball.mid()) * e for a, e in zip(row, d, strict=True)) for row in rows]
        off = np.array(left) - [float(b.ball.mid()) for b in right]
        working = FORMATS[dtype].bits
        matrix, vector = absolute_error(numbers(H, EXACT), numbers(g, EXACT), working)
        worst = max(worst, np.abs(off).max() / (matrix * np.abs(d).sum() + vector))
    assert 0.0 < worst <= 0.1


def test_absolute_values_carry_an_error_over_with_the_root_of_two() -> None:
    for _ in range(200):
        half = RANDOM.normal(size=(3, 3))
        A, E = half + half.T, RANDOM.normal(size=(3, 3))
        B = A + (E + E.T) * 10.0 ** RANDOM.uniform(-3, 1)

        def modulus(M: np.ndarray) -> np.ndarray:
            values, Q = np.linalg.eigh(M)
            return Q @ np.diag(np.abs(values)) @ Q.T

        change = np.linalg.norm(modulus(A) - modulus(B))
        assert change <= 2**0.5 * np.linalg.norm(A - B) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("record", "dialect", "matrix", "h"),
    [
        (NEWTON, "full-step", lambda H: H, {}),
        (REGULARIZED_NEWTON, "shifted", lambda H: H + 3.0 * np.eye(2), {"shift": 3.0}),
        (
            SADDLE_FREE_NEWTON,
            "absolute-eigenvalues",
            lambda H: np.diag(np.abs(np.diag(H))),
            {},
        ),
    ],
)
def test_the_residual_judges_directions(record: Any, dialect: str, matrix: Any, h: Any) -> None:
    point = np.array([0.3125, 0.1875])
    H = np.array([[2.0, 0.0], [0.0, -2.0 + 0.75 * point[1] ** 2]])
    g = np.array([2 * point[0], -2 * point[1] + 0.25 * point[1] ** 3])
    right = np.linalg.solve(matrix(H), -g)
    for direction, conforms in ((right, True), (right * (1 + 1e-9), False), (-right, False)):
        off, bound = residual(record.dialects[dialect], SADDLE, point, direction, None, h, DOUBLE)
        assert bool(np.all(bound.judge(off) <= 1.0)) == conforms


def test_the_equations_are_those_of_the_problem() -> None:
    form = NEWTON.dialects["full-step"]
    assert form.system is not None
    rows, right = form.system(SADDLE, scalars([1.0, 2.0], EXACT), None, SimpleNamespace())
    assert [[float(a.ball) for a in row] for row in rows] == [[2.0, 0.0], [0.0, 1.0]]
    assert [float(b.ball) for b in right] == [-2.0, 2.0]


def newton_path(problem: Any, start: list[float], steps: int) -> np.ndarray:
    """The points of Newton's path, in doubles."""
    path = [np.array(start)]
    for _ in range(steps):
        x = path[-1]
        path.append(x - np.linalg.solve(problem.hessian(x), problem.gradient(x)))
    return np.array(path)


def test_newton_is_attracted_to_saddles_and_maxima() -> None:
    printed = Polynomial(2, ((1.0, (2, 0)), (-1.0, (0, 2)), (0.05, (0, 4))))
    assert np.max(np.abs(newton_path(printed, [0.3, 0.2], 6)[-1])) < 1e-12
    summit = Polynomial(1, ((-1.0, (2,)),))
    assert newton_path(summit, [0.75], 1)[-1] == [0]


def test_the_full_step_on_log_cosh_diverges_beyond_the_critical_start() -> None:
    critical = mpmath.findroot(lambda x: mpmath.sinh(2 * x) - 4 * x, 1.1)
    assert abs(critical - 1.0887) < 5e-5
    for start, converges in ((1.0, True), (1.0625, True), (1.125, False), (1.2, False)):
        x = mpmath.mpf(start)
        sizes = [x]
        for _ in range(6):
            x -= mpmath.sinh(2 * x) / 2
            sizes.append(abs(x))
            if abs(x) > 1000:
                break
        assert (sizes[1] < sizes[0]) == converges
        assert (sizes[-1] < 1e-3) == converges
    # The map is that of the problem; from 1.2 the values that the erratum P13 gives.
    path = newton_path(LOG_COSH, [1.2], 3)[:, 0]
    assert np.round(path[:3], 2).tolist() == [1.2, -1.53, 3.82]
    assert round(path[3], 1) == -516.6


def test_uphill_along_negative_curvature() -> None:
    H, g = np.diag([Fraction(2), Fraction(-2)]), np.array([Fraction(1), Fraction(3)])
    assert g @ np.array(solved(newton_equations(H, g))) > 0
    assert g @ np.array(solved(regularised_equations(H, g, 3))) < 0


def test_the_hessian_of_a_million_parameters() -> None:
    entries = (10**6) ** 2
    assert entries * 4 == 4000 * 10**9
    assert entries * 4 / 2**30 == pytest.approx(3725.29, abs=0.005)
    assert entries * 8 / 2**30 == pytest.approx(7450.58, abs=0.005)
