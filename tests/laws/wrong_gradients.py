"""Slips that show on unusual gradients alone: undefined, infinite when squared, all zero, none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS, Form
from wrong_variants import Rule, Slip, Wrong, fixed

NAN = ("nan-stays-put",)
ZERO = ("zero-gradients",)
EXTREME = ("extreme-gradients",)
EMPTY = ("empty-parameters",)

_FORM = Form(DIRECTIONS["epsilon-outside-root"])
_RIGHT = _FORM.rule()


def _on(change: Callable[[Any], Any]) -> Rule:
    return lambda w, g, state, **h: _RIGHT(w, change(g), state, **h)


def _skips(w: Any, g: Any, state: Any, **h: float) -> Any:
    return w if np.isnan(g).any() else _RIGHT(w, g, state, **h)


def _wiped(g: Any) -> Any:
    return np.zeros_like(g) if np.isnan(g).any() else g


def _clipped(g: Any) -> Any:
    largest, limit = np.max(np.abs(g), initial=0.0), np.finfo(g.dtype).max
    return g if largest <= limit else g * (limit / largest)


def _packed(g: Any) -> Any:
    there = g[~np.isnan(g)]
    return np.resize(there, g.shape) if there.size < g.size else g


def _limited(g: Any) -> Any:
    """Clipped to the largest number of all, but the factor is size/size."""
    size = np.max(np.abs(g), initial=0.0)
    with np.errstate(invalid="ignore"):
        return g * (np.minimum(size, np.finfo(g.dtype).max) / size)


def _filled(g: Any) -> Any:
    return np.where(g == 0.0, np.finfo(g.dtype).eps, g).astype(g.dtype)


def _by_rows(g: Any) -> Any:
    return g.reshape(len(g), -1) if g.ndim == 2 else g


def _by_columns(g: Any) -> Any:
    largest = np.abs(g).max(axis=0) if g.ndim == 2 else 1.0
    return np.where(largest < 0.0, 0.0 * g, g)


def _flattens(w: Any, g: Any, state: Any, **h: float) -> Any:
    return _RIGHT(w, g, state, **h) if w.size else np.zeros(0, w.dtype)


def _towards(n: SimpleNamespace) -> Any:
    return n.v + (1.0 - n.beta2) * (n.g * n.g - n.v)


_SLIPS = [
    Slip("nan-skips", "an array with a NaN in its gradient stays as it is", NAN, fixed(_skips)),
    Slip("nan-wipes", "a gradient with a NaN counts as zero", NAN, fixed(_on(_wiped))),
    Slip("nan-clips", "clipped by its largest entry, which is NaN", NAN, fixed(_on(_clipped))),
    Slip("nan-packs", "what is not NaN moves up", NAN, fixed(_on(_packed))),
    Slip("zero-over-zero", "divides the size by itself", ZERO, fixed(_on(_limited))),
    Slip(
        "zero-drifts",
        "0 is replaced by what divides better",
        ZERO,
        fixed(_on(_filled)),
    ),
    Slip(
        "half-epsilon",
        "epsilon is kept in float16, where 1e-8 is 0",
        ZERO,
        fixed(replace(_FORM, epsilon=lambda e: float(np.float16(e))).rule()),
    ),
    Slip(
        "inf-minus-inf",
        "v + (1 - beta2) (g^2 - v)",
        EXTREME,
        fixed(replace(_FORM, second=_towards).rule()),
    ),
    Slip(
        "empty-rows",
        "a matrix without rows has no shape",
        EMPTY,
        fixed(_on(_by_rows)),
        raises=True,
    ),
    Slip(
        "empty-columns",
        "asks a column without rows for its largest",
        EMPTY,
        fixed(_on(_by_columns)),
        raises=True,
    ),
    Slip(
        "empty-flattened", "what is empty comes back flat", EMPTY, fixed(_flattens), says="shapes"
    ),
]

WRONG = [Wrong("update-rule", "adam", "epsilon-outside-root", slip) for slip in _SLIPS]
