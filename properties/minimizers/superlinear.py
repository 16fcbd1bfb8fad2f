"""The law behind superlinear convergence of BFGS, judged along every path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Trajectory
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions
from optcheck.properties.minimizers.quasi_newton import every_pair, is_bfgs, kept, pairs_along
from optcheck.properties.minimizers.running import Task, deviation, minimize, visits, worst
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.matrices import Rows, identity
from optcheck.reference.minimizers.quasi_newton import hessian_form
from optcheck.reference.problems import Polynomial

_ITERATIONS = 10


@st.composite
def valleys(draw: st.DrawFn) -> Polynomial:
    """Strongly convex quartics; at the minimum, 0, the curvatures are ``1/k`` and ``k``."""
    k = 2.0 ** draw(st.integers(2, 4))
    q = draw(fractions(0.0625, 0.5, 0.0625))
    along, across = (k + 1 / k) / 4, (k - 1 / k) / 2
    terms = ((along, (2, 0)), (along, (0, 2)), (across, (1, 1)), (q, (4, 0)), (q / 2, (0, 4)))
    return Polynomial(2, terms, minimum=0.0)


@law(
    id="bfgs-turns-to-newtons-direction",
    title="The directions of BFGS turn to Newton's (superlinear convergence)",
    statement=(
        "With P the Hessian at the minimum, trace P^-1 - n + log det P + sum over the pairs of "
        "(y'P^-1 y / s'y - 1 + log((g's)^2 / (g'P^-1 g s'y))) is never negative (Byrd and Nocedal "
        "1989, from trace and determinant of the update). Near the minimum y = P s, so the angles "
        "to Newton's direction have a finite sum of squares: they go to 0, which is the condition "
        "of Dennis and More. Steepest descent breaks it after few steps in a valley."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("bfgs-ravines-and-dimension",),
    about=is_bfgs,
    share=0.25,
    dtypes=("float64",),
)
def bfgs_turns_to_newtons_direction(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(
        subject, data, valleys(), iterations=_ITERATIONS, fixed=every_pair(subject), reach=2.0
    )
    trajectory = minimize(subject, task)
    points = trajectory.iterations
    exact, working = pairs_along(subject, task, trajectory, len(points))
    hessian = np.array(
        [
            [float(entry.ball.mid()) for entry in row]
            for row in task.objective.hessian(
                trajectories.scalars(np.zeros(2), Arithmetic.exact())
            )
        ]
    )
    potential = _Potential(hessian)
    curved = identity(exact[0][0]) if exact else []
    ratios = []
    for index, pair in enumerate(exact):
        if not kept(subject, task, working[index]):
            # Skipped, or decided by rounding: what comes later does not follow from the pairs.
            if kept(subject, task, working[index]) is None:
                break
            continue
        gradient = _possible_gradient(subject, task, trajectory, index, curved)
        if gradient is None:
            break
        potential.take(gradient, *pair)
        ratios.append(potential.shortfall())
        if ratios[-1] > 1.0:
            raise deviation(
                subject,
                task,
                f"after iteration {index} the directions are further from Newton's than those of "
                f"BFGS can be: the potential is {potential}",
                ratios[-1],
            )
        curved = hessian_form(curved, *pair)
    return worst(ratios)


class _Potential:
    """The sum in the law, with what the rounding of the directions makes of it."""

    def __init__(self, hessian: Floats) -> None:
        (a, b), (c, d) = ([arb(float(entry)) for entry in row] for row in hessian)
        with ball_arithmetic():
            determinant = a * d - b * c
            self.inverse = (
                (d / determinant, -b / determinant),
                (-c / determinant, a / determinant),
            )
            self.sum = self.inverse[0][0] + self.inverse[1][1] - 2 + determinant.log()

    def _form(self, v: Sequence[arb]) -> arb:
        return sum((v[i] * self.inverse[i][j] * v[j] for i in range(2) for j in range(2)), arb(0))

    def take(self, gradient: Sequence[arb], s: Balls, y: Balls) -> None:
        with ball_arithmetic():
            curvature = dot(s, y).ball
            slope = sum((g * e for g, e in zip(gradient, s.balls, strict=True)), arb(0))
            self.sum += self._form(y.balls) / curvature - 1
            self.sum += (slope * slope / (self._form(gradient) * curvature)).log()

    def shortfall(self) -> float:
        """How far below 0 the sum is, in units of its radius; NaN where it is not defined."""
        if not self.sum.is_finite():
            return float("nan")
        low, radius = -float(self.sum.mid()), float(self.sum.rad())
        return max(low, 0.0) / radius

    def __str__(self) -> str:
        return f"{float(self.sum.mid()):.3g}"


def _possible_gradient(
    subject: Subject, task: Task, trajectory: Trajectory, index: int, curved: Rows
) -> list[arb] | None:
    """The gradients to which the step taken would be exactly that of BFGS.

    The direction is off by at most what it is allowed and by the rounding of the next point; the
    Hessian ``curved`` makes of that a difference of the gradient.
    """
    here, there = trajectory.iterations[index : index + 2]
    form = subject.record.dialects[subject.claim.dialect]
    past = visits(trajectory, index + 1)
    direction = trajectories.direction(
        form, task.objective, past, task.hyperparameters, subject.working
    )
    moved = np.max(np.abs(there.point - here.point))
    size = np.max(np.abs(direction.expected()))
    off = direction.allowed() + 2.0**-subject.working.bits * np.abs(there.point) * size / moved
    if not np.all(np.isfinite(off)):
        return None
    allowed = np.abs([row.midpoints() for row in curved]) @ off
    gradient = trajectories.gradient_at(task.objective, here.point, subject.working).exact
    with ball_arithmetic():
        return [g + arb(0, float(r)) for g, r in zip(gradient.balls, allowed, strict=True)]
