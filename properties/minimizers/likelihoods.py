"""Steps on likelihoods: exactly, with what rounding may make of them, and where none succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.drawing import data_weights, draw_task
from optcheck.properties.minimizers.running import Task, minimize, moves
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.families import Categorical, Gaussian, Reparametrised, Softmax
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Problem

EXACT = Arithmetic.exact()

HOPELESS: Mapping[str, Problem] = {
    # All observations are equal: the deviation goes to 0, and the likelihood to infinity.
    "unbounded below": Gaussian(0.5, 0.0),
    # By probabilities, which a step may lead out of their interval.
    "undefined where it leads": Categorical((0.875, 0.125)),
    # The parameters do not matter.
    "constant": Reparametrised(Softmax((0.25, 0.75)), ((0.0,),)),
}


def is_natural_gradient(subject: Subject) -> bool:
    """Whether the laws of the natural gradient are about ``subject``."""
    return bool(subject.record.id == "natural-gradient")


@st.composite
def softmaxes(draw: st.DrawFn) -> Softmax:
    """Data of two or three outcomes, by their logits."""
    return Softmax(draw(data_weights(draw(st.integers(2, 3)))))


def softmax_task(subject: Subject, data: st.DataObject) -> Task:
    """One step on a softmax family, long or short."""
    multiplier = 2.0 ** data.draw(st.integers(0, 10), label="log2 of the multiplier")
    fixed = {"multiplier": multiplier}
    return draw_task(subject, data, softmaxes(), iterations=1, fixed=fixed, reach=2.0)


def first_step(subject: Subject, task: Task) -> Step | None:
    """The first move, None where there is none."""
    pairs = moves(minimize(subject, task))
    return step_of(subject, task, *pairs[0]) if pairs else None


def column(values: npt.ArrayLike) -> arb_mat:
    """Doubles, exactly."""
    return arb_mat([[arb(float(v))] for v in np.ravel(np.asarray(values))])


def matrix(rows: Sequence[Sequence[Scalar]]) -> arb_mat:
    """What a problem answers."""
    return arb_mat([[each.ball for each in row] for row in rows])


def doubles(exact: arb_mat) -> Floats:
    """The midpoints, in the shape of the matrix."""
    flat = np.array([float(each.mid()) for each in exact.entries()])
    return flat.reshape(exact.nrows(), exact.ncols())


def vector(exact: arb_mat) -> Floats:
    """The midpoints of a column."""
    return doubles(exact)[:, 0]


def product(left: arb_mat, right: arb_mat) -> arb:
    """The inner product of two columns."""
    with ball_arithmetic():
        return (left.transpose() * right)[0, 0]


def at(point: Floats) -> list[Scalar]:
    """The point for exact evaluation."""
    return trajectories.scalars(point, EXACT)


@dataclass(frozen=True)
class Step:
    """From one point to the next, with the geometry of the first.

    ``error`` is how far ``moved`` may be from the exact natural gradient step.
    """

    before: Floats
    after: Floats
    moved: arb_mat
    fisher: arb_mat
    inverse: arb_mat
    gradient: arb_mat
    error: Floats

    def exactly(self, multiplier: float) -> arb_mat:
        """The exact step: ``-F^-1 g`` over the multiplier."""
        with ball_arithmetic():
            return self.inverse * self.gradient * (arb(-1) / arb(multiplier))

    def curved(self, step: arb_mat) -> arb_mat:
        """``F`` times ``step``."""
        with ball_arithmetic():
            return self.fisher * step

    def square(self, step: arb_mat) -> arb:
        """``step'F step``: twice the divergence to second order."""
        return product(step, self.curved(step))

    def slack(self, step: arb_mat) -> float:
        """How much ``error`` may change the product of ``F moved`` with ``step``."""
        return float(np.abs(vector(self.curved(step))) @ self.error)


def step_of(subject: Subject, task: Task, here: Iteration, there: Iteration) -> Step:
    """What a move is, exactly.

    A residual ``r`` of ``F d = -g / multiplier`` puts ``d`` off by ``F^-1 r``; then the step and
    the point are rounded.
    """
    problem: Any = task.objective
    _, allowed = residual(subject, task, here, there, subject.claim.dialect)
    with ball_arithmetic():
        moved = column(there.point) - column(here.point)
        fisher = matrix(problem.fisher(at(here.point)))
        inverse = _inverse(fisher)
        gradient = arb_mat([[each.ball] for each in problem.gradient(at(here.point))])
    rounding = 2.0**-subject.working.bits * (np.abs(vector(moved)) + np.abs(there.point))
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(doubles(inverse)) @ allowed + SAFETY * rounding
    return Step(here.point, there.point, moved, fisher, inverse, gradient, error)


def _inverse(fisher: arb_mat) -> arb_mat:
    """The inverse; NaN, which decides nothing, where the bits do not tell it from singular."""
    try:
        return fisher.inv()
    except ZeroDivisionError:
        return fisher * arb("nan")


def residual(
    subject: Subject, task: Task, here: Iteration, there: Iteration, dialect: str
) -> tuple[Floats, Floats]:
    """What the step leaves of the equations of ``dialect``, and what it may leave of its own."""
    taken = here.direction if here.direction is not None else there.point - here.point
    found = {}
    for name in (dialect, subject.claim.dialect):
        found[name] = trajectories.residual(
            subject.record.dialects[name],
            task.objective,
            here.point,
            taken,
            here.damping,
            task.hyperparameters,
            subject.working,
        )
    return found[dialect][0], found[subject.claim.dialect][1].allowed()


def fall(problem: Problem, before: Floats, after: Floats) -> arb:
    """How far the loss falls from one point to another."""
    with ball_arithmetic():
        difference: arb = problem.value(at(before)).ball - problem.value(at(after)).ball
    return difference


def divergence(family: Any, before: Floats, step: arb_mat) -> arb:
    """The Kullback-Leibler divergence between the models before and after ``step``."""
    x = at(before)
    with ball_arithmetic():
        after = zip(x, step.entries(), strict=True)
        y = [Scalar(each.ball + change, EXACT.bits) for each, change in after]
    parts = [
        weight * (family.log_probability(x, each) - family.log_probability(y, each))
        for weight, each in family.outcomes(x)
    ]
    return Scalar.total(parts).ball


def spread(step: arb_mat) -> float:
    """The largest difference between the changes of two logits; that of outcome 0 is 0."""
    changes = [0.0, *map(float, vector(step))]
    return max(changes) - min(changes)


def curvature_range(reach: float) -> tuple[arb, arb]:
    """What a step on a softmax family has for its divergence, over ``step'F step / 2``.

    The third derivative of the log of a sum of exponentials is a third central moment, at most
    ``reach`` times the second, so that the curvature changes by at most ``exp(reach t)`` on the
    way (Bach, Self-concordant analysis for logistic regression, 2010, proposition 1).
    """
    if reach == 0.0:
        return arb(1), arb(1)
    with ball_arithmetic():
        r = arb(reach)
        low, high = ((each.exp() - each - 1) * 2 / (r * r) for each in (-r, r))
        return low, high
