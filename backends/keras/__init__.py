"""Keras 3 on torch or JAX: optimizers and clipping; the modules beside have the other parts."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import (
    INTERFACE_VERSION,
    Case,
    Claim,
    Evaluation,
    Floats,
    Hyperparameters,
)
from optcheck.backends.keras.initializers import INITIALIZERS
from optcheck.backends.keras.normalizers import NORMALIZERS
from optcheck.backends.keras.schedules import SCHEDULES, KerasSchedule
from optcheck.backends.keras.settings import (
    FIELDS,
    ON,
    claim,
    heading,
    keras,
    library,
    numbers,
    tensors,
    used,
)
from optcheck.backends.keras.table import COUNTING, KEYWORDS, OPTIMIZERS, STATES
from optcheck.backends.rows import Row
from optcheck.backends.training import Training


class KerasRun:
    """One optimization by an optimizer of Keras, which changes its variables in place."""

    def __init__(
        self,
        optimizer: Any,
        variables: Sequence[Any],
        learning_rates: Sequence[float] | None,
    ) -> None:
        self.optimizer = optimizer
        self.variables = variables
        self.learning_rates = learning_rates
        self.steps = 0

    def step(self, gradients: Sequence[Any], **signals: Any) -> None:
        with used(self.variables[0].dtype):
            if self.learning_rates is not None:
                self.optimizer.learning_rate = self.learning_rates[self.steps]
            with warnings.catch_warnings():
                # Keras warns of each variable whose gradient is missing.
                warnings.simplefilter("ignore", UserWarning)
                self.optimizer.apply(list(gradients), self.variables)
        self.steps += 1

    def parameters(self) -> Sequence[Any]:
        return [each.value for each in self.variables]

    def evaluation_point(self) -> Sequence[Any]:
        return self.parameters()

    def state(self) -> Mapping[str, Sequence[Any]]:
        names = STATES[type(self.optimizer).__name__]
        found = {
            ours: getattr(self.optimizer, name.lstrip("-"), []) for ours, name in names.items()
        }
        return {
            ours: [-each.value if names[ours][0] == "-" else each.value for each in variables]
            for ours, variables in found.items()
            if variables
        }

    def count(self) -> int | None:
        # With accumulation the count is that of the updates, and not of the steps.
        if self.optimizer.gradient_accumulation_steps:
            return None
        return int(numbers(self.optimizer.iterations))

    def set_count(self, count: int) -> None:
        self.optimizer.iterations.assign(count)

    def save(self) -> bytes:
        store: dict[str, Any] = {}
        self.optimizer.save_own_variables(store)
        return pickle.dumps(store)


@dataclass(frozen=True)
class KerasRule:
    """A row of the table."""

    claim: Claim
    row: Row

    @property
    def implementation(self) -> str:
        """The class of Keras."""
        return f"keras.optimizers.{self.row.name}"

    def start(
        self,
        parameters: Sequence[Any],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> KerasRun:
        with used(keras.backend.standardize_dtype(parameters[0].dtype)):
            optimizer = getattr(keras.optimizers, self.row.name)(
                **self.row.arguments(hyperparameters)
            )
            variables = [keras.Variable(each) for each in parameters]
            optimizer.build(variables)
        return KerasRun(optimizer, variables, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Any], hyperparameters: Hyperparameters
    ) -> KerasRun:
        run = self.start(parameters, hyperparameters)
        with used(run.variables[0].dtype):
            run.optimizer.load_own_variables(pickle.loads(saved))
        return run

    def retune(self, run: KerasRun, hyperparameters: Hyperparameters) -> None:
        with used(run.variables[0].dtype):
            for name, value in self.row.arguments(hyperparameters).items():
                setattr(run.optimizer, name, value)

    def script(self, case: Case, quantity: str) -> str:
        arguments = self.row.arguments(case.hyperparameters)
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        gradients = "".join(f"    {tensors(each, case.dtype)},\n" for each in case.gradients)
        rate = ""
        if case.learning_rates is not None:
            rate = f"    optimizer.learning_rate = {list(case.learning_rates)!r}[t]\n"
        name = STATES[self.row.name].get(quantity, "")
        shown = f"optimizer.{name.lstrip('-')}" if name else "variables"
        sign = "-" if name.startswith("-") else ""
        return f"""{heading(case.dtype, {})}variables = [
    keras.Variable(each) for each in {tensors(case.parameters, case.dtype)}
]
gradients = [
{gradients}]
optimizer = {self.implementation}({keywords})
for t, each in enumerate(gradients):
{rate}    optimizer.apply(each, variables)
shown = [keras.ops.convert_to_numpy(each.value) for each in {shown}]
computed = [{sign}float(x) for each in shown for x in np.ravel(each)]
"""


@dataclass(frozen=True)
class KerasClipping:
    """A keyword of all optimizers, seen in a step of SGD from 0 with the learning rate -1."""

    claim: Claim
    keyword: str

    def clip(self, gradients: Sequence[Any], hyperparameters: Hyperparameters) -> Sequence[Any]:
        with used(keras.backend.standardize_dtype(gradients[0].dtype)):
            variables = [keras.Variable(keras.ops.zeros_like(each)) for each in gradients]
            given = {self.keyword: hyperparameters["threshold"]}
            keras.optimizers.SGD(-1.0, **given).apply(list(gradients), variables)
        return [each.value for each in variables]

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""{heading(dtype, {})}gradients = {tensors(gradients, dtype)}
variables = [keras.Variable(keras.ops.zeros_like(each)) for each in gradients]
optimizer = keras.optimizers.SGD(-1.0, {self.keyword}={hyperparameters["threshold"]!r})
optimizer.apply(gradients, variables)
shown = [keras.ops.convert_to_numpy(each.value) for each in variables]
computed = [float(x) for each in shown for x in np.ravel(each)]
"""


