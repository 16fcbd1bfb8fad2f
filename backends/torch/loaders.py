"""Minibatches by ``torch.utils.data``."""

from __future__ import annotations

from optcheck.backends.training import LoaderRule

LOADERS: tuple[LoaderRule, ...] = ()
