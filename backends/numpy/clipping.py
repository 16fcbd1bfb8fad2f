"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import Array

rules = FunctionBackend("numpy")


@rules.clipping("clip-by-global-norm", dialect="exact")
def clip_by_global_norm(gradients: Sequence[Array], *, threshold: float) -> list[Array]:
    """All arrays together, shortened to the threshold; the direction stays."""
    norm = float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)))
    if norm <= threshold:
        return [g.copy() for g in gradients]
    return [g * g.dtype.type(threshold / norm) for g in gradients]


@rules.clipping("clip-by-norm", dialect="exact")
def clip_by_norm(gradients: Sequence[Array], *, threshold: float) -> list[Array]:
    """Each array by itself."""
    return [clip_by_global_norm([g], threshold=threshold)[0] for g in gradients]


@rules.clipping("clip-by-value", dialect="exact")
def clip_by_value(gradients: Sequence[Array], *, threshold: float) -> list[Array]:
    """Each coordinate by itself; the direction changes."""
    return [np.clip(g, -g.dtype.type(threshold), g.dtype.type(threshold)) for g in gradients]
