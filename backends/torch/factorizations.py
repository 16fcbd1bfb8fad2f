"""``torch.linalg`` on symmetric matrices."""

from __future__ import annotations

from optcheck.backends.training import FactorizationRule

FACTORIZATIONS: tuple[FactorizationRule, ...] = ()
