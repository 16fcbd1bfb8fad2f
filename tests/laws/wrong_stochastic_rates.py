"""Slips that change what noisy gradients leave, and how fast: seen over many steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS
from wrong_adam_parts import Form as Adam
from wrong_momentum import AVERAGED, DAMPENED, INSIDE, OUTSIDE, Form, descent
from wrong_schedules import exponential, inverse_time, linear, power_law
from wrong_variants import Rule, Slip, Wrong, fixed

CONSTANT = (
    "noise-floor",
    "small-rates-diffuse",
    "rate-over-batch-size",
    "interpolation-has-no-floor",
    "single-examples-first-batch-last",
)
FALLING = (
    "one-over-k",
    "no-weights-beat-the-mean",
    "no-gain-from-momentum-in-noise",
    "batch-overtakes",
    "fresh-examples-generalise",
    "robbins-monro-in-the-error",
)
ROOT, SUMS = ("one-over-the-root-of-k",), ("sums-of-rates",)
VALLEY, COOLING, WARM_UP = ("wrong-valley",), ("cooling-too-fast",), ("warm-up-bounds-adam",)


def _with_rate(change: Callable[[float, dict[str, Any]], float]) -> Rule:
    """Gradient descent with another rate, which may depend on what the state remembers."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - change(learning_rate, state) * g

    return rule


def _first(rate: float, state: dict[str, Any]) -> float:
    return float(state.setdefault("rate", rate))


