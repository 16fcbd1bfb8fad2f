"""Which schedules satisfy Robbins and Monro, against partial sums; the warm-up."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from optcheck.reference import SCHEDULES
from optcheck.reference.sampling.robbins_monro import TAILS, bounds_on_sum, robbins_monro, tail

POWER = {"initial_rate": 0.5, "decay_steps": 3.0}
BOTH, CONSTANT, COLD = (True, True), (True, False), (False, True)
DECIDED = [
    ("power-law-schedule", {**POWER, "exponent": -2.0}, COLD),
    ("power-law-schedule", {**POWER, "exponent": math.nextafter(-1.0, -2.0)}, COLD),
    ("power-law-schedule", {**POWER, "exponent": -1.0}, BOTH),
    ("power-law-schedule", {**POWER, "exponent": -0.75}, BOTH),
    ("power-law-schedule", {**POWER, "exponent": math.nextafter(-0.5, -1.0)}, BOTH),
    ("power-law-schedule", {**POWER, "exponent": -0.5}, CONSTANT),
    ("power-law-schedule", {**POWER, "exponent": -0.25}, CONSTANT),
    ("inverse-time-schedule", {"initial_rate": 0.5, "decay_rate": 0.1}, BOTH),
    ("inverse-time-schedule", {"initial_rate": 0.5, "decay_rate": 0.0}, CONSTANT),
    ("exponential-rate-schedule", {"initial_rate": 0.5, "decay_rate": 0.1}, COLD),
    ("exponential-rate-schedule", {"initial_rate": 0.5, "decay_rate": 0.0}, CONSTANT),
    (
        "exponential-schedule",
        {"initial_rate": 0.5, "decay_factor": 0.9, "decay_steps": 3.0},
        COLD,
    ),
    (
        "exponential-schedule",
        {"initial_rate": 0.5, "decay_factor": 1.0, "decay_steps": 3.0},
        CONSTANT,
    ),
    ("step-schedule", {"initial_rate": 0.5, "decay_factor": 0.9, "decay_steps": 3.0}, COLD),
    ("step-schedule", {"initial_rate": 0.5, "decay_factor": 1.0, "decay_steps": 3.0}, CONSTANT),
    ("linear-schedule", {"initial_rate": 0.5, "final_rate": 0.0, "decay_steps": 7.0}, COLD),
    ("linear-schedule", {"initial_rate": 0.5, "final_rate": 0.1, "decay_steps": 7.0}, CONSTANT),
    (
        "linear-warm-up",
        {"learning_rate": 0.5, "start_factor": 0.0, "warm_up_steps": 7.0},
        CONSTANT,
    ),
]


def rate(schedule: str, h: dict[str, float], step: int) -> float:
    return float(SCHEDULES[schedule].closed_form(SimpleNamespace(**h, step=step)))


@pytest.mark.parametrize(("schedule", "h", "decided"), DECIDED)
def test_the_decision(schedule: str, h: dict[str, float], decided: tuple[bool, bool]) -> None:
    assert robbins_monro(schedule, h) == decided


@pytest.mark.parametrize(("schedule", "h", "decided"), DECIDED)
@pytest.mark.parametrize("power", [1, 2])
def test_partial_sums_lie_between_the_bounds(
    schedule: str, h: dict[str, float], decided: tuple[bool, bool], power: int
) -> None:
    series = tail(schedule, h)
    for count in (1, 10, 1000):
        steps = range(series.after, series.after + count)
        total = math.fsum(rate(schedule, h, step) ** power for step in steps)
        low, high = bounds_on_sum(series, count, power)
        assert low * (1.0 - 1e-12) <= total <= high * (1.0 + 1e-12)
        assert high - low <= rate(schedule, h, series.after) ** power * (1.0 + 1e-12)


@pytest.mark.parametrize(("schedule", "h", "decided"), DECIDED)
def test_the_bounds_grow_where_the_series_diverges(
    schedule: str, h: dict[str, float], decided: tuple[bool, bool]
) -> None:
    """From 10^6 to 10^12 terms, but where the exponent is next to one that decides."""
    if schedule == "power-law-schedule" and h["exponent"] not in (-2.0, -1.0, -0.75, -0.5, -0.25):
        return
    for power, diverges in ((1, decided[0]), (2, not decided[1])):
        series = tail(schedule, h)
        low, high = bounds_on_sum(series, 10**12, power)[0], bounds_on_sum(series, 10**6, power)[1]
        assert (low > 1.5 * high) == diverges


def test_the_catalogue_s_exponents() -> None:
    """k^-p satisfies the conditions for 1/2 < p <= 1 alone."""
    for p in (0.25, 0.5, 0.51, 0.75, 1.0, 1.01, 2.0):
        h = {"initial_rate": 1.0, "decay_steps": 1.0, "exponent": -p}
        assert all(robbins_monro("power-law-schedule", h)) == (0.5 < p <= 1.0)


def test_every_schedule_with_a_tail_is_decided() -> None:
    for schedule in TAILS:
        domains = SCHEDULES[schedule].hyperparameters
        h = {name: domain.typical[0] for name, domain in domains.items()}
        assert isinstance(robbins_monro(schedule, h), tuple)


def test_a_rate_that_cools_as_the_square_stops_short() -> None:
    """The product of 1 - x^2/k^2 is sin(pi x)/(pi x): 2/pi at x = 1/2, from above."""
    product = math.prod(1.0 - 0.25 / k**2 for k in range(1, 20_000))
    assert 2.0 / math.pi < product < 2.0 / math.pi * (1.0 + 2e-5)


def test_warm_up_counts_from_zero_or_from_one() -> None:
    h = {"learning_rate": 0.5, "start_factor": 0.0, "warm_up_steps": 4.0}
    assert [rate("linear-warm-up", h, t) for t in range(6)] == [0.0, 0.125, 0.25, 0.375, 0.5, 0.5]
    # eta min(1, t/K) for t = 1, 2, ... and K = 4
    other = {**h, "start_factor": 0.25, "warm_up_steps": 3.0}
    found = [rate("linear-warm-up", other, t - 1) for t in range(1, 6)]
    assert found == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])


def test_warm_up_forms_are_one_function() -> None:
    schedule = SCHEDULES["linear-warm-up"]
    h = {"learning_rate": 0.3, "start_factor": 0.2, "warm_up_steps": 5.0}
    assert schedule.recursion is not None
    value = schedule.first(SimpleNamespace(**h))
    for tau in range(10):
        namespace = SimpleNamespace(**h, step=tau, given=h)
        if tau:
            value = schedule.recursion(value, tau, namespace)
        expected = pytest.approx(rate("linear-warm-up", h, tau), rel=1e-13)
        assert value == expected
        for form in schedule.forms.values():
            assert form(namespace) == expected
