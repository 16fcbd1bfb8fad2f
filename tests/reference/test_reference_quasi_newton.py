"""The record of BFGS and L-BFGS against the formulas evaluated in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from optcheck.reference import PROCEDURES
from optcheck.reference.balls import Arithmetic
from optcheck.reference.minimizers.matrices import identity, solved
from optcheck.reference.minimizers.quasi_newton import (
    expanded_form,
    hessian_form,
    memoryless_direction,
    product_form,
    quasi_newton_direction,
    two_loop_direction,
    updated,
)
from optcheck.reference.oracle import namespace
from optcheck.reference.procedures import Iterate

EXACT = Arithmetic.exact()
S = [Fraction(3, 4), Fraction(-1, 2), Fraction(5, 8)]
Y = [Fraction(2), Fraction(1, 4), Fraction(3, 2)]
B = [
    [Fraction(2), Fraction(1, 2), Fraction(0)],
    [Fraction(1, 2), Fraction(1), Fraction(-1, 4)],
    [Fraction(0), Fraction(-1, 4), Fraction(3)],
]
G = [Fraction(1, 2), Fraction(-3), Fraction(7, 4)]
N = range(3)

Rational = list[list[Fraction]]


def inner(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def applied(matrix: Rational, v: list[Fraction]) -> list[Fraction]:
    return [inner(row, v) for row in matrix]


def textbook(matrix: Rational, s: list[Fraction], y: list[Fraction]) -> Rational:
    """The product, written out from the slide, entry by entry."""
    rho = 1 / inner(s, y)
    left = [[(i == j) - rho * s[i] * y[j] for j in N] for i in N]
    return [
        [
            sum((left[i][k] * matrix[k][m] * left[j][m] for k in N for m in N), Fraction(0))
            + rho * s[i] * s[j]
            for j in N
        ]
        for i in N
    ]


def printed(matrix: Rational, term: Rational) -> Rational:
    """The sum of goodfellow 8.23 with ``term`` for the product that is misprinted."""
    rho, changed = 1 / inner(S, Y), applied(matrix, Y)
    factor = (1 + inner(Y, changed) * rho) * rho
    return [
        [
            matrix[i][j] + factor * term[i][j] - rho * (S[i] * changed[j] + changed[i] * S[j])
            for j in N
        ]
        for i in N
    ]


def vector(values: list[Fraction]) -> Any:
    return EXACT.array([float(v) for v in values])


def rows(matrix: Rational) -> list[Any]:
    return [vector(row) for row in matrix]


def doubles(matrix: Rational) -> np.ndarray:
    return np.array([[float(v) for v in row] for row in matrix])


def midpoints(matrix: list[Any]) -> np.ndarray:
    return np.array([row.midpoints() for row in matrix])


@pytest.mark.parametrize("update", [product_form, expanded_form])
def test_both_forms_are_the_update_of_the_slide(update: Any) -> None:
    expected = textbook(B, S, Y)
    assert np.allclose(
        midpoints(update(rows(B), vector(S), vector(Y))), doubles(expected), rtol=1e-15
    )
    native = update([np.array(row, float) for row in doubles(B)], *doubles([S, Y]))
    assert np.allclose(np.array(native), doubles(expected), rtol=1e-13)


def test_the_update_has_the_secant_condition_and_is_symmetric() -> None:
    new = textbook(B, S, Y)
    assert applied(new, Y) == S
    assert new == [list(column) for column in zip(*new, strict=True)]
    # As printed, with the other sign (G25), it does not hold.
    assert applied(new, Y) != [-v for v in S]


def test_readings_of_the_misprinted_sum_are_no_quasi_newton_updates() -> None:
    number = inner(Y, Y)
    corrected = printed(B, [[S[i] * S[j] for j in N] for i in N])
    assert corrected == textbook(B, S, Y)
    for term in (
        [[number for _ in N] for _ in N],
        [[number * (i == j) for j in N] for i in N],
        [[Y[i] * Y[j] for j in N] for i in N],
    ):
        assert applied(printed(B, term), Y) != S


def test_the_form_for_the_hessian_is_the_inverse() -> None:
    inverse = [solved(rows(B), e) for e in identity(vector(S))]
    hessian = midpoints(hessian_form(inverse, vector(S), vector(Y)))
    assert np.allclose(hessian @ doubles(textbook(B, S, Y)), np.eye(3), atol=1e-14)


def test_solving_by_cholesky() -> None:
    solution = solved(rows(B), vector(G))
    assert np.allclose(doubles(B) @ solution.midpoints(), [float(v) for v in G], rtol=1e-15)


def test_memoryless_bfgs_is_one_update_of_the_identity() -> None:
    unit = [[Fraction(int(i == j)) for j in N] for i in N]
    expected = [-v for v in applied(textbook(unit, S, Y), G)]
    found = memoryless_direction(vector(G), vector(S), vector(Y)).midpoints()
    assert np.allclose(found, [float(v) for v in expected], rtol=1e-15)
    # As printed, with its two coefficients exchanged (G28).
    c = inner(S, Y)
    a = -(1 + inner(Y, Y) / c) * inner(S, G) / c + inner(Y, G) / c
    b = inner(S, G) / c
    assert [-g + a * s + b * y for g, s, y in zip(G, S, Y, strict=True)] == expected
    assert [-g + b * s + a * y for g, s, y in zip(G, S, Y, strict=True)] != expected


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_two_loops_are_the_full_matrix(count: int) -> None:
    pairs = [([v + k for v in S], [v * (k + 1) for v in Y]) for k in range(count)]
    scale = Fraction(3, 8)
    full = [[scale * (i == j) for j in N] for i in N]
    for s, y in pairs:
        full = textbook(full, s, y)
    expected = [-float(v) for v in applied(full, G)]
    balls = [(vector(s), vector(y)) for s, y in pairs]
    found = two_loop_direction(vector(G), balls, EXACT.scalar(float(scale)))
    assert np.allclose(found.midpoints(), expected, rtol=1e-15)
    first = [row * EXACT.scalar(float(scale)) for row in identity(vector(G))]
    dense = quasi_newton_direction(updated(expanded_form, first, balls), vector(G))
    assert np.allclose(dense.midpoints(), expected, rtol=1e-15)


def path(kind: Any, hessian: np.ndarray, points: list[list[float]]) -> list[Iterate]:
    """Points of a quadratic around 0, as balls or as arrays."""
    steps = [*np.diff(points, axis=0), None]
    return [
        Iterate(kind(x), kind(hessian @ x), None, None if s is None else kind(s))
        for x, s in zip(np.array(points), steps, strict=True)
    ]


POINTS = [[1.0, 2.0], [0.5, -1.0], [-0.25, 0.5], [0.75, 0.125]]
FORMS = [
    (method, dialect) for method in ("bfgs", "l-bfgs") for dialect in PROCEDURES[method].dialects
]


def h(threshold: float = 0.0, history: float = 2.0) -> SimpleNamespace:
    given = {"curvature_threshold": threshold, "history": history}
    return SimpleNamespace(**given, given=given)


def balls_h(arithmetic: Arithmetic, threshold: float = 0.0) -> SimpleNamespace:
    return namespace(arithmetic, {"curvature_threshold": threshold, "history": 2.0}, 0)


def direction(
    method: str, dialect: str, hessian: np.ndarray, count: int, given: SimpleNamespace
) -> np.ndarray:
    form = PROCEDURES[method].dialects[dialect]
    assert form.direction is not None
    found: np.ndarray = form.direction(path(np.asarray, hessian, POINTS[:count]), given)
    return found


@pytest.mark.parametrize(("method", "dialect"), FORMS)
def test_arrays_and_balls_give_the_same_direction(method: str, dialect: str) -> None:
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    form = PROCEDURES[method].dialects[dialect]
    assert form.direction is not None
    for count in range(1, 5):
        arrays = direction(method, dialect, hessian, count, h())
        balls = form.direction(path(EXACT.array, hessian, POINTS[:count]), balls_h(EXACT))
        assert np.allclose(balls.midpoints(), arrays, rtol=1e-13)


@pytest.mark.parametrize(("method", "dialect"), FORMS)
def test_the_first_direction_is_against_the_gradient(method: str, dialect: str) -> None:
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    gradient = hessian @ POINTS[0]
    size = np.linalg.norm(gradient) if dialect == "two-loop+capped" else 1.0
    assert size >= 1.0
    assert np.allclose(direction(method, dialect, hessian, 1, h()), -gradient / size)


@pytest.mark.parametrize(("method", "dialect"), FORMS)
def test_a_pair_of_negative_curvature_is_skipped(method: str, dialect: str) -> None:
    # The second variable is concave: the first step, mostly along it, is skipped.
    hessian = np.diag([1.0, -1.0])
    if dialect == "two-loop+capped":
        without = direction(method, "two-loop", hessian, 2, h())
    else:
        without = direction(method, dialect, hessian, 2, h(threshold=1e9))
    assert np.allclose(direction(method, dialect, hessian, 2, h()), without)
    assert np.allclose(without, -hessian @ POINTS[1])


@pytest.mark.parametrize(("method", "dialect"), FORMS)
def test_an_undecided_pair_covers_both(method: str, dialect: str) -> None:
    working = Arithmetic(24, 24, 24)
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    form = PROCEDURES[method].dialects[dialect]
    assert form.direction is not None
    steps = path(working.array, hessian, POINTS[:2])
    # A threshold that s'y meets as far as 24 bits tell.
    s = np.subtract(POINTS[1], POINTS[0])
    threshold = float(s @ hessian @ s) * (1 + 2.0**-26)
    covered = form.direction(steps, balls_h(working, threshold))
    for threshold in (0.0, 1e9):
        exact = direction(method, dialect, hessian, 2, h(threshold))
        for ball, value in zip(covered.balls, exact.tolist(), strict=True):
            assert ball.contains(value)


def test_only_the_last_pairs_are_remembered() -> None:
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    for dialect in ("two-loop", "two-loop+unscaled"):
        form = PROCEDURES["l-bfgs"].dialects[dialect]
        assert form.direction is not None
        late = form.direction(path(np.asarray, hessian, POINTS[1:]), h())
        assert np.allclose(direction("l-bfgs", dialect, hessian, 4, h()), late)
        assert not np.allclose(direction("l-bfgs", dialect, hessian, 4, h(history=3.0)), late)
    one = direction("l-bfgs", "two-loop+unscaled", hessian, 4, h(history=1.0))
    assert np.allclose(one, direction("l-bfgs", "memoryless", hessian, 4, h()))
