"""Laws about gradient descent, momentum and Nesterov; each module registers its own."""

from __future__ import annotations
