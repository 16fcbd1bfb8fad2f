"""Problems: one function in every array library, in balls and as source."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcheck.properties.minimizers.drawing import fits, quadratics, quartics, starts
from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic
from optcheck.reference.named_problems import PROBLEMS
from optcheck.reference.problems import (
    LOG_COSH,
    ROSENBROCK,
    SADDLE,
    Polynomial,
    Problem,
    hadamard,
)
from optcheck.reference.trajectories import gradient_at, scalars, value_at

FUNCTIONS = SimpleNamespace(cosh=math.cosh, log=math.log, tanh=math.tanh)
WORKING = Arithmetic.working(
    FORMATS["float64"], scalar_bits=53, step_bits=53, flushes_subnormals=False
)


@st.composite
def placed(draw: st.DrawFn) -> tuple[Problem, Any]:
    problem = draw(
        quadratics() | quartics() | fits() | st.sampled_from([ROSENBROCK, SADDLE, LOG_COSH])
    )
    return problem, draw(starts(problem.dimension))


def at(source: str, x: Any) -> Any:
    return eval(source, vars(FUNCTIONS), {"x": x})


@given(placed())
def test_doubles_lie_in_the_balls(case: tuple[Problem, Any]) -> None:
    problem, x = case
    assert value_at(problem, x, WORKING).judge(problem.value(x)).max() <= 1.0
    assert gradient_at(problem, x, WORKING).judge(problem.gradient(x)).max() <= 1.0


@given(placed())
def test_sources_say_the_same(case: tuple[Problem, Any]) -> None:
    problem, x = case
    sources = problem.sources()
    assert at(sources.value, x) == pytest.approx(float(problem.value(x)), rel=1e-12, abs=1e-12)
    slopes = [at(each, x) for each in sources.gradient]
    assert slopes == pytest.approx(problem.gradient(x).tolist(), rel=1e-12, abs=1e-12)
    curvatures = [[at(each, x) for each in row] for row in sources.hessian]
    assert np.allclose(curvatures, problem.hessian(x), rtol=1e-12, atol=1e-12)


@given(quadratics() | quartics() | fits(), st.data())
def test_derivatives_are_exact_in_rationals(problem: Problem, data: st.DataObject) -> None:
    # On short binary fractions a difference quotient of degree 4 is exact in rationals:
    # five points decide the slope of a quartic.
    x = [Fraction(float(v)) for v in data.draw(starts(problem.dimension))]
    sources = problem.sources()
    exact = {"Fraction": Fraction}

    def value(point: list[Fraction]) -> Fraction:
        return eval(_rational(sources.value), exact, {"x": point})

    for i, slope in enumerate(sources.gradient):
        moved = [[v + k * (j == i) for j, v in enumerate(x)] for k in (-2, -1, 1, 2)]
        low2, low, high, high2 = (value(point) for point in moved)
        assert (low2 - 8 * low + 8 * high - high2) / 12 == eval(_rational(slope), exact, {"x": x})


def _rational(source: str) -> str:
    """Every float of the source as the fraction that it is."""
    return re.sub(r"\d+\.\d+(e[-+]?\d+)?", lambda found: f"Fraction({found[0]!r})", source)


@given(placed(), st.sampled_from(["float32", "float64"]))
def test_torch_takes_the_same_function(case: tuple[Problem, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    problem, x = case
    native = torch.tensor(x, dtype=getattr(torch, dtype))
    computed = torch.func.grad(problem.value)(native)
    assert computed.dtype == native.dtype
    bits = Arithmetic.working(
        FORMATS[dtype], scalar_bits=53, step_bits=53, flushes_subnormals=False
    )
    assert gradient_at(problem, x, bits).judge(computed.double().numpy()).max() <= 1.0
    assert problem.hessian(native).shape == (problem.dimension, problem.dimension)


def test_jax_compiles_a_structure_once() -> None:
    jax = pytest.importorskip("jax")
    traces = []

    @jax.jit
    def value(coefficients: Any, x: Any) -> Any:
        traces.append(1)
        return first.with_coefficients(coefficients).value(x)

    first, second = hadamard((1.0, 4.0), (0.5, 1.0)), hadamard((2.0, 8.0))
    assert first.structure == second.structure
    x = np.array([0.75, -1.25], dtype=np.float32)
    for problem in (first, second):
        assert float(value(problem.coefficients, x)) == float(problem.value(x))
    assert len(traces) == 1


@given(quadratics() | quartics() | fits())
def test_coefficients_make_the_problem_again(problem: Any) -> None:
    again = problem.with_coefficients(problem.coefficients)
    assert again.sources() == problem.sources()
    assert again.structure == problem.structure


def test_a_hadamard_quadratic_has_its_spectrum() -> None:
    matrix = np.array(hadamard((1.0, 2.0, 4.0, 8.0)).matrix)
    assert np.linalg.eigvalsh(matrix).tolist() == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert np.count_nonzero(matrix) == 16


def test_the_minima_of_the_named_problems_are_those() -> None:
    minimizers = {"rosenbrock": (1.0, 1.0), "saddle": (0.0, 8.0**0.5)}
    for each in PROBLEMS.values():
        x = np.array(minimizers.get(each.id, (0.0,) * each.problem.dimension))
        assert float(each.problem.value(x)) == pytest.approx(each.minimum, abs=1e-15)
        assert np.abs(each.problem.gradient(x)).max() < 1e-14


def test_an_empty_polynomial_is_zero_everywhere() -> None:
    nothing = Polynomial(2, ((3.0, (0, 0)),)).derivatives[0]
    assert nothing.value(scalars(np.zeros(2), WORKING)).ball == 0
    assert nothing.source() == "0.0*x[0]"
