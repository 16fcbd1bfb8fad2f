"""Plain functions as initializers, classes as normalisers, functions as recurrent layers.

::

    @backend.initializer("he-normal", dialect="fan-in")
    def he_normal(random, layer):
        return random.normal(0, np.sqrt(2 / layer.inputs), layer.shape)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from optcheck.backends.function_parts import FunctionPart
from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import Layer, NormalizerRun, Recurrence
from optcheck.backends.scripts import import_rule, literal


class FunctionInitializerRule(FunctionPart):
    """A function ``(random, layer, **hyperparameters)`` to one draw, as an initializer.

    ``random`` is a ``numpy.random.Generator``, the same one for all draws from a seed.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        fans: Callable[[Layer], tuple[float, float]] | None,
        claim: Claim,
    ) -> None:
        super().__init__(function, claim)
        self.counts = fans

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        random = np.random.default_rng(seed)
        drawn = [self.function(random, layer, **hyperparameters) for _ in range(count)]
        return np.asarray(np.array(drawn, dtype=dtype), dtype=np.float64)

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        return None if self.counts is None else self.counts(layer)

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        return f"""{import_rule(self.function)}
from optcheck.backends.layers import Layer

random = np.random.default_rng({seed})
for _ in range({count}):
    print(np.asarray(rule(random, {layer!r}, **{dict(hyperparameters)!r}), {dtype!r}))
"""


class FunctionNormalizerRun:
    """An object with ``train``, ``evaluate``, ``gradients`` and ``state``, in one dtype."""

    def __init__(self, normalizer: Any, dtype: str) -> None:
        self.normalizer = normalizer
        self.dtype = dtype

    def train(self, batch: Floats) -> Floats:
        return _wide(self.normalizer.train(self._native(batch)))

    def evaluate(self, batch: Floats) -> Floats:
        return _wide(self.normalizer.evaluate(self._native(batch)))

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        found = self.normalizer.gradients(self._native(batch), self._native(cotangent))
        return {name: _wide(each) for name, each in found.items()}

    def state(self) -> Mapping[str, Floats]:
        return {name: _wide(each) for name, each in self.normalizer.state().items()}

    def _native(self, batch: Floats) -> Any:
        return np.array(batch, dtype=self.dtype)


class FunctionNormalizerRule(FunctionPart):
    """A class ``(features, gain, shift, **hyperparameters)`` as a normaliser."""

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> NormalizerRun:
        scales = np.ones(features) if gain is None else gain
        shifts = np.zeros(features) if shift is None else shift
        native = (np.array(each, dtype=dtype) for each in (scales, shifts))
        return FunctionNormalizerRun(self.function(features, *native, **hyperparameters), dtype)

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        features = batches[0].shape[1:]
        scales = np.ones(features) if gain is None else gain
        shifts = np.zeros(features) if shift is None else shift
        arrays = ", ".join(f"np.array({literal(each)}, {dtype!r})" for each in (scales, shifts))
        data = ", ".join(f"np.array({literal(each)}, {dtype!r})" for each in batches)
        return f"""{import_rule(self.function)}

normalizer = rule({features!r}, {arrays}, **{dict(hyperparameters)!r})
*earlier, last = {data},
for batch in earlier:
    normalizer.train(batch)
print(normalizer.evaluate(last))
print(normalizer.train(last))
"""


class FunctionRecurrenceRule(FunctionPart):
    """A function of a network to its states, and one to its gradients, as a recurrent layer."""

    def __init__(
        self, function: Callable[..., Any], gradients: Callable[..., Any], claim: Claim
    ) -> None:
        super().__init__(function, claim)
        self.backwards = gradients

    def states(self, network: Recurrence, *, dtype: str) -> Floats:
        return _wide(self.function(_rounded(network, dtype)))

    def gradients(
        self, network: Recurrence, cotangents: Floats, *, dtype: str
    ) -> Mapping[str, Floats]:
        found = self.backwards(_rounded(network, dtype), np.array(cotangents, dtype=dtype))
        return {name: _wide(each) for name, each in found.items()}

    def script(self, network: Recurrence, cotangents: Floats, *, dtype: str) -> str:
        arrays = ", ".join(
            f"{name}=np.array({literal(each)}, {dtype!r})"
            for name, each in vars(network).items()
            if isinstance(each, np.ndarray)
        )
        return f"""{import_rule(self.function)}
from optcheck.backends.layers import Recurrence

network = Recurrence(steps={network.steps}, {arrays})
print(rule(network))
{import_rule(self.backwards)}

print(rule(network, np.array({literal(cotangents)}, {dtype!r})))
"""


def _rounded(network: Recurrence, dtype: str) -> Recurrence:
    """The network with its arrays in ``dtype``."""
    arrays: dict[str, Any] = {
        name: np.array(each, dtype=dtype)
        for name, each in vars(network).items()
        if isinstance(each, np.ndarray)
    }
    return replace(network, **arrays)


def _wide(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)
