"""torch: whole minimizers and their parts, a module a family, each with its ``rules``."""

from __future__ import annotations

from optcheck.backends.torch.minimizers import line_searches, newton, pretraining, quasi_newton

FAMILIES = (line_searches, newton, pretraining, quasi_newton)
