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
        takes: Callable[[Layer], bool] | None,
        memory: Callable[[Any, int], tuple[Any, Any]] | None,
        claim: Claim,
    ) -> None:
        super().__init__(function, claim)
        self.counts = fans
        self.allows = takes
        self.remember = memory

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

    def takes(self, layer: Layer) -> bool:
        return self.allows is None or self.allows(layer)

    def memory(
        self, layer: Layer, hyperparameters: Hyperparameters, steps: int, *, dtype: str
    ) -> tuple[Floats, Floats] | None:
        if self.remember is None:
            return None
        biases = self.draw(layer, hyperparameters, seed=0, dtype=dtype)[0].astype(dtype)
        left, derivative = self.remember(biases, steps)
        return _wide(left), _wide(derivative)

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
    """An object with ``train``, ``evaluate``, ``gradients`` and ``state``, in one dtype.

    One that takes masks has ``train_masked`` too.
    """

    def __init__(self, normalizer: Any, dtype: str) -> None:
        self.normalizer = normalizer
        self.dtype = dtype

    def train(self, batch: Floats) -> Floats:
        return _wide(self.normalizer.train(self._native(batch)))

    def evaluate(self, batch: Floats) -> Floats:
        return _wide(self.normalizer.evaluate(self._native(batch)))

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        if not hasattr(self.normalizer, "train_masked"):
            return None
        return _wide(self.normalizer.train_masked(self._native(batch), np.array(mask)))

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
        learned = (gain, shift)
        native = (None if each is None else np.array(each, dtype=dtype) for each in learned)
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
        arrays = ", ".join(
            "None" if each is None else f"np.array({literal(each)}, {dtype!r})"
            for each in (gain, shift)
        )
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
        self,
        function: Callable[..., Any],
        gradients: Callable[..., Any],
        outputs: Callable[..., Any] | None,
        claim: Claim,
    ) -> None:
        super().__init__(function, claim)
        self.backwards = gradients
        self.read_out = outputs

    def states(self, network: Recurrence, *, dtype: str) -> Floats:
        return _wide(self.function(_rounded(network, dtype)))

    def gradients(
        self, network: Recurrence, cotangents: Floats, *, dtype: str
    ) -> Mapping[str, Floats]:
        found = self.backwards(_rounded(network, dtype), np.array(cotangents, dtype=dtype))
        return {name: _wide(each) for name, each in found.items()}

    def outputs(self, network: Recurrence, *, dtype: str) -> Floats | None:
        return None if self.read_out is None else _wide(self.read_out(_rounded(network, dtype)))

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
