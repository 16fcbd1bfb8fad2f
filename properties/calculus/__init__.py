"""Laws of models, losses and derivatives; each module registers its own."""

from __future__ import annotations

from optcheck.properties.calculus import derivatives as _derivatives
from optcheck.properties.calculus import directions as _directions
from optcheck.properties.calculus import expansions as _expansions
from optcheck.properties.calculus import likelihoods as _likelihoods
from optcheck.properties.calculus import losses as _losses
from optcheck.properties.calculus import models as _models
from optcheck.properties.calculus import objectives as _objectives
from optcheck.properties.calculus import training as _training

del _derivatives, _directions, _expansions, _likelihoods, _losses, _models, _objectives, _training
