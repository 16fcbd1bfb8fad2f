"""``jax.grad``, ``jax.hessian`` and their kin as ways to differentiate."""

from __future__ import annotations

from optcheck.backends.training import DerivativeRule

DERIVATIVES: tuple[DerivativeRule, ...] = ()
