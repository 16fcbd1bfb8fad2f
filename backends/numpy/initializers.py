"""Initial weights and biases in NumPy, from one generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.layers import Layer

rules = FunctionTraining()

Array = npt.NDArray[np.float64]
Random = np.random.Generator


def fans(layer: Layer) -> tuple[float, float]:
    """How many inputs an output sees, and how many outputs an input reaches."""
    window = math.prod(layer.kernel)
    return layer.inputs // layer.groups * window, layer.outputs // layer.groups * window


def _is_matrix(layer: Layer) -> bool:
    return layer.kind == "dense" and layer.parameter == "weight"


def _has_window(layer: Layer) -> bool:
    return layer.kind in ("dense", "convolution") and layer.parameter == "weight"


def _is_weight(layer: Layer) -> bool:
    return layer.parameter == "weight"


def _is_bias(layer: Layer) -> bool:
    return layer.parameter == "bias"


def _scaled(method: str, dialect: str) -> Callable[[Any], Any]:
    """A rule that scales with fans."""
    return rules.initializer(method, dialect=dialect, fans=fans, takes=_is_weight)


def redrawn(
    random: Random,
    shape: tuple[int, ...],
    *,
    mean: float = 0.0,
    scale: float,
    lower: float = -math.inf,
    upper: float = math.inf,
) -> Array:
    """Gaussians; those outside the bounds are drawn again until none is."""
    values = random.normal(mean, scale, shape)
    while (outside := (values < lower) | (values > upper)).any():
        values[outside] = random.normal(mean, scale, int(outside.sum()))
    return values


# The standard deviation of a standard Gaussian that is cut at two.
CUT = math.sqrt(1.0 - 4.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0)))


def _cut_and_corrected(random: Random, layer: Layer, deviation: float) -> Array:
    """Cut at two of the scale that is left with that standard deviation."""
    scale = deviation / CUT
    return redrawn(random, layer.shape, scale=scale, lower=-2 * scale, upper=2 * scale)


def _with_deviation(random: Random, layer: Layer, deviation: float) -> Array:
    """Uniform on an interval around zero."""
    bound = math.sqrt(3.0) * deviation
    return random.uniform(-bound, bound, layer.shape)


@rules.initializer("uniform", dialect="symmetric")
def uniform(random: Random, layer: Layer, *, scale: float) -> Array:
    """Between minus the scale and the scale."""
    return random.uniform(-scale, scale, layer.shape)


@rules.initializer("uniform", dialect="from-zero")
def uniform_from_zero(random: Random, layer: Layer, *, scale: float) -> Array:
    """Between zero and the scale."""
    return scale * random.random(layer.shape)


@rules.initializer("normal", dialect="standard-deviation")
def normal(random: Random, layer: Layer, *, scale: float) -> Array:
    """The scale is the standard deviation."""
    return scale * random.standard_normal(layer.shape)


@rules.initializer("truncated-normal", dialect="two-deviations")
def truncated_normal(random: Random, layer: Layer, *, scale: float) -> Array:
    """Cut at twice the scale."""
    return redrawn(random, layer.shape, scale=scale, lower=-2 * scale, upper=2 * scale)


@rules.initializer("truncated-normal", dialect="absolute-bounds")
def truncated_normal_absolute(
    random: Random, layer: Layer, *, mean: float, scale: float, lower: float, upper: float
) -> Array:
    """Cut at bounds that are told."""
    return redrawn(random, layer.shape, mean=mean, scale=scale, lower=lower, upper=upper)


@_scaled("he-normal", "fan-in")
def he_normal(random: Random, layer: Layer, *, gain: float) -> Array:
    """The gain over the root of the fan-in."""
    return random.normal(0.0, gain / math.sqrt(fans(layer)[0]), layer.shape)


@_scaled("he-normal", "fan-out")
def he_normal_backward(random: Random, layer: Layer, *, gain: float) -> Array:
    """The gain over the root of the fan-out."""
    return random.normal(0.0, gain / math.sqrt(fans(layer)[1]), layer.shape)


@_scaled("he-normal", "fan-in+truncated")
def he_truncated(random: Random, layer: Layer, *, gain: float) -> Array:
    """The same standard deviation after truncation."""
    return _cut_and_corrected(random, layer, gain / math.sqrt(fans(layer)[0]))


@_scaled("he-uniform", "fan-in")
def he_uniform(random: Random, layer: Layer, *, gain: float) -> Array:
    """The same standard deviation."""
    return _with_deviation(random, layer, gain / math.sqrt(fans(layer)[0]))


@_scaled("he-uniform", "fan-out")
def he_uniform_backward(random: Random, layer: Layer, *, gain: float) -> Array:
    """The same standard deviation, with the fan-out."""
    return _with_deviation(random, layer, gain / math.sqrt(fans(layer)[1]))


@_scaled("glorot-normal", "harmonic-mean")
def glorot_normal(random: Random, layer: Layer, *, gain: float) -> Array:
    """The gain over the root of the mean of both fans."""
    return random.normal(0.0, gain * math.sqrt(2.0 / sum(fans(layer))), layer.shape)


@_scaled("glorot-normal", "harmonic-mean+truncated")
def glorot_truncated(random: Random, layer: Layer, *, gain: float) -> Array:
    """The same standard deviation after truncation."""
    return _cut_and_corrected(random, layer, gain * math.sqrt(2.0 / sum(fans(layer))))


@_scaled("glorot-uniform", "harmonic-mean")
def glorot_uniform(random: Random, layer: Layer, *, gain: float) -> Array:
    """The same standard deviation."""
    bound = gain * math.sqrt(6.0 / sum(fans(layer)))
    return random.uniform(-bound, bound, layer.shape)


@_scaled("glorot-uniform", "geometric-mean")
def glorot_uniform_geometric(random: Random, layer: Layer, *, gain: float) -> Array:
    """With the geometric mean of both fans."""
    return _with_deviation(random, layer, gain / math.sqrt(math.sqrt(math.prod(fans(layer)))))


@rules.initializer("fan-scaled-uniform", dialect="fan-in", fans=fans)
def fan_scaled_uniform(random: Random, layer: Layer) -> Array:
    """One over the root of the fan-in bounds weights and biases."""
    bound = 1.0 / math.sqrt(fans(layer)[0])
    return random.uniform(-bound, bound, layer.shape)


@rules.initializer(
    "fan-scaled-uniform", dialect="hidden-units", takes=lambda layer: layer.kind == "recurrent"
)
def hidden_scaled_uniform(random: Random, layer: Layer) -> Array:
    """One over the root of the number of hidden units bounds all that a cell has."""
    bound = 1.0 / math.sqrt(layer.outputs // layer.gates)
    return random.uniform(-bound, bound, layer.shape)


def _flat(layer: Layer) -> tuple[int, int]:
    """Outputs, and all that each of them sees."""
    return layer.shape[0], math.prod(layer.shape[1:])


@rules.initializer(
    "orthogonal", dialect="haar", takes=_has_window, options={"function": "numpy.linalg.qr"}
)
def orthogonal(random: Random, layer: Layer, *, gain: float) -> Array:
    """The orthogonal factor of Gaussians, with the signs that make it Haar's."""
    rows, columns = _flat(layer)
    q, r = np.linalg.qr(random.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))
    weights: Array = gain * (q if rows >= columns else q.T).reshape(layer.shape)
    return weights


