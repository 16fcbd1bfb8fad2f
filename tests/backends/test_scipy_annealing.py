"""SciPy's annealing: what is recorded of the chain is what SciPy did."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy.optimize import _dual_annealing, dual_annealing

from optcheck.backends.minimization import Task
from optcheck.backends.numpy.minimizers.scipy_annealing import rules
from optcheck.reference.problems import Polynomial

DOUBLE_WELLS = Polynomial(
    2, ((1.0, (4, 0)), (-2.0, (2, 0)), (0.25, (1, 0)), (1.0, (0, 2)), (0.5, (1, 1)))
)
START = np.array([1.0, -0.5])
H = {
    "initial_temperature": 8.0,
    "seed": 5.0,
    "factor": 1.0,
    "proposal_width": 1.0,
    "acceptance": -5.0,
    "visit": 2.62,
    "reach": 4.0,
}
TASK = Task(DOUBLE_WELLS, START, H, iterations=12, tolerance=1e-6, dtype="float64")
HOPPING, DUAL = rules.minimizers()


def trajectory(rule: Any) -> Any:
    return rule.minimize(TASK)


def test_the_chain_of_dual_annealing_is_made_of_its_proposals() -> None:
    proposals = []

    def function(x: Any) -> Any:
        proposals.append(x.copy())
        return DOUBLE_WELLS.value(x)

    result = dual_annealing(
        function,
        [(x - 4.0, x + 4.0) for x in START],
        maxiter=12,
        initial_temp=8.0,
        no_local_search=True,
        x0=START,
        seed=np.random.default_rng(5),
    )
    *states, end = trajectory(DUAL).iterations
    assert len(states) == len(proposals) == 1 + 12 * 4
    for proposal, before, after in zip(proposals[1:], states, states[1:], strict=False):
        assert any(np.array_equal(after.point, x) for x in (proposal, before.point))
        # Downhill is taken always.
        assert DOUBLE_WELLS.value(proposal) >= before.value or np.array_equal(
            after.point, proposal
        )
    assert len({tuple(each.point) for each in states}) > 2
    assert np.array_equal(end.point, result.x)
    assert end.value == result.fun


def test_dual_annealing_is_left_as_it_was() -> None:
    before = _dual_annealing.EnergyState.update_current
    trajectory(DUAL)
    assert _dual_annealing.EnergyState.update_current is before


def test_basin_hopping_shows_where_it_stays_and_returns_its_best() -> None:
    *states, end = trajectory(HOPPING).iterations
    points = [tuple(each.point) for each in states]
    assert len(points) == 13
    assert 2 < len(set(points)) < 13
    assert end.value == min(each.value for each in states)


@pytest.mark.parametrize("rule", [HOPPING, DUAL], ids=["basinhopping", "dual_annealing"])
def test_the_script_finds_the_same_point(rule: Any) -> None:
    script = rule.script(TASK)
    shown = subprocess.run(
        [sys.executable, "-c", script + "print(*result.x.tolist())"],
        capture_output=True,
        text=True,
        check=True,
    )
    last = [float(each) for each in shown.stdout.splitlines()[-1].split()]
    assert last == trajectory(rule).end.point.tolist()
