"""Wrong updates and gradients on several devices."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from wrong_variants import Family, Slip, fixed

from optcheck.backends.numpy import distribution
from optcheck.backends.numpy.distribution import (
    DEVICES,
    UPDATES,
    Copies,
    Devices,
    Owners,
    Rows,
    Scattered,
    on_devices,
    share_gradients,
)

UPDATE = ("sharded-update-is-the-update",)
PART = ("shards-hold-their-part",)
RESUMES = ("sharded-state-resumes",)
EQUAL = ("data-parallel-mean-is-the-full-batch-gradient",)
UNEQUAL = ("unequal-shares-weigh-alike",)

ADAM, ADAM_CLAIM = UPDATES["adam"]


def wrong(layout: type[Devices], **methods: Callable[..., Any]) -> type[Devices]:
    """The layout with other methods."""
    return type(f"Wrong{layout.__name__}", (layout,), methods)


def _slip(name: str, what: str, laws: tuple[str, ...], layout: type[Devices]) -> Slip:
    return Slip(name, what, laws, fixed(on_devices(layout, ADAM)))


def _first_alone(states: list[list[Any]]) -> list[list[Any]]:
    return [[first, *({} for _ in others)] for first, *others in states]


def _saved_by_the_first(layout: type[Devices]) -> Slip:
    return _slip(
        "first-device-saved",
        "saves the state of the first device alone",
        RESUMES,
        wrong(layout, save=lambda self: pickle.dumps(_first_alone(self.states))),
    )


def _without_rest(layout: type[Devices]) -> Slip:
    def step(self: Devices, gradients: Sequence[Any]) -> None:
        kept = [np.atleast_1d(gradient.copy()) for gradient in gradients]
        for gradient in kept:
            gradient[len(gradient) // self.devices * self.devices :] = 0.0
        pairs = zip(kept, gradients, strict=True)
        layout.step(self, [array.reshape(gradient.shape) for array, gradient in pairs])

    return _slip(
        "forgotten-rest",
        "forgets the rows that are left over",
        UPDATE,
        wrong(layout, step=step),
    )


def _gathered_early(layout: type[Devices]) -> Slip:
    def step(self: Any, gradients: Sequence[Any]) -> None:
        self.before = copy.deepcopy(layout.copies(self))
        layout.step(self, gradients)

    return _slip(
        "gathered-early",
        "shows the parameters from before the update",
        UPDATE,
        wrong(layout, step=step, copies=lambda self: self.before),
    )


def _on_the_first(self: Devices, index: int, array: Any) -> list[Any]:
    """The first device has everything."""
    rows = np.atleast_1d(array)
    return [rows.copy(), *(rows[:0].copy() for _ in range(self.devices - 1))]


def _cut_up(layout: type[Devices]) -> list[Slip]:
    """Slips of arrays that are cut."""
    return [
        _without_rest(layout),
        _gathered_early(layout),
        _saved_by_the_first(layout),
        _slip(
            "backwards",
            "puts the parts together backwards",
            UPDATE,
            wrong(layout, joined=lambda self, index, p: layout.joined(self, index, p[::-1])),
        ),
        _slip("whole-state", "keeps all of the state on every device", PART, Copies),
        _slip(
            "one-holds-all",
            "leaves everything on the first device",
            PART,
            wrong(layout, cut=_on_the_first),
        ),
    ]


class FirstAlone(Copies):
    """The first device updates its copy, and nobody else does."""

    def step(self, gradients: Sequence[Any]) -> None:
        others = [[part.copy() for part in parts[1:]] for parts in self.parts]
        super().step(gradients)
        self.parts = [[parts[0], *kept] for parts, kept in zip(self.parts, others, strict=True)]


class Drifting(Copies):
    """Each device counts its steps from a number of its own."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        for states in self.states:
            for device, state in enumerate(states):
                state["step"] = device


COPIES = [
    _slip("first-alone", "updates the first copy alone", UPDATE, FirstAlone),
    _slip("drifting", "has a step count of its own on each device", UPDATE, Drifting),
    _slip(
        "added-up",
        "adds up the gradients of all copies",
        UPDATE,
        wrong(
            Copies,
            step=lambda self, gradients: Copies.step(self, [g * self.devices for g in gradients]),
        ),
    ),
    _slip("one-state", "keeps the state on one device", PART, Owners),
    _saved_by_the_first(Copies),
]


class NotSent(Owners):
    """Each device keeps the values of arrays that others own as they were."""

    def step(self, gradients: Sequence[Any]) -> None:
        Devices.step(self, gradients)
        for index, parts in enumerate(self.parts):
            owner = self.owners[index]
            self.received[owner][index] = self.joined(index, parts).copy()


class FirstOwnsAll(Owners):
    """All arrays belong to the first device."""

    def __init__(self, parameters: Sequence[Any], devices: int, **keywords: Any) -> None:
        super().__init__(parameters, devices, **keywords)
        self.owners = [0] * len(parameters)
        self.parts = [self.cut(index, array) for index, array in enumerate(parameters)]


def _full_rounds_alone(self: Owners, gradients: Sequence[Any]) -> None:
    """Arrays are dealt in rounds; those of an unfinished round belong to nobody."""
    dealt = len(gradients) // self.devices * self.devices
    Owners.step(self, [g * (index < dealt) for index, g in enumerate(gradients)])


