"""Learning-rate schedules, in closed form and as libraries chain them from step to step.

All forms of a schedule have the same exact values. They round differently: a recursive
implementation carries the error of every earlier step, so its budget comes from the recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import (
    Domain,
    count,
    negative,
    non_negative,
    open_unit_interval,
    positive,
    unit_interval,
)
from optcheck.reference.functions import exp, floor, minimum
from optcheck.reference.registry import equation, statement

# h holds the hyper-parameters, ``step`` (tau, from 0) and ``given`` (the hyper-parameters as
# plain numbers, for decisions that are not arithmetic).
ClosedForm = Callable[[SimpleNamespace], Any]
Recursion = Callable[[Any, int, SimpleNamespace], Any]


@dataclass(frozen=True)
class Schedule:
    """A learning-rate schedule: the rate at step tau = 0, 1, 2, ...

    ``first`` is the rate at 0, where a recursion begins.
    """

    id: str
    title: str
    source: str
    hyperparameters: Mapping[str, Domain]
    equations: tuple[str, ...]
    closed_form: ClosedForm
    recursion: Recursion | None = None
    offset_form: ClosedForm | None = None
    first: ClosedForm = lambda h: h.initial_rate
    family: str = "schedules"

    @property
    def dialects(self) -> tuple[str, ...]:
        """The orders of operations in which the schedule is computed; all are one function."""
        forms = {"recursive": self.recursion, "offset-form": self.offset_form}
        return ("closed-form", *(name for name, form in forms.items() if form is not None))


SCHEDULES: dict[str, Schedule] = {}


def _schedule(record: Schedule) -> Schedule:
    if record.id in SCHEDULES:
        raise ValueError(f"schedule {record.id!r} is registered twice")
    SCHEDULES[record.id] = record
    return record


@equation(
    "linear-learning-rate-schedule",
    title="Linear decay to a final rate, constant afterwards",
    formula=(
        r"\eta^{(\tau)}=(1-\tau/K)\,\eta^{(0)}+(\tau/K)\,\eta^{(K)}\ (\tau\le K),"
        r"\qquad\eta^{(\tau)}=\eta^{(K)}\ (\tau>K)"
    ),
    sources=("bishop:7.36", "goodfellow:8.14"),
)
def linear(h: Any) -> Any:
    """The rate at ``h.step``."""
    fraction = minimum(h.step, h.decay_steps) / h.decay_steps
    return (1 - fraction) * h.initial_rate + fraction * h.final_rate


@equation(
    "power-law-learning-rate-schedule",
    title="Power law",
    formula=r"\eta^{(\tau)}=\eta^{(0)}(1+\tau/s)^{c},\quad c<0",
    sources=("bishop:7.37",),
    erratum="B12: the sign of c is not given; only c < 0 decays.",
)
def power_law(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * (1 + h.step / h.decay_steps) ** h.exponent


@equation(
    "exponential-learning-rate-schedule-base",
    title="Exponential decay",
    formula=r"\eta^{(\tau)}=\eta^{(0)}c^{\tau/s},\quad0<c<1",
    sources=("bishop:7.38",),
    erratum="B12: the range of c is not given; only 0 < c < 1 decays.",
)
def exponential(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * h.decay_factor ** (h.step / h.decay_steps)


@equation(
    "exponential-learning-rate-schedule-rate",
    title="Exponential decay with a rate",
    formula=r"\alpha(\tau)=\alpha_0e^{-k\tau}",
    sources=("trofimov:slide 'Annealing the Learning Rate'",),
)
def exponential_rate(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * exp(-(h.decay_rate * h.step))


@equation(
    "inverse-time-learning-rate-schedule",
    title="Inverse-time decay",
    formula=r"\alpha(\tau)=\frac{\alpha_0}{1+k\tau}",
    sources=("trofimov:slide 'Annealing the Learning Rate'",),
)
def inverse_time(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate / (1 + h.decay_rate * h.step)


@equation(
    "step-decay-learning-rate-schedule",
    title="Step decay",
    formula=r"\alpha(e)=\alpha_0\,\gamma^{\lfloor e/N\rfloor}",
    sources=("trofimov:slide 'Annealing the Learning Rate'", "prince:sec 6.2.2"),
)
def step_decay(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.initial_rate * h.decay_factor ** floor(h.step / h.decay_steps)


@equation(
    "learning-rate-warm-up",
    title="Linear warm-up; it starts at 0, or at a share of the rate",
    formula=(
        r"\eta^{(\tau)}=\eta\,\big(f+(1-f)\min(1,\tau/\tau_{\text{warm}})\big),"
        r"\quad0\le f<1"
    ),
    sources=("prince:Notes Adaptive training",),
)
def warm_up(h: Any) -> Any:
    """The rate at ``h.step``.

    The texts start at 0, and waste the first update. With ``f`` = 1/(K + 1) and K steps the
    update number t = 1, 2, ... has the rate ``eta min(1, t/(K + 1))``, as others count.
    """
    risen = minimum(h.step, h.warm_up_steps) / h.warm_up_steps
    return h.learning_rate * (h.start_factor + (1 - h.start_factor) * risen)


def _warm_up_start(h: Any) -> Any:
    return h.learning_rate * h.start_factor


def _warm_up_offset(h: Any) -> Any:
    remaining = 1 - minimum(h.step, h.warm_up_steps) / h.warm_up_steps
    return (_warm_up_start(h) - h.learning_rate) * remaining + h.learning_rate


def _warm_up_recursion(previous: Any, tau: int, h: Any) -> Any:
    if tau > h.given["warm_up_steps"]:
        return previous
    if h.given["start_factor"] == 0.0:  # no factor leads away from 0
        return warm_up(h)
    slope = 1 - h.start_factor
    return previous * (1 + slope / (h.warm_up_steps * h.start_factor + (tau - 1) * slope))


def _linear_offset(h: Any) -> Any:
    remaining = 1 - minimum(h.step, h.decay_steps) / h.decay_steps
    return (h.initial_rate - h.final_rate) * remaining + h.final_rate


def _linear_recursion(previous: Any, tau: int, h: Any) -> Any:
    if tau > h.given["decay_steps"]:
        return previous
    slope = h.final_rate / h.initial_rate - 1
    return previous * (1 + slope / (h.decay_steps + (tau - 1) * slope))


def _exponential_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous * h.decay_factor ** (1 / h.decay_steps)


def _exponential_rate_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous * exp(-h.decay_rate)


def _step_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous if tau % int(h.given["decay_steps"]) else previous * h.decay_factor


statement(
    "sgd-with-learning-rate-schedule",
    title="Gradient descent with a scheduled rate; the first update uses the rate at 0",
    formula=(
        r"\mathbf{w}^{(\tau)}=\mathbf{w}^{(\tau-1)}"
        r"-\eta^{(\tau-1)}\nabla E_n(\mathbf{w}^{(\tau-1)})"
    ),
    sources=("bishop:7.35",),
)

_RATE = positive(0.1, 1.0, 0.001)
_STEPS = count(1, 2, 3, 7, 10)
_FACTOR = open_unit_interval(0.5, 0.1, 0.9, 1.0)

LINEAR = _schedule(
    Schedule(
        id="linear-schedule",
        title="Linear schedule",
        source="bishop:7.36",
        hyperparameters={
            "initial_rate": _RATE,
            "final_rate": non_negative(0.01, 0.0, 0.001),
            "decay_steps": _STEPS,
        },
        equations=("linear-learning-rate-schedule",),
        closed_form=linear,
        recursion=_linear_recursion,
        offset_form=_linear_offset,
    )
)
POWER_LAW = _schedule(
    Schedule(
        id="power-law-schedule",
        title="Power-law schedule",
        source="bishop:7.37",
        hyperparameters={
            "initial_rate": _RATE,
            "decay_steps": _STEPS,
            "exponent": negative(-0.5, -1.0, -0.75, -2.0),
        },
        equations=("power-law-learning-rate-schedule",),
        closed_form=power_law,
    )
)
EXPONENTIAL = _schedule(
    Schedule(
        id="exponential-schedule",
        title="Exponential schedule",
        source="bishop:7.38",
        hyperparameters={
            "initial_rate": _RATE,
            "decay_factor": _FACTOR,
            "decay_steps": _STEPS,
        },
        equations=("exponential-learning-rate-schedule-base",),
        closed_form=exponential,
        recursion=_exponential_recursion,
    )
)
EXPONENTIAL_RATE = _schedule(
    Schedule(
        id="exponential-rate-schedule",
        title="Exponential schedule given by its rate",
        source="trofimov:slide 'Annealing the Learning Rate'",
        hyperparameters={
            "initial_rate": _RATE,
            "decay_rate": non_negative(0.1, 1.0, 0.01, 0.0),
        },
        equations=("exponential-learning-rate-schedule-rate",),
        closed_form=exponential_rate,
        recursion=_exponential_rate_recursion,
    )
)
INVERSE_TIME = _schedule(
    Schedule(
        id="inverse-time-schedule",
        title="Inverse-time schedule",
        source="trofimov:slide 'Annealing the Learning Rate'",
        hyperparameters={
            "initial_rate": _RATE,
            "decay_rate": non_negative(0.1, 1.0, 0.01, 0.0),
        },
        equations=("inverse-time-learning-rate-schedule",),
        closed_form=inverse_time,
    )
)
STEP_DECAY = _schedule(
    Schedule(
        id="step-schedule",
        title="Step schedule",
        source="prince:sec 6.2.2",
        hyperparameters={
            "initial_rate": _RATE,
            "decay_factor": _FACTOR,
            "decay_steps": _STEPS,
        },
        equations=("step-decay-learning-rate-schedule",),
        closed_form=step_decay,
        recursion=_step_recursion,
    )
)
LINEAR_WARM_UP = _schedule(
    Schedule(
        id="linear-warm-up",
        title="Linear warm-up",
        source="prince:Notes Adaptive training",
        hyperparameters={
            "learning_rate": _RATE,
            "start_factor": unit_interval(0.0, 0.25, 0.5),
            "warm_up_steps": _STEPS,
        },
        equations=("learning-rate-warm-up",),
        closed_form=warm_up,
        recursion=_warm_up_recursion,
        offset_form=_warm_up_offset,
        first=_warm_up_start,
    )
)
