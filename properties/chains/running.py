"""Drawing chains, running them, and saying what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Recurrence, ShowsOutputs
from optcheck.properties.law import Deviation, NotShown, Subject
from optcheck.properties.strategies import representable
from optcheck.properties.trace import require, under_test
from optcheck.reference import FORMATS
from optcheck.reference.chains.recurrences import ChainForm, evaluated
from optcheck.reference.oracle import Bound, Quantity

# One shape for all chains of a library that compiles for each.
STEPS, SIZE, BATCH = 8, 4, 4
INPUTS = OUTPUTS = 2
UNIT = 2.0**-53

_PARTS = ("start", "weights", "bias", "inputs", "input_weights")
_SCALES = (1.0, 0.25, 2.0)


def form_of(subject: Subject) -> ChainForm:
    """The dialect that the subject claims."""
    form: ChainForm = subject.record.dialects[subject.claim.dialect]
    return evaluated(form, subject.claim.evaluation)


def is_recurrent(subject: Subject) -> bool:
    """Whether one matrix is repeated."""
    return bool(subject.record.id == "recurrent-network")


def is_deep(subject: Subject) -> bool:
    """Whether each step has its own matrix."""
    return not is_recurrent(subject)


def is_linear(subject: Subject) -> bool:
    """Whether there is no activation."""
    return subject.claim.dialect == "linear"


def draw_chain(subject: Subject, data: st.DataObject, *, copies: bool = False) -> Recurrence:
    """A chain with or without biases, and inputs where it is recurrent; it can be read out.

    With ``copies`` all rows of the batch are equal, as many as there are units.
    """
    compiled = subject.claim.compilation != "none"
    steps = STEPS if compiled else data.draw(st.sampled_from((3, 1, 2, 4, 5)), label="steps")
    n = SIZE if compiled else data.draw(st.sampled_from((3, 1, 2, 4)), label="units")
    own = (
        1
        if copies
        else BATCH
        if compiled
        else data.draw(st.sampled_from((2, 1, 3)), label="batch")
    )
    scale = data.draw(st.sampled_from(_SCALES), label="scale") / np.sqrt(n)
    # The simplest chain, which may be the only one, has everything.
    biased = not data.draw(st.booleans(), label="without bias")
    driven = is_recurrent(subject) and not data.draw(st.booleans(), label="without inputs")
    moving = not data.draw(st.booleans(), label="starts at 0")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="numbers"))
    each = () if is_recurrent(subject) else (steps,)

    def drawn(*shape: int, size: float = 1.0) -> Floats:
        return representable(size * random.normal(size=shape), FORMATS[subject.dtype])

    bias = drawn(*each, n)
    if subject.claim.dialect == "relu":
        bias = np.abs(bias)  # or soon all units would be off
    network = Recurrence(
        weights=drawn(*each, n, n, size=scale),
        start=drawn(own, n, size=float(moving)),
        steps=steps,
        bias=bias if biased else None,
        inputs=drawn(steps, own, INPUTS) if driven else None,
        input_weights=drawn(n, INPUTS) if driven else None,
        output_weights=drawn(OUTPUTS, n),
        output_bias=drawn(OUTPUTS),
    )
    return copied(network, 0) if copies else network


def copied(network: Recurrence, row: int) -> Recurrence:
    """The chain with as many copies of one row of its batch as it has units."""
    rows = [row] * network.start.shape[1]
    inputs = None if network.inputs is None else network.inputs[:, rows]
    return replace(network, start=network.start[rows], inputs=inputs)


def chain(subject: Subject, weights: Floats, start: Floats) -> Recurrence:
    """A chain of matrices alone: of the first one, repeated, where it is recurrent."""
    steps = len(weights)
    return Recurrence(weights[0] if is_recurrent(subject) else weights, start, steps)


def cotangents_for(network: Recurrence, told: Mapping[int, Floats]) -> Floats:
    """Zeros, but for the states after so many steps."""
    cotangents = np.zeros((network.steps + 1, *network.start.shape))
    for t, values in told.items():
        cotangents[t] = values
    return cotangents


def one_step(subject: Subject, network: Recurrence, t: int, start: Floats) -> Recurrence:
    """The chain from its step ``t`` (from 0) on, at ``start``; only the first step counts.

    Where each length would be compiled, the steps that were left out follow at the end.
    """
    steps = network.steps if subject.claim.compilation != "none" else 1
    order = np.arange(t, t + steps) % network.steps
    own = network.weights.ndim == 3
    return replace(
        network,
        start=start,
        steps=steps,
        weights=network.weights[order] if own else network.weights,
        bias=network.bias[order] if own and network.bias is not None else network.bias,
        inputs=None if network.inputs is None else network.inputs[order],
    )


def alone(network: Recurrence) -> Recurrence:
    """The first step by itself, for the reference."""
    own = network.weights.ndim == 3
    return replace(
        network,
        steps=1,
        weights=network.weights[:1] if own else network.weights,
        bias=network.bias[:1] if own and network.bias is not None else network.bias,
        inputs=None if network.inputs is None else network.inputs[:1],
    )


def states(subject: Subject, network: Recurrence) -> Floats:
    """All states that the library finds, the start first."""
    with under_test(subject, lambda: describe(network)):
        found: Floats = subject.rule.states(network, dtype=subject.dtype)
    return _shaped(subject, network, "states", found, (network.steps + 1, *network.start.shape))


def gradients(subject: Subject, network: Recurrence, cotangents: Floats) -> dict[str, Floats]:
    """The library's derivatives of ``sum(cotangents * states)``, by name."""
    with under_test(subject, lambda: describe(network)):
        found = dict(subject.rule.gradients(network, cotangents, dtype=subject.dtype))
    parts = {name: getattr(network, name) for name in _PARTS}
    expected = {name: each for name, each in parts.items() if each is not None}
    if set(found) != set(expected):
        names = ", ".join(sorted(found))
        raise deviation(subject, network, f"has gradients in {names} of {', '.join(expected)}")
    return {
        name: _shaped(subject, network, f"a gradient in {name}", found[name], each.shape)
        for name, each in expected.items()
    }


