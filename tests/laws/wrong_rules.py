"""Every wrong implementation, for every method and dialect of the reference."""

from __future__ import annotations

import wrong_adam
import wrong_adaptive
import wrong_clippings
import wrong_momentum
import wrong_nesterov
import wrong_schedules
from wrong_variants import Family, Wrong

FAMILIES: list[Family] = [
    *wrong_momentum.FAMILIES,
    *wrong_nesterov.FAMILIES,
    *wrong_adaptive.FAMILIES,
    *wrong_adam.FAMILIES,
    *wrong_schedules.FAMILIES,
    *wrong_clippings.FAMILIES,
]
WRONG: list[Wrong] = [wrong for family in FAMILIES for wrong in family.variants()]
