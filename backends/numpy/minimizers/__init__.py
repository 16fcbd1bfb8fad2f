"""NumPy: whole minimizers, a module a family, registered on ``rules`` of each."""

from __future__ import annotations

from optcheck.backends.numpy.minimizers import descent

FAMILIES = (descent,)