def _rule(row: Row) -> KerasRule:
    evaluation: set[Evaluation] = set()
    if ON == "torch" and "decoupled" in row.dialect:
        evaluation.add("decay-factor")
    if ON == "jax" and row.method in COUNTING:
        evaluation.add("lerp")
    # The powers of the decays are computed in the format of the parameters.
    bits = {"float32": (24, 24)} if row.method in COUNTING else {}
    fields = {**FIELDS, "options": {"class": row.name, "on": ON}, "missing_gradients": True}
    return KerasRule(row.claim(scalar_bits=bits, evaluation=frozenset(evaluation), **fields), row)


CLIPPINGS = [
    KerasClipping(claim(method, "exact", "keras.optimizers.SGD"), keyword)
    for method, keyword in KEYWORDS.items()
]


class KerasBackend(Training):
    """Keras on the CPU."""

    name = "keras"
    interface_version = INTERFACE_VERSION

    def __init__(self, device: str = "cpu") -> None:
        Training.__init__(self, initializers=INITIALIZERS, normalizers=NORMALIZERS)
        if device != "cpu":
            raise LookupError("Keras is checked on the CPU alone; run with --device cpu")

    def library(self) -> tuple[str, str]:
        return "keras", keras.__version__

    def environment(self) -> Mapping[str, str]:
        return {"KERAS_BACKEND": ON, ON: library.__version__}

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Any:
        with used(dtype):
            copied = np.array(values.T if transposed else values, order="C")
            array = keras.ops.convert_to_tensor(copied, dtype)
            return keras.ops.transpose(array) if transposed else array

    def to_numpy(self, array: Any) -> Floats:
        return numbers(array)

    def dtype(self, array: Any) -> str:
        return str(keras.backend.standardize_dtype(array.dtype))

    def synchronize(self, arrays: Sequence[Any]) -> None:
        if ON == "jax":
            library.block_until_ready(list(arrays))

    def update_rules(self) -> Sequence[KerasRule]:
        return [_rule(row) for row in OPTIMIZERS]

    def schedules(self) -> Sequence[KerasSchedule]:
        return SCHEDULES

    def clippings(self) -> Sequence[KerasClipping]:
        return CLIPPINGS
