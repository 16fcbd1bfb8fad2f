"""Laws of Newton's methods: one step on a quadratic, the order near a stationary point, scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import (
    draw_task,
    fractions,
    quadratics,
    quartics,
    starts,
)
from optcheck.properties.minimizers.running import (
    Task,
    deviation,
    minimize,
    moves,
    require_of,
    worst,
)
from optcheck.properties.strategies import hyperparameters
from optcheck.reference import trajectories
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Polynomial, Problem, Quadratic, hadamard

NEWTONS = ("newton", "regularized-newton", "saddle-free-newton")


def solves_a_system(subject: Subject) -> bool:
    """One of Newton's methods that takes the full step."""
    if subject.record.id not in NEWTONS:
        return False
    return subject.record.dialects[subject.claim.dialect].system is not None


def is_newton(subject: Subject) -> bool:
    """Newton's method itself, with full steps."""
    return bool(subject.record.id == "newton") and solves_a_system(subject)


@dataclass(frozen=True)
class Bowl:
    """A quadratic with its curvatures, some of which may be negative, along ``axes`` (rows)."""

    problem: Quadratic
    curvatures: Floats
    axes: Floats

    def treated(self, subject: Subject, shift: float = 0.0) -> Floats:
        """The curvatures of the matrix that the method solves with."""
        if subject.record.id == "saddle-free-newton":
            return np.abs(self.curvatures)
        return self.curvatures + shift

    def carried(self, subject: Subject, slack: Floats, shift: float = 0.0) -> Floats:
        """What a residual of at most ``slack`` makes of the direction."""
        curvatures = self.treated(subject, shift)
        inverse = self.axes.T @ np.diag(1 / curvatures) @ self.axes / len(curvatures)
        carried: Floats = np.abs(inverse) @ slack
        return carried


@st.composite
def bowls(draw: st.DrawFn, dimensions: Sequence[int] = (2, 4), *, signed: bool = True) -> Bowl:
    """Quadratics with full coupling; minima, and if ``signed`` saddles and maxima too."""
    count = draw(st.sampled_from(tuple(dimensions)))
    sizes = draw(st.lists(fractions(0.5, 8.0), min_size=count, max_size=count))
    signs = draw(st.lists(st.sampled_from((1.0, -1.0)), min_size=count, max_size=count))
    curvatures = [a * s for a, s in zip(sizes, signs, strict=True)] if signed else sizes
    center = draw(st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count))
    axes = [[(-1.0) ** (i & j).bit_count() for j in range(count)] for i in range(count)]
    return Bowl(hadamard(curvatures, center), np.array(curvatures), np.array(axes))


def bowl_task(subject: Subject, data: st.DataObject, bowl: Bowl, **fixed: float) -> Task:
    """One iteration on ``bowl`` from a drawn start."""
    return draw_task(subject, data, st.just(bowl.problem), iterations=1, fixed=fixed)


def draw_shift(subject: Subject, data: st.DataObject) -> dict[str, float]:
    """A shift, where there is one, that makes no curvature of a bowl 0: those are eighths."""
    if subject.record.id != "regularized-newton":
        return {}
    return {"shift": data.draw(fractions(0.0, 9.0), label="shift") + 0.0625}


def first_step(subject: Subject, task: Task) -> tuple[Iteration, Iteration]:
    """The start and the point after one step, which must be taken."""
    pairs = moves(minimize(subject, task))
    if not pairs:
        raise deviation(subject, task, f"takes no step from {task.start.tolist()}")
    return pairs[0]


def direction_of(here: Iteration, there: Iteration) -> Floats:
    """The direction that was taken, or the displacement where none is shown."""
    return here.direction if here.direction is not None else there.point - here.point


def slack_of(subject: Subject, task: Task, here: Iteration, direction: Floats) -> Floats:
    """By how much ``M d + g`` may differ from 0 in each coordinate."""
    _, bound = trajectories.residual(
        subject.record.dialects[subject.claim.dialect],
        task.objective,
        here.point,
        direction,
        here.damping,
        task.hyperparameters,
        subject.working,
    )
    return bound.radius


