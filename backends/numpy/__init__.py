"""NumPy: optcheck's own implementation of every rule, vectorised and in place; and SciPy's.

It is written against the texts and not against ``optcheck.reference``, which it may not import:
two independent readings of one equation check each other. Each family has a module; a rule is a
plain function ``rule(w, g, state, *, learning_rate, ...)`` that changes the array ``w``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy import (
    adam,
    adam_variants,
    adaptive,
    clipping,
    derivatives,
    distribution,
    factorizations,
    initializers,
    loaders,
    losses,
    minimizers,
    momentum,
    normalizers,
    plateaus,
    recurrences,
    schedules,
    signs,
    stochastic,
)

_FAMILIES = (momentum, adaptive, adam, adam_variants, signs, stochastic, schedules, clipping)
_TRAINING = (
    *(derivatives, losses, factorizations, loaders),
    *(initializers, normalizers, recurrences, plateaus, distribution),
)


class NumpyBackend(FunctionBackend):
    """The functions of this package, and the minimizers of SciPy."""

    source_modules = ("scipy.optimize._linesearch",)

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise LookupError("NumPy runs on the CPU alone; use --device cpu")
        super().__init__("numpy", library="numpy", version=np.__version__)
        for family in _FAMILIES:
            self._update_rules += family.rules.update_rules()
            self._schedules += family.rules.schedules()
            self._clippings += family.rules.clippings()
        for each in minimizers.FAMILIES:
            self.extend(each.rules)
        for part in _TRAINING:
            self.extend_training(part.rules)

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "scipy": scipy.__version__}
