"""Error surfaces: quadratics, stationary points, symmetries; each module registers its own."""

from __future__ import annotations
