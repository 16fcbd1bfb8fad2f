"""Wrong brackets, exact steps, and minima of interpolating polynomials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_line_searches import FINDS, UPHILL, Number, nothing, slip
from wrong_variants import Family, Rule

from optcheck.backends.minimization import LineResult
from optcheck.backends.numpy.minimizers.line_searches import (
    Line,
    cubic_three_values,
    cubic_two_slopes,
    exact_quadratic,
    quadratic,
)

HOLDS = ("bracket-holds-a-minimum",)
SHRINKS = ("bracket-shrinks-at-its-ratio",)
EXACT = ("interpolated-minimum-is-exact",)
STEP = ("exact-line-search-step",)
NONE = ("interpolation-without-a-minimum",)
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0

Kept = Callable[..., tuple[float, float]]


def _lower_side(low: float, b: float, c: float, high: float, left: bool) -> tuple[float, float]:
    return (low, c) if left else (b, high)


def thirds(share: float = 1 / 3, kept: Kept = _lower_side, skipped: int = 0) -> Rule:
    """Two new inner points a reduction."""

    def rule(
        objective: Any, x: Any, d: Any, *, lower: float, upper: float, reductions: float
    ) -> LineResult:
        line = Line(objective, x, d)
        brackets = [(lower, upper)]
        for _ in range(int(reductions) - skipped):
            low, high = brackets[-1]
            b, c = low + share * (high - low), high - share * (high - low)
            brackets.append(kept(low, b, c, high, line.value(b) < line.value(c)))
        return line.result(sum(brackets[-1]) / 2, brackets=tuple(brackets))

    return rule


def golden(
    ratio: float = GOLDEN,
    kept: Kept = _lower_side,
    first: Callable[[float, float], float] = lambda low, high: high - GOLDEN * (high - low),
    stale: bool = False,
) -> Rule:
    """One new inner point a reduction."""

    def rule(
        objective: Any, x: Any, d: Any, *, lower: float, upper: float, reductions: float
    ) -> LineResult:
        line = Line(objective, x, d)
        low, high = lower, upper
        brackets = [(low, high)]
        b, c = first(low, high), low + ratio * (high - low)
        at_b, at_c = line.value(b), line.value(c)
        for _ in range(int(reductions)):
            left = at_b < at_c
            low, high = kept(low, b, c, high, left)
            brackets.append((low, high))
            if left:
                b, c = high - ratio * (high - low), b
                at_b, at_c = line.value(b), at_c if stale else at_b
            else:
                b, c = c, low + ratio * (high - low)
                at_b, at_c = at_b if stale else at_c, line.value(c)
        return line.result((low + high) / 2, brackets=tuple(brackets))

    return rule


def _higher_side(low: float, b: float, c: float, high: float, left: bool) -> tuple[float, float]:
    return (b, high) if left else (low, c)


def _middle(low: float, b: float, c: float, high: float, left: bool) -> tuple[float, float]:
    return b, c


THIRDS = [
    slip("quarters", "divides at the quarters", SHRINKS, thirds(0.25)),
    slip("higher-side", "keeps the side of the higher point", HOLDS, thirds(kept=_higher_side)),
    slip(
        "middle",
        "keeps what lies between the inner points",
        (*HOLDS, *SHRINKS),
        thirds(kept=_middle),
    ),
    slip("one-less", "makes one reduction less", SHRINKS, thirds(skipped=1)),
    slip("rounded-third", "takes 0.3333333 for a third", SHRINKS, thirds(0.3333333)),
]

SECTION = [
    slip(
        "five-eighths",
        "takes 0.625 for the golden section",
        SHRINKS,
        golden(0.625, first=lambda low, high: high - 0.625 * (high - low)),
    ),
    slip(
        "eight-digits",
        "takes 0.61803399 for the golden section",
        SHRINKS,
        golden(0.61803399, first=lambda low, high: high - 0.61803399 * (high - low)),
    ),
    slip(
        "without-the-lower-end",
        "forgets to add the lower end",
        SHRINKS,
        golden(first=lambda low, high: (1.0 - GOLDEN) * (high - low)),
    ),
    slip("higher-side", "keeps the side of the higher point", HOLDS, golden(kept=_higher_side)),
    slip("stale", "keeps the value of the point that it threw away", HOLDS, golden(stale=True)),
]


def exact(formula: Number) -> Rule:
    """A formula of slope, curvature and squared length of the gradient, without a look at it."""

    def rule(objective: Any, x: Any, d: Any) -> LineResult:
        g = objective.gradient(x)
        return LineResult(float(formula(g @ d, d @ objective.hessian(x) @ d, g @ g)))

    return rule


STEPS = [
    slip(
        "twice",
        "the step of x'Hx, without the half",
        STEP,
        exact(lambda s, c, g: -s / (2 * c)),
    ),
    slip(
        "gradient",
        "g'g whatever the direction",
        STEP,
        exact(lambda s, c, g: g / c),
    ),
    slip("uphill", "the size of the step alone", UPHILL, exact(lambda s, c, g: abs(s / c))),
    slip("backwards", "a negative step uphill", UPHILL, exact(lambda s, c, g: -s / c)),
    slip("gives-up", "never finds a step", FINDS, nothing),
]


def two_slopes(
    factor: float = 3.0, sign: float = 1.0, *, ordered: bool = True, absolute: bool = True
) -> Rule:
    """The scaled formula of Moré and Thuente, with one part exchanged."""

    def rule(a: float, fa: float, ga: float, b: float, fb: float, gb: float) -> float:
        theta = factor * (fa - fb) / (b - a) + ga + gb
        sizes = (theta, ga, gb)
        scale = max(map(abs, sizes)) if absolute else max(sizes)
        square = (theta / scale) ** 2 - (ga / scale) * (gb / scale)
        if square < 0.0:
            return math.nan
        root = sign * scale * np.sqrt(square)
        root = -root if ordered and b < a else root
        return a + (b - a) * ((root - ga + theta) / (root - ga + root + gb))

    return rule


def three_values(
    *, cubed: bool = True, tripled: float = 3.0, sign: float = 1.0, minimum: bool = True
) -> Rule:
    """The formula of SciPy, with one part exchanged."""

    def rule(a: float, fa: float, ga: float, b: float, fb: float, c: float, fc: float) -> float:
        db, dc = b - a, c - a
        rb, rc = fb - fa - ga * db, fc - fa - ga * dc
        determinant = (db * dc) ** 2 * (db - dc)
        A = (dc**2 * rb - db**2 * rc) / determinant
        power = 3 if cubed else 2
        B = (sign * db**power * rc - dc**power * rb) / determinant
        square = B * B - tripled * A * ga
        if square < 0.0:
            return math.nan if minimum else b + (b - a)
        return a + (-B + np.sqrt(square)) / (3 * A)

    return rule


def _outside(rule: Rule) -> Rule:
    """A point beyond b where the right rule finds none."""

    def wrong(**told: float) -> float:
        found = rule(**told)
        return found if math.isfinite(found) else 2 * told["b"] - told["a"]

    return wrong


def _parabola(factor: float = 2.0, slope: str = "ga", at: str = "a") -> Rule:
    def rule(a: float, fa: float, ga: float, b: float, fb: float) -> float:
        h = b - a
        mean = (fb - fa) / h
        bend = fb - fa - ga * h
        told = {"ga": ga, "mean": mean}
        start = {"a": a, "b": b}
        if bend <= 0.0:
            return math.nan
        return start[at] - told[slope] * h * h / (factor * bend)

    return rule


TWO_SLOPES = [
    slip("twice", "2 for 3 in the first difference", EXACT, two_slopes(2.0)),
    slip("maximum", "the other root", EXACT, two_slopes(sign=-1.0)),
    slip("unordered", "the same root whichever end comes first", EXACT, two_slopes(ordered=False)),
    slip(
        "scale",
        "scales by the largest and not by the largest in size",
        EXACT,
        two_slopes(absolute=False),
        bug="linesearches-mt-scale-abs",
    ),
    slip("outside", "extrapolates where there is no minimum", NONE, _outside(cubic_two_slopes)),
]
THREE_VALUES = [
    slip("squared", "squares for cubes in the matrix", EXACT, three_values(cubed=False)),
    slip("sign", "loses a sign of the matrix", EXACT, three_values(sign=-1.0)),
    slip("without-the-three", "forgets the 3 under the root", EXACT, three_values(tripled=1.0)),
    slip("outside", "extrapolates where there is no minimum", NONE, three_values(minimum=False)),
]
QUADRATIC = [
    slip("without-the-half", "forgets the 2", EXACT, _parabola(1.0)),
    slip("mean-slope", "the mean slope for that at a", EXACT, _parabola(slope="mean")),
    slip("from-b", "goes on from b", EXACT, _parabola(at="b")),
    slip("outside", "extrapolates where there is no minimum", NONE, _outside(quadratic)),
]

FAMILIES = [
    Family(
        "exact-quadratic",
        "closed-form",
        exact_quadratic,
        STEPS,
        capability="line-search",
        claim={"search": "exact"},
    ),
    Family(
        "bracketing",
        "thirds",
        thirds(),
        THIRDS,
        capability="line-search",
        claim={"search": "none"},
    ),
    Family(
        "bracketing",
        "golden-section",
        golden(),
        SECTION,
        capability="line-search",
        claim={"search": "none"},
    ),
    Family(
        "interpolation", "cubic-two-slopes", two_slopes(), TWO_SLOPES, capability="interpolation"
    ),
    Family(
        "interpolation",
        "cubic-three-values",
        cubic_three_values,
        THREE_VALUES,
        capability="interpolation",
    ),
    Family("interpolation", "quadratic", quadratic, QUADRATIC, capability="interpolation"),
]