OWNERS = [
    _slip("not-sent", "does not send what it has updated", UPDATE, NotSent),
    _slip(
        "full-rounds",
        "forgets the arrays that are left over",
        UPDATE,
        wrong(Owners, step=_full_rounds_alone),
    ),
    _gathered_early(Owners),
    _slip("whole-state", "keeps all of the state on every device", PART, Copies),
    _slip("first-owns-all", "leaves all arrays to the first device", PART, FirstOwnsAll),
    _slip(
        "first-device-saved",
        "saves what the first device owns alone",
        RESUMES,
        wrong(
            Owners,
            save=lambda self: pickle.dumps(
                [
                    states if owner == 0 else [{} for _ in states]
                    for owner, states in zip(self.owners, self.states, strict=True)
                ]
            ),
        ),
    ),
]


def _with_own_gradients(self: Scattered, gradients: Sequence[Any]) -> None:
    """Each device updates its part with the gradient that it has computed itself."""
    for index, gradient in enumerate(gradients):
        own = [self.cut(index, local)[k] for k, local in enumerate(self.local(gradient))]
        for part, piece, state in zip(self.parts[index], own, self.states[index], strict=True):
            self.update(part, piece, state, **self.hyperparameters)


SCATTERED = [
    *_cut_up(Scattered),
    _slip(
        "sum",
        "adds up the gradients of the devices",
        UPDATE,
        wrong(Scattered, reduced=lambda self, local: np.sum(local, axis=0)),
    ),
    _slip(
        "averaged-twice",
        "divides by the number of devices twice",
        UPDATE,
        wrong(Scattered, reduced=lambda self, local: np.mean(local, axis=0) / self.devices),
    ),
    _slip(
        "own-gradient",
        "updates each part with the gradient of its own device",
        UPDATE,
        wrong(Scattered, step=_with_own_gradients),
    ),
]


def _changed(change: Callable[[list[Any], Sequence[int]], list[Any]]) -> Callable[..., Any]:
    """What the devices make of the gradients of their shares."""

    def rule(weights: Any, inputs: Any, targets: Any, shares: Sequence[int]) -> list[Any]:
        return change(share_gradients(weights, inputs, targets, shares), shares)

    return rule


def _to_all(reduce: Callable[[list[Any], Sequence[int]], Any]) -> Callable[..., Any]:
    return _changed(lambda gradients, shares: [reduce(gradients, shares)] * len(shares))


def _mean_slip(name: str, what: str, laws: tuple[str, ...], rule: Callable[..., Any]) -> Slip:
    return Slip(name, what, laws, fixed(rule))


def _of_the_shortest(weights: Any, inputs: Any, targets: Any, shares: Sequence[int]) -> list[Any]:
    """Every share is cut to the size of the smallest."""
    starts, least = np.cumsum([0, *shares[:-1]]), min(shares)
    kept = [int(start) + k for start in starts for k in range(least)]
    return distribution.mean(weights, inputs[kept], targets[kept], [least] * len(shares))


MEAN = [
    _mean_slip(
        "sum",
        "adds up the gradients",
        (*EQUAL, *UNEQUAL),
        _to_all(lambda gradients, shares: np.sum(gradients, axis=0)),
    ),
    _mean_slip(
        "averaged-twice",
        "divides by the number of devices twice",
        EQUAL,
        _to_all(lambda gradients, shares: np.mean(gradients, axis=0) / len(shares)),
    ),
    _mean_slip(
        "own-gradient",
        "leaves each device the gradient of its share",
        EQUAL,
        _changed(lambda gradients, shares: gradients),
    ),
    _mean_slip(
        "sent-to-one",
        "sends the mean to the first device alone",
        EQUAL,
        _changed(lambda gradients, shares: [np.mean(gradients, axis=0), *gradients[1:]]),
    ),
    _mean_slip(
        "last-device-forgotten",
        "leaves out the last device",
        EQUAL,
        _to_all(lambda gradients, shares: np.sum(gradients[:-1], axis=0) / len(shares)),
    ),
    _mean_slip(
        "half-precision",
        "sends gradients in float16",
        EQUAL,
        _to_all(lambda gradients, shares: np.mean(np.float16(gradients), axis=0, dtype=float)),
    ),
    _mean_slip(
        "weighted",
        "weighs each device by its examples",
        UNEQUAL,
        _to_all(lambda gradients, shares: np.average(gradients, axis=0, weights=shares)),
    ),
    _mean_slip(
        "shortest",
        "leaves out what is beyond the smallest share",
        UNEQUAL,
        _of_the_shortest,
    ),
]


def _family(dialect: str, layout: type[Devices], slips: list[Slip]) -> Family:
    return Family(
        "sharded-update",
        dialect,
        on_devices(layout, ADAM),
        slips,
        capability="distribution",
        claim={"devices": DEVICES, "update": ADAM_CLAIM},
    )


FAMILIES = [
    _family("sharded", Rows, _cut_up(Rows)),
    _family("replicated", Copies, COPIES),
    _family("zero-redundancy", Owners, OWNERS),
    _family("fully-sharded", Scattered, SCATTERED),
    Family(
        "data-parallel-gradient",
        "mean",
        distribution.mean,
        MEAN,
        capability="distribution",
        claim={"devices": DEVICES},
    ),
]
