"""Least squares in the libraries: what is recorded is what they did, and what it is good for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from optcheck.backends import load_backend
from optcheck.backends.numpy.minimizers.scipy_least_squares import Watched
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.drawing import residuals
from optcheck.properties.minimizers.least_squares import RESIDUAL_PROMISES
from optcheck.properties.minimizers.running import Task
from optcheck.reference.minimizers.levenberg_marquardt import LEVENBERG_MARQUARDT
from optcheck.reference.problems import ROSENBROCK

FIT = residuals((1.5, -1.0), (0.5, 0.75, -0.25), (1.25, -0.5, 0.25))
START = np.array([-1.2, 1.0])


def rules(backend: str, **options: str) -> list[Any]:
    if backend != "numpy":
        pytest.importorskip(backend)
    return [
        rule
        for rule in load_backend(backend).minimizers()
        if rule.claim.method == "levenberg-marquardt"
        and options.items() <= dict(rule.claim.options).items()
    ]


def usual(rule: Any) -> dict[str, float]:
    """The usual hyper-parameters, unless the library fixes them."""
    domains = LEVENBERG_MARQUARDT.domains(rule.claim.dialect)
    return {name: domain.typical[0] for name, domain in domains.items()} | dict(rule.claim.fixed)


def run(rule: Any, problem: Any, iterations: int, tolerance: float) -> Any:
    return rule.minimize(Task(problem, START, usual(rule), iterations, tolerance))


def test_jax_and_torch_find_the_same_jacobian() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        x = jax.numpy.array(START)
        found = np.asarray(jax.jacfwd(FIT.residual)(x))
        assert found == pytest.approx(np.asarray(FIT.jacobian(START)), rel=1e-14)
        curved = np.asarray(jax.hessian(FIT.value)(x))
        assert curved == pytest.approx(np.asarray(FIT.hessian(START)), rel=1e-13)
    torch = pytest.importorskip("torch")
    turned = torch.func.jacrev(FIT.residual)(torch.tensor(START)).numpy()
    assert turned == pytest.approx(np.asarray(FIT.jacobian(START)), rel=1e-14)


@pytest.mark.parametrize("problem", [ROSENBROCK, FIT])
def test_every_call_of_minpack_is_a_trial(problem: Any) -> None:
    watched = Watched(problem, START)
    result = scipy.optimize.least_squares(
        watched.residual, START.copy(), jac=watched.jacobian, method="lm"
    )
    path = watched.path(result.x)
    assert len(path) == result.nfev
    points = [each.point.tolist() for each in path]
    assert points[-1] == result.x.tolist()
    # The Jacobian may not be needed any more where it ends.
    assert len({tuple(each) for each in points}) - result.njev in (0, 1)
    assert path[-1].value == pytest.approx(result.cost, abs=1e-30)


@pytest.mark.parametrize("function", ["leastsq", "least_squares"])
def test_minpack_is_bounded_by_the_iterations(function: str) -> None:
    for rule in rules("numpy", function=function):
        trajectory = run(rule, ROSENBROCK, 5, 1e-12)
        assert len(trajectory.iterations) == 6
        assert trajectory.success is False


def test_optimistix_goes_where_its_own_driver_goes() -> None:
    jax = pytest.importorskip("jax")
    optx = pytest.importorskip("optimistix")
    (rule,) = rules("jax", solver="LevenbergMarquardt")
    with jax.enable_x64(True):
        solution = optx.least_squares(
            lambda x, _: FIT.residual(x),
            optx.LevenbergMarquardt(rtol=1e-12, atol=1e-12),
            jax.numpy.array(START),
            max_steps=6,
            throw=False,
        )
    # Its first step only evaluates.
    assert np.asarray(solution.value) == pytest.approx(run(rule, FIT, 5, 1e-12).end.point)


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("numpy", {"function": "leastsq"}),
        ("numpy", {"x_scale": "1"}),
        ("jax", {"solver": "LevenbergMarquardt"}),
    ],
)
def test_scripts_run(backend: str, options: dict[str, str]) -> None:
    (rule,) = rules(backend, **options)
    script = rule.script(Task(FIT, START, usual(rule), iterations=1, tolerance=1e-6))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) >= 3


def test_rosenbrock_takes_few_iterations_and_steepest_descent_many() -> None:
    (descent,) = (
        rule
        for rule in load_backend("numpy").minimizers()
        if rule.claim.method == "steepest-descent"
    )
    slow = descent.minimize(Task(ROSENBROCK, START, iterations=300, tolerance=1e-5))
    assert not slow.success
    for rule in rules("numpy"):
        if "fixed" not in rule.claim.dialect:
            fast = run(rule, ROSENBROCK, 60, 1e-5)
            assert fast.success, rule.claim.name


@pytest.mark.parametrize("promise", RESIDUAL_PROMISES)
def test_promises_are_broken_early_and_kept_at_the_end(promise: str) -> None:
    (rule,) = rules("numpy", function="leastsq")
    backend = load_backend("numpy")
    subject = Subject(backend, rule, "minimizer", LEVENBERG_MARQUARDT, "float64", "cpu")
    task = Task(FIT, START, tolerance=1e-4)
    shortfall = RESIDUAL_PROMISES[promise]
    assert shortfall(subject, task, run(rule, FIT, 2, 1e-12)) > 1.0
    assert shortfall(subject, task, run(rule, FIT, 200, 1e-12)) <= 1.0
