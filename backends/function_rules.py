"""Plain functions as update rules, schedules and clipping."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.arrays import NUMPY, Arrays
from optcheck.backends.function_parts import FunctionPart
from optcheck.backends.interface import Case, Claim, Floats, Hyperparameters
from optcheck.backends.scripts import import_rule

Array = npt.NDArray[Any]


class FunctionRun:
    """One optimization by a plain function."""

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
        saved: bytes | None = None,
        evaluation_point: Callable[..., Array] | None = None,
        arrays: Arrays = NUMPY,
    ) -> None:
        self.function = function
        self.point = evaluation_point
        self.values = list(parameters)
        self.hyperparameters = dict(hyperparameters)
        self.learning_rates = learning_rates
        self.mode = functools.partial(arrays.mode, arrays.dtype(parameters[0]))
        with self.mode():
            self.states: list[dict[str, Any]] = (
                [{} for _ in parameters] if saved is None else pickle.loads(saved)
            )
        # Hyper-parameters of each parameter, where there are groups of them.
        self.groups: list[Hyperparameters] = []
        self.steps = 0

    def _now(self) -> dict[str, float]:
        if self.learning_rates is not None:
            self.hyperparameters["learning_rate"] = self.learning_rates[self.steps]
        return self.hyperparameters

    def step(self, gradients: Sequence[Array | None], **signals: Any) -> None:
        self.hyperparameters = self._now()
        with self.mode():
            for index, gradient in enumerate(gradients):
                if gradient is not None:
                    told = {name: _of(value, index) for name, value in signals.items()}
                    self._update(index, gradient, told)
        self.steps += 1

    def _update(self, index: int, gradient: Array, told: dict[str, Any]) -> None:
        h = self.groups[index] if self.groups else self.hyperparameters
        new = self.function(self.values[index], gradient, self.states[index], **h, **told)
        if new is not None:
            self.values[index] = new

    def parameters(self) -> Sequence[Array]:
        return self.values

    def state(self) -> Mapping[str, Sequence[Array]]:
        names = {name for state in self.states for name in state}
        return {
            name: [state[name] for state in self.states]
            for name in sorted(names)
            if all(
                _is_like(state.get(name), value)
                for state, value in zip(self.states, self.values, strict=True)
            )
        }

    def evaluation_point(self) -> Sequence[Array]:
        if self.point is None:
            return self.values
        h = self._now()
        with self.mode():
            pairs = zip(self.values, self.states, strict=True)
            return [self.point(w, state, **h) for w, state in pairs]

    def save(self) -> bytes:
        return pickle.dumps(self.states)

    def count(self) -> int | None:
        counts = [state.get("step") for state in self.states]
        return None if None in counts else int(counts[0])  # type: ignore[arg-type]

    def set_count(self, count: int) -> None:
        for state in self.states:
            state["step"] = state["step"] * 0 + count  # of the same type, be it an array


def _of(value: Any, index: int) -> Any:
    """What the parameter ``index`` is told: its own array, or the one number for all."""
    return value[index] if isinstance(value, (list, tuple)) else value


def _is_like(state: Any, value: Any) -> bool:
    """Whether a state is an array of floats with one element for each of the parameter's."""
    floats = "float" in str(getattr(state, "dtype", ""))
    return floats and tuple(state.shape) == tuple(np.shape(value))


