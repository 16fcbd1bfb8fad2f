"""Wrong learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Family, Rule, Slip, fixed

VALUES = ("schedule-values",)
START = ("schedule-values", "schedule-starts-at-its-initial-rate")


def linear(tau: Any, *, initial_rate: float, final_rate: float, decay_steps: float) -> float:
    fraction = min(tau, decay_steps) / decay_steps
    return (1.0 - fraction) * initial_rate + fraction * final_rate


def power_law(tau: Any, *, initial_rate: float, decay_steps: float, exponent: float) -> float:
    return float(initial_rate * (1.0 + tau / decay_steps) ** exponent)


def exponential(
    tau: Any, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    return float(initial_rate * decay_factor ** (tau / decay_steps))


def exponential_rate(tau: Any, *, initial_rate: float, decay_rate: float) -> float:
    return initial_rate * math.exp(-decay_rate * tau)


def inverse_time(tau: Any, *, initial_rate: float, decay_rate: float) -> float:
    return initial_rate / (1.0 + decay_rate * tau)


def step(tau: Any, *, initial_rate: float, decay_factor: float, decay_steps: float) -> float:
    return float(initial_rate * decay_factor ** (tau // decay_steps))


def changed(right: Rule, **changes: Callable[..., float]) -> Rule:
    """The right schedule, asked with other hyper-parameters; each change sees all of them."""

    def schedule(tau: int, **h: float) -> float:
        return float(right(tau, **{**h, **{name: change(h) for name, change in changes.items()}}))

    return schedule


def _general(right: Rule) -> list[Slip]:
    """Slips that any schedule can have."""

    def at(count: Callable[[int], float]) -> Callable[[], Rule]:
        return fixed(lambda tau, **h: right(count(tau), **h))

    def worn() -> Rule:
        calls = [0]

        def schedule(tau: int, **h: float) -> float:
            calls[0] += 1
            return float(right(calls[0] - 1, **h))

        return schedule

    def cumulative(tau: int, **h: float) -> float:
        factors = (right(earlier, **h) / h["initial_rate"] for earlier in range(tau + 1))
        return float(h["initial_rate"] * math.prod(factors))

    def rebased(tau: int, **h: float) -> float:
        return float(right(tau, **{**h, "initial_rate": right(min(tau, 1), **h)}))

    def half() -> Rule:
        return lambda tau, **h: float(np.float16(right(tau, **h)))

    return [
        Slip(
            "ahead",
            "the first update uses the rate of the second",
            START,
            at(lambda tau: tau + 1),
            bug="optax-inject-hparams-off-by-one",
        ),
        Slip("behind", "the first rate is used twice", VALUES, at(lambda tau: max(tau - 1, 0))),
        Slip("constant", "never changes", VALUES, at(lambda tau: 0)),
        Slip("twice", "counts two steps for one", VALUES, at(lambda tau: 2 * tau)),
        Slip("half", "answers in float16", START, half),
        Slip(
            "single",
            "answers in float32",
            START,
            lambda: lambda tau, **h: np.float32(right(tau, **h)),
        ),
        Slip(
            "counts-calls",
            "counts its calls, not the steps",
            VALUES,
            worn,
            bug="optax-exp-decay-inplace-count",
        ),
        Slip(
            "cumulative",
            "each factor multiplies the rate before, not the initial one",
            VALUES,
            fixed(cumulative),
            bug="torch-lambdalr-tensor-multiplicative",
        ),
        Slip(
            "rebased",
            "the first rate that is set becomes the initial rate",
            VALUES,
            fixed(rebased),
            bug="torch-sequentiallr-tensor-alias",
        ),
        Slip(
            "no-count",
            "takes no step count, and is given one",
            VALUES,
            fixed(lambda **h: right(0, **h)),
            raises=True,
            bug="keras-callable-lr",
        ),
        Slip(
            "factor",
            "gives the factor and not the rate",
            START,
            fixed(changed(right, initial_rate=lambda h: 1.0)),
            bug="flux-expdecay-decay-not-eta",
        ),
        Slip(
            "rate-twice",
            "multiplies by the initial rate twice",
            START,
            fixed(lambda tau, **h: h["initial_rate"] * right(tau, **h)),
        ),
    ]


def wrong(
    name: str,
    what: str,
    rule: Rule,
    laws: tuple[str, ...] = VALUES,
    bug: str = "",
    raises: bool = False,
) -> Slip:
    return Slip(name, what, laws, fixed(rule), bug=bug, raises=raises)


def _line(tau: Any, h: dict[str, float]) -> float:
    share = tau / h["decay_steps"]
    return (1.0 - share) * h["initial_rate"] + share * h["final_rate"]


def _chained(tau: int, **h: float) -> float:
    rate, steps = h["initial_rate"], h["decay_steps"]
    for step in range(1, tau + 1):
        rate = h["final_rate"] + (rate - h["final_rate"]) * (steps - step) / (steps - step + 1)
    return rate


_LINEAR = [
    wrong(
        "chained",
        "goes from rate to rate, and divides by zero after the end",
        _chained,
        bug="torch-cosine-zero-division",
        raises=True,
    ),
    wrong(
        "two-shorter",
        "is made for two steps fewer",
        changed(linear, decay_steps=lambda h: max(h["decay_steps"] - 2, 1)),
        bug="kozistr-chebyshev-size",
    ),
    wrong(
        "goes-on",
        "goes on below the final rate",
        lambda tau, **h: _line(tau, h),
        bug="transformers-warmup-linear-negative",
    ),
    wrong(
        "relative-end",
        "the absolute end value is taken as a fraction of the initial rate",
        changed(linear, final_rate=lambda h: h["initial_rate"] * h["final_rate"]),
        bug="optax-warmup-cosine-alpha",
    ),
    wrong(
        "floor",
        "falls to zero, and stops at the final rate",
        lambda tau, **h: max(linear(tau, **{**h, "final_rate": 0.0}), h["final_rate"]),
        bug="mlx-cosine-minimum",
    ),
    wrong(
        "restarts",
        "starts again after its end",
        lambda tau, **h: linear(tau % (h["decay_steps"] + 1), **h),
        bug="burn-cosine-restart",
    ),
    wrong(
        "swapped",
        "runs from the final to the initial rate",
        changed(
            linear, initial_rate=lambda h: h["final_rate"], final_rate=lambda h: h["initial_rate"]
        ),
        START,
        bug="fairseq-cosine-minlr",
    ),
    wrong(
        "one-longer",
        "takes one step too many to the end",
        changed(linear, decay_steps=lambda h: h["decay_steps"] + 1),
    ),
    wrong(
        "to-zero",
        "ends at zero",
        lambda tau, **h: linear(tau, **h) if tau < h["decay_steps"] else 0.0,
    ),
    wrong("maximum", "max for min", lambda tau, **h: _line(max(tau, h["decay_steps"]), h), START),
]
_POWER = [
    wrong(
        "grows", "the sign of the exponent", changed(power_law, exponent=lambda h: -h["exponent"])
    ),
    wrong("no-steps", "the time scale is ignored", changed(power_law, decay_steps=lambda h: 1.0)),
    wrong(
        "no-one",
        "tau / s without the 1",
        lambda tau, **h: h["initial_rate"] * max(tau / h["decay_steps"], 1.0) ** h["exponent"],
    ),
    wrong("square-root", "always -1/2", changed(power_law, exponent=lambda h: -0.5)),
    wrong(
        "staircase",
        "falls in steps",
        lambda tau, **h: power_law(h["decay_steps"] * (tau // h["decay_steps"]), **h),
    ),
]


def _to_base(tau: int, **h: float) -> float:
    exponent = tau / h["decay_steps"] * math.log(h["decay_factor"])
    return float(h["initial_rate"] * h["decay_steps"] ** (exponent / math.log(h["decay_steps"])))


_EXPONENTIAL = [
    wrong(
        "to-base",
        "divides by the logarithm of the number of steps, which may be 1",
        _to_base,
        bug="deepspeed-warmup-log",
        raises=True,
    ),
    wrong("staircase", "falls in steps", step),
    wrong("no-steps", "falls at every step", changed(exponential, decay_steps=lambda h: 1.0)),
    wrong(
        "rate",
        "e^(-c tau / s) for c^(tau / s)",
        changed(exponential, decay_factor=lambda h: math.exp(-h["decay_factor"])),
    ),
    wrong(
        "complement",
        "1 - factor for the factor",
        changed(exponential, decay_factor=lambda h: 1.0 - h["decay_factor"]),
    ),
    wrong(
        "ends",
        "stops after the decay steps",
        lambda tau, **h: exponential(min(tau, h["decay_steps"]), **h),
    ),
]
_EXPONENTIAL_RATE = [
    wrong(
        "base",
        "k^tau for e^(-k tau)",
        lambda tau, **h: h["initial_rate"] * h["decay_rate"] ** tau,
    ),
    wrong(
        "binary",
        "2^(-k tau)",
        lambda tau, **h: h["initial_rate"] * 2.0 ** (-h["decay_rate"] * tau),
    ),
    wrong("inverse-time", "1/(1 + k tau)", inverse_time),
    wrong(
        "grows",
        "the sign of the rate",
        changed(exponential_rate, decay_rate=lambda h: -h["decay_rate"]),
    ),
    wrong(
        "linear",
        "1 - k tau, the first order",
        lambda tau, **h: h["initial_rate"] * (1.0 - h["decay_rate"] * tau),
    ),
]
_INVERSE = [
    wrong("root", "1/sqrt(1 + k tau)", lambda tau, **h: inverse_time(tau, **h) ** 0.5, START),
    wrong(
        "no-one", "1/(k tau)", lambda tau, **h: h["initial_rate"] / max(h["decay_rate"] * tau, 1.0)
    ),
    wrong(
        "exponential",
        "e^(-k tau)",
        lambda tau, **h: h["initial_rate"] * math.exp(-h["decay_rate"] * tau),
    ),
    wrong(
        "scaled",
        "k / eta for k",
        changed(inverse_time, decay_rate=lambda h: h["decay_rate"] / h["initial_rate"]),
    ),
    wrong(
        "compound",
        "(1 - k)^tau",
        lambda tau, **h: h["initial_rate"] * abs(1.0 - h["decay_rate"]) ** tau,
    ),
]
_STEP = [
    wrong(
        "own-period",
        "another argument arrives as the period: 30, whatever was asked",
        changed(step, decay_steps=lambda h: 30),
        bug="timm-multistep-arg",
    ),
    wrong(
        "round",
        "rounds where it should floor",
        lambda tau, **h: h["initial_rate"] * h["decay_factor"] ** round(tau / h["decay_steps"]),
    ),
    wrong(
        "ceil",
        "falls after the first step",
        lambda tau, **h: (
            h["initial_rate"] * h["decay_factor"] ** math.ceil(tau / h["decay_steps"])
        ),
    ),
    wrong("smooth", "falls smoothly", exponential),
    wrong("once", "falls once", lambda tau, **h: step(min(tau, h["decay_steps"]), **h)),
    wrong("one-late", "falls one step late", lambda tau, **h: step(max(tau - 1, 0), **h)),
    wrong(
        "one-longer",
        "each step is one longer",
        changed(step, decay_steps=lambda h: h["decay_steps"] + 1),
    ),
    wrong(
        "divides",
        "divides by the factor",
        changed(step, decay_factor=lambda h: 1.0 / h["decay_factor"]),
    ),
]

FAMILIES = [
    Family(
        method,
        "closed-form",
        right,
        slips,
        capability="schedule",
        general=_general(right),
    )
    for method, right, slips in (
        ("linear-schedule", linear, _LINEAR),
        ("power-law-schedule", power_law, _POWER),
        ("exponential-schedule", exponential, _EXPONENTIAL),
        ("exponential-rate-schedule", exponential_rate, _EXPONENTIAL_RATE),
        ("inverse-time-schedule", inverse_time, _INVERSE),
        ("step-schedule", step, _STEP),
    )
]
