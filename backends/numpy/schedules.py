"""Learning-rate schedules in closed form: the rate of update ``tau`` = 0, 1, 2, ..."""

from __future__ import annotations

import math

from optcheck.backends.functions import FunctionBackend

rules = FunctionBackend("numpy")


@rules.schedule("linear-schedule")
def linear_schedule(
    tau: int, *, initial_rate: float, final_rate: float, decay_steps: float
) -> float:
    """Straight from the initial to the final rate, which stays."""
    fraction = min(tau, decay_steps) / decay_steps
    return (1.0 - fraction) * initial_rate + fraction * final_rate


@rules.schedule("power-law-schedule")
def power_law_schedule(
    tau: int, *, initial_rate: float, decay_steps: float, exponent: float
) -> float:
    """A power of time, counted in units of ``decay_steps``."""
    return float(initial_rate * (1.0 + tau / decay_steps) ** exponent)


@rules.schedule("exponential-schedule")
def exponential_schedule(
    tau: int, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    """The same factor every ``decay_steps`` steps, and its root at each step between."""
    return float(initial_rate * decay_factor ** (tau / decay_steps))


@rules.schedule("exponential-rate-schedule")
def exponential_rate_schedule(tau: int, *, initial_rate: float, decay_rate: float) -> float:
    """Exponential decay, given by its rate."""
    return initial_rate * math.exp(-decay_rate * tau)


@rules.schedule("inverse-time-schedule")
def inverse_time_schedule(tau: int, *, initial_rate: float, decay_rate: float) -> float:
    """Halved after 1 / ``decay_rate`` steps, and ever more slowly from there."""
    return initial_rate / (1.0 + decay_rate * tau)


@rules.schedule("linear-warm-up")
def linear_warm_up(
    tau: int, *, learning_rate: float, start_factor: float, warm_up_steps: float
) -> float:
    """Straight up from a share of the rate, which stays."""
    if tau >= warm_up_steps:
        return learning_rate * (start_factor + (1.0 - start_factor))
    return _warm_up(tau, learning_rate, start_factor, warm_up_steps)


def _warm_up(tau: int, rate: float, start_factor: float, steps: float) -> float:
    """A line to ``rate`` that gets there after so many steps."""
    return rate * (start_factor + (1.0 - start_factor) * (tau / steps))


@rules.schedule("step-schedule")
def step_schedule(
    tau: int, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    """The same factor every ``decay_steps`` steps, at once."""
    return float(initial_rate * decay_factor ** (tau // int(decay_steps)))


@rules.schedule("constant-schedule")
def constant_schedule(tau: int, *, learning_rate: float) -> float:
    """The same for ever."""
    return learning_rate


@rules.schedule("multi-step-schedule")
def multi_step_schedule(
    tau: int,
    *,
    initial_rate: float,
    first_milestone: float,
    second_milestone: float,
    decay_factor: float,
) -> float:
    """The same factor at each milestone."""
    passed = (tau >= first_milestone) + (tau >= second_milestone)
    return float(initial_rate * decay_factor**passed)


@rules.schedule("polynomial-schedule")
def polynomial_schedule(
    tau: int,
    *,
    initial_rate: float,
    final_rate: float,
    decay_steps: float,
    hold_steps: float,
    exponent: float,
) -> float:
    """A power of the time that remains."""
    remaining = 1.0 - min(max(tau - hold_steps, 0.0), decay_steps) / decay_steps
    return float((initial_rate - final_rate) * remaining**exponent + final_rate)


@rules.schedule("bounded-exponential-schedule")
def bounded_exponential_schedule(
    tau: int,
    *,
    initial_rate: float,
    final_rate: float,
    decay_steps: float,
    hold_steps: float,
    decay_factor: float,
) -> float:
    """Held, then falling down to a bound."""
    exponent = max(tau - hold_steps, 0.0) / decay_steps
    return max(float(initial_rate * decay_factor**exponent), final_rate)


@rules.schedule("constant-warm-up")
def constant_warm_up(
    tau: int, *, learning_rate: float, start_factor: float, warm_up_steps: float
) -> float:
    """A share of the rate, and then all of it."""
    return learning_rate if tau >= warm_up_steps else learning_rate * start_factor


def _half_wave(share: float) -> float:
    """From 1 to 0 along a cosine."""
    return (1.0 + math.cos(math.pi * share)) / 2.0


@rules.schedule("cosine-schedule")
def cosine_schedule(
    tau: int, *, initial_rate: float, final_rate: float, decay_steps: float, exponent: float
) -> float:
    """Half a wave down to the final rate, which stays."""
    fallen = _half_wave(min(tau, decay_steps) / decay_steps) ** exponent
    return float(final_rate + (initial_rate - final_rate) * fallen)


@rules.schedule("cosine-cycle")
def cosine_cycle(tau: int, *, initial_rate: float, final_rate: float, decay_steps: float) -> float:
    """Down in ``decay_steps``, and up again in as many."""
    return final_rate + (initial_rate - final_rate) * _half_wave(tau / decay_steps)


@rules.schedule("cosine-restarts")
def cosine_restarts(
    tau: int, *, initial_rate: float, final_rate: float, first_period: float, period_factor: float
) -> float:
    """Half a wave again and again, each time in ``period_factor`` times as many steps."""
    step, period = tau, int(first_period)
    while step >= period:
        step, period = step - period, period * int(period_factor)
    return final_rate + (initial_rate - final_rate) * _half_wave(step / period)


def _along(step: int, lengths: list[float], levels: list[float], *, curved: bool) -> float:
    """From level to level in so many steps each; the last level stays."""
    for length, start, end in zip(lengths, levels, levels[1:], strict=False):
        if step < length:
            share = step / length
            return (
                end + (start - end) * _half_wave(share)
                if curved
                else (end - start) * share + start
            )
        step -= int(length)
    return levels[-1]


def _levels(initial_rate: float, first_scale: float, second_scale: float) -> list[float]:
    return [initial_rate, initial_rate * first_scale, initial_rate * first_scale * second_scale]


@rules.schedule("piecewise-linear-schedule")
def piecewise_linear_schedule(
    tau: int,
    *,
    initial_rate: float,
    first_steps: float,
    first_scale: float,
    second_steps: float,
    second_scale: float,
) -> float:
    """Two lines."""
    levels = _levels(initial_rate, first_scale, second_scale)
    return _along(tau, [first_steps, second_steps], levels, curved=False)


@rules.schedule("piecewise-cosine-schedule")
def piecewise_cosine_schedule(
    tau: int,
    *,
    initial_rate: float,
    first_steps: float,
    first_scale: float,
    second_steps: float,
    second_scale: float,
) -> float:
    """Two half waves."""
    levels = _levels(initial_rate, first_scale, second_scale)
    return _along(tau, [first_steps, second_steps], levels, curved=True)


@rules.schedule("one-cycle-in-whole-steps")
def one_cycle_in_whole_steps(
    tau: int,
    *,
    peak_rate: float,
    rising_steps: float,
    falling_steps: float,
    final_steps: float,
    start_divisor: float,
    end_divisor: float,
) -> float:
    """Up, down and far below, each in a line."""
    start = peak_rate / start_divisor
    levels = [start, peak_rate, start, start / end_divisor]
    return _along(tau, [rising_steps, falling_steps, final_steps], levels, curved=False)


@rules.schedule("cyclic-schedule")
def cyclic_schedule(
    tau: int,
    *,
    base_rate: float,
    peak_rate: float,
    rising_steps: float,
    falling_steps: float,
    cycle_factor: float,
    step_factor: float,
) -> float:
    """Up and down in lines; peaks shrink from cycle to cycle, and with time."""
    cycle, step = divmod(tau, int(rising_steps + falling_steps))
    rising = step <= rising_steps
    height = step / rising_steps if rising else 1.0 - (step - rising_steps) / falling_steps
    scale = cycle_factor**cycle * step_factor**tau
    return float(base_rate + (peak_rate - base_rate) * height * scale)


@rules.schedule("warm-up-exponential-schedule")
def warm_up_exponential_schedule(
    tau: int,
    *,
    learning_rate: float,
    start_factor: float,
    warm_up_steps: float,
    decay_factor: float,
    decay_steps: float,
) -> float:
    """Straight up, then an exponential."""
    if tau < warm_up_steps:
        return _warm_up(tau, learning_rate, start_factor, warm_up_steps)
    return float(learning_rate * decay_factor ** ((tau - warm_up_steps) / decay_steps))


@rules.schedule("warm-up-linear-schedule")
def warm_up_linear_schedule(
    tau: int,
    *,
    learning_rate: float,
    start_factor: float,
    warm_up_steps: float,
    decay_steps: float,
    final_rate: float,
) -> float:
    """Straight up, then straight down."""
    if tau < warm_up_steps:
        return _warm_up(tau, learning_rate, start_factor, warm_up_steps)
    return linear_schedule(
        tau - int(warm_up_steps),
        initial_rate=learning_rate,
        final_rate=final_rate,
        decay_steps=decay_steps,
    )


@rules.schedule("warm-up-cosine-schedule")
def warm_up_cosine_schedule(
    tau: int,
    *,
    learning_rate: float,
    start_factor: float,
    warm_up_steps: float,
    decay_steps: float,
    final_rate: float,
) -> float:
    """Straight up, then half a wave down."""
    if tau < warm_up_steps:
        return _warm_up(tau, learning_rate, start_factor, warm_up_steps)
    fallen = _half_wave(min(tau - warm_up_steps, decay_steps) / decay_steps)
    return final_rate + (learning_rate - final_rate) * fallen


@rules.schedule("repeated-warm-up-cosine")
def repeated_warm_up_cosine(
    tau: int,
    *,
    learning_rate: float,
    start_factor: float,
    warm_up_steps: float,
    decay_steps: float,
    final_rate: float,
    peak_factor: float,
) -> float:
    """Twice a warm-up and half a wave; the second peak is a share of the first."""
    again = tau >= warm_up_steps + decay_steps
    return warm_up_cosine_schedule(
        tau - int(warm_up_steps + decay_steps) if again else tau,
        learning_rate=learning_rate * (peak_factor if again else 1.0),
        start_factor=start_factor,
        warm_up_steps=warm_up_steps,
        decay_steps=decay_steps,
        final_rate=final_rate,
    )


@rules.schedule("chained-schedule")
def chained_schedule(
    tau: int,
    *,
    learning_rate: float,
    start_factor: float,
    warm_up_steps: float,
    decay_factor: float,
    decay_steps: float,
) -> float:
    """An exponential, of which a share is taken at first."""
    share = 1.0 if tau >= warm_up_steps else start_factor
    return float(learning_rate * share * decay_factor ** (tau / decay_steps))


def _one_cycle(tau: int, *, phases: int, curved: bool, **h: float) -> float:
    """From the start to the peak, for three phases back, and far below the start."""
    start, last = h["peak_rate"] / h["start_divisor"], h["total_steps"] - 1.0
    rise = h["rising_share"] * h["total_steps"] - 1.0
    ends = [rise, last] if phases == 2 else [rise, 2.0 * rise, last]
    levels = [start, h["peak_rate"], *([start] if phases == 3 else []), start / h["end_divisor"]]
    if tau >= last:
        return levels[-1]
    begin = 0.0
    for end, low, high in zip(ends, levels, levels[1:], strict=False):
        if tau < end:
            share = (tau - begin) / (end - begin)
            return (
                high + (low - high) * _half_wave(share) if curved else (high - low) * share + low
            )
        begin = end
    return levels[-1]


@rules.schedule("one-cycle-cosine")
def one_cycle_cosine(tau: int, **h: float) -> float:
    """Two half waves."""
    return _one_cycle(tau, phases=2, curved=True, **h)


@rules.schedule("one-cycle-linear")
def one_cycle_linear(tau: int, **h: float) -> float:
    """Two lines."""
    return _one_cycle(tau, phases=2, curved=False, **h)


@rules.schedule("one-cycle-cosine-of-three-phases")
def one_cycle_cosine_of_three_phases(tau: int, **h: float) -> float:
    """Three half waves."""
    return _one_cycle(tau, phases=3, curved=True, **h)


@rules.schedule("one-cycle-linear-of-three-phases")
def one_cycle_linear_of_three_phases(tau: int, **h: float) -> float:
    """Three lines."""
    return _one_cycle(tau, phases=3, curved=False, **h)
