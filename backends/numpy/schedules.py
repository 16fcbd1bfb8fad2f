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
    risen = min(tau, warm_up_steps) / warm_up_steps
    return learning_rate * (start_factor + (1.0 - start_factor) * risen)


@rules.schedule("step-schedule")
def step_schedule(
    tau: int, *, initial_rate: float, decay_factor: float, decay_steps: float
) -> float:
    """The same factor every ``decay_steps`` steps, at once."""
    return float(initial_rate * decay_factor ** (tau // int(decay_steps)))
