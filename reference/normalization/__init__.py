"""Normalisation of data and of activations; each module registers its own."""

from __future__ import annotations

from optcheck.reference.normalization import claims as _claims
from optcheck.reference.normalization import normalizers as _normalizers
from optcheck.reference.normalization import transforms as _transforms

del _claims, _normalizers, _transforms
