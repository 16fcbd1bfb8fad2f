"""The smallest way to plug in: a backend made of plain NumPy functions.

::

    from optcheck.backends import FunctionBackend

    backend = FunctionBackend("mine")

    @backend.update_rule("momentum", dialect="learning-rate-outside")
    def momentum(parameter, gradient, state, *, learning_rate, momentum):
        state["velocity"] = momentum * state.get("velocity", 0.0) + gradient
        return parameter - learning_rate * state["velocity"]

A rule sees one parameter at a time. It returns the new parameter, or updates it in place and
returns None. ``state`` is a dictionary that belongs to that parameter and is empty at first.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.interface import (
    INTERFACE_VERSION,
    Case,
    Claim,
    Floats,
    Hyperparameters,
    Option,
)
from optcheck.backends.scripts import import_rule, literals, name_of

Array = npt.NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])


class FunctionRun:
    """One optimization by a plain function."""

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
        states: list[dict[str, Any]] | None = None,
        evaluation_point: Callable[..., Array] | None = None,
    ) -> None:
        self.function = function
        self.point = evaluation_point
        self.values = list(parameters)
        self.hyperparameters = dict(hyperparameters)
        self.learning_rates = learning_rates
        self.states = [{} for _ in parameters] if states is None else states
        # Hyper-parameters of each parameter, where there are groups of them.
        self.groups: list[Hyperparameters] = []
        self.steps = 0

    def _now(self) -> dict[str, float]:
        if self.learning_rates is not None:
            self.hyperparameters["learning_rate"] = self.learning_rates[self.steps]
        return self.hyperparameters

    def step(self, gradients: Sequence[Array | None], **signals: Any) -> None:
        self.hyperparameters = self._now()
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
            name: [np.asarray(state[name]) for state in self.states]
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
        pairs = zip(self.values, self.states, strict=True)
        return [self.point(w, state, **h) for w, state in pairs]

    def save(self) -> bytes:
        return pickle.dumps(self.states)

    def count(self) -> int | None:
        counts = [state.get("step") for state in self.states]
        return None if None in counts else int(counts[0])  # type: ignore[arg-type]

    def set_count(self, count: int) -> None:
        for state in self.states:
            state["step"] = type(state["step"])(count)


def _of(value: Any, index: int) -> Any:
    """What the parameter ``index`` is told: its own array, or the one number for all."""
    return value[index] if isinstance(value, (list, tuple)) else value


def _is_like(state: Any, value: Array) -> bool:
    """Whether a state is an array of floats with one element for each of the parameter's."""
    array = isinstance(state, (np.ndarray, np.floating))
    return array and state.shape == np.shape(value) and np.issubdtype(state.dtype, np.floating)


class FunctionUpdateRule:
    """A plain function that claims a method."""

    def __init__(
        self,
        function: Callable[..., Any],
        claim: Claim,
        evaluation_point: Callable[..., Array] | None = None,
    ) -> None:
        self.function = function
        self.claim = claim
        self.point = evaluation_point

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)

    def start(
        self,
        parameters: Sequence[Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> FunctionRun:
        return FunctionRun(
            self.function,
            parameters,
            hyperparameters,
            learning_rates,
            evaluation_point=self.point,
        )

    def resume(
        self, saved: bytes, parameters: Sequence[Array], hyperparameters: Hyperparameters
    ) -> FunctionRun:
        return FunctionRun(
            self.function,
            parameters,
            hyperparameters,
            states=pickle.loads(saved),
            evaluation_point=self.point,
        )

    def start_groups(
        self, groups: Sequence[tuple[Sequence[Array], Hyperparameters]]
    ) -> FunctionRun:
        run = self.start([array for arrays, _ in groups for array in arrays], {})
        run.groups = [h for arrays, h in groups for _ in arrays]
        return run

    def script(self, case: Case, quantity: str) -> str:
        collect = "parameters" if quantity == "parameter" else f"[s[{quantity!r}] for s in states]"
        write = functools.partial(literals, dtype=case.dtype, transposed=case.transposed)
        rates = case.learning_rates
        change = f"\n    hyperparameters['learning_rate'] = {list(rates)!r}[t]" if rates else ""
        told, tell = _signals(case, write)
        return f"""{import_rule(self.function)}

parameters = {write(case.parameters)}
gradients = [
{"".join(f"    {write(each)},{chr(10)}" for each in case.gradients)}]
hyperparameters = {dict(case.hyperparameters)!r}
{told}states = [{{}} for _ in parameters]
for t, step_gradients in enumerate(gradients):{change}
    for i, gradient in enumerate(step_gradients):
        new = rule(parameters[i], gradient, states[i], **hyperparameters{tell})
        parameters[i] = parameters[i] if new is None else new
computed = [float(x) for array in {collect} for x in np.ravel(array)]
"""


def _signals(case: Case, write: Callable[[Any], str]) -> tuple[str, str]:
    """Lines that define ``signals``, and the arguments that pass them on; empty for most rules."""
    if not case.signals:
        return "", ""
    rows = []
    for signals in case.signals:
        parts = [
            f"{name!r}: {write(value) if isinstance(value, tuple) else repr(value)}"
            for name, value in signals.items()
        ]
        rows.append("    {" + ", ".join(parts) + "},\n")
    told = f"signals = [\n{''.join(rows)}]\n"
    of = "{k: v[i] if isinstance(v, list) else v for k, v in signals[t].items()}"
    return told, f", **{of}"


class FunctionScheduleRule:
    """A plain function ``schedule(tau, **hyperparameters)`` that claims a schedule."""

    def __init__(
        self, function: Callable[..., float], claim: Claim, ways: Sequence[str] = ("count",)
    ) -> None:
        self.function = function
        self.claim = claim
        self.ways = ways

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)

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


class FunctionClippingRule:
    """A plain function ``clip(gradients, **hyperparameters)`` that claims a clipping rule."""

    def __init__(self, function: Callable[..., Sequence[Array]], claim: Claim) -> None:
        self.function = function
        self.claim = claim

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)

    def clip(
        self, gradients: Sequence[Array], hyperparameters: Hyperparameters
    ) -> Sequence[Array]:
        return self.function(gradients, **hyperparameters)

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""{import_rule(self.function)}

