"""What a minimizer did, in balls: each step judged from the points that it visited.

Everything is computed from the recorded points alone: exactly, and in the working arithmetic, in
which gradients, differences of points and all that follows from them carry the rounding that an
implementation may have made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, Scalar, ball_arithmetic
from optcheck.reference.oracle import SAFETY, Bound, Quantity, namespace
from optcheck.reference.problems import Problem
from optcheck.reference.procedures import Form, Iterate

Floats = npt.NDArray[np.float64]
Visit = Mapping[str, Any]  # point, and direction and damping where they are shown


def scalars(values: npt.ArrayLike, arithmetic: Arithmetic) -> list[Scalar]:
    """A point as problems take it."""
    return [Scalar(arb(float(v)), arithmetic.bits) for v in np.ravel(np.asarray(values))]


def vector(entries: Sequence[Scalar], arithmetic: Arithmetic) -> Balls:
    """What problems answer, as a vector."""
    return Balls([entry.ball for entry in entries], arithmetic)


def value_at(problem: Problem, point: Floats, working: Arithmetic) -> Quantity:
    """The value of ``problem``, as a vector of one element."""
    both = (Arithmetic.exact(), working)
    return Quantity(*(vector([problem.value(scalars(point, each))], each) for each in both))


def gradient_at(problem: Problem, point: Floats, working: Arithmetic) -> Quantity:
    """The gradient of ``problem``."""
    both = (Arithmetic.exact(), working)
    return Quantity(*(vector(problem.gradient(scalars(point, each)), each) for each in both))


def next_point(point: Floats, direction: Floats, step: float, working: Arithmetic) -> Quantity:
    """``point + step * direction``."""
    ends = []
    for each in (Arithmetic.exact(), working):
        ends.append(each.array(point) + each.array(direction) * each.scalar(step))
    return Quantity(*ends)


def iterates(problem: Problem, visits: Sequence[Visit], arithmetic: Arithmetic) -> list[Iterate]:
    """The visited points with their gradients, in one arithmetic."""
    path = []
    for index, visit in enumerate(visits):
        after = visits[index + 1]["point"] if index + 1 < len(visits) else None
        direction, damping = visit.get("direction"), visit.get("damping")
        path.append(
            Iterate(
                arithmetic.array(visit["point"]),
                vector(problem.gradient(scalars(visit["point"], arithmetic)), arithmetic),
                None if direction is None else arithmetic.array(direction),
                None if after is None else displacement(visit["point"], after, arithmetic),
                None if damping is None else arithmetic.scalar(damping),
            )
        )
    return path


def displacement(before: Floats, after: Floats, arithmetic: Arithmetic) -> Balls:
    """From one point to the next.

    An implementation may keep the step itself, which differs by the rounding of ``after``.
    """
    difference: Balls = arithmetic.array(after) - arithmetic.array(before)
    return difference.reordered(arithmetic.array(after))


def direction(
    form: Form,
    problem: Problem,
    visits: Sequence[Visit],
    hyperparameters: Mapping[str, float],
    working: Arithmetic,
) -> Quantity:
    """The direction from the last of ``visits`` by the equation of ``form``."""
    assert form.direction is not None
    found = []
    for arithmetic in (Arithmetic.exact(), working):
        path = iterates(problem, visits, arithmetic)
        h = namespace(arithmetic, hyperparameters, len(visits) - 1)
        found.append(form.direction(path, h))
    return Quantity(*found)


def along(quantity: Quantity, moved: Floats, start: Floats) -> tuple[Quantity, float]:
    """``quantity`` scaled to the length of ``moved``, and the factor.

    For libraries that show points and not directions: a displacement must be a multiple of the
    direction. The factor is that of the largest coordinate, exactly: rounding may leave open
    whether that coordinate is 0, and then the quantity is undecided.
    """
    largest = int(np.argmax(np.abs(quantity.expected())))
    results, factors = [], []
    for vector in (quantity.exact, quantity.working):
        arithmetic = vector.arithmetic
        step = displacement(start, start + moved, arithmetic)
        with ball_arithmetic():
            ratio = step.balls[largest] / vector.balls[largest]
        factors.append(float(ratio.mid()))
        scaled: Balls = vector * Scalar(ratio, arithmetic.bits)
        results.append(scaled.reordered(arithmetic.array(start + moved)))
    return Quantity(*results), factors[0]


def residual(
    form: Form,
    problem: Problem,
    point: Floats,
    direction: Floats,
    damping: float | None,
    hyperparameters: Mapping[str, float],
    working: Arithmetic,
) -> tuple[Floats, Bound]:
    """``M d - b`` of the equations that ``form`` gives for the direction, and what is allowed.

    Solving by elimination with partial pivoting leaves the exact solution of a system whose
    matrix is off by at most ``n**2 * gamma(3 n) * 2**(n - 1)`` of its norm (Higham, Accuracy and
    Stability of Numerical Algorithms, theorem 9.5); what the entries themselves may be off by is
    the radius of their balls.
    """
    assert form.system is not None
    rows, right = _system(form, problem, point, damping, hyperparameters, Arithmetic.exact())
    near_rows, near_right = _system(form, problem, point, damping, hyperparameters, working)
    n = len(right)
    unit = 2.0**-working.bits
    gamma = 3 * n * unit / (1 - 3 * n * unit)
    with ball_arithmetic():
        d = [arb(float(v)) for v in direction]
        left = [sum((m.ball * e for m, e in zip(row, d, strict=True)), arb(0)) for row in rows]
        off = [float((a - b.ball).mid()) for a, b in zip(left, right, strict=True)]
        size = max(sum(float(abs(m.ball).mid()) for m in row) for row in rows)
        entries = [
            sum(float(m.ball.rad()) * abs(float(v)) for m, v in zip(row, direction, strict=True))
            + float(b.ball.rad())
            for row, b in zip(near_rows, near_right, strict=True)
        ]
    solving = n**2 * gamma * 2 ** (n - 1) * size * float(np.max(np.abs(direction)))
    allowed = SAFETY * (np.array(entries) + solving)
    return np.array(off), Bound(np.zeros(n), allowed)


def _system(
    form: Form,
    problem: Problem,
    point: Floats,
    damping: float | None,
    hyperparameters: Mapping[str, float],
    arithmetic: Arithmetic,
) -> tuple[Sequence[Sequence[Scalar]], Sequence[Scalar]]:
    assert form.system is not None
    h = namespace(arithmetic, hyperparameters, 0)
    told = None if damping is None else arithmetic.scalar(damping)
    rows, right = form.system(problem, scalars(point, arithmetic), told, h)
    return rows, right
