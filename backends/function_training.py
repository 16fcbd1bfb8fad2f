"""Decorators that make plain functions derivatives, losses, loaders, initializers ...

::

    def squared_error_gradient(prediction, target):
        return 2 * (prediction - target)

    @backend.loss("squared-error", dialect="sum", gradient=squared_error_gradient)
    def squared_error(prediction, target):
        return np.sum((prediction - target) ** 2)
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from optcheck.backends.function_distribution import (
    FunctionDataParallelRule,
    FunctionShardedUpdateRule,
)
from optcheck.backends.function_layers import (
    FunctionInitializerRule,
    FunctionNormalizerRule,
    FunctionRecurrenceRule,
)
from optcheck.backends.function_parts import FunctionPart
from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import Layer
from optcheck.backends.minimization import Objective
from optcheck.backends.scripts import import_rule, literal, objective_lines
from optcheck.backends.training import Training

Function = TypeVar("Function", bound=Callable[..., Any])


class FunctionDerivativeRule(FunctionPart):
    """A function ``(objective, x)``, or ``(objective, x, direction)``, as a derivative."""

    def derivative(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> Floats:
        given = [point] if direction is None else [point, direction]
        native = (np.array(each, dtype=dtype) for each in given)
        return np.asarray(self.function(objective, *native), dtype=np.float64)

    def script(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> str:
        given = [point] if direction is None else [point, direction]
        native = ", ".join(f"np.array({literal(each)}, {dtype!r})" for each in given)
        return f"""{import_rule(self.function)}

{objective_lines(objective)}
objective.structure = {objective.structure!r}
objective.coefficients = {objective.coefficients!r}
print(rule(objective, {native}))
"""


class FunctionLossRule(FunctionPart):
    """A function of named arrays and hyper-parameters, and its gradient, as a loss."""

    def __init__(
        self, function: Callable[..., Any], gradient: Callable[..., Any], claim: Claim
    ) -> None:
        super().__init__(function, claim)
        self.slope = gradient

    def value(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        return self._call(self.function, arguments, hyperparameters, dtype)

    def gradient(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        return self._call(self.slope, arguments, hyperparameters, dtype)

    def _call(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Floats],
        hyperparameters: Hyperparameters,
        dtype: str,
    ) -> Floats:
        native = {name: np.array(each, dtype=dtype) for name, each in arguments.items()}
        return np.asarray(function(**native, **hyperparameters), dtype=np.float64)

    def script(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> str:
        given = ", ".join(
            f"{name}=np.array({literal(each)}, {dtype!r})" for name, each in arguments.items()
        )
        call = f"rule({given}, **{dict(hyperparameters)!r})"
        return f"""{import_rule(self.function)}

print({call})
{import_rule(self.slope)}

print({call})
"""


class FunctionFactorizationRule(FunctionPart):
    """A function of a symmetric matrix to its factors by name, or None."""

    def factor(self, matrix: Floats, *, dtype: str) -> Mapping[str, Floats] | None:
        found = self.function(np.array(matrix, dtype=dtype))
        if found is None:
            return None
        return {name: np.asarray(each, dtype=np.float64) for name, each in found.items()}

    def script(self, matrix: Floats, *, dtype: str) -> str:
        return f"""{import_rule(self.function)}

print(rule(np.array({literal(matrix)}, {dtype!r})))
"""


class FunctionLoaderRule(FunctionPart):
    """A function ``(examples, batch_size, epochs, seed)`` to batches of indices, as a loader."""

    def __init__(
        self,
        function: Callable[..., Sequence[Sequence[Sequence[int]]]],
        length: Callable[[int, int], int] | None,
        claim: Claim,
    ) -> None:
        super().__init__(function, claim)
        self.count = length

    def epochs(
        self, examples: int, batch_size: int, epochs: int, seed: int
    ) -> Sequence[Sequence[Sequence[int]]]:
        drawn = self.function(examples, batch_size, epochs, seed)
        return [[[int(i) for i in batch] for batch in epoch] for epoch in drawn]

    def length(self, examples: int, batch_size: int) -> int | None:
        return None if self.count is None else self.count(examples, batch_size)

    def script(self, examples: int, batch_size: int, epochs: int, seed: int) -> str:
        return f"""{import_rule(self.function)}

for epoch in rule({examples}, {batch_size}, {epochs}, {seed}):
    print(epoch)
"""


class FunctionMetricScheduleRule(FunctionPart):
    """A function ``(metric, state, **hyperparameters)`` to the rate after that metric."""

    def rates(
        self,
        hyperparameters: Hyperparameters,
        metrics: Sequence[float],
        *,
        dtype: str,
        saved_after: int | None = None,
    ) -> Sequence[float]:
        state: dict[str, Any] = {}
        rates = []
        for count, metric in enumerate(metrics):
            if count == saved_after:
                state = pickle.loads(pickle.dumps(state))
            rates.append(float(self.function(metric, state, **hyperparameters)))
        return rates

    def script(
        self, hyperparameters: Hyperparameters, metrics: Sequence[float], *, dtype: str
    ) -> str:
        return f"""{import_rule(self.function)}

