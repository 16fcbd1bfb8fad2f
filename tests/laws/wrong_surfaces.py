"""Wrong values, derivatives and descents, as laws of surfaces see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from wrong_variants import Rule, Slip, Wrong, fixed

STATIONARY = "gradient-vanishes-at-stationary-points"
SLICES = "slices-are-level-at-extrema"
CLASSES = "hessian-classifies-stationary-points"
STRICT = "definite-hessian-gives-a-strict-extremum"
DEGENERATE = "degenerate-points-are-what-values-make-them"
STAYS = "descent-stays-at-stationary-points"
BASINS = "descents-end-in-the-minimum-of-their-basin"
LENGTH = "gradient-length-bounds-the-distance"
SIGNS = "hidden-units-swap-and-change-sign"
LAYERS = "hidden-units-of-each-layer-swap"
SCALES = "rectified-units-may-be-rescaled"
IMAGES = "gradients-of-equivalent-points-correspond"
FLAT = "flat-regions-have-no-derivatives"
CHAINS = "linear-chains-have-saddles-and-global-minima"
POOR = "a-sigmoid-unit-has-a-poor-minimum"
POOR_DESCENT = "descent-stays-with-a-poor-minimum"
CHORDS = "convex-functions-lie-below-their-chords"
CONVEX = "hessians-of-convex-functions-are-semidefinite"
CONVEX_DESCENT = "convex-descents-reach-one-loss"


def _ahead(objective: Any, x: Any) -> Any:
    """The difference to one side alone, over a step that is short and not tiny."""
    step = 2.0**-10
    here = objective.value(x)
    return np.array([(objective.value(x + step * axis) - here) / step for axis in np.eye(x.size)])


def _saddle_free(objective: Any, x: Any) -> Any:
    """The eigenvalues without their signs."""
    values, vectors = np.linalg.eigh(objective.hessian(x))
    return vectors @ np.diag(np.abs(values)) @ vectors.T


def _decayed(objective: Any, x: Any) -> Any:
    """With the gradient of a penalty that is not in the loss."""
    return objective.gradient(x) + 2.0**-10 * x


def _in_half(objective: Any, x: Any) -> Any:
    """In half precision."""
    return float(objective.value(x.astype(np.float16)))


_VALUES = [
    Slip(
        "surface-in-half",
        "computes in half precision",
        (STRICT, SIGNS, LAYERS, CHORDS),
        fixed(_in_half),
    ),
    Slip(
        "surface-halved",
        "halves the loss once more",
        (STRICT, CHAINS, POOR),
        fixed(lambda objective, x: objective.value(x) / 4.0),
    ),
    Slip(
        "surface-of-sizes",
        "loses the signs of the parameters",
        (DEGENERATE, SIGNS),
        fixed(lambda objective, x: objective.value(np.abs(x))),
    ),
    Slip(
        "surface-penalised",
        "adds a penalty that nobody asked for",
        (FLAT, CHAINS, SCALES),
        fixed(lambda objective, x: objective.value(x) + 2.0**-20 * np.sum(x * x)),
    ),
    Slip(
        "surface-clipped",
        "clips the parameters at 2",
        (SCALES,),
        fixed(lambda objective, x: objective.value(np.clip(x, -2.0, 2.0))),
    ),
    Slip(
        "surface-upside-down",
        "is the log likelihood without its sign",
        (CHORDS, STRICT, POOR),
        fixed(lambda objective, x: -objective.value(x)),
    ),
]

_GRADIENTS = [
    Slip("surface-ahead", "differs to one side", (STATIONARY, SLICES), fixed(_ahead)),
    Slip(
        "surface-decayed",
        "adds a weight decay",
        (STATIONARY, FLAT, CHAINS, IMAGES),
        fixed(_decayed),
    ),
    Slip(
        "surface-dead-zone",
        "takes a short gradient for none",
        (STATIONARY, POOR),
        fixed(lambda objective, x: _without_short(objective.gradient(x))),
    ),
    Slip(
        "surface-even",
        "takes odd powers for even ones",
        (SLICES,),
        fixed(lambda objective, x: objective.gradient(x) * np.sign(x)),
    ),
    Slip(
        "surface-by-place",
        "scales each coordinate with its weight",
        (IMAGES,),
        fixed(lambda objective, x: objective.gradient(x) * x),
    ),
    Slip(
        "surface-ascent",
        "is the gradient of the log likelihood",
        (POOR,),
        fixed(lambda objective, x: -objective.gradient(x)),
    ),
]


def _without_short(gradient: Any) -> Any:
    return gradient * (np.linalg.norm(gradient) > 0.5)


_HESSIANS = [
    Slip(
        "surface-saddle-free",
        "makes all eigenvalues positive",
        (CLASSES, CHAINS, CONVEX),
        fixed(_saddle_free),
    ),
    Slip(
        "surface-damped",
        "adds a damping",
        (CLASSES, FLAT, CHAINS),
        fixed(lambda objective, x: objective.hessian(x) + 2.0**-20 * np.eye(x.size)),
    ),
    Slip(
        "surface-diagonal",
        "keeps the diagonal alone",
        (CLASSES, CHAINS),
        fixed(lambda objective, x: np.diag(np.diag(objective.hessian(x)))),
    ),
    Slip(
        "surface-outer-product",
        "is the outer product of the gradient",
        (CLASSES, CONVEX),
        fixed(lambda objective, x: np.outer(objective.gradient(x), objective.gradient(x))),
    ),
    Slip(
        "surface-of-the-likelihood",
        "has the sign of the log likelihood",
        (POOR, CONVEX),
        fixed(lambda objective, x: -objective.hessian(x)),
    ),
]


def _step(factor: float = 1.0, decay: float = 0.0, drift: float = 0.0) -> Rule:
    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w * (1.0 - decay) - factor * learning_rate * (g + drift)

    return rule


def _unless(ignored: Any) -> Rule:
    """Gradient descent that takes some gradients for 0."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * np.where(ignored(g), 0.0, g)

    return rule


def _tiring(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """Halves its rate at every step."""
    state["halved"] = state.get("halved", 2.0) / 2.0
    return w - state["halved"] * learning_rate * g


_DESCENTS = [
    Slip("surface-drift", "never sees a gradient of 0", (STAYS,), fixed(_step(drift=2.0**-20))),
    Slip(
        "surface-decay",
        "decays the weights",
        (STAYS, BASINS, CONVEX_DESCENT),
        fixed(_step(decay=2.0**-8)),
    ),
    Slip(
        "surface-idle",
        "stops where the gradient is short",
        (STAYS, POOR_DESCENT),
        fixed(_unless(lambda g: np.abs(g) < 4.0)),
    ),
    Slip(
        "surface-half-rate",
        "takes half of the rate",
        (BASINS, LENGTH, POOR_DESCENT),
        fixed(_step(0.5)),
    ),
    Slip(
        "surface-by-sign",
        "goes along the sign of the gradient",
        (BASINS, LENGTH),
        fixed(lambda w, g, state, *, learning_rate: w - learning_rate * np.sign(g)),
    ),
    Slip(
        "surface-tiring", "halves its rate at every step", (CONVEX_DESCENT, BASINS), fixed(_tiring)
    ),
]

WRONG = [
    *(Wrong("derivative", "value", "evaluated", slip) for slip in _VALUES),
    *(Wrong("derivative", "gradient", "written-out", slip) for slip in _GRADIENTS),
    *(Wrong("derivative", "hessian", "written-out", slip) for slip in _HESSIANS),
    *(Wrong("update-rule", "gradient-descent", "plain", slip) for slip in _DESCENTS),
]
