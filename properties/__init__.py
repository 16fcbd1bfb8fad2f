"""The laws, the strategies that draw their cases, and the pytest plugin that runs them."""

from __future__ import annotations

from optcheck.properties import adam as _adam  # each registers its laws
from optcheck.properties import adaptive as _adaptive
from optcheck.properties import calculus as _calculus
from optcheck.properties import chains as _chains
from optcheck.properties import cliffs as _cliffs
from optcheck.properties import clipping as _clipping
from optcheck.properties import closed_forms as _closed_forms
from optcheck.properties import descent as _descent
from optcheck.properties import distribution as _distribution
from optcheck.properties import hygiene as _hygiene
from optcheck.properties import initialization as _initialization
from optcheck.properties import minimizers as _minimizers
from optcheck.properties import normalization as _normalization
from optcheck.properties import parameters as _parameters
from optcheck.properties import paths as _paths
from optcheck.properties import plateaus as _plateaus
from optcheck.properties import reductions as _reductions
from optcheck.properties import sampling as _sampling
from optcheck.properties import schedules as _schedules
from optcheck.properties import signs as _signs
from optcheck.properties import surfaces as _surfaces
from optcheck.properties.execute import PROFILES, Outcome, Profile, execute
from optcheck.properties.law import LAWS, Deviation, Law, Subject
from optcheck.properties.units import ClaimError, Unit, implementations, units

__all__ = [
    "LAWS",
    "PROFILES",
    "ClaimError",
    "Deviation",
    "Law",
    "Outcome",
    "Profile",
    "Subject",
    "Unit",
    "execute",
    "implementations",
    "units",
]

del _adam, _adaptive, _calculus, _chains, _cliffs, _clipping, _closed_forms, _descent
del _distribution, _hygiene, _initialization, _minimizers, _normalization, _parameters, _paths
del _plateaus, _reductions, _sampling, _schedules, _signs, _surfaces
