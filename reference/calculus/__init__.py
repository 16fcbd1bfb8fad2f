"""Models, losses and their derivatives; each module registers its own."""

from __future__ import annotations
