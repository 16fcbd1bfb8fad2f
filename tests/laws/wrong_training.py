"""Wrong gradient descent, as the laws of training see it: where it ends, and when it is best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Rule, Slip, Wrong, fixed

MINIMUM = ("descent-reaches-the-least-squares-minimum",)
STOPPING = ("early-stopping-returns-the-best-of-its-path",)
LOG_LOSS = ("log-loss-falls-after-the-last-error",)
RATE = ("mean-loss-needs-the-rate-times-n",)


def _on(change: Callable[[Any, Any], Any]) -> Rule:
    """Descent along something made of the point and the gradient."""
    return lambda w, g, state, *, learning_rate: w - learning_rate * change(w, g)


def _late(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """By the gradient of the step before; the first one twice."""
    before = state.get("gradient", g)
    state["gradient"] = g.copy()
    return w - learning_rate * before


def _slowed(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    state["step"] = state.get("step", 0) + 1
    return w - learning_rate / state["step"] ** 0.5 * g


def _averaging(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    state["velocity"] = 0.1 * state.get("velocity", 0.0) + 0.9 * g
    return w - learning_rate * state["velocity"]


def _normalised(w: Any, g: Any) -> Any:
    length = np.linalg.norm(g)
    return g / length if length else g


def _clipped(w: Any, g: Any) -> Any:
    return g / max(1.0, float(np.linalg.norm(g)))


SLIPS = [
    Slip(
        "training-decays", "draws all weights to 0", MINIMUM, fixed(_on(lambda w, g: g + 1e-6 * w))
    ),
    Slip(
        "training-stops-early",
        "takes no step where the gradient is small",
        MINIMUM,
        fixed(_on(lambda w, g: np.where(np.abs(g) < 1e-4, 0.0, g))),
    ),
    Slip("training-slows", "lets its rate fall", (*MINIMUM, *STOPPING), fixed(_slowed)),
    Slip("training-is-late", "goes by the gradient before", STOPPING, fixed(_late)),
    Slip("training-averages", "goes by an average of gradients", STOPPING, fixed(_averaging)),
    Slip("training-ascends", "goes uphill", LOG_LOSS, fixed(_on(lambda w, g: -g))),
    Slip(
        "training-decays-much",
        "keeps the weights small",
        LOG_LOSS,
        fixed(_on(lambda w, g: g + 0.1 * w)),
    ),
    Slip(
        "training-goes-twice-as-far",
        "takes each step twice",
        LOG_LOSS,
        fixed(_on(lambda w, g: 2 * g)),
    ),
    Slip(
        "training-is-content",
        "stands still once the gradient is small",
        LOG_LOSS,
        fixed(_on(lambda w, g: np.where(np.abs(g) < 0.05, 0.0, g))),
    ),
    Slip("training-normalises", "divides by the length", RATE, fixed(_on(_normalised))),
    Slip("training-clips", "clips long gradients", RATE, fixed(_on(_clipped))),
]

WRONG = [Wrong("update-rule", "gradient-descent", "plain", each) for each in SLIPS]
