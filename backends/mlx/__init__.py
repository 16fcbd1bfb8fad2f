"""MLX on the CPU: its optimizers; ``parts`` has what else there is."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import mlx.core as mx
import mlx.optimizers as opt
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from optcheck.backends.interface import INTERFACE_VERSION, Case, Claim, Floats, Hyperparameters
from optcheck.backends.mlx.parts import (
    BITS,
    CLIPPINGS,
    IMPORTS,
    INITIALIZERS,
    NORMALIZERS,
    SCHEDULES,
    MlxClipping,
    no_epsilon,
    source,
)
from optcheck.backends.programs import ProgramSchedule
from optcheck.backends.rows import Row
from optcheck.backends.training import Training

_MOMENTS = {"m": "first_moment", "v": "second_moment"}
# MLX's names of the state, and ours.
_STATE = {
    "SGD": {"v": "velocity"},
    "RMSprop": {"v": "second_moment"},
    "Adagrad": {"v": "sum_of_squares"},
    "AdaDelta": {"v": "second_moment", "u": "update_second_moment"},
    "Adam": _MOMENTS,
    "AdamW": _MOMENTS,
    "Lion": {},
}


def _has_momentum(h: Hyperparameters) -> str | None:
    return "MLX refuses Nesterov momentum of 0" if h["momentum"] == 0 else None


_RATE = {"learning_rate": "learning_rate"}
_SGD = {**_RATE, "momentum": "momentum", "weight_decay": "weight_decay"}
_EPSILON = {**_RATE, "eps": "epsilon"}
_ADAM: dict[str, Any] = {**_EPSILON, "betas": ("beta1", "beta2"), "weight_decay": "weight_decay"}
_STILL = {"momentum": 0.0, "weight_decay": 0.0}
_BETAS = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_DECAY = {**_BETAS, "weight_decay": 0.01}
_NESTEROV, _CORRECTED = {"nesterov": True}, {"bias_correction": True}
_SIGN = {"betas": (0.0, 0.0)}
_FACTOR: Any = frozenset({"decay-factor"})
_OUTSIDE = "epsilon-outside-root"

ROWS = (
    Row("gradient-descent", "plain", "SGD", _SGD, _STILL),
    Row("momentum", "learning-rate-outside", "SGD", _SGD, _STILL),
    Row("momentum", "averaged", "SGD", {**_SGD, "dampening": "momentum"}, _STILL),
    Row("nesterov", "shifted", "SGD", _SGD, given=_NESTEROV, limits=_has_momentum),
    Row("nesterov", "shifted+coupled", "SGD", _SGD, given=_NESTEROV, limits=_has_momentum),
    Row("weight-decay", "coupled", "SGD", _SGD, _STILL),
    Row("sign-descent", "sign", "Lion", _RATE, given=_SIGN),
    Row("sign-descent", "normalised", "Adam", _EPSILON, {"epsilon": 1e-8}, _SIGN),
    Row(
        *("rmsprop", _OUTSIDE, "RMSprop", {**_EPSILON, "alpha": "decay"}),
        {"decay": 0.99, "epsilon": 1e-8},
        limits=no_epsilon,
    ),
    Row(
        *("adagrad", _OUTSIDE, "Adagrad", _EPSILON, {"epsilon": 1e-8}),
        fixed={"initial_accumulator": 0.0},
        limits=no_epsilon,
    ),
    Row(
        *("adadelta", "epsilon-inside-roots", "AdaDelta", {**_EPSILON, "rho": "decay"}),
        {"decay": 0.9, "epsilon": 1e-6},
        limits=no_epsilon,
    ),
    Row("adam", "uncorrected", "Adam", _ADAM, _BETAS),
    Row("adam", "uncorrected+decoupled", "AdamW", _ADAM, _DECAY, evaluation=_FACTOR),
    Row("adam", _OUTSIDE, "Adam", _ADAM, _BETAS, _CORRECTED),
    Row("adam", _OUTSIDE, "Adam", _ADAM, _BETAS, _CORRECTED, {"compiled": True}),
    Row("adamw", "decoupled", "AdamW", _ADAM, _DECAY, _CORRECTED, evaluation=_FACTOR),
)


def _rate(value: float, parameter: mx.array) -> mx.array:
    """A learning rate in float32, or in the double precision of the parameters."""
    return mx.array(value, mx.float64 if parameter.dtype == mx.float64 else mx.float32)


@dataclass
class MlxRun:
    """One optimization; ``update`` is the optimizer's ``apply_gradients``, or what is compiled."""

    optimizer: opt.Optimizer
    update: Callable[..., dict[str, mx.array]]
    values: dict[str, mx.array]
    names: Mapping[str, str]
    rates: Sequence[float] | None = None
    steps: int = 0

    def step(self, gradients: Sequence[mx.array | None], **signals: Any) -> None:
        if self.rates is not None:
            self.optimizer.learning_rate = _rate(self.rates[self.steps], self.values["p0"])
        pairs = zip(self.values, gradients, strict=True)
        given = {key: gradient for key, gradient in pairs if gradient is not None}
        self.values |= self.update(given, self.values)
        self.steps += 1

    def parameters(self) -> Sequence[mx.array]:
        return list(self.values.values())

    def evaluation_point(self) -> Sequence[mx.array]:
        return self.parameters()

    def state(self) -> Mapping[str, Sequence[mx.array]]:
        states = [self.optimizer.state.get(key, {}) for key in self.values]
        return {
            ours: [state[theirs] for state in states]
            for theirs, ours in self.names.items()
            if all(theirs in state for state in states)
        }

    def save(self) -> bytes:
        stream = io.BytesIO()
        # safetensors know no float64.
        mx.savez(stream, **dict(tree_flatten(self.optimizer.state)))
        return stream.getvalue()

    def count(self) -> int | None:
        return int(self.optimizer.step.item())

    def set_count(self, count: int) -> None:
        self.optimizer.state["step"] = mx.array(count, self.optimizer.step.dtype)


