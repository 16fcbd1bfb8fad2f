"""Conjugate gradients in rational numbers, where their theory holds to the letter."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from optcheck.properties.minimizers.conjugate_paths import (
    VALLEY,
    VALLEY_ITERATIONS,
    VALLEY_TOLERANCE,
)
from optcheck.reference.minimizers.conjugate_gradients import (
    CONJUGATE_GRADIENT,
    conjugate_direction,
    dai_yuan,
    fletcher_reeves,
    hestenes_stiefel,
    polak_ribiere,
    polak_ribiere_plus,
)
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.procedures import Iterate

COEFFICIENTS = [fletcher_reeves, polak_ribiere, polak_ribiere_plus, hestenes_stiefel, dai_yuan]
H = SimpleNamespace(given={"restart_every": 3.0}, smallest_denominator=Fraction(1, 2**52))
integers = st.integers(-5, 5)


def rational(values: Any) -> Any:
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, dtype=object))


def vectors(count: int) -> st.SearchStrategy[Any]:
    return st.lists(integers, min_size=count, max_size=count).map(rational)


@st.composite
def positive_definite(draw: st.DrawFn) -> Any:
    """``B'B + I`` of dimension 2 to 4."""
    count = draw(st.integers(2, 4))
    row = st.lists(integers, min_size=count, max_size=count)
    rows = rational([draw(row) for _ in range(count)])
    return rows.T @ rows + rational(np.eye(count, dtype=int).tolist())


def path_of(dialect: str, matrix: Any, start: Any, steps: int) -> list[Iterate]:
    """The recursion of the reference with the exact step, until the gradient is 0."""
    form = CONJUGATE_GRADIENT.dialects[dialect]
    x, path = start, []
    for _ in range(steps):
        g = matrix @ x
        if not np.any(g):
            return path
        d = form.direction([*path, Iterate(x, g)], H)
        path.append(Iterate(x, g, d))
        x = x + exact_step(g, d, matrix @ d) * d
    return [*path, Iterate(x, matrix @ x)] if np.any(matrix @ x) else path


@pytest.mark.parametrize("dialect", CONJUGATE_GRADIENT.dialects)
@settings(max_examples=10)
@given(data=st.data())
def test_a_quadratic_takes_at_most_n_steps(dialect: str, data: st.DataObject) -> None:
    matrix = data.draw(positive_definite())
    start = data.draw(vectors(len(matrix)))
    # Within the three steps before a restart.
    assume("restart" not in dialect or len(matrix) < 4)
    path = path_of(dialect, matrix, start, len(matrix))
    assert len(path) <= len(matrix)
    for j, later in enumerate(path):
        for earlier in path[:j]:
            assert later.direction @ matrix @ earlier.direction == 0
            assert later.gradient @ earlier.direction == 0
            assert later.gradient @ earlier.gradient == 0


@settings(max_examples=20)
@given(matrix=positive_definite(), data=st.data())
def test_all_coefficients_are_those_of_the_linear_method(matrix: Any, data: st.DataObject) -> None:
    x = data.draw(vectors(len(matrix)))
    residual = -matrix @ x
    p = residual
    # The method for linear systems as Hestenes and Stiefel wrote it, with residuals.
    while np.any(residual):
        step = residual @ residual / (p @ matrix @ p)
        x, after = x + step * p, residual - step * (matrix @ p)
        beta = after @ after / (residual @ residual)
        assert all(each(-after, -residual, p) == beta for each in COEFFICIENTS)
        residual, p = after, after + beta * p
    assert not np.any(matrix @ x)


