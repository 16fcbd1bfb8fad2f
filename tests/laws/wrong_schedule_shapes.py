"""Wrong schedules of other shapes: milestones, powers, cosines, pieces."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from wrong_schedules import VALUES, changed, linear, wrong
from wrong_variants import Family, Rule, Slip

from optcheck.backends.numpy import schedules as own

HOLDS, ONE_WAY = "schedule-holds-after-its-end", "schedule-goes-one-way"
FAR, NO_RISE = "schedule-far-out", "schedule-without-a-rise"
FROM_0 = "schedule-rises-from-0"

H = dict[str, float]


def common(right: Rule) -> list[Slip]:
    """Slips that any schedule can have; its rate may be called what it will."""

    def at(name: str, what: str, count: Callable[[int], int]) -> Slip:
        return wrong(name, what, lambda tau, **h: right(count(tau), **h))

    return [
        at("ahead", "the first update uses the rate of the second", lambda tau: tau + 1),
        at("behind", "the first rate is used twice", lambda tau: max(tau - 1, 0)),
        at("twice", "counts two steps for one", lambda tau: 2 * tau),
        wrong("half", "answers in float16", lambda tau, **h: float(np.float16(right(tau, **h)))),
    ]


def scaled(right: Rule, factor: Callable[[int, H], float]) -> Rule:
    """The right rate times something."""
    return lambda tau, **h: right(tau, **h) * factor(tau, h)


def instead(right: Rule, when: Callable[[int, H], bool], other: Callable[[int, H], float]) -> Rule:
    """Another rate at some steps."""
    return lambda tau, **h: other(tau, h) if when(tau, h) else right(tau, **h)


def named(*names: str) -> Callable[[H], H]:
    """Some of the hyper-parameters, under the names of another schedule."""
    return lambda h: {name: h[name] for name in names}


_line = named("initial_rate", "final_rate", "decay_steps")

_CONSTANT = [
    wrong(
        "zero",
        "starts at 0",
        instead(own.constant_schedule, lambda t, h: t == 0, lambda t, h: 0.0),
    ),
    wrong(
        "wears",
        "falls slowly",
        scaled(own.constant_schedule, lambda t, h: 1 - 1e-9 * t),
        (*VALUES, HOLDS),
    ),
    wrong("one", "gives the factor", lambda tau, **h: 1.0),
    wrong(
        "after",
        "drops after ten steps",
        scaled(own.constant_schedule, lambda t, h: 0.1 if t > 3 else 1.0),
    ),
]
_CONSTANT_WARM_UP = [
    wrong(
        "late",
        "leaves one step late",
        changed(own.constant_warm_up, warm_up_steps=lambda h: h["warm_up_steps"] + 1),
    ),
    wrong(
        "never",
        "never leaves",
        lambda tau, **h: h["learning_rate"] * h["start_factor"],
        (*VALUES, HOLDS),
    ),
    wrong("linear", "rises in a line", own.linear_warm_up),
    wrong(
        "absolute",
        "the share is taken for a rate",
        instead(
            own.constant_warm_up,
            lambda t, h: t < h["warm_up_steps"],
            lambda t, h: h["start_factor"],
        ),
    ),
    wrong(
        "no-steps-at-all",
        "a warm-up of no steps is never left",
        instead(
            own.constant_warm_up,
            lambda t, h: h["warm_up_steps"] == 0,
            lambda t, h: h["learning_rate"] * h["start_factor"],
        ),
        (NO_RISE,),
    ),
    wrong(
        "logarithm",
        "divides by the logarithm of the steps",
        scaled(own.constant_warm_up, lambda t, h: 1.0 + 0.0 / math.log(h["warm_up_steps"])),
        VALUES,
        bug="deepspeed-warmup-log",
        raises=True,
    ),
    wrong(
        "divides",
        "leaves its share by a division",
        instead(
            own.constant_warm_up,
            lambda t, h: t >= h["warm_up_steps"],
            lambda t, h: h["learning_rate"] * h["start_factor"] * (1.0 / h["start_factor"]),
        ),
        (FROM_0,),
        raises=True,
    ),
    wrong(
        "stays-at-0",
        "never leaves a rate of 0",
        instead(own.constant_warm_up, lambda t, h: h["start_factor"] == 0.0, lambda t, h: 0.0),
        (FROM_0,),
    ),
]
_MULTI = [
    wrong(
        "late", "falls after the milestone", lambda tau, **h: own.multi_step_schedule(tau - 1, **h)
    ),
    wrong(
        "once", "falls once", changed(own.multi_step_schedule, second_milestone=lambda h: math.inf)
    ),
    wrong(
        "absolute",
        "the factor is the rate",
        lambda tau, **h: (
            h["initial_rate"]
            if tau < min(h["first_milestone"], h["second_milestone"])
            else h["decay_factor"]
        ),
    ),
    wrong(
        "divides",
        "divides by the factor",
        changed(own.multi_step_schedule, decay_factor=lambda h: 1 / h["decay_factor"]),
    ),
    wrong(
        "own-period",
        "another argument arrives as the milestones",
        changed(
            own.multi_step_schedule,
            first_milestone=lambda h: 30.0,
            second_milestone=lambda h: 60.0,
        ),
        bug="timm-multistep-arg",
    ),
    wrong(
        "restarts",
        "starts again",
        lambda tau, **h: own.multi_step_schedule(tau % 12, **h),
        (*VALUES, ONE_WAY),
    ),
]
_POLYNOMIAL = [
    wrong(
        "goes-on",
        "does not stop",
        lambda tau, **h: (
            (h["initial_rate"] - h["final_rate"])
            * abs(1 - max(tau - h["hold_steps"], 0) / h["decay_steps"]) ** h["exponent"]
            + h["final_rate"]
        ),
        (*VALUES, HOLDS, ONE_WAY),
    ),
    wrong("to-zero", "falls to 0", changed(own.polynomial_schedule, final_rate=lambda h: 0.0)),
    wrong("no-hold", "falls at once", changed(own.polynomial_schedule, hold_steps=lambda h: 0.0)),
    wrong(
        "line", "the exponent is ignored", changed(own.polynomial_schedule, exponent=lambda h: 1.0)
    ),
    wrong(
        "negative",
        "goes on below its end",
        instead(
            own.polynomial_schedule,
            lambda t, h: t > h["hold_steps"] + h["decay_steps"],
            lambda t, h: -h["final_rate"] - 0.01 * t,
        ),
        (*VALUES, HOLDS),
        bug="transformers-warmup-linear-negative",
    ),
]
_BOUNDED = [
    wrong(
        "unbounded",
        "has no bound",
        changed(own.bounded_exponential_schedule, final_rate=lambda h: 0.0),
    ),
    wrong(
        "no-hold",
        "falls at once",
        changed(own.bounded_exponential_schedule, hold_steps=lambda h: 0.0),
    ),
    wrong(
        "added",
        "the bound is added",
        lambda tau, **h: (
            h["final_rate"] + own.bounded_exponential_schedule(tau, **{**h, "final_rate": 0.0})
        ),
    ),
    wrong(
        "relative",
        "the bound is a share of the rate",
        changed(
            own.bounded_exponential_schedule,
            final_rate=lambda h: h["final_rate"] * h["initial_rate"],
        ),
    ),
    wrong(
        "counts-the-hold",
        "the steps of the hold count",
        instead(
            own.bounded_exponential_schedule,
            lambda t, h: t > h["hold_steps"],
            lambda t, h: own.bounded_exponential_schedule(t, **{**h, "hold_steps": 0.0}),
        ),
    ),
]
_COSINE = [
    wrong(
        "floor",
        "falls to 0, and stops at the final rate",
        lambda tau, **h: max(
            own.cosine_schedule(tau, **{**h, "final_rate": 0.0}), h["final_rate"]
        ),
        bug="mlx-cosine-minimum",
    ),
    wrong(
        "restarts",
        "starts again after its end",
        lambda tau, **h: own.cosine_schedule(int(tau % (h["decay_steps"] + 1)), **h),
        (*VALUES, HOLDS, ONE_WAY),
        bug="burn-cosine-restart",
    ),
    wrong(
        "swapped",
        "runs from the final to the initial rate",
        changed(
            own.cosine_schedule,
            initial_rate=lambda h: h["final_rate"],
            final_rate=lambda h: h["initial_rate"],
        ),
        bug="fairseq-cosine-minlr",
    ),
    wrong(
        "ratio",
        "the final rate is taken for a share",
        changed(own.cosine_schedule, final_rate=lambda h: h["final_rate"] * h["initial_rate"]),
        bug="optax-warmup-cosine-alpha",
    ),
    wrong(
        "no-exponent",
        "the exponent is ignored",
        changed(own.cosine_schedule, exponent=lambda h: 1.0),
    ),
    wrong("line", "falls in a line", lambda tau, **h: linear(tau, **_line(h))),
    wrong(
        "overflow",
        "counts in 16 bits",
        lambda tau, **h: own.cosine_schedule((tau + 2**15) % 2**16 - 2**15, **h),
        (FAR,),
        bug="optax-cosine-int32-overflow",
    ),
]
_CYCLE = [
    wrong(
        "holds",
        "stays at its minimum",
        lambda tau, **h: own.cosine_cycle(min(tau, int(h["decay_steps"])), **h),
    ),
    wrong(
        "restarts",
        "jumps back to the top",
        lambda tau, **h: own.cosine_cycle(tau % int(h["decay_steps"]), **h),
    ),
    wrong(
        "whole",
        "a whole wave",
        changed(own.cosine_cycle, decay_steps=lambda h: h["decay_steps"] / 2),
    ),
    wrong("to-zero", "falls to 0", changed(own.cosine_cycle, final_rate=lambda h: 0.0)),
    wrong(
        "chained",
        "divides by zero after its minimum",
        scaled(
            own.cosine_cycle,
            lambda t, h: 1 + 0 / (1 + math.cos(math.pi * max(t - 1, 0) / h["decay_steps"])),
        ),
        bug="torch-cosine-zero-division",
        raises=True,
    ),
]


def _by_logarithm(tau: int, **h: float) -> float:
    """The period is found by a logarithm that rounds."""
    first, factor = h["first_period"], h["period_factor"]
    if factor == 1.0 or tau < first:
        return own.cosine_restarts(tau, **h)
    n = int(math.log(tau / first * (factor - 1) + 1, factor))
    since, period = tau - first * (factor**n - 1) / (factor - 1), first * factor**n
    return own.cosine_cycle(
        since, initial_rate=h["initial_rate"], final_rate=h["final_rate"], decay_steps=period
    )  # type: ignore[arg-type]


_RESTARTS = [
    wrong(
        "no-growth",
        "periods stay what they are",
        changed(own.cosine_restarts, period_factor=lambda h: 1.0),
    ),
    wrong("doubles", "periods double", changed(own.cosine_restarts, period_factor=lambda h: 2.0)),
    wrong(
        "holds",
        "restarts once",
        lambda tau, **h: own.cosine_cycle(
            min(tau, int(h["first_period"])),
            initial_rate=h["initial_rate"],
            final_rate=h["final_rate"],
            decay_steps=h["first_period"],
        ),
    ),
    wrong("to-zero", "falls to 0", changed(own.cosine_restarts, final_rate=lambda h: 0.0)),
    wrong("by-logarithm", "rounds the number of the period down", _by_logarithm, (FAR,)),
]


def _pieces(right: Rule, other: Rule) -> list[Slip]:
    return [
        wrong("other", "the other curve", other),
        wrong(
            "absolute",
            "scales are values",
            changed(right, first_scale=lambda h: h["first_scale"] / h["initial_rate"]),
        ),
        wrong(
            "of-the-first",
            "both scales are of the first value",
            changed(right, second_scale=lambda h: h["second_scale"] / h["first_scale"]),
        ),
        wrong(
            "goes-on",
            "does not hold its end",
            instead(
                right,
                lambda t, h: t > h["first_steps"] + h["second_steps"],
                lambda t, h: h["initial_rate"] * t,
            ),
            (*VALUES, HOLDS),
        ),
        wrong(
            "boundaries",
            "lengths are boundaries",
            changed(right, second_steps=lambda h: max(h["second_steps"] - h["first_steps"], 1.0)),
        ),
    ]


FAMILIES = [
    Family(
        "constant-schedule", "closed-form", own.constant_schedule, _CONSTANT, capability="schedule"
    ),
    *(
        Family(method, "closed-form", right, slips, capability="schedule", general=common(right))
        for method, right, slips in (
            ("constant-warm-up", own.constant_warm_up, _CONSTANT_WARM_UP),
            ("multi-step-schedule", own.multi_step_schedule, _MULTI),
            ("polynomial-schedule", own.polynomial_schedule, _POLYNOMIAL),
            ("bounded-exponential-schedule", own.bounded_exponential_schedule, _BOUNDED),
            ("cosine-schedule", own.cosine_schedule, _COSINE),
            ("cosine-cycle", own.cosine_cycle, _CYCLE),
            ("cosine-restarts", own.cosine_restarts, _RESTARTS),
            (
                "piecewise-linear-schedule",
                own.piecewise_linear_schedule,
                _pieces(own.piecewise_linear_schedule, own.piecewise_cosine_schedule),
            ),
            (
                "piecewise-cosine-schedule",
                own.piecewise_cosine_schedule,
                _pieces(own.piecewise_cosine_schedule, own.piecewise_linear_schedule),
            ),
        )
    ),
]
