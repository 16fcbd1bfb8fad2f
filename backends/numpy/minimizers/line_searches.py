"""Line searches along a given direction, and the interpolation that some of them use."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import LineResult, Objective
from optcheck.backends.numpy.minimizers._walk import Vector

rules = FunctionMinimizers()

_BOTH = ("float32", "float64")


class Trial(NamedTuple):
    """A step with the value and the slope there."""

    step: float
    value: float
    slope: float


class Line:
    """An objective along a line; it remembers the steps that were tried."""

    def __init__(self, objective: Objective, x: Vector, d: Vector) -> None:
        self.objective = objective
        self.x = x
        self.d = d
        self.trials: list[float] = []

    def value(self, step: float) -> float:
        """The value after ``step``; the start is no trial."""
        if step != 0.0:
            self.trials.append(float(step))
        return float(self.objective.value(self.x + step * self.d))

    def slope(self, step: float) -> float:
        """The slope after ``step``."""
        return float(self.objective.gradient(self.x + step * self.d) @ self.d)

    def at(self, step: float) -> Trial:
        """Both."""
        return Trial(step, self.value(step), self.slope(step))

    def result(
        self, step: float | None, message: str = "", brackets: tuple[tuple[float, float], ...] = ()
    ) -> LineResult:
        """What the search found."""
        return LineResult(step, tuple(self.trials), brackets, message)


@rules.line_search("exact-quadratic", dialect="closed-form", search="exact")
def exact_quadratic(objective: Objective, x: Vector, d: Vector) -> LineResult:
    """``-g'd / d'Hd`` where it leads down to a minimum."""
    slope = float(objective.gradient(x) @ d)
    curvature = float(d @ (objective.hessian(x) @ d))
    if slope < 0.0 < curvature:
        return LineResult(-slope / curvature)
    return LineResult(None, message="the line has no minimum in this direction")


@rules.line_search("bracketing", dialect="thirds", search="none")
def thirds(
    objective: Objective, x: Vector, d: Vector, *, lower: float, upper: float, reductions: float
) -> LineResult:
    """Two new inner points each time, at the thirds of the bracket."""
    line = Line(objective, x, d)
    brackets = [(lower, upper)]
    best = lower
    for _ in range(int(reductions)):
        low, high = brackets[-1]
        b, c = low + (high - low) / 3, high - (high - low) / 3
        left = line.value(b) < line.value(c)
        brackets.append((low, c) if left else (b, high))
        best = b if left else c
    return line.result(best, brackets=tuple(brackets))


@rules.line_search("bracketing", dialect="golden-section", search="none")
def golden_section(
    objective: Objective, x: Vector, d: Vector, *, lower: float, upper: float, reductions: float
) -> LineResult:
    """One new inner point each time: the other one is already where it has to be."""
    line = Line(objective, x, d)
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    brackets = [(lower, upper)]
    low, high = lower, upper
    b, c = high - ratio * (high - low), low + ratio * (high - low)
    at_b, at_c = line.value(b), line.value(c)
    for remaining in range(int(reductions) - 1, -1, -1):
        left = at_b < at_c
        low, high = (low, c) if left else (b, high)
        brackets.append((low, high))
        if not remaining:
            return line.result(b if left else c, brackets=tuple(brackets))
        if left:
            b, c = high - ratio * (high - low), b
            at_b, at_c = line.value(b), at_b
        else:
            b, c = c, low + ratio * (high - low)
            at_b, at_c = at_c, line.value(c)
    return line.result(None, brackets=tuple(brackets))


@rules.line_search("backtracking", dialect="armijo", search="armijo")
def backtracking(
    objective: Objective,
    x: Vector,
    d: Vector,
    *,
    initial_step: float,
    decrease_factor: float,
    sufficient_decrease: float,
    limit: float,
) -> LineResult:
    """Shorter and shorter steps, until one descends enough."""
    line = Line(objective, x, d)
    start = line.at(0.0)
    if not start.slope < 0.0:
        return line.result(None, "the direction does not descend")
    step = initial_step
    for _ in range(int(limit)):
        if line.value(step) <= start.value + sufficient_decrease * step * start.slope:
            return line.result(step)
        step *= decrease_factor
    return line.result(None, "no step descended enough")


@rules.line_search("backtracking", dialect="armijo-interpolation", search="armijo")
def interpolating_backtracking(
    objective: Objective,
    x: Vector,
    d: Vector,
    *,
    initial_step: float,
    sufficient_decrease: float,
    limit: float,
) -> LineResult:
    """The next trial is the minimum of a quadratic, later of a cubic, between 1/10 and 1/2."""
    line = Line(objective, x, d)
    start = line.at(0.0)
    if not start.slope < 0.0:
        return line.result(None, "the direction does not descend")
    before: tuple[float, float] | None = None
    step = initial_step
    for _ in range(int(limit)):
        value = line.value(step)
        if value <= start.value + sufficient_decrease * step * start.slope:
            return line.result(step)
        if before is None:
            better = quadratic(*start, step, value)
        else:
            better = cubic_three_values(*start, step, value, *before)
        before = (step, value)
        step = better if 0.1 * step <= better <= 0.5 * step else 0.5 * step
    return line.result(None, "no step descended enough")


@rules.line_search("wolfe", dialect="strong", search="wolfe")
@rules.line_search("wolfe", dialect="strong-zoom", search="wolfe")
def wolfe(
    objective: Objective,
    x: Vector,
    d: Vector,
    *,
    sufficient_decrease: float,
    curvature: float,
    limit: float,
) -> LineResult:
    """Doubled steps until two trials bracket a good one, then the zoom between them.

    ``low`` is the best trial that descends enough, and the slope there leads towards ``high``.
    """
    line = Line(objective, x, d)
    start = low = line.at(0.0)
    if not start.slope < 0.0:
        return line.result(None, "the direction does not descend")
    high: Trial | None = None
    step = 1.0
    for _ in range(int(limit)):
        here = line.at(step)
        # So written that a value which is not a number ends the bracketing too.
        enough = here.value <= start.value + sufficient_decrease * step * start.slope
        if not enough or here.value >= low.value:
            high = here
        elif abs(here.slope) <= -curvature * start.slope:
            return line.result(step)
        else:
            if here.slope * (1.0 if high is None else high.step - low.step) >= 0.0:
                high = low
            low = here
        step = 2.0 * here.step if high is None else _between(low, high)
    return line.result(None, "no step satisfied the conditions")


def _between(low: Trial, high: Trial) -> float:
    """The minimum of the cubic, or the middle where that is too close to an end."""
    left, right = sorted((low.step, high.step))
    margin = 0.1 * (right - left)
    guess = cubic_two_slopes(*low, *high)
    return guess if left + margin <= guess <= right - margin else (left + right) / 2.0


def _root(square: float) -> float:
    """In the precision of its argument."""
    root: float = np.sqrt(square)
    return root


@rules.interpolation(dialect="cubic-two-slopes", dtypes=_BOTH)
def cubic_two_slopes(a: float, fa: float, ga: float, b: float, fb: float, gb: float) -> float:
    """As in the search of Moré and Thuente: scaled, so that no square overflows."""
    theta = 3 * (fa - fb) / (b - a) + ga + gb
    scale = max(abs(theta), abs(ga), abs(gb))
    if not 0.0 < scale < math.inf:
        return math.nan
    square = (theta / scale) ** 2 - (ga / scale) * (gb / scale)
    if square < 0.0:
        return math.nan
    root = scale * _root(square)
    if b < a:
        root = -root
    return a + (b - a) * ((root - ga + theta) / (root - ga + root + gb))


@rules.interpolation(dialect="cubic-three-values", dtypes=_BOTH)
def cubic_three_values(
    a: float, fa: float, ga: float, b: float, fb: float, c: float, fc: float
) -> float:
    """In units of ``b - a``: the cubic is A s**3 + B s**2 + C s, and 0 its minimum's slope."""
    u = (c - a) / (b - a)
    C = ga * (b - a)
    at_b, at_c = fb - fa - C, (fc - fa - C * u) / (u * u)
    A = (at_c - at_b) / (u - 1)
    B = at_b - A
    square = B * B - 3 * A * C
    if not 0.0 <= square < math.inf:
        return math.nan
    root = _root(square)
    # The form in which nothing cancels.
    if B > 0.0:
        return a + (b - a) * (-C / (B + root))
    return a + (b - a) * ((root - B) / (3 * A)) if A != 0.0 else math.nan


@rules.interpolation(dialect="quadratic", dtypes=_BOTH)
def quadratic(a: float, fa: float, ga: float, b: float, fb: float) -> float:
    """Where the parabola is flat, if it opens upwards."""
    h = b - a
    bend = fb - fa - ga * h
    return a - ga * h * h / (2 * bend) if bend > 0.0 else math.nan
