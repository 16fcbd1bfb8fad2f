"""Gradient descent, momentum and Nesterov momentum; weight decay and maximising on top of it."""

from __future__ import annotations

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import Array, State, average, buffer

rules = FunctionBackend("numpy")


@rules.update_rule("gradient-descent", dialect="plain")
def gradient_descent(w: Array, g: Array, state: State, *, learning_rate: float) -> None:
    """Step against the gradient."""
    w -= learning_rate * g


@rules.update_rule("momentum", dialect="learning-rate-inside")
def momentum_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    """The velocity is a step: it remembers the learning rates that it was made with."""
    velocity = buffer(state, "velocity", w)
    velocity *= momentum
    velocity -= learning_rate * g
    w += velocity


@rules.update_rule("momentum", dialect="learning-rate-outside")
def momentum_outside(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    """The velocity is a sum of gradients: all of it is scaled by the learning rate of today."""
    velocity = buffer(state, "velocity", w)
    velocity *= momentum
    velocity += g
    w -= learning_rate * velocity


@rules.update_rule("momentum", dialect="averaged")
def momentum_averaged(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    """An average of gradients, so that the momentum does not lengthen the steps."""
    w -= learning_rate * average(state, "first_moment", g.copy(), momentum)


@rules.update_rule("momentum", dialect="dampened")
def momentum_dampened(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float, dampening: float
) -> None:
    """As learning-rate-outside, with every gradient but the first one dampened."""
    if "velocity" in state:
        state["velocity"] *= momentum
        state["velocity"] += (1.0 - dampening) * g
    else:
        state["velocity"] = g.copy()
    w -= learning_rate * state["velocity"]


def ahead(w: Array, state: State, *, momentum: float, **others: float) -> Array:
    """Where the velocity alone would lead."""
    point: Array = w + momentum * buffer(state, "velocity", w)
    return point


def _ahead_averaged(w: Array, state: State, *, learning_rate: float, momentum: float) -> Array:
    point: Array = w - learning_rate * momentum * buffer(state, "first_moment", w)
    return point


# The arithmetic is that of momentum; the gradient comes from another point.
rules.update_rule("nesterov", dialect="look-ahead", evaluation_point=ahead)(momentum_inside)
rules.update_rule("nesterov", dialect="look-ahead-averaged", evaluation_point=_ahead_averaged)(
    momentum_averaged
)


@rules.update_rule("nesterov", dialect="shifted")
def nesterov_shifted(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    """``w`` is the look-ahead point itself, so that the gradient is taken where it stands."""
    velocity = buffer(state, "velocity", w)
    velocity *= momentum
    velocity += g
    w -= learning_rate * (g + momentum * velocity)


@rules.update_rule("nesterov", dialect="shifted+learning-rate-inside")
def nesterov_shifted_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float
) -> None:
    """As shifted, with a velocity that is a step: ``w`` looks ahead whatever the rates."""
    step = learning_rate * g
    velocity = buffer(state, "velocity", w)
    velocity *= momentum
    velocity -= step
    w += momentum * velocity - step


@rules.update_rule("weight-decay", dialect="coupled")
def weight_decay_coupled(
    w: Array, g: Array, state: State, *, weight_decay: float, **momentum: float
) -> None:
    """The decay is part of the gradient, and so of the velocity."""
    momentum_outside(w, g + weight_decay * w, state, **momentum)


@rules.update_rule("weight-decay", dialect="decoupled")
def weight_decay_decoupled(
    w: Array, g: Array, state: State, *, learning_rate: float, momentum: float, weight_decay: float
) -> None:
    """The decay stands beside the update, and leaves no trace in the velocity."""
    decay = learning_rate * weight_decay * w
    momentum_outside(w, g, state, learning_rate=learning_rate, momentum=momentum)
    w -= decay


@rules.update_rule("maximize", dialect="plain")
def maximize(w: Array, g: Array, state: State, **momentum: float) -> None:
    """Ascent is descent along the opposite gradient."""
    momentum_outside(w, -g, state, **momentum)


@rules.update_rule("maximize", dialect="coupled")
def maximize_coupled(
    w: Array, g: Array, state: State, *, weight_decay: float, **momentum: float
) -> None:
    """The gradient alone changes its sign: what is maximised still pays for large weights."""
    momentum_outside(w, weight_decay * w - g, state, **momentum)
