"""What success means to a minimizer of sums of squares, and sums of squares on which it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Trajectory
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.damped_equations import (
    Trial,
    column_norms,
    excess_of_fall,
    length,
    predicted,
    trials,
)
from optcheck.properties.minimizers.drawing import residuals
from optcheck.properties.minimizers.running import Task
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Elementary, LeastSquares, Problem


def _residual_cauchy(subject: Subject, task: Task, trajectory: Trajectory) -> float:
    """Every coordinate and every residual moved by at most ``tolerance (1 + abs)`` of itself."""
    end = trajectory.end.point
    before = trajectory.iterations[-2:][0].point
    (e0, noise0), (e1, noise1) = (_residual(subject, task, each) for each in (before, end))
    moved = np.maximum(np.abs(e1 - e0) - noise0 - noise1, 0.0) / (1.0 + np.abs(e1))
    step = np.abs(end - before) / (1.0 + np.abs(end))
    return float(max(np.max(moved), np.max(step)) / task.tolerance)


def _residual(subject: Subject, task: Task, point: Floats) -> tuple[Floats, Floats]:
    assert isinstance(task.objective, LeastSquares)
    exact, near = (
        trajectories.vector(task.objective.residual(trajectories.scalars(point, each)), each)
        for each in (Arithmetic.exact(), subject.working)
    )
    radii = np.array([float(ball.rad().abs_upper()) for ball in near.balls])
    return exact.midpoints(), SAFETY * radii


def _cosine(subject: Subject, task: Task, trajectory: Trajectory) -> float:
    """The largest cosine of an angle between the residuals and a column of the Jacobian."""
    end = trajectory.end.point
    gradient = trajectories.gradient_at(task.objective, end, subject.working)
    size = np.maximum(np.abs(gradient.expected()) - gradient.allowed(), 0.0)
    lengths = column_norms(task.objective, end) * length(_residual(subject, task, end)[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = np.where(size == 0.0, 0.0, size / lengths)
    return float(np.max(cosines) / task.tolerance)


def _relative_decrease(subject: Subject, task: Task, trajectory: Trajectory) -> float:
    """The value moves in the last trial, and was predicted to, by at most this share of it."""
    last = _last(subject, task, trajectory)
    if last is None:
        return 0.0
    fall, noise = excess_of_fall(subject, task, last, 0.0)
    foreseen = float(predicted(task.objective, last, Arithmetic.exact()).ball.mid())
    value = trajectories.value_at(task.objective, last.point, subject.working).expected()[0]
    return float(max(abs(fall) - noise, foreseen - noise) / (value * task.tolerance))


def _relative_step(subject: Subject, task: Task, trajectory: Trajectory) -> float:
    """The last trial is short against the point, in units of the columns of the Jacobian.

    MINPACK's test is on the radius that it has just set for the next step. It keeps the radius of
    the last one, which that step missed by a tenth at most; or doubles the step's length; or
    shrinks the radius, or ten times the step, to a tenth at least. So the step was at most 11
    times as long as the new radius.
    """
    last = _last(subject, task, trajectory)
    if last is None:
        return 0.0
    lost = 2.0**-subject.working.bits * np.abs(last.end)
    step = np.maximum(np.abs(last.direction) - lost, 0.0)
    allowed = 11 * task.tolerance * length(last.scale * trajectory.end.point)
    return length(last.scale * step) / allowed if np.any(step) else 0.0


def _last(subject: Subject, task: Task, trajectory: Trajectory) -> Trial | None:
    tried = trials(subject, task, trajectory)
    return tried[-1] if tried else None


Shortfall = Callable[[Subject, Task, Trajectory], float]
# How many times its tolerance what was promised is; rounding is taken off first.
RESIDUAL_PROMISES: Mapping[str, Shortfall] = {
    "residual-cauchy": _residual_cauchy,
    "cosine": _cosine,
    "relative-decrease": _relative_decrease,
    "relative-step": _relative_step,
}


def hopeless_residuals(undefined: Elementary) -> dict[str, Problem]:
    """Sums of squares that have no minimum to find; one has the residual ``undefined``."""
    return {
        "undefined where it leads": LeastSquares((undefined,), minimum=None),
        "too large where it starts": residuals(
            (2.0**600, -1.0), (1.0, 1.0, 0.0), (1.0, -0.5, 0.25)
        ),
        "constant": residuals((0.0, -1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.25)),
    }
