"""Laws of each step: the record is true, the direction is the equation, the search holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.minimization import Iteration, Trajectory
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task
from optcheck.properties.minimizers.running import (
    Task,
    claim_of,
    deviation,
    minimize,
    moves,
    require_of,
    visits,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.oracle import SAFETY
from optcheck.reference.procedures import Form


@law(
    id="trajectory-is-true",
    title="What a minimizer reports of its path is so",
    statement=(
        "The path starts at the start; each value and gradient is that of the objective at its "
        "point, but for those returned with the last, which have a law of their own; each point "
        "is the one before it plus the step times the direction; a second run takes the same path."
    ),
    oracle="exact",
    capability="minimizer",
    share=0.25,
)
def trajectory_is_true(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    again = minimize(subject, task)
    first, second = (
        np.array([each.point for each in run.iterations]) for run in (trajectory, again)
    )
    if not np.array_equal(first, second, equal_nan=True):
        raise deviation(subject, task, "two runs from the same start differ")
    ratios = [at_its_point(subject, task, each) for each in trajectory.iterations[:-1]]
    ratios += [_follows(subject, task, *pair) for pair in moves(trajectory)]
    return worst(ratios, 0.0)


def at_its_point(subject: Subject, task: Task, each: Iteration) -> float:
    """Value and gradient are those of the objective at their point."""
    place = f"at {each.point.tolist()}"
    value = trajectories.value_at(task.objective, each.point, subject.working)
    gradient = trajectories.gradient_at(task.objective, each.point, subject.working)
    return worst(
        [
            require_of(subject, task, value, np.array([each.value]), f"value {place}"),
            require_of(subject, task, gradient, each.gradient, f"gradient {place}"),
        ]
    )


def _follows(subject: Subject, task: Task, here: Iteration, there: Iteration) -> float:
    if here.direction is None or here.step is None:
        return float("nan")
    exact = trajectories.next_point(here.point, here.direction, here.step, subject.working)
    return require_of(subject, task, exact, there.point, "point after a step")


@law(
    id="direction-is-the-equation",
    title="Every direction is that of the method",
    statement=(
        "At every point of the path, the direction is what the equation of the method makes of "
        "the points visited so far, within the rounding budget; where a linear system gives the "
        "direction, its residual is within the backward error of elimination. Where only points "
        "are shown, the displacement is a positive multiple of the direction."
    ),
    oracle="exact",
    capability="minimizer",
    about=lambda subject: (
        _form(subject).direction is not None or _form(subject).system is not None
    ),
    share=0.5,
)
def direction_is_the_equation(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    points = trajectory.iterations
    ratios = [
        _direction_at(subject, task, trajectory, index)
        for index in range(len(points) - 1)
        if not np.array_equal(points[index].point, points[index + 1].point)
    ]
    return worst(ratios)


def _form(subject: Subject) -> Form:
    form: Form = subject.record.dialects[subject.claim.dialect]
    return form


def _direction_at(subject: Subject, task: Task, trajectory: Trajectory, index: int) -> float:
    here, there = trajectory.iterations[index : index + 2]
    form, moved = _form(subject), there.point - here.point
    what = f"direction of iteration {index}"
    if form.system is not None:
        taken = here.direction if here.direction is not None else moved
        off, bound = trajectories.residual(
            form,
            task.objective,
            here.point,
            taken,
            here.damping,
            task.hyperparameters,
            subject.working,
        )
        return require_of(subject, task, bound, off, f"residual of the {what}")
    past = visits(trajectory, index + 1)
    expected = trajectories.direction(
        form, task.objective, past, task.hyperparameters, subject.working
    )
    if here.direction is not None:
        return require_of(subject, task, expected, here.direction, what)
    if not np.all(np.isfinite(expected.allowed())):
        return float("nan")
    expected, factor = trajectories.along(expected, moved, here.point)
    if not factor > 0.0:
        raise deviation(subject, task, f"goes against the {what}", factor=factor)
    return require_of(subject, task, expected, moved, f"displacement along the {what}")


def _searches(subject: Subject) -> bool:
    return claim_of(subject).search in ("wolfe", "armijo")


@law(
    id="search-conditions-hold",
    title="Every step satisfies the conditions that its line search promises",
    statement=(
        "At every step that is taken, the sufficient decrease (Armijo) "
        "f(x + a d) <= f(x) + c1 a g'd holds, and for a Wolfe search also "
        "abs(g(x + a d)'d) <= c2 abs(g'd), evaluated exactly at the points visited; only what the "
        "rounding of value and gradient leaves open is allowed."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("armijo-condition", "strong-wolfe-condition"),
    about=_searches,
    share=0.5,
)
def search_conditions_hold(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    pairs = moves(trajectory)
    if trajectory.success is False:
        # The last step may be the one that the search failed to find.
        pairs = pairs[:-1]
    return worst([_conditions(subject, task, *pair) for pair in pairs], 0.0)


def _conditions(subject: Subject, task: Task, here: Iteration, there: Iteration) -> float:
    claim = claim_of(subject)
    ratios = [excess_of_armijo(subject, task, here.point, there.point, claim.sufficient_decrease)]
    if ratios[0] > 1.0 and claim.approximate_decrease is not None:
        ratios = [_excess_of_approximate_decrease(subject, task, here.point, there.point)]
    if claim.search == "wolfe":
        ratios.append(
            excess_of_curvature(
                subject, task, here.point, there.point, claim.curvature, strong=claim.strong
            )
        )
    for name, ratio in zip(("sufficient decrease", "curvature condition"), ratios, strict=False):
        if ratio > 1.0:
            raise deviation(
                subject,
                task,
                f"the step from {here.point.tolist()} to {there.point.tolist()} breaks the "
                f"{name} {ratio:.3g} times as far as rounding explains",
                ratio,
            )
    return worst(ratios)


def excess_of_armijo(
    subject: Subject, task: Task, before: np.ndarray, after: np.ndarray, constant: float
) -> float:
    """How far ``f(after) <= f(before) + c1 g'(after - before)`` is broken, over its rounding."""

    def difference(arithmetic: Arithmetic) -> Scalar:
        f0, f1 = (_value(task, point, arithmetic) for point in (before, after))
        _, slope = _slopes(task, before, after, arithmetic)
        result: Scalar = f1 - f0 - arithmetic.scalar(constant) * slope
        return result

    return _excess(difference, subject.working)


