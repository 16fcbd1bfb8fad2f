"""Drawing minibatches from a loader, and saying what it drew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from optcheck.properties.law import Deviation, Subject
from optcheck.properties.trace import under_test
from optcheck.reference.sampling.loaders import DIVISIONS, Division

Epochs = list[list[list[int]]]
Indices = npt.NDArray[np.int64]

# Of the statistics. Numbers that two replicas can share, and few: each is compiled for.
FEW, MANY = 8, 192


@dataclass(frozen=True)
class Plan:
    """What a loader is asked for."""

    examples: int
    batch_size: int
    epochs: int
    seed: int

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)


def division(subject: Subject) -> Division:
    """What the subject's dialect does with an epoch."""
    return DIVISIONS[subject.claim.dialect]


def is_random(subject: Subject) -> bool:
    """Whether the order is left to chance."""
    return division(subject).order != "in-order"


def seeds() -> st.SearchStrategy[int]:
    """Seeds of 31 bits, which every library takes."""
    return st.integers(0, 2**31 - 1)


def draw_plan(subject: Subject, data: st.DataObject, epochs: int) -> Plan:
    """Any number of examples in batches of any size, larger than all of them too."""
    compiled = subject.claim.compilation != "none"
    numbers = st.sampled_from((FEW, MANY)) if compiled else st.integers(1, 24)
    examples = data.draw(numbers, label="examples")
    sizes = st.one_of(st.integers(1, 1 + examples // 3), st.integers(1, examples + 2))
    allowed = sizes.filter(lambda size: subject.claim.limits({"batch_size": size}) is None)
    batch_size = data.draw(allowed, label="batch size")
    return Plan(
        examples,
        batch_size,
        data.draw(st.integers(1, epochs), label="epochs"),
        data.draw(seeds(), label="seed"),
    )


def draw(subject: Subject, plan: Plan) -> Epochs:
    """The batches of each epoch; all indices are those of examples."""
    with under_test(subject, plan.describe):
        drawn = subject.rule.epochs(**plan.describe())
    epochs = [[[int(i) for i in batch] for batch in epoch] for epoch in drawn]
    if len(epochs) != plan.epochs:
        raise deviation(subject, plan, f"draws {len(epochs)} epochs for {plan.epochs}")
    for epoch in epochs:
        strange = [i for batch in epoch for i in batch if not 0 <= i < plan.examples]
        if strange:
            message = f"draws examples {strange} of {plan.examples}, which are counted from 0"
            raise deviation(subject, plan, message, batches=epoch)
    return epochs


def joined(epoch: list[list[int]]) -> list[int]:
    """The indices of an epoch, one batch after the other."""
    return [i for batch in epoch for i in batch]


def orders(subject: Subject, plan: Plan) -> Indices:
    """The indices of each epoch, shape ``(epochs, drawn)``; all epochs have the right length."""
    rows = [joined(epoch) for epoch in draw(subject, plan)]
    expected = division(subject).drawn(plan.examples, plan.batch_size)
    for row in rows:
        if len(row) != expected:
            raise deviation(subject, plan, f"draws {len(row)} examples an epoch for {expected}")
    return np.array(rows, dtype=np.int64)


def first_batches(subject: Subject, plan: Plan) -> Indices:
    """The first batch of each epoch, shape ``(epochs, batch_size)``; each is full."""
    batches = [epoch[0] if epoch else [] for epoch in draw(subject, plan)]
    return np.array(list(_full(subject, plan, batches)), dtype=np.int64)


def _full(subject: Subject, plan: Plan, batches: list[list[int]]) -> Iterator[list[int]]:
    for batch in batches:
        if len(batch) != plan.batch_size:
            message = f"draws {len(batch)} examples for a batch of {plan.batch_size}"
            raise deviation(subject, plan, message)
        yield batch


def deviation(
    subject: Subject, plan: Plan, message: str, ratio: float = float("inf"), **more: Any
) -> Deviation:
    """A deviation of a loader, with its plan and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample={**plan.describe(), **more},
        script=lambda: f'"""{title}"""\n\n{subject.rule.script(**plan.describe())}',
    )
