"""The interface to what networks are made of: initial weights, normalisation, recurrence.

Numbers cross the border as float64 NumPy arrays; an adapter converts them to its library's type
in the dtype that it is told, computes there, and converts the answer back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from optcheck.backends.interface import Claim, Floats, Hyperparameters

Kind = Literal["dense", "convolution", "transposed-convolution", "embedding", "recurrent"]


@dataclass(frozen=True)
class Layer:
    """The weights, or the biases, of a layer.

    ``inputs`` and ``outputs`` count its units or channels; each output sees ``inputs / groups`` of
    the inputs, through a window of shape ``kernel``. A recurrent layer has the ``outputs`` of all
    its ``gates`` one after the other: where they are four, input, forget, cell, output. Whatever
    the library's layout is, ``shape`` has the output first, then what the output sees.
    """

    inputs: int
    outputs: int
    kind: Kind = "dense"
    kernel: tuple[int, ...] = ()
    groups: int = 1
    parameter: Literal["weight", "bias"] = "weight"
    # How often each class occurs, for biases that start there; empty for all others.
    frequencies: tuple[float, ...] = ()
    gates: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        if self.parameter == "bias":
            return (self.outputs,)
        return (self.outputs, self.inputs // self.groups, *self.kernel)


class InitializerRule(Protocol):
    """A distribution of initial parameters."""

    claim: Claim

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        """``count`` draws one after the other from one seed, shape ``(count, *layer.shape)``."""

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        """Python that prints the draws with the library alone."""


@runtime_checkable
class ShowsFans(Protocol):
    """An initializer whose library says how many inputs and outputs it counts."""

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        """Fan-in and fan-out of the weights of ``layer``, None where they are not shown."""


@runtime_checkable
class TakesSomeLayers(Protocol):
    """An initializer that its library has for some layers alone; others take all of them."""

    def takes(self, layer: Layer) -> bool:
        """Whether the parameter of ``layer`` can be drawn."""


@runtime_checkable
class ShowsMemory(Protocol):
    """An initializer of the biases of a recurrent layer whose library can run that layer."""

    def memory(
        self, layer: Layer, hyperparameters: Hyperparameters, steps: int, *, dtype: str
    ) -> tuple[Floats, Floats] | None:
        """What is left of cells of 1 after ``steps``, and the derivative of that in them.

        All weights and inputs are zero, so that the biases alone are at work. None where the
        library does not show it.
        """


class NormalizerRun(Protocol):
    """A normaliser with what it has learned of its data; batches have shape ``(n, *features)``."""

    def train(self, batch: Floats) -> Floats:
        """The batch, normalised as in training; running averages are updated."""

    def evaluate(self, batch: Floats) -> Floats:
        """The batch, normalised as in inference; nothing changes."""

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        """As ``train``, with the statistics of the examples of ``mask``.

        None where the library takes no mask.
        """

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        """The library's derivatives of ``sum(cotangent * train(batch))``; nothing changes.

        In ``batch``, and in ``gain`` and ``shift`` where there are any; empty where the library
        does not differentiate.
        """

    def state(self) -> Mapping[str, Floats]:
        """What is kept from batch to batch, by the catalogue's names, one number a feature."""


class NormalizerRule(Protocol):
    """A normalisation of activations, or of data."""

    claim: Claim

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> NormalizerRun:
        """A new normaliser; where ``gain`` and ``shift`` are None it has neither.

        They have one number for each feature, the first of ``features``, of a batch, and one for
        each value that shares its statistics of an example.
        """

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        """Python that trains on all but the last batch, and prints what the last one becomes.

        It prints the last one as in training and as in inference, with the library alone.
        """


@dataclass(frozen=True)
class Recurrence:
    """A chain of layers ``h[t] = f(W h[t-1] + U x[t] + b)``, read out as ``o[t] = V h[t] + c``.

    ``weights`` has shape ``(n, n)`` where one matrix is repeated for ``steps`` steps, and
    ``(steps, n, n)`` where each step has its own; ``bias`` ``(n,)`` or ``(steps, n)`` with it.
    ``start`` has shape ``(batch, n)``, ``inputs`` ``(steps, batch, m)``, ``input_weights``
    ``(n, m)``, ``output_weights`` ``(k, n)`` and ``output_bias`` ``(k,)``. Only a repeated matrix
    comes with inputs.
    """

    weights: Floats
    start: Floats
    steps: int
    bias: Floats | None = None
    inputs: Floats | None = None
    input_weights: Floats | None = None
    output_weights: Floats | None = None
    output_bias: Floats | None = None


class RecurrenceRule(Protocol):
    """A recurrent network, or a deep one of equal layers, of a library."""

    claim: Claim

    def states(self, network: Recurrence, *, dtype: str) -> Floats:
        """All states, the start first: shape ``(steps + 1, batch, n)``."""

    def gradients(
        self, network: Recurrence, cotangents: Floats, *, dtype: str
    ) -> Mapping[str, Floats]:
        """The library's derivatives of ``sum(cotangents * states)``, by backpropagation.

        In ``start``, ``weights``, and in ``bias``, ``inputs`` and ``input_weights`` where the
        network has them.
        """

    def script(self, network: Recurrence, cotangents: Floats, *, dtype: str) -> str:
        """Python that prints states and gradients with the library alone."""


@runtime_checkable
class ShowsOutputs(Protocol):
    """A recurrence that can be read out."""

    def outputs(self, network: Recurrence, *, dtype: str) -> Floats | None:
        """What is read out of all states but the start, shape ``(steps, batch, k)``.

        None where the implementation has no such layer.
        """
