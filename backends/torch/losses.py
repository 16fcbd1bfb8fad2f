"""The losses and activations of ``torch.nn.functional``."""

from __future__ import annotations

from optcheck.backends.training import LossRule

LOSSES: tuple[LossRule, ...] = ()
