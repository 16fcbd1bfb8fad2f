"""Whole minimizers and their parts; each module registers its procedures."""

from __future__ import annotations

from optcheck.reference.minimizers import descent as _descent
from optcheck.reference.minimizers import line_searches as _line_searches

del _descent, _line_searches
