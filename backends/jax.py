"""optax, eager and under ``jax.jit``: a table of claims.

float32 and bfloat16 run with x64 off, as their users run them: what depends on the step count is
then computed in float32. float64 runs with x64 on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optcheck.backends.interface import (
    INTERFACE_VERSION,
    Case,
    Claim,
    Compilation,
    Evaluation,
    Floats,
    Hyperparameters,
    Option,
)
from optcheck.backends.scripts import literal

DTYPES = ("float32", "float64", "bfloat16")
OPTIONS: tuple[dict[str, Option], ...] = ({"jit": False}, {"jit": True})

# Eager operations are compiled too, once for each shape and dtype.
COMPILATION: dict[bool, Compilation] = {False: "operations", True: "programs"}

# Hyper-parameters are Python floats until they meet an array; the step count is an int32 array,
# so with x64 off decay**count is a float32.
SCALAR_BITS = {"float32": (53, 24), "bfloat16": (53, 24)}

# optax's names of the state, and ours
STATE = {
    "trace": "velocity",
    "ema": "first_moment",
    "mu": "first_moment",
    "nu": "second_moment",
    "sum_of_squares": "sum_of_squares",
}

# optax.scale_by_rss is where(t > 0, rsqrt(t + eps), 0).
EVALUATION: dict[str, frozenset[Evaluation]] = {"adagrad": frozenset({"zero-guard"})}

# Each rule as source text: it is evaluated here and printed in scripts, so the two cannot part.
RULES = (
    ("gradient-descent", "plain", "optax.sgd(learning_rate)"),
    (
        "momentum",
        "learning-rate-inside",
        "optax.chain(optax.scale_by_learning_rate(learning_rate), optax.trace(momentum))",
    ),
    ("momentum", "learning-rate-outside", "optax.sgd(learning_rate, momentum)"),
    (
        "momentum",
        "averaged",
        "optax.chain(optax.ema(momentum, debias=False), "
        "optax.scale_by_learning_rate(learning_rate))",
    ),
    ("nesterov", "shifted", "optax.sgd(learning_rate, momentum, nesterov=True)"),
    (
        "adagrad",
        "epsilon-inside-root",
        "optax.adagrad(learning_rate, initial_accumulator, eps=epsilon)",
    ),
    ("rmsprop", "epsilon-inside-root", "optax.rmsprop(learning_rate, decay, epsilon)"),
    (
        "rmsprop",
        "epsilon-outside-root",
        "optax.rmsprop(learning_rate, decay, epsilon, eps_in_sqrt=False)",
    ),
    ("adam", "epsilon-outside-root", "optax.adam(learning_rate, beta1, beta2, epsilon)"),
    (
        "adam",
        "epsilon-inside-root",
        "optax.adam(learning_rate, beta1, beta2, eps=0.0, eps_root=epsilon)",
    ),
)

SCHEDULES = (
    (
        "linear-schedule",
        "offset-form",
        "optax.linear_schedule(initial_rate, final_rate, int(decay_steps))",
    ),
    (
        "exponential-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor)",
    ),
    (
        "step-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor, staircase=True)",
    ),
)


def _evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    return eval(expression, {"optax": optax, "int": int, **names})  # our own tables above


def x64(dtype: str) -> AbstractContextManager[Any]:
    """The x64 mode that users of ``dtype`` run with."""
    mode: AbstractContextManager[Any] = jax.enable_x64(dtype == "float64")
    return mode


class OptaxRun:
    """One optimization by an optax transformation; functional, so ``step`` rebinds."""

    def __init__(
        self,
        update: Callable[..., Any],
        parameters: Sequence[jax.Array],
        state: Any,
        dtype: str,
    ) -> None:
        self._update = update
        self._parameters = list(parameters)
        self._state = state
        self._dtype = dtype

    def step(self, gradients: Sequence[jax.Array]) -> None:
        with x64(self._dtype):
            self._parameters, self._state = self._update(
                list(gradients), self._state, self._parameters
            )

    def parameters(self) -> Sequence[jax.Array]:
        return self._parameters

    def evaluation_point(self) -> Sequence[jax.Array]:
        return self._parameters

    def state(self) -> Mapping[str, Sequence[jax.Array]]:
        found = ((ours, optax.tree.get(self._state, theirs)) for theirs, ours in STATE.items())
        return {name: arrays for name, arrays in found if arrays is not None}

    def save(self) -> Any:
        return jax.tree.map(np.asarray, self._state)


@functools.lru_cache(maxsize=128)
def _transformation(
    expression: str,
    hyperparameters: tuple[tuple[str, float], ...],
    learning_rates: tuple[float, ...] | None,
    jit: bool,
    dtype: str,
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """Cached, so that a second run with the same settings does not compile again."""
    names: dict[str, Any] = dict(hyperparameters)
    if learning_rates is not None:
        with x64(dtype):
            table = jnp.asarray(learning_rates)
        names["learning_rate"] = lambda count: table[count]
    transformation = _evaluate(expression, names)

    def update(gradients: Any, state: Any, parameters: Any) -> Any:
        updates, state = transformation.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    return transformation, jax.jit(update) if jit else update


@dataclass(frozen=True)
class OptaxRule:
    """An optax expression, eager or jitted."""

    claim: Claim
    expression: str

    def _transformation(
        self,
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None,
        dtype: str,
    ) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
        names = tuple(hyperparameters.items())
        rates = None if learning_rates is None else tuple(learning_rates)
        return _transformation(
            self.expression, names, rates, bool(self.claim.options["jit"]), dtype
        )

    def start(
        self,
        parameters: Sequence[jax.Array],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> OptaxRun:
        dtype = str(parameters[0].dtype)
        with x64(dtype):
            transformation, update = self._transformation(hyperparameters, learning_rates, dtype)
            state = transformation.init(list(parameters))
        return OptaxRun(update, parameters, state, dtype)

    def resume(
        self, saved: Any, parameters: Sequence[jax.Array], hyperparameters: Hyperparameters
    ) -> OptaxRun:
        dtype = str(parameters[0].dtype)
        with x64(dtype):
            _, update = self._transformation(hyperparameters, None, dtype)
            state = jax.tree.map(jnp.asarray, saved)
        return OptaxRun(update, parameters, state, dtype)

    def script(self, case: Case, quantity: str) -> str:
        theirs = [key for key, name in STATE.items() if name == quantity]
        collect = (
            "parameters"
            if quantity == "parameter"
            else f"[a for k in {theirs!r} for a in optax.tree.get(state, k) or []]"
        )
        rate = (
            ""
            if case.learning_rates is None
            else f"learning_rates = jnp.asarray({list(case.learning_rates)!r})\n"
            "learning_rate = lambda count: learning_rates[count]\n"
        )
        update = "jax.jit(update)" if self.claim.options["jit"] else "update"
        return f"""import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", {case.dtype == "float64"})
{_assignments(case.hyperparameters)}{rate}parameters = {_arrays(case.parameters, case.dtype)}
gradients = [
{"".join(f"    {_arrays(each, case.dtype)},{chr(10)}" for each in case.gradients)}]
optimizer = {self.expression}
state = optimizer.init(parameters)


