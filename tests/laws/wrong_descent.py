"""Wrong steepest descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, unit_step, walk

DIRECTION = ("direction-is-the-equation",)
SEARCH = ("step-is-the-minimum-along-its-line",)


def descent(
    direction: Callable[[Any], Any] = lambda g: -g, step: Callable[..., Any] = exact_step
) -> Rule:
    """Steepest descent with another direction or another step."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        return walk(objective, x, lambda x, g: direction(g), step, **given)

    return rule


def _scaled(factor: float) -> Callable[..., Any]:
    def step(*arguments: Any) -> float | None:
        a = exact_step(*arguments)
        return None if a is None else factor * a

    return step


def _by_length(objective: Any, x: Any, g: Any, d: Any) -> float:
    """g'g / g'g of the next point instead of g'Hg."""
    return float(g @ g / (d @ d))


RIGHT = descent()

SLIPS = [
    Slip("ascends", "goes along the gradient", DIRECTION, fixed(descent(lambda g: g, _by_length))),
    Slip(
        "normalised",
        "divides the gradient by its length",
        DIRECTION,
        fixed(descent(lambda g: -g / np.linalg.norm(g))),
    ),
    Slip(
        "sign",
        "goes along the sign of the gradient",
        DIRECTION,
        fixed(descent(lambda g: -np.sign(g))),
    ),
    Slip(
        "half-step",
        "stops half way to the minimum of the line",
        (*SEARCH, "successive-gradients-are-orthogonal", "steepest-descent-rate"),
        fixed(descent(step=_scaled(0.5))),
    ),
    Slip("over-step", "goes a thousandth too far", SEARCH, fixed(descent(step=_scaled(1.001)))),
    Slip(
        "full-step",
        "takes the full step whatever the curvature",
        (*SEARCH, "value-never-above-the-start", "what-is-returned-is-true"),
        fixed(descent(step=unit_step)),
    ),
    Slip(
        "without-curvature",
        "forgets the Hessian in the step",
        SEARCH,
        fixed(descent(step=_by_length)),
    ),
]

FAMILIES = [
    Family(
        "steepest-descent",
        "exact-search",
        RIGHT,
        SLIPS,
        capability="minimizer",
        general=general_slips(RIGHT),
        claim={"promises": ("gradient-maximum",)},
    ),
]
