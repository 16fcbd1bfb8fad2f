"""What the adapters of conjugate gradients record is what the libraries did."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optcheck.backends import load_backend
from optcheck.backends.minimization import Task
from optcheck.reference.problems import ROSENBROCK, hadamard

pytest.importorskip("optimistix", reason="optimistix is not installed")
import jax
import jax.numpy as jnp
import optimistix as optx

METHODS = {
    "fletcher-reeves+descent": optx.fletcher_reeves,
    "polak-ribiere-plus+descent": optx.polak_ribiere,
    "hestenes-stiefel+descent": optx.hestenes_stiefel,
    "dai-yuan+descent": optx.dai_yuan,
}
START = np.array([-1.25, 1.0])


def rules(backend: str) -> list[Any]:
    loaded: Any = load_backend(backend)
    return [rule for rule in loaded.minimizers() if rule.claim.method == "conjugate-gradient"]


def scripted() -> list[Any]:
    """One of our own, those of SciPy, and one of optimistix: their scripts are made alike."""
    own, *others = rules("numpy")
    return [own, *(rule for rule in others if rule.claim.options), rules("jax")[0]]


def task_of(rule: Any, problem: Any, iterations: int) -> Task:
    return Task(problem, START, rule.claim.fixed, iterations, tolerance=1e-6, dtype="float64")


@pytest.mark.parametrize("rule", rules("jax"), ids=lambda rule: rule.claim.dialect)
def test_the_steps_are_those_of_minimise(rule: Any) -> None:
    problem = hadamard([0.5, 1.25], [1.0, -0.5])
    trajectory = rule.minimize(task_of(rule, problem, 200))
    with jax.enable_x64(True):
        solution = optx.minimise(
            lambda x, _: problem.value(x),
            optx.NonlinearCG(1e-6, 1e-6, method=METHODS[rule.claim.dialect]),
            jnp.array(START),
            max_steps=1000,
        )
    assert trajectory.success
    assert trajectory.evaluations == int(solution.stats["num_steps"])
    # Their gradients differ by roundings: the one of the library is found by differentiation.
    np.testing.assert_allclose(trajectory.end.point, solution.value, atol=1e-9)


@pytest.mark.parametrize("rule", scripted(), ids=lambda rule: rule.claim.name)
def test_a_script_prints_the_path(rule: Any, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    task = task_of(rule, ROSENBROCK, 2)
    path.write_text(rule.script(task))
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    printed = [
        [float(number) for number in match.split()]
        for match in re.findall(r"^\[([^]]*)\]", done.stdout, re.MULTILINE)
    ]
    points = [each.point for each in rule.minimize(task).iterations]
    np.testing.assert_allclose(printed, points, rtol=1e-6)