@rules.initializer(
    "orthogonal", dialect="haar", takes=_has_window, options={"function": "gram-schmidt"}
)
def gram_schmidt(random: Random, layer: Layer, *, gain: float) -> Array:
    """Gaussian vectors, each without its parts along those before it, which are taken twice."""
    rows, columns = _flat(layer)
    vectors = random.standard_normal((min(rows, columns), max(rows, columns)))
    for index, vector in enumerate(vectors):
        for _ in range(2):
            vector -= vectors[:index].T @ (vectors[:index] @ vector)
        vector /= np.linalg.norm(vector)
    return gain * (vectors if rows <= columns else vectors.T).reshape(layer.shape)


@rules.initializer("sparse", dialect="per-unit", takes=_is_matrix)
def sparse(random: Random, layer: Layer, *, nonzeros: float, scale: float) -> Array:
    """Every unit has so many weights that are not zero."""
    values = random.normal(0.0, scale, layer.shape)
    order = random.permuted(np.broadcast_to(np.arange(layer.inputs), layer.shape), axis=1)
    return np.where(order < nonzeros, values, 0.0)


@rules.initializer("sparse", dialect="per-input", takes=_is_matrix)
def sparse_columns(random: Random, layer: Layer, *, nonzeros: float, scale: float) -> Array:
    """Every input has so many weights that are not zero."""
    values = random.normal(0.0, scale, layer.shape)
    order = random.permuted(
        np.broadcast_to(np.arange(layer.outputs)[:, None], layer.shape), axis=0
    )
    return np.where(order < nonzeros, values, 0.0)


@rules.initializer("constant-bias", dialect="all-units", takes=_is_bias)
def constant_bias(random: Random, layer: Layer, *, value: float) -> Array:
    """The same for all units."""
    return np.full(layer.shape, value)


def memory(biases: npt.NDArray[Any], steps: int) -> tuple[Any, Any]:
    """Cells of one after so many steps of a long short-term memory with biases alone."""
    kept = np.ones(len(biases) // 4, biases.dtype)
    derivative = kept.copy()
    admitted, forgotten, candidate, _ = biases.reshape(4, -1)
    gate, added = _logistic(forgotten), _logistic(admitted) * np.tanh(candidate)
    for _ in range(steps):
        kept = gate * kept + added
        derivative = gate * derivative
    return kept, derivative


def _logistic(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x)))


@rules.initializer(
    "constant-bias",
    dialect="forget-gate",
    takes=lambda layer: _is_bias(layer) and layer.gates == 4,
    memory=memory,
)
def forget_gate_bias(random: Random, layer: Layer, *, value: float) -> Array:
    """The forget gate alone is set; it is the second."""
    biases = np.zeros((layer.gates, layer.outputs // layer.gates))
    biases[1] = value
    return biases.ravel()


@rules.initializer(
    "marginal-bias", dialect="logarithms", takes=lambda layer: bool(layer.frequencies)
)
def marginal_bias(random: Random, layer: Layer) -> Array:
    """The logarithms of the frequencies of the classes."""
    return np.asarray(np.log(layer.frequencies))
