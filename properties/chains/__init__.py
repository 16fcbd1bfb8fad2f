"""Laws of long products of Jacobians; each module registers its own."""

from __future__ import annotations

from optcheck.properties.chains import exact as _exact
from optcheck.properties.chains import jacobians as _jacobians
from optcheck.properties.chains import norms as _norms
from optcheck.properties.chains import powers as _powers
from optcheck.properties.chains import random_products as _random_products

del _exact, _jacobians, _norms, _powers, _random_products
