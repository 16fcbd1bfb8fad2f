"""Wrong line searches: the step, the conditions, what ends them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.minimization import LineResult
from optcheck.backends.numpy.minimizers.line_searches import (
    Line,
    Trial,
    cubic_three_values,
    cubic_two_slopes,
    quadratic,
)

CONDITIONS = ("line-search-conditions-hold",)
FINDS = ("line-search-finds-a-step",)
SECOND = ("second-trial-is-the-minimum",)
FIRST = ("backtracking-takes-the-first-sufficient-step",)
UPHILL = ("ascent-is-refused",)
UNDEFINED = ("undefined-trial-is-not-the-end",)
BOUNDED = ("evaluations-are-bounded",)
BRACKETS = ("bracketing-goes-on-until-it-rises",)

Number = Callable[..., float]


def slip(name: str, what: str, laws: tuple[str, ...], rule: Rule, **more: Any) -> Slip:
    return Slip(name, what, laws, fixed(rule), **more)


def nothing(objective: Any, x: Any, d: Any, **h: float) -> LineResult:
    """Always gives up."""
    return LineResult(None, message="no step")


def armijo(value: float, start: Trial, c1: float, step: float) -> bool:
    return value <= start.value + c1 * step * start.slope


def backtracking(
    *,
    enough: Callable[..., bool] = armijo,
    shorter: Number = lambda step, factor: factor * step,
    returned: Number = lambda step, factor: step,
    value_at_first: bool = False,
    refuses: bool = True,
    ends: bool = True,
) -> Rule:
    """Backtracking with one part exchanged."""

    def rule(
        objective: Any,
        x: Any,
        d: Any,
        *,
        initial_step: float,
        decrease_factor: float,
        sufficient_decrease: float,
        limit: float,
    ) -> LineResult:
        line = Line(objective, x, d)
        start, step = line.at(0.0), initial_step
        if value_at_first:
            start = start._replace(value=line.value(step))
        if refuses and not start.slope < 0.0:
            return line.result(None)
        count = 0
        while count < limit or not ends:
            if enough(line.value(step), start, sufficient_decrease, step):
                return line.result(returned(step, decrease_factor))
            step = shorter(step, decrease_factor)
            count += 1
        return line.result(None)

    return rule


def interpolating(
    second: Number = quadratic,
    *,
    enough: Callable[..., bool] = armijo,
    guarded: bool = True,
    refuses: bool = True,
    ends: bool = True,
) -> Rule:
    """Backtracking by interpolation with one part exchanged."""

    def rule(
        objective: Any,
        x: Any,
        d: Any,
        *,
        initial_step: float,
        sufficient_decrease: float,
        limit: float,
    ) -> LineResult:
        line = Line(objective, x, d)
        start, step = line.at(0.0), initial_step
        if refuses and not start.slope < 0.0:
            return line.result(None)
        before: tuple[float, float] | None = None
        count = 0
        while count < limit or not ends:
            value = line.value(step)
            if enough(value, start, sufficient_decrease, step):
                return line.result(step)
            if before is None:
                better = second(*start, step, value)
            else:
                better = cubic_three_values(*start, step, value, *before)
            before = (step, value)
            inside = not guarded or 0.1 * step <= better <= 0.5 * step
            step = better if inside else 0.5 * step
            count += 1
        return line.result(None)

    return rule


def strong(value: float, slope: float, c2: float) -> bool:
    return abs(value) <= -c2 * slope


def wolfe(
    *,
    enough: Callable[..., bool] = armijo,
    curved: Callable[..., bool] = strong,
    between: Number = cubic_two_slopes,
    grown: Number = lambda before, step: 2.0 * step,
    rises_from: int = 0,
    alias: bool = False,
    limited: bool = True,
    undefined: bool = False,
    last: bool = False,
) -> Rule:
    """Bracketing and zoom with one part exchanged; rises count from a trial on."""

    def rule(
        objective: Any,
        x: Any,
        d: Any,
        *,
        sufficient_decrease: float,
        curvature: float,
        limit: float,
    ) -> LineResult:
        line = Line(objective, x, d)
        start = low = line.at(0.0)
        if not last and not start.slope < 0.0:
            return line.result(None)
        high: Trial | None = None
        step = 1.0
        for count in range(int(limit) if limited else 50):
            here = line.at(step)
            if undefined and not math.isfinite(here.value):
                return line.result(step)
            rises = here.value >= low.value and (high is not None or count >= rises_from)
            if not enough(here.value, start, sufficient_decrease, step) or rises:
                high = here
            elif curved(here.slope, start.slope, curvature):
                return line.result(step)
            else:
                if here.slope * (1.0 if high is None else high.step - low.step) >= 0.0:
                    high = low
                low = here
            if high is None:
                step = grown(low.step if count else 0.0, here.step)
                continue
            if alias:
                low = low._replace(slope=here.slope)
            left, right = sorted((low.step, high.step))
            guess = between(*low, *high)
            margin = 0.1 * (right - left)
            step = guess if left + margin <= guess <= right - margin else (left + right) / 2.0
        return line.result(step if last else None)

    return rule


def _not_above(value: float, start: Trial, c1: float, step: float) -> bool:
    return not value > start.value + c1 * step * start.slope


BACKTRACKING = [
    slip(
        "tolerance-tightens",
        "a relative tolerance with the wrong sign",
        FIRST,
        backtracking(enough=lambda v, s, c, a: v <= 0.5 * s.value + c * a * s.slope),
        bug="optax-backtracking-rtol-sign",
    ),
    slip(
        "step-twice",
        "multiplies the slope by the step twice",
        CONDITIONS,
        backtracking(enough=lambda v, s, c, a: v <= s.value + c * a * (a * s.slope)),
        bug="argmin-goldstein-alpha",
    ),
    slip(
        "value-at-the-first-trial",
        "takes the value at the first trial for that at the start",
        CONDITIONS,
        backtracking(value_at_first=True),
        bug="linesearches-phi0-at-alpha0",
    ),
    slip(
        "endless",
        "counts up its limit and not its trials",
        BOUNDED,
        backtracking(refuses=False, ends=False, enough=lambda v, s, c, a: v < s.value - 1e9),
        says="has not ended",
        bug="dlib-backtracking-max-iter",
    ),
    slip(
        "undefined",
        "takes NaN for a value that is low enough",
        UNDEFINED,
        backtracking(enough=_not_above),
        bug="jaxopt-zoom-nan",
    ),
    slip(
        "any-decrease",
        "is content with any decrease",
        CONDITIONS,
        backtracking(enough=lambda v, s, c, a: v < s.value),
    ),
    slip("halves", "halves, whatever its factor", FIRST, backtracking(shorter=lambda a, f: a / 2)),
    slip(
        "one-more",
        "shortens the step that it accepted",
        FIRST,
        backtracking(returned=lambda a, f: f * a),
    ),
    slip("uphill", "does not look at the slope", UPHILL, backtracking(refuses=False)),
    slip("gives-up", "never finds a step", FINDS, nothing),
]

INTERPOLATING = [
    slip(
        "without-the-half",
        "forgets the 2 in the minimum of the parabola",
        SECOND,
        interpolating(lambda a, fa, ga, b, fb: a - ga * b * b / (fb - fa - ga * b) / 4),
    ),
    slip("bisects", "halves instead", SECOND, interpolating(lambda *told: math.nan)),
    slip(
        "to-zero",
        "takes the minimum of a parabola through an infinite value",
        UNDEFINED,
        interpolating(
            lambda a, fa, ga, b, fb: -ga * b * b / 2 / (fb - fa - ga * b), guarded=False
        ),
        says="returns the step 0.0",
    ),
    slip(
        "any-decrease",
        "is content with any decrease",
        CONDITIONS,
        interpolating(enough=lambda v, s, c, a: v < s.value),
    ),
    slip("uphill", "does not look at the slope", UPHILL, interpolating(refuses=False)),
    slip(
        "endless",
        "has no limit",
        BOUNDED,
        interpolating(refuses=False, ends=False, enough=lambda v, s, c, a: v < s.value - 1e9),
        says="has not ended",
    ),
]

STRONG = [
    slip(
        "weak",
        "bounds the slope from below alone",
        CONDITIONS,
        wolfe(curved=lambda v, s, c: v >= c * s),
    ),
    slip(
        "no-curvature",
        "does not look at the slope of a trial",
        CONDITIONS,
        wolfe(curved=lambda v, s, c: True),
    ),
    slip(
        "no-decrease",
        "does not look at the value of a trial",
        CONDITIONS,
        wolfe(enough=lambda v, s, c, a: v <= s.value),
    ),
    slip(
        "alias",
        "keeps a gradient in a buffer that the next evaluation overwrites",
        SECOND,
        wolfe(alias=True),
        bug="luatorch-wolfe-alias",
    ),
    slip(
        "limit",
        "always allows itself 50 trials",
        BOUNDED,
        wolfe(limited=False),
        bug="torch-lbfgs-max-eval",
    ),
    slip(
        "shrinks",
        "looks for a larger step between the last two",
        BRACKETS,
        wolfe(grown=lambda before, step: 0.5 * step),
        bug="ceres-wolfe-bracket-lower",
    ),
    slip(
        "undefined",
        "ends at a trial that is not finite",
        UNDEFINED,
        wolfe(undefined=True),
        bug="jaxopt-zoom-nan",
    ),
    slip("last-trial", "returns its last trial when it fails", UPHILL, wolfe(last=True)),
    slip("gives-up", "never finds a step", FINDS, nothing),
]

ZOOM = [
    slip(
        "second-trial",
        "does not compare the second trial with the first",
        BRACKETS,
        wolfe(rises_from=2),
        bug="scipy-wolfe2-first-iteration",
    ),
    slip("never-rises", "never compares two trials", BRACKETS, wolfe(rises_from=99)),
    slip("bisects", "halves the bracket", SECOND, wolfe(between=lambda *told: math.nan)),
    slip(
        "other-end",
        "takes the slope at one end for that at the other",
        SECOND,
        wolfe(between=lambda a, fa, ga, b, fb, gb: cubic_two_slopes(a, fa, gb, b, fb, ga)),
    ),
    slip("last-trial", "returns its last trial when it fails", UPHILL, wolfe(last=True)),
]

FAMILIES = [
    Family(
        "backtracking",
        "armijo",
        backtracking(),
        BACKTRACKING,
        capability="line-search",
        claim={"search": "armijo"},
    ),
    Family(
        "backtracking",
        "armijo-interpolation",
        interpolating(),
        INTERPOLATING,
        capability="line-search",
        claim={"search": "armijo"},
    ),
    Family(
        "wolfe", "strong", wolfe(), STRONG, capability="line-search", claim={"search": "wolfe"}
    ),
    Family(
        "wolfe", "strong-zoom", wolfe(), ZOOM, capability="line-search", claim={"search": "wolfe"}
    ),
]
