"""jax.scipy, optax and optimistix: the paths recorded are those of their public functions."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from optcheck.backends.minimization import Task
from optcheck.reference.problems import ROSENBROCK

jax = pytest.importorskip("jax", reason="JAX is not installed")
optx = pytest.importorskip("optimistix", reason="optimistix is not installed")

from optcheck.backends.jax.expressions import evaluate  # noqa: E402
from optcheck.backends.jax.minimizers import (  # noqa: E402
    _host,
    optimistix_quasi_newton,
    quasi_newton,
)

START = np.array([0.3125, 1.0625])
OPTIMISTIX: list[Any] = list(optimistix_quasi_newton.rules.minimizers())
RULES: list[Any] = [*quasi_newton.rules.minimizers(), *OPTIMISTIX]


def task(iterations: int = 4, tolerance: float = 1e-12) -> Task:
    return Task(ROSENBROCK, START, {}, iterations, tolerance, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_that_is_called_back_has_its_value_and_gradient(dtype: str) -> None:
    with _host.bound(ROSENBROCK, dtype):
        x = jax.numpy.array(START, dtype)
        value, gradient = jax.jit(jax.value_and_grad(_host.value))(x)
        assert (str(value.dtype), str(gradient.dtype)) == (dtype, dtype)
    point = START.astype(dtype)
    assert float(value) == ROSENBROCK.value(point)
    np.testing.assert_array_equal(np.array(gradient), ROSENBROCK.gradient(point))


def test_the_x64_mode_is_what_it_was() -> None:
    before = jax.config.jax_enable_x64
    with _host.bound(ROSENBROCK, "float64"):
        assert jax.config.jax_enable_x64
    assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize("rule", OPTIMISTIX, ids=lambda rule: rule.claim.name)
def test_the_path_of_optimistix_ends_where_minimise_does(rule: Any) -> None:
    trajectory = rule.minimize(task(100, 1e-6))
    with _host.bound(ROSENBROCK, "float64"):
        solver = evaluate(rule.expression, {"optx": optx, "tolerance": 1e-6})
        x = jax.numpy.array(START)
        solution = optx.minimise(
            lambda y, _: _host.value(y), solver, x, max_steps=5000, throw=False
        )
        end, success = np.array(solution.value), solution.result == optx.RESULTS.successful
    np.testing.assert_allclose(trajectory.end.point, end, rtol=1e-9)
    assert trajectory.success == bool(success)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.claim.name)
def test_the_script_runs_on_the_library_alone(rule: Any) -> None:
    script = rule.script(task())
    assert "optcheck" not in script
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    numbers = [float(each) for each in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", printed)]
    pairs = np.array(list(itertools.pairwise(numbers)))
    assert np.min(np.max(np.abs(pairs - rule.minimize(task()).end.point), axis=1)) < 1e-6