def _excess_of_approximate_decrease(
    subject: Subject, task: Task, before: np.ndarray, after: np.ndarray
) -> float:
    """The same for ``g(after)'s <= (2 c1 - 1) g(before)'s`` (Hager and Zhang, equation 23).

    The value may rise only so far (equation 27).
    """
    claim = claim_of(subject)

    def steeper(arithmetic: Arithmetic) -> Scalar:
        end, slope = _slopes(task, before, after, arithmetic)
        result: Scalar = end + arithmetic.scalar(1.0 - 2.0 * claim.sufficient_decrease) * slope
        return result

    def higher(arithmetic: Arithmetic) -> Scalar:
        f0, f1 = (_value(task, point, arithmetic) for point in (before, after))
        rise = arithmetic.scalar(claim.approximate_decrease or 0.0)
        result: Scalar = f1 - f0 - rise * abs(f0)
        return result

    return max(_excess(each, subject.working) for each in (steeper, higher))


def excess_of_curvature(
    subject: Subject,
    task: Task,
    before: np.ndarray,
    after: np.ndarray,
    constant: float,
    *,
    strong: bool,
) -> float:
    """How far ``abs(g(after)'s) <= c2 abs(g(before)'s)`` is broken; ``s`` is the displacement."""

    def difference(arithmetic: Arithmetic) -> Scalar:
        end, slope = _slopes(task, before, after, arithmetic)
        # The weak condition bounds the slope from below alone.
        size = abs(end) if strong else -end
        result: Scalar = size + arithmetic.scalar(constant) * slope
        return result

    return _excess(difference, subject.working)


def _value(task: Task, point: np.ndarray, arithmetic: Arithmetic) -> Scalar:
    value: Scalar = task.objective.value(trajectories.scalars(point, arithmetic))
    return value


def _slopes(
    task: Task, before: np.ndarray, after: np.ndarray, arithmetic: Arithmetic
) -> tuple[Scalar, Scalar]:
    """The slopes at the end and at the start, along the displacement."""
    s = trajectories.displacement(before, after, arithmetic)
    start, end = (
        trajectories.vector(
            task.objective.gradient(trajectories.scalars(point, arithmetic)), arithmetic
        )
        for point in (before, after)
    )
    return dot(end, s), dot(start, s)


def _excess(difference: Callable[[Arithmetic], Scalar], working: Arithmetic) -> float:
    """``difference`` should not be positive: its size over what rounding may add to it."""
    exact, near = difference(Arithmetic.exact()), difference(working)
    with ball_arithmetic():
        allowed = SAFETY * near.ball.rad()
        if not near.ball.is_finite() or exact.ball <= 0:
            return 0.0
        return float((exact.ball / allowed).mid()) if allowed > arb(0) else float("inf")
