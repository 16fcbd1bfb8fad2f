"""Laws of error surfaces; each module registers its own."""

from __future__ import annotations

from optcheck.properties.surfaces import convex_descents as _convex_descents
from optcheck.properties.surfaces import convexity as _convexity
from optcheck.properties.surfaces import costs as _costs
from optcheck.properties.surfaces import definiteness as _definiteness
from optcheck.properties.surfaces import descents as _descents
from optcheck.properties.surfaces import eigencoordinates as _eigencoordinates
from optcheck.properties.surfaces import factorizations as _factorizations
from optcheck.properties.surfaces import networks as _networks
from optcheck.properties.surfaces import newton_costs as _newton_costs
from optcheck.properties.surfaces import random_matrices as _random_matrices
from optcheck.properties.surfaces import single_parameter as _single_parameter
from optcheck.properties.surfaces import stationary_points as _stationary_points
from optcheck.properties.surfaces import symmetries as _symmetries

del _convex_descents, _convexity, _costs, _definiteness, _descents, _eigencoordinates
del _factorizations, _networks, _newton_costs, _random_matrices, _single_parameter
del _stationary_points, _symmetries