gradients = {literals(gradients, dtype)}
clipped = rule(gradients, **{dict(hyperparameters)!r})
computed = [float(x) for array in clipped for x in np.ravel(array)]
"""


class FunctionBackend(FunctionMinimizers, FunctionTraining):
    """A backend made of plain NumPy functions; the decorators below register them."""

    interface_version = INTERFACE_VERSION

    def __init__(self, name: str, *, library: str | None = None, version: str = "") -> None:
        FunctionMinimizers.__init__(self)
        FunctionTraining.__init__(self)
        self.name = name
        self._library = (library or name, version)
        self._update_rules: list[FunctionUpdateRule] = []
        self._schedules: list[FunctionScheduleRule] = []
        self._clippings: list[FunctionClippingRule] = []

    def update_rule(
        self,
        method: str,
        *,
        dialect: str,
        evaluation_point: Callable[..., Array] | None = None,
        defaults: Hyperparameters | None = None,
        **options: Option,
    ) -> Callable[[Function], Function]:
        """Claim that the function is ``method`` in ``dialect``.

        ``evaluation_point(parameter, state, **hyperparameters)`` says where a rule that looks
        ahead wants its next gradient. ``defaults`` are the values that are documented for
        hyper-parameters which the function may be called without.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, options, defaults=defaults, missing_gradients=True)
            self._update_rules.append(FunctionUpdateRule(function, claim, evaluation_point))
            return function

        return register

    def schedule(
        self, method: str, *, dialect: str = "closed-form", ways: Sequence[str] = ("count",)
    ) -> Callable[[Function], Function]:
        """Claim that ``function(tau, **hyperparameters)`` is the schedule ``method``.

        It goes on from any step in these ``ways``, as any function of the step does.
        """

        def register(function: Function) -> Function:
            claim = Claim(method, dialect, dtypes=("float64",))
            self._schedules.append(FunctionScheduleRule(function, claim, ways))
            return function

        return register

    def clipping(self, method: str, *, dialect: str) -> Callable[[Function], Function]:
        """Claim that ``function(gradients, **hyperparameters)`` clips a list of arrays."""

        def register(function: Function) -> Function:
            self._clippings.append(FunctionClippingRule(function, Claim(method, dialect)))
            return function

        return register

    def library(self) -> tuple[str, str]:
        return self._library

    def environment(self) -> Mapping[str, str]:
        return {"numpy": np.__version__}

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Array:
        return np.array(values, dtype=dtype, order="F" if transposed else "C")

    def to_numpy(self, array: Any) -> Floats:
        return np.array(array, dtype=np.complex128 if np.iscomplexobj(array) else np.float64)

    def dtype(self, array: Any) -> str:
        return str(np.asarray(array).dtype)

    def synchronize(self, arrays: Sequence[Array]) -> None:
        """NumPy computes at once."""

    def update_rules(self) -> Sequence[FunctionUpdateRule]:
        return self._update_rules

    def schedules(self) -> Sequence[FunctionScheduleRule]:
        return self._schedules

    def clippings(self) -> Sequence[FunctionClippingRule]:
        return self._clippings
