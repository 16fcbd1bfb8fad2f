"""Gradient descent, momentum, Nesterov momentum, weight decay, ascent and SVRG from the texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from textbook_registry import POINTS, ZERO, State, rule


@rule("gradient-descent", "plain")
def _gradient_descent(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    return w - h.learning_rate * g, {}


@rule("momentum", "learning-rate-inside")
@rule("nesterov", "look-ahead")
def _heavy_ball(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    change = -h.learning_rate * g + h.momentum * state.get("velocity", ZERO)
    return w + change, {"velocity": change}


@rule("momentum", "learning-rate-outside")
def _velocity(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g + h.momentum * state.get("velocity", ZERO)
    return w - h.learning_rate * v, {"velocity": v}


@rule("momentum", "averaged")
@rule("nesterov", "look-ahead-averaged")
def _averaged(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    m = h.momentum * state.get("first_moment", ZERO) + g - h.momentum * g
    return w - h.learning_rate * m, {"first_moment": m}


@rule("momentum", "dampened")
def _dampened(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g if t == 1 else h.momentum * state["velocity"] + g - h.dampening * g
    return w - h.learning_rate * v, {"velocity": v}


@rule("nesterov", "shifted")
def _shifted(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = g + h.momentum * state.get("velocity", ZERO)
    return w - h.learning_rate * g - h.learning_rate * h.momentum * v, {"velocity": v}


@rule("nesterov", "shifted+learning-rate-inside")
def _leading(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """The heavy ball of the look-ahead form, seen at the point ahead of it."""
    before = state.get("velocity", ZERO)
    change = -h.learning_rate * g + h.momentum * before
    return w - h.momentum * before + change + h.momentum * change, {"velocity": change}


POINTS["nesterov", "look-ahead"] = lambda w, s, h: w + h.momentum * s.get("velocity", ZERO)
POINTS["nesterov", "look-ahead-averaged"] = lambda w, s, h: (
    w - h.learning_rate * h.momentum * s.get("first_moment", ZERO)
)


@rule("weight-decay", "coupled")
def _penalised(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """The gradient of E + lambda w^2 / 2."""
    v = h.momentum * state.get("velocity", ZERO) + g + h.weight_decay * w
    return w - h.learning_rate * v, {"velocity": v}


@rule("weight-decay", "decoupled")
def _shrinking(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = h.momentum * state.get("velocity", ZERO) + g
    return (1 - h.learning_rate * h.weight_decay) * w - h.learning_rate * v, {"velocity": v}


@rule("maximize", "plain")
def _ascent(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    v = h.momentum * state.get("velocity", ZERO) - g
    return w - h.learning_rate * v, {"velocity": v}


@rule("maximize", "coupled")
def _penalised_ascent(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """Maximising E - lambda w^2 / 2."""
    v = h.momentum * state.get("velocity", ZERO) - (g - h.weight_decay * w)
    return w - h.learning_rate * v, {"velocity": v}


@rule("svrg", "plain")
def _svrg(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    return w - h.learning_rate * (g - h.snapshot_gradient + h.full_gradient), {}
