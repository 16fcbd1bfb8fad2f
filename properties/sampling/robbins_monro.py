"""Laws of sums of learning rates: Robbins and Monro, cooling that is too fast, warm-up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats, HasSchedules
from optcheck.properties.bounds import moves_of, require_at_most
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.sampling.noisy import (
    FLOAT64,
    draw_curvature,
    draw_examples,
    is_gradient_descent,
    require_gaussian,
    require_square,
    train,
    within,
)
from optcheck.properties.statistics import excess_of_mean
from optcheck.properties.strategies import hyperparameters
from optcheck.properties.trace import require, run_case, under_test
from optcheck.properties.update_rules import draw_case
from optcheck.reference import SCHEDULES
from optcheck.reference.identities import adam_step_bound
from optcheck.reference.oracle import SAFETY, Bound, schedule_rates
from optcheck.reference.sampling.rates import floor, responses
from optcheck.reference.sampling.robbins_monro import TAILS, bounds_on_sum, robbins_monro, tail

SUMMANDS = 32


@law(
    id="sums-of-rates",
    title="Sums of rates, and of their squares, are those that decide Robbins and Monro",
    statement=(
        f"From where a schedule has its final form, {SUMMANDS} rates, and their squares, add up "
        "to a number between the bounds that decide whether the series diverges: of the integral "
        "test for a p-series, and of the geometric series. The budget is that of the rates. So "
        "(1 + tau/s)^c satisfies the conditions for -1 <= c < -1/2 alone, 1/(1 + k tau) for "
        "k > 0, and no constant, linear, stepwise or exponential schedule does."
    ),
    oracle="rate",
    capability="schedule",
    equations=("robbins-monro-conditions",),
    about=lambda subject: subject.record.id in TAILS,
    share=0.3,
)
def sums_of_rates(subject: Subject, data: st.DataObject) -> float:
    h = data.draw(
        hyperparameters(subject.record.hyperparameters, subject.claim), label="hyperparameters"
    )
    series = tail(subject.record.id, h)
    steps = series.after + SUMMANDS
    with under_test(subject, lambda: {"hyperparameters": h, "steps": steps}):
        computed = np.array(list(subject.rule.rates(h, steps)), dtype=np.float64)[series.after :]
    exact = schedule_rates(subject.record, subject.claim.dialect, h, steps, subject.working)
    allowed = exact.allowed()[series.after :]
    return max(_sum(subject, h, computed, allowed, power) for power in (1, 2))


def _sum(
    subject: Subject, h: dict[str, float], rates: Floats, allowed: Floats, power: int
) -> float:
    low, high = bounds_on_sum(tail(subject.record.id, h), SUMMANDS, power)
    total = math.fsum((rates**power).tolist())
    slack = math.fsum(((np.abs(rates) + allowed) ** power - np.abs(rates) ** power).tolist())
    # Both ends of the interval are doubles next to the exact bounds.
    slack += 2.0 * math.ulp(max(high, total))
    outside = max(low - total, total - high, 0.0)
    which = "rates" if power == 1 else "squares of the rates"
    return within(
        outside / slack,
        f"{subject.name}: {SUMMANDS} {which} add up to {total:.17g}; theory says between "
        f"{low:.17g} and {high:.17g}, and rounding explains {slack:.3g}",
        lambda: {"hyperparameters": h, "power": power, "rates": rates.tolist()},
    )


SOON, LONG = 12, 48
# One of each kind, with the rate at 0 in units of 1/curvature: enough, no end to noise, too cold.
CONVERGES = ("power-law-schedule", {"initial_rate": 1.0, "decay_steps": 1.0, "exponent": -0.75})
STALLS = ("inverse-time-schedule", {"initial_rate": 0.5, "decay_rate": 0.0})
STOPS_SHORT = (
    "power-law-schedule",
    {"initial_rate": 0.25, "decay_steps": 1.0, "exponent": -2.0},
)


@law(
    id="robbins-monro-in-the-error",
    title="Rates within the conditions converge; constant ones stall, cold ones stop short",
    statement=(
        "Gradient descent on Gaussian examples of a quadratic, at the rates k^-p/lambda: mean and "
        f"variance after {SOON} and {LONG} steps are those of the linear recurrence. For p = 3/4 "
        "the mean square falls on; for p = 0 (half the rate) it is the floor; for p = 2 (a "
        "quarter of the rate) the mean stays above 2/pi of its start, the product of all "
        "1 - 1/(4 k^2)."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("robbins-monro-conditions", "sgd-noise-requires-decreasing-rate"),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def robbins_monro_in_the_error(subject: Subject, data: st.DataObject) -> float:
    return max(
        _with_schedule(subject, data, name, dict(h))
        for name, h in (CONVERGES, STALLS, STOPS_SHORT)
    )


def _with_schedule(
    subject: Subject, data: st.DataObject, name: str, settings: dict[str, float]
) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    settings["initial_rate"] /= curvature
    rates, curvatures = _closed_form(name, settings, LONG), [curvature] * LONG
    h, distance = {"learning_rate": rates[0]}, 4.0 * examples.spread
    start = examples.center + distance
    points = train(subject, h, start, examples.fresh(), curvatures, rates)
    theory = responses(subject.record, subject.claim.dialect, h, curvatures, rates)

    def about() -> dict[str, object]:
        return examples.told(schedule=name, settings=settings, curvature=curvature, start=start)

    ratios = [
        require_gaussian(
            subject,
            points[step],
            theory[step].mean(start, examples.center),
            theory[step].variance(examples.variance),
            f"w after {step} steps of the {name}",
            about,
        )
        for step in (SOON, LONG)
    ]
    errors, decided = points - examples.center, robbins_monro(name, settings)
    if decided == (True, True):
        soon, late = (float(np.mean(errors[step] ** 2)) for step in (SOON, LONG))
        ratios.append(within(late / soon, f"{subject.name}: the error falls no more", about))
    elif decided == (True, False):
        left = floor(rates[0] * curvature, examples.variance)
        ratios.append(require_square(subject, errors[-1], left, "floor of the error", about))
    else:
        error = math.sqrt(theory[-1].variance(examples.variance) / errors[-1].size)
        missing = max(0.0, 2.0 / math.pi * distance - float(np.mean(errors[-1])))
        message = f"{subject.name}: the mean comes {missing:.3g} closer to w* than it ever should"
        ratios.append(within(excess_of_mean(missing, error), message, about))
    return max(ratios)


def _closed_form(name: str, settings: dict[str, float], steps: int) -> list[float]:
    rate = SCHEDULES[name].closed_form
    return [float(rate(SimpleNamespace(**settings, step=step))) for step in range(steps)]


COOLING = 32


@law(
    id="cooling-too-fast",
    title="Rates with a finite sum stop short of the minimum",
    statement=(
        "On slopes G, at the rates eta c^tau of the backend's own exponential schedule where it "
        "has one, gradient descent moves by G times the sum of the rates, to rounding, and by "
        "less than G eta/(1 - c): it stays that far from a minimum beyond."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("schedule-too-fast-cooling",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def cooling_too_fast(subject: Subject, data: st.DataObject) -> float:
    # What is left of the sum after COOLING steps is far above the rounding of any schedule.
    settings = {
        "initial_rate": data.draw(st.sampled_from((0.5, 0.125)), label="initial rate"),
        "decay_factor": data.draw(st.sampled_from((0.75, 0.875)), label="decay factor"),
        "decay_steps": 1.0,
    }
    rates = _own_rates(subject, settings, COOLING)
    budget = settings["initial_rate"] / (1.0 - settings["decay_factor"])
    slopes = np.array([1.0, -0.25, 8.0])
    # The minimum is at 0, half as far again as the rates reach.
    start = 1.5 * budget * slopes
    h = {"learning_rate": rates[0]}
    points = descend(subject, h, start, lambda w: slopes, COOLING, learning_rates=rates)
    moved = math.fsum(rates) * slopes
    # Each step rounds the product and the difference; the start, and what is expected, once.
    unit = 2.0**-53
    rounding = SAFETY * unit * (np.abs(moved) + (COOLING + 2) * np.abs(start))
    nearest = np.abs(start) - budget * np.abs(slopes)

    def about() -> dict[str, object]:
        return told(h, start, slopes=slopes, rates=rates)

    return max(
        require(
            Bound(moved, rounding),
            start - points[-1],
            what=f"{subject.name}: displacement after {COOLING} steps that cool",
            counterexample=about,
        ),
        within(
            float(np.max((nearest - np.abs(points[-1])) / rounding)),
            f"{subject.name}: is closer to the minimum than G times the sum of the rates allows",
            about,
        ),
    )


def _own_rates(subject: Subject, settings: dict[str, float], steps: int) -> Sequence[float]:
    """Those of the backend's schedule, which laws of schedules check, or of the equation."""
    name, backend = "exponential-schedule", subject.backend
    own = backend.schedules() if isinstance(backend, HasSchedules) else ()
    for rule in own:
        if rule.claim.method == name and rule.claim.limits(settings) is None:
            with under_test(subject, lambda: {"settings": settings}):
                return [float(rate) for rate in rule.rates(settings, steps)]
    return _closed_form(name, settings, steps)


