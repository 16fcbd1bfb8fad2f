"""Initial weights and biases by ``jax.nn.initializers``, in the layouts that its axes allow."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.nn import initializers as _source

from optcheck.backends.interface import Claim, Floats, Hyperparameters, Option
from optcheck.backends.jax.expressions import assignments, evaluate, heading, x64
from optcheck.backends.layers import InitializerRule, Layer

# Where the axes of a weight are: as flax keeps it, with the window first; as torch does; or as
# flax, with an axis of its own for the groups.
Layout = Literal["last", "first", "groups"]

_AXES: Mapping[Layout, dict[str, Any]] = {
    "last": {},
    "first": {"in_axis": 1, "out_axis": 0},
    "groups": {"in_axis": -2, "out_axis": -1, "batch_axis": 0},
}


FEW = 8


def stored_shape(layer: Layer, layout: Layout) -> tuple[int, ...]:
    """The shape in which the parameter is kept."""
    if layer.parameter == "bias" or layout == "first":
        return layer.shape
    outputs, inputs, *window = layer.shape
    if layout == "groups":
        return (layer.groups, *window, inputs, outputs // layer.groups)
    return (*window, inputs, outputs)


def arranged(values: Floats, layer: Layer, layout: Layout) -> Floats:
    """Draws as they are kept, with the output first."""
    if layer.parameter == "weight" and layout == "groups":
        values = np.moveaxis(values, 1, -2)
        values = values.reshape(*values.shape[:-2], layer.outputs)
    if layer.parameter == "weight" and layout != "first":
        values = np.moveaxis(values, (-1, -2), (1, 2))
    return values


@dataclass
class JaxInitializer:
    """An expression for a function ``(key, shape, dtype)``.

    It reads the hyper-parameters, ``axes``, the keywords that say where the inputs and outputs
    are, and the frequencies of classes.
    """

    claim: Claim
    expression: str
    takes: Callable[[Layer], bool]
    layout: Layout = "last"
    counts_fans: bool = False

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        shape = stored_shape(layer, self.layout)
        with x64(dtype):
            initializer = self._initializer(layer, hyperparameters)
            draw = functools.partial(initializer, shape=shape, dtype=jnp.dtype(dtype))
            key = jax.random.key(seed)
            keys = [key] if count == 1 else jax.random.split(key, count)
            # One by one is what users do; many are vectorised, since each takes milliseconds.
            drawn = [draw(each) for each in keys] if count <= FEW else jax.vmap(draw)(keys)
            values = np.asarray(drawn, dtype=np.float64)
        return arranged(values, layer, self.layout)

    def _initializer(self, layer: Layer, hyperparameters: Hyperparameters) -> Any:
        names = {
            "jax": jax,
            "jnp": jnp,
            "axes": _AXES[self.layout],
            "frequencies": list(layer.frequencies),
        }
        return evaluate(self.expression, {**names, **hyperparameters})

    def fans(self, layer: Layer) -> tuple[float, float] | None:
        if not self.counts_fans or layer.parameter == "bias":
            return None
        shape = stored_shape(layer, self.layout)
        counted: tuple[float, float] = _source._compute_fans(shape, **_AXES[self.layout])
        return counted

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        keys = f"[jax.random.key({seed})]"
        if count > 1:
            keys = f"jax.random.split(jax.random.key({seed}), {count})"
        return f"""{heading(dtype)}
{assignments(hyperparameters)}
axes = {_AXES[self.layout]!r}
frequencies = {list(layer.frequencies)!r}
initializer = {self.expression}
for key in {keys}:
    print(initializer(key, {stored_shape(layer, self.layout)!r}, dtype))
