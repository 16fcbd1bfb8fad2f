"""Laws of several devices: cut up, an update and a gradient are what they are on one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.interface import Case, Claim, Floats
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.strategies import Layout, hyperparameters, representable, split
from optcheck.properties.trace import describe, flat, require, under_test
from optcheck.properties.update_rules import larger, positions_of
from optcheck.reference import FORMATS, METHODS
from optcheck.reference.distribution import LAYOUTS, linear_gradient

STEPS = 3
FEATURES = 3


@dataclass(frozen=True)
class _UpdateRule:
    """The update rule that is spread over the devices, as the oracle asks for it."""

    claim: Claim


def _on_one_device(subject: Subject) -> Subject:
    update: Claim = subject.rule.update
    record = METHODS[update.method]
    return Subject(
        subject.backend,
        _UpdateRule(update),
        "update-rule",
        record,
        subject.dtype,
        subject.device,
        subject.strategies,
    )


def _odd_shapes(devices: int) -> Layout:
    """Both axes divide, one does or none; an array for each device but one, or for one alone."""
    return ((2 * devices, 3), (3, devices), (devices + 1,), (devices - 1,), (1,), ())


def _even_shapes(devices: int, layout: str) -> Layout:
    """The first axis of every array, and the last, is a multiple of the number of devices.

    Where arrays are handed out one by one there are more of them than devices.
    """
    more = 2 * devices if LAYOUTS[layout].state == "some" else 1
    return ((devices, devices), (2 * devices, devices), *((devices,),) * more)


def _draw_case(subject: Subject, data: st.DataObject, shapes: Sequence[tuple[int, ...]]) -> Case:
    """Numbers that are all different, so that none can pass for another one."""
    taken = tuple(shape for shape in shapes if subject.rule.takes(shape))
    inner = _on_one_device(subject)
    domains = inner.record.domains(inner.claim.dialect)
    h = data.draw(
        hyperparameters(domains, inner.claim, constraint=inner.record.constraint),
        label="hyperparameters",
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="seed"))
    count = sum(math.prod(shape) for shape in taken)
    rows = representable(random.normal(size=(STEPS + 1, count)), FORMATS[subject.dtype])
    start, *gradients = (split(row, taken) for row in rows)
    return Case(h, start, tuple(gradients), subject.dtype)


def _run(subject: Subject, case: Case, stop: int | None = None) -> Sequence[Gathered]:
    with under_test(subject, lambda: describe(case)):
        shown: Sequence[Gathered] = subject.rule.run(case, stop)
    return shown


def _is_update(subject: Subject) -> bool:
    return bool(subject.record.id == "sharded-update")


def _is_gradient(subject: Subject) -> bool:
    return bool(subject.record.id == "data-parallel-gradient")


@law(
    id="sharded-update-is-the-update",
    title="An update on several devices is the update on one",
    statement=(
        f"Over {STEPS} updates of parameters of shapes that the number of devices divides and of "
        "shapes that it does not, some with fewer elements than there are devices, every whole "
        "copy of the parameters, and the state put together, has the exact value of the "
        "equation, within the rounding that a correct implementation on one device may do."
    ),
    oracle="exact",
    capability="distribution",
    equations=("update-of-parts",),
    about=_is_update,
    one_dtype=True,
    share=0.1,
)
def sharded_update_is_the_update(subject: Subject, data: st.DataObject) -> float:
    case = _draw_case(subject, data, _odd_shapes(subject.rule.devices))
    positions = positions_of(_on_one_device(subject), case)
    worst = float("nan")
    shown = _run(subject, case)
    for step, (gathered, position) in enumerate(zip(shown, positions, strict=True), start=1):
        vectors = [("parameter", copy) for copy in gathered.copies]
        vectors += [(name, each) for name, each in gathered.state.items()]
        for name, arrays in vectors:
            ratio = require(
                position.vectors[name],
                flat(arrays),
                what=f"{subject.name}: {name} after step {step}",
                counterexample=lambda step=step: describe(case.until(step)),  # type: ignore[misc]
                body=lambda step=step, name=name: subject.rule.script(case.until(step), name),  # type: ignore[misc]
            )
            worst = larger(worst, ratio)
    return worst


@law(
    id="shards-hold-their-part",
    title="Each device has its part of the state, and all have one copy",
    statement=(
        "After an update the numbers of state that the devices have in memory add up to one copy "
        "of it, or to one for each device where it is replicated. Of P devices each has 1/P of "
        "every array that is cut; of arrays handed out one by one none has more than 1/P of all "
        "and the largest of them."
    ),
    oracle="exact",
    capability="distribution",
    equations=("state-of-parts",),
    about=_is_update,
    every_path=False,
    one_dtype=True,
    share=0.05,
)
def shards_hold_their_part(subject: Subject, data: st.DataObject) -> float:
    devices, layout = subject.rule.devices, LAYOUTS[subject.claim.dialect]
    case = _draw_case(subject, data, _even_shapes(devices, subject.claim.dialect))
    gathered = _run(subject, case)[-1]
    if not gathered.state:
        raise NotShown(f"{subject.name} shows no state")
    sizes = [array.size * len(gathered.state) for array in case.parameters]
    told = {**describe(case), "held": gathered.held}
    in_all = sum(map(sum, gathered.held))
    if in_all != layout.copies(devices) * sum(sizes):
        raise Deviation(
            f"{subject.name}: {devices} devices have {in_all} numbers of state in all, for "
            f"{sum(sizes)} in a copy and {layout.copies(devices)} copies",
            counterexample=told,
        )
    for device, held in enumerate(gathered.held):
        if not layout.conforms(held, sizes, devices):
            raise Deviation(
                f"{subject.name}: of arrays with {sizes} numbers of state device {device} of "
                f"{devices} has {list(held)}",
                counterexample=told,
            )
    return 0.0


@law(
    id="sharded-state-resumes",
    title="State saved from several devices goes on as if nothing had been",
    statement=(
        "The state of all devices, saved by the library's own means in the middle of a run and "
        "loaded into a new optimizer, leads to bit for bit the same parameters as no stop."
    ),
    oracle="identity",
    capability="distribution",
    equations=("update-of-parts",),
    about=_is_update,
    one_dtype=True,
    share=0.05,
)
def sharded_state_resumes(subject: Subject, data: st.DataObject) -> float:
    case = _draw_case(subject, data, _odd_shapes(subject.rule.devices))
    stop = data.draw(st.integers(1, STEPS - 1), label="stop after")
    whole, resumed = _run(subject, case)[-1], _run(subject, case, stop)[-1]
    for expected, computed in zip(whole.copies, resumed.copies, strict=True):
        if not np.array_equal(flat(expected), flat(computed), equal_nan=True):
            raise Deviation(
                f"{subject.name}: saved after step {stop} of {STEPS} and resumed, it ends at "
                f"{flat(computed).tolist()}, without stopping at {flat(expected).tolist()}",
                counterexample={**describe(case), "stop": stop},
            )
    return 0.0


def _draw_batch(subject: Subject, data: st.DataObject, shares: Sequence[int]) -> Batch:
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="seed"))
    examples = sum(shares)
    numbers = random.normal(size=FEATURES + examples * FEATURES + examples)
    rounded = representable(numbers, FORMATS[subject.dtype])
    layout = ((FEATURES,), (examples, FEATURES), (examples,))
    weights, inputs, targets = split(rounded, layout)
    return Batch(weights, inputs, targets, tuple(shares))


def _judge_gradients(subject: Subject, batch: Batch) -> float:
    quantity = linear_gradient(
        batch.weights, batch.inputs, batch.targets, batch.shares, subject.working
    )

    def told() -> dict[str, Any]:
        arrays: dict[str, Floats] = {
            "weights": batch.weights,
            "inputs": batch.inputs,
            "targets": batch.targets,
        }
        plain = {name: array.tolist() for name, array in arrays.items()}
        return {**plain, "shares": list(batch.shares)}

    with under_test(subject, told):
        gradients = subject.rule.gradients(batch, dtype=subject.dtype)
    if len(gradients) != subject.rule.devices:
        raise Deviation(
            f"{subject.name}: {len(gradients)} gradients on {subject.rule.devices} devices",
            counterexample=told(),
        )
    ratios = [
        require(
            quantity,
            np.asarray(gradient).ravel(),
            what=f"{subject.name}: gradient on device {device} of {list(batch.shares)} examples",
            counterexample=told,
            body=lambda: subject.rule.script(batch, dtype=subject.dtype),
        )
        for device, gradient in enumerate(gradients)
    ]
    return float(np.fmax.reduce(ratios))


@law(
    id="data-parallel-mean-is-the-full-batch-gradient",
    title="The mean of the devices' gradients is the gradient of the whole batch",
    statement=(
        "With as many examples on every device, the mean over the devices of the gradients of "
        "their mean losses is, on every device, the gradient of the mean over all examples: the "
        "exact value for a linear model with squared error, within the rounding of its sums."
    ),
    oracle="exact",
    capability="distribution",
    equations=("batch-gradient-additive-parallel", "sgd-minibatch-mean-algorithm"),
    about=_is_gradient,
    share=0.2,
)
def data_parallel_mean_is_the_full_batch_gradient(subject: Subject, data: st.DataObject) -> float:
    each = data.draw(st.integers(1, 3), label="examples on each device")
    return _judge_gradients(subject, _draw_batch(subject, data, (each,) * subject.rule.devices))


def _needs_equal_shares(subject: Subject) -> str | None:
    return None if subject.rule.unequal else "takes as many examples on every device alone"


@law(
    id="unequal-shares-weigh-alike",
    title="A device with few examples weighs as much as one with many",
    statement=(
        "With unequal numbers of examples the mean over the devices is the mean of the means of "
        "the shares, on every device, and not the gradient of the whole batch: each example of a "
        "small share weighs more, as the documentation of such means says."
    ),
    oracle="exact",
    capability="distribution",
    equations=("minibatch-gd-partition-update",),
    about=_is_gradient,
    excused=_needs_equal_shares,
    share=0.2,
)
def unequal_shares_weigh_alike(subject: Subject, data: st.DataObject) -> float:
    most = subject.rule.devices + 1
    shares = [most - device for device in range(subject.rule.devices)]
    order = data.draw(st.permutations(shares), label="examples on each device")
    return _judge_gradients(subject, _draw_batch(subject, data, order))
