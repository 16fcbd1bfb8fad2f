"""The printed formulas that are wrong, one module a text or a part of one."""

from __future__ import annotations

from optcheck.reference.errata import bishop as _bishop
from optcheck.reference.errata import bishop_convergence as _bishop_convergence
from optcheck.reference.errata import bishop_normalization as _bishop_normalization
from optcheck.reference.errata import goodfellow_adaptive as _goodfellow_adaptive
from optcheck.reference.errata import goodfellow_likelihood as _goodfellow_likelihood
from optcheck.reference.errata import goodfellow_momentum as _goodfellow_momentum
from optcheck.reference.errata import goodfellow_networks as _goodfellow_networks
from optcheck.reference.errata import goodfellow_quasi_newton as _goodfellow_quasi_newton
from optcheck.reference.errata import goodfellow_search as _goodfellow_search
from optcheck.reference.errata import goodfellow_second_order as _goodfellow_second_order
from optcheck.reference.errata import goodfellow_steps as _goodfellow_steps
from optcheck.reference.errata import prince as _prince
from optcheck.reference.errata import prince_surfaces as _prince_surfaces
from optcheck.reference.errata import slides as _slides
from optcheck.reference.errata import trofimov as _trofimov
from optcheck.reference.errata import trofimov_initialization as _trofimov_initialization
from optcheck.reference.errata.record import ERRATA, UNDEFINED, Erratum

del _goodfellow_adaptive, _goodfellow_likelihood, _goodfellow_momentum, _goodfellow_networks
del _goodfellow_quasi_newton, _goodfellow_search, _goodfellow_second_order, _goodfellow_steps
del _bishop, _bishop_convergence, _bishop_normalization
del _prince, _prince_surfaces, _slides, _trofimov, _trofimov_initialization

__all__ = ["ERRATA", "UNDEFINED", "Erratum"]
