"""The losses of optax and the activations of ``jax.nn``."""

from __future__ import annotations

from optcheck.backends.training import LossRule

LOSSES: tuple[LossRule, ...] = ()
