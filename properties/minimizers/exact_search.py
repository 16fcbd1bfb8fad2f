"""Laws of an exact line search, and of steepest descent with one, on quadratics."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions, quadratics
from optcheck.properties.minimizers.running import (
    Task,
    claim_of,
    deviation,
    minimize,
    moves,
    require_of,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Quadratic, diagonal


def point_error(
    subject: Subject, task: Task, before: Floats, after: Floats, direction: Floats
) -> Floats:
    """How far ``after`` may be from the minimum along the line: rounding of step and point.

    A search that looks for the zero of the slope may end at either of two neighbouring points.
    """
    assert isinstance(task.objective, Quadratic)
    working = subject.working
    curved = np.array(task.objective.matrix) @ direction
    start = trajectories.gradient_at(task.objective, before, working).working
    step = exact_step(start, working.array(direction), working.array(curved))
    unit = 2.0**-working.bits
    places = 2.0 * unit * (np.abs(after) + np.abs(after - before))
    error: Floats = float(step.ball.rad()) * np.abs(direction) + places
    return SAFETY * error


def require_no_slope(
    subject: Subject, task: Task, before: Floats, after: Floats, direction: Floats, what: str
) -> float:
    """``g(after)'d`` is 0, but for what rounding makes of it.

    An error of the point makes ``(H d)' error`` of it, one of the gradient ``d' error``.
    """
    assert isinstance(task.objective, Quadratic)
    end = trajectories.gradient_at(task.objective, after, subject.working)
    slope = dot(end.exact, Arithmetic.exact().array(direction)).ball.mid()
    error = point_error(subject, task, before, after, direction)
    allowed = np.abs(np.array(task.objective.matrix) @ direction) @ error
    allowed += np.abs(direction) @ end.allowed()
    bound = Bound(np.zeros(1), np.array([allowed]))
    return require_of(subject, task, bound, np.array([float(slope)]), what)


@law(
    id="step-is-the-minimum-along-its-line",
    title="An exact search finds the minimum along its line",
    statement=(
        "On a quadratic the step is -g'd / d'Hd: the slope along the direction is 0 at the next "
        "point, but for the rounding of step and point."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("exact-step-on-a-quadratic", "line-search-problem"),
    about=lambda subject: claim_of(subject).search == "exact" and _is_smooth(subject),
)
def step_is_the_minimum_along_its_line(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, quadratics())
    ratios = []
    for index, (here, there) in enumerate(moves(minimize(subject, task))):
        direction = here.direction if here.direction is not None else there.point - here.point
        what = f"slope left along the direction of iteration {index}"
        ratios.append(require_no_slope(subject, task, here.point, there.point, direction, what))
    return worst(ratios)


def _is_smooth(subject: Subject) -> bool:
    return bool(subject.record.objective == "smooth")


def _is_steepest_descent(subject: Subject) -> bool:
    return bool(subject.record.id == "steepest-descent")


@law(
    id="successive-gradients-are-orthogonal",
    title="Successive gradients of steepest descent are orthogonal",
    statement=(
        "On a quadratic the gradient after a step is orthogonal to the gradient before it, but "
        "for the rounding of step and point."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("steepest-descent-orthogonality",),
    about=_is_steepest_descent,
    every_path=False,
    share=0.5,
)
def successive_gradients_are_orthogonal(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, quadratics())
    ratios = []
    for here, there in moves(minimize(subject, task)):
        gradient = trajectories.gradient_at(task.objective, here.point, subject.working).expected()
        what = "inner product of successive gradients"
        ratios.append(require_no_slope(subject, task, here.point, there.point, gradient, what))
    return worst(ratios)


@law(
    id="steepest-descent-rate",
    title="Steepest descent contracts by ((kappa - 1)/(kappa + 1))^2 at worst",
    statement=(
        "On a quadratic of condition number kappa no step leaves more than "
        "((kappa - 1)/(kappa + 1))^2 of the error (Kantorovich), and the step from (kappa, 1), in "
        "the axes of the extreme curvatures, leaves exactly that."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("steepest-descent-slow-in-ravines",),
    about=_is_steepest_descent,
    every_path=False,
    share=0.5,
    dtypes=("float64",),
)
def steepest_descent_rate(subject: Subject, data: st.DataObject) -> float:
    if data.draw(st.booleans(), label="worst start"):
        kappa = data.draw(fractions(1.5, 64.0, 0.5), label="condition number")
        task = Task(diagonal(1.0, kappa), np.array([kappa, 1.0]), iterations=1)
        return _contraction(subject, task, *minimize(subject, task).iterations, attained=True)
    task = draw_task(subject, data, quadratics())
    pairs = moves(minimize(subject, task))
    return worst([_contraction(subject, task, *pair, attained=False) for pair in pairs])


def _contraction(
    subject: Subject, task: Task, here: Iteration, there: Iteration, *, attained: bool
) -> float:
    """An error of the point changes the value by its slope and by its curvature."""
    assert isinstance(task.objective, Quadratic)
    matrix = np.array(task.objective.matrix)
    curvatures = np.linalg.eigvalsh(matrix)
    kappa = float(curvatures[-1] / curvatures[0])
    bound = ((kappa - 1) / (kappa + 1)) ** 2
    before, after = (
        float(trajectories.value_at(task.objective, each.point, subject.working).expected()[0])
        for each in (here, there)
    )
    gradients = (
        trajectories.gradient_at(task.objective, each.point, subject.working).expected()
        for each in (here, there)
    )
    start, end = gradients
    error = point_error(subject, task, here.point, there.point, start)
    value_error = np.abs(end) @ error + error @ np.abs(matrix) @ error / 2
    # The bound itself: eigenvalues to n units, and four operations on them.
    allowed = value_error / before + 16 * len(error) * 2.0**-53
    excess = after / before - bound
    off = abs(excess) if attained else max(excess, 0.0)
    if off > allowed:
        raise deviation(
            subject,
            task,
            f"a step leaves {after / before:.17g} of the error, theory says "
            f"{'exactly' if attained else 'at most'} {bound:.17g}",
            off / allowed,
        )
    return float(off / allowed)
