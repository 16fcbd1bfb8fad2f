"""Wrong chains of layers: states, derivatives and outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from wrong_variants import Family, Rule, Slip, Wrong

STATES = ("each-state-follows-from-the-one-before",)
BACKWARDS = ("backpropagation-through-a-chain",)
OUTPUTS = ("outputs-are-read-from-their-states",)
STEP = ("step-jacobian-is-a-diagonal-times-the-weights",)
LONG = ("long-jacobian-is-the-product-of-its-steps",)
PATHS = ("first-layer-gradient-sums-over-paths",)
TIME = ("gradient-is-the-sum-over-time",)
POWERS = ("powers-of-one-factor",)
MEAN = ("mean-logarithm-decides-about-a-product",)
EIGENVECTORS = ("repeated-matrix-aligns-with-its-eigenvectors",)
SINGULAR = ("singular-values-bound-a-gradient",)
FORGET = ("contractions-forget-exponentially",)
MEMORY = ("memory-needs-a-contraction",)
SKIP = ("skip-connections-keep-gradients",)
HEADS = ("auxiliary-heads-shorten-the-path",)
MOMENTS = ("moments-of-a-product-are-powers",)
LOGNORMAL = ("lognormal-products-spread-with-time",)
RANDOM = ("random-matrices-grow-at-the-lyapunov-exponent",)

Function = Callable[..., Any]


def _matrix(network: Any, t: int) -> Any:
    return network.weights[t] if network.weights.ndim == 3 else network.weights


def _bias(network: Any, t: int) -> Any:
    if network.bias is None:
        return 0
    return network.bias[t] if network.weights.ndim == 3 else network.bias


def _input(network: Any, t: int) -> Any:
    return 0 if network.inputs is None else network.inputs[t] @ network.input_weights.T


def _added_up(each: Any) -> Any:
    return each.sum(axis=0)


def _read(network: Any, states: Any) -> Any:
    return states[1:] @ network.output_weights.T + network.output_bias


@dataclass(frozen=True)
class Parts:
    """A chain in its parts; a slip replaces one of them."""

    activation: Function
    # Of what a step was activated to, its argument, and the change that comes back.
    slope: Function
    skip: float = 0.0
    matrix: Function = _matrix
    bias: Function = _bias
    input: Function = _input
    # Of the state that was made, and of the one before.
    made: Function = lambda state, before: state
    # What of the backward pass is not the transposed forward one.
    back_matrix: Function | None = None
    back_skip: float | None = None
    place: Function = lambda t: t
    # Of the change behind step t of so many, from so far.
    passed: Function = lambda change, t, steps: change
    told: Function = lambda cotangents: cotangents
    over_time: Function = _added_up
    read: Function = _read

    def forwards(self, network: Any) -> tuple[Any, Any, Any]:
        states, values, arguments = [network.start], [], []
        for t in range(network.steps):
            here = states[-1] @ self.matrix(network, t).T
            arguments.append(here + self.bias(network, t) + self.input(network, t))
            values.append(self.activation(arguments[-1]))
            states.append(self.made(values[-1] + self.skip * states[-1], states[-1]))
        return np.array(states), np.array(values), np.array(arguments)

    def backwards(self, network: Any, cotangents: Any) -> Any:
        states, values, arguments = self.forwards(network)
        cotangents = self.told(cotangents)
        skip = self.skip if self.back_skip is None else self.back_skip
        changes, after = np.zeros_like(values), cotangents[-1]
        for t in reversed(range(network.steps)):
            at = min(max(self.place(t), 0), network.steps - 1)
            changes[t] = self.slope(values[at], arguments[at], after)
            behind = changes[t] @ (self.back_matrix or self.matrix)(network, t) + skip * after
            after = cotangents[t] + self.passed(behind, t, network.steps)
        return self._by_name(network, states, changes, after)

    def _by_name(self, network: Any, states: Any, changes: Any, start: Any) -> Any:
        shared = network.weights.ndim == 2
        each = np.einsum("tbi,tbj->tij", changes, states[:-1])
        found = {"start": start, "weights": self.over_time(each) if shared else each}
        if network.bias is not None:
            found["bias"] = self.over_time(changes.sum(axis=1)) if shared else changes.sum(axis=1)
        if network.inputs is not None:
            found["inputs"] = changes @ network.input_weights
            found["input_weights"] = np.einsum("tbi,tbj->ij", changes, network.inputs)
        return found

    def rule(self) -> Rule:
        """A function for the states, with those for derivatives and outputs."""

        def states(network: Any) -> Any:
            return self.forwards(network)[0]

        states.gradients = self.backwards
        states.outputs = lambda network: self.read(network, self.forwards(network)[0])
        return states


class ChainFamily(Family):
    """A family whose rules bring their derivatives and outputs."""

    def with_slip(self, slip: Slip) -> Wrong:
        rule = slip.make()
        claim = {**self.claim, "gradients": rule.gradients, "outputs": rule.outputs}
        return Wrong(self.capability, self.method, self.dialect, slip, claim, self.beside)


def _scaled(factor: float) -> Function:
    return lambda change, t, steps: factor * change


def _truncated(change: Any, t: int, steps: int) -> Any:
    """Nothing comes further than two steps."""
    return np.zeros_like(change) if steps - t == 2 else change


def _clipped(change: Any, t: int, steps: int) -> Any:
    return np.clip(change, -1, 1)


def _turned(network: Any, t: int) -> Any:
    return _matrix(network, t).T


def _mirrored(network: Any, t: int) -> Any:
    return _matrix(network, network.steps - 1 - t)


def _first(network: Any, t: int) -> Any:
    return _matrix(network, 0)


def _next(network: Any, t: int) -> Any:
    return _matrix(network, min(t + 1, network.steps - 1))


def _there_and_back(network: Any, t: int) -> Any:
    """The iteration that finds singular vectors."""
    return _turned(network, t) if t % 2 else _matrix(network, t)


def _positive(network: Any, t: int) -> Any:
    return np.abs(_matrix(network, t))


def _late_input(network: Any, t: int) -> Any:
    return _input(network, max(t - 1, 0))


def _no_bias(network: Any, t: int) -> Any:
    return 0


def _last_alone(cotangents: Any) -> Any:
    return np.concatenate([np.zeros_like(cotangents[:-1]), cotangents[-1:]])


def _counted_again(each: Any) -> Any:
    """With total derivatives in place of those of one step: the earlier, the more often."""
    return np.cumsum(each[::-1], axis=0).sum(axis=0)


def _bounded(state: Any, before: Any) -> Any:
    return np.clip(state, -10, 10)


def _leaky(state: Any, before: Any) -> Any:
    return state + before / 2


def _shorter(state: Any, before: Any) -> Any:
    """Kept at a length of 1, as if after every layer there were a normalisation."""
    length = np.linalg.norm(state, axis=-1, keepdims=True)
    return np.divide(state, length, out=np.zeros_like(state), where=length > 0)


def _too_early(network: Any, states: Any) -> Any:
    return _read(network, states[np.maximum(np.arange(len(states)) - 1, 0)])


def _unbiased(network: Any, states: Any) -> Any:
    return states[1:] @ network.output_weights.T


def _from(right: Parts) -> Callable[..., Slip]:
    """A maker of slips that differ from a right chain in some of its parts."""

    def slip(name: str, what: str, laws: tuple[str, ...], **parts: Any) -> Slip:
        return Slip(name, what, laws, replace(right, **parts).rule)

    return slip


def _slips(right: Parts) -> list[Slip]:
    """Of any chain."""

    slip = _from(right)
    return [
        slip(
            "truncated", "propagates back two steps alone", (*BACKWARDS, *LONG), passed=_truncated
        ),
        slip(
            "untransposed",
            "forgets to transpose the weights on the way back",
            (*BACKWARDS, *STEP),
            back_matrix=_turned,
        ),
        slip("clipped", "clips what it passes back", BACKWARDS, passed=_clipped),
        slip("one-loss", "takes the loss of the last state alone", BACKWARDS, told=_last_alone),
        slip("bias-forgotten", "adds no bias", STATES, bias=_no_bias),
        slip("normalised", "normalises every state", STATES, made=_shorter),
        slip("reads-early", "reads each state one step late", OUTPUTS, read=_too_early),
        slip("reads-unbiased", "adds no bias to its outputs", OUTPUTS, read=_unbiased),
    ]


def _recurrent(right: Parts) -> list[Slip]:
    """Of a chain of one matrix."""

    slip = _from(right)
    return [
        slip(
            "last-step",
            "has the gradient of the last step for that of all",
            (*BACKWARDS, *TIME),
            over_time=lambda each: each[-1],
        ),
        slip(
            "counted-again",
            "adds up total derivatives in place of those of one step",
            TIME,
            over_time=_counted_again,
        ),
        slip("late-input", "reads the inputs one step late", STATES, input=_late_input),
        slip(
            "leaks",
            "keeps half of the state before",
            (*STATES, *FORGET, *MEMORY),
            made=_leaky,
            back_skip=0.5,
        ),
    ]


def _deep(right: Parts) -> list[Slip]:
    """Of a chain with a matrix for each layer."""

    slip = _from(right)
    return [
        slip("tied", "uses the first matrix for all layers", STATES, matrix=_first),
        slip(
            "mirrored",
            "goes back through the matrices in their first order",
            (*LONG, *PATHS),
            back_matrix=_mirrored,
        ),
        slip(
            "next-matrix",
            "goes back through the matrix of the next layer",
            (*BACKWARDS, *LONG),
            back_matrix=_next,
        ),
    ]


def _plain(right: Parts) -> list[Slip]:
    """Of a chain without skip connections."""

    slip = _from(right)
    return [
        slip("rescaled", "divides gradients by a keep rate", SINGULAR, passed=_scaled(2.0)),
        slip("around", "has a skip connection", STATES, skip=1.0),
    ]


LINEAR = Parts(lambda a: a, lambda value, argument, change: change)
TANH = Parts(np.tanh, lambda value, argument, change: change * (1 - value**2))
RELU = Parts(
    lambda a: np.maximum(a, 0), lambda value, argument, change: np.where(value > 0, change, 0)
)
RESIDUAL = replace(TANH, skip=1.0)


def _of_activation(right: Parts, wrong: Function, slope: Function) -> list[Slip]:
    """Of a chain with an activation: another one, and slopes at the wrong place or time."""

    slip = _from(right)
    return [
        slip("other-activation", "has another activation", STATES, activation=wrong),
        slip("other-slope", "takes the slope of something else", (*BACKWARDS, *STEP), slope=slope),
        slip(
            "earlier-slope", "takes the slope at the step before", BACKWARDS, place=lambda t: t - 1
        ),
        slip("later-slope", "takes the slope at the step after", BACKWARDS, place=lambda t: t + 1),
    ]


def _tanh(right: Parts) -> list[Slip]:
    return _of_activation(
        right,
        lambda a: np.clip(a, -1, 1),
        lambda value, argument, change: change * (1 - argument**2),
    )


def _relu(right: Parts) -> list[Slip]:
    return _of_activation(
        right,
        lambda a: np.where(a > 0, a, 0.01 * a),
        lambda value, argument, change: np.where(argument >= 0, change, 0.01 * change),
    )


def _powers() -> list[Slip]:
    """Of a repeated matrix."""

    slip = _from(LINEAR)
    return [
        slip("positive", "loses the signs of its weights", POWERS, matrix=_positive),
        slip("bounded", "keeps its states below 10", POWERS, made=_bounded),
        slip(
            "there-and-back",
            "iterates with the matrix and its transpose",
            EIGENVECTORS,
            matrix=_there_and_back,
        ),
        slip(
            "left-for-right", "goes back by the matrix itself", EIGENVECTORS, back_matrix=_turned
        ),
        slip("fading", "lets gradients fade", FORGET, passed=_scaled(0.99)),
        slip("growing", "lets gradients grow", FORGET, passed=_scaled(1.01)),
    ]


def _products() -> list[Slip]:
    """Of a product of many matrices."""

    slip = _from(LINEAR)
    return [
        slip("saved", "clips gradients that explode", MEAN, passed=_clipped),
        slip(
            "tied-factors", "uses the first factor for all", (*MOMENTS, *LOGNORMAL), matrix=_first
        ),
        slip(
            "left-out",
            "leaves out every second factor",
            LOGNORMAL,
            matrix=lambda network, t: _matrix(network, t) if t % 2 else np.eye(4),
        ),
        slip("around-random", "has a skip connection", RANDOM, skip=1.0),
        slip(
            "keep-rate",
            "divides its weights by a keep rate",
            (*RANDOM, *MOMENTS),
            matrix=lambda network, t: 2 * _matrix(network, t),
        ),
    ]


def _heads(right: Parts) -> list[Slip]:
    return [_from(right)("no-heads", "forgets the early losses", HEADS, told=_last_alone)]


def _around() -> list[Slip]:
    slip = _from(RESIDUAL)
    return [
        slip("no-way-back", "does not go back around its layers", (*STEP, *SKIP), back_skip=0.0),
        slip("no-way-around", "has no skip connections", (*STATES, *SKIP), skip=0.0),
        slip("half-way", "goes back around by half", SKIP, back_skip=0.5),
        slip("twice-around", "goes back around twice", SKIP, back_skip=2.0),
    ]


def _family(method: str, dialect: str, right: Parts, own: list[Slip]) -> ChainFamily:
    slips = [*_slips(right), *own]
    return ChainFamily(method, dialect, right.rule(), slips, capability="recurrence")


FAMILIES = [
    _family(
        "recurrent-network", "linear", LINEAR, [*_recurrent(LINEAR), *_plain(LINEAR), *_powers()]
    ),
    _family("recurrent-network", "tanh", TANH, [*_recurrent(TANH), *_plain(TANH), *_tanh(TANH)]),
    _family("recurrent-network", "relu", RELU, [*_recurrent(RELU), *_plain(RELU), *_relu(RELU)]),
    _family(
        "layer-chain",
        "linear",
        LINEAR,
        [*_deep(LINEAR), *_plain(LINEAR), *_products(), *_heads(LINEAR)],
    ),
    _family("layer-chain", "tanh", TANH, [*_deep(TANH), *_plain(TANH), *_tanh(TANH)]),
    _family("layer-chain", "relu", RELU, [*_deep(RELU), *_plain(RELU), *_relu(RELU)]),
    _family("layer-chain", "residual", RESIDUAL, [*_deep(RESIDUAL), *_tanh(RESIDUAL), *_around()]),
]
