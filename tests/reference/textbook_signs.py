"""Sign descent, the Rprop family and delta-bar-delta from the texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from exact_numbers import MP
from textbook_registry import ZERO, State, rule


@rule("sign-descent", "normalised")
def _normalised(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """prince 6.13 and 6.14: m = g, v = g^2."""
    return w - h.learning_rate * g / (MP.sqrt(g * g) + h.epsilon), {}


@rule("sign-descent", "sign")
def _sign(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    return w - h.learning_rate * MP.sign(g), {}


# Rprop as Igel and Huesken print its four variants.


def _step_size(product: Any, state: State, h: SimpleNamespace) -> Any:
    before = state.get("step_size", h.learning_rate)
    if product > 0:
        return min(before * h.eta_plus, h.step_size_max)
    if product < 0:
        return max(before * h.eta_minus, h.step_size_min)
    return before


@rule("rprop", "rprop-minus")
def _rprop_minus(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    size = _step_size(g * state.get("previous_gradient", ZERO), state, h)
    return w - MP.sign(g) * size, {"step_size": size, "previous_gradient": g}


@rule("rprop", "irprop-minus")
def _irprop_minus(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    product = g * state.get("previous_gradient", ZERO)
    size = _step_size(product, state, h)
    if product < 0:
        g = ZERO
    return w - MP.sign(g) * size, {"step_size": size, "previous_gradient": g}


@rule("rprop", "rprop-plus")
def _rprop_plus(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    product = g * state.get("previous_gradient", ZERO)
    size = _step_size(product, state, h)
    change = -MP.sign(g) * size
    if product < 0:
        change, g = -state["previous_update"], ZERO
    after = {"step_size": size, "previous_gradient": g, "previous_update": change}
    return w + change, after


@rule("rprop", "irprop-plus")
def _irprop_plus(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    product = g * state.get("previous_gradient", ZERO)
    size = _step_size(product, state, h)
    change = -MP.sign(g) * size
    if product < 0:
        change, g = ZERO, ZERO
        if h.loss > state["previous_loss"]:
            change = -state["previous_update"]
    after = {"step_size": size, "previous_gradient": g, "previous_update": change}
    return w + change, {**after, "previous_loss": h.loss}


@rule("delta-bar-delta", "plain")
def _delta_bar_delta(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """Jacobs; his theta is the decay here."""
    rate, average = state.get("rates", h.learning_rate), state.get("averaged_gradient", ZERO)
    if average * g > 0:
        rate = rate + h.rate_increment
    elif average * g < 0:
        rate = rate - h.rate_reduction * rate
    average = (1 - h.decay) * g + h.decay * average
    return w - rate * g, {"rates": rate, "averaged_gradient": average}
