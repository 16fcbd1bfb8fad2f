"""Descent with momentum on a quadratic, as a linear recurrence for each mode.

Along an axis of curvature lambda every rule obeys ``x'' = p x' - q x`` from its second point on,
where p and q are trace and determinant of a matrix of two rows. Nothing here steps a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.oracle import SAFETY

Floats = npt.NDArray[np.float64]

# On its way into the next point a coordinate passes at most so many roundings, in any dialect:
# those of curvature, rate and complement of the momentum (5), of the point ahead and the gradient
# (4), of the products and sums of the update (4), and of the point before, which the velocity
# does not share (1).
ROUNDINGS = 14

# Powers of the matrix up to this one are products one by one, the others are made of those.
_BABY_STEPS = 16


@dataclass(frozen=True)
class Mode:
    """``x_1 = first x_0``, and ``x_(t+1) = trace x_t - determinant x_(t-1)`` from there.

    ``size`` bounds the sum of the magnitudes of all terms of a step that a dialect may compute,
    over that of the two points before it.
    """

    trace: arb
    determinant: arb
    first: arb
    size: arb

    def points(self, steps: int) -> list[arb]:
        """``x_0 = 1`` to ``x_steps``; call it inside :func:`ball_arithmetic`."""
        matrix = arb_mat([[self.trace, -self.determinant], [1, 0]])
        # The recurrence itself would multiply the radii at every step.
        small = [arb_mat([[1, 0], [0, 1]])]
        for _ in range(_BABY_STEPS):
            small.append(matrix * small[-1])
        points = [arb(1)]
        large = arb_mat([[self.first], [1]])
        while len(points) <= steps:
            points += [(power * large)[0, 0] for power in small[:-1]]
            large = small[-1] * large
        return points[: steps + 1]


def gradient_descent(product: arb) -> Mode:
    """For a learning rate times curvature of ``product``."""
    return Mode(1 - product, arb(0), 1 - product, 1 + product)


def momentum_mode(method: str, dialect: str, product: arb, momentum: arb) -> Mode:
    """The mode of a dialect that is set by :func:`settings`; ``product`` is eta lambda.

    The dampened form takes its first gradient in full, which is twice the others. The shifted
    forms stand at the look-ahead point.
    """
    size = 2 * (1 + momentum) * (1 + product)
    if method == "momentum":
        first = 1 - (2 if dialect == "dampened" else 1) * product
        return Mode(1 + momentum - product, momentum, first, size)
    left = 1 - product
    first = 1 - (1 + momentum) * product if "shifted" in dialect else left
    return Mode((1 + momentum) * left, momentum * left, first, size)


def settings(method: str, dialect: str, rate: float, momentum: float) -> dict[str, float]:
    """Hyper-parameters with which a dialect weighs each gradient by ``rate``."""
    if method == "gradient-descent":
        return {"learning_rate": rate}
    if "averaged" in dialect:
        return {"learning_rate": rate / (1.0 - momentum), "momentum": momentum}
    if dialect == "dampened":
        return {"learning_rate": 2.0 * rate, "momentum": momentum, "dampening": 0.5}
    return {"learning_rate": rate, "momentum": momentum}


def exact_points(modes: Sequence[Mode], steps: int) -> list[list[arb]]:
    """The points of each mode from 1, one list for each of ``steps + 1`` times."""
    with ball_arithmetic():
        columns = [mode.points(steps) for mode in modes]
    return [list(row) for row in zip(*columns, strict=True)]


def rounding(modes: Sequence[Mode], points: Floats) -> Floats:
    """What rounding may do to the ``points`` of each mode, shape ``(steps + 1, modes)``.

    A step adds an error of at most gamma_n times the magnitudes of its terms (Higham, Accuracy
    and Stability of Numerical Algorithms, section 3.1); from there on the error obeys the
    recurrence too, so that what is left of it is the response to an impulse.
    """
    p, q, size = (
        np.array([float(getattr(mode, name)) for mode in modes])
        for name in ("trace", "determinant", "size")
    )
    gamma = ROUNDINGS * 2.0**-53 / (1.0 - ROUNDINGS * 2.0**-53)
    responses = [np.ones_like(p), p]
    for _ in points[2:]:
        responses.append(p * responses[-1] - q * responses[-2])
    impulse = np.abs(responses)
    error, local = np.zeros_like(points), np.zeros_like(points)
    for step in range(len(points) - 1):
        # What was computed may be larger than the exact points by the error so far.
        sizes = np.abs(points[max(step - 1, 0) : step + 1]) + error[max(step - 1, 0) : step + 1]
        local[step] = gamma * size * sizes.sum(axis=0) + np.finfo(np.float64).tiny
        error[step + 1] = np.sum(impulse[step::-1] * local[: step + 1], axis=0)
    allowed: Floats = SAFETY * error
    return allowed
