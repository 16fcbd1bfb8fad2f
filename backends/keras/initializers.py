"""Initial weights by Keras, each an expression that scripts print as it is."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.keras.settings import ON, claim, heading, keras, numbers, used
from optcheck.backends.layers import InitializerRule, Layer

_source: Any = importlib.import_module("keras.src.initializers.random_initializers")


def stored_shape(layer: Layer) -> tuple[int, ...]:
    """The shape in which Keras keeps the parameter: the window first, the outputs last.

    The weights of transposed convolutions have the inputs last.
    """
    if layer.parameter == "bias":
        return layer.shape
    outputs, inputs, *window = layer.shape
    if layer.kind == "transposed-convolution":
        return (*window, outputs, inputs)
    return (*window, inputs, outputs)


def arranged(values: Floats, layer: Layer) -> Floats:
    """Draws as Keras keeps them, with the output first."""
    if layer.parameter == "bias":
        return values
    last = (-2, -1) if layer.kind == "transposed-convolution" else (-1, -2)
    return np.moveaxis(values, last, (1, 2))


@dataclass
class KerasInitializer:
    """An expression for an initializer, of the hyper-parameters and ``seed``."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def takes(self, layer: Layer) -> bool:
        if self.claim.method == "constant-bias" or layer.parameter == "bias":
            return self.claim.method == "constant-bias" and layer.parameter == "bias"
        if self.claim.method == "orthogonal":
            return layer.kind in ("dense", "convolution")
        # An embedding is kept as a dense layer is, and no transposed convolution has groups.
        return layer.kind in ("dense", "convolution") or (
            layer.kind == "transposed-convolution" and layer.groups == 1
        )

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        if not self.claim.method.startswith(("he-", "glorot-")) or layer.parameter == "bias":
            return None
        counted: tuple[float, float] = _source.compute_fans(stored_shape(layer))
        return counted

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        with used(dtype):
            names = {"keras": keras, "seed": keras.random.SeedGenerator(seed)}
            initializer = eval(self.expression, {**names, **hyperparameters})
            shape = stored_shape(layer)
            drawn = [numbers(initializer(shape, dtype=dtype)) for _ in range(count)]
        return arranged(np.array(drawn), layer)

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        return f"""{heading(dtype, hyperparameters)}seed = keras.random.SeedGenerator({seed})
initializer = {self.expression}
for _ in range({count}):
    print(initializer({stored_shape(layer)!r}, dtype={dtype!r}))
"""


def _initializer(method: str, dialect: str, call: str, **fixed: float) -> KerasInitializer:
    expression = f"keras.initializers.{call}"
    return KerasInitializer(claim(method, dialect, expression, fixed=fixed), expression)


def _scaled(method: str, dialect: str, mode: str, distribution: str) -> KerasInitializer:
    call = f"VarianceScaling(gain**2, {mode!r}, {distribution!r}, seed)"
    return _initializer(method, dialect, call)


ROOT = math.sqrt(2.0)

_ALL = (
    _initializer("uniform", "symmetric", "RandomUniform(-scale, scale, seed)"),
    _initializer("uniform", "from-zero", "RandomUniform(0.0, scale, seed)"),
    _initializer("normal", "standard-deviation", "RandomNormal(0.0, scale, seed)"),
    _initializer("truncated-normal", "two-deviations", "TruncatedNormal(0.0, scale, seed)"),
    _initializer("he-normal", "fan-in+truncated", "HeNormal(seed)", gain=ROOT),
    _initializer("he-normal", "fan-in+truncated", "LecunNormal(seed)", gain=1.0),
    _scaled("he-normal", "fan-in", "fan_in", "untruncated_normal"),
    _scaled("he-normal", "fan-out", "fan_out", "untruncated_normal"),
    _initializer("he-uniform", "fan-in", "HeUniform(seed)", gain=ROOT),
    _initializer("he-uniform", "fan-in", "LecunUniform(seed)", gain=1.0),
    _scaled("he-uniform", "fan-out", "fan_out", "uniform"),
    _initializer("glorot-normal", "harmonic-mean+truncated", "GlorotNormal(seed)", gain=1.0),
    _scaled("glorot-normal", "harmonic-mean", "fan_avg", "untruncated_normal"),
    _initializer("glorot-uniform", "harmonic-mean", "GlorotUniform(seed)", gain=1.0),
    _scaled("glorot-uniform", "harmonic-mean", "fan_avg", "uniform"),
    _initializer("orthogonal", "haar", "Orthogonal(gain, seed)"),
    _initializer("constant-bias", "all-units", "Constant(value)"),
    _initializer("constant-bias", "all-units", "Zeros()", value=0.0),
)

# On torch Keras takes the first of four draws that is within the bounds, or the first one: one of
# 230000 values is beyond them, so that nothing is claimed of truncated draws there.
INITIALIZERS: tuple[InitializerRule, ...] = tuple(
    each for each in _ALL if ON != "torch" or "truncated" not in each.claim.name
)