def rounding_of(subject: Subject, point: Floats) -> Floats:
    """What a step loses when it is added to the point before."""
    lost: Floats = SAFETY * 2.0**-subject.working.bits * np.abs(point)
    return lost


def gradient_of(subject: Subject, task: Task, point: Floats) -> Floats:
    """The exact gradient, in doubles."""
    return trajectories.gradient_at(task.objective, point, subject.working).expected()


@law(
    id="newton-solves-a-quadratic-in-one-step",
    title="One step of Newton reaches the stationary point of a quadratic",
    statement=(
        "On any nonsingular quadratic, whatever the signs of its curvatures, the first step leads "
        "to its stationary point (the minimum, where the Hessian is positive definite), but for "
        "the inverse Hessian times the backward error of elimination."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("newton-quadratic-one-step", "newton-attracted-to-saddles-and-maxima"),
    about=is_newton,
    share=0.25,
)
def newton_solves_a_quadratic_in_one_step(subject: Subject, data: st.DataObject) -> float:
    bowl = data.draw(bowls(), label="quadratic")
    task = bowl_task(subject, data, bowl)
    here, there = first_step(subject, task)
    slack = slack_of(subject, task, here, direction_of(here, there))
    allowed = bowl.carried(subject, slack) + rounding_of(subject, there.point)
    center = np.array(bowl.problem.center)
    return require_of(subject, task, Bound(center, allowed), there.point, "point after one step")


@law(
    id="newton-scales-by-curvature",
    title="Newton divides the slope along each axis by the curvature",
    statement=(
        "On a quadratic whose axes u and curvatures l are known, the direction has "
        "c u'd = -u'g, where c is l, for a regularised Hessian l + shift, and for saddle-free "
        "Newton abs(l)."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("newton-eigen-direction-scaling",),
    about=solves_a_system,
    share=0.25,
)
def newton_scales_by_curvature(subject: Subject, data: st.DataObject) -> float:
    bowl = data.draw(bowls(), label="quadratic")
    h = draw_shift(subject, data)
    task, curvatures = bowl_task(subject, data, bowl, **h), bowl.treated(subject, **h)
    here, there = first_step(subject, task)
    direction = direction_of(here, there)
    slack = slack_of(subject, task, here, direction)
    slopes = bowl.axes @ gradient_of(subject, task, here.point)
    computed = curvatures * (bowl.axes @ direction)
    # Axes have entries 1 and -1.
    bound = Bound(-slopes, np.full_like(slopes, slack.sum()))
    return require_of(subject, task, bound, computed, "curvature times direction along an axis")


def below(bound: float) -> float:
    """The largest power of two up to ``bound``."""
    return 2.0 ** math.floor(math.log2(bound))


_KINDS = {"minimum": (1.0, 1.0), "saddle point": (1.0, -1.0), "maximum": (-1.0, -1.0)}


@law(
    id="newton-converges-quadratically",
    title="Near any stationary point Newton converges to it, quadratically",
    statement=(
        "Near a minimum, a saddle point or a maximum x* with a nonsingular Hessian, "
        "abs(x' - x*) <= b L abs(x - x*)^2, with b the norm of the inverse Hessian at x* and L a "
        "Lipschitz constant of the Hessian on a ball about x*, from everywhere within "
        "1/(2 b L) (Dennis and Schnabel, theorem 5.2.1); rounding is added."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("newton-attracted-to-saddles-and-maxima", "newton-convergence-far-start"),
    about=is_newton,
    share=0.25,
    every_path=False,
    dtypes=("float64",),
)
def newton_converges_quadratically(subject: Subject, data: st.DataObject) -> float:
    signs = _KINDS[data.draw(st.sampled_from(tuple(_KINDS)), label="stationary point")]
    sizes, p, q = (
        data.draw(st.tuples(values, values), label=label)
        for values, label in (
            (fractions(0.5, 4.0), "curvatures"),
            (fractions(-2.0, 2.0), "cubic terms"),
            (fractions(0.0, 2.0), "quartic terms"),
        )
    )
    (a, c), (_, d) = hadamard([s * size for s, size in zip(signs, sizes, strict=True)]).matrix
    terms = (a / 2, (2, 0)), (c, (1, 1)), (d / 2, (0, 2))
    more = (p[0], (3, 0)), (p[1], (0, 3)), (q[0], (4, 0)), (q[1], (0, 4))
    b, radius = 1 / min(sizes), 0.25
    lipschitz = max(6 * abs(x) + 24 * y * radius for x, y in zip(p, q, strict=True)) or 1.0
    away = st.sampled_from((-5, -4, -3, -1, 1, 3, 4, 5))
    # At most sqrt(50)/8 of the distance from which the theorem holds.
    unit = below(min(radius, 1 / (2 * b * lipschitz))) / 8
    start = unit * np.array(data.draw(st.tuples(away, away), label="start"))
    task = Task(Polynomial(2, (*terms, *more)), start, iterations=4)
    pairs = moves(minimize(subject, task))
    if not pairs:
        raise deviation(subject, task, "takes no step")
    return worst([_contracted(subject, task, *pair, b, lipschitz) for pair in pairs])


def _contracted(
    subject: Subject, task: Task, here: Iteration, there: Iteration, b: float, lipschitz: float
) -> float:
    """Within reach the inverse Hessian is at most ``2 b``."""
    before, after = (float(np.linalg.norm(each.point)) for each in (here, there))
    slack = np.linalg.norm(slack_of(subject, task, here, direction_of(here, there)))
    rounding = np.linalg.norm(rounding_of(subject, there.point))
    allowed = float(b * lipschitz * before**2 + 2 * b * slack + rounding)
    if after > allowed:
        raise deviation(
            subject,
            task,
            f"leaves {after:.3g} of a distance of {before:.3g} from the stationary point, theory "
            f"allows {allowed:.3g}",
            after / allowed,
        )
    return after / allowed


def scaled(problem: Problem, factor: float) -> Problem:
    """``factor`` times a quadratic or a polynomial."""
    if isinstance(problem, Quadratic):
        rows = tuple(tuple(factor * a for a in row) for row in problem.matrix)
        return replace(problem, matrix=rows, minimum=factor * problem.minimum)
    assert isinstance(problem, Polynomial)
    return problem.with_coefficients([factor * c for c in problem.coefficients])


@law(
    id="newton-ignores-the-scale",
    title="Newton takes the same step when the function is multiplied by a number",
    statement=(
        "Multiplying a convex function (and the shift) by 2^-40 or 2^40 leaves the step as it is, "
        "but for the inverse Hessian times the backward error of elimination."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("newton-step",),
    about=solves_a_system,
    share=0.25,
)
def newton_ignores_the_scale(subject: Subject, data: st.DataObject) -> float:
    problem = data.draw(st.one_of(quadratics((2,)), quartics()), label="problem")
    factor = 2.0 ** data.draw(st.sampled_from((-40, 40)), label="exponent")
    start = data.draw(starts(2), label="start")
    domains = subject.record.domains(subject.claim.dialect)
    h = data.draw(hyperparameters(domains, subject.claim), label="hyperparameters")
    plain = Task(problem, start, h, iterations=1)
    other = Task(
        scaled(problem, factor),
        start,
        {name: factor * value for name, value in h.items()},
        iterations=1,
        tolerance=factor * plain.tolerance,
    )
    here, there = first_step(subject, plain)
    also, elsewhere = first_step(subject, other)
    slack = slack_of(subject, plain, here, direction_of(here, there))
    slack = slack + slack_of(subject, other, also, direction_of(also, elsewhere)) / factor
    # Of a convex function the inverse is largest without a shift.
    inverse = np.linalg.norm(np.linalg.inv(problem.hessian(start)), 2)
    allowed = inverse * np.linalg.norm(slack) * np.ones(2)
    allowed = allowed + rounding_of(subject, there.point) + rounding_of(subject, elsewhere.point)
    bound = Bound(there.point, allowed)
    return require_of(subject, other, bound, elsewhere.point, f"step on {factor:g} times f")
