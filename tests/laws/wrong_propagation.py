"""Wrong initial weights as signals see them, and training that tells equal units apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS, Form
from wrong_variants import Rule, Slip, Wrong, fixed

LAYERS = "layers-pass-the-predicted-variance"
OUTPUTS = "rectified-outputs-keep-half-of-the-second-moment"
PRODUCTS = "products-with-weights-have-the-variance-of-products"
DEPTH = "signals-walk-at-random-through-depth"
WALK = "depth-makes-a-random-walk"
SATURATED = "large-weights-saturate-tanh"
SEARCH = "scale-search-ends-with-all-layers-spread"
PARTED = "random-units-part-and-stay-apart"
EQUAL = "equal-units-stay-equal"
DIFFERENT = "different-units-stay-different"
PRIOR = "few-steps-are-a-prior-about-the-start"
VALUES = "layers-weigh-add-and-activate"
DELTAS = "deltas-come-back-through-the-weights"

Draw = Callable[..., Any]


def _normal(deviation: Callable[..., float]) -> Draw:
    return lambda random, layer, **h: random.normal(0.0, deviation(layer, **h), layer.shape)


def _uniform(bound: Callable[..., float]) -> Draw:
    def draw(random: Any, layer: Any, **h: float) -> Any:
        limit = bound(layer, **h)
        return random.uniform(-limit, limit, layer.shape)

    return draw


def _he(layer: Any, gain: float) -> float:
    return gain / math.sqrt(layer.inputs)


def _then(change: Callable[[Any], Any]) -> Draw:
    """He's weights, changed."""
    right = _normal(_he)
    return lambda random, layer, **h: change(right(random, layer, **h))


def _repeated(random: Any, layer: Any, *, gain: float) -> Any:
    return np.random.default_rng(0).normal(0.0, _he(layer, gain), layer.shape)


def _low_rank(random: Any, layer: Any, *, gain: float) -> Any:
    """A product of two vectors, with the right variance."""
    first, second = random.standard_normal(layer.outputs), random.standard_normal(layer.inputs)
    return _he(layer, gain) * np.outer(first, second)


_HE = [
    Slip(
        "signals-fan-out-for-fan-in",
        "counts the outputs",
        (LAYERS,),
        fixed(_normal(lambda layer, gain: gain / math.sqrt(layer.outputs))),
    ),
    Slip(
        "signals-forgets-the-rectifier",
        "has half of the variance",
        (LAYERS, OUTPUTS, DEPTH, WALK, SEARCH),
        fixed(_normal(lambda layer, gain: _he(layer, gain) / math.sqrt(2.0))),
    ),
    Slip(
        "signals-square-of-the-gain",
        "takes the variance for the gain",
        (LAYERS, DEPTH),
        fixed(_normal(lambda layer, gain: _he(layer, gain**2))),
    ),
    Slip("signals-positive-weights", "loses their signs", (LAYERS,), fixed(_then(np.abs))),
    Slip(
        "signals-one-row",
        "draws a row once for all units",
        (LAYERS, PARTED, WALK, SEARCH),
        fixed(_then(lambda w: np.broadcast_to(w[:1], w.shape).copy())),
    ),
    Slip(
        "signals-no-weights",
        "is zero",
        (LAYERS, DEPTH, SEARCH, PARTED),
        fixed(_then(np.zeros_like)),
    ),
    Slip("signals-one-matrix", "draws the same matrix for each layer", (WALK,), fixed(_repeated)),
    Slip("signals-rank-one", "draws a product of two vectors", (DEPTH, WALK), fixed(_low_rank)),
]

