"""The interface to what training is made of beside updates: derivatives, losses, loaders ...

Numbers cross the border as float64 NumPy arrays; an adapter converts them to its library's type
in the dtype that it is told, computes there, and converts the answer back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from optcheck.backends.distribution import DataParallelRule, ShardedUpdateRule
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


class MetricScheduleRule(Protocol):
    """A schedule that is told a metric after each epoch, or each update."""

    claim: Claim

    def rates(
        self,
        hyperparameters: Hyperparameters,
        metrics: Sequence[float],
        *,
        dtype: str,
        saved_after: int | None = None,
    ) -> Sequence[float]:
        """The rate after each of ``metrics``.

        After so many of them all that the library saves goes through bytes into new objects.
        """

    def script(
        self, hyperparameters: Hyperparameters, metrics: Sequence[float], *, dtype: str
    ) -> str:
        """Python that leaves the rates in a list ``computed``."""


@runtime_checkable
class ReducesGroups(Protocol):
    """A schedule whose groups of parameters have initial and minimal rates of their own."""

    def group_rates(
        self, groups: Sequence[Hyperparameters], metrics: Sequence[float], *, dtype: str
    ) -> Sequence[Sequence[float]]:
        """For each group its rates after each metric; in all else the groups agree."""


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
        distributions: Sequence[ShardedUpdateRule | DataParallelRule] = (),
        metric_schedules: Sequence[MetricScheduleRule] = (),
    ) -> None:
        self._derivatives = list(derivatives)
        self._losses = list(losses)
        self._factorizations = list(factorizations)
        self._loaders = list(loaders)
        self._initializers = list(initializers)
        self._normalizers = list(normalizers)
        self._recurrences = list(recurrences)
        self._distributions = list(distributions)
        self._metric_schedules = list(metric_schedules)

    def replace_parts(self, change: Callable[[Any], Any]) -> None:
        """Put ``change(rule)`` in the place of each rule."""
        self._derivatives[:] = map(change, self._derivatives)
        self._losses[:] = map(change, self._losses)
        self._factorizations[:] = map(change, self._factorizations)
        self._loaders[:] = map(change, self._loaders)
        self._initializers[:] = map(change, self._initializers)
        self._normalizers[:] = map(change, self._normalizers)
        self._recurrences[:] = map(change, self._recurrences)
        self._distributions[:] = map(change, self._distributions)
        self._metric_schedules[:] = map(change, self._metric_schedules)

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

    def distributions(self) -> Sequence[ShardedUpdateRule | DataParallelRule]:
        return self._distributions

    def metric_schedules(self) -> Sequence[MetricScheduleRule]:
        return self._metric_schedules
