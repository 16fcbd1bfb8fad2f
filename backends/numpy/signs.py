"""Rules that read the signs of gradients: sign descent, the Rprop family, delta-bar-delta."""

from __future__ import annotations

import numpy as np

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import Array, State, average, buffer

rules = FunctionBackend("numpy")


@rules.update_rule("sign-descent", dialect="normalised")
def normalised_descent(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float
) -> None:
    """Every coordinate moves by the learning rate, if its gradient is large beside epsilon."""
    w -= learning_rate * (g / (np.abs(g) + epsilon))


@rules.update_rule("sign-descent", dialect="sign")
def sign_descent(w: Array, g: Array, state: State, *, learning_rate: float) -> None:
    """Every coordinate moves by the learning rate."""
    w -= learning_rate * np.sign(g)


def _compared(g: Array, before: Array) -> tuple[Array, Array]:
    """Where the sign persists, and where it changes; a zero does neither.

    The product of the two would say so too, if it did not underflow.
    """
    sign, sign_before = np.sign(g), np.sign(before)
    moving = sign != 0.0
    return moving & (sign == sign_before), moving & (sign == -sign_before)


def _adapted(
    g: Array,
    state: State,
    *,
    learning_rate: float,
    eta_minus: float,
    eta_plus: float,
    step_size_min: float,
    step_size_max: float,
) -> tuple[Array, Array]:
    """Rprop's new step sizes, and where the sign of the gradient has changed."""
    size = buffer(state, "step_size", g, learning_rate)
    persists, changed = _compared(g, buffer(state, "previous_gradient", g))
    np.multiply(size, eta_plus, out=size, where=persists)
    np.minimum(size, step_size_max, out=size, where=persists)
    np.multiply(size, eta_minus, out=size, where=changed)
    np.maximum(size, step_size_min, out=size, where=changed)
    return size, changed


def _kept(g: Array, state: State, changed: Array) -> Array:
    """The gradient, zero where its sign has changed, so that the next sign is no change."""
    kept = buffer(state, "previous_gradient", g)
    kept[...] = g
    kept[changed] = 0.0
    return kept


@rules.update_rule("rprop", dialect="rprop-minus")
def rprop_minus(w: Array, g: Array, state: State, **bounds: float) -> None:
    """The step grows while the sign persists, shrinks when it changes, and is always taken."""
    size, _ = _adapted(g, state, **bounds)
    state["previous_gradient"][...] = g
    w -= size * np.sign(g)


@rules.update_rule("rprop", dialect="irprop-minus")
def irprop_minus(w: Array, g: Array, state: State, **bounds: float) -> None:
    """After a change of sign a coordinate waits for one step."""
    size, changed = _adapted(g, state, **bounds)
    w -= size * np.sign(_kept(g, state, changed))


def _backtrack(w: Array, g: Array, state: State, undo: float, bounds: dict[str, float]) -> None:
    """Take the last step back by the factor ``undo`` where the sign has changed."""
    size, changed = _adapted(g, state, **bounds)
    update = buffer(state, "previous_update", w)
    np.multiply(update, -undo, out=update, where=changed)
    np.multiply(size, -np.sign(_kept(g, state, changed)), out=update, where=~changed)
    w += update


@rules.update_rule("rprop", dialect="rprop-plus")
def rprop_plus(w: Array, g: Array, state: State, **bounds: float) -> None:
    """After a change of sign a coordinate goes back to where it was."""
    _backtrack(w, g, state, 1.0, bounds)


@rules.update_rule("rprop", dialect="irprop-plus")
def irprop_plus(w: Array, g: Array, state: State, *, loss: float, **bounds: float) -> None:
    """As rprop-plus where the loss has risen; otherwise as irprop-minus."""
    risen = loss > state.get("previous_loss", loss)
    state["previous_loss"] = float(loss)
    _backtrack(w, g, state, 1.0 if risen else 0.0, bounds)


@rules.update_rule("delta-bar-delta", dialect="plain")
def delta_bar_delta(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    rate_increment: float,
    rate_reduction: float,
    decay: float,
) -> None:
    """A rate grows by addition while the gradient agrees with its past, and falls by a factor."""
    rates = buffer(state, "rates", w, learning_rate)
    agrees, disagrees = _compared(g, buffer(state, "averaged_gradient", w))
    np.add(rates, rate_increment, out=rates, where=agrees)
    np.multiply(rates, 1.0 - rate_reduction, out=rates, where=disagrees)
    average(state, "averaged_gradient", g.copy(), decay)
    w -= rates * g
