"""Laws of conjugate gradients on any path: coefficients, restarts, cost and speed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration, Trajectory
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.minimizers.conjugate_gradients import (
    is_conjugate,
    is_exact,
    is_restarted,
)
from optcheck.properties.minimizers.drawing import draw_task, quadratics, smooth
from optcheck.properties.minimizers.running import (
    Task,
    deviation,
    minimize,
    moves,
    require_of,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.conjugate_gradients import initial_direction
from optcheck.reference.oracle import SAFETY, Bound, Quantity
from optcheck.reference.problems import ROSENBROCK, Problem, Quadratic

# Steepest descent is not there from any of these starts: its own test shows that.
VALLEY = tuple(
    itertools.product((-1.5, -1.1875, -0.8125, 0.4375, 1.5625), (-0.9375, 0.0625, 1.0625, 2.0625))
)
VALLEY_ITERATIONS = 150
VALLEY_TOLERANCE = 1e-6


@law(
    id="coefficient-is-not-negative",
    title="The non-negative variant has no negative coefficient",
    statement=(
        "In the plane of the gradient and the way before, a step is -a g + c s with c at least 0: "
        "where Polak and Ribiere's coefficient is negative, the step goes along the negative "
        "gradient. What rounding leaves open is allowed."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("polak-ribiere-plus",),
    about=lambda subject: (
        is_conjugate(subject) and subject.claim.dialect.startswith("polak-ribiere-plus")
    ),
    share=0.25,
)
def coefficient_is_not_negative(subject: Subject, data: st.DataObject) -> float:
    start = np.array(data.draw(st.sampled_from(VALLEY), label="start in the valley"))
    task = replace(draw_task(subject, data, st.just(ROSENBROCK), iterations=20), start=start)
    pairs = moves(minimize(subject, task))
    ratios = [float("nan")]
    for index, (before, here) in enumerate(itertools.pairwise(pairs), start=1):
        exact, near = (
            _share_of_way(task.objective, before, here, arithmetic)
            for arithmetic in (Arithmetic.exact(), subject.working)
        )
        if not near.is_finite():
            continue
        with ball_arithmetic():
            ratio = float((-exact / (SAFETY * near.rad())).mid()) if exact < 0 else 0.0
        if ratio > 1.0:
            raise deviation(
                subject,
                task,
                f"iteration {index} takes {float(exact.mid()):.3g} of the way before it",
                ratio,
            )
        ratios.append(ratio)
    return worst(ratios)


def _share_of_way(
    problem: Problem,
    before: tuple[Iteration, Iteration],
    here: tuple[Iteration, Iteration],
    arithmetic: Arithmetic,
) -> arb:
    """``c`` of ``s = -a g + c s_0``, by Gram's equations for ``a`` and ``c``."""
    inside = trajectories.scalars(here[0].point, arithmetic)
    g = trajectories.vector(problem.gradient(inside), arithmetic)
    s_0, s = (
        trajectories.displacement(start.point, end.point, arithmetic)
        for start, end in (before, here)
    )
    gg, gs, ss = dot(g, g), dot(g, s_0), dot(s_0, s_0)
    share: Scalar = (gg * dot(s_0, s) - gs * dot(g, s)) / (gg * ss - gs * gs)
    return share.ball


