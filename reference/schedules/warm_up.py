"""Warm-up: the rate rises to its full value, in a line or at once."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import unit_interval
from optcheck.reference.functions import minimum
from optcheck.reference.registry import equation
from optcheck.reference.schedules.record import RATE, SHARE, STEPS, Schedule, schedule


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


def warm_up_start(h: Any) -> Any:
    """The rate at 0."""
    return h.learning_rate * h.start_factor


def warm_up_offset(h: Any) -> Any:
    """The same, as a fall to the end that remains."""
    remaining = 1 - minimum(h.step, h.warm_up_steps) / h.warm_up_steps
    return (warm_up_start(h) - h.learning_rate) * remaining + h.learning_rate


def _warm_up_factor(h: Any) -> Any:
    risen = (1 - h.start_factor) * minimum(h.step, h.warm_up_steps) / h.warm_up_steps
    return h.learning_rate * (h.start_factor + risen)


def warm_up_recursion(previous: Any, tau: int, h: Any) -> Any:
    """The rate at ``tau`` from that before."""
    if tau > h.given["warm_up_steps"]:
        return previous
    if h.given["start_factor"] == 0.0:  # no factor leads away from 0
        return warm_up(h)
    slope = 1 - h.start_factor
    return previous * (1 + slope / (h.warm_up_steps * h.start_factor + (tau - 1) * slope))


@equation(
    "constant-warm-up",
    title="Warm-up at a share of the rate, left at once",
    formula=(
        r"\eta^{(\tau)}=f\,\eta\ (\tau<\tau_{\text{warm}}),"
        r"\qquad\eta^{(\tau)}=\eta\ (\tau\ge\tau_{\text{warm}})"
    ),
    sources=("torch:optim.lr_scheduler.ConstantLR",),
)
def constant_warm_up(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.learning_rate * shares(h)


def shares(h: Any) -> Any:
    """The share of the rate at ``h.step`` of a constant warm-up."""
    return h.start_factor + (1 - h.start_factor) * int(h.count >= h.given["warm_up_steps"])


def constant_warm_up_recursion(previous: Any, tau: int, h: Any) -> Any:
    """The rate at ``tau`` from that before."""
    return previous * (1 / h.start_factor) if tau == h.given["warm_up_steps"] else previous


_WARM_UP = {
    "learning_rate": RATE,
    "start_factor": unit_interval(0.0, 0.25, 0.5),
    "warm_up_steps": STEPS,
}

schedule(
    Schedule(
        id="linear-warm-up",
        title="Linear warm-up",
        source="prince:Notes Adaptive training",
        hyperparameters=_WARM_UP,
        equations=("learning-rate-warm-up",),
        closed_form=warm_up,
        recursion=warm_up_recursion,
        forms={"offset-form": warm_up_offset, "factor-form": _warm_up_factor},
        first=warm_up_start,
        end=lambda h: int(h["warm_up_steps"]),
        monotone=True,
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
schedule(
    Schedule(
        id="constant-warm-up",
        title="Constant warm-up",
        source="torch:optim.lr_scheduler.ConstantLR",
        hyperparameters={**_WARM_UP, "start_factor": SHARE},
        equations=("constant-warm-up",),
        closed_form=constant_warm_up,
        recursion=constant_warm_up_recursion,
        first=warm_up_start,
        end=lambda h: int(h["warm_up_steps"]),
        monotone=True,
        rises=({"warm_up_steps": 0.0}, {"warm_up_steps": 1.0}),
    )
)
