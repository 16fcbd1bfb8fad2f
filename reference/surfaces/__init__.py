"""Error surfaces: quadratics, stationary points, symmetries; each module registers its own."""

from __future__ import annotations

from optcheck.reference.surfaces import convexity as _convexity
from optcheck.reference.surfaces import factorizations as _factorizations
from optcheck.reference.surfaces import networks as _networks
from optcheck.reference.surfaces import quadratics as _quadratics
from optcheck.reference.surfaces import random_matrices as _random_matrices
from optcheck.reference.surfaces import stationary_points as _stationary_points
from optcheck.reference.surfaces import symmetries as _symmetries

del _convexity, _factorizations, _networks, _quadratics, _random_matrices, _stationary_points
del _symmetries
