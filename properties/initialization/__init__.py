"""Laws of initial weights and biases, and what becomes of signals that pass them."""

from __future__ import annotations

from optcheck.properties.initialization import biases as _biases
from optcheck.properties.initialization import depth as _depth
from optcheck.properties.initialization import distribution as _distribution
from optcheck.properties.initialization import fans as _fans
from optcheck.properties.initialization import moments as _moments
from optcheck.properties.initialization import networks as _networks
from optcheck.properties.initialization import orthogonality as _orthogonality
from optcheck.properties.initialization import precisions as _precisions
from optcheck.properties.initialization import priors as _priors
from optcheck.properties.initialization import propagation as _propagation
from optcheck.properties.initialization import seeds as _seeds
from optcheck.properties.initialization import sparsity as _sparsity
from optcheck.properties.initialization import symmetry as _symmetry
from optcheck.properties.initialization import transfer as _transfer

del (
    _biases,
    _depth,
    _distribution,
    _fans,
    _moments,
    _networks,
    _orthogonality,
    _precisions,
    _priors,
    _propagation,
    _seeds,
    _sparsity,
    _symmetry,
    _transfer,
)
