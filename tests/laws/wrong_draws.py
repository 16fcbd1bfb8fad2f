"""Wrong initial values: distributions, seeds; and how such slips are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special
from wrong_variants import Family, Slip, fixed

from optcheck.backends.numpy import initializers

VARIANCE = ("initial-values-have-their-variance",)
DISTRIBUTION = ("initial-values-have-their-distribution",)
SUPPORT = ("initial-values-fill-their-support",)
SEED = ("the-seed-decides-initial-values",)
INDEPENDENT = ("initial-values-are-independent",)

# (generator, layer, hyper-parameters by name) to values of the shape of the layer.
Rule = Callable[..., Any]


def slip(name: str, what: str, laws: tuple[str, ...], rule: Rule, **more: Any) -> Slip:
    return Slip(name, what, laws, fixed(rule), **more)


def scaled(right: Rule, factor: Callable[..., float]) -> Rule:
    """The right values times ``factor(layer, **hyperparameters)``."""
    return lambda random, layer, **h: factor(layer, **h) * right(random, layer, **h)


def times(right: Rule, factor: float) -> Rule:
    """The right values times a number."""
    return scaled(right, lambda layer, **h: factor)


def unseeded(right: Rule) -> Rule:
    return lambda random, layer, **h: right(np.random.default_rng(), layer, **h)


def _one_seed(right: Rule) -> Rule:
    return lambda random, layer, **h: right(np.random.default_rng(0), layer, **h)


def _twice(right: Rule) -> Rule:
    """Every other value is that before it."""

    def wrong(random: Any, layer: Any, **h: Any) -> Any:
        values = right(random, layer, **h).ravel()
        return np.repeat(values, 2)[: values.size].reshape(layer.shape)

    return wrong


def gaussian(right: Rule) -> Rule:
    """Gaussian, with the variance of the right values."""

    def wrong(random: Any, layer: Any, **h: Any) -> Any:
        return np.std(right(random, layer, **h)) * random.standard_normal(layer.shape)

    return wrong


def _flat(right: Rule) -> Rule:
    """Uniform around zero, with the variance of the right values."""

    def wrong(random: Any, layer: Any, **h: Any) -> Any:
        bound = math.sqrt(3.0) * np.std(right(random, layer, **h))
        return random.uniform(-bound, bound, layer.shape)

    return wrong


def common(right: Rule, bug: str = "") -> list[Slip]:
    """Slips of whatever draws independent values."""
    return [
        slip("unseeded", "draws anew whatever the seed", SEED, unseeded(right), bug=bug),
        slip("one-seed", "ignores the seed", (*SEED, *INDEPENDENT), _one_seed(right)),
        slip("twice", "draws each value for two weights", INDEPENDENT, _twice(right)),
    ]


UNIFORM = [
    *common(initializers.uniform, "tfjs-init-seed"),
    slip(
        "deviation",
        "takes the bound for the standard deviation",
        (*VARIANCE, *SUPPORT),
        times(initializers.uniform, math.sqrt(3.0)),
    ),
    slip(
        "from-zero",
        "draws from zero on",
        (*VARIANCE, *DISTRIBUTION),
        initializers.uniform_from_zero,
    ),
    slip("gaussian", "is Gaussian", (*DISTRIBUTION, *SUPPORT), gaussian(initializers.uniform)),
]
FROM_ZERO = [
    *common(initializers.uniform_from_zero),
    slip(
        "symmetric",
        "draws from minus the scale on",
        (*VARIANCE, *DISTRIBUTION, *SUPPORT),
        initializers.uniform,
    ),
    slip(
        "width",
        "is as wide as the symmetric one",
        (*VARIANCE, *SUPPORT),
        times(initializers.uniform_from_zero, 2.0),
    ),
]
NORMAL = [
    *common(initializers.normal),
    slip(
        "variance",
        "takes the scale for the variance",
        VARIANCE,
        scaled(initializers.normal, lambda layer, scale: 1.0 / math.sqrt(scale)),
    ),
    slip("uniform", "is uniform", (*DISTRIBUTION, *SUPPORT), _flat(initializers.normal)),
    slip("cut", "is cut at two deviations", (*VARIANCE, *SUPPORT), initializers.truncated_normal),
]


def _absolute(random: Any, layer: Any, *, scale: float) -> Any:
    return initializers.redrawn(random, layer.shape, scale=scale, lower=-2.0, upper=2.0)


def _clamped(random: Any, layer: Any, *, scale: float) -> Any:
    return np.clip(random.normal(0.0, scale, layer.shape), -2 * scale, 2 * scale)


TRUNCATED = [
    *common(initializers.truncated_normal),
    slip(
        "absolute",
        "cuts at -2 and 2 whatever the scale is",
        (*VARIANCE, *SUPPORT),
        _absolute,
        bug="nd4j-truncnormal-bounds",
    ),
    slip(
        "corrected",
        "has the scale as its deviation after the cut",
        (*VARIANCE, *SUPPORT),
        times(initializers.truncated_normal, 1.0 / initializers.CUT),
    ),
    slip("clamped", "moves what is outside to the bounds", SUPPORT, _clamped),
]


def _mean_first(
    random: Any, layer: Any, *, mean: float, scale: float, lower: float, upper: float
) -> Any:
    a, b = (lower - mean) / scale, (upper - mean) / scale
    return (initializers.redrawn(random, layer.shape, scale=1.0, lower=a, upper=b) + mean) * scale


def _two_deviations(
    random: Any, layer: Any, *, mean: float, scale: float, lower: float, upper: float
) -> Any:
    a, b = mean - 2 * scale, mean + 2 * scale
    return initializers.redrawn(random, layer.shape, mean=mean, scale=scale, lower=a, upper=b)


def _without_mean(
    random: Any, layer: Any, *, mean: float, scale: float, lower: float, upper: float
) -> Any:
    return initializers.redrawn(random, layer.shape, scale=scale, lower=lower, upper=upper)


def _inverted_in_half(
    random: Any, layer: Any, *, mean: float, scale: float, lower: float, upper: float
) -> Any:
    """The inverse distribution function of a number of eleven bits, which may be 0 or 1."""
    a, b = (special.ndtr((each - mean) / scale) for each in (lower, upper))
    places = np.float16(random.uniform(2 * a - 1, 2 * b - 1, layer.shape)).astype(float)
    return np.clip(mean + scale * math.sqrt(2.0) * special.erfinv(places), lower, upper)


ABSOLUTE = [
    *common(initializers.truncated_normal_absolute),
    slip(
        "mean-first",
        "adds the mean before it multiplies by the scale",
        (*VARIANCE, *DISTRIBUTION, *SUPPORT),
        _mean_first,
        bug="djl-truncnormal-mean-order",
    ),
    slip("two-deviations", "cuts at two deviations", SUPPORT, _two_deviations),
    slip("without-mean", "forgets the mean", DISTRIBUTION, _without_mean),
    slip(
        "inverted",
        "clamps the infinities that an inverse in half precision gives",
        SUPPORT,
        _inverted_in_half,
        bug="torch-truncnormal-erfinv",
    ),
]


def family(
    method: str, dialect: str, right: Rule, slips: list[Slip], claim: Mapping[str, Any]
) -> Family:
    """The slips of one initializer."""
    return Family(method, dialect, right, slips, capability="initializer", claim=claim)


FAMILIES = [
    family("uniform", "symmetric", initializers.uniform, UNIFORM, {}),
    family("uniform", "from-zero", initializers.uniform_from_zero, FROM_ZERO, {}),
    family("normal", "standard-deviation", initializers.normal, NORMAL, {}),
    family("truncated-normal", "two-deviations", initializers.truncated_normal, TRUNCATED, {}),
    family(
        "truncated-normal",
        "absolute-bounds",
        initializers.truncated_normal_absolute,
        ABSOLUTE,
        {},
    ),
]