@dataclass(frozen=True)
class MlxRule:
    """A row of the table."""

    claim: Claim
    row: Row

    @property
    def implementation(self) -> str:
        """The class."""
        return f"mlx.optimizers.{self.row.name}"

    def start(
        self,
        parameters: Sequence[mx.array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
        saved: bytes | None = None,
    ) -> MlxRun:
        made: opt.Optimizer = getattr(opt, self.row.name)(**self.row.arguments(hyperparameters))
        made.learning_rate = _rate(hyperparameters["learning_rate"], parameters[0])
        if saved is not None:
            loaded: Any = mx.load(io.BytesIO(saved), "npz")
            made.state = tree_unflatten(list(loaded.items()))
        values = {f"p{index}": array for index, array in enumerate(parameters)}
        update = made.apply_gradients
        if "compiled" in self.claim.options:
            made.init(values)
            update = mx.compile(update, made.state, made.state)
        return MlxRun(made, update, values, self._names(hyperparameters), learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[mx.array], hyperparameters: Hyperparameters
    ) -> MlxRun:
        return self.start(parameters, hyperparameters, saved=saved)

    def script(self, case: Case, quantity: str) -> str:
        h, kind = case.hyperparameters, "float64" if case.dtype == "float64" else "float32"
        names = {ours: theirs for theirs, ours in self._names(h).items()}
        state = f"[optimizer.state[key][{names.get(quantity)!r}] for key in parameters]"
        keywords = ", ".join(f"{k}={v!r}" for k, v in self.row.arguments(h).items())
        update = "optimizer.apply_gradients"
        if "compiled" in self.claim.options:
            update = f"mx.compile({update}, optimizer.state, optimizer.state)"
        return f"""{IMPORTS}
parameters = {_tree(case, case.parameters)}
gradients = [
{"".join(f"    {_tree(case, each)},{chr(10)}" for each in case.gradients)}]
rates = {list(case.learning_rates or [h["learning_rate"]] * case.steps)!r}
optimizer = opt.{self.row.name}({keywords})
optimizer.init(parameters)
update = {update}
for rate, each in zip(rates, gradients):
    optimizer.learning_rate = mx.array(rate, mx.{kind})
    parameters = update(each, parameters)
shown = {"parameters.values()" if quantity == "parameter" else state}
computed = [x for array in shown for x in array.astype(mx.float64).flatten().tolist()]
"""

    def _names(self, hyperparameters: Hyperparameters) -> Mapping[str, str]:
        """MLX's names of the state, and ours; without momentum it leaves the velocity at 0."""
        if self.row.name != "SGD":
            return _STATE[self.row.name]
        name = "first_moment" if self.claim.dialect == "averaged" else "velocity"
        return {"v": name} if hyperparameters.get("momentum", 0.0) > 0 else {}


def _tree(case: Case, arrays: Sequence[Floats]) -> str:
    """Source text of a tree of arrays."""
    pairs = (
        f'"p{index}": {source(array, case.dtype, transposed=case.transposed)}'
        for index, array in enumerate(arrays)
    )
    return "{" + ", ".join(pairs) + "}"


class MlxBackend(Training):
    """MLX, with its arrays in the memory of the CPU."""

    name = "mlx"
    interface_version = INTERFACE_VERSION
    source_modules = ("mlx.optimizers.optimizers", "mlx.optimizers.schedulers")

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise LookupError("the adapter runs MLX on the CPU alone; use --device cpu")
        # Elsewhere MLX has no float64.
        mx.set_default_device(mx.cpu)
        super().__init__(initializers=INITIALIZERS, normalizers=NORMALIZERS)

    def library(self) -> tuple[str, str]:
        return "mlx", version("mlx")

    def environment(self) -> Mapping[str, str]:
        return {"device name": str(mx.default_device())}

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> mx.array:
        if transposed and values.ndim > 1:
            return mx.array(np.ascontiguousarray(values.T), getattr(mx, dtype)).T
        return mx.array(values, getattr(mx, dtype))

    def to_numpy(self, array: mx.array) -> Floats:
        return np.array(array.astype(mx.float64), np.float64)

    def dtype(self, array: mx.array) -> str:
        return str(array.dtype).removeprefix("mlx.core.")

    def synchronize(self, arrays: Sequence[mx.array]) -> None:
        mx.eval(arrays)

    def update_rules(self) -> Sequence[MlxRule]:
        return [MlxRule(_claim(row), row) for row in ROWS]

    def schedules(self) -> Sequence[ProgramSchedule]:
        return SCHEDULES

    def clippings(self) -> Sequence[MlxClipping]:
        return CLIPPINGS


def _claim(row: Row) -> Claim:
    # Corrections for bias are float32 in every dtype.
    dtypes = tuple(each for each in BITS if each != "float64" or row.given != _CORRECTED)
    compiled: dict[str, Any] = {"compilation": "programs", "thorough_only": True}
    more = compiled if "compiled" in row.options else {}
    return row.claim(dtypes=dtypes, scalar_bits=BITS, missing_gradients=True, **more)
