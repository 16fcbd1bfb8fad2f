"""What a learning-rate schedule is: a closed form, and other ways to compute the same.

All forms of a schedule have the same exact values. They round differently: a recursive
implementation carries the error of every earlier step, so its budget comes from the recursion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import (
    Domain,
    count,
    open_interval,
    open_unit_interval,
    positive,
)

# h holds the hyper-parameters, ``step`` (tau, from 0), ``count`` (tau as an integer), ``given``
# (the hyper-parameters as plain numbers, for decisions that are not arithmetic) and ``at(n)``.
ClosedForm = Callable[[SimpleNamespace], Any]
Recursion = Callable[[Any, int, SimpleNamespace], Any]
Given = Mapping[str, float]


@dataclass(frozen=True)
class Schedule:
    """A learning-rate schedule: the rate at step tau = 0, 1, 2, ...

    ``first`` is the rate at 0, where a recursion begins; ``forms`` are closed forms in another
    order of operations. ``end`` is the step from which on the rate does not change, where there
    is one; ``monotone`` schedules never turn back. ``rises`` are hyper-parameters with which
    the first phase takes no step, and others with which it takes one. ``constraint`` says what is
    wrong with hyper-parameters that do not go together.
    """

    id: str
    title: str
    source: str
    hyperparameters: Mapping[str, Domain]
    equations: tuple[str, ...]
    closed_form: ClosedForm
    recursion: Recursion | None = None
    forms: Mapping[str, ClosedForm] = field(default_factory=dict)
    first: ClosedForm = lambda h: h.initial_rate
    end: Callable[[Given], int] | None = None
    monotone: bool = False
    rises: tuple[Given, Given] | None = None
    constraint: Callable[[Given], str | None] = lambda h: None
    family: str = "schedules"

    @property
    def dialects(self) -> tuple[str, ...]:
        """The orders of operations in which the schedule is computed; all are one function."""
        recursive = () if self.recursion is None else ("recursive",)
        return ("closed-form", *recursive, *self.forms)

    def rates(
        self, dialect: str, steps: int, namespace: Callable[[int], SimpleNamespace]
    ) -> list[Any]:
        """The rates at 0 ... steps - 1, each computed from what ``namespace(tau)`` holds."""
        if dialect != "recursive" or self.recursion is None:
            form = self.forms.get(dialect, self.closed_form)
            return [form(namespace(tau)) for tau in range(steps)]
        rates = [self.first(namespace(0))]
        for tau in range(1, steps):
            rates.append(self.recursion(rates[-1], tau, namespace(tau)))
        return rates


SCHEDULES: dict[str, Schedule] = {}


def schedule(record: Schedule) -> Schedule:
    """Register a schedule."""
    if record.id in SCHEDULES:
        raise ValueError(f"schedule {record.id!r} is registered twice")
    SCHEDULES[record.id] = record
    return record


RATE = positive(0.1, 1.0, 0.001)
STEPS = count(1, 2, 3, 7, 10)
FACTOR = open_unit_interval(0.5, 0.1, 0.9, 1.0)
WHOLE = Domain(0, math.inf, (0, 1, 3, 7), high_included=False, integer=True)
SHARE = open_interval(0.25, 0.5, 0.1)
