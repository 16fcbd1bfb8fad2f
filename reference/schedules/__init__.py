"""Learning-rate schedules; each module registers its own."""

from __future__ import annotations

from optcheck.reference.schedules import cosine as _cosine
from optcheck.reference.schedules import cycles as _cycles
from optcheck.reference.schedules import decay as _decay
from optcheck.reference.schedules import joined as _joined
from optcheck.reference.schedules import pieces as _pieces
from optcheck.reference.schedules import warm_up as _warm_up
from optcheck.reference.schedules.record import SCHEDULES, Schedule

__all__ = ["SCHEDULES", "Schedule"]

del _cosine, _cycles, _decay, _joined, _pieces, _warm_up
