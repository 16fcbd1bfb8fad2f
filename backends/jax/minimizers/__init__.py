"""optax, optimistix and jax.scipy: minimizers and their parts, each module with its ``rules``."""

from __future__ import annotations

from types import ModuleType

FAMILIES: tuple[ModuleType, ...] = ()
