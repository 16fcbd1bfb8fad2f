"""optax on eight devices of the host: a program that a helper process runs.

XLA reads how many devices there are before JAX starts, so that no other process has them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import shard_map
from jax.sharding import NamedSharding

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.interface import Case

DEVICES = 8

# JAX leaves these without types.
P: Any = jax.sharding.PartitionSpec
pmean: Any = jax.lax.pmean
psum: Any = jax.lax.psum
Like: Any = jax.ShapeDtypeStruct


def start() -> Callable[[tuple[str, tuple[Any, ...]]], Any]:
    """What answers a request: the name of a function below, and its arguments."""
    answers: dict[str, Callable[..., Any]] = {"update": update, "gradients": gradients}
    return lambda request: answers[request[0]](*request[1])


@functools.cache
def mesh() -> jax.sharding.Mesh:
    """The devices in a row."""
    return jax.sharding.Mesh(jax.devices()[:DEVICES], ("devices",))


def sharding(shape: tuple[int, ...], cut: str) -> NamedSharding:
    """By rows, by columns or not: JAX cuts into equal parts, so what does not divide is whole."""
    axis = {"rows": 0, "columns": len(shape) - 1}.get(cut)
    if axis is None or not shape or shape[axis] % DEVICES:
        return NamedSharding(mesh(), P())
    return NamedSharding(mesh(), P(*[None] * axis, "devices"))


@functools.lru_cache(maxsize=64)
def compiled(
    expression: str,
    hyperparameters: tuple[tuple[str, float], ...],
    shapes: tuple[tuple[int, ...], ...],
    dtype: str,
    cut: str,
) -> tuple[Any, Any, list[NamedSharding], Any]:
    """The optimizer's init and update, and how parameters and state are cut."""
    optimizer = eval(expression, {"optax": optax, **dict(hyperparameters)})
    like = [Like(shape, dtype) for shape in shapes]
    cuts = [sharding(shape, cut) for shape in shapes]
    state = jax.eval_shape(optimizer.init, like)
    state_cuts = optax.tree.map_params(
        optimizer,
        lambda _, each: each,
        state,
        cuts,
        transform_non_params=lambda _: NamedSharding(mesh(), P()),
    )

    def step(gradients: Any, state: Any, parameters: Any) -> tuple[Any, Any]:
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    init = jax.jit(optimizer.init, in_shardings=(cuts,), out_shardings=state_cuts)
    jitted = jax.jit(step, in_shardings=(cuts, state_cuts, cuts), out_shardings=(cuts, state_cuts))
    return init, jitted, cuts, state_cuts


def update(
    expression: str, names: dict[str, str], cut: str, case: Case, stop: int | None
) -> list[Gathered]:
    """What is shown after each update."""
    shapes = tuple(array.shape for array in case.parameters)
    hyperparameters = tuple(case.hyperparameters.items())
    init, step, cuts, state_cuts = compiled(expression, hyperparameters, shapes, case.dtype, cut)

    def placed(arrays: Sequence[Any]) -> list[Any]:
        pairs = zip(arrays, cuts, strict=True)
        return [jax.device_put(np.array(array, case.dtype), where) for array, where in pairs]

    parameters = placed(case.parameters)
    state, shown = init(parameters), []
    for count, arrays in enumerate(case.gradients):
        if count == stop:
            saved = jax.tree.map(np.asarray, state)
            state = jax.tree.map(jax.device_put, saved, state_cuts)
            parameters = placed([np.asarray(array) for array in parameters])
        parameters, state = step(placed(arrays), state, parameters)
        shown.append(gathered(parameters, state, names))
    return shown


def gathered(parameters: Sequence[Any], state: Any, names: dict[str, str]) -> Gathered:
    """The parameters once, and once more for each device that has them all; the state by name."""
    found = {
        ours: optax.tree.get(state, theirs)
        for theirs, ours in names.items()
        if optax.tree.get(state, theirs) is not None
    }
    everywhere = all(array.is_fully_replicated for array in parameters)
    copies = range(DEVICES) if everywhere else [None]
    return Gathered(
        copies=tuple(tuple(copy_of(array, device) for array in parameters) for device in copies),
        state={name: tuple(map(whole, arrays)) for name, arrays in found.items()},
        held=tuple(
            tuple(
                sum(each[index].addressable_shards[device].data.size for each in found.values())
                for index in range(len(parameters))
            )
            for device in range(DEVICES)
        ),
    )


def copy_of(array: Any, device: int | None) -> Any:
    """The array put together, or as one device has it."""
    return whole(array if device is None else array.addressable_shards[device].data)


def whole(array: Any) -> Any:
    """The numbers of an array, put together."""
    return np.asarray(array).astype(np.float64)


def loss(weights: Any, inputs: Any, targets: Any) -> Any:
    """Half the mean squared error of a linear model."""
    return jnp.mean((inputs @ weights - targets) ** 2) / 2


@functools.cache
def mean_gradient(how: str) -> Any:
    """The gradient of a batch that is cut over the devices, on every device."""
    if how == "jit":
        examples, everywhere = NamedSharding(mesh(), P("devices")), NamedSharding(mesh(), P())
        return jax.jit(
            jax.grad(loss),
            in_shardings=(everywhere, examples, examples),
            out_shardings=everywhere,
        )

    def mean_loss(weights: Any, inputs: Any, targets: Any) -> Any:
        return pmean(loss(weights, inputs, targets), "devices")

    def of_shares(weights: Any, inputs: Any, targets: Any) -> Any:
        if how == "pmean of losses":
            return jax.grad(mean_loss)(weights, inputs, targets)
        own = jax.grad(loss)(weights, inputs, targets)
        if how == "pmean of gradients":
            return pmean(own, "devices")
        return psum(own, "devices") / DEVICES

    parts = (P(), P("devices"), P("devices"))
    # Checked, the derivative in weights that all devices share is a sum over the devices already.
    checked = how == "pmean of losses"
    return jax.jit(
        shard_map(of_shares, mesh=mesh(), in_specs=parts, out_specs=P(), check_vma=checked)
    )


def gradients(how: str, batch: Batch, dtype: str) -> list[Any]:
    """The gradient as each device has it."""
    arrays = (np.array(x, dtype) for x in (batch.weights, batch.inputs, batch.targets))
    found = mean_gradient(how)(*arrays)
    return [copy_of(found, device) for device in range(DEVICES)]
