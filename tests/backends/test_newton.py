"""Newton's methods: what the adapters record is what the libraries did."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from optcheck.backends import load_backend
from optcheck.backends.minimization import Task
from optcheck.reference.problems import Polynomial

START = np.array([1.25, -0.75])
BOWL = Polynomial(2, ((1.0, (2, 0)), (0.5, (1, 1)), (1.0, (0, 2)), (1.0, (4, 0)), (1.0, (0, 4))))


def rules(backend: str) -> list[Any]:
    pytest.importorskip({"jax": "optax"}.get(backend, backend))
    names = ("newton", "regularized-newton", "saddle-free-newton")
    return [each for each in load_backend(backend).minimizers() if each.claim.method in names]


def named(backend: str, library: str) -> Any:
    return next(each for each in rules(backend) if each.claim.options.get("library") == library)


def end_and_script(rule: Any) -> tuple[str, str]:
    """Where the rule ends, to three digits, and its script for the same."""
    h = {"shift": 0.5} if rule.claim.method == "regularized-newton" else {}
    task = Task(BOWL, START, h, iterations=3, tolerance=1e-9, dtype="float64")
    return str(rule.minimize(task).end.point[0])[:5], rule.script(task)


# torch.func.hessian compiles what torch itself says is deprecated.
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_scripts_end_where_the_adapter_does(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for rule in rules(backend):
        end, script = end_and_script(rule)
        exec(compile(script, rule.claim.name, "exec"), {})
        assert end in capsys.readouterr().out, rule.claim.name


def test_scripts_of_jax_end_where_the_adapter_does() -> None:
    # In a process of its own: a script chooses the precision of the whole process.
    ends, scripts = zip(*map(end_and_script, (rules("jax")[0], rules("jax")[-1])), strict=True)
    command = [sys.executable, "-c", "\nprint('next')\n".join(scripts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    parts = done.stdout.split("next")
    assert all(end in part for end, part in zip(ends, parts, strict=True))


def minimized(problem: Any, **options: Any) -> Any:
    return scipy.optimize.minimize(
        problem.value,
        START,
        jac=problem.gradient,
        hess=problem.hessian,
        method="Newton-CG",
        options=options,
    )


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_newton_cg_visits_what_shorter_runs_return(iterations: int) -> None:
    rule = named("numpy", "scipy")
    task = Task(BOWL, START, {}, iterations=3, tolerance=1e-9, dtype="float64")
    visited = [each.point for each in rule.minimize(task).iterations]
    result = minimized(BOWL, maxiter=iterations, xtol=1e-9)
    assert visited[iterations].tolist() == result.x.tolist()


def test_the_last_gradient_of_newton_cg_is_that_of_its_result() -> None:
    task = Task(BOWL, START, {}, iterations=2, tolerance=1e-9, dtype="float64")
    end = named("numpy", "scipy").minimize(task).end
    assert np.array_equal(end.gradient, minimized(BOWL, maxiter=2, xtol=1e-9).jac)


def test_newton_cg_returns_one_point_for_all() -> None:
    # Why the adapter takes the points from the callback.
    result = minimized(BOWL, maxiter=2, return_all=True)
    assert all(np.array_equal(each, result.x) for each in result.allvecs)


def test_optimistix_goes_where_its_root_find_goes() -> None:
    rule = named("jax", "optimistix")
    jax = pytest.importorskip("jax")
    optimistix = pytest.importorskip("optimistix")
    task = Task(BOWL, START, {}, iterations=40, tolerance=1e-8, dtype="float64")
    trajectory = rule.minimize(task)
    with jax.enable_x64(True):
        found = optimistix.root_find(
            lambda x, args: jax.grad(BOWL.value)(x),
            optimistix.Newton(rtol=1e-8, atol=1e-8),
            jax.numpy.asarray(START),
        )
        assert found.result == optimistix.RESULTS.successful
        assert np.allclose(trajectory.end.point, np.asarray(found.value), rtol=0, atol=1e-12)
        assert len(trajectory.iterations) == int(found.stats["num_steps"]) + 1
    assert trajectory.success
