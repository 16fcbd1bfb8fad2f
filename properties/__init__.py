"""The laws, the strategies that draw their cases, and the pytest plugin that runs them."""

from __future__ import annotations

from optcheck.properties import adam as _adam  # registers its laws
from optcheck.properties import clipping as _clipping
from optcheck.properties import rates as _rates
from optcheck.properties import schedules as _schedules
from optcheck.properties import update_rules as _update_rules
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

del _adam, _clipping, _rates, _schedules, _update_rules
