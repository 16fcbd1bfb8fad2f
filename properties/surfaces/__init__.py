"""Laws of error surfaces; each module registers its own."""

from __future__ import annotations
