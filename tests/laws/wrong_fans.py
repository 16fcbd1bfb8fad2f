"""Wrong initial values that scale with fans."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wrong_draws import (
    DISTRIBUTION,
    SUPPORT,
    VARIANCE,
    Rule,
    common,
    family,
    gaussian,
    scaled,
    slip,
    times,
)
from wrong_variants import Slip, Wrong

from optcheck.backends.numpy import initializers

GROUPED = ("weights-of-grouped-layers-have-their-variance",)
INPUT_FIRST = ("weights-kept-input-first-have-their-variance",)

fans = initializers.fans


def stored(layer: Any) -> tuple[float, float]:
    """Fans by the shape of an array that has outputs first, or inputs where those are first."""
    window = math.prod(layer.kernel)
    if layer.kind in ("transposed-convolution", "embedding"):
        return layer.outputs // layer.groups * window, layer.inputs * window
    return layer.inputs // layer.groups * window, layer.outputs * window


def _without_window(layer: Any) -> tuple[float, float]:
    return fans(layer)[0], layer.outputs // layer.groups


def _channels(layer: Any) -> tuple[float, float]:
    return layer.inputs // layer.groups, layer.outputs // layer.groups


def _all_groups(layer: Any) -> tuple[float, float]:
    window = math.prod(layer.kernel)
    return layer.inputs * window, layer.outputs * window


def _swapped(layer: Any) -> tuple[float, float]:
    fan_in, fan_out = fans(layer)
    return fan_out, fan_in


def _other_fans(right: Rule, mean: Callable[..., float], count: Callable[..., Any]) -> Rule:
    """The right values with fans that are counted otherwise."""
    return scaled(right, lambda layer, **h: math.sqrt(mean(*fans(layer)) / mean(*count(layer))))


def _scaled_slips(right: Rule, mean: Callable[..., float], *, asymmetric: bool) -> list[Slip]:
    """Slips of what scales with fans, by the mean of both that it divides by."""
    slips = [
        *common(right),
        slip("channels", "forgets the window", VARIANCE, _other_fans(right, mean, _channels)),
        slip(
            "all-groups",
            "counts the inputs and outputs of all groups",
            GROUPED,
            _other_fans(right, mean, _all_groups),
        ),
        slip(
            "deviation",
            "takes the bound for the deviation, or the deviation for the bound",
            VARIANCE,
            times(right, math.sqrt(3.0)),
        ),
    ]
    if asymmetric:
        slips += [
            slip(
                "swapped",
                "takes one fan for the other",
                VARIANCE,
                _other_fans(right, mean, _swapped),
            ),
            slip(
                "stored",
                "takes the first axis for the outputs",
                INPUT_FIRST,
                _other_fans(right, mean, stored),
            ),
        ]
    return slips


def _gain_of_one(right: Rule) -> Slip:
    """As if every layer were linear."""
    return slip(
        "gain-of-one",
        "ignores the gain",
        VARIANCE,
        scaled(right, lambda layer, gain: 1.0 / gain),
    )


def _uncorrected(right: Rule) -> Slip:
    return slip(
        "uncorrected",
        "does not divide by 0.8796",
        (*VARIANCE, *SUPPORT),
        times(right, initializers.CUT),
    )


def _fan_in(fan_in: float, fan_out: float) -> float:
    return fan_in


def _fan_out(fan_in: float, fan_out: float) -> float:
    return fan_out


def _average(fan_in: float, fan_out: float) -> float:
    return (fan_in + fan_out) / 2


def _geometric(fan_in: float, fan_out: float) -> float:
    return math.sqrt(fan_in * fan_out)


def _without_root(right: Rule) -> Slip:
    """6 over the root of the sum, for the root of 6 over it."""
    return slip(
        "printed",
        "divides 6 by the root, and not its root",
        (*VARIANCE, *SUPPORT),
        times(right, math.sqrt(6.0)),
    )


HE_NORMAL = [
    *_scaled_slips(initializers.he_normal, _fan_in, asymmetric=True),
    _gain_of_one(initializers.he_normal),
    slip(
        "cut",
        "is cut at two deviations and not corrected",
        (*VARIANCE, *SUPPORT),
        times(initializers.he_truncated, initializers.CUT),
    ),
]
HE_BACKWARD = [
    *_scaled_slips(initializers.he_normal_backward, _fan_out, asymmetric=True),
    _gain_of_one(initializers.he_normal_backward),
]
HE_TRUNCATED = [
    *_scaled_slips(initializers.he_truncated, _fan_in, asymmetric=True),
    _uncorrected(initializers.he_truncated),
]
HE_UNIFORM = [
    *_scaled_slips(initializers.he_uniform, _fan_in, asymmetric=True),
    slip("gaussian", "is Gaussian", (*DISTRIBUTION, *SUPPORT), gaussian(initializers.he_uniform)),
]
HE_UNIFORM_BACKWARD = [
    *_scaled_slips(initializers.he_uniform_backward, _fan_out, asymmetric=True),
    _gain_of_one(initializers.he_uniform_backward),
]
GLOROT_NORMAL = [
    *_scaled_slips(initializers.glorot_normal, _average, asymmetric=False),
    _gain_of_one(initializers.glorot_normal),
    slip(
        "mean-of-numbers",
        "takes the harmonic mean of the fans for the variance",
        VARIANCE,
        scaled(
            initializers.glorot_normal,
            lambda layer, gain: math.sqrt(math.prod(fans(layer))),
        ),
    ),
]
GLOROT_TRUNCATED = [
    *_scaled_slips(initializers.glorot_truncated, _average, asymmetric=False),
    _uncorrected(initializers.glorot_truncated),
]
GLOROT_UNIFORM = [
    *_scaled_slips(initializers.glorot_uniform, _average, asymmetric=False),
    _without_root(initializers.glorot_uniform),
    slip(
        "window-of-outputs",
        "leaves the window out of the fan-out",
        VARIANCE,
        _other_fans(initializers.glorot_uniform, _average, _without_window),
        bug="burn-conv1d-xavier-fanout",
    ),
]
GEOMETRIC = [
    *_scaled_slips(initializers.glorot_uniform_geometric, _geometric, asymmetric=False),
    _gain_of_one(initializers.glorot_uniform_geometric),
]


def _printed_bounds(random: Any, layer: Any) -> Any:
    """Up to one over the root of the number of outputs."""
    fan_in, fan_out = fans(layer)
    return random.uniform(-1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_out), layer.shape)


FAN_SCALED = [
    *_scaled_slips(initializers.fan_scaled_uniform, _fan_in, asymmetric=True),
    slip(
        "printed",
        "has the number of outputs in its upper bound",
        (*VARIANCE, *DISTRIBUTION, *SUPPORT),
        _printed_bounds,
    ),
]
HIDDEN = [
    *common(initializers.hidden_scaled_uniform),
    slip(
        "all-gates",
        "counts the units of all gates",
        (*VARIANCE, *SUPPORT),
        scaled(initializers.hidden_scaled_uniform, lambda layer: 1.0 / math.sqrt(layer.gates)),
    ),
    slip(
        "inputs",
        "counts the inputs",
        (*VARIANCE, *SUPPORT),
        initializers.fan_scaled_uniform,
    ),
]


_WEIGHTS = {"fans": fans, "takes": lambda layer: layer.parameter == "weight"}
_RECURRENT = {"takes": lambda layer: layer.kind == "recurrent"}

FAMILIES = [
    family(method, dialect, right, slips, claim)
    for method, dialect, right, slips, claim in (
        ("he-normal", "fan-in", initializers.he_normal, HE_NORMAL, _WEIGHTS),
        ("he-normal", "fan-out", initializers.he_normal_backward, HE_BACKWARD, _WEIGHTS),
        ("he-normal", "fan-in+truncated", initializers.he_truncated, HE_TRUNCATED, _WEIGHTS),
        ("he-uniform", "fan-in", initializers.he_uniform, HE_UNIFORM, _WEIGHTS),
        (
            "he-uniform",
            "fan-out",
            initializers.he_uniform_backward,
            HE_UNIFORM_BACKWARD,
            _WEIGHTS,
        ),
        ("glorot-normal", "harmonic-mean", initializers.glorot_normal, GLOROT_NORMAL, _WEIGHTS),
        (
            "glorot-normal",
            "harmonic-mean+truncated",
            initializers.glorot_truncated,
            GLOROT_TRUNCATED,
            _WEIGHTS,
        ),
        (
            "glorot-uniform",
            "harmonic-mean",
            initializers.glorot_uniform,
            GLOROT_UNIFORM,
            _WEIGHTS,
        ),
        (
            "glorot-uniform",
            "geometric-mean",
            initializers.glorot_uniform_geometric,
            GEOMETRIC,
            _WEIGHTS,
        ),
        ("fan-scaled-uniform", "fan-in", initializers.fan_scaled_uniform, FAN_SCALED, _WEIGHTS),
        (
            "fan-scaled-uniform",
            "hidden-units",
            initializers.hidden_scaled_uniform,
            HIDDEN,
            _RECURRENT,
        ),
    )
]

_COUNTS = (
    ("counts-channels", "forgets the window", "fans-count-connections", _channels),
    ("counts-outputs", "takes one fan for the other", "fans-count-connections", _swapped),
    ("counts-all-groups", "counts all groups", "fans-of-grouped-layers", _all_groups),
    ("counts-stored", "counts by the array", "fans-of-weights-kept-input-first", stored),
)
WRONG = [
    Wrong(
        "initializer",
        "he-normal",
        "fan-in",
        slip(name, what, (law,), initializers.he_normal, says="counts the fans"),
        {**_WEIGHTS, "fans": count},
    )
    for name, what, law, count in _COUNTS
]
