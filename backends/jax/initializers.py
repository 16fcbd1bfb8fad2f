"""Initial weights and biases by jax."""

from __future__ import annotations

from optcheck.backends.layers import InitializerRule

INITIALIZERS: tuple[InitializerRule, ...] = ()
