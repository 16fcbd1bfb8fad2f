"""Laws of conjugate gradients on quadratics: conjugacy, and the end after n steps.

With an exact search the recursion has a closed theory. The reference runs it from the start in
balls, in the coefficient of the dialect: exactly, and in the working arithmetic, whose radii are
what the rounding of an implementation may have grown to. Curvatures lie within a factor of 4, for
which these radii stay small.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions
from optcheck.properties.minimizers.running import (
    Task,
    claim_of,
    minimize,
    moves,
    require_of,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Balls, Scalar
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.conjugate_gradients import (
    conjugacy,
    fletcher_reeves,
    polak_ribiere,
)
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.oracle import Bound, Quantity, namespace
from optcheck.reference.problems import Problem, Quadratic, hadamard
from optcheck.reference.procedures import Iterate


def is_conjugate(subject: Subject) -> bool:
    """Whether the method is that of conjugate gradients."""
    return bool(subject.record.id == "conjugate-gradient")


def is_exact(subject: Subject) -> bool:
    """Whether it goes to the minimum along each line."""
    return is_conjugate(subject) and claim_of(subject).search == "exact"


def is_restarted(subject: Subject) -> bool:
    """Whether it forgets its directions from time to time."""
    return subject.claim.dialect.endswith("+restart")


def _curvature(first: int) -> Callable[[int], float]:
    return lambda k: 1.0 + (k + first) % 7 / 2


@st.composite
def round_quadratics(draw: st.DrawFn) -> Quadratic:
    """Quadratics of condition number 4 at most; curvatures may coincide, the simplest do not."""
    count = draw(st.sampled_from((2, 4)))
    curvatures = (st.integers(0, 6).map(_curvature(first)) for first in range(count))
    center = draw(st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count))
    return hadamard(draw(st.tuples(*curvatures)), center)


def _quadratic_task(subject: Subject, data: st.DataObject) -> Task:
    """As many iterations as there are distinct curvatures, and no restart before the last."""
    fixed = {"restart_every": 4.0} if is_restarted(subject) else None
    task = draw_task(subject, data, round_quadratics(), tolerance=0.0, fixed=fixed)
    assert isinstance(task.objective, Quadratic)
    spectrum = np.linalg.eigvalsh(np.array(task.objective.matrix))
    distinct = 1 + int(np.sum(np.diff(spectrum) > 0.25))
    return replace(task, iterations=distinct)


@dataclass(frozen=True)
class _Recursion:
    """The path of the recursion from the start, exactly and in the working arithmetic.

    It ends with the first point at which the exact gradient is 0.
    """

    exact: Sequence[Iterate]
    working: Sequence[Iterate]

    def allowed(self, index: int, name: str) -> Floats:
        """What a point, gradient or direction of an implementation may be off by."""
        ends = (getattr(path[index], name) for path in (self.exact, self.working))
        return Quantity(*ends).allowed()


def _recursion(subject: Subject, task: Task) -> _Recursion:
    exact = _path(subject, task, Arithmetic.exact())
    length = next(
        (k for k, each in enumerate(exact) if all(0 in ball for ball in each.gradient.balls)),
        len(exact) - 1,
    )
    return _Recursion(exact[: length + 1], _path(subject, task, subject.working))


def _path(subject: Subject, task: Task, arithmetic: Arithmetic) -> list[Iterate]:
    form = subject.record.dialects[subject.claim.dialect]
    h = namespace(arithmetic, task.hyperparameters, 0)
    point = arithmetic.array(task.start)
    path: list[Iterate] = []
    for _ in range(task.iterations + 1):
        inside = [Scalar(ball, arithmetic.bits) for ball in point.balls]
        gradient = trajectories.vector(task.objective.gradient(inside), arithmetic)
        path.append(Iterate(point, gradient))
        direction = form.direction([*path], h)
        path[-1] = Iterate(point, gradient, direction)
        step = exact_step(gradient, direction, _curved(task.objective, direction))
        point = point + direction * step
    return path


def _curved(problem: Problem, direction: Balls) -> Balls:
    """``H d``."""
    arithmetic = direction.arithmetic
    assert isinstance(problem, Quadratic)
    entries = [Scalar(ball, arithmetic.bits) for ball in direction.balls]
    rows = [
        Scalar.total([arithmetic.scalar(a) * d for a, d in zip(row, entries, strict=True)])
        for row in problem.matrix
    ]
    return trajectories.vector(rows, arithmetic)


@law(
    id="quadratic-takes-a-step-for-each-curvature",
    title="Conjugate gradients minimise a quadratic in at most n steps",
    statement=(
        "With an exact search a quadratic is minimised in as many steps as it has distinct "
        "curvatures: one where it is round, n at most; what is left is what the rounding of the "
        "recursion, run in balls from the start, explains."
    ),
    oracle="exact",
    capability="minimizer",
    equations=(
        "cg-quadratic-finite-termination",
        "cg-versus-steepest-descent-in-whitened-space",
    ),
    about=is_exact,
    every_path=False,
    share=0.25,
    dtypes=("float64",),
)
def quadratic_takes_a_step_for_each_curvature(subject: Subject, data: st.DataObject) -> float:
    task = _quadratic_task(subject, data)
    recursion = _recursion(subject, task)
    points = minimize(subject, task).iterations
    last = len(recursion.exact) - 1
    assert isinstance(task.objective, Quadratic)
    bound = Bound(np.array(task.objective.center), recursion.allowed(last, "point"))
    reached = points[min(last, len(points) - 1)]
    return require_of(subject, task, bound, reached.point, f"point after {last} steps")


@law(
    id="directions-are-conjugate",
    title="Directions are conjugate, and gradients orthogonal to all directions before",
    statement=(
        "On a quadratic with an exact search d_i'H d_j = 0 for any two directions, which are so "
        "orthogonal where the quadratic is round, and g_i'd_j = 0 for any direction before the "
        "gradient, but for what the rounding of the recursion explains."
    ),
    oracle="exact",
    capability="minimizer",
    equations=(
        "conjugacy-definition",
        "conjugacy-as-orthogonality-in-whitened-space",
        "cg-gradient-stays-orthogonal",
    ),
    about=is_exact,
    every_path=False,
    share=0.25,
    dtypes=("float64",),
)
def directions_are_conjugate(subject: Subject, data: st.DataObject) -> float:
    task = _quadratic_task(subject, data)
    recursion = _recursion(subject, task)
    points = _with_directions(subject, task)[: len(recursion.exact) - 1]
    ratios = [float("nan")]
    for (j, before), (i, here) in itertools.combinations(enumerate(points), 2):
        ratios += _conjugate(subject, task, recursion, (i, here), (j, before))
    return worst(ratios)


def _with_directions(subject: Subject, task: Task) -> list[Iteration]:
    """The points from which a step was taken."""
    points = [here for here, _ in moves(minimize(subject, task))]
    if any(each.direction is None for each in points):
        raise NotShown(f"{subject.claim.name} does not show its directions")
    return points


def _direction(each: Iteration) -> Floats:
    assert each.direction is not None
    return each.direction


def _conjugate(
    subject: Subject,
    task: Task,
    recursion: _Recursion,
    later: tuple[int, Iteration],
    earlier: tuple[int, Iteration],
) -> list[float]:
    assert isinstance(task.objective, Quadratic)
    (i, here), (j, before) = later, earlier
    shown = _direction(here), here.gradient, _direction(before)
    d, g, e = (Arithmetic.exact().array(each) for each in shown)
    size_d, size_g, size_e = (np.abs(each) for each in shown)
    off_d, off_g, off_e = (
        recursion.allowed(index, name)
        for index, name in ((i, "direction"), (i, "gradient"), (j, "direction"))
    )
    H = np.abs(np.array(task.objective.matrix))
    curvature = off_d @ H @ size_e + size_d @ H @ off_e + off_d @ H @ off_e
    slope = off_g @ size_e + size_g @ off_e + off_g @ off_e
    product = conjugacy(d, _curved(task.objective, e))
    return [
        _zero(subject, task, product, float(curvature), f"d{i}'H d{j}"),
        _zero(subject, task, dot(g, e), float(slope), f"g{i}'d{j}"),
    ]


def _zero(subject: Subject, task: Task, found: Scalar, allowed: float, what: str) -> float:
    bound = Bound(np.zeros(1), np.array([allowed]))
    return require_of(subject, task, bound, np.array([float(found.ball.mid())]), what)


@law(
    id="coefficients-agree-on-quadratics",
    title="Fletcher-Reeves and Polak-Ribiere are one on quadratics",
    statement=(
        "On a quadratic with an exact search successive gradients are orthogonal: the coefficient "
        "that the directions show, (d + g)'d_0 / d_0'd_0, is both that of Fletcher and Reeves "
        "and that of Polak and Ribiere."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("fletcher-reeves-beta", "polak-ribiere-beta"),
    about=is_exact,
    every_path=False,
    share=0.25,
    dtypes=("float64",),
)
def coefficients_agree_on_quadratics(subject: Subject, data: st.DataObject) -> float:
    task = _quadratic_task(subject, data)
    recursion = _recursion(subject, task)
    points = _with_directions(subject, task)[: len(recursion.exact) - 1]
    exact = Arithmetic.exact()
    ratios = [float("nan")]
    for k, (before, here) in enumerate(itertools.pairwise(points), start=1):
        ends = (
            Iterate(*(exact.array(v) for v in (each.point, each.gradient, _direction(each))))
            for each in (before, here)
        )
        shown = float(_coefficient(*ends).ball.mid())
        expected = Quantity(
            _both(exact, recursion.exact[k - 1], recursion.exact[k]),
            Balls([_coefficient(*recursion.working[k - 1 : k + 1]).ball] * 2, subject.working),
        )
        what = f"coefficient of direction {k}, against both quotients"
        ratios.append(require_of(subject, task, expected, np.array([shown, shown]), what))
    return worst(ratios)


def _coefficient(before: Iterate, here: Iterate) -> Scalar:
    """What a direction has of the one before it."""
    kept: Scalar = dot(here.direction + here.gradient, before.direction)
    return kept / dot(before.direction, before.direction)  # type: ignore[no-any-return]


def _both(arithmetic: Arithmetic, before: Iterate, here: Iterate) -> Balls:
    quotients = (fletcher_reeves, polak_ribiere)
    balls = [each(here.gradient, before.gradient).ball for each in quotients]
    return Balls(balls, arithmetic)
