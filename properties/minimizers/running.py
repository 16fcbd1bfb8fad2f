"""Running a minimizer on a problem, and saying what it did."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcheck.backends import minimization
from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration, MinimizerClaim, Trajectory
from optcheck.properties.law import Deviation, NotShown, Subject
from optcheck.properties.trace import require, under_test
from optcheck.reference.oracle import Bound, Quantity
from optcheck.reference.problems import Problem

# Long enough for every theorem about n steps in the dimensions that are drawn.
ITERATIONS = 6


@dataclass(frozen=True)
class Task(minimization.Task):
    """What a minimizer is asked to do; a run takes the dtype of its subject."""

    objective: Problem
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    iterations: int = ITERATIONS
    # Small enough that no minimizer stops before its iterations are used.
    tolerance: float = 1e-12
    dtype: str = "float64"

    def describe(self) -> dict[str, Any]:
        """The task as plain data."""
        return {
            "function": self.objective.sources().value,
            "start": self.start.tolist(),
            "hyperparameters": dict(self.hyperparameters),
            "iterations": self.iterations,
            "tolerance": self.tolerance,
        }


def claim_of(subject: Subject) -> MinimizerClaim:
    """The claim of a minimizer or line search."""
    claim = subject.claim
    assert isinstance(claim, MinimizerClaim)
    return claim


def minimize(subject: Subject, task: Task) -> Trajectory:
    """Run the implementation; what it returns starts at the start and keeps its shape."""
    own = replace(task, start=task.start.copy(), dtype=subject.dtype)
    with under_test(subject, task.describe):
        trajectory: Trajectory = subject.rule.minimize(own)
    if not trajectory.iterations:
        raise deviation(subject, task, "returns no point, not even its start")
    shapes = {each.point.shape for each in trajectory.iterations}
    if shapes != {task.start.shape}:
        raise deviation(subject, task, f"returns points of shapes {sorted(shapes)}")
    if not np.array_equal(trajectory.iterations[0].point, task.start):
        first = trajectory.iterations[0].point.tolist()
        raise deviation(subject, task, f"starts at {first}, told to start at {task.start}")
    return trajectory


def deviation(
    subject: Subject, task: Task, message: str, ratio: float = float("inf"), **more: Any
) -> Deviation:
    """A deviation of a minimizer, with its task and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample={**task.describe(), **more},
        script=lambda: f'"""{title}"""\n\n{script_of(subject, task)}',
    )


def script_of(subject: Subject, task: Task) -> str:
    """A program of the library alone that prints the points."""
    text: str = subject.rule.script(replace(task, dtype=subject.dtype))
    return text


def require_of(
    subject: Subject, task: Task, quantity: Quantity | Bound, computed: Floats, what: str
) -> float:
    """As :func:`require`, for something that a minimizer computed."""
    try:
        return require(
            quantity, computed, what=f"{subject.name}: {what}", counterexample=task.describe
        )
    except Deviation as found:
        title = str(found)
        found.script = lambda: f'"""{title}"""\n\n{script_of(subject, task)}'
        raise


def succeeded(subject: Subject, trajectory: Trajectory) -> bool:
    """What the minimizer reports; NotShown where it reports nothing."""
    if trajectory.success is None:
        raise NotShown(f"{subject.claim.name} does not say whether it succeeded")
    return trajectory.success


def moves(trajectory: Trajectory) -> list[tuple[Iteration, Iteration]]:
    """Each point with the next one, where they differ."""
    points = trajectory.iterations
    return [
        (here, there)
        for here, there in itertools.pairwise(points)
        if not np.array_equal(here.point, there.point)
    ]


def visits(trajectory: Trajectory, count: int) -> list[dict[str, Any]]:
    """The first ``count`` points, as the oracle takes them."""
    return [
        {"point": each.point, "direction": each.direction, "damping": each.damping}
        for each in trajectory.iterations[:count]
    ]


def worst(ratios: list[float], default: float = float("nan")) -> float:
    """The largest ratio that decided anything."""
    decided = [each for each in ratios if not np.isnan(each)]
    return max(decided, default=default)