def update(gradient, state, parameters):
    updates, state = optimizer.update(gradient, state, parameters)
    return optax.apply_updates(parameters, updates), state


update = {update}
for gradient in gradients:
    parameters, state = update(gradient, state, parameters)
computed = [float(x) for array in {collect} for x in np.ravel(array)]
"""


def _assignments(hyperparameters: Hyperparameters) -> str:
    return "".join(f"{name} = {value!r}\n" for name, value in hyperparameters.items())


def _arrays(arrays: Sequence[Floats], dtype: str) -> str:
    return "[" + ", ".join(f"jnp.array({literal(each)}, {dtype!r})" for each in arrays) + "]"


@dataclass(frozen=True)
class OptaxSchedule:
    """An optax schedule, called with the step counts 0, 1, 2, ..."""

    claim: Claim
    expression: str

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        with x64(self.claim.dtypes[0]):
            schedule = _evaluate(self.expression, hyperparameters)
            return [float(schedule(jnp.asarray(count))) for count in range(steps)]

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        return f"""import jax.numpy as jnp
import optax

{_assignments(hyperparameters)}schedule = {self.expression}
computed = [float(schedule(jnp.asarray(count))) for count in range({steps})]
"""


@dataclass(frozen=True)
class OptaxClipping:
    """``optax.clip_by_global_norm``."""

    claim: Claim

    def clip(
        self, gradients: Sequence[jax.Array], hyperparameters: Hyperparameters
    ) -> Sequence[jax.Array]:
        with x64(str(gradients[0].dtype)):
            transformation = optax.clip_by_global_norm(hyperparameters["threshold"])
            update = jax.jit(transformation.update) if self.claim.options["jit"] else None
            state = transformation.init(list(gradients))
            clipped, _ = (update or transformation.update)(list(gradients), state)
        result: Sequence[jax.Array] = clipped
        return result

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", {dtype == "float64"})
gradients = {_arrays(gradients, dtype)}
clip = optax.clip_by_global_norm({hyperparameters["threshold"]!r})
clipped, _ = clip.update(gradients, clip.init(gradients))
computed = [float(x) for array in clipped for x in np.ravel(array)]
"""


