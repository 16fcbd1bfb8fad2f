"""Recurrent layers, forwards by ``jax.lax.scan`` and backwards by jax.

Each is a few lines of jax that run here and are printed in scripts. They define ``network``, a
function of arrays to all states; what a chain lacks is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.jax.expressions import heading, x64
from optcheck.backends.layers import Recurrence, RecurrenceRule
from optcheck.backends.scripts import literal

_RECURRENT = """
def network(start, weights, bias, inputs, input_weights):
    def step(state, x):
        a = state @ weights.T + x @ input_weights.T + bias
        state = {}
        return state, state

    last, states = jax.lax.scan(step, start, inputs)
    return jnp.concatenate([start[None], states])
"""
_LAYERS = """
def network(start, weights, bias):
    def layer(state, own):
        weight, shift = own
        a = state @ weight.T + shift
        state = {}
        return state, state

    last, states = jax.lax.scan(layer, start, (weights, bias))
    return jnp.concatenate([start[None], states])
"""
# Everything at once: a chain is compiled once for each shape and dtype.
_ALL = """
@jax.jit
def run(given, cotangents, output_weights, output_bias):
    states, pull = jax.vjp(lambda each: network(**each), given)
    (gradients,) = pull(cotangents)
    return states, gradients, states[1:] @ output_weights.T + output_bias
"""


@dataclass
class JaxRecurrence:
    """A program that defines ``network``."""

    claim: Claim
    program: str

    @property
    def implementation(self) -> str:
        """The program."""
        return self.program

    def states(self, network: Recurrence, *, dtype: str) -> Floats:
        states, _, _ = self._run(network, None, dtype)
        return np.asarray(states, dtype=np.float64)

    def gradients(
        self, network: Recurrence, cotangents: Floats, *, dtype: str
    ) -> Mapping[str, Floats]:
        _, found, _ = self._run(network, cotangents, dtype)
        return {
            name: np.asarray(each, dtype=np.float64)
            for name, each in found.items()
            if getattr(network, name) is not None
        }

    def outputs(self, network: Recurrence, *, dtype: str) -> Floats | None:
        _, _, outputs = self._run(network, None, dtype)
        return np.asarray(outputs, dtype=np.float64)

    def _run(self, network: Recurrence, cotangents: Floats | None, dtype: str) -> Any:
        told = _zeros(network) if cotangents is None else cotangents
        with x64(dtype):
            return _compiled(self.program)(
                {name: each.astype(dtype) for name, each in _complete(network).items()},
                told.astype(dtype),
                *(each.astype(dtype) for each in _layer(network)),
            )

    def script(self, network: Recurrence, cotangents: Floats, *, dtype: str) -> str:
        given = "".join(
            f"    {name!r}: jnp.array({literal(each)}, dtype),\n"
            for name, each in _complete(network).items()
        )
        more = ", ".join(
            f"jnp.array({literal(each)}, dtype)" for each in (cotangents, *_layer(network))
        )
        return f"""{heading(dtype)}
{self.program}
{_ALL}

given = {{
{given}}}
states, gradients, outputs = run(given, {more})
print(states)
print(gradients)
print(outputs)
"""


@functools.cache
def _compiled(program: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"jax": jax, "jnp": jnp}
    exec(program + _ALL, names)
    run: Callable[..., Any] = names["run"]
    return run


def _zeros(network: Recurrence) -> Floats:
    return np.zeros((network.steps + 1, *network.start.shape))


# As many as the laws ask for, so that chains with and without them are compiled together.
_INPUTS = _OUTPUTS = 2


def _complete(network: Recurrence) -> dict[str, Floats]:
    """What ``network`` is a function of; zeros where the chain has none."""
    batch, n = network.start.shape
    bias = np.zeros(network.weights.shape[:-1]) if network.bias is None else network.bias
    given = {"start": network.start, "weights": network.weights, "bias": bias}
    if network.weights.ndim == 3:
        return given
    if network.inputs is None or network.input_weights is None:
        inputs = np.zeros((network.steps, batch, _INPUTS))
        return {**given, "inputs": inputs, "input_weights": np.zeros((n, _INPUTS))}
    return {**given, "inputs": network.inputs, "input_weights": network.input_weights}


def _layer(network: Recurrence) -> tuple[Floats, Floats]:
    """What the states are read out by."""
    if network.output_weights is None or network.output_bias is None:
        return np.zeros((_OUTPUTS, network.start.shape[1])), np.zeros(_OUTPUTS)
    return network.output_weights, network.output_bias


def _rule(method: str, dialect: str, program: str, update: str, **claimed: Any) -> JaxRecurrence:
    # XLA flushes subnormals on CPUs, and has an approximation of tanh of its own.
    claim = Claim(
        method,
        dialect,
        compilation="operations",
        flushes_subnormals=True,
        evaluation=frozenset({"rational-tanh"} if "tanh" in update else ()),
        **claimed,
    )
    return JaxRecurrence(claim, program.format(update))


RECURRENCES: tuple[RecurrenceRule, ...] = (
    _rule("recurrent-network", "tanh", _RECURRENT, "jnp.tanh(a)"),
    _rule("recurrent-network", "relu", _RECURRENT, "jax.nn.relu(a)", thorough_only=True),
    # Each dtype is compiled for itself; what float32 does is seen with the activations.
    _rule("recurrent-network", "linear", _RECURRENT, "a", dtypes=("float64",)),
    _rule("layer-chain", "linear", _LAYERS, "a", dtypes=("float64",)),
    _rule("layer-chain", "tanh", _LAYERS, "jnp.tanh(a)", thorough_only=True),
    _rule("layer-chain", "relu", _LAYERS, "jax.nn.relu(a)", thorough_only=True),
    _rule("layer-chain", "residual", _LAYERS, "state + jnp.tanh(a)"),
)
