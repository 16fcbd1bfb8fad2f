"""NumPy: optcheck's own implementation of every rule, vectorised and in place.

It is written against the texts and not against ``optcheck.reference``, which it may not import:
two independent readings of one equation check each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.functions import FunctionBackend

Array = npt.NDArray[Any]
State = dict[str, Any]


class NumpyBackend(FunctionBackend):
    """The functions of this module."""

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise LookupError("NumPy runs on the CPU alone; use --device cpu")
        super().__init__("numpy", library="numpy", version=np.__version__)
        self._update_rules = list(_rules._update_rules)
        self._schedules = list(_rules._schedules)
        self._clippings = list(_rules._clippings)


_rules = FunctionBackend("numpy")


def _buffer(state: State, name: str, like: Array, fill: float = 0.0) -> Array:
    """The state array ``name``, made on first use."""
    if name not in state:
        state[name] = np.full_like(like, fill)
    array: Array = state[name]
    return array


def _average(state: State, name: str, value: Array, decay: float) -> Array:
    """Update an exponential average in place; ``value`` is overwritten."""
    average = _buffer(state, name, value)
    average *= decay
    value *= 1.0 - decay
    average += value
    return average


@_rules.update_rule("gradient-descent", dialect="plain")
def gradient_descent(w: Array, g: Array, state: State, *, learning_rate: float) -> None:
    w -= learning_rate * g


@_rules.update_rule("momentum", dialect="learning-rate-inside")
def momentum_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    velocity = _buffer(state, "velocity", w)
    velocity *= momentum
    velocity -= learning_rate * g
    w += velocity


@_rules.update_rule("momentum", dialect="learning-rate-outside")
def momentum_outside(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    velocity = _buffer(state, "velocity", w)
    velocity *= momentum
    velocity += g
    w -= learning_rate * velocity


@_rules.update_rule("momentum", dialect="averaged")
def momentum_averaged(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    w -= learning_rate * _average(state, "first_moment", g.copy(), momentum)


@_rules.update_rule("momentum", dialect="dampened")
def momentum_dampened(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float, dampening: float
) -> None:
    if "velocity" in state:
        state["velocity"] *= momentum
        state["velocity"] += (1.0 - dampening) * g
    else:
        state["velocity"] = g.copy()
    w -= learning_rate * state["velocity"]


def _ahead(w: Array, state: State, *, learning_rate: float, momentum: float) -> Array:
    ahead: Array = w + momentum * _buffer(state, "velocity", w)
    return ahead


def _ahead_averaged(w: Array, state: State, *, learning_rate: float, momentum: float) -> Array:
    ahead: Array = w - learning_rate * momentum * _buffer(state, "first_moment", w)
    return ahead


# The arithmetic is that of momentum; the gradient comes from another point.
_rules.update_rule("nesterov", dialect="look-ahead", evaluation_point=_ahead)(momentum_inside)
_rules.update_rule("nesterov", dialect="look-ahead-averaged", evaluation_point=_ahead_averaged)(
    momentum_averaged
)


@_rules.update_rule("nesterov", dialect="shifted")
def nesterov_shifted(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    velocity = _buffer(state, "velocity", w)
    velocity *= momentum
    velocity += g
    w -= learning_rate * (g + momentum * velocity)


def _sum_of_squares(w: Array, g: Array, state: State, initial: float) -> Array:
    total = _buffer(state, "sum_of_squares", w, initial)
    total += g * g
    return total


@_rules.update_rule("adagrad", dialect="epsilon-outside-root")
def adagrad_outside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    initial_accumulator: float,
) -> None:
    denominator = np.sqrt(_sum_of_squares(w, g, state, initial_accumulator)) + epsilon
    w -= learning_rate * (g / denominator)


@_rules.update_rule("adagrad", dialect="epsilon-inside-root")
def adagrad_inside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    initial_accumulator: float,
) -> None:
    denominator = np.sqrt(_sum_of_squares(w, g, state, initial_accumulator) + epsilon)
    w -= learning_rate * (g / denominator)


@_rules.update_rule("rmsprop", dialect="epsilon-outside-root")
def rmsprop_outside(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    denominator = np.sqrt(_average(state, "second_moment", g * g, decay)) + epsilon
    w -= learning_rate * (g / denominator)


@_rules.update_rule("rmsprop", dialect="epsilon-inside-root")
def rmsprop_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    denominator = np.sqrt(_average(state, "second_moment", g * g, decay) + epsilon)
    w -= learning_rate * (g / denominator)


def _adam_moments(g: Array, state: State, beta1: float, beta2: float) -> tuple[Array, Array, int]:
    state["step"] = state.get("step", 0) + 1
    first = _average(state, "first_moment", g.copy(), beta1)
    second = _average(state, "second_moment", g * g, beta2)
    return first, second, state["step"]


@_rules.update_rule("adam", dialect="epsilon-outside-root")
def adam_outside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    first, second, step = _adam_moments(g, state, beta1, beta2)
    denominator = np.sqrt(second / (1.0 - beta2**step)) + epsilon
    w -= learning_rate / (1.0 - beta1**step) * (first / denominator)


@_rules.update_rule("adam", dialect="epsilon-inside-root")
def adam_inside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    first, second, step = _adam_moments(g, state, beta1, beta2)
    denominator = np.sqrt(second / (1.0 - beta2**step) + epsilon)
    w -= learning_rate / (1.0 - beta1**step) * (first / denominator)


@_rules.update_rule("adam", dialect="epsilon-hat")
def adam_epsilon_hat(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    first, second, step = _adam_moments(g, state, beta1, beta2)
    rate = learning_rate * np.sqrt(1.0 - beta2**step) / (1.0 - beta1**step)
    w -= float(rate) * (first / (np.sqrt(second) + epsilon))


@_rules.update_rule("adam", dialect="uncorrected")
def adam_uncorrected(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    first, second, _ = _adam_moments(g, state, beta1, beta2)
    w -= learning_rate * (first / (np.sqrt(second) + epsilon))


@_rules.schedule("linear-schedule")
def linear_schedule(
    tau: int, *, initial_rate: float, final_rate: float, decay_steps: float
) -> float:
    fraction = min(tau, decay_steps) / decay_steps
    return (1.0 - fraction) * initial_rate + fraction * final_rate


@_rules.schedule("power-law-schedule")
def power_law_schedule(
    tau: int, *, initial_rate: float, decay_steps: float, exponent: float
) -> float:
    return float(initial_rate * (1.0 + tau / decay_steps) ** exponent)


@_rules.schedule("exponential-schedule")
def exponential_schedule(
    tau: int, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    return float(initial_rate * decay_factor ** (tau / decay_steps))


@_rules.schedule("exponential-rate-schedule")
def exponential_rate_schedule(tau: int, *, initial_rate: float, decay_rate: float) -> float:
    return initial_rate * math.exp(-decay_rate * tau)


@_rules.schedule("inverse-time-schedule")
def inverse_time_schedule(tau: int, *, initial_rate: float, decay_rate: float) -> float:
    return initial_rate / (1.0 + decay_rate * tau)


@_rules.schedule("step-schedule")
def step_schedule(
    tau: int, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    return float(initial_rate * decay_factor ** (tau // int(decay_steps)))


@_rules.clipping("clip-by-norm", dialect="exact")
def clip_by_norm(gradients: Sequence[Array], *, threshold: float) -> list[Array]:
    norm = float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)))
    if norm <= threshold:
        return [g.copy() for g in gradients]
    return [g * g.dtype.type(threshold / norm) for g in gradients]
