"""Laws of models, losses and derivatives; each module registers its own."""

from __future__ import annotations
