"""Normalisation of activations and of data by jax."""

from __future__ import annotations

from optcheck.backends.layers import NormalizerRule

NORMALIZERS: tuple[NormalizerRule, ...] = ()
