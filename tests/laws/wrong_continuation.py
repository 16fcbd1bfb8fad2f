"""Wrong continuation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.minimization import Iteration
from optcheck.backends.numpy.minimizers.continuation import (
    Blurred,
    crisp,
    follow,
    local_minimum,
    quadrature,
)

BLUR = ("each-stage-minimises-its-blur",)
PATH = ("continuation-finds-the-lower-well", "a-tracked-minimum-may-be-local")
CONCAVE = ("no-blur-makes-a-concave-function-convex",)
FAIR = ("a-sampled-blur-is-fair",)

Blur = Callable[[Any, float], Blurred]


def geometric(width: float, factor: float, stages: int) -> Sequence[float]:
    return [width * factor**stage for stage in range(stages - 1)]


def continuing(
    blur: Blur = quadrature,
    widths: Callable[[float, float, int], Sequence[float]] = geometric,
    last: Blur = lambda objective, width: crisp(objective),
) -> Rule:
    """Continuation with another blur, other widths, or another last stage."""

    def rule(objective: Any, x: Any, *, initial_width: float, factor: float, **given: Any) -> Any:
        series = widths(initial_width, factor, int(given.pop("stages")))
        end = last(objective, series[-1] if len(series) else initial_width)
        return follow(objective, x, [*(blur(objective, w) for w in series), end], **given)

    return rule


def sampled(blur: Callable[[Any, float, Any], Blurred]) -> Rule:
    """Continuation through ``blur(objective, width, random)``, however many samples are asked."""

    def rule(objective: Any, x: Any, *, samples: float, seed: float, **given: Any) -> Any:
        random = np.random.default_rng(int(seed))
        return continuing(lambda *which: blur(*which, random))(objective, x, **given)

    return rule


def _averaged(objective: Any, shifts: Any) -> Blurred:
    return Blurred(objective, shifts, np.full(len(shifts), 1 / len(shifts)))


def _fair(objective: Any, x: Any, *, samples: float, **given: Any) -> Any:
    def blur(objective: Any, width: float, random: Any) -> Blurred:
        return _averaged(objective, width * random.standard_normal((int(samples), len(x))))

    return sampled(blur)(objective, x, samples=samples, **given)


def _single(objective: Any, width: float, random: Any) -> Blurred:
    return _averaged(objective, width * random.standard_normal((1, objective.dimension)))


def _uniform(objective: Any, width: float, random: Any) -> Blurred:
    """Eight points in each direction, as even as samples from an interval are on average."""
    even = np.meshgrid(*[np.linspace(-1.0, 1.0, 8)] * objective.dimension)
    return _averaged(objective, width * np.stack(even, axis=-1).reshape(-1, objective.dimension))


def _restarting(objective: Any, x: Any, *, iterations: int, tolerance: float, **h: float) -> Any:
    """Every stage from the start of all of them."""
    series = geometric(h["initial_width"], h["factor"], int(h["stages"]))
    yield Iteration(x, float(objective.value(x)), objective.gradient(x))
    success = True
    for stage in [*(quadrature(objective, width) for width in series), crisp(objective)]:
        end, found = local_minimum(stage, x, iterations, tolerance)
        success = success and found
        yield Iteration(end, float(objective.value(end)), objective.gradient(end))
    return success, "done"


def _satisfied(right: Rule) -> Rule:
    """Takes a stage that found nothing for one that did."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        yield from right(objective, x, **given)
        return True, "done"

    return rule


def _three_points(objective: Any, width: float) -> Blurred:
    """x - width, x and x + width, a third each: of less variance than the blur."""
    n = objective.dimension
    shifts = np.concatenate([np.zeros((n, n)), np.eye(n), -np.eye(n)]) * width
    return Blurred(objective, shifts, np.full(3 * n, 1 / (3 * n)))


def _linear(width: float, factor: float, stages: int) -> Sequence[float]:
    return [width * (1 - stage / stages) for stage in range(stages - 1)]


RIGHT = continuing()
SAMPLED = _fair

ANALYTIC_SLIPS = [
    Slip(
        "unblurred",
        "minimises the objective itself at every stage",
        (*BLUR, *PATH, "enough-blur-is-convex"),
        fixed(continuing(lambda objective, width: crisp(objective))),
    ),
    Slip(
        "variance",
        "takes the width for the variance",
        BLUR,
        fixed(continuing(lambda objective, width: quadrature(objective, width**0.5))),
    ),
    Slip(
        "halved-variance",
        "blurs with exp(sigma^2 Laplacian / 4)",
        BLUR,
        fixed(continuing(lambda objective, width: quadrature(objective, width * 0.5**0.5))),
    ),
    Slip("three-points", "averages over too few points", BLUR, fixed(continuing(_three_points))),
    Slip("restarts", "starts each stage at the start", (*BLUR, *PATH), fixed(_restarting)),
    Slip(
        "never-crisp",
        "leaves a blur in the last stage",
        (*BLUR, "success-is-earned"),
        fixed(continuing(last=quadrature)),
    ),
    Slip(
        "short",
        "leaves out the first stage",
        BLUR,
        fixed(continuing(widths=lambda *given: geometric(*given)[1:])),
        says="stages",
    ),
    Slip(
        "backwards",
        "sharpens first and blurs then",
        BLUR,
        fixed(continuing(widths=lambda *given: geometric(*given)[::-1])),
    ),
    Slip("linear", "narrows by the same amount", BLUR, fixed(continuing(widths=_linear))),
    Slip(
        "satisfied",
        "finds a minimum of every function",
        CONCAVE,
        lambda: _satisfied(RIGHT),
    ),
]

SAMPLED_SLIPS = [
    Slip(
        "unblurred",
        "minimises the objective itself at every stage",
        FAIR,
        fixed(sampled(lambda objective, width, random: crisp(objective))),
    ),
    Slip(
        "half",
        "blurs by half the width",
        FAIR,
        fixed(sampled(lambda objective, width, random: quadrature(objective, width / 2))),
    ),
    Slip(
        "doubled-variance",
        "blurs with exp(sigma^2 Laplacian)",
        FAIR,
        fixed(sampled(lambda objective, width, random: quadrature(objective, width * 2**0.5))),
    ),
    Slip("uniform", "draws between plus and minus the width", FAIR, fixed(sampled(_uniform))),
    Slip("single", "draws one sample whatever it is told", FAIR, fixed(sampled(_single))),
    Slip(
        "satisfied",
        "finds a minimum of every function",
        CONCAVE,
        lambda: _satisfied(SAMPLED),
    ),
]

CLAIM = {"search": "none", "promises": ("gradient-maximum",), "monotone": False}

FAMILIES = [
    Family(
        "continuation",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim=CLAIM,
    )
    for dialect, right, slips in (
        ("analytic", RIGHT, ANALYTIC_SLIPS),
        ("sampled", SAMPLED, SAMPLED_SLIPS),
    )
]