_OTHERS = {
    ("he-normal", "fan-out"): Slip(
        "signals-fan-in-for-fan-out",
        "counts the inputs",
        (LAYERS,),
        fixed(_normal(lambda layer, gain: gain / math.sqrt(layer.inputs))),
    ),
    ("he-uniform", "fan-in"): Slip(
        "signals-fan-out-for-fan-in",
        "counts the outputs",
        (LAYERS,),
        fixed(_uniform(lambda layer, gain: gain * math.sqrt(3.0 / layer.outputs))),
    ),
    ("he-uniform", "fan-out"): Slip(
        "signals-bound-for-deviation",
        "takes the standard deviation for the bound",
        (LAYERS, PRODUCTS),
        fixed(_uniform(lambda layer, gain: gain / math.sqrt(layer.outputs))),
    ),
    ("glorot-normal", "harmonic-mean"): Slip(
        "signals-half-mean",
        "divides by the sum of the fans",
        (LAYERS, DEPTH, OUTPUTS),
        fixed(_normal(lambda layer, gain: gain / math.sqrt(layer.inputs + layer.outputs))),
    ),
    ("glorot-uniform", "harmonic-mean"): Slip(
        "signals-as-printed",
        "has 6 outside of the root",
        (LAYERS,),
        fixed(_uniform(lambda layer, gain: 6.0 * gain / math.sqrt(layer.inputs + layer.outputs))),
    ),
    ("normal", "standard-deviation"): Slip(
        "signals-double-scale",
        "takes the scale for half of the standard deviation",
        (LAYERS, PRODUCTS, SATURATED, SEARCH, DEPTH),
        fixed(_normal(lambda layer, scale: 2.0 * scale)),
    ),
    ("uniform", "from-zero"): Slip(
        "signals-symmetric",
        "is uniform on both sides of zero",
        (PRODUCTS,),
        fixed(_uniform(lambda layer, scale: scale)),
    ),
    ("uniform", "symmetric"): Slip(
        "signals-from-zero",
        "is uniform above zero",
        (LAYERS,),
        fixed(lambda random, layer, *, scale: random.uniform(0.0, scale, layer.shape)),
    ),
    ("orthogonal", "haar"): Slip(
        "signals-gaussian",
        "is orthogonal on average",
        (DEPTH,),
        fixed(_normal(_he)),
    ),
}

_RIGHT = Form(DIRECTIONS["epsilon-outside-root"]).rule()


def _in_lanes(w: Any, g: Any, state: Any, **h: float) -> Any:
    """All but what fills a register of two, in single precision."""
    new = _RIGHT(w, g, state, **h)
    return np.concatenate([new[:2], new[2:].astype(np.float32)]).astype(w.dtype)


def _noisy(right: Rule) -> Rule:
    def rule(w: Any, g: Any, state: Any, **h: float) -> Any:
        random = np.random.default_rng(7)
        return right(w, g + 2.0**-20 * random.standard_normal(g.shape), state, **h)

    return rule


_TRAINING = [
    Slip(
        "lanes",
        "computes the remainder of its lanes in single precision",
        (EQUAL,),
        fixed(_in_lanes),
    ),
    Slip("noisy", "adds noise to the gradients", (EQUAL,), fixed(_noisy(_RIGHT))),
    Slip(
        "staggered",
        "has another rate for each coordinate",
        (EQUAL,),
        fixed(lambda w, g, state, **h: _RIGHT(w, g * np.linspace(1.0, 2.0, g.size), state, **h)),
    ),
]


def _descent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g


_DESCENT = [
    Slip("noise", "adds noise to the gradients", (DIFFERENT, PRIOR), fixed(_noisy(_descent))),
    Slip(
        "by-place",
        "has another rate for each coordinate",
        (DIFFERENT, PRIOR),
        fixed(
            lambda w, g, state, *, learning_rate: (
                w - learning_rate * g * np.linspace(0.5, 1.0, g.size)
            )
        ),
    ),
    Slip(
        "shrinks-to-zero",
        "decays the weights to zero and not to their start",
        (PRIOR,),
        fixed(lambda w, g, state, *, learning_rate: 0.999 * w - learning_rate * g),
    ),
    Slip(
        "half-way",
        "goes half of each step",
        (PRIOR,),
        fixed(lambda w, g, state, *, learning_rate: w - learning_rate / 2.0 * g),
    ),
]

_VALUES = [
    Slip(
        "layers-in-half",
        "computes in half precision",
        (VALUES,),
        fixed(lambda objective, x: float(objective.value(x.astype(np.float16)))),
    ),
    Slip(
        "layers-clipped",
        "clips the weights at 1",
        (VALUES,),
        fixed(lambda objective, x: objective.value(np.clip(x, -1.0, 1.0))),
    ),
]
_GRADIENTS = [
    Slip(
        "layers-backwards",
        "gives the last delta first",
        (DELTAS,),
        fixed(lambda objective, x: objective.gradient(x)[::-1]),
    ),
    Slip(
        "layers-of-the-mean",
        "halves the deltas",
        (DELTAS,),
        fixed(lambda objective, x: objective.gradient(x) / 2.0),
    ),
]

WRONG = [
    *(Wrong("initializer", "he-normal", "fan-in", slip) for slip in _HE),
    *(Wrong("initializer", *dialect, slip) for dialect, slip in _OTHERS.items()),
    *(Wrong("update-rule", "adam", "epsilon-outside-root", slip) for slip in _TRAINING),
    *(Wrong("update-rule", "gradient-descent", "plain", slip) for slip in _DESCENT),
    *(Wrong("derivative", "value", "evaluated", slip) for slip in _VALUES),
    *(Wrong("derivative", "gradient", "written-out", slip) for slip in _GRADIENTS),
]
