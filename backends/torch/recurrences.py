"""Recurrent layers of ``torch.nn``, forwards and backwards by torch.

Each is a few lines of torch that run here and are printed in scripts. They define ``network``, a
function of leaves to all states; what a chain lacks is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.layers import Recurrence, RecurrenceRule
from optcheck.backends.scripts import literal

Tensor = torch.Tensor

_HEADING = """import torch
import torch.nn.functional as F
from torch.func import functional_call
"""

# The whole chain by one module.
_RNN = """
def network(start, weights, bias, inputs, input_weights):
    module = torch.nn.RNN(
        inputs.shape[-1], start.shape[-1], nonlinearity={!r}, dtype=start.dtype, device="meta"
    )
    parameters = {{
        "weight_hh_l0": weights,
        "weight_ih_l0": input_weights,
        "bias_hh_l0": bias,
        "bias_ih_l0": torch.zeros_like(bias),
    }}
    states, last = functional_call(module, parameters, (inputs, start[None]))
    return torch.cat([start[None], states])
"""
# A cell that is called in a loop.
_CELL = """
def network(start, weights, bias, inputs, input_weights):
    cell = torch.nn.RNNCell(
        inputs.shape[-1], start.shape[-1], nonlinearity={!r}, dtype=start.dtype, device="meta"
    )
    parameters = {{
        "weight_hh": weights,
        "weight_ih": input_weights,
        "bias_hh": bias,
        "bias_ih": torch.zeros_like(bias),
    }}
    states = [start]
    for x in inputs:
        states.append(functional_call(cell, parameters, (x, states[-1])))
    return torch.stack(states)
"""
# Linear layers in a loop.
_LOOP = """
def network(start, weights, bias, inputs, input_weights):
    states = [start]
    for x in inputs:
        a = F.linear(states[-1], weights, bias) + F.linear(x, input_weights)
        states.append({})
    return torch.stack(states)
"""
# A deep network; a hook would show the same states.
_SEQUENTIAL = """
def network(start, weights, bias):
    size = start.shape[-1]
    layers = torch.nn.Sequential(
        *(
            torch.nn.Sequential(torch.nn.Linear(size, size, device="meta"), {})
            for layer in weights
        )
    )
    states = [start]
    for layer, weight, shift in zip(layers, weights, bias):
        parameters = {{"0.weight": weight, "0.bias": shift}}
        made = functional_call(layer, parameters, (states[-1],))
        states.append({})
    return torch.stack(states)
"""
_READ = """
def read_out(states, output_weights, output_bias):
    module = torch.nn.Linear(
        *output_weights.T.shape, dtype=output_weights.dtype, device="meta"
    )
    parameters = {"weight": output_weights, "bias": output_bias}
    return functional_call(module, parameters, (states[1:],))
"""

# How the derivatives are taken.
_WAYS = {
    "torch.autograd.grad": """
def gradients(leaves, cotangents):
    states = network(**leaves)
    return torch.autograd.grad((cotangents * states).sum(), list(leaves.values()))
""",
    "torch.func.vjp": """
def gradients(leaves, cotangents):
    detached = [leaf.detach() for leaf in leaves.values()]
    states, pull = torch.func.vjp(lambda *given: network(*given), *detached)
    return pull(cotangents)
