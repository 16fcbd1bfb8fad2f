"""Models, losses and their derivatives; each module registers its own."""

from __future__ import annotations

from optcheck.reference.calculus import derivatives as _derivatives
from optcheck.reference.calculus import losses as _losses
from optcheck.reference.calculus import models as _models
from optcheck.reference.calculus import objectives as _objectives

del _derivatives, _losses, _models, _objectives
