"""Laws of minibatches and stochastic gradient descent; each module registers its own."""

from __future__ import annotations