""",
}


@dataclass
class TorchRecurrence:
    """A program that defines ``network``, and how it is differentiated."""

    claim: Claim
    program: str
    way: str = "torch.autograd.grad"

    @property
    def implementation(self) -> str:
        """The program."""
        return self.program

    @property
    def source(self) -> str:
        """All of it."""
        return f"{_HEADING}{self.program}{_READ}{_WAYS[self.way]}"

    def states(self, network: Recurrence, *, dtype: str) -> Floats:
        return _numbers(self._function("network")(**_leaves(network, dtype)))

    def gradients(
        self, network: Recurrence, cotangents: Floats, *, dtype: str
    ) -> Mapping[str, Floats]:
        leaves = _leaves(network, dtype)
        told = torch.tensor(cotangents, dtype=getattr(torch, dtype))
        found = dict(zip(leaves, self._function("gradients")(leaves, told), strict=True))
        return {
            name: _numbers(each)
            for name, each in found.items()
            if getattr(network, name) is not None
        }

    def outputs(self, network: Recurrence, *, dtype: str) -> Floats | None:
        assert network.output_weights is not None
        assert network.output_bias is not None
        kind = getattr(torch, dtype)
        layer = (network.output_weights, network.output_bias)
        states = self._function("network")(**_leaves(network, dtype))
        weights, bias = (torch.tensor(each, dtype=kind) for each in layer)
        return _numbers(self._function("read_out")(states, weights, bias))

    def _function(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = _names(self.source)[name]
        return function

    def script(self, network: Recurrence, cotangents: Floats, *, dtype: str) -> str:
        leaves = "".join(
            f"    {name!r}: tensor({literal(each)}),\n"
            for name, each in _complete(network).items()
        )
        layer = (network.output_weights, network.output_bias)
        read = ", ".join(f"tensor({literal(each)})" for each in layer if each is not None)
        shown = f"print(read_out(network(**leaves), {read}))\n" if read else ""
        return f"""{self.source}

def tensor(values):
    return torch.tensor(values, dtype=torch.{dtype}, requires_grad=True)


leaves = {{
{leaves}}}
print(network(**leaves))
{shown}for name, each in zip(leaves, gradients(leaves, tensor({literal(cotangents)}))):
    print(name, each)
"""


@functools.cache
def _names(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


def _complete(network: Recurrence) -> dict[str, Floats]:
    """What ``network`` is a function of; zeros where the chain has none."""
    batch, n = network.start.shape
    bias = np.zeros(network.weights.shape[:-1]) if network.bias is None else network.bias
    given = {"start": network.start, "weights": network.weights, "bias": bias}
    if network.weights.ndim == 3:
        return given
    if network.inputs is None or network.input_weights is None:
        inputs = {"inputs": np.zeros((network.steps, batch, 1)), "input_weights": np.zeros((n, 1))}
        return given | inputs
    return {**given, "inputs": network.inputs, "input_weights": network.input_weights}


def _leaves(network: Recurrence, dtype: str) -> dict[str, Tensor]:
    kind = getattr(torch, dtype)
    return {
        name: torch.tensor(each, dtype=kind, requires_grad=True)
        for name, each in _complete(network).items()
    }


def _numbers(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().cpu().double().numpy())


def _recurrent(dialect: str, program: str, **options: str) -> TorchRecurrence:
    return TorchRecurrence(Claim("recurrent-network", dialect, options), program)


def _layers(dialect: str, module: str, update: str = "made") -> TorchRecurrence:
    return TorchRecurrence(Claim("layer-chain", dialect), _SEQUENTIAL.format(module, update))


RECURRENCES: tuple[RecurrenceRule, ...] = (
    _recurrent("tanh", _RNN.format("tanh"), module="RNN"),
    _recurrent("tanh", _CELL.format("tanh"), module="RNNCell"),
    _recurrent("relu", _RNN.format("relu"), module="RNN"),
    _recurrent("relu", _CELL.format("relu"), module="RNNCell"),
    _recurrent("linear", _LOOP.format("a")),
    TorchRecurrence(
        Claim("recurrent-network", "tanh", {"gradient": "torch.func.vjp"}),
        _LOOP.format("torch.tanh(a)"),
        "torch.func.vjp",
    ),
    _layers("linear", "torch.nn.Identity()"),
    _layers("tanh", "torch.nn.Tanh()"),
    _layers("relu", "torch.nn.ReLU()"),
    _layers("residual", "torch.nn.Tanh()", "states[-1] + made"),
)