class FunctionUpdateRule(FunctionPart):
    """A plain function that claims a method."""

    def __init__(
        self,
        function: Callable[..., Any],
        claim: Claim,
        evaluation_point: Callable[..., Array] | None = None,
        arrays: Arrays = NUMPY,
    ) -> None:
        super().__init__(function, claim)
        self.point = evaluation_point
        self.arrays = arrays

    def start(
        self,
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> FunctionRun:
        return self._run(parameters, hyperparameters, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Array], hyperparameters: Hyperparameters
    ) -> FunctionRun:
        return self._run(parameters, hyperparameters, saved=saved)

    def _run(
        self,
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
        saved: bytes | None = None,
    ) -> FunctionRun:
        return FunctionRun(
            self.function,
            parameters,
            hyperparameters,
            learning_rates,
            saved,
            self.point,
            self.arrays,
        )

    def start_groups(
        self, groups: Sequence[tuple[Sequence[Array], Hyperparameters]]
    ) -> FunctionRun:
        run = self.start([array for arrays, _ in groups for array in arrays], {})
        run.groups = [h for arrays, h in groups for _ in arrays]
        return run

    def script(self, case: Case, quantity: str) -> str:
        collect = "parameters" if quantity == "parameter" else f"[s[{quantity!r}] for s in states]"
        rates = case.learning_rates
        change = f"\n    hyperparameters['learning_rate'] = {list(rates)!r}[t]" if rates else ""
        of = "{k: v[i] if isinstance(v, list) else v for k, v in signals[t].items()}"
        tell = f", **{of}" if case.signals else ""
        return f"""{case_lines(self.function, case, self.arrays)}
states = [{{}} for _ in parameters]
for t, step_gradients in enumerate(gradients):{change}
    for i, gradient in enumerate(step_gradients):
        new = rule(parameters[i], gradient, states[i], **hyperparameters{tell})
        parameters[i] = parameters[i] if new is None else new
computed = [float(x) for array in {collect} for x in {self.arrays.numbers}]
"""


def case_lines(function: Callable[..., Any], case: Case, arrays: Arrays) -> str:
    """Lines that define ``rule``, and what ``case`` gives it by the names of its fields."""
    write = functools.partial(arrays.sources, dtype=case.dtype, transposed=case.transposed)
    return f"""{arrays.heading(case.dtype)}{import_rule(function)}

parameters = {write(case.parameters)}
gradients = [
{"".join(f"    {write(each)},{chr(10)}" for each in case.gradients)}]
hyperparameters = {dict(case.hyperparameters)!r}
{_signals(case, write)}"""


def _signals(case: Case, write: Callable[[Any], str]) -> str:
    """Lines that define ``signals``; empty for most rules."""
    if not case.signals:
        return ""
    rows = []
    for signals in case.signals:
        parts = [
            f"{name!r}: {write(value) if isinstance(value, tuple) else repr(value)}"
            for name, value in signals.items()
        ]
        rows.append("    {" + ", ".join(parts) + "},\n")
    return f"signals = [\n{''.join(rows)}]\n"


class FunctionScheduleRule(FunctionPart):
    """A plain function ``schedule(tau, **hyperparameters)`` that claims a schedule."""

    def __init__(
        self, function: Callable[..., float], claim: Claim, ways: Sequence[str] = ("count",)
    ) -> None:
        super().__init__(function, claim)
        self.ways = ways

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        return self.resumed(hyperparameters, 0, steps, "count")

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        taus = range(start, start + steps)
        return [float(self.function(tau, **hyperparameters)) for tau in taus]

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        return f"""{import_rule(self.function)}

computed = [float(rule(tau, **{dict(hyperparameters)!r})) for tau in range({steps})]
"""


class FunctionClippingRule(FunctionPart):
    """A plain function ``clip(gradients, **hyperparameters)`` that claims a clipping rule."""

    def __init__(
        self, function: Callable[..., Sequence[Array]], claim: Claim, arrays: Arrays = NUMPY
    ) -> None:
        super().__init__(function, claim)
        self.arrays = arrays

    def clip(
        self, gradients: Sequence[Array], hyperparameters: Hyperparameters
    ) -> Sequence[Array]:
        with self.arrays.mode(self.arrays.dtype(gradients[0])):
            clipped: Sequence[Array] = self.function(gradients, **hyperparameters)
        return clipped

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""{self.arrays.heading(dtype)}{import_rule(self.function)}

gradients = {self.arrays.sources(gradients, dtype)}
clipped = rule(gradients, **{dict(hyperparameters)!r})
computed = [float(x) for array in clipped for x in {self.arrays.numbers}]
"""
