"""Cyclic schedules, and those of one cycle."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from optcheck.reference.domains import count, open_interval, open_unit_interval, positive
from optcheck.reference.functions import choose, either
from optcheck.reference.registry import equation
from optcheck.reference.schedules.pieces import Curve, along, curved, straight
from optcheck.reference.schedules.record import RATE, STEPS, Given, Schedule, schedule


@equation(
    "cyclic-learning-rate-schedule",
    title="Triangular cycles between two rates",
    formula=(
        r"\eta^{(\tau)}=\eta_{\min}+(\eta_{\max}-\eta_{\min})\,a^{i}\gamma^{\tau}\,"
        r"\min\Big(\frac{\tau-iT}{u},\frac{(i+1)T-\tau}{T-u}\Big),"
        r"\quad i=\lfloor\tau/T\rfloor"
    ),
    sources=("torch:optim.lr_scheduler.CyclicLR",),
)
def cyclic(h: Any) -> Any:
    """The rate at ``h.step``."""
    rising = int(h.given["rising_steps"])
    whole = rising + int(h.given["falling_steps"])
    cycle, position = divmod(h.count, whole)
    period = h.rising_steps + h.falling_steps
    place, top = 1 + h.step / period - (cycle + 1), h.rising_steps / period
    if position < rising:
        height = place / top
    elif position > rising:
        height = (place - 1) / (top - 1)
    else:
        height = either(place / top, (place - 1) / (top - 1))
    scale = h.cycle_factor**cycle * h.step_factor**h.count
    return h.base_rate + (h.peak_rate - h.base_rate) * height * scale


_TWO = (
    r"\eta_0\to\eta_{\max}\ (0\le\tau\le pN-1),\quad"
    r"\eta_{\max}\to\eta_{\min}\ (pN-1\le\tau\le N-1)"
)
_THREE = (
    r"\eta_0\to\eta_{\max}\ (0\le\tau\le pN-1),\quad"
    r"\eta_{\max}\to\eta_0\ (pN-1\le\tau\le2pN-2),\quad"
    r"\eta_0\to\eta_{\min}\ (2pN-2\le\tau\le N-1)"
)


def _one_cycle(h: Any, curve: Curve, phases: int) -> Any:
    """The rate at ``h.step``; each phase ends in the step where the next one begins."""
    start = h.peak_rate / h.start_divisor
    last, rise = h.total_steps - 1, h.rising_share * h.total_steps - 1
    ends, levels = [rise, last], [start, h.peak_rate, start / h.end_divisor]
    if phases == 3:
        ends, levels = [rise, rise * 2, last], [*levels[:2], start, levels[-1]]
    if h.count >= int(h.given["total_steps"]):
        return levels[-1]
    begins, exact = [h.at(0).step, *ends], _ends(h.given, phases)

    def phase(index: int) -> Any:
        share = (h.step - begins[index]) / (ends[index] - begins[index])
        here = functools.partial(curve, levels[index], levels[index + 1], share)
        if index == len(ends) - 1:
            return here()
        # Which phase a step belongs to that is an end but for rounding, rounding decides.
        if exact[index] == h.count:
            return either(here(), phase(index + 1))
        return choose(ends[index] - h.step, here, lambda: phase(index + 1))

    return phase(0)


def _ends(given: Given, phases: int) -> list[Fraction]:
    """The last steps of the phases, which need not be whole."""
    total = int(given["total_steps"])
    rise = Fraction(given["rising_share"]) * total - 1
    return [rise, *([2 * rise] if phases == 3 else []), Fraction(total - 1)]


def _too_short(phases: int) -> Callable[[Given], str | None]:
    def constraint(given: Given) -> str | None:
        rise, *middle, last = _ends(given, phases)
        if rise < Fraction(1, 16) or (middle[-1] if middle else rise) > last - Fraction(1, 16):
            return "each phase of the cycle takes some time"
        return None

    return constraint


@equation(
    "one-cycle-schedule",
    title="One cycle: up to a peak, and down far below the start",
    formula=_TWO,
    sources=("torch:optim.lr_scheduler.OneCycleLR",),
)
def one_cycle(h: Any, curve: Curve) -> Any:
    """The rate at ``h.step``."""
    return _one_cycle(h, curve, 2)


@equation(
    "one-cycle-schedule-of-three-phases",
    title="One cycle: up to a peak, down again, and then far below the start",
    formula=_THREE,
    sources=("torch:optim.lr_scheduler.OneCycleLR",),
)
def three_phases(h: Any, curve: Curve) -> Any:
    """The rate at ``h.step``."""
    return _one_cycle(h, curve, 3)


@equation(
    "one-cycle-schedule-in-whole-steps",
    title="One cycle of three phases, each of which takes whole steps",
    formula=(
        r"\eta_0\to\eta_{\max}\ (0\le\tau\le u),\quad\eta_{\max}\to\eta_0\ (u\le\tau\le u+d),"
        r"\quad\eta_0\to\eta_{\min}\ (u+d\le\tau\le u+d+e)"
    ),
    sources=("optax:linear_onecycle_schedule",),
)
def whole_cycle(h: Any) -> Any:
    """The rate at ``h.step``."""
    start = h.peak_rate / h.start_divisor
    levels = [start, start * h.start_divisor]
    levels.append(levels[1] * (1 / h.start_divisor))
    levels.append(levels[2] * (1 / h.end_divisor))
    return along(h, [int(h.given[name]) for name in _WHOLE_PHASES], levels, straight)


_WHOLE_PHASES = ("rising_steps", "falling_steps", "final_steps")
_DIVISORS = {
    "start_divisor": positive(25.0, 2.0, 0.5),
    "end_divisor": positive(1e4, 10.0, 1.0),
}
_ONE_CYCLE = {
    "peak_rate": RATE,
    "total_steps": count(10, 5, 8, 20),
    "rising_share": open_interval(0.3, 0.25, 0.4),
    **_DIVISORS,
}

_RISES = (
    {"total_steps": 10.0, "rising_share": 0.1},
    {"total_steps": 10.0, "rising_share": 0.2},
)

schedule(
    Schedule(
        id="cyclic-schedule",
        title="Cyclic schedule",
        source="torch:optim.lr_scheduler.CyclicLR",
        hyperparameters={
            "base_rate": RATE,
            "peak_rate": positive(1.0, 0.5, 0.01),
            "rising_steps": STEPS,
            "falling_steps": STEPS,
            "cycle_factor": open_unit_interval(1.0, 0.5, 0.9),
            "step_factor": open_unit_interval(1.0, 0.9, 0.99),
        },
        equations=("cyclic-learning-rate-schedule",),
        closed_form=cyclic,
    )
)
for _phases, _formula, _suffix in ((2, one_cycle, ""), (3, three_phases, "-of-three-phases")):
    for _name, _curve in (("cosine", curved), ("linear", straight)):
        schedule(
            Schedule(
                id=f"one-cycle-{_name}{_suffix}",
                title=f"One cycle of {'two' if _phases == 2 else 'three'} phases, {_name}",
                source="torch:optim.lr_scheduler.OneCycleLR",
                hyperparameters=_ONE_CYCLE,
                equations=(f"one-cycle-schedule{_suffix}",),
                closed_form=functools.partial(_formula, curve=_curve),
                constraint=_too_short(_phases),
                end=lambda h: int(h["total_steps"]) - 1,
                rises=_RISES if _phases == 2 else None,
            )
        )
schedule(
    Schedule(
        id="one-cycle-in-whole-steps",
        title="One cycle in whole steps, linear",
        source="optax:linear_onecycle_schedule",
        hyperparameters={
            "peak_rate": RATE,
            **dict.fromkeys(_WHOLE_PHASES, STEPS),
            **_DIVISORS,
        },
        equations=("one-cycle-schedule-in-whole-steps",),
        closed_form=whole_cycle,
        end=lambda h: int(sum(h[name] for name in _WHOLE_PHASES)),
    )
)