def _remembered(share: float) -> Rule:
    """Takes a part of the gradient before for its own."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        before = state.get("before", g)
        state["before"] = g
        return w - learning_rate * ((1.0 - share) * g + share * before)

    return rule


def _running_mean(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """Steps along the mean of all gradients so far."""
    state["count"] = state.get("count", 0) + 1
    before = state.get("mean", np.zeros_like(g))
    state["mean"] = before + (g - before) / state["count"]
    return w - learning_rate * state["mean"]


def _clipped(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * np.clip(g, -0.5, 0.5)


_DESCENT = (
    Slip(
        "halved",
        "half the step",
        (*CONSTANT, *ROOT, *FALLING, *VALLEY, *COOLING),
        fixed(descent(0.5)),
    ),
    Slip("doubled", "twice the step", (*CONSTANT, *ROOT, *FALLING, *COOLING), fixed(descent(2.0))),
    Slip("runaway", "sixteen times the step", VALLEY, fixed(descent(16.0))),
    Slip(
        "all-past",
        "steps along the mean of all gradients so far",
        ("noise-floor", "interpolation-has-no-floor", *FALLING),
        fixed(_running_mean),
    ),
    Slip(
        "half-stale",
        "half of the gradient is that of the step before",
        ("noise-floor", *ROOT, *FALLING),
        fixed(_remembered(0.5)),
    ),
    Slip(
        "stale",
        "the gradient is that of the step before",
        (*CONSTANT, *FALLING),
        fixed(_remembered(1.0)),
    ),
    Slip(
        "first-rate",
        "keeps the first rate of the schedule",
        (*FALLING, *COOLING),
        fixed(_with_rate(_first)),
    ),
    Slip(
        "least-rate",
        "does not let the rate fall below a tenth",
        ("one-over-k", "no-gain-from-momentum-in-noise", *COOLING),
        fixed(_with_rate(lambda rate, state: max(rate, 0.1))),
    ),
    Slip(
        "clips-noise",
        "clips single gradients, which takes their mean with it",
        ("noise-floor", "one-over-k", *VALLEY, *COOLING),
        fixed(_clipped),
    ),
)


def _no_memory(v: Any, g: Any, h: Any, first: bool) -> Any:
    return g


def _halved_noise(form: Form) -> Rule:
    """The gradient enters with half its weight."""
    accumulate = form.accumulate
    return replace(form, accumulate=lambda v, g, h, first: accumulate(v, g / 2.0, h, first)).rule()


def _in_momentum(dialect: str, form: Form) -> list[Wrong]:
    floor = ("noise-floor",)
    slips = (
        Slip(
            "floor-halved",
            "the gradient enters with half its weight",
            floor,
            fixed(_halved_noise(form)),
        ),
        Slip(
            "floor-forgets",
            "the velocity has no past",
            floor,
            fixed(replace(form, accumulate=_no_memory).rule()),
        ),
    )
    return [Wrong("update-rule", "momentum", dialect, slip) for slip in slips]


_AHEAD = ("noise-floor", "no-gain-from-momentum-in-noise")


def _in_nesterov(dialect: str, without: Form) -> Wrong:
    slip = Slip("gain-plain", "momentum without the look-ahead", _AHEAD, fixed(without.rule()))
    return Wrong("update-rule", "nesterov", dialect, slip)


def _svrg(direction: Callable[[Any, Any, Any], Any], factor: float = 1.0) -> Rule:
    def rule(
        w: Any,
        g: Any,
        state: Any,
        *,
        learning_rate: float,
        snapshot_gradient: Any,
        full_gradient: Any,
    ) -> Any:
        return w - factor * learning_rate * direction(g, snapshot_gradient, full_gradient)

    return rule


_REDUCED = ("svrg-estimate", "svrg-has-no-floor", "svrg-stage")
_SVRG = (
    Slip(
        "floor-stays",
        "the gradient of the example alone",
        _REDUCED,
        fixed(_svrg(lambda g, s, f: g)),
    ),
    Slip(
        "batch-alone",
        "the full gradient of the snapshot alone",
        _REDUCED,
        fixed(_svrg(lambda g, s, f: f)),
    ),
    Slip(
        "half-reduced",
        "half of the correction",
        _REDUCED,
        fixed(_svrg(lambda g, s, f: g + (f - s) / 2.0)),
    ),
    Slip("stage-halved", "half the step", _REDUCED, fixed(_svrg(lambda g, s, f: g - s + f, 0.5))),
)

_DOUBLED_ADAM = Adam(DIRECTIONS["epsilon-outside-root"]).rule()


def _too_warm(w: Any, g: Any, state: Any, **h: float) -> Any:
    return _DOUBLED_ADAM(w, g, state, **{**h, "learning_rate": 2.0 * h["learning_rate"]})


def _schedule(method: str, name: str, what: str, rule: Rule) -> Wrong:
    return Wrong("schedule", method, "closed-form", Slip(name, what, SUMS, fixed(rule)))


_SCHEDULES = (
    _schedule(
        "power-law-schedule",
        "sum-of-roots",
        "falls with the root of what it should fall with",
        lambda tau, **h: power_law(tau, **{**h, "exponent": h["exponent"] / 2.0}),
    ),
    _schedule(
        "exponential-schedule",
        "sum-with-a-rest",
        "does not fall below a tenth of the initial rate",
        lambda tau, **h: max(exponential(tau, **h), h["initial_rate"] / 10.0),
    ),
    _schedule(
        "inverse-time-schedule",
        "sum-of-squares",
        "falls with the square",
        lambda tau, **h: inverse_time(tau, **h) ** 2 / h["initial_rate"],
    ),
    _schedule(
        "linear-schedule",
        "sum-to-nothing",
        "falls to 0 whatever the final rate",
        lambda tau, **h: linear(tau, **{**h, "final_rate": 0.0}),
    ),
)

WRONG = [
    *(Wrong("update-rule", "gradient-descent", "plain", slip) for slip in _DESCENT),
    *_in_momentum("learning-rate-outside", OUTSIDE),
    *_in_momentum("learning-rate-inside", INSIDE),
    *_in_momentum("dampened", DAMPENED),
    _in_nesterov("shifted", OUTSIDE),
    _in_nesterov("shifted+learning-rate-inside", INSIDE),
    _in_nesterov("look-ahead", INSIDE),
    _in_nesterov("look-ahead-averaged", AVERAGED),
    *(Wrong("update-rule", "svrg", "plain", slip) for slip in _SVRG),
    Wrong(
        "update-rule",
        "adam",
        "epsilon-outside-root",
        Slip("too-warm", "twice the rate of the warm-up", WARM_UP, fixed(_too_warm)),
    ),
    *_SCHEDULES,
]
