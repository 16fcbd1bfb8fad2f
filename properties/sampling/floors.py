"""Laws of constant rates: the floor that noisy gradients leave, and what it depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.sampling.noisy import (
    FLOAT64,
    Examples,
    draw_curvature,
    draw_examples,
    is_gradient_descent,
    is_linear,
    require_gaussian,
    train,
)
from optcheck.reference.rates import largest_stable_rate
from optcheck.reference.sampling.rates import Response, approach, floor, responses

STEPS = 40
SEEN_AT = (1, 8, STEPS)


@law(
    id="noise-floor",
    title="With a constant rate the error falls to a floor, and stays there",
    statement=(
        "On Gaussian examples of a quadratic, from a far point or from the floor itself, mean and "
        "variance of the iterate are those of theory at every step: for gradient descent "
        "(1 - eta lambda)^k times the distance, and (1 - eta lambda)^2k v_0 + eta lambda sigma^2 "
        "(1 - (1 - eta lambda)^2k)/(2 - eta lambda), with momentum those of the linear "
        "recurrence. The floor is above 0 for every rate."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-constant-step-noise-floor", "sgd-noise-requires-decreasing-rate"),
    about=is_linear,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def noise_floor(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    h = _draw_constant_rate(subject, data, curvature)
    spread = _draw_start(subject, data, h, curvature, examples)
    start = examples.center + (0.0 if spread else 4.0 * examples.spread)
    starts = examples.starts(start, spread)
    points = train(subject, h, starts, examples.fresh(), [curvature] * STEPS)
    means, variances = _theory(subject, h, curvature, examples, start, spread)
    return max(
        require_gaussian(
            subject,
            points[step],
            means[step],
            variances[step],
            f"w after {step} steps",
            lambda: examples.told(hyperparameters=h, curvature=curvature, start=start),
        )
        for step in SEEN_AT
    )


def _draw_constant_rate(
    subject: Subject, data: st.DataObject, curvature: float
) -> dict[str, float]:
    """A stable rate; 0.1 over the curvature is the first for gradient descent."""
    h = {"learning_rate": 1.0}
    domains = subject.record.domains(subject.claim.dialect)
    for name in ("momentum", "dampening"):
        if name in domains:
            h[name] = data.draw(st.sampled_from((0.5, 0.9, 0.1)), label=name)
    limit = largest_stable_rate(subject.record.id, subject.claim.dialect, h, curvature)
    share = data.draw(st.sampled_from((0.05, 0.5, 0.25, 0.8)), label="rate over its limit")
    return {**h, "learning_rate": share * limit}


def _draw_start(
    subject: Subject,
    data: st.DataObject,
    h: dict[str, float],
    curvature: float,
    examples: Examples,
) -> float:
    """The standard deviation of the start: that of the floor, or 0, which is far from it."""
    on_the_floor = is_gradient_descent(subject) and data.draw(st.booleans(), label="on the floor")
    share = h["learning_rate"] * curvature
    return math.sqrt(floor(share, examples.variance)) if on_the_floor else 0.0


def _theory(
    subject: Subject,
    h: dict[str, float],
    curvature: float,
    examples: Examples,
    start: float,
    spread: float,
) -> tuple[list[float], list[float]]:
    """Means and variances at each step; in closed form for gradient descent."""
    steps, rate = range(STEPS + 1), h["learning_rate"]
    if is_gradient_descent(subject):
        share, distance = rate * curvature, start - examples.center
        return (
            [examples.center + (1.0 - share) ** step * distance for step in steps],
            [approach(share, step, spread**2, examples.variance) for step in steps],
        )
    found: list[Response] = responses(
        subject.record, subject.claim.dialect, h, [curvature] * STEPS, [rate] * STEPS
    )
    return (
        [each.mean(start, examples.center) for each in found],
        [each.variance(examples.variance) for each in found],
    )


# Rates times curvature, each a quarter of the one before, and the steps to the same time, 1/2.
DIFFUSIONS = {0.5: 1, 0.125: 4, 0.03125: 16}


@law(
    id="small-rates-diffuse",
    title="Small finite rates follow the stochastic differential equation",
    statement=(
        "From the minimum, gradient descent at rate alpha has after k steps the variance "
        "alpha C/(2 lambda abs(B)) of the diffusion, times (1 - (1 - alpha lambda)^2k)/"
        "(1 - alpha lambda/2) instead of 1 - exp(-2 k alpha lambda). At the rates "
        f"{', '.join(f'{each:g}' for each in DIFFUSIONS)} over lambda and the same time k alpha "
        "the variance falls in proportion to the rate, so that the limit is the gradient flow, "
        "without noise."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-stochastic-differential-equation",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def small_rates_diffuse(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    batch_size = data.draw(st.sampled_from((1, 4)), label="batch size")
    ratios = []
    for share, steps in DIFFUSIONS.items():
        h = {"learning_rate": share / curvature}
        batches = examples.fresh(batch_size)
        points = train(subject, h, examples.center, batches, [curvature] * steps)
        ratios.append(
            require_gaussian(
                subject,
                points[-1],
                examples.center,
                approach(share, steps, 0.0, examples.variance / batch_size),
                f"w after {steps} steps",
                lambda h=h: examples.told(  # type: ignore[misc]
                    hyperparameters=h, curvature=curvature, batch_size=batch_size
                ),
            )
        )
    return max(ratios)


RATIO_STEPS = 12


@law(
    id="rate-over-batch-size",
    title="The ratio of rate to batch size sets the spread",
    statement=(
        "Batches of 1, 2 and 8 examples with rates in the same proportion keep the iterate at "
        "the spread alpha/abs(B) C/(lambda (2 - alpha lambda)): to first order in the rate it is "
        "the same for all, and beyond that it grows with the rate as 1/(1 - alpha lambda/2)."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("learning-rate-batch-size-ratio",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def rate_over_batch_size(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    ratio = data.draw(st.sampled_from((0.1, 0.2, 0.05)), label="rate times curvature over size")
    ratios = []
    for size in (1, 2, 8):
        share, h = ratio * size, {"learning_rate": ratio * size / curvature}
        spread = floor(share, examples.variance / size)
        points = train(
            subject,
            h,
            examples.starts(examples.center, math.sqrt(spread)),
            examples.fresh(size),
            [curvature] * RATIO_STEPS,
        )
        ratios.append(
            require_gaussian(
                subject,
                points[-1],
                examples.center,
                spread,
                f"w after {RATIO_STEPS} steps with batches of {size}",
                lambda h=h: examples.told(hyperparameters=h, curvature=curvature),  # type: ignore[misc]
            )
        )
    return max(ratios)


@dataclass(frozen=True)
class Floor:
    """The variance that is left at one rate, times the curvature, as measured and predicted."""

    share: float
    measured: float
    predicted: float


def floors(subject: Subject, shares: Sequence[float], seed: int = 0) -> list[Floor]:
    """The floors of gradient descent on unit examples, for a figure."""
    examples = Examples(0.0, 1.0, seed)
    found = []
    for share in shares:
        # By now no more than 1e-3 of the floor is missing.
        steps = math.ceil(math.log(1e-3) / (2.0 * math.log(abs(1.0 - share) or 1e-3)))
        h = {"learning_rate": share}
        points: Floats = train(subject, h, 0.0, examples.fresh(), [1.0] * steps)
        found.append(Floor(share, float(np.mean(points[-1] ** 2)), floor(share, 1.0)))
    return found
