"""Laws of chains: the states, the derivatives and the outputs of their equations."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.chains.running import (
    draw_chain,
    form_of,
    gradients,
    judge,
    outputs,
    states,
    worst,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.chains.recurrences import gradients_of, next_states, outputs_of

_DTYPES = ("float32", "float64")


@law(
    id="each-state-follows-from-the-one-before",
    title="A chain starts at its start, and each state follows from the one before it",
    statement=(
        "The first state is the start, and every other one is f(W s + U x + b) of the library's "
        "own state before it, within the rounding of that one step: with and without inputs and "
        "biases, with one matrix for all steps or one for each."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("state-recursion",),
    dtypes=_DTYPES,
    share=0.15,
)
def each_state_follows(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data)
    found = states(subject, network)
    quantity = next_states(form_of(subject), network, found, subject.working)
    return judge(subject, network, quantity, found, "a state is off")


@law(
    id="backpropagation-through-a-chain",
    title="A library differentiates a chain as the reverse recursion says",
    statement=(
        "For cotangents of all states the library's derivatives in start, weights, biases, inputs "
        "and input weights are those of the equation, within the rounding of the recursion "
        "forwards and of the one backwards. A rectified unit that is exactly at 0 passes nothing."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("state-recursion",),
    dtypes=_DTYPES,
    share=0.15,
)
def backpropagation_through_a_chain(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data)
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="cotangents"))
    shape = (network.steps + 1, *network.start.shape)
    cotangents = representable(random.normal(size=shape), FORMATS[subject.dtype])
    found = gradients(subject, network, cotangents)
    expected = gradients_of(form_of(subject), network, cotangents, subject.working)
    return worst(
        [
            judge(subject, network, expected[name], each, f"the slope in {name}", cotangents)
            for name, each in found.items()
        ]
    )


@law(
    id="outputs-are-read-from-their-states",
    title="Each output is read from the state of its own time",
    statement=(
        "What the library reads out after step t is V s[t] + c of its own state s[t], within the "
        "rounding of that sum: there is one for every step, and none for the start."
    ),
    oracle="exact",
    capability="recurrence",
    equations=("state-output",),
    dtypes=_DTYPES,
    share=0.15,
)
def outputs_are_read_from_their_states(subject: Subject, data: st.DataObject) -> float:
    network = draw_chain(subject, data)
    found, passed = outputs(subject, network), states(subject, network)
    quantity = outputs_of(network, passed, subject.working)
    return judge(subject, network, quantity, found, "an output is off")
