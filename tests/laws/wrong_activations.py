"""Wrong activations, zero-one losses and gradients of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special
from wrong_losses import (
    BAYES,
    ENDS,
    FLAT,
    PARTS,
    SIGMOID,
    SLOPE,
    VALUE,
    LossFamily,
    Parts,
    common_slips,
    counting_slips,
    slip,
)
from wrong_variants import Slip


def _activation(value: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Parts:
    return Parts(lambda argument: value(argument), {"argument": lambda argument: slope(argument)})


def _logistic_slope(z: Any) -> Any:
    return special.expit(z) * (1 - special.expit(z))


def _soft_above(z: Any) -> Any:
    return np.where(z > 20, z, _softplus(z))


def _softplus(z: Any) -> Any:
    return -special.log_expit(-z)


def _rectified(z: Any) -> Any:
    return np.maximum(z, 0)


def _naive(z: Any) -> Any:
    return np.log(1 + np.exp(z))


_LOGISTIC = _activation(special.expit, _logistic_slope)
_RECTIFIER = _activation(_rectified, lambda z: (z > 0).astype(z.dtype))
_SOFTPLUS = _activation(_softplus, special.expit)
_ABOVE = _activation(_soft_above, lambda z: np.where(z > 20, 0 * z + 1, special.expit(z)))

_LOGISTIC_SLIPS = [
    slip(
        "hyperbolic",
        "is (1 + tanh z) / 2, twice as steep",
        VALUE,
        _activation(lambda z: (1 + np.tanh(z)) / 2, _logistic_slope),
    ),
    slip(
        "hard",
        "is piecewise linear",
        VALUE,
        _activation(lambda z: np.clip(z / 6 + 0.5, 0, 1).astype(z.dtype), _logistic_slope),
    ),
    slip(
        "lopsided",
        "is not symmetric",
        SIGMOID,
        _activation(lambda z: special.expit(z) ** 1.01, _logistic_slope),
    ),
    slip(
        "steep",
        "has the slope of tanh",
        SIGMOID,
        _activation(special.expit, lambda z: 4 * _logistic_slope(z)),
    ),
    slip(
        "overflows",
        "is exp(z) / (1 + exp(z))",
        ENDS,
        _activation(lambda z: np.exp(z) / (1 + np.exp(z)), _logistic_slope),
    ),
]
_RECTIFIER_SLIPS = [
    slip(
        "leaky", "leaks", VALUE, _activation(lambda z: np.where(z > 0, z, z / 100), np.ones_like)
    ),
    slip("absolute", "folds", VALUE, _activation(np.abs, np.sign)),
    slip(
        "steep-at-zero",
        "has slope 1 at 0",
        SLOPE,
        _activation(_rectified, lambda z: (z >= 0).astype(z.dtype)),
    ),
    slip("straight", "lets every gradient through", SLOPE, _activation(_rectified, np.ones_like)),
]


def _softplus_slips(right: Parts) -> list[Slip]:
    return [
        slip("base-two", "takes logarithms to base 2", VALUE, right.valued(_in_bits)),
        slip("naive", "is log(1 + exp(z))", ENDS, replace(right, element=_of(_naive))),
        slip("rectified", "is max(0, z)", VALUE, replace(right, element=_of(_rectified))),
        slip(
            "step", "has the slope of max(0, z)", SLOPE, replace(right, slopes=_RECTIFIER.slopes)
        ),
    ]


def _of(value: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda argument: value(argument)


def _in_bits(v: Any, **given: Any) -> Any:
    return v / np.log(2)


# The zero-one loss.


def _zero_one(prediction: Any, target: Any) -> Any:
    return (1 - target * np.sign(prediction)) / 2


_ZERO_ONE = Parts(_zero_one, {"prediction": lambda prediction, target: np.zeros_like(prediction)})
_ZERO_ONE_SLIPS = [
    slip(
        "straight-through",
        "lets the gradient through the sign",
        (*SLOPE, *FLAT),
        replace(_ZERO_ONE, slopes={"prediction": lambda prediction, target: -target / 2}),
    ),
    slip(
        "hinge",
        "is the hinge loss",
        (*VALUE, *FLAT),
        replace(
            _ZERO_ONE, element=lambda prediction, target: np.maximum(0, 1 - prediction * target)
        ),
    ),
    slip(
        "one-class",
        "counts the errors of one class alone",
        (*VALUE, *BAYES),
        replace(
            _ZERO_ONE,
            element=lambda prediction, target: _zero_one(prediction, target) * (target > 0),
        ),
    ),
    slip(
        "accuracy",
        "counts what is right",
        BAYES,
        replace(_ZERO_ONE, element=lambda prediction, target: 1 - _zero_one(prediction, target)),
    ),
]

# The loss of a batch, by weights that its examples share.


def _residual(weights: Any, inputs: Any, target: Any) -> Any:
    return inputs @ weights - target


def _gradient(reduction: str) -> Callable[..., Any]:
    def gradient(**given: Any) -> Any:
        scores = 2 * given["inputs"] * _residual(**given)[:, None]
        return np.mean(scores, axis=0) if reduction == "mean" else np.sum(scores, axis=0)

    return gradient


def _batch(reduction: str) -> Parts:
    return Parts(
        lambda **given: _residual(**given) ** 2,
        {"weights": _gradient(reduction)},
        reduction,
        of_slopes="none",
    )


def _last_half(gradient: Callable[..., Any]) -> Callable[..., Any]:
    def of(weights: Any, inputs: Any, target: Any) -> Any:
        half = len(target) // 2
        return gradient(weights=weights, inputs=inputs[half:], target=target[half:])

    return of


def _of_batch(reduction: str) -> LossFamily:
    right = _batch(reduction)
    gradient = right.slopes["weights"]
    other = "sum" if reduction == "mean" else "mean"
    slips = [
        *common_slips(right),
        *counting_slips(right),
        slip(
            f"{other}-of-scores",
            f"takes the {other} of the scores",
            (*SLOPE, *PARTS),
            replace(right, slopes={"weights": _gradient(other)}),
        ),
        slip(
            "overwritten",
            "keeps the gradient of the last half alone",
            (*SLOPE, *PARTS),
            replace(right, slopes={"weights": _last_half(gradient)}),
        ),
        slip(
            "clipped",
            "clips the gradient of every batch",
            PARTS,
            right.sloped(lambda g, **given: g / np.maximum(1.0, np.max(np.abs(g)))),
        ),
    ]
    return LossFamily("batch-loss", reduction, right.rule(), slips, capability="loss")


def _family(method: str, dialect: str, right: Parts, slips: list[Slip]) -> LossFamily:
    return LossFamily(
        method,
        dialect,
        right.rule(),
        slips,
        capability="loss",
        claim={"flushes_subnormals": True},
    )


FAMILIES = [
    _family("logistic-sigmoid", "textbook", _LOGISTIC, _LOGISTIC_SLIPS),
    _family("rectifier", "flat-at-zero", _RECTIFIER, _RECTIFIER_SLIPS),
    _family("softplus", "exact", _SOFTPLUS, _softplus_slips(_SOFTPLUS)),
    _family("softplus", "linear-above-threshold", _ABOVE, _softplus_slips(_ABOVE)),
    _family("zero-one-loss", "elementwise", _ZERO_ONE, _ZERO_ONE_SLIPS),
    _of_batch("sum"),
    _of_batch("mean"),
]
