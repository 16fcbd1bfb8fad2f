"""Convexity: proved on boxes with the Hessian in intervals, refuted with a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import EXACT_BITS, Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.problems import LOG_COSH, Elementary, Polynomial, Problem
from optcheck.reference.registry import statement
from optcheck.reference.trajectories import scalars

statement(
    "convex-function-chord-definition",
    title="A convex function lies nowhere above its chords",
    formula=(
        r"f(tx+(1-t)y)\le tf(x)+(1-t)f(y),\quad0\le t\le1"
        r"\quad(\text{strictly convex}:\ <\text{ for }x\ne y,\ 0<t<1)"
    ),
    sources=("prince:sec 6.1.2", "prince:Notes Convexity"),
    erratum="P06: chords may touch the graph, as all chords of an affine function do.",
)
statement(
    "convexity-hessian-criterion",
    title="Convexity by the Hessian",
    formula=(
        r"L\ \text{convex}\iff\mathbf{H}[\phi]\succeq0\ \forall\phi;\qquad"
        r"\mathbf{H}[\phi]\succ0\ \forall\phi\Rightarrow L\ \text{strictly convex}"
    ),
    sources=("prince:Notes Convexity", "prince:Problem 6.2", "prince:6.19"),
    erratum="P06: at most one minimum follows, not that there is one; exp has none.",
)
statement(
    "convex-stationary-point-global-minimum",
    title="Of a convex function every stationary point is a global minimum",
    formula=(
        r"J\ \text{convex},\ \nabla J(\theta^\star)=0\Rightarrow J(\theta^\star)\le J(\theta)"
        r"\ \forall\theta;\qquad\mathrm{argmin}\,J\ \text{is convex}"
    ),
    sources=("goodfellow:sec 8.2.2", "goodfellow:sec 8.2.4", "prince:sec 6.1.2"),
)

Floats = npt.NDArray[np.float64]

EXPONENTIAL = Elementary((lambda f, x: f.exp(x),) * 3, ("exp(x[0])",) * 3)
FOURTH_POWER = Polynomial(1, ((1.0, (4,)),))
DOUBLE_WELL = Polynomial(1, ((1.0, (4,)), (-2.0, (2,))), minimum=-1.0)
AFFINE = Polynomial(1, ((-0.5, (0,)), (0.75, (1,))))
# Convex functions of one variable: strictly, but for the last.
CONVEX: dict[str, Problem] = {
    "exp": EXPONENTIAL,
    "log cosh": LOG_COSH,
    "fourth power": FOURTH_POWER,
    "affine": AFFINE,
}

# The boxes that a proof may need.
BOXES = 512


def interval_hessian(problem: Any, low: Floats, high: Floats) -> list[list[arb]]:
    """The Hessian at all points of a box at once, each entry an interval."""
    with ball_arithmetic():
        x = [
            Scalar(arb(float(a)).union(arb(float(b))), EXACT_BITS)
            for a, b in zip(low, high, strict=True)
        ]
    return [[entry.ball for entry in row] for row in problem.hessian(x)]


def is_semidefinite(matrix: Sequence[Sequence[arb]], least: float = 0.0) -> bool:
    """Whether it is proved that no eigenvalue is below ``least``, for every matrix enclosed.

    By elimination without pivoting, in balls: all pivots are positive, or 0 with all their row.
    """
    count = len(matrix)
    with ball_arithmetic():
        rows = [
            [matrix[i][j] - (arb(least) if i == j else 0) for j in range(count)]
            for i in range(count)
        ]
        for k in range(count):
            pivot = rows[k][k]
            if pivot.is_zero() and all(each.is_zero() for each in rows[k][k:]):
                continue
            if not pivot > 0:
                return False
            for i in range(k + 1, count):
                factor = rows[i][k] / pivot
                for j in range(k + 1, count):
                    rows[i][j] -= factor * rows[k][j]
    return True


def proves_convex(problem: Any, low: Floats, high: Floats, least: float = 0.0) -> bool:
    """Whether no eigenvalue of the Hessian is below ``least`` anywhere in the box; proved.

    Boxes that do not decide it are halved where they are widest. False says nothing.
    """
    if least <= 0.0 and isinstance(problem, Polynomial) and _is_sum_of_even_powers(problem):
        return True
    boxes = [(low, high)]
    for _ in range(BOXES):
        if not boxes:
            return True
        a, b = boxes.pop()
        if not is_semidefinite(interval_hessian(problem, a, b), least):
            widest = int(np.argmax(b - a))
            middle = (a[widest] + b[widest]) / 2
            left, right = b.copy(), a.copy()
            left[widest] = right[widest] = middle
            boxes += [(a, left), (right, b)]
    return False


def _is_sum_of_even_powers(problem: Polynomial) -> bool:
    """Whether it is, in one variable: no interval tells its curvature at 0 from less than 0."""
    even = all(c >= 0.0 and powers[0] % 2 == 0 for c, powers in problem.terms)
    return problem.dimension == 1 and even


def curvature_along(matrix: Sequence[arb], direction: Sequence[float]) -> arb:
    """``v'Hv`` for a flat ``H``."""
    with ball_arithmetic():
        v = [arb(float(each)) for each in direction]
        products = (x * y for x in v for y in v)
        return sum((a * p for a, p in zip(matrix, products, strict=True)), arb(0))


def lowest_direction(problem: Any, point: Floats) -> Floats:
    """The direction of the least curvature, in short binary fractions."""
    _, vectors = np.linalg.eigh(np.asarray(problem.hessian(point)))
    direction: Floats = np.round(vectors[:, 0] * 64.0) / 64.0
    return direction


def chord_gap(problem: Any, x: Floats, y: Floats, share: float) -> arb:
    """How far the chord lies above the function at ``share x + (1 - share) y``, exactly."""
    exact = Arithmetic.exact()
    between = share * x + (1.0 - share) * y
    values = [problem.value(scalars(each, exact)).ball for each in (x, y, between)]
    with ball_arithmetic():
        t = arb(share)
        gap: arb = t * values[0] + (1 - t) * values[1] - values[2]
    return gap