"""


def _is_weight(layer: Layer) -> bool:
    """Groups are told by an axis of their own alone."""
    return layer.parameter == "weight" and layer.kind != "recurrent" and layer.groups == 1


def _is_grouped(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind == "convolution" and layer.groups > 1


def _has_window(layer: Layer) -> bool:
    return layer.parameter == "weight" and layer.kind in ("dense", "convolution")


def _is_bias(layer: Layer) -> bool:
    return layer.parameter == "bias"


def _function(
    method: str,
    dialect: str,
    expression: str,
    takes: Callable[[Layer], bool] = lambda layer: True,
    *,
    layout: Layout = "last",
    counts_fans: bool = False,
    fixed: Mapping[str, float] | None = None,
    **options: Option,
) -> JaxInitializer:
    claim = Claim(
        method,
        dialect,
        options,
        flushes_subnormals=True,
        compilation="operations",
        fixed=fixed or {},
    )
    return JaxInitializer(claim, expression, takes, layout, counts_fans)


def _fan_scaled(
    method: str,
    dialect: str,
    name: str,
    gain: float | None,
    layout: Layout = "last",
    **options: Option,
) -> JaxInitializer:
    """An initializer that counts fans; None where it is told its gain."""
    call = name if name.endswith(")") else f"{name}(**axes)"
    given: dict[str, Option] = {"function": name.partition("(")[0], **options}
    if layout != "last":
        given["axes"] = layout
    return _function(
        method,
        dialect,
        f"jax.nn.initializers.{call}",
        _is_grouped if layout == "groups" else _is_weight,
        layout=layout,
        counts_fans=True,
        fixed=None if gain is None else {"gain": gain},
        **given,
    )


def _variance_scaling(
    method: str,
    dialect: str,
    mode: str,
    distribution: str,
    layout: Layout = "last",
    scale: str = "gain**2",
) -> JaxInitializer:
    return _fan_scaled(
        method,
        dialect,
        f"variance_scaling({scale}, {mode!r}, {distribution!r}, **axes)",
        None,
        layout,
    )


ROOT = math.sqrt(2.0)

_TRUNCATED = "truncated_normal"

INITIALIZERS: tuple[InitializerRule, ...] = (
    _function("uniform", "from-zero", "jax.nn.initializers.uniform(scale)"),
    _function(
        "uniform",
        "symmetric",
        "lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -scale, scale)",
    ),
    _function("normal", "standard-deviation", "jax.nn.initializers.normal(scale)"),
    _function("truncated-normal", "two-deviations", "jax.nn.initializers.truncated_normal(scale)"),
    _fan_scaled("he-normal", "fan-in+truncated", "he_normal", ROOT),
    _fan_scaled("he-normal", "fan-in+truncated", "lecun_normal", 1.0),
    _variance_scaling("he-normal", "fan-in", "fan_in", "normal"),
    _variance_scaling("he-normal", "fan-in", "fan_in", "normal", "groups"),
    _variance_scaling("he-normal", "fan-out", "fan_out", "normal"),
    _variance_scaling("he-normal", "fan-out", "fan_out", "normal", "groups"),
    _fan_scaled("he-uniform", "fan-in", "he_uniform", ROOT),
    _fan_scaled("he-uniform", "fan-in", "lecun_uniform", 1.0, "first"),
    _variance_scaling("he-uniform", "fan-out", "fan_out", "uniform", "first"),
    _fan_scaled("glorot-normal", "harmonic-mean+truncated", "glorot_normal", 1.0),
    _variance_scaling("glorot-normal", "harmonic-mean+truncated", "fan_avg", _TRUNCATED),
    _variance_scaling("glorot-normal", "harmonic-mean", "fan_avg", "normal", "groups"),
    _variance_scaling("glorot-normal", "harmonic-mean", "fan_avg", "normal"),
    _fan_scaled("glorot-uniform", "harmonic-mean", "glorot_uniform", 1.0),
    _variance_scaling("glorot-uniform", "harmonic-mean", "fan_avg", "uniform", "first"),
    _variance_scaling("glorot-uniform", "geometric-mean", "fan_geo_avg", "uniform"),
    _variance_scaling("fan-scaled-uniform", "fan-in", "fan_in", "uniform", scale="1 / 3"),
    _function("orthogonal", "haar", "jax.nn.initializers.orthogonal(gain)", _has_window),
    _function(
        "orthogonal",
        "haar",
        "jax.nn.initializers.orthogonal(gain, column_axis=0)",
        _has_window,
        layout="first",
        column_axis=0,
    ),
    _function("constant-bias", "all-units", "jax.nn.initializers.constant(value)", _is_bias),
    _function(
        "constant-bias",
        "all-units",
        "jax.nn.initializers.zeros",
        _is_bias,
        fixed={"value": 0.0},
        function="zeros",
    ),
    _function(
        "marginal-bias",
        "logarithms",
        "lambda key, shape, dtype: jnp.log(jnp.array(frequencies, dtype))",
        lambda layer: bool(layer.frequencies),
    ),
)