@law(
    id="restart-goes-down-the-gradient",
    title="The first direction, and each at a restart, is the negative gradient",
    statement=(
        "The first direction is the negative gradient, and so is every restart_every-th where the "
        "method restarts: whatever came before, the path descends again with the slope -g'g. With "
        "an exact search no path ends at a restart where values show that a step goes down."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("cg-initial-direction", "cg-restart"),
    about=is_conjugate,
    share=0.15,
)
def restart_goes_down_the_gradient(subject: Subject, data: st.DataObject) -> float:
    problems: st.SearchStrategy[Problem] | None = None
    fixed: dict[str, float] = {}
    if is_restarted(subject):
        # Before its n-th step a quadratic leaves something to go on for.
        problems = quadratics((4,)) | smooth()
        fixed = {"restart_every": float(data.draw(st.integers(1, 3), label="restart_every"))}
    task = draw_task(subject, data, problems, fixed=fixed)
    trajectory = minimize(subject, task)
    every = int(task.hyperparameters.get("restart_every", task.iterations))
    _require_that_it_goes_on(subject, task, trajectory, every)
    ratios = [float("nan")]
    for here, there in list(itertools.pairwise(trajectory.iterations))[::every]:
        if np.array_equal(here.point, there.point):
            continue
        gradient = trajectories.gradient_at(task.objective, here.point, subject.working)
        downhill = Quantity(initial_direction(gradient.exact), initial_direction(gradient.working))
        taken = here.direction
        if taken is None:
            taken = there.point - here.point
            downhill, factor = trajectories.along(downhill, taken, here.point)
            if not factor > 0.0:
                raise deviation(subject, task, "a restart goes against the negative gradient")
        what = f"direction from {here.point.tolist()}"
        ratios.append(require_of(subject, task, downhill, taken, what))
    return worst(ratios)


def _require_that_it_goes_on(
    subject: Subject, task: Task, trajectory: Trajectory, every: int
) -> None:
    """Down the gradient the best step on a quadratic lowers the value by ``g'g / 2L`` or more."""
    last = len(trajectory.iterations) - 1
    ended_early = last < task.iterations and last % every == 0 and not trajectory.success
    if not ended_early or not is_exact(subject) or not isinstance(task.objective, Quadratic):
        return
    end = trajectory.end.point
    gradient = trajectories.gradient_at(task.objective, end, subject.working).expected()
    largest = np.linalg.eigvalsh(np.array(task.objective.matrix))[-1]
    fall = float(gradient @ gradient / (2 * largest))
    value = trajectories.value_at(task.objective, end, subject.working)
    hidden = SAFETY * float(value.allowed()[0])
    if fall > hidden:
        what = f"stops at a restart at {end.tolist()}, where a step brings {fall:.3g}"
        raise deviation(subject, task, what, fall / hidden if hidden else float("inf"))


@law(
    id="faster-than-steepest-descent-in-a-valley",
    title="Conjugate gradients are through Rosenbrock's valley before steepest descent",
    statement=(
        f"From each of {len(VALLEY)} starts the gradient is within {VALLEY_TOLERANCE:g} after "
        f"{VALLEY_ITERATIONS} iterations with an exact search, and that of steepest descent with "
        "the same search from none of them. A restarted method restarts every 2 iterations."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("cg-nonquadratic-effectiveness",),
    about=is_exact,
    every_path=False,
    share=0.1,
    dtypes=("float64",),
)
def faster_than_steepest_descent_in_a_valley(subject: Subject, data: st.DataObject) -> float:
    start = np.array(data.draw(st.sampled_from(VALLEY), label="start in the valley"))
    fixed = {"restart_every": 2.0} if is_restarted(subject) else None
    task = replace(
        draw_task(subject, data, st.just(ROSENBROCK), fixed=fixed),
        start=start,
        iterations=VALLEY_ITERATIONS,
        tolerance=VALLEY_TOLERANCE,
    )
    end = minimize(subject, task).end.point
    gradient = trajectories.gradient_at(task.objective, end, subject.working)
    bound = Bound(np.zeros(task.objective.dimension), VALLEY_TOLERANCE + gradient.allowed())
    what = f"gradient after {task.iterations} iterations"
    return require_of(subject, task, bound, gradient.expected(), what)


@dataclass(frozen=True)
class _Watched:
    """A problem that notes where its value and its gradient are asked for."""

    problem: Problem
    places: list[Floats]

    def value(self, x: Any) -> Any:
        self.places.append(np.array(x, dtype=np.float64))
        return self.problem.value(x)

    def gradient(self, x: Any) -> Any:
        self.places.append(np.array(x, dtype=np.float64))
        return self.problem.gradient(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.problem, name)


@law(
    id="evaluates-along-its-lines",
    title="A step costs one gradient and one line search",
    statement=(
        "Value and gradient are asked for at points visited and along the line of the step from "
        "one of them, and nowhere else: beside the search a step costs one gradient, as in "
        "steepest descent."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("cg-cost-like-steepest-descent", "cg-update"),
    about=is_conjugate,
    share=0.15,
    dtypes=("float64",),
)
def evaluates_along_its_lines(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, iterations=3)
    places: list[Floats] = []
    trajectory = minimize(subject, replace(task, objective=_Watched(task.objective, places)))
    if not places:
        raise NotShown(f"{subject.claim.name} does not show where it asks for values")
    lines = moves(trajectory)
    if len(lines) < task.iterations and not trajectory.success:
        # The line of the search that failed is not among them.
        return float("nan")
    ratios = [0.0]
    for place in places:
        if not np.all(np.isfinite(place)):
            continue
        ratio = min((_off_line(subject, place, *line) for line in lines), default=0.0)
        if ratio > 1.0:
            raise deviation(
                subject, task, f"asks for {place.tolist()}, which is on no line of a step", ratio
            )
        ratios.append(ratio)
    return worst(ratios)


def _off_line(subject: Subject, place: Floats, here: Iteration, there: Iteration) -> float:
    """The distance of ``place`` from a line, over what rounding of a point on it explains.

    A point x + t d is off by the roundings of product and sum; a line that is known by two
    points is off by the rounding of the second one too, as far out as the place is.
    """
    unit = 2.0**-subject.working.bits
    way = there.point - here.point if here.direction is None else here.direction
    offset = place - here.point
    along = float(offset @ way / (way @ way))
    distance = float(np.linalg.norm(offset - along * way))
    rounding = np.abs(place) + np.abs(offset) + 4 * abs(along) * np.abs(way) + np.abs(here.point)
    if here.direction is None:
        rounding = rounding + abs(along) * np.abs(there.point)
    return distance / (SAFETY * unit * float(np.linalg.norm(rounding)) or np.inf)