class JaxBackend:
    """optax on one platform."""

    name = "jax"
    interface_version = INTERFACE_VERSION

    def __init__(self, device: str = "cpu") -> None:
        platform = "gpu" if device == "cuda" else device
        try:
            self.device = jax.devices(platform)[0]
        except RuntimeError as error:
            raise LookupError(f"JAX sees no {device} device; run with --device cpu") from error

    def library(self) -> tuple[str, str]:
        return "optax", optax.__version__

    def environment(self) -> Mapping[str, str]:
        return {
            "jax": jax.__version__,
            "device name": str(self.device),
            "x64": "off for float32 and bfloat16, on for float64",
        }

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> jax.Array:
        with x64(dtype):
            array: jax.Array = jax.device_put(jnp.asarray(values, dtype=dtype), self.device)
        return array

    def to_numpy(self, array: jax.Array) -> Floats:
        return np.array(array).astype(np.float64)

    def dtype(self, array: jax.Array) -> str:
        return str(array.dtype)

    def synchronize(self, arrays: Sequence[jax.Array]) -> None:
        for array in arrays:
            array.block_until_ready()

    def update_rules(self) -> Sequence[OptaxRule]:
        return [
            OptaxRule(
                Claim(
                    method,
                    dialect,
                    options,
                    DTYPES,
                    SCALAR_BITS,
                    flushes_subnormals=self.device.platform == "cpu",
                    evaluation=EVALUATION.get(method, frozenset()),
                    compilation=COMPILATION[bool(options["jit"])],
                ),
                expression,
            )
            for method, dialect, expression in RULES
            for options in OPTIONS
        ]

    def schedules(self) -> Sequence[OptaxSchedule]:
        bits = {"float32": (24, 24)}
        return [
            OptaxSchedule(Claim(method, form, {}, ("float32",), bits), expression)
            for method, form, expression in SCHEDULES
        ]

    def clippings(self) -> Sequence[OptaxClipping]:
        return [
            OptaxClipping(
                Claim(
                    "clip-by-norm",
                    "exact",
                    options,
                    DTYPES,
                    flushes_subnormals=self.device.platform == "cpu",
                    compilation=COMPILATION[bool(options["jit"])],
                )
            )
            for options in OPTIONS
        ]
