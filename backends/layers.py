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
    its gates one after the other: input, forget, cell, output. Whatever the library's layout is,
    ``shape`` has the output first, then what the output sees.
    """

    inputs: int
    outputs: int
    kind: Kind = "dense"
    kernel: tuple[int, ...] = ()
    groups: int = 1
    parameter: Literal["weight", "bias"] = "weight"
    # How often each class occurs, for biases that start there; empty for all others.
    frequencies: tuple[float, ...] = ()

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


class NormalizerRun(Protocol):
    """A normaliser with what it has learned of its data; batches have shape ``(n, *features)``."""

    def train(self, batch: Floats) -> Floats:
        """The batch, normalised as in training; running averages are updated."""

    def evaluate(self, batch: Floats) -> Floats:
        """The batch, normalised as in inference; nothing changes."""

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        """The library's derivatives of ``sum(cotangent * train(batch))``; nothing changes.

        In ``batch``, and in ``gain`` and ``shift`` where there are any.
        """

    def state(self) -> Mapping[str, Floats]:
        """What is kept from batch to batch, by the catalogue's names, each of shape features."""


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
        """A new normaliser; ``gain`` and ``shift`` are ones and zeros where they are None."""

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
    """A chain of layers ``h[t] = f(W h[t-1] + U x[t] + b)``.

    ``weights`` has shape ``(n, n)`` where one matrix is repeated for ``steps`` steps, and
    ``(steps, n, n)`` where each step has its own. ``start`` has shape ``(batch, n)``, ``inputs``
    ``(steps, batch, m)`` and ``input_weights`` ``(n, m)``; ``bias`` ``(n,)``.
    """

    weights: Floats
    start: Floats
    steps: int
    bias: Floats | None = None
    inputs: Floats | None = None
    input_weights: Floats | None = None


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
