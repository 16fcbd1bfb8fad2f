"""Steps of damped least squares in balls: the equations, and what rounding leaves of them.

A trial is a step from a point whether it was taken or refused. ``M d = -g`` are its equations
without damping, ``M = J'J`` and ``g = J'e``, or both over the number of residuals.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Trajectory
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.running import Task
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Balls, Scalar, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.levenberg_marquardt import (
    gauss_newton_term,
    predicted_decrease,
)
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import LeastSquares, Problem


@dataclass(frozen=True)
class Trial:
    """A step that was tried from a point.

    ``direction`` is the difference of two rounded points unless it is ``shown``. ``damping`` is
    None where it is hidden; ``scale`` is the diagonal of ``D``.
    """

    point: Floats
    direction: Floats
    shown: bool
    damping: float | None
    after: Floats
    scale: Floats

    @property
    def end(self) -> Floats:
        """Where it leads; if it was refused, but for rounding."""
        return self.after if self.taken else self.point + self.direction

    @property
    def weights(self) -> Floats:
        """The diagonal of ``D**2``."""
        return self.scale**2

    @property
    def taken(self) -> bool:
        """Whether the next point is another one."""
        return not np.array_equal(self.point, self.after)


def trials(subject: Subject, task: Task, trajectory: Trajectory) -> list[Trial]:
    """All steps that were tried, in order."""
    found = []
    told = task.hyperparameters.get("damping")
    scale: Floats | None = None
    for here, there in itertools.pairwise(trajectory.iterations):
        direction = there.point - here.point if here.direction is None else here.direction
        damping = told if here.damping is None else here.damping
        shown = here.step is not None
        if subject.claim.dialect == "scaled-damping":
            norms = column_norms(task.objective, here.point)
            before = np.where(norms > 0.0, norms, 1.0) if scale is None else scale
            scale = np.maximum(before, norms)
        else:
            scale = np.ones_like(here.point)
        if np.any(direction):
            found.append(Trial(here.point, direction, shown, damping, there.point, scale))
    return found


def column_norms(problem: Problem, point: Floats) -> Floats:
    """The lengths of the columns of the Jacobian."""
    assert isinstance(problem, LeastSquares)
    columns = np.asarray(problem.jacobian(point)).T
    return np.array([length(column) for column in columns])


def length(vector: Floats) -> float:
    """The Euclidean norm, also where the squares overflow."""
    largest = float(np.max(np.abs(vector)))
    if not 0.0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm(vector / largest))


class Equations:
    """``M`` and ``g`` at one point: exactly, and what computing them may leave."""

    def __init__(self, subject: Subject, task: Task, point: Floats) -> None:
        assert isinstance(task.objective, LeastSquares)
        means = subject.claim.dialect == "fixed-damping-of-means"
        self.unit = 2.0**-subject.working.bits
        self.examples = len(task.objective.residuals) if means else 1
        exact, near = (
            _normal(task.objective, point, each, self.examples)
            for each in (Arithmetic.exact(), subject.working)
        )
        self.rows, self.gradient = exact
        self.row_radii = np.array([[_radius(each) for each in row] for row in near[0]])
        self.gradient_radii = np.array([_radius(each) for each in near[1]])
        self.squares = np.array([[_middle(each) for each in row] for row in self.rows])
        residual = np.asarray(task.objective.residual(point)) / np.sqrt(self.examples)
        self.residuals = len(residual)
        self.length = length(residual)

    def off(self, direction: Floats, damping: Floats) -> Floats:
        """``(M + diag(damping)) d + g``, exactly."""
        with ball_arithmetic():
            d = [arb(float(each)) for each in direction]
            result = [
                sum((m.ball * e for m, e in zip(row, d, strict=True)), g.ball)
                + arb(float(mu)) * own
                for row, g, mu, own in zip(self.rows, self.gradient, damping, d, strict=True)
            ]
            return np.array([float(each.mid()) for each in result])

    def allowed(self, trial: Trial, damping: Floats) -> Floats:
        """What rounding may leave of ``(M + diag(damping)) d + g``.

        The entries carry the radius of their balls. Elimination solves a system that is off by
        ``n**2 * gamma(3 n) * 2**(n - 1)`` of its norm (Higham, Accuracy and Stability of Numerical
        Algorithms, theorem 9.5); Cholesky's factors by less (theorem 10.4). Orthogonal
        transformations of ``A = [J; sqrt(damping)]``, m by n, and ``b = [e; 0]`` solve a problem
        with ``|dA| <= (6 m - 3 n + 41) n u |A|`` in the Frobenius norm, and so with b (Lawson and
        Hanson, Solving Least Squares Problems, theorem 16.1): to first order that leaves
        ``|dA| |r| + |A| (|dA| |d| + |db|)`` in the normal equations, where the residual ``r`` of
        the solution is no longer than b, and ``|A|**2`` is the trace of the matrix.
        """
        n, d = len(trial.direction), trial.direction
        gamma = 3 * n * self.unit / (1 - 3 * n * self.unit)
        matrix = np.abs(self.squares) + np.diag(damping)
        elimination = n**2 * gamma * 2 ** (n - 1) * np.max(np.sum(matrix, axis=1))
        m = self.residuals + n
        size = np.sqrt(np.trace(matrix))
        share = (6 * m - 3 * n + 41) * n * self.unit
        orthogonal = share * size * (2 * self.length + size * np.linalg.norm(d))
        entries = self.row_radii @ np.abs(d) + self.gradient_radii
        # The damping is known to two roundings (a root and its square, or a reciprocal).
        entries += 2 * self.unit * damping * np.abs(d)
        if not trial.shown:
            # Rounded when it was added to the point, and when the two were subtracted.
            lost = self.unit * (np.abs(trial.end) + np.abs(d))
            entries += matrix @ lost
        bound: Floats = SAFETY * (entries + max(elimination * np.max(np.abs(d)), orthogonal))
        return bound

    def hidden_damping(self, trial: Trial) -> float:
        """The mu >= 0 that explains a direction best: ``M d + g`` is ``-mu D**2 d``."""
        left, scaled = (
            self.off(trial.direction, 0 * trial.weights),
            trial.weights * trial.direction,
        )
        return max(0.0, -float(left @ scaled) / float(scaled @ scaled))

    def undamped(self) -> Floats:
        """The Gauss-Newton step, exactly."""
        with ball_arithmetic():
            right = arb_mat([[-each.ball] for each in self.gradient])
            return np.array([float(each.mid()) for each in self._matrix().solve(right).entries()])

    def inverse_norm(self) -> float:
        """``|M^-1|``, in the Frobenius norm, which is not below the Euclidean one."""
        with ball_arithmetic():
            inverse = self._matrix().inv()
            return float(sum((each * each for each in inverse.entries()), arb(0)).sqrt().mid())

    def _matrix(self) -> arb_mat:
        return arb_mat([[each.ball for each in row] for row in self.rows])

    def steepness(self) -> Floats:
        """The gradient as doubles."""
        return np.array([_middle(each) for each in self.gradient])


def _normal(
    problem: LeastSquares, point: Floats, arithmetic: Arithmetic, examples: int
) -> tuple[Sequence[Sequence[Scalar]], Sequence[Scalar]]:
    x = trajectories.scalars(point, arithmetic)
    squares = gauss_newton_term(problem.jacobian(x))
    gradient = problem.gradient(x)
    return (
        [[each / examples for each in row] for row in squares],
        [each / examples for each in gradient],
    )


def _radius(each: Scalar) -> float:
    return float(each.ball.rad().abs_upper())


def _middle(each: Scalar) -> float:
    return float(each.ball.mid())


def excess_of_fall(
    subject: Subject, task: Task, trial: Trial, share: float
) -> tuple[float, float]:
    """By how much the value falls more than ``share`` of what is predicted, and what is allowed.

    The gain ratio of the trial is above ``share`` where this is positive.
    """
    ends = []
    for arithmetic in (Arithmetic.exact(), subject.working):
        before, after = (_value(task, each, arithmetic) for each in (trial.point, trial.end))
        expected = arithmetic.scalar(share) * predicted(task.objective, trial, arithmetic)
        ends.append((before - after - expected).ball)
    # Where the value overflows or is not defined nothing is known; but it did not fall.
    if not ends[0].is_finite():
        return -np.inf, 0.0
    allowed = float(ends[1].rad()) if ends[1].is_finite() else np.inf
    if not trial.taken:
        slope = trajectories.gradient_at(task.objective, trial.end, subject.working).expected()
        allowed += float(np.abs(slope) @ np.abs(trial.end)) * 2.0**-subject.working.bits
    return float(ends[0].mid()), SAFETY * allowed


def predicted(problem: Problem, trial: Trial, arithmetic: Arithmetic) -> Scalar:
    """The decrease that the linear model of the residuals predicts."""
    assert isinstance(problem, LeastSquares)
    x = trajectories.scalars(trial.point, arithmetic)
    d = arithmetic.array(trial.direction)
    if not trial.shown:
        d = d.reordered(arithmetic.array(trial.end))
    rows = [trajectories.vector(row, arithmetic) for row in problem.jacobian(x)]
    moved = Balls([dot(row, d).ball for row in rows], arithmetic)
    gradient = trajectories.vector(problem.gradient(x), arithmetic)
    result: Scalar = predicted_decrease(gradient, moved, d)
    return result


def _value(task: Task, point: Floats, arithmetic: Arithmetic) -> Scalar:
    value: Scalar = task.objective.value(trajectories.scalars(point, arithmetic))
    return value
