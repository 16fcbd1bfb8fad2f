"""Learning-rate schedules as the texts write them, in numbers of 200 digits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from exact_numbers import MP

Rate = Callable[[SimpleNamespace, int], Any]


def linear(h: SimpleNamespace, t: int) -> Any:
    """bishop 7.36."""
    if t > h.decay_steps:
        return h.final_rate
    return h.initial_rate + (h.final_rate - h.initial_rate) * t / h.decay_steps


def warm_up(h: SimpleNamespace, t: int) -> Any:
    """prince names it only; the share of the rate that it starts at is that of the libraries."""
    if t >= h.warm_up_steps:
        return h.learning_rate
    return h.learning_rate * ((h.warm_up_steps - t) * h.start_factor + t) / h.warm_up_steps


def exponential(h: SimpleNamespace, t: int) -> Any:
    """bishop 7.38."""
    return h.initial_rate * MP.exp(MP.log(h.decay_factor) * t / h.decay_steps)


def annealed(start: Any, end: Any, share: Any) -> Any:
    """The square of a cosine of half the angle, which is 0 at its end without a difference."""
    cosine = 0 if share == 1 else MP.cos(MP.pi * share / 2)
    return end + (start - end) * cosine**2


def on_a_line(start: Any, end: Any, share: Any) -> Any:
    """The two values, weighted."""
    return start * (1 - share) + end * share


def cosine(h: SimpleNamespace, t: int) -> Any:
    """loshchilov-hutter 5, with the exponent of the libraries."""
    if t >= h.decay_steps:
        return h.final_rate
    wave = MP.cos(MP.pi * t / h.decay_steps / 2) ** (2 * getattr(h, "exponent", MP.mpf(1)))
    return h.final_rate + (h.initial_rate - h.final_rate) * wave


def cosine_cycle(h: SimpleNamespace, t: int) -> Any:
    """Mirrored at its minimum."""
    around = t % int(2 * h.decay_steps)
    share = min(around, int(2 * h.decay_steps) - around) / h.decay_steps
    return annealed(h.initial_rate, h.final_rate, share)


def restarts(h: SimpleNamespace, t: int) -> Any:
    """The periods, listed."""
    ends, period = [0], int(h.first_period)
    while ends[-1] <= t:
        ends.append(ends[-1] + period)
        period *= int(h.period_factor)
    last, following = ends[-2:]
    return annealed(h.initial_rate, h.final_rate, MP.mpf(t - last) / (following - last))


def polynomial(h: SimpleNamespace, t: int) -> Any:
    """What is left of the time, to a power."""
    left = h.hold_steps + h.decay_steps - max(t, h.hold_steps)
    if left <= 0:
        return h.final_rate
    fallen = MP.exp(h.exponent * MP.log(left / h.decay_steps))
    return h.initial_rate * fallen + h.final_rate * (1 - fallen)


def cyclic(h: SimpleNamespace, t: int) -> Any:
    """A triangle: the smaller of the two lines."""
    cycle, place = divmod(t, int(h.rising_steps + h.falling_steps))
    down = (h.rising_steps + h.falling_steps - place) / h.falling_steps
    height = min(place / h.rising_steps, down) * h.cycle_factor**cycle * h.step_factor**t
    return h.base_rate + (h.peak_rate - h.base_rate) * height


Knots = Sequence[tuple[Any, Any]]


def through(knots: Knots, t: int, curve: Callable[[Any, Any, Any], Any]) -> Any:
    """A curve through (step, rate), which stays at the last one."""
    for (start, low), (end, high) in itertools.pairwise(knots):
        if start <= t < end:
            return curve(low, high, (t - start) / (end - start))
    return knots[-1][1]


def pieces(curve: Callable[[Any, Any, Any], Any]) -> Rate:
    """From value to value."""

    def rate(h: SimpleNamespace, t: int) -> Any:
        peak, end = h.first_steps, h.first_steps + h.second_steps
        top = h.initial_rate * h.first_scale
        knots = [(MP.mpf(0), h.initial_rate), (peak, top), (end, top * h.second_scale)]
        return through(knots, t, curve)

    return rate


def one_cycle(curve: Callable[[Any, Any, Any], Any], phases: int) -> Rate:
    """Up, down, and for three phases down again."""

    def rate(h: SimpleNamespace, t: int) -> Any:
        low, last = h.peak_rate / h.start_divisor, h.total_steps - 1
        rise = h.rising_share * h.total_steps - 1
        knots = [(MP.mpf(0), low), (rise, h.peak_rate)]
        if phases == 3:
            knots.append((2 * rise, low))
        knots.append((last, low / h.end_divisor))
        return through(knots, t, curve)

    return rate


def whole_cycle(h: SimpleNamespace, t: int) -> Any:
    """Three lines."""
    low, top = h.peak_rate / h.start_divisor, h.rising_steps
    back = top + h.falling_steps
    knots = [(MP.mpf(0), low), (top, h.peak_rate), (back, low)]
    return through([*knots, (back + h.final_steps, low / h.end_divisor)], t, on_a_line)


def after_warm_up(decay: Rate) -> Rate:
    """A decay from the full rate, in steps of its own."""

    def rate(h: SimpleNamespace, t: int) -> Any:
        own = SimpleNamespace(**{**vars(h), "initial_rate": h.learning_rate})
        steps = int(h.warm_up_steps)
        return warm_up(h, t) if t < steps else decay(own, t - steps)

    return rate


def repeated(h: SimpleNamespace, t: int) -> Any:
    """The second round has a peak of its own."""
    period = int(h.warm_up_steps + h.decay_steps)
    peak = h.learning_rate * (1 if t < period else h.peak_factor)
    own = SimpleNamespace(**{**vars(h), "learning_rate": peak})
    return after_warm_up(cosine)(own, t if t < period else t - period)


def constant_warm_up(h: SimpleNamespace, t: int) -> Any:
    """A share, then all."""
    return h.learning_rate * (h.start_factor if t < h.warm_up_steps else 1)


def bounded(h: SimpleNamespace, t: int) -> Any:
    """Held, then an exponential, then held again."""
    return max(exponential(h, max(t - int(h.hold_steps), 0)), h.final_rate)


def milestones(h: SimpleNamespace, t: int) -> Any:
    """A factor for each milestone that is passed."""
    rate = h.initial_rate
    for milestone in (h.first_milestone, h.second_milestone):
        rate = rate * h.decay_factor if t >= milestone else rate
    return rate


SCHEDULES: dict[str, Rate] = {
    "linear-schedule": linear,
    "power-law-schedule": lambda h, t: (
        h.initial_rate * MP.exp(h.exponent * MP.log(1 + t / h.decay_steps))
    ),
    "exponential-schedule": exponential,
    "exponential-rate-schedule": lambda h, t: h.initial_rate * MP.exp(-h.decay_rate * t),
    "inverse-time-schedule": lambda h, t: h.initial_rate / (1 + h.decay_rate * t),
    "step-schedule": lambda h, t: h.initial_rate * h.decay_factor ** (t // int(h.decay_steps)),
    "linear-warm-up": warm_up,
    "constant-warm-up": constant_warm_up,
    "constant-schedule": lambda h, t: h.learning_rate,
    "multi-step-schedule": milestones,
    "polynomial-schedule": polynomial,
    "bounded-exponential-schedule": bounded,
    "cosine-schedule": cosine,
    "cosine-cycle": cosine_cycle,
    "cosine-restarts": restarts,
    "piecewise-linear-schedule": pieces(on_a_line),
    "piecewise-cosine-schedule": pieces(annealed),
    "cyclic-schedule": cyclic,
    "one-cycle-cosine": one_cycle(annealed, 2),
    "one-cycle-linear": one_cycle(on_a_line, 2),
    "one-cycle-cosine-of-three-phases": one_cycle(annealed, 3),
    "one-cycle-linear-of-three-phases": one_cycle(on_a_line, 3),
    "one-cycle-in-whole-steps": whole_cycle,
    "warm-up-cosine-schedule": after_warm_up(cosine),
    "warm-up-exponential-schedule": after_warm_up(exponential),
    "warm-up-linear-schedule": after_warm_up(linear),
    "repeated-warm-up-cosine": repeated,
    "chained-schedule": lambda h, t: (
        constant_warm_up(h, t) * MP.exp(MP.log(h.decay_factor) * t / h.decay_steps)
    ),
}
