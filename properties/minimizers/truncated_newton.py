"""The law of Newton's direction by conjugate gradients that stop early."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, quadratics, smooth
from optcheck.properties.minimizers.newton import scaled
from optcheck.properties.minimizers.running import (
    Task,
    deviation,
    minimize,
    moves,
    require_of,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.oracle import SAFETY, Quantity

# Of conjugate gradients, for each variable; they need one in exact arithmetic.
INNER_ITERATIONS = 20


def _is_truncated(subject: Subject) -> bool:
    return (subject.record.id, subject.claim.dialect) == ("newton", "truncated")


@law(
    id="truncated-newton-solves-well-enough",
    title="Truncated Newton solves its equations up to the forcing term",
    statement=(
        "Where the Hessian is positive definite, the step is a positive multiple of a d with "
        "abs(H d + g)_1 <= min(1/2, sqrt(abs(g)_1)) abs(g)_1, but for the rounding of conjugate "
        "gradients (Greenbaum), or no curvature above 3 units in the last place of 1 was left; "
        "elsewhere, in two variables, it may also be along -g."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("truncated-newton-forcing-term", "newton-step"),
    about=_is_truncated,
)
def truncated_newton_solves_well_enough(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, st.one_of(quadratics((4,)), smooth()))
    pairs = moves(minimize(subject, task))
    return worst([_solved(subject, task, *pair, limit=3 * 2.0**-52) for pair in pairs])


@law(
    id="truncated-newton-ignores-the-scale",
    title="Truncated Newton solves its equations however small the function is",
    statement=(
        "On 2^-40 times a convex quadratic the first step is taken, and solves Newton's equations "
        "up to the forcing term: no curvature is too small in itself."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("truncated-newton-forcing-term",),
    about=_is_truncated,
    share=0.25,
)
def truncated_newton_ignores_the_scale(subject: Subject, data: st.DataObject) -> float:
    small = quadratics().map(lambda problem: scaled(problem, 2.0**-40))
    task = draw_task(subject, data, small, iterations=1, tolerance=2.0**-80)
    pairs = moves(minimize(subject, task))
    if not pairs:
        raise deviation(subject, task, f"takes no step from {task.start.tolist()}")
    return _solved(subject, task, *pairs[0], limit=0.0)


def _solved(
    subject: Subject, task: Task, here: Iteration, there: Iteration, *, limit: float
) -> float:
    hessian = np.array(task.objective.hessian(here.point), dtype=np.float64)
    lowest, size = np.linalg.eigvalsh(hessian)[0], np.linalg.norm(hessian)
    gradient = trajectories.gradient_at(task.objective, here.point, subject.working)
    g = gradient.expected()
    length = float(np.abs(g).sum())
    left, direction = _best_residual(hessian, g, there.point - here.point)
    forcing = min(0.5, math.sqrt(length)) * length
    allowed = forcing + float(gradient.allowed().sum()) + _rounding(subject, hessian, direction)
    # The displacement is rounded into the point.
    lost = SAFETY * 2.0**-subject.working.bits * np.abs(there.point)
    stretch = np.linalg.norm(direction) / np.linalg.norm(there.point - here.point)
    allowed += float(stretch * (np.abs(hessian) @ lost).sum())
    if lowest > 0.0:
        allowed += math.sqrt(len(g) * limit / lowest)
    ratio = left / allowed
    if ratio <= 1.0:
        return ratio
    # Eigenvalues are known to about n units of the largest one.
    if abs(lowest) <= SAFETY * len(g) * 2.0**-subject.working.bits * size:
        return float("nan")
    if lowest < 0.0 and len(g) == 2:
        return _along_the_gradient(subject, task, here, there, gradient)
    raise deviation(
        subject,
        task,
        f"leaves a residual of {left:.3g} of Newton's equations at {here.point.tolist()}, where "
        f"the forcing term is {forcing:.3g}",
        ratio,
    )


def _best_residual(hessian: Floats, g: Floats, moved: Floats) -> tuple[float, Floats]:
    """The least ``abs(t H s + g)_1`` over ``t > 0``, and ``t s``: it turns at a zero of a term."""
    forces = hessian @ moved
    with np.errstate(divide="ignore", invalid="ignore"):
        zeros = -g / forces
    factors = [float(t) for t in zeros if np.isfinite(t) and t > 0.0]
    found = [(float(np.abs(t * forces + g).sum()), t) for t in factors]
    left, factor = min(found, default=(math.inf, 1.0))
    return left, factor * moved


def _rounding(subject: Subject, hessian: Floats, direction: Floats) -> float:
    """How far the residual that conjugate gradients update is from the true one, in sum.

    Greenbaum, Estimating the attainable accuracy of recursively computed residual methods
    (1997), theorem 2.2, for ``k`` iterations from 0 with ``c = n sqrt(n)``; their iterates grow in
    length (Steihaug), so none is longer than the last.
    """
    n = len(direction)
    k, c = INNER_ITERATIONS * n, n**1.5
    units = k + 2 + c + k * (10 + 2 * c)
    length = float(np.linalg.norm(hessian, 2) * np.linalg.norm(direction))
    return float(SAFETY * 2.0**-subject.working.bits * units * length * n**0.5)


def _along_the_gradient(
    subject: Subject, task: Task, here: Iteration, there: Iteration, gradient: Quantity
) -> float:
    """The first direction of conjugate gradients, which is kept when the second one is refused."""
    descent = Quantity(-gradient.exact, -gradient.working)
    moved = there.point - here.point
    expected, factor = trajectories.along(descent, moved, here.point)
    if not factor > 0.0:
        raise deviation(subject, task, "goes uphill along the gradient", factor=factor)
    return require_of(subject, task, expected, moved, "displacement along the negative gradient")
