"""Laws of minibatches and stochastic gradient descent; each module registers its own."""

from __future__ import annotations

from optcheck.properties.sampling import batches as _batches
from optcheck.properties.sampling import data_sets as _data_sets
from optcheck.properties.sampling import escape as _escape
from optcheck.properties.sampling import estimates as _estimates
from optcheck.properties.sampling import floors as _floors
from optcheck.properties.sampling import loaders as _loaders
from optcheck.properties.sampling import rates as _rates
from optcheck.properties.sampling import robbins_monro as _robbins_monro
from optcheck.properties.sampling import traces as _traces
from optcheck.properties.sampling import uniformity as _uniformity
from optcheck.properties.sampling import variance_reduction as _variance_reduction

del (
    _batches,
    _data_sets,
    _escape,
    _estimates,
    _floors,
    _loaders,
    _rates,
    _robbins_monro,
    _traces,
    _uniformity,
    _variance_reduction,
)
