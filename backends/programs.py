"""Schedules and initializers as a few lines of a library's own code.

The lines run here, and scripts print them: both leave their numbers in ``computed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import Layer


@dataclass
class Program:
    """``lines`` of code, ``imports`` first, that read the hyper-parameters by name."""

    claim: Claim
    imports: str
    lines: str

    @property
    def implementation(self) -> str:
        """What is imported."""
        return self.imports

    def _computed(self, names: Mapping[str, Any]) -> Any:
        known = dict(names)
        exec(f"{self.imports}\n{self.lines}", known)
        return known["computed"]

    def _source(self, names: Mapping[str, Any]) -> str:
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return f"{self.imports}\n\n{given}{self.lines}\n"


@dataclass
class ProgramSchedule(Program):
    """Lines that read the rates of ``steps`` updates from update ``start`` on.

    Without ``ways`` they begin at the first update, and are told no ``start``.
    """

    ways: Sequence[str] = ("count",)

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        return self.resumed(hyperparameters, 0, steps, "count")

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        rates: Sequence[float] = self._computed(self._asked(hyperparameters, start, steps))
        return rates

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        return self._source(self._asked(hyperparameters, 0, steps))

    def _asked(self, hyperparameters: Hyperparameters, start: int, steps: int) -> dict[str, Any]:
        begun = {"start": start} if self.ways else {}
        return {**hyperparameters, **begun, "steps": steps}


class ProgramInitializer(Program):
    """Lines that draw ``count`` weights ``(inputs, outputs)`` of dense layers from ``seed``."""

    def takes(self, layer: Layer) -> bool:
        return layer.parameter == "weight" and layer.kind == "dense"

    def draw(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> Floats:
        names = {**hyperparameters, **_asked(layer, seed, count, dtype)}
        return np.array(self._computed(names), dtype=np.float64).swapaxes(1, 2)

    def script(
        self,
        layer: Layer,
        hyperparameters: Hyperparameters,
        *,
        seed: int,
        count: int = 1,
        dtype: str,
    ) -> str:
        names = {**hyperparameters, **_asked(layer, seed, count, dtype)}
        return self._source(names) + "print(computed)\n"


def _asked(layer: Layer, seed: int, count: int, dtype: str) -> dict[str, Any]:
    fans = {"inputs": layer.inputs, "outputs": layer.outputs}
    return {**fans, "seed": seed, "count": count, "dtype": dtype}