@law(
    id="warm-up-rises",
    title="A warm-up rises from its start to its rate, and stays there",
    statement=(
        "A linear warm-up starts at its share of the rate (at 0, if the share is 0), never falls, "
        "and does not change any more after its end, where it is the rate, to rounding."
    ),
    oracle="exact",
    capability="schedule",
    equations=("learning-rate-warm-up",),
    about=lambda subject: subject.record.id == "linear-warm-up",
    share=0.3,
)
def warm_up_rises(subject: Subject, data: st.DataObject) -> float:
    h = data.draw(
        hyperparameters(subject.record.hyperparameters, subject.claim), label="hyperparameters"
    )
    end = int(h["warm_up_steps"])
    steps = end + 4

    def about() -> dict[str, object]:
        return {"hyperparameters": h, "steps": steps}

    with under_test(subject, about):
        rates = np.array(list(subject.rule.rates(h, steps)), dtype=np.float64)
    exact = schedule_rates(subject.record, subject.claim.dialect, h, steps, subject.working)
    changes = np.diff(rates)
    if np.any(changes < 0.0) or np.any(changes[end:] != 0.0):
        at = int(np.argmax((changes < 0.0) | ((changes != 0.0) & (np.arange(steps - 1) >= end))))
        raise Deviation(
            f"{subject.name}: goes from {rates[at]:.17g} to {rates[at + 1]:.17g} after step {at} "
            f"of a warm-up of {end}",
            counterexample=about(),
        )
    ends = np.array([h["start_factor"] * h["learning_rate"], h["learning_rate"]])
    return require(
        Bound(ends, exact.allowed()[[0, end]]),
        rates[[0, end]],
        what=f"{subject.name}: first and last rate of the warm-up",
        counterexample=about,
    )


