"""The interface to what training is made of beside updates: derivatives, losses, loaders ...

Numbers cross the border as float64 NumPy arrays; an adapter converts them to its library's type
in the dtype that it is told, computes there, and converts the answer back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import InitializerRule, NormalizerRule, RecurrenceRule
from optcheck.backends.minimization import Objective


class DerivativeRule(Protocol):
    """A way to differentiate; its method says what: value, gradient, Hessian ..."""

    claim: Claim

    def derivative(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> Floats:
        """What the method is of ``objective`` at ``point``, shape ``(n,)``.

        The library differentiates ``objective.value``; a rule that is written out uses what it
        knows of the objective. ``direction``, shape ``(n,)``, is told to those that take one.
        """

    def script(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> str:
        """Python that prints the same with the library alone."""


class LossRule(Protocol):
    """A loss, or an activation, of a library."""

    claim: Claim

    def value(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        """The value for named arrays of one shape; 0-d where the loss adds up its elements."""

    def gradient(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        """The library's own derivative of the (summed) value in the first of ``arguments``."""

    def script(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> str:
        """Python that prints value and gradient with the library alone."""


class FactorizationRule(Protocol):
    """A factorisation of a symmetric matrix, or a number that follows from it."""

    claim: Claim

    def factor(self, matrix: Floats, *, dtype: str) -> Mapping[str, Floats] | None:
        """The factors by name, or None where the library says that there are none.

        Eigenvalues alone are asked of stacks of matrices too, shape ``(k, n, n)``.
        """

    def script(self, matrix: Floats, *, dtype: str) -> str:
        """Python that prints the factors with the library alone."""


class LoaderRule(Protocol):
    """A way to draw minibatches from a set of examples."""

    claim: Claim

    def epochs(
        self, examples: int, batch_size: int, epochs: int, seed: int
    ) -> Sequence[Sequence[Sequence[int]]]:
        """For each epoch its batches, each a sequence of indices of examples, from 0."""

    def length(self, examples: int, batch_size: int) -> int | None:
        """The number of batches an epoch as the library says it; None where it does not."""

    def script(self, examples: int, batch_size: int, epochs: int, seed: int) -> str:
        """Python that prints the batches with the library alone."""


class Training:
    """The parts of training that a library has."""

    def __init__(
        self,
        *,
        derivatives: Sequence[DerivativeRule] = (),
        losses: Sequence[LossRule] = (),
        factorizations: Sequence[FactorizationRule] = (),
        loaders: Sequence[LoaderRule] = (),
        initializers: Sequence[InitializerRule] = (),
        normalizers: Sequence[NormalizerRule] = (),
        recurrences: Sequence[RecurrenceRule] = (),
    ) -> None:
        self._derivatives = list(derivatives)
        self._losses = list(losses)
        self._factorizations = list(factorizations)
        self._loaders = list(loaders)
        self._initializers = list(initializers)
        self._normalizers = list(normalizers)
        self._recurrences = list(recurrences)

    def derivatives(self) -> Sequence[DerivativeRule]:
        return self._derivatives

    def losses(self) -> Sequence[LossRule]:
        return self._losses

    def factorizations(self) -> Sequence[FactorizationRule]:
        return self._factorizations

    def loaders(self) -> Sequence[LoaderRule]:
        return self._loaders

    def initializers(self) -> Sequence[InitializerRule]:
        return self._initializers

    def normalizers(self) -> Sequence[NormalizerRule]:
        return self._normalizers

    def recurrences(self) -> Sequence[RecurrenceRule]:
        return self._recurrences
