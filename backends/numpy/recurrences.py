"""Recurrent layers, forwards and backwards in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.layers import Recurrence
from optcheck.backends.numpy._parts import Array

rules = FunctionTraining()

# Of an argument; and of what an activation became, with a derivative to lead through it.
Activation = Callable[[Array], Array]
Slope = Callable[[Array, Array], Array]


def _layers(network: Recurrence) -> Iterator[tuple[Array, Any]]:
    """The weights of each step, and what its argument has beside them."""
    own = network.weights.ndim == 3
    for t in range(network.steps):
        shift: Any = 0
        if network.bias is not None:
            shift = network.bias[t] if own else network.bias
        if network.inputs is not None and network.input_weights is not None:
            shift = shift + network.inputs[t] @ network.input_weights.T
        yield (network.weights[t] if own else network.weights), shift


def _forwards(network: Recurrence, activation: Activation, *, skip: bool) -> tuple[Array, Array]:
    """All states, and the activations that each but the first was made of."""
    states, values = [network.start], []
    for weights, shift in _layers(network):
        value = activation(states[-1] @ weights.T + shift)
        values.append(value)
        states.append(states[-1] + value if skip else value)
    return np.array(states), np.array(values)


def _backwards(
    network: Recurrence,
    cotangents: Array,
    activation: Activation,
    slope: Slope,
    *,
    skip: bool = False,
) -> dict[str, Array]:
    """Backpropagation; what steps share is added up over them."""
    states, values = _forwards(network, activation, skip=skip)
    changes = np.zeros_like(values)
    after = cotangents[-1]
    for t, (weights, _) in reversed(list(enumerate(_layers(network)))):
        changes[t] = slope(values[t], after)
        before = cotangents[t] + changes[t] @ weights
        after = before + after if skip else before
    shared = network.weights.ndim == 2
    each = np.einsum("tbi,tbj->tij", changes, states[:-1])
    found = {"start": after, "weights": each.sum(axis=0) if shared else each}
    if network.bias is not None:
        found["bias"] = changes.sum(axis=(0, 1) if shared else 1)
    if network.inputs is not None and network.input_weights is not None:
        found["inputs"] = changes @ network.input_weights
        found["input_weights"] = np.einsum("tbi,tbj->ij", changes, network.inputs)
    return found


def _read(network: Recurrence, states: Array) -> Array:
    """One linear layer for the states of all steps."""
    assert network.output_weights is not None
    assert network.output_bias is not None
    outputs: Array = states[1:] @ network.output_weights.T + network.output_bias
    return outputs


def _same(argument: Array) -> Array:
    return argument


def _rectified(argument: Array) -> Array:
    return np.maximum(argument, 0)


def _slope_of_linear(value: Array, change: Array) -> Array:
    return change


def _slope_of_tanh(value: Array, change: Array) -> Array:
    led: Array = change * (1 - value * value)
    return led


def _slope_of_relu(value: Array, change: Array) -> Array:
    return np.where(value > 0, change, 0)


def linear_gradients(network: Recurrence, cotangents: Array) -> dict[str, Array]:
    """Of a chain without an activation."""
    return _backwards(network, cotangents, _same, _slope_of_linear)


def linear_outputs(network: Recurrence) -> Array:
    """Of a chain without an activation."""
    return _read(network, linear(network))


@rules.recurrence(
    "recurrent-network", dialect="linear", gradients=linear_gradients, outputs=linear_outputs
)
@rules.recurrence(
    "layer-chain", dialect="linear", gradients=linear_gradients, outputs=linear_outputs
)
def linear(network: Recurrence) -> Array:
    """Powers of a matrix, or products of many."""
    return _forwards(network, _same, skip=False)[0]


def tanh_gradients(network: Recurrence, cotangents: Array) -> dict[str, Array]:
    """By the value of the activation."""
    return _backwards(network, cotangents, np.tanh, _slope_of_tanh)


def tanh_outputs(network: Recurrence) -> Array:
    """Of a network of hyperbolic tangents."""
    return _read(network, tanh(network))


@rules.recurrence(
    "recurrent-network", dialect="tanh", gradients=tanh_gradients, outputs=tanh_outputs
)
@rules.recurrence("layer-chain", dialect="tanh", gradients=tanh_gradients, outputs=tanh_outputs)
def tanh(network: Recurrence) -> Array:
    """Hyperbolic tangents."""
    return _forwards(network, np.tanh, skip=False)[0]


def relu_gradients(network: Recurrence, cotangents: Array) -> dict[str, Array]:
    """Nothing passes a unit that is off."""
    return _backwards(network, cotangents, _rectified, _slope_of_relu)


def relu_outputs(network: Recurrence) -> Array:
    """Of a network of rectified units."""
    return _read(network, relu(network))


@rules.recurrence(
    "recurrent-network", dialect="relu", gradients=relu_gradients, outputs=relu_outputs
)
@rules.recurrence("layer-chain", dialect="relu", gradients=relu_gradients, outputs=relu_outputs)
def relu(network: Recurrence) -> Array:
    """Rectified units."""
    return _forwards(network, _rectified, skip=False)[0]


def residual_gradients(network: Recurrence, cotangents: Array) -> dict[str, Array]:
    """The derivative goes around each layer too."""
    return _backwards(network, cotangents, np.tanh, _slope_of_tanh, skip=True)


def residual_outputs(network: Recurrence) -> Array:
    """Of layers that add to what they are given."""
    return _read(network, residual(network))


@rules.recurrence(
    "layer-chain", dialect="residual", gradients=residual_gradients, outputs=residual_outputs
)
def residual(network: Recurrence) -> Array:
    """Layers of tanh that add to what they are given."""
    return _forwards(network, np.tanh, skip=True)[0]
