"""Initial weights and biases, and what becomes of signals that pass them."""

from __future__ import annotations

from optcheck.reference.initialization import biases as _biases
from optcheck.reference.initialization import initializers as _initializers
from optcheck.reference.initialization import matrices as _matrices
from optcheck.reference.initialization import propagation as _propagation
from optcheck.reference.initialization import symmetry as _symmetry

del _biases, _initializers, _matrices, _propagation, _symmetry
