"""Schedules that follow each other, and schedules that multiply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optcheck.reference.domains import non_negative, open_unit_interval, unit_interval
from optcheck.reference.registry import equation
from optcheck.reference.schedules import decay
from optcheck.reference.schedules.cosine import cosine, cosine_factor, cosine_recursion
from optcheck.reference.schedules.record import (
    FACTOR,
    RATE,
    SHARE,
    STEPS,
    ClosedForm,
    Given,
    Recursion,
    Schedule,
    schedule,
)
from optcheck.reference.schedules.warm_up import (
    constant_warm_up_recursion,
    shares,
    warm_up,
    warm_up_offset,
    warm_up_recursion,
    warm_up_start,
)

_JOINED = (
    r"\eta^{(\tau)}=w(\tau)\ (\tau<\tau_{\text{warm}}),"
    r"\qquad\eta^{(\tau)}=d(\tau-\tau_{\text{warm}})\ (\tau\ge\tau_{\text{warm}})"
)
_BOTH = ("torch:optim.lr_scheduler.SequentialLR", "optax:join_schedules")


def _later(h: Any) -> Any:
    """What the schedule after the warm-up is told: its own steps."""
    later = h.at(h.count - int(h.given["warm_up_steps"]))
    later.initial_rate = h.learning_rate
    return later


def _join(first: ClosedForm, second: ClosedForm) -> ClosedForm:
    return lambda h: first(h) if h.count < h.given["warm_up_steps"] else second(_later(h))


def _recursion(begin: ClosedForm, second: Recursion) -> Recursion:
    """A recursion that begins anew after the warm-up, from a closed form."""

    def recursion(previous: Any, tau: int, h: Any) -> Any:
        after = tau - int(h.given["warm_up_steps"])
        if after < 0:
            return warm_up_recursion(previous, tau, h)
        return second(previous, after, _later(h)) if after else begin(_later(h))

    return recursion


@equation(
    "warm-up-cosine-schedule",
    title="Linear warm-up, then a cosine",
    formula=_JOINED,
    sources=("optax:warmup_cosine_decay_schedule", _BOTH[0]),
)
def warm_up_cosine(h: Any) -> Any:
    """The rate at ``h.step``."""
    return _join(warm_up, cosine)(h)


@equation(
    "warm-up-exponential-schedule",
    title="Linear warm-up, then an exponential",
    formula=_JOINED,
    sources=("optax:warmup_exponential_decay_schedule", _BOTH[0]),
)
def warm_up_exponential(h: Any) -> Any:
    """The rate at ``h.step``."""
    return _join(warm_up, decay.exponential)(h)


@equation(
    "warm-up-linear-schedule", title="Linear warm-up, then a line", formula=_JOINED, sources=_BOTH
)
def warm_up_linear(h: Any) -> Any:
    """The rate at ``h.step``."""
    return _join(warm_up, decay.linear)(h)


@equation(
    "repeated-warm-up-cosine",
    title="Two rounds of warm-up and cosine, the second to a peak of its own",
    formula=(
        r"\eta^{(\tau)}=r(\tau,\eta)\ (\tau<P),\qquad\eta^{(\tau)}=r(\tau-P,q\,\eta)\ (\tau\ge P)"
    ),
    sources=("optax:sgdr_schedule", "loshchilov-hutter:SGDR"),
)
def repeated_warm_up_cosine(h: Any) -> Any:
    """The rate at ``h.step``."""
    return warm_up_cosine(_round(h))


def _round(h: Any) -> Any:
    period = int(h.given["warm_up_steps"] + h.given["decay_steps"])
    if h.count < period:
        return h
    again = h.at(h.count - period)
    again.learning_rate = h.learning_rate * h.peak_factor
    return again


def _repeated_factor(h: Any) -> Any:
    return _join(warm_up_offset, cosine_factor)(_round(h))


@equation(
    "chained-schedule",
    title="Constant warm-up times an exponential",
    formula=r"\eta^{(\tau)}=\eta\,f(\tau)\,c^{\tau/s}",
    sources=("torch:optim.lr_scheduler.ChainedScheduler",),
)
def chained(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.learning_rate * shares(h) * h.decay_factor ** (h.step / h.decay_steps)


def _chained_recursion(previous: Any, tau: int, h: Any) -> Any:
    return constant_warm_up_recursion(previous, tau, h) * h.decay_factor ** (1 / h.decay_steps)


def _cosine_recursion(previous: Any, tau: int, h: Any) -> Any:
    return previous if tau > h.given["decay_steps"] else cosine_recursion(previous, tau, h)


_WARM_UP = {
    "learning_rate": RATE,
    "start_factor": unit_interval(0.0, 0.25, 0.5),
    "warm_up_steps": STEPS,
}
_END = {"decay_steps": STEPS, "final_rate": non_negative(0.01, 0.0, 0.001)}
_EXPONENTIAL = {"decay_factor": FACTOR, "decay_steps": STEPS}


def _after(rounds: int = 1) -> Callable[[Given], int]:
    return lambda h: rounds * int(h["warm_up_steps"] + h["decay_steps"])


schedule(
    Schedule(
        id="warm-up-cosine-schedule",
        title="Linear warm-up, then a cosine",
        source="optax:warmup_cosine_decay_schedule",
        hyperparameters={**_WARM_UP, **_END},
        equations=("warm-up-cosine-schedule",),
        closed_form=warm_up_cosine,
        recursion=_recursion(cosine, _cosine_recursion),
        forms={"factor-form": _join(warm_up_offset, cosine_factor)},
        first=warm_up_start,
        end=_after(),
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
schedule(
    Schedule(
        id="warm-up-exponential-schedule",
        title="Linear warm-up, then an exponential",
        source="optax:warmup_exponential_decay_schedule",
        hyperparameters={**_WARM_UP, **_EXPONENTIAL},
        equations=("warm-up-exponential-schedule",),
        closed_form=warm_up_exponential,
        recursion=_recursion(decay.exponential, decay.exponential_recursion),
        forms={"offset-form": _join(warm_up_offset, decay.exponential)},
        first=warm_up_start,
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
schedule(
    Schedule(
        id="warm-up-linear-schedule",
        title="Linear warm-up, then a line",
        source=_BOTH[1],
        hyperparameters={**_WARM_UP, **_END},
        equations=("warm-up-linear-schedule",),
        closed_form=warm_up_linear,
        recursion=_recursion(decay.linear_factor, decay.linear_recursion),
        forms={"offset-form": _join(warm_up_offset, decay.linear_offset)},
        first=warm_up_start,
        end=_after(),
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
schedule(
    Schedule(
        id="repeated-warm-up-cosine",
        title="Two rounds of warm-up and cosine",
        source="optax:sgdr_schedule",
        hyperparameters={**_WARM_UP, **_END, "peak_factor": open_unit_interval(0.5, 1.0, 0.1)},
        equations=("repeated-warm-up-cosine",),
        closed_form=repeated_warm_up_cosine,
        forms={"factor-form": _repeated_factor},
        first=warm_up_start,
        end=_after(2),
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
schedule(
    Schedule(
        id="chained-schedule",
        title="Constant warm-up times an exponential",
        source="torch:optim.lr_scheduler.ChainedScheduler",
        hyperparameters={**_WARM_UP, "start_factor": SHARE, **_EXPONENTIAL},
        equations=("chained-schedule",),
        closed_form=chained,
        recursion=_chained_recursion,
        first=warm_up_start,
    )
)