@pytest.mark.parametrize(("curvatures", "steps"), [((3, 3, 3), 1), ((2, 2, 5), 2), ((1, 2, 5), 3)])
def test_a_step_for_each_distinct_curvature(curvatures: tuple[int, ...], steps: int) -> None:
    # A rotation with rational entries.
    turn = rational([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) / 3
    matrix = turn.T @ np.diag(rational(curvatures)) @ turn
    assert len(path_of("fletcher-reeves", matrix, rational([5, -7, 11]), 3)) == steps


def test_off_quadratics_the_coefficients_differ() -> None:
    before, g, d = rational([2, 1]), rational([1, 3]), rational([-1, -4])
    assert [each(g, before, d) for each in COEFFICIENTS] == [
        Fraction(10, 5),
        Fraction(-1 + 6, 5),
        Fraction(5, 5),
        Fraction(5, 1 - 8),
        Fraction(10, 1 - 8),
    ]
    # The gradient has hardly turned and is shorter: Polak and Ribiere's turns negative.
    assert polak_ribiere(before / 2, before) == Fraction(-1, 4)
    assert polak_ribiere_plus(before / 2, before) == 0


def test_the_printed_sign_ascends() -> None:
    # Errata G23: with + g the same lines are searched, from their other side.
    matrix, x = rational([[3, 1], [1, 2]]), rational([4, -1])
    g = matrix @ x
    down, up = -g, g
    for _ in range(2):
        assert g @ up > 0 > g @ down
        assert np.array_equal(up, -down)
        after = x + exact_step(g, down, matrix @ down) * down
        assert exact_step(g, up, matrix @ up) < 0
        new = matrix @ after
        if np.any(new):
            beta = fletcher_reeves(new, g)
            down, up = conjugate_direction(new, beta, down), new + beta * up
        x, g = after, new
    assert not np.any(g)


def test_conjugate_directions_are_orthogonal_where_the_quadratic_is_round() -> None:
    # Errata G21: the printed product has the same direction twice, and is a squared length.
    matrix = np.array([[3.0, 1.0], [1.0, 2.0]])
    first, second = path_of("polak-ribiere", rational(matrix.astype(int)), rational([4, -1]), 2)
    eigenvalues, Q = np.linalg.eigh(matrix)
    d, e = (
        np.sqrt(eigenvalues) * (Q.T @ each.direction.astype(float)) for each in (first, second)
    )
    assert abs(d @ e) < 1e-12 * np.linalg.norm(d) * np.linalg.norm(e)
    assert d @ d > 1.0


def test_steepest_descent_in_the_round_space_is_newton_and_not_this() -> None:
    # Errata G22: there H is the identity, whose steepest descent ends after one step.
    matrix, x = rational([[4, 0], [0, 1]]), rational([3, 5])
    root = rational([[2, 0], [0, 1]])
    y = root @ x
    assert not np.any(y + exact_step(y, -y, -y) * -y)
    assert len(path_of("fletcher-reeves", matrix, x, 2)) == 2


def test_lost_subscripts_change_the_coefficient() -> None:
    # Errata G24: only with g_t - g_{t-1} is the coefficient that of Fletcher and Reeves.
    matrix = rational([[3, 1], [1, 2]])
    first, second = path_of("polak-ribiere", matrix, rational([4, -1]), 2)
    g, before = second.gradient, first.gradient
    assert polak_ribiere(g, before) == fletcher_reeves(g, before)
    assert (g - before) @ before / (before @ before) == -1


def iterate(gradient: Any, direction: Any = None) -> Iterate:
    return Iterate(rational([0, 0]), rational(gradient), direction)


@pytest.mark.parametrize("name", ["fletcher-reeves", "polak-ribiere"])
def test_a_restart_forgets(name: str) -> None:
    plain, restarted = (CONJUGATE_GRADIENT.dialects[f"{name}{end}"] for end in ("", "+restart"))
    gradients = [[5, 1], [1, 4], [2, -3], [1, 2], [-2, 1]]
    # Directions that are not shown are found again from the start, or from the last restart.
    path = [iterate(each) for each in gradients]
    assert np.array_equal(restarted.direction(path[:4], H), -path[3].gradient)
    assert np.array_equal(restarted.direction(path, H), plain.direction(path[3:], H))
    assert np.array_equal(restarted.direction(path[:3], H), plain.direction(path[:3], H))


def test_a_guard_goes_down_the_gradient() -> None:
    guarded = CONJUGATE_GRADIENT.dialects["fletcher-reeves+descent"].direction
    plain = CONJUGATE_GRADIENT.dialects["fletcher-reeves"].direction
    assert guarded is not None
    assert plain is not None
    descending = [iterate([2, 0], rational([-2, 0])), iterate([1, 1])]
    assert np.array_equal(guarded(descending, H), plain(descending, H))
    ascending = [iterate([1, 0], rational([-1, 0])), iterate([-3, 1])]
    assert ascending[-1].gradient @ plain(ascending, H) > 0
    assert np.array_equal(guarded(ascending, H), -ascending[-1].gradient)
    tiny = [iterate([2.0**-30, 0], rational([-(2.0**-30), 0])), iterate([1, 1])]
    assert np.array_equal(guarded(tiny, H), -tiny[-1].gradient)


@pytest.mark.parametrize("start", VALLEY)
def test_steepest_descent_is_still_in_the_valley(start: tuple[float, float]) -> None:
    x, y = start
    for _ in range(VALLEY_ITERATIONS + 1):
        gradient = np.array([-(1 - x) - 200 * x * (y - x**2), 100 * (y - x**2)])
        assert np.max(np.abs(gradient)) > 100 * VALLEY_TOLERANCE
        along = [Polynomial([p, -s]) for p, s in zip((x, y), gradient, strict=True)]
        value = (1 - along[0]) ** 2 / 2 + 50 * (along[1] - along[0] ** 2) ** 2
        roots = value.deriv().roots()
        step = min(r.real for r in roots if abs(r.imag) < 1e-9 and r.real > 1e-12)
        x, y = (each(step) for each in along)
