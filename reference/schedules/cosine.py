"""Schedules that follow a cosine: half a wave, whole waves, and warm restarts."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import count, non_negative, positive
from optcheck.reference.functions import cos_pi, minimum, power
from optcheck.reference.registry import equation
from optcheck.reference.schedules.record import RATE, STEPS, Given, Schedule, schedule

_SOURCE = "loshchilov-hutter:SGDR, eq. 5"


def half_wave(turns: Any) -> Any:
    """From 1 at 0 to 0 at 1, along a cosine."""
    return (1 + cos_pi(turns)) / 2


@equation(
    "cosine-learning-rate-schedule",
    title="Cosine decay to a final rate, constant afterwards",
    formula=(
        r"\eta^{(\tau)}=\eta^{(K)}+(\eta^{(0)}-\eta^{(K)})"
        r"\Big(\frac{1+\cos(\pi\min(\tau,K)/K)}{2}\Big)^{p}"
    ),
    sources=(_SOURCE, "optax:cosine_decay_schedule"),
)
def cosine(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.final_rate + (h.initial_rate - h.final_rate) * _raised(h)


def cosine_factor(h: Any) -> Any:
    """The same, as a factor of the initial rate."""
    final = h.final_rate / h.initial_rate
    return h.initial_rate * ((1 - final) * _raised(h) + final)


def _raised(h: Any) -> Any:
    fallen = half_wave(minimum(h.step, h.decay_steps) / h.decay_steps)
    return power(fallen, h.exponent) if hasattr(h, "exponent") else fallen


@equation(
    "cosine-annealing-cycle",
    title="Cosine annealing that rises again after its minimum",
    formula=(
        r"\eta^{(\tau)}=\eta_{\min}+\tfrac12(\eta^{(0)}-\eta_{\min})\Big(1+\cos\frac{\pi\tau}{K}\Big)"
    ),
    sources=(_SOURCE, "torch:optim.lr_scheduler.CosineAnnealingLR"),
)
def cosine_cycle(h: Any) -> Any:
    """The rate at ``h.step``."""
    return h.final_rate + (h.initial_rate - h.final_rate) * half_wave(h.step / h.decay_steps)


def cosine_recursion(previous: Any, tau: int, h: Any) -> Any:
    """The rate at ``tau`` from that before; at the minimum, where no factor leads away, a term."""
    period = int(h.given["decay_steps"])
    if (tau - 1 - period) % (2 * period) == 0:
        return previous + (h.initial_rate - h.final_rate) * (1 - cos_pi(1 / h.decay_steps)) / 2
    before = 1 + cos_pi(h.at(tau - 1).step / h.decay_steps)
    factor = (1 + cos_pi(h.step / h.decay_steps)) / before
    return factor * (previous - h.final_rate) + h.final_rate


@equation(
    "cosine-warm-restarts",
    title="Cosine annealing with warm restarts",
    formula=(
        r"\eta^{(\tau)}=\eta_{\min}+\tfrac12(\eta^{(0)}-\eta_{\min})"
        r"\Big(1+\cos\frac{\pi(\tau-\tau_i)}{T_i}\Big),"
        r"\quad T_i=T_0m^i,\ \tau_{i+1}=\tau_i+T_i\le\tau<\tau_{i+1}+T_{i+1}"
    ),
    sources=(_SOURCE, "torch:optim.lr_scheduler.CosineAnnealingWarmRestarts"),
)
def warm_restarts(h: Any) -> Any:
    """The rate at ``h.step``."""
    start, length = last_restart(h.count, h.given)
    share = (h.step - start) / h.at(length).step
    return h.final_rate + (h.initial_rate - h.final_rate) * half_wave(share)


def last_restart(tau: int, given: Given) -> tuple[int, int]:
    """The step of the last restart up to ``tau``, and the steps from it to the next one."""
    start, length = 0, int(given["first_period"])
    while tau >= start + length:
        start, length = start + length, length * int(given["period_factor"])
    return start, length


_FINAL = non_negative(0.01, 0.0, 0.001)

schedule(
    Schedule(
        id="cosine-schedule",
        title="Cosine decay",
        source=_SOURCE,
        hyperparameters={
            "initial_rate": RATE,
            "final_rate": _FINAL,
            "decay_steps": STEPS,
            "exponent": positive(1.0, 2.0, 0.5),
        },
        equations=("cosine-learning-rate-schedule",),
        closed_form=cosine,
        forms={"factor-form": cosine_factor},
        end=lambda h: int(h["decay_steps"]),
        monotone=True,
    )
)
schedule(
    Schedule(
        id="cosine-cycle",
        title="Cosine annealing that goes on",
        source=_SOURCE,
        hyperparameters={"initial_rate": RATE, "final_rate": _FINAL, "decay_steps": STEPS},
        equations=("cosine-annealing-cycle",),
        closed_form=cosine_cycle,
        recursion=cosine_recursion,
    )
)
schedule(
    Schedule(
        id="cosine-restarts",
        title="Cosine annealing with warm restarts",
        source=_SOURCE,
        hyperparameters={
            "initial_rate": RATE,
            "final_rate": _FINAL,
            "first_period": STEPS,
            "period_factor": count(1, 2, 3, 10),
        },
        equations=("cosine-warm-restarts",),
        closed_form=warm_restarts,
    )
)
