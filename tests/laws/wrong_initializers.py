"""Wrong initializers, of all kinds."""

from __future__ import annotations

import wrong_biases
import wrong_draws
import wrong_fans
import wrong_matrices
from wrong_variants import Family, Wrong

FAMILIES: list[Family] = [
    *wrong_draws.FAMILIES,
    *wrong_fans.FAMILIES,
    *wrong_matrices.FAMILIES,
    *wrong_biases.FAMILIES,
]
WRONG: list[Wrong] = [*wrong_fans.WRONG, *wrong_biases.WRONG]
