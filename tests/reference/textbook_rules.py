"""The rules, schedules and clippings once more, one number at a time, straight from the texts.

Written in mpmath numbers without the reference, with each formula spelled out where it is used.
A rule maps (w, g, state, h, t) to (w, state); ``t`` counts from 1. ``h`` holds mpmath numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from exact_numbers import MP

State = dict[str, Any]
Rule = Callable[[Any, Any, State, SimpleNamespace, int], tuple[Any, State]]
ZERO = MP.mpf(0)

RULES: dict[tuple[str, str], Rule] = {}
# The point at which the gradient of the next update is taken, where it is not w.
POINTS: dict[tuple[str, str], Callable[[Any, State, SimpleNamespace], Any]] = {}


def _rule(method: str, *dialects: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for dialect in dialects:
            RULES[method, dialect] = rule
        return rule

    return register


@_rule("gradient-descent", "plain")
def _gradient_descent(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    return w - h.learning_rate * g, {}


@_rule("momentum", "learning-rate-inside")
@_rule("nesterov", "look-ahead")
def _heavy_ball(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    change = -h.learning_rate * g + h.momentum * state.get("velocity", ZERO)
    return w + change, {"velocity": change}


@_rule("momentum", "learning-rate-outside")
def _velocity(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g + h.momentum * state.get("velocity", ZERO)
    return w - h.learning_rate * v, {"velocity": v}


@_rule("momentum", "averaged")
@_rule("nesterov", "look-ahead-averaged")
def _averaged(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    m = h.momentum * state.get("first_moment", ZERO) + g - h.momentum * g
    return w - h.learning_rate * m, {"first_moment": m}


@_rule("momentum", "dampened")
def _dampened(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g if t == 1 else h.momentum * state["velocity"] + g - h.dampening * g
    return w - h.learning_rate * v, {"velocity": v}


@_rule("nesterov", "shifted")
def _shifted(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g + h.momentum * state.get("velocity", ZERO)
    return w - h.learning_rate * g - h.learning_rate * h.momentum * v, {"velocity": v}


POINTS["nesterov", "look-ahead"] = lambda w, s, h: w + h.momentum * s.get("velocity", ZERO)
POINTS["nesterov", "look-ahead-averaged"] = lambda w, s, h: (
    w - h.learning_rate * h.momentum * s.get("first_moment", ZERO)
)


@_rule("adagrad", "epsilon-outside-root")
def _adagrad(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = state.get("sum_of_squares", h.initial_accumulator) + g * g
    return w - h.learning_rate / (MP.sqrt(r) + h.epsilon) * g, {"sum_of_squares": r}


@_rule("adagrad", "epsilon-inside-root")
def _adagrad_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = state.get("sum_of_squares", h.initial_accumulator) + g * g
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"sum_of_squares": r}


@_rule("rmsprop", "epsilon-outside-root")
def _rmsprop(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = h.decay * state.get("second_moment", ZERO) + (1 - h.decay) * g * g
    return w - h.learning_rate / (MP.sqrt(r) + h.epsilon) * g, {"second_moment": r}


@_rule("rmsprop", "epsilon-inside-root")
def _rmsprop_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = h.decay * state.get("second_moment", ZERO) + (1 - h.decay) * g * g
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"second_moment": r}


def _adam_step(dialect: str, s: Any, r: Any, h: SimpleNamespace, t: int) -> Any:
    s_hat, r_hat = s / (1 - h.beta1**t), r / (1 - h.beta2**t)
    if dialect == "epsilon-outside-root":
        return s_hat / (MP.sqrt(r_hat) + h.epsilon)
    if dialect == "epsilon-inside-root":
        return s_hat / MP.sqrt(r_hat + h.epsilon)
    if dialect == "epsilon-hat":
        return MP.sqrt(1 - h.beta2**t) * s_hat / (MP.sqrt(r) + h.epsilon)
    assert dialect == "uncorrected"
    return s / (MP.sqrt(r) + h.epsilon)


def _adam(dialect: str) -> None:
    @_rule("adam", dialect)
    def rule(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
        s = h.beta1 * state.get("first_moment", ZERO) + (1 - h.beta1) * g
        r = h.beta2 * state.get("second_moment", ZERO) + (1 - h.beta2) * g * g
        step = h.learning_rate * _adam_step(dialect, s, r, h, t)
        return w - step, {"first_moment": s, "second_moment": r}


for _dialect in ("epsilon-outside-root", "epsilon-inside-root", "epsilon-hat", "uncorrected"):
    _adam(_dialect)


def linear(h: SimpleNamespace, t: int) -> Any:
    """bishop 7.36."""
    if t > h.decay_steps:
        return h.final_rate
    return h.initial_rate + (h.final_rate - h.initial_rate) * t / h.decay_steps


SCHEDULES: dict[str, Callable[[SimpleNamespace, int], Any]] = {
    "linear-schedule": linear,
    "power-law-schedule": lambda h, t: (
        h.initial_rate * MP.exp(h.exponent * MP.log(1 + t / h.decay_steps))
    ),
    "exponential-schedule": lambda h, t: (
        h.initial_rate * MP.exp(MP.log(h.decay_factor) * t / h.decay_steps)
    ),
    "exponential-rate-schedule": lambda h, t: h.initial_rate * MP.exp(-h.decay_rate * t),
    "inverse-time-schedule": lambda h, t: h.initial_rate / (1 + h.decay_rate * t),
    "step-schedule": lambda h, t: h.initial_rate * h.decay_factor ** (t // int(h.decay_steps)),
}


def clipped(gradient: list[Any], threshold: Any, stabiliser: Any = ZERO) -> list[Any]:
    """``g min(1, v / (norm + stabiliser))``; a zero gradient stays zero."""
    norm = MP.sqrt(sum((each * each for each in gradient), ZERO)) + stabiliser
    if norm <= threshold:
        return gradient
    return [each * threshold / norm for each in gradient]
