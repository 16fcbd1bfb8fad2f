"""Minibatches and stochastic gradients; each module registers its own."""

from __future__ import annotations
