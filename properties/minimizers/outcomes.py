"""Laws of what a minimizer returns: no worse than its start, and honest about it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.minimization import Iteration, Promise, Trajectory
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers import likelihoods
from optcheck.properties.minimizers.drawing import draw_task
from optcheck.properties.minimizers.least_squares import RESIDUAL_PROMISES, hopeless_residuals
from optcheck.properties.minimizers.running import (
    Task,
    claim_of,
    deviation,
    minimize,
    succeeded,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.oracle import Quantity
from optcheck.reference.problems import Elementary, Polynomial, Problem

LONG = 200


@law(
    id="value-never-above-the-start",
    title="A minimizer never returns a point above its start",
    statement=(
        "The value at the point that is returned is at most the value at the start; of a method "
        "that takes no step upwards, so is each value against the one before it."
    ),
    oracle="exact",
    capability="minimizer",
    about=lambda subject: claim_of(subject).monotone,
    share=0.25,
)
def value_never_above_the_start(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    values = [
        trajectories.value_at(task.objective, each.point, subject.working)
        for each in trajectory.iterations
    ]
    ratios = [0.0]
    for index, (before, after) in enumerate(itertools.pairwise(values)):
        ratios.append(require_no_rise(subject, task, before, after, f"iteration {index}"))
    return worst(ratios)


def require_no_rise(
    subject: Subject, task: Task, before: Quantity, after: Quantity, what: str
) -> float:
    """The value ``after`` is at most the one ``before``, but for the rounding of both."""
    rise = float((after.exact.balls[0] - before.exact.balls[0]).mid())
    allowed = float(before.allowed()[0] + after.allowed()[0])
    if rise > allowed:
        value = after.expected()[0]
        raise deviation(
            subject,
            task,
            f"{what} raises the value by {rise:.3g}, to {value}",
            rise / allowed if allowed else math.inf,
        )
    return max(rise, 0.0) / allowed if allowed else 0.0


def _promises_nothing(subject: Subject) -> str | None:
    return None if claim_of(subject).promises else "it does not say whether it succeeded"


@law(
    id="success-is-earned",
    title="A minimizer reports success only where its promise holds",
    statement=(
        "When success is reported, the tolerance that stands for it (on the gradient, on the last "
        "step, on the last decrease) holds at the point returned; when it does not hold, success "
        "is not reported."
    ),
    oracle="exact",
    capability="minimizer",
    excused=_promises_nothing,
    share=0.3,
)
def success_is_earned(subject: Subject, data: st.DataObject) -> float:
    long = data.draw(st.booleans(), label="time enough")
    exponent = data.draw(st.integers(2, 7), label="digits of the tolerance")
    task = draw_task(
        subject, data, iterations=LONG if long else 3, tolerance=10.0**-exponent, reach=2.0
    )
    trajectory = minimize(subject, task)
    if not succeeded(subject, trajectory):
        return 0.0
    ratio = min(
        _shortfall(subject, task, trajectory, promise) for promise in claim_of(subject).promises
    )
    if not ratio <= 1.0:
        raise deviation(
            subject,
            task,
            f"reports success at {trajectory.end.point.tolist()}, where its promise "
            f"({' or '.join(claim_of(subject).promises)}) is broken by a factor of {ratio:.3g}",
            ratio,
        )
    return ratio


def _shortfall(subject: Subject, task: Task, trajectory: Trajectory, promise: Promise) -> float:
    """How many times its tolerance what was promised is; rounding is taken off first."""
    if promise in RESIDUAL_PROMISES:
        return RESIDUAL_PROMISES[promise](subject, task, trajectory)
    end, before = trajectory.end, _before(trajectory)
    tolerance = task.tolerance
    if promise.startswith("gradient"):
        quantity = trajectories.gradient_at(task.objective, end.point, subject.working)
        size = np.maximum(np.abs(quantity.expected()) - quantity.allowed(), 0.0)
        length = np.max(size) if promise == "gradient-maximum" else np.linalg.norm(size)
        return float(length / tolerance)
    step = np.abs(end.point - before.point)
    scale = tolerance * (1.0 + np.abs(end.point))
    steps = float(np.max(step / scale))
    if promise == "step":
        return steps
    if promise == "mean-step":
        # The step was taken before it was rounded into the point.
        lost = 2.0**-subject.working.bits * np.abs(end.point)
        return float(np.mean(np.maximum(step - lost, 0.0)) / tolerance)
    values = [
        trajectories.value_at(task.objective, each.point, subject.working)
        for each in (before, end)
    ]
    v0, v1 = (float(each.expected()[0]) for each in values)
    noise = sum(float(each.allowed()[0]) for each in values)
    fall = max(abs(v1 - v0) - noise, 0.0) / (tolerance * (1.0 + max(abs(v0), abs(v1))))
    return fall if promise == "decrease" else max(fall, steps)


def _before(trajectory: Trajectory) -> Iteration:
    points = trajectory.iterations
    return points[-2] if len(points) > 1 else points[-1]


UNBOUNDED = Polynomial(2, ((-1.0, (1, 0)), (-0.5, (0, 1))))
CONSTANT = Polynomial(2, ((3.0, (0, 0)),))
# The root of a negative number from -2 on: defined at the start and not where the slope leads.
UNDEFINED = Elementary(
    (
        lambda f, x: f.sqrt(x + 2),
        lambda f, x: 1 / (2 * f.sqrt(x + 2)),
        lambda f, x: -1 / (4 * f.sqrt(x + 2) * (x + 2)),
    ),
    ("sqrt(x[0] + 2)", "0.5/sqrt(x[0] + 2)", "-0.25/sqrt(x[0] + 2)**3"),
)
_HOPELESS: dict[str, Problem] = {
    "unbounded below": UNBOUNDED,
    "undefined where it leads": UNDEFINED,
    "constant": CONSTANT,
}


@law(
    id="failure-is-reported",
    title="A minimizer reports that it failed",
    statement=(
        "On a function that is unbounded below success is not reported; on one that turns NaN "
        "where it leads, success is not reported at a point where the function is not defined or "
        "the promise is broken; on a constant function the start is returned. Sums of squares "
        "are bounded below: there one is too large for the format at the start."
    ),
    oracle="exact",
    capability="minimizer",
    share=0.25,
    dtypes=("float64",),
)
def failure_is_reported(subject: Subject, data: st.DataObject) -> float:
    functions = _hopeless(subject)
    # Who promises nothing reports nothing, but stays where the ground is flat.
    asked = tuple(functions) if claim_of(subject).promises else ("constant",)
    name = data.draw(st.sampled_from(asked), label="function")
    problem = functions[name]
    task = draw_task(
        subject, data, st.just(problem), iterations=LONG // 4, tolerance=1e-6, reach=1.0
    )
    trajectory = minimize(subject, task)
    end = trajectory.end.point
    if name == "constant":
        if not np.array_equal(end, task.start):
            raise deviation(subject, task, f"leaves the start of a constant function for {end}")
        return 0.0
    if succeeded(subject, trajectory) and (
        name == "unbounded below" or not _is_kept(subject, task, trajectory)
    ):
        raise deviation(subject, task, f"reports success on a function that is {name}, at {end}")
    return 0.0


def _hopeless(subject: Subject) -> Mapping[str, Problem]:
    if subject.record.objective == "least-squares":
        return hopeless_residuals(UNDEFINED)
    return likelihoods.HOPELESS if subject.record.objective == "likelihood" else _HOPELESS


def _is_kept(subject: Subject, task: Task, trajectory: Trajectory) -> bool:
    """Whether the function is defined at the end, and the promise holds there."""
    value = trajectories.value_at(task.objective, trajectory.end.point, subject.working)
    if not np.isfinite(value.expected()[0]):
        return False
    promises = claim_of(subject).promises
    return min(_shortfall(subject, task, trajectory, promise) for promise in promises) <= 1.0