@law(
    id="warm-up-bounds-adam",
    title="With a warm-up the first steps of Adam are short",
    statement=(
        "At the rates eta min(1, t/K) step t of Adam is at most t/K of what its decays allow at "
        "the full rate: with few gradients seen, when the length of a step is eta whatever the "
        "gradient, it is K/t times shorter, and its variance (K/t)^2 times smaller."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("learning-rate-warm-up",),
    about=lambda s: s.record.id == "adam" and s.claim.dialect == "epsilon-outside-root",
    every_path=False,
    dtypes=FLOAT64,
    share=0.2,
)
def warm_up_bounds_adam(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_case(subject, data, min_steps=1, max_steps=6, from_zero=True)
    h, steps = drawn.hyperparameters, range(1, drawn.steps + 1)
    warm_up = data.draw(st.sampled_from((4, 2, 5)), label="steps of warm-up")
    rates = tuple(h["learning_rate"] * min(1.0, step / warm_up) for step in steps)
    case = replace(drawn, learning_rates=rates)
    bounds = [adam_step_bound(h["beta1"], h["beta2"], step) for step in steps]
    limits = np.array(rates) * np.array(bounds)
    moves = moves_of(subject, case, run_case(subject, case))
    return require_at_most(subject, case, "step of the warm-up", moves, limits)
