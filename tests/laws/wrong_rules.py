"""Every wrong implementation, for every method and dialect of the reference."""

from __future__ import annotations

import wrong_accumulation
import wrong_adadelta
import wrong_adam
import wrong_adam_variants
import wrong_adamax_yogi
import wrong_adaptive
import wrong_clippings
import wrong_decay
import wrong_descent
import wrong_gradients
import wrong_hygiene
import wrong_momentum
import wrong_nadam
import wrong_nesterov
import wrong_radam
import wrong_reductions
import wrong_rmsprop
import wrong_rprop
import wrong_schedules
import wrong_signs
import wrong_swats
from wrong_variants import Family, Wrong

FAMILIES: list[Family] = [
    *wrong_momentum.FAMILIES,
    *wrong_nesterov.FAMILIES,
    *wrong_adaptive.FAMILIES,
    *wrong_rmsprop.FAMILIES,
    *wrong_adadelta.FAMILIES,
    *wrong_signs.FAMILIES,
    *wrong_rprop.FAMILIES,
    *wrong_decay.FAMILIES,
    *wrong_adam.FAMILIES,
    *wrong_adam_variants.FAMILIES,
    *wrong_adamax_yogi.FAMILIES,
    *wrong_nadam.FAMILIES,
    *wrong_radam.FAMILIES,
    *wrong_swats.FAMILIES,
    *wrong_accumulation.FAMILIES,
    *wrong_schedules.FAMILIES,
    *wrong_clippings.FAMILIES,
    *wrong_hygiene.FAMILIES,
    *wrong_descent.FAMILIES,
]
WRONG: list[Wrong] = [
    *(wrong for family in FAMILIES for wrong in family.variants()),
    *wrong_gradients.WRONG,
    *wrong_reductions.WRONG,
]
