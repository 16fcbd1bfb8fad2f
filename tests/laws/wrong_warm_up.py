"""Wrong warm-up of the learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from wrong_schedules import VALUES
from wrong_variants import Family, Slip, fixed

RISES = ("schedule-values", "warm-up-rises")
SUMS = ("schedule-values", "sums-of-rates")


def warm_up(tau: Any, *, learning_rate: float, start_factor: float, warm_up_steps: float) -> float:
    risen = 1.0 if tau >= warm_up_steps else tau / warm_up_steps
    return learning_rate * (start_factor + (1.0 - start_factor) * risen)


def _slip(name: str, what: str, laws: tuple[str, ...], rule: Any, bug: str = "") -> Slip:
    return Slip(name, what, laws, fixed(rule), bug=bug)


def _goes_on(tau: int, **h: float) -> float:
    share = h["start_factor"] + (1.0 - h["start_factor"]) * tau / h["warm_up_steps"]
    return h["learning_rate"] * share


def _restarts(tau: int, **h: float) -> float:
    return warm_up(tau % (int(h["warm_up_steps"]) + 1), **h)


_SLIPS = [
    _slip(
        "from-one",
        "starts where the second step is",
        RISES,
        lambda tau, **h: warm_up(tau + 1, **h),
    ),
    _slip(
        "late", "uses the first rate twice", RISES, lambda tau, **h: warm_up(max(tau - 1, 0), **h)
    ),
    _slip("goes-on", "rises on after its end", (*RISES, *SUMS), _goes_on),
    _slip("restarts", "starts again after its end", (*RISES, *SUMS), _restarts),
    _slip(
        "cools",
        "falls where it should rise",
        RISES,
        lambda tau, **h: warm_up(max(h["warm_up_steps"] - tau, 0), **h),
    ),
    _slip(
        "absolute-start",
        "the share of the rate is taken for a rate",
        RISES,
        lambda tau, **h: (
            h["start_factor"]
            + (h["learning_rate"] - h["start_factor"]) * min(tau / h["warm_up_steps"], 1.0)
        ),
    ),
    _slip(
        "factor",
        "gives the factor and not the rate",
        (*RISES, *SUMS),
        lambda tau, **h: warm_up(tau, **{**h, "learning_rate": 1.0}),
    ),
    _slip(
        "root",
        "rises with the root",
        VALUES,
        lambda tau, **h: warm_up((min(tau, h["warm_up_steps"]) * h["warm_up_steps"]) ** 0.5, **h),
    ),
    _slip(
        "from-zero",
        "starts at 0 whatever the share",
        RISES,
        lambda tau, **h: warm_up(tau, **{**h, "start_factor": 0.0}),
    ),
    _slip(
        "half", "answers in float16", VALUES, lambda tau, **h: float(np.float16(warm_up(tau, **h)))
    ),
]

FAMILIES = [Family("linear-warm-up", "closed-form", warm_up, _SLIPS, capability="schedule")]
