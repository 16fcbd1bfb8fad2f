"""Normalisation by Keras, each layer an expression that scripts print as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.keras.settings import (
    ON,
    claim,
    heading,
    keras,
    library,
    numbers,
    tensors,
    used,
)
from optcheck.backends.layers import NormalizerRule
from optcheck.backends.scripts import literal

_AFFINE = "epsilon=epsilon, center=affine, scale=affine, dtype=dtype"
_BATCH = f"keras.layers.BatchNormalization(1, momentum, {_AFFINE})"
_EXAMPLE = f"keras.layers.LayerNormalization(-1, {_AFFINE})"
_ALL = f"keras.layers.LayerNormalization(tuple(range(1, len(features) + 1)), {_AFFINE})"
_DATA = "keras.layers.Normalization(1, dtype=dtype)"


class KerasNormalizerRun:
    """A layer of one of three classes, of which batch normalisation alone is told its mode."""

    def __init__(self, layer: Any, dtype: str) -> None:
        self.layer = layer
        self.dtype = dtype
        self.adapts = isinstance(layer, keras.layers.Normalization)
        self.averages = isinstance(layer, keras.layers.BatchNormalization)
        self.training = {"training": True} if self.averages else {}

    def _tensor(self, values: Floats) -> Any:
        return keras.ops.convert_to_tensor(np.array(values), self.dtype)

    def train(self, batch: Floats) -> Floats:
        with used(self.dtype):
            x = self._tensor(batch)
            if self.adapts:
                self.layer.adapt(x)
            return numbers(self.layer(x, **self.training))

    def evaluate(self, batch: Floats) -> Floats:
        with used(self.dtype):
            return numbers(self.layer(self._tensor(batch)))

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        if not self.averages:
            return None
        rows = np.reshape(mask, (-1, *[1] * (batch.ndim - 2)))
        with used(self.dtype):
            places = keras.ops.convert_to_tensor(np.broadcast_to(rows, batch.shape[:-1]).copy())
            return numbers(self.layer(self._tensor(batch), training=True, mask=places))

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        if self.adapts:
            return {}
        kept = [each.value for each in self.layer.non_trainable_variables]
        learned = [each.value for each in self.layer.trainable_variables]

        def output(x: Any, *learned: Any) -> Any:
            return self.layer.stateless_call(list(learned), kept, x, **self.training)[0]

        with used(self.dtype):
            vjp = library.func.vjp if ON == "torch" else library.vjp
            _, back = vjp(output, self._tensor(batch), *learned)
            found = back(self._tensor(cotangent))
        return dict(zip(("batch", "gain", "shift"), map(numbers, found), strict=False))

    def state(self) -> Mapping[str, Floats]:
        if not self.averages:
            return {}
        return {
            "mean": numbers(self.layer.moving_mean),
            "variance": numbers(self.layer.moving_variance),
        }


@dataclass
class KerasNormalizer:
    """An expression for a layer, of the hyper-parameters, ``features``, ``affine``, ``dtype``."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> KerasNormalizerRun:
        names = {"features": features, "affine": gain is not None, "dtype": dtype}
        with used(dtype):
            layer = eval(self.expression, {"keras": keras, **names, **hyperparameters})
            layer.build((None, *features))
            if gain is not None and shift is not None:
                layer.gamma.assign(gain)
                layer.beta.assign(shift)
        return KerasNormalizerRun(layer, dtype)

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        learned = ""
        if gain is not None and shift is not None:
            learned = f"""learned = [np.array({literal(gain)}), np.array({literal(shift)})]
layer.set_weights([*learned, *layer.get_weights()[2:]])
"""
        return f"""{heading(dtype, hyperparameters)}dtype = {dtype!r}
features, affine = {batches[0].shape[1:]!r}, {gain is not None}
layer = {self.expression}
layer.build((None, *features))
{learned}
def train(x):
    if isinstance(layer, keras.layers.Normalization):
        layer.adapt(x)
    averages = isinstance(layer, keras.layers.BatchNormalization)
    return layer(x, training=True) if averages else layer(x)


*earlier, last = {tensors(batches, dtype)}
for each in earlier:
    train(each)
print(layer(last))
print(train(last))
"""


def _normalizer(method: str, dialect: str, expression: str, **fixed: float) -> KerasNormalizer:
    return KerasNormalizer(claim(method, dialect, expression, fixed=fixed), expression)


NORMALIZERS: tuple[NormalizerRule, ...] = (
    # Keras divides by the deviation, or by 1e-7 where that is smaller.
    _normalizer("data-normalization", "two-pass", _DATA, epsilon=0.0),
    _normalizer(
        "batch-normalization", "kept-share" + ("+one-pass" if ON == "torch" else ""), _BATCH
    ),
    _normalizer("layer-normalization", "last-axis", _EXAMPLE),
    _normalizer("layer-normalization", "all-axes", _ALL),
)
