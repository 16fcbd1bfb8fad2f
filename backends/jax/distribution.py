"""optax and the means of gradients of JAX on eight devices of the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.helpers import Helper
from optcheck.backends.interface import Case, Claim, Floats
from optcheck.backends.jax.expressions import arrays, assignments
from optcheck.backends.jax.table import EVALUATION, ROWS, Row, scalar_bits, state_names
from optcheck.backends.scripts import literal

DEVICES = 8
DTYPES = ("float32",)

ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}",
}
_HELPER = Helper(Path(__file__).with_name("host_devices.py"), ENVIRONMENT)

_DIALECTS = {
    "adam": "epsilon-outside-root",
    "adamw": "decoupled",
    "momentum": "learning-rate-outside",
    "adagrad": "epsilon-inside-root",
    "rmsprop": "epsilon-inside-root",
}
# Each program is compiled: every rule is cut by rows, and two of them otherwise too.
_CUTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sharded", "rows", tuple(_DIALECTS)),
    ("sharded", "columns", ("adam",)),
    ("replicated", "not", ("adam", "momentum")),
)
_MEANS = ("jit", "pmean of gradients", "psum of gradients", "pmean of losses")


@dataclass(frozen=True)
class ShardedOptax:
    """An optax expression, jitted with shardings for what goes in and comes out."""

    claim: Claim
    update: Claim
    row: Row
    cut: str
    devices: int = DEVICES

    @property
    def implementation(self) -> str:
        """The optax expression."""
        return self.row.expression

    def takes(self, shape: tuple[int, ...]) -> bool:
        return True

    def run(self, case: Case, stop: int | None = None) -> Sequence[Gathered]:
        names = dict(state_names(self.row))
        shown: Sequence[Gathered] = _HELPER.ask(
            ("update", (self.row.expression, names, self.cut, case, stop))
        )
        return shown

    def script(self, case: Case, quantity: str) -> str:
        theirs = [name for name, ours in state_names(self.row).items() if ours == quantity]
        found = f"[a for k in {theirs!r} for a in optax.tree.get(state, k) or []]"
        shown = "parameters" if quantity == "parameter" else found
        gradients = "".join(f"    {arrays(each)},\n" for each in case.gradients)
        axis = {"rows": "0", "columns": "array.ndim - 1"}.get(self.cut, "None")
        return f"""{_HEADING}import optax

dtype = {case.dtype!r}
{assignments(case.hyperparameters)}
mesh = jax.sharding.Mesh(jax.devices(), ("devices",))


def placed(array):
    axis = {axis}
    divides = axis is not None and array.ndim > 0 and array.shape[axis] % {DEVICES} == 0
    spec = P(*[None] * axis, "devices") if divides else P()
    return jax.device_put(array, NamedSharding(mesh, spec))


@jax.jit
def update(gradient, state, parameters):
    updates, state = optimizer.update(gradient, state, parameters)
    return optax.apply_updates(parameters, updates), state


parameters = [placed(array) for array in {arrays(case.parameters)}]
gradients = [
{gradients}]
optimizer = {self.row.expression}
state = optimizer.init(parameters)
for gradient in gradients:
    parameters, state = update([placed(array) for array in gradient], state, parameters)
computed = [float(x) for array in {shown} for x in np.ravel(array)]
"""


_HEADING = f"""import os

os.environ.update({ENVIRONMENT!r})

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
"""


@dataclass(frozen=True)
class MeanGradient:
    """A mean over the devices of a mesh."""

    claim: Claim
    how: str
    devices: int = DEVICES
    unequal: bool = False

    @property
    def implementation(self) -> str:
        """The function of JAX."""
        return "jax.jit" if self.how == "jit" else f"jax.lax.{self.how.split()[0]}"

    def gradients(self, batch: Batch, *, dtype: str) -> Sequence[Floats]:
        found: Sequence[Floats] = _HELPER.ask(("gradients", (self.how, batch, dtype)))
        return found

    def script(self, batch: Batch, *, dtype: str) -> str:
        own = "jax.grad(loss)(weights, inputs, targets)"
        returned = {
            "pmean of gradients": f'jax.lax.pmean({own}, "devices")',
            "psum of gradients": f'jax.lax.psum({own}, "devices") / {DEVICES}',
            "pmean of losses": "jax.grad(mean_loss)(weights, inputs, targets)",
        }.get(self.how, own)
        numbers = (batch.weights, batch.inputs, batch.targets)
        given = ", ".join(f"jnp.array({literal(each)}, {dtype!r})" for each in numbers)
        mapped = f"""mean_gradient = jax.jit(
    jax.shard_map(
        mean_gradient,
        mesh=mesh,
        in_specs=(P(), P("devices"), P("devices")),
        out_specs=P(),
        check_vma={self.how == "pmean of losses"},
    )
)
"""
        jitted = """where = NamedSharding(mesh, P("devices"))
mean_gradient = jax.jit(mean_gradient, in_shardings=(NamedSharding(mesh, P()), where, where))
"""
        return f"""{_HEADING}
mesh = jax.sharding.Mesh(jax.devices(), ("devices",))


def loss(weights, inputs, targets):
    return jnp.mean((inputs @ weights - targets) ** 2) / 2


def mean_loss(weights, inputs, targets):
    return jax.lax.pmean(loss(weights, inputs, targets), "devices")


def mean_gradient(weights, inputs, targets):
    return {returned}


{jitted if self.how == "jit" else mapped}
computed = [float(x) for x in mean_gradient({given})]
"""


def _distributions() -> list[ShardedOptax | MeanGradient]:
    claimed: Mapping[str, Any] = {
        "dtypes": DTYPES,
        "compilation": "programs",
        "flushes_subnormals": True,
    }
    rows = {(row.method, row.dialect): row for row in ROWS}
    updates = []
    for dialect, cut, methods in _CUTS:
        for method in methods:
            row = rows[method, _DIALECTS[method]]
            options = {"rule": method, "cut": cut}
            update = Claim(
                method,
                row.dialect,
                {"jit": True},
                DTYPES,
                scalar_bits(row, {"jit": True}),
                flushes_subnormals=True,
                evaluation=EVALUATION.get(method, frozenset()),
            )
            claim = Claim("sharded-update", dialect, options, **claimed)
            updates.append(ShardedOptax(claim, update, row, cut))
    means = [
        MeanGradient(Claim("data-parallel-gradient", "mean", {"mean": how}, **claimed), how)
        for how in _MEANS
    ]
    return [*updates, *means]


DISTRIBUTIONS = _distributions()
