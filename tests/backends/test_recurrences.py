"""Adapters of chains: what no law sees, which is what they show of themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from optcheck.backends import FunctionBackend, load_backend
from optcheck.backends.layers import Recurrence, ShowsOutputs
from optcheck.properties import execute, units
from optcheck.properties.execute import PROFILES

START = np.array([[0.5, -0.25]])
MATRIX = np.array([[0.5, 1.0], [-0.25, 0.75]])
COTANGENTS = np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 2.0]]])


def _network(rule: Any, *, full: bool = False) -> Recurrence:
    shared = rule.claim.method == "recurrent-network"
    weights = MATRIX if shared else np.stack([MATRIX, MATRIX])
    more = {"output_weights": np.ones((1, 2)), "output_bias": np.zeros(1)}
    if full and shared:
        more["inputs"], more["input_weights"] = np.ones((2, 1, 1)), np.ones((2, 1))
    if full:
        more["bias"] = np.ones(weights.shape[:-1])
    return Recurrence(weights, START, 2, **more)


def _named(backend: str) -> list[Any]:
    return [(backend, rule) for rule in load_backend(backend).recurrences()]


@pytest.mark.parametrize(
    ("backend", "rule"),
    [*_named("numpy"), *_named("torch")],
    ids=lambda v: v if isinstance(v, str) else v.claim.name,
)
@pytest.mark.parametrize("full", [False, True])
def test_gradients_are_named_as_what_the_chain_has(backend: str, rule: Any, full: bool) -> None:
    network = _network(rule, full=full)
    found = rule.gradients(network, COTANGENTS, dtype="float64")
    parts = ("start", "weights", "bias", "inputs", "input_weights")
    assert set(found) == {name for name in parts if getattr(network, name) is not None}
    assert all(found[name].shape == getattr(network, name).shape for name in found)
    assert isinstance(rule, ShowsOutputs)
    assert rule.outputs(network, dtype="float64").shape == (2, 1, 1)


def test_scripts_print_states_and_gradients() -> None:
    scripts, expected = [], []
    for name, dialect in (("numpy", "residual"), ("torch", "linear"), ("jax", "residual")):
        rules = load_backend(name).recurrences()
        rule = next(rule for rule in rules if rule.claim.dialect == dialect)
        network = _network(rule)
        scripts.append(rule.script(network, COTANGENTS, dtype="float64"))
        expected += [*rule.states(network, dtype="float64")[-1, 0]]
        expected += [*rule.gradients(network, COTANGENTS, dtype="float64")["start"][0]]
    # One process for all: the libraries are slow to import.
    program = [sys.executable, "-c", "\n".join(scripts)]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    printed = [float(number) for number in re.findall(r"-?\d+\.\d*", run.stdout)]
    for value in expected:
        assert np.min(np.abs(np.array(printed) - value)) < 1e-4


def test_a_chain_that_is_not_read_out_is_not_asked_for_outputs() -> None:
    backend = FunctionBackend("plain")

    def gradients(network: Recurrence, cotangents: Any) -> dict[str, Any]:
        raise NotImplementedError

    @backend.recurrence("recurrent-network", dialect="linear", gradients=gradients)
    def states(network: Recurrence) -> Any:
        raise NotImplementedError

    (unit,) = [
        unit
        for unit in units([backend])
        if unit.law.id == "outputs-are-read-from-their-states" and unit.dtype == "float64"
    ]
    assert execute(unit, PROFILES["quick"], 0).verdict == "unsupported"
