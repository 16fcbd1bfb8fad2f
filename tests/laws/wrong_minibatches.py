"""Wrong descent that shows on one minibatch after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from wrong_variants import Rule, Slip, Wrong, fixed

PATHS = (
    "descent-follows-single-examples",
    "sum-and-mean-of-a-batch",
    "from-single-examples-to-all",
    "data-that-are-there-twice",
    "an-update-costs-its-batch",
)
STEPS = (
    "all-batches-together-are-unbiased",
    "parts-weigh-by-their-size",
    "each-batch-has-its-own-loss",
)


def _accumulates(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """The gradients of earlier batches are still there."""
    state["gradient"] = state.get("gradient", 0.0) + g
    return w - learning_rate * state["gradient"]


def _averages(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """Down the mean of the gradients of all batches so far."""
    state["count"] = state.get("count", 0) + 1
    before = state.get("mean", 0.0)
    state["mean"] = before + (g - before) / state["count"]
    return w - learning_rate * state["mean"]


def _skips(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """The first batch only shows how large the gradients are."""
    moves = "seen" in state
    state["seen"] = True
    return w - learning_rate * g if moves else w


def _wears(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """The rate falls from update to update, which nobody asked for."""
    state["count"] = state.get("count", 0) + 1
    return w - learning_rate / state["count"] * g


def _clips(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * np.clip(g, -0.5, 0.5)


def _normalises(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """By the largest slope of all coordinates."""
    return w - learning_rate * g / max(1.0, float(np.max(np.abs(g), initial=0.0)))


def _doubles(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - 2 * learning_rate * g


def _slip(name: str, what: str, laws: tuple[str, ...], rule: Rule) -> Slip:
    return Slip(f"batches-{name}", what, laws, fixed(rule))


_SLIPS = [
    _slip(
        "accumulate", "gradients are not set to zero before the next batch", PATHS, _accumulates
    ),
    _slip("averaged", "moves along the mean of all batches so far", PATHS, _averages),
    _slip("skipped", "makes no use of the first batch", (*PATHS, *STEPS), _skips),
    _slip("worn", "the rate falls with the number of batches", PATHS, _wears),
    _slip("clipped", "clips what is unusual in a batch", STEPS, _clips),
    _slip("normalised", "divides by the largest slope", STEPS, _normalises),
    _slip("doubled", "counts each batch twice", (*PATHS, *STEPS), _doubles),
]

WRONG = [Wrong("update-rule", "gradient-descent", "plain", slip) for slip in _SLIPS]