def outputs(subject: Subject, network: Recurrence) -> Floats:
    """What the library reads out of the states."""
    if not isinstance(subject.rule, ShowsOutputs):
        raise NotShown(f"{subject.claim.name} is not read out")
    with under_test(subject, lambda: describe(network)):
        found = subject.rule.outputs(network, dtype=subject.dtype)
    if found is None:
        raise NotShown(f"{subject.claim.name} is not read out")
    shape = (network.steps, len(network.start), OUTPUTS)
    return _shaped(subject, network, "outputs", found, shape)


def _shaped(
    subject: Subject, network: Recurrence, what: str, found: Floats, shape: tuple[int, ...]
) -> Floats:
    if found.shape != shape:
        message = f"returns {what} of shape {found.shape}, expected {shape}"
        raise deviation(subject, network, message)
    return found


def describe(network: Recurrence) -> dict[str, Any]:
    """The chain as plain data."""
    return {
        name: each.tolist() if isinstance(each, np.ndarray) else each
        for name, each in vars(network).items()
        if each is not None
    }


def deviation(
    subject: Subject,
    network: Recurrence,
    message: str,
    ratio: float = float("inf"),
    cotangents: Floats | None = None,
) -> Deviation:
    """A deviation with its chain and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample=describe(network),
        script=lambda: f'"""{title}"""\n\n{_script(subject, network, cotangents)}',
    )


def _script(subject: Subject, network: Recurrence, cotangents: Floats | None) -> str:
    told = cotangents_for(network, {network.steps: np.ones_like(network.start)})
    text: str = subject.rule.script(
        network, told if cotangents is None else cotangents, dtype=subject.dtype
    )
    return text


def judge(
    subject: Subject,
    network: Recurrence,
    quantity: Quantity | Bound,
    computed: Floats,
    what: str,
    cotangents: Floats | None = None,
) -> float:
    """As :func:`require`, for something that a chain computed."""
    try:
        return require(
            quantity,
            np.ravel(computed),
            what=f"{subject.name}: {what}",
            counterexample=lambda: describe(network),
        )
    except Deviation as found:
        title = str(found)
        found.script = lambda: f'"""{title}"""\n\n{_script(subject, network, cotangents)}'
        raise


def within(
    subject: Subject,
    network: Recurrence,
    found: Floats,
    between: tuple[Floats, Floats],
    what: str,
    cotangents: Floats | None = None,
) -> float:
    """Positive numbers lie between two others; the ratio is 1 where they reach one of them."""
    low, high = between
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.fmax(found / high, np.where(low > 0.0, low / found, 0.0))
    ratios = np.where(np.isfinite(found), ratios, np.inf)
    worst = int(np.argmax(ratios))
    ratio = float(ratios.flat[worst])
    if not ratio <= 1.0:
        numbers = (float(each.flat[worst]) for each in np.broadcast_arrays(found, low, high))
        value, least, most = numbers
        message = f"{what} is {value:.17g}, expected between {least:.17g} and {most:.17g}"
        raise deviation(subject, network, message, ratio, cotangents)
    return ratio


def worst(ratios: list[float]) -> float:
    """The largest ratio that decided anything."""
    decided = [each for each in ratios if not np.isnan(each)]
    return max(decided, default=float("nan"))
