"""torch: whole minimizers and their parts, a module a family, each with its ``rules``."""

from __future__ import annotations

from types import ModuleType

FAMILIES: tuple[ModuleType, ...] = ()
