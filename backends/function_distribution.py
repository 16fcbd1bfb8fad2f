"""Plain classes and functions as updates and gradients on several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.function_parts import FunctionPart
from optcheck.backends.interface import Case, Claim, Floats
from optcheck.backends.scripts import import_rule, literal, literals


class FunctionShardedUpdateRule(FunctionPart):
    """A class ``(parameters, devices, **hyperparameters)`` as an update on several devices."""

    def __init__(
        self, function: Callable[..., Any], claim: Claim, update: Claim, devices: int
    ) -> None:
        super().__init__(function, claim)
        self.update = update
        self.devices = devices

    def takes(self, shape: tuple[int, ...]) -> bool:
        return True

    def run(self, case: Case, stop: int | None = None) -> Sequence[Gathered]:
        made, shown = self._made(case, case.parameters), []
        for step, gradients in enumerate(case.gradients):
            if step == stop:
                saved, parameters = made.save(), made.copies()[0]
                made = self._made(case, parameters)
                made.load(saved)
            made.step(_native(gradients, case.dtype))
            shown.append(
                Gathered(
                    copies=tuple(_whole(copy) for copy in made.copies()),
                    state={name: _whole(arrays) for name, arrays in made.state().items()},
                    held=tuple(tuple(each) for each in made.held()),
                )
            )
        return shown

    def _made(self, case: Case, parameters: Sequence[Floats]) -> Any:
        native = _native(parameters, case.dtype)
        return self.function(native, self.devices, **case.hyperparameters)

    def script(self, case: Case, quantity: str) -> str:
        shown = "made.copies()[0]" if quantity == "parameter" else f"made.state()[{quantity!r}]"
        steps = "".join(f"    {literals(each, case.dtype)},\n" for each in case.gradients)
        return f"""{import_rule(self.function)}

made = rule(
    {literals(case.parameters, case.dtype)},
    {self.devices},
    **{dict(case.hyperparameters)!r},
)
for gradients in [
{steps}]:
    made.step(gradients)
computed = [float(x) for array in {shown} for x in np.ravel(array)]
"""


class FunctionDataParallelRule(FunctionPart):
    """A function ``(weights, inputs, targets, shares)`` as a mean of gradients."""

    def __init__(self, function: Callable[..., Any], claim: Claim, devices: int) -> None:
        super().__init__(function, claim)
        self.devices = devices
        self.unequal = True

    def gradients(self, batch: Batch, *, dtype: str) -> Sequence[Floats]:
        arrays = _native((batch.weights, batch.inputs, batch.targets), dtype)
        return [np.array(each, np.float64) for each in self.function(*arrays, batch.shares)]

    def script(self, batch: Batch, *, dtype: str) -> str:
        numbers = (batch.weights, batch.inputs, batch.targets)
        arrays = ", ".join(f"np.array({literal(each)}, {dtype!r})" for each in numbers)
        return f"""{import_rule(self.function)}

computed = [float(x) for x in rule({arrays}, {batch.shares!r})[0]]
"""


def _native(arrays: Sequence[Floats], dtype: str) -> list[Any]:
    return [np.array(array, dtype=dtype) for array in arrays]


def _whole(arrays: Sequence[Any]) -> tuple[Floats, ...]:
    return tuple(np.array(array, dtype=np.float64) for array in arrays)
