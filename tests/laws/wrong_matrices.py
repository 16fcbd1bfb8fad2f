"""Wrong initial matrices: orthogonal ones, and sparse ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_draws import SEED, Rule, family, scaled, slip, unseeded
from wrong_variants import Slip

from optcheck.backends.numpy import initializers

ORTHONORMAL = ("orthogonal-weights-are-orthonormal",)
HAAR = ("orthogonal-weights-have-no-preferred-direction",)
NUMBER = ("sparse-weights-have-their-number",)
SUMS = ("sparse-weights-keep-the-variance",)


def _factored(draw: Callable[..., Any], signs: Callable[..., Any]) -> Rule:
    """The orthogonal factor of what ``draw`` gives, with columns times ``signs(q, r)``."""

    def wrong(random: Any, layer: Any, *, gain: float) -> Any:
        rows, columns = layer.outputs, math.prod(layer.shape[1:])
        shape = max(rows, columns), min(rows, columns)
        q, r = np.linalg.qr(draw(random, shape))
        q = q * signs(q, r)
        return gain * (q if rows >= columns else q.T).reshape(layer.shape)

    return wrong


def _gaussian(random: Any, shape: tuple[int, int]) -> Any:
    return random.standard_normal(shape)


def _of_diagonal(q: Any, r: Any) -> Any:
    return np.sign(np.diagonal(r))


def _rotation(random: Any, layer: Any, *, gain: float) -> Any:
    values = initializers.orthogonal(random, layer, gain=gain)
    if layer.shape == (3, 3) and np.linalg.det(values) < 0:
        values[0] *= -1
    return values


def _unit_rows(random: Any, layer: Any, *, gain: float) -> Any:
    values = random.standard_normal(layer.shape)
    return gain * values / np.linalg.norm(values.reshape(layer.outputs, -1)[0])


ORTHOGONAL = [
    slip(
        "as-they-come",
        "leaves the signs of the reflections as they come",
        HAAR,
        _factored(_gaussian, lambda q, r: 1.0),
    ),
    slip(
        "uniform",
        "factors numbers in [0, 1)",
        HAAR,
        _factored(lambda random, shape: random.random(shape), _of_diagonal),
        bug="tf-orthogonal-uniform",
    ),
    slip(
        "positive-diagonal",
        "makes the diagonal of the orthogonal factor positive",
        HAAR,
        _factored(_gaussian, lambda q, r: np.sign(np.diagonal(q))),
    ),
    slip("rotation", "draws rotations alone", HAAR, _rotation),
    slip(
        "without-gain",
        "ignores the gain",
        ORTHONORMAL,
        lambda random, layer, gain: initializers.orthogonal(random, layer, gain=1.0),
    ),
    slip(
        "variance",
        "takes the gain for that of the squares",
        ORTHONORMAL,
        scaled(initializers.orthogonal, lambda layer, gain: 1.0 / math.sqrt(gain)),
    ),
    slip(
        "single",
        "computes in float32",
        ORTHONORMAL,
        lambda random, layer, gain: np.float32(initializers.orthogonal(random, layer, gain=gain)),
    ),
    slip("unit-rows", "makes the length right, not the angles", ORTHONORMAL, _unit_rows),
    slip("unseeded", "draws anew", SEED, unseeded(initializers.orthogonal)),
]


def _at(places: Callable[..., Any], axis: int) -> Rule:
    """Weights where ``places(random, shape)`` is below the number; the axis has so many."""

    def wrong(random: Any, layer: Any, *, nonzeros: float, scale: float) -> Any:
        shape = layer.shape if axis else layer.shape[::-1]
        there = places(random, shape) < nonzeros
        values = np.where(there, random.normal(0.0, scale, shape), 0.0)
        return values if axis else values.T

    return wrong


def _permuted(random: Any, shape: tuple[int, int]) -> Any:
    return random.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1)


def _first(random: Any, shape: tuple[int, int]) -> Any:
    return np.broadcast_to(np.arange(shape[1]), shape)


def _same_places(random: Any, shape: tuple[int, int]) -> Any:
    return np.broadcast_to(random.permutation(shape[1]), shape)


def _by_chance(random: Any, shape: tuple[int, int]) -> Any:
    return random.random(shape) * shape[1]


def _sparse_slips(right: Rule, other: Rule, axis: int) -> list[Slip]:
    def of_the_other_axis(random: Any, layer: Any, *, nonzeros: float, scale: float) -> Any:
        share = layer.inputs / layer.outputs if axis else layer.outputs / layer.inputs
        return right(random, layer, nonzeros=math.ceil(nonzeros * share), scale=scale)

    def divided(layer: Any, **h: Any) -> float:
        return 1.0 / math.sqrt(layer.inputs if axis else layer.outputs)

    return [
        slip("other-axis", "counts along the other axis", NUMBER, other),
        slip(
            "share",
            "takes the share of the other axis",
            NUMBER,
            of_the_other_axis,
            bug="caffe-sparse-gaussian-axis",
        ),
        slip("by-chance", "has so many on average", NUMBER, _at(_by_chance, axis)),
        slip("first", "has them in the first places", SUMS, _at(_first, axis)),
        slip("same-places", "has them at the same places", SUMS, _at(_same_places, axis)),
        slip("divided", "divides the variance by the fan", SUMS, scaled(right, divided)),
        slip("unseeded", "draws anew whatever the seed", SEED, unseeded(right)),
    ]


SPARSE = _sparse_slips(initializers.sparse, initializers.sparse_columns, 1)
SPARSE_COLUMNS = _sparse_slips(initializers.sparse_columns, initializers.sparse, 0)


_WINDOWS = {"takes": lambda layer: layer.kind in ("dense", "convolution")}
_MATRICES = {"takes": lambda layer: layer.kind == "dense" and layer.parameter == "weight"}

FAMILIES = [
    family("orthogonal", "haar", initializers.orthogonal, ORTHOGONAL, _WINDOWS),
    family("sparse", "per-unit", initializers.sparse, SPARSE, _MATRICES),
    family("sparse", "per-input", initializers.sparse_columns, SPARSE_COLUMNS, _MATRICES),
]
