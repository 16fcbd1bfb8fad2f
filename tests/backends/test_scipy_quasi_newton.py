"""SciPy's BFGS and L-BFGS-B: what is recorded is what they did."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from optcheck.backends.minimization import Task
from optcheck.backends.numpy.minimizers._scipy import ScipyRule
from optcheck.backends.numpy.minimizers.scipy_quasi_newton import rules
from optcheck.reference.problems import ROSENBROCK

RULES: list[Any] = list(rules.minimizers())
START = np.array([0.3125, 1.0625])
BFGS, L_BFGS_B = RULES
HISTORY = {"history": 3}


def task(iterations: int, tolerance: float = 1e-12) -> Task:
    return Task(ROSENBROCK, START, HISTORY, iterations, tolerance, "float64")


def run(rule: ScipyRule, iterations: int, tolerance: float = 1e-12) -> Any:
    return rule.minimize(task(iterations, tolerance))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.scipy_method)
def test_every_point_is_the_result_of_so_many_iterations(rule: ScipyRule) -> None:
    trajectory = run(rule, 5)
    for count, each in enumerate(trajectory.iterations):
        shorter = run(rule, count) if count else trajectory.iterations[0]
        end = shorter.end if count else shorter
        np.testing.assert_array_equal(each.point, end.point)
        assert each.value == end.value


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.scipy_method)
def test_success_and_the_last_point_are_those_of_the_result(rule: ScipyRule) -> None:
    options = {**rule.options(HISTORY, 1e-6), "maxiter": 200}
    result = scipy.optimize.minimize(
        ROSENBROCK.value, START, jac=ROSENBROCK.gradient, method=rule.scipy_method, options=options
    )
    trajectory = run(rule, 200, 1e-6)
    assert trajectory.success is result.success is True
    assert len(trajectory.iterations) == result.nit + 1
    np.testing.assert_array_equal(trajectory.end.point, result.x)
    np.testing.assert_array_equal(trajectory.end.gradient, result.jac)


def test_the_matrices_of_bfgs_give_its_steps() -> None:
    points = run(BFGS, 5).iterations
    for here, there in itertools.pairwise(points):
        direction = -here.matrix @ here.gradient
        moved = there.point - here.point
        np.testing.assert_allclose(moved[0] * direction[1], moved[1] * direction[0], rtol=1e-9)
    assert points[-1].matrix is None


def test_the_matrix_of_l_bfgs_b_is_the_one_that_it_returns() -> None:
    options = {**L_BFGS_B.options(HISTORY, 1e-12), "maxiter": 5}
    result = scipy.optimize.minimize(
        ROSENBROCK.value, START, jac=ROSENBROCK.gradient, method="L-BFGS-B", options=options
    )
    *_, before, end = run(L_BFGS_B, 5).iterations
    np.testing.assert_array_equal(before.matrix, result.hess_inv.todense())
    assert end.matrix is None


def test_the_matrix_of_l_bfgs_b_has_the_pairs_up_to_the_last_point_but_one() -> None:
    # Of more steps than its history it takes the pairs in another order, which a law sees.
    *_, first, second, _ = run(L_BFGS_B, 3).iterations
    s, y = second.point - first.point, second.gradient - first.gradient
    np.testing.assert_allclose(second.matrix @ y, s, rtol=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.scipy_method)
def test_the_script_runs_on_scipy_alone_and_ends_at_the_same_point(rule: ScipyRule) -> None:
    script = rule.script(task(3))
    assert "optcheck" not in script
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert str(run(rule, 3).end.point) in printed
