"""Automatic differentiation and Taylor series in balls, against closed forms and mpmath."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, MP, contains, tight, working
from flint import arb

from optcheck.reference.balls import Scalar
from optcheck.reference.calculus import automatic, taylor
from optcheck.reference.calculus.derivatives import derivative_at
from optcheck.reference.calculus.models import Gabor, LogisticRegression, ShallowReLU
from optcheck.reference.problems import LOG_COSH, ROSENBROCK, Functions, Problem
from optcheck.reference.trajectories import scalars

MODES: tuple[automatic.Mode, ...] = ("forward", "reverse")
DATA = ((1.0, -2.0, 0.5), (0.0, 1.0, 1.0))
PROBLEMS: list[tuple[Problem, list[float]]] = [
    (ROSENBROCK, [0.5, -1.0]),
    (LOG_COSH, [0.75]),
    (Gabor(*DATA), [0.5, 12.0]),
    (LogisticRegression(*DATA), [0.5, -1.25]),
    (LogisticRegression(*DATA), [300.0, -1000.25]),
    (ShallowReLU(*DATA), [0.5, 1.0, -1.0, 2.0, 0.25, 1.0, -1.0, 0.5, 0.0, 1.0]),
]
FUNCTIONS = ("exp", "log", "log1p", "sqrt", "sin", "cos", "sinh", "cosh", "tanh")


def balls(entries: Any) -> list[arb]:
    return [each.ball for each in entries]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_slope_of_each_elementary_function(mode: automatic.Mode, name: str) -> None:
    x = scalars([0.8125], EXACT)
    (slope,) = automatic.gradient(mode, lambda y: getattr(Functions(y), name)(y[0]), x)
    assert tight(slope.ball, MP.diff(getattr(MP, name), MP.mpf(0.8125)))


@pytest.mark.parametrize("mode", MODES)
def test_arithmetic_with_integers_on_either_side(mode: automatic.Mode) -> None:
    def program(x: Any) -> Any:
        return 1 / x[0] + (2 - x[0]) * 3 - (x[0] - 1) / 4 + x[0] * x[0] / x[1] - -x[1]

    found = automatic.gradient(mode, program, scalars([0.5, 4.0], EXACT))
    # -1/x^2 - 3 - 1/4 + 2x/y, and 1 - x^2/y^2.
    assert [float(each.mid()) for each in balls(found)] == [-7.0, 1.0 - 1.0 / 64.0]


@pytest.mark.parametrize(("problem", "point"), PROBLEMS)
def test_modes_find_the_written_out_derivatives(problem: Problem, point: list[float]) -> None:
    x = scalars(point, EXACT)
    gradient = balls(problem.gradient(x))
    for mode in MODES:
        found = balls(automatic.gradient(mode, problem.value, x))
        assert all(a.overlaps(b) for a, b in zip(found, gradient, strict=True))
    if len(point) > 2:
        return
    hessian = [balls(row) for row in problem.hessian(x)]
    for outer, inner in itertools.product(MODES, MODES):
        for found_row, row in zip(
            automatic.hessian(outer, inner, problem.value, x), hessian, strict=True
        ):
            assert all(a.overlaps(b) for a, b in zip(balls(found_row), row, strict=True))


def test_push_is_the_product_with_the_jacobian() -> None:
    x, v = scalars([0.5, -1.0], EXACT), scalars([3.0, -2.0], EXACT)
    rows = automatic.jacobian("reverse", ROSENBROCK.residual, x)
    product = [row[0] * v[0] + row[1] * v[1] for row in rows]
    found = automatic.push(ROSENBROCK.residual, x, v)
    assert all(a.overlaps(b) for a, b in zip(balls(found), balls(product), strict=True))


def test_what_does_not_depend_on_the_variables_has_no_slope() -> None:
    x = scalars([1.0, 2.0], EXACT)
    for mode in MODES:
        found = automatic.gradient(mode, lambda y: y[0].same(3.0), x)
        assert [ball.is_zero() for ball in balls(found)] == [True, True]


def rectified(x: Any) -> Any:
    return Functions(x).where_positive(x[0], x[0], x[0].same(0.0))


@pytest.mark.parametrize("mode", MODES)
def test_a_kink_has_no_slope_and_an_undecided_one_has_both(mode: automatic.Mode) -> None:
    for point, slope in ((-1.0, 0), (0.0, 0), (1.0, 1)):
        (found,) = automatic.gradient(mode, rectified, scalars([point], EXACT))
        assert found.ball == slope
    (found,) = automatic.gradient(mode, rectified, [Scalar(arb(0, 0.5), 53)])
    assert found.ball.contains(0)
    assert found.ball.contains(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("problem", "point"), PROBLEMS[:4])
def test_working_balls_cover_the_value_and_are_narrow(
    problem: Problem, point: list[float], dtype: str
) -> None:
    arithmetic = working(dtype)
    for method, dialect in (
        *(("gradient", each) for each in ("written-out", "reverse-mode", "forward-mode")),
        ("hessian", "forward-over-reverse"),
        ("hessian-vector-product", "reverse-over-reverse"),
        ("directional-derivative", "forward-mode"),
    ):
        quantity = derivative_at(
            method, dialect, problem, np.array(point), arithmetic, direction=np.ones(len(point))
        )
        size = np.abs(quantity.expected()).max()
        assert np.all(quantity.judge(quantity.expected()) <= 1.0)
        assert np.all(quantity.allowed() <= 4000 * 2.0**-arithmetic.bits * (1.0 + size))


@pytest.mark.parametrize(("dialect", "step"), [("forward", 2.0**-26), ("central", 2.0**-17)])
def test_a_difference_is_off_by_its_remainder(dialect: str, step: float) -> None:
    problem, point = Gabor(*DATA), np.array([0.5, 12.0])
    bound = derivative_at(
        "gradient", f"{dialect}-difference", problem, point, working("float64"), step=step
    )

    def value(x: Any) -> float:
        return float(problem.value(x))

    def difference(h: float) -> Any:
        behind = h if dialect == "central" else 0.0
        return np.array(
            [
                (value(point + h * axis) - value(point - behind * axis)) / (h + behind)
                for axis in np.eye(2)
            ]
        )

    assert np.all(bound.judge(difference(step)) <= 1.0)
    assert np.all(bound.judge(difference(2.0**14 * step)) > 1.0)


def test_coefficients_of_a_series_cover_the_segment() -> None:
    (term,) = taylor.along(lambda x: [Functions(x).exp(x[0])], [0.0], [0.5], 3)
    for at in (0.0, 0.25, 0.5):
        assert contains(term, MP.exp(at) * MP.mpf(0.5) ** 3 / 6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_series_know_the_elementary_functions(name: str) -> None:
    (term,) = taylor.along(lambda x: [getattr(Functions(x), name)(x[0])], [0.8125], [2.0**-20], 1)
    slope = MP.diff(getattr(MP, name), MP.mpf(0.8125))
    assert abs(float(term.mid()) - float(slope) * 2.0**-20) <= float(term.rad())


def test_series_with_numbers_on_either_side() -> None:
    (term,) = taylor.along(lambda x: [1 / x[0] - (2 - x[0]) / x[0] + 3 * x[0]], [1.0], [0.0], 0)
    assert term.contains(3)
    (slope,) = taylor.along(lambda x: [-x[0] * 2], [1.0], [1.0], 1)
    assert slope == -2


def test_a_kink_on_the_segment_is_undecided() -> None:
    def remainder(start: float, step: float) -> arb:
        (term,) = taylor.along(lambda x: [rectified(x)], [start], [step], 1)
        return term

    assert remainder(1.0, 1.0) == 1
    assert remainder(-2.0, 1.0) == 0
    assert not remainder(-1.0, 2.0).is_finite()
    assert not remainder(0.0, 1.0).is_finite()
    assert remainder(0.0, 0.0) == 0
