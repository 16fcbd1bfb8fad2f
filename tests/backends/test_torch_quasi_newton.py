"""torch's LBFGS, one iteration a call: the same path as in one call."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from optcheck.backends.minimization import Task
from optcheck.reference.problems import ROSENBROCK

torch = pytest.importorskip("torch", reason="torch is not installed")

from optcheck.backends.torch.minimizers.quasi_newton import TorchLBFGS, rules  # noqa: E402

RULES: list[Any] = list(rules.minimizers())
START = np.array([0.3125, 1.0625])
HISTORY = {"history": 3}
ITERATIONS = 6


def task(iterations: int, dtype: str = "float64") -> Task:
    return Task(ROSENBROCK, START, HISTORY, iterations, 1e-12, dtype)


def run(rule: TorchLBFGS, dtype: str = "float64") -> Any:
    return rule.minimize(task(ITERATIONS, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.claim.name)
def test_so_many_calls_are_one_call_of_so_many_iterations(rule: TorchLBFGS, dtype: str) -> None:
    x = torch.tensor(START, dtype=getattr(torch, dtype), requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x],
        max_iter=ITERATIONS,
        max_eval=1000,
        history_size=3,
        tolerance_grad=1e-12,
        tolerance_change=0.0,
        line_search_fn=rule.line_search,
    )

    def closure() -> Any:
        x.grad = ROSENBROCK.gradient(x.detach())
        return ROSENBROCK.value(x.detach())

    optimizer.step(closure)
    trajectory = run(rule, dtype)
    assert len(trajectory.iterations) == ITERATIONS + 1
    np.testing.assert_array_equal(trajectory.end.point, x.detach().double().numpy())
    state = optimizer.state[x]
    last = trajectory.iterations[-2]
    np.testing.assert_array_equal(last.direction, state["d"].double().numpy())
    assert last.step == float(state["t"])


def test_nothing_is_said_of_success() -> None:
    assert all(run(rule).success is None for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.claim.name)
def test_the_script_runs_on_torch_alone_and_ends_where_the_rule_does(rule: TorchLBFGS) -> None:
    script = rule.script(task(3))
    assert "optcheck" not in script
    script += "print('end', *x.tolist())\n"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    end = [float(each) for each in printed.split("end")[-1].split()]
    np.testing.assert_allclose(end, run(rule).iterations[3].point, rtol=1e-6)
