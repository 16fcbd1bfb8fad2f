"""Laws of minimizers, line searches, curricula and pre-training; each module registers its own."""

from __future__ import annotations

from optcheck.properties.minimizers import exact_search as _exact_search
from optcheck.properties.minimizers import outcomes as _outcomes
from optcheck.properties.minimizers import steps as _steps

del _exact_search, _outcomes, _steps
