"""Several devices, simulated one after the other in this process."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.interface import Claim
from optcheck.backends.numpy._parts import Array, State
from optcheck.backends.numpy.adam import adam_outside, adamw
from optcheck.backends.numpy.adaptive import adagrad_outside, rmsprop_outside
from optcheck.backends.numpy.momentum import momentum_outside

rules = FunctionTraining()

DEVICES = 4

Update = Callable[..., None]


class Devices:
    """What each device has: ``parts[array][device]``, and as many states. They share no memory."""

    def __init__(
        self, parameters: Sequence[Array], devices: int, *, update: Update, **h: float
    ) -> None:
        self.update = update
        self.devices = devices
        self.hyperparameters = h
        self.shapes = [array.shape for array in parameters]
        self.parts = [self.cut(index, array) for index, array in enumerate(parameters)]
        self.states: list[list[State]] = [[{} for _ in parts] for parts in self.parts]

    def cut(self, index: int, array: Array) -> list[Array]:
        """What each device has of the array; nothing is an array without elements."""
        raise NotImplementedError

    def joined(self, index: int, parts: Sequence[Array]) -> Array:
        """The array of which these are the parts."""
        raise NotImplementedError

    def step(self, gradients: Sequence[Array]) -> None:
        """One update by each device."""
        for index, gradient in enumerate(gradients):
            pieces = self.cut(index, gradient)
            for part, piece, state in zip(
                self.parts[index], pieces, self.states[index], strict=True
            ):
                self.update(part, piece, state, **self.hyperparameters)

    def copies(self) -> list[list[Array]]:
        """The parameters, once for each whole copy of them."""
        return [[self.joined(index, parts) for index, parts in enumerate(self.parts)]]

    def state(self) -> dict[str, list[Array]]:
        """The state, put together."""
        names = [name for name, value in self.states[0][0].items() if np.ndim(value)]
        return {
            name: [
                self.joined(index, [state[name] for state in states])
                for index, states in enumerate(self.states)
            ]
            for name in names
        }

    def held(self) -> list[list[int]]:
        """How many numbers of the state of each array each device has."""
        return [
            [
                sum(np.size(value) for value in each[device].values() if np.ndim(value))
                for each in self.states
            ]
            for device in range(self.devices)
        ]

    def save(self) -> bytes:
        """The states of all devices."""
        return pickle.dumps(self.states)

    def load(self, saved: bytes) -> None:
        """Go on from what ``save`` returned."""
        self.states = pickle.loads(saved)


class Rows(Devices):
    """Arrays are cut along their first axis; the first devices have what is left over."""

    axis = 0

    def cut(self, index: int, array: Array) -> list[Array]:
        parts = np.array_split(np.atleast_1d(array), self.devices, axis=self.axis)
        return [part.copy() for part in parts]

    def joined(self, index: int, parts: Sequence[Array]) -> Array:
        return np.concatenate(parts, axis=self.axis).reshape(self.shapes[index])


class Columns(Rows):
    """Arrays are cut along their last axis."""

    axis = -1


class Copies(Devices):
    """Each device has everything, and does the same as all others."""

    def cut(self, index: int, array: Array) -> list[Array]:
        return [np.atleast_1d(array).copy() for _ in range(self.devices)]

    def joined(self, index: int, parts: Sequence[Array]) -> Array:
        return parts[0].reshape(self.shapes[index])

    def copies(self) -> list[list[Array]]:
        arrays = list(enumerate(self.parts))
        return [
            [self.joined(index, [parts[device]]) for index, parts in arrays]
            for device in range(self.devices)
        ]


class Owners(Devices):
    """Each array is updated by one device, which has its state, and sent to all others."""

    def __init__(self, parameters: Sequence[Array], devices: int, **h: Any) -> None:
        self.owners = owners([array.size for array in parameters], devices)
        super().__init__(parameters, devices, **h)
        self.received = [[array.copy() for array in parameters] for _ in range(devices)]

    def cut(self, index: int, array: Array) -> list[Array]:
        flat = array.ravel()
        mine = range(self.devices)
        return [flat[: flat.size * (device == self.owners[index])].copy() for device in mine]

    def joined(self, index: int, parts: Sequence[Array]) -> Array:
        return parts[self.owners[index]].reshape(self.shapes[index])

    def step(self, gradients: Sequence[Array]) -> None:
        super().step(gradients)
        for index, parts in enumerate(self.parts):
            for received in self.received:
                received[index] = self.joined(index, parts).copy()

    def copies(self) -> list[list[Array]]:
        return self.received


def owners(sizes: Sequence[int], devices: int) -> list[int]:
    """Who updates each array: from the largest on, whoever has least so far."""
    load, owner = [0] * devices, [0] * len(sizes)
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        owner[index] = int(np.argmin(load))
        load[owner[index]] += sizes[index]
    return owner


class Scattered(Rows):
    """Rows, whose gradients are the means of those that the devices have computed."""

    def step(self, gradients: Sequence[Array]) -> None:
        super().step([self.reduced(self.local(gradient)) for gradient in gradients])

    def local(self, mean: Array) -> list[Array]:
        """Gradients of the devices with this mean: that of the first one is not 0."""
        return [mean * self.devices, *(np.zeros_like(mean) for _ in range(self.devices - 1))]

    def reduced(self, local: Sequence[Array]) -> Array:
        """The mean over the devices."""
        return np.asarray(np.sum(local, axis=0) / self.devices)


UPDATES: dict[str, tuple[Update, Claim]] = {
    "adam": (adam_outside, Claim("adam", "epsilon-outside-root")),
    "adamw": (adamw, Claim("adamw", "decoupled")),
    "momentum": (momentum_outside, Claim("momentum", "learning-rate-outside")),
    "adagrad": (adagrad_outside, Claim("adagrad", "epsilon-outside-root")),
    "rmsprop": (rmsprop_outside, Claim("rmsprop", "epsilon-outside-root")),
}


def on_devices(layout: type[Devices], update: Update) -> Callable[..., Devices]:
    """The update rule in the layout, to be started with parameters and hyper-parameters."""

    def started(parameters: Sequence[Array], devices: int, **h: float) -> Devices:
        return layout(parameters, devices, update=update, **h)

    return started


for _dialect, _layout, _cut in (
    ("sharded", Rows, {"cut": "rows"}),
    ("sharded", Columns, {"cut": "columns"}),
    ("replicated", Copies, {}),
    ("zero-redundancy", Owners, {}),
    ("fully-sharded", Scattered, {}),
):
    for _name, (_update, _claim) in UPDATES.items():
        rules.distribution(
            "sharded-update",
            dialect=_dialect,
            devices=DEVICES,
            update=_claim,
            options={"rule": _name, **_cut},
        )(on_devices(_layout, _update))


def share_gradients(
    weights: Array, inputs: Array, targets: Array, shares: Sequence[int]
) -> list[Array]:
    """The gradient of half the mean squared error of each share."""
    ends = np.cumsum(shares)[:-1]
    return [
        x.T @ (x @ weights - y) / len(y)
        for x, y in zip(np.split(inputs, ends), np.split(targets, ends), strict=True)
    ]


@rules.distribution("data-parallel-gradient", dialect="mean", devices=DEVICES)
def mean(weights: Array, inputs: Array, targets: Array, shares: Sequence[int]) -> list[Array]:
    """The mean of the gradients of all devices, which each of them receives."""
    gradients = share_gradients(weights, inputs, targets, shares)
    return [np.sum(gradients, axis=0) / len(shares)] * len(shares)
