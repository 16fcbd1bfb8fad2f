"""Initial weights and biases by torch."""

from __future__ import annotations

from optcheck.backends.layers import InitializerRule

INITIALIZERS: tuple[InitializerRule, ...] = ()