metrics = {literal(np.array(metrics))}
state = {{}}
computed = [float(rule(metric, state, **{dict(hyperparameters)!r})) for metric in metrics]
"""


class FunctionTraining(Training):
    """Decorators that register plain functions as parts of training."""

    def extend_training(self, other: Training) -> None:
        """Take over what ``other`` has, after what is here."""
        self._derivatives += other.derivatives()
        self._losses += other.losses()
        self._factorizations += other.factorizations()
        self._loaders += other.loaders()
        self._initializers += other.initializers()
        self._normalizers += other.normalizers()
        self._recurrences += other.recurrences()
        self._distributions += other.distributions()
        self._metric_schedules += other.metric_schedules()

    def derivative(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that ``function(objective, x)`` is the derivative ``method``."""

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            self._derivatives.append(FunctionDerivativeRule(function, claim))
            return function

        return register

    def loss(
        self, method: str, *, dialect: str, gradient: Callable[..., Any], **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that the function of named arrays is the loss ``method``.

        ``gradient`` takes the same and returns the derivative in the first of them.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            self._losses.append(FunctionLossRule(function, gradient, claim))
            return function

        return register

    def factorization(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that the function of a symmetric matrix is the factorisation ``method``."""

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            self._factorizations.append(FunctionFactorizationRule(function, claim))
            return function

        return register

    def loader(
        self,
        method: str,
        *,
        dialect: str,
        length: Callable[[int, int], int] | None = None,
        **claimed: Any,
    ) -> Callable[[Function], Function]:
        """Claim that ``function(examples, batch_size, epochs, seed)`` divides examples so.

        ``length(examples, batch_size)`` is the number of batches an epoch, if it is shown.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **{"dtypes": ("float64",), **claimed})
            self._loaders.append(FunctionLoaderRule(function, length, claim))
            return function

        return register

    def initializer(
        self,
        method: str,
        *,
        dialect: str,
        fans: Callable[[Layer], tuple[float, float]] | None = None,
        takes: Callable[[Layer], bool] | None = None,
        memory: Callable[[Any, int], tuple[Any, Any]] | None = None,
        **claimed: Any,
    ) -> Callable[[Function], Function]:
        """Claim that ``function(random, layer, **hyperparameters)`` draws from ``method``.

        ``fans(layer)`` are the fan-in and fan-out that it counts, if they are shown;
        ``takes(layer)`` says which layers it is for, if not for all. ``memory(biases, steps)`` is
        what cells with these biases remember (see ``ShowsMemory``).
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            rule = FunctionInitializerRule(function, fans, takes, memory, claim)
            self._initializers.append(rule)
            return function

        return register

    def normalizer(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that the class ``(features, gain, shift, **hyperparameters)`` is ``method``.

        Its objects have ``train``, ``evaluate``, ``gradients`` and ``state``.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            self._normalizers.append(FunctionNormalizerRule(function, claim))
            return function

        return register

    def recurrence(
        self,
        method: str,
        *,
        dialect: str,
        gradients: Callable[..., Any],
        outputs: Callable[..., Any] | None = None,
        **claimed: Any,
    ) -> Callable[[Function], Function]:
        """Claim that ``function(network)`` has the states of the recurrent layer ``method``.

        ``gradients(network, cotangents)`` are its derivatives by name, and ``outputs(network)``
        is what is read out of it, if it can be.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            rule = FunctionRecurrenceRule(function, gradients, outputs, claim)
            self._recurrences.append(rule)
            return function

        return register

    def metric_schedule(
        self, method: str, *, dialect: str, **claimed: Any
    ) -> Callable[[Function], Function]:
        """Claim that ``function(metric, state, **hyperparameters)`` is ``method``.

        It returns the rate after the metric, and keeps in ``state``, empty at first, what it needs
        to know of those before.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **{"dtypes": ("float64",), **claimed})
            self._metric_schedules.append(FunctionMetricScheduleRule(function, claim))
            return function

        return register

    def distribution(
        self,
        method: str,
        *,
        dialect: str,
        devices: int,
        update: Claim | None = None,
        **claimed: Any,
    ) -> Callable[[Function], Function]:
        """Claim what is done on so many ``devices``.

        An update is a class ``(parameters, devices, **hyperparameters)`` of the rule that
        ``update`` claims. Its objects have ``step``, ``copies``, ``state``, ``held``, ``save`` and
        ``load``. A mean of gradients is a function ``(weights, inputs, targets, shares)``.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, **claimed)
            self._distributions.append(
                FunctionDataParallelRule(function, claim, devices)
                if update is None
                else FunctionShardedUpdateRule(function, claim, update, devices)
            )
            return function

        return register
