"""What the minimizers have in common: they choose a direction, then a step along it.

Steps with an exact search find the minimum along the line: by its formula where the function is
a quadratic along it, and by Newton's iteration on the slope, safeguarded by bisection, elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import numpy.typing as npt

from optcheck.backends.minimization import Iteration, Objective

Vector = npt.NDArray[np.float64]
Ending = tuple[bool | None, str]
Walk = Generator[Iteration, None, Ending]
# (point, gradient) to a direction, and what is remembered of how it was found.
Direction = Callable[[Vector, Vector], Vector]
# (objective, point, gradient, direction) to a step, or None where there is none.
Step = Callable[[Objective, Vector, Vector, Vector], float | None]


def walk(
    objective: Objective,
    x: Vector,
    direction: Direction,
    step: Step,
    *,
    iterations: int,
    tolerance: float,
    matrix: Callable[[], Vector | None] = lambda: None,
) -> Walk:
    """Go on until the largest slope is at most ``tolerance``, or no step is found."""
    for _ in range(iterations):
        value, g = float(objective.value(x)), objective.gradient(x)
        if problem := undefined(value, g):
            yield Iteration(x, value, g)
            return False, problem
        if np.max(np.abs(g)) <= tolerance:
            yield Iteration(x, value, g)
            return True, "the gradient is within the tolerance"
        d = direction(x, g)
        a = step(objective, x, g, d)
        if a is None:
            yield Iteration(x, value, g)
            return False, "no step along the direction was found"
        yield Iteration(x, value, g, d, a, matrix())
        x = x + a * d
    value, g = float(objective.value(x)), objective.gradient(x)
    yield Iteration(x, value, g)
    close = undefined(value, g) is None and bool(np.max(np.abs(g)) <= tolerance)
    return close, "the iterations are used up"


def undefined(value: float, gradient: Vector) -> str | None:
    """What is wrong with a value or gradient, if anything."""
    if np.isfinite(value) and np.all(np.isfinite(gradient)):
        return None
    return "the function is not defined or not bounded where the search leads"


def exact_step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """The minimum along ``d`` that is first met, where the slope turns from negative to positive.

    None where ``d`` does not descend, or where the slope never turns.
    """
    slope = float(g @ d)
    if not slope < 0.0:
        return None
    curvature = float(d @ objective.hessian(x) @ d)
    guess = -slope / curvature if curvature > 0.0 else 1.0
    low, high = 0.0, guess
    for _ in range(64):
        there = float(objective.gradient(x + high * d) @ d)
        if not np.isfinite(there):
            high = (low + high) / 2
        elif there < 0.0:
            low, high = high, 4.0 * high
        else:
            return _root(objective, x, d, low, high, guess if low == 0.0 else high)
    return None


def _root(objective: Objective, x: Vector, d: Vector, low: float, high: float, a: float) -> float:
    """The zero of the slope between ``low`` and ``high``."""
    last = np.inf
    for _ in range(64):
        slope = float(objective.gradient(x + a * d) @ d)
        if slope == 0.0:
            return a
        low, high = (a, high) if slope < 0.0 else (low, a)
        curvature = float(d @ objective.hessian(x + a * d) @ d)
        move = -slope / curvature if curvature > 0.0 else np.inf
        # Near the end each of Newton's steps squares the last one; what does not is rounding.
        if last / 2 <= abs(move) <= 2.0**-26 * abs(a):
            return a
        better, inside = a + move, min(max(a + move, low), high)
        if better != inside and abs(better - inside) > 2.0**-50 * abs(inside):
            inside, move = (low + high) / 2, np.inf
        if inside in (a, low, high):
            return inside
        last, a = abs(move), inside
    return a


def unit_step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """Always the full step."""
    return 1.0
