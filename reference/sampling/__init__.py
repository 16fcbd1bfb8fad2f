"""Minibatches and stochastic gradients; each module registers its own."""

from __future__ import annotations

from optcheck.reference.sampling import escape as _escape
from optcheck.reference.sampling import loaders as _loaders
from optcheck.reference.sampling import minibatches as _minibatches
from optcheck.reference.sampling import rates as _rates
from optcheck.reference.sampling import robbins_monro as _robbins_monro

del _escape, _loaders, _minibatches, _rates, _robbins_monro
