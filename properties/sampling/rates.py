"""Laws of falling rates: how fast stochastic descent learns, and that nothing learns faster."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend
from optcheck.properties.law import Subject, law
from optcheck.properties.sampling.noisy import (
    FLOAT64,
    TRIALS,
    draw_curvature,
    draw_examples,
    is_gradient_descent,
    require_gaussian,
    train,
    within,
)
from optcheck.properties.statistics import excess, excess_of_bounded_mean
from optcheck.reference.sampling.rates import CoinProblem, responses, sharpest_bias

STEPS = 60


@law(
    id="one-over-k",
    title="At the rate 1/(lambda k) the error after k examples is sigma^2/(2k)",
    statement=(
        "On Gaussian examples of a quadratic, gradient descent at the rates c/(lambda k) has at "
        f"every step (seen at 10, 30 and {STEPS}) the mean and variance of the linear recurrence. "
        "For c = 1 they are the center and sigma^2/k, so that k times the excess error is "
        "lambda sigma^2/2 at every k."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-rate-strongly-convex",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def one_over_k(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    c = data.draw(st.sampled_from((1.0, 2.0, 0.75)), label="c")
    rates = [c / (curvature * k) for k in range(1, STEPS + 1)]
    start, curvatures = examples.center + 4.0 * examples.spread, [curvature] * STEPS
    h = {"learning_rate": rates[0]}
    points = train(subject, h, start, examples.fresh(), curvatures, rates)
    theory = responses(subject.record, subject.claim.dialect, h, curvatures, rates)

    def judged(k: int) -> float:
        mean, variance = theory[k].mean(start, examples.center), theory[k].variance(1.0)
        if c == 1.0:
            mean, variance = examples.center, 1.0 / k
        return require_gaussian(
            subject,
            points[k],
            mean,
            variance * examples.variance,
            f"w after {k} steps",
            lambda: examples.told(curvature=curvature, c=c),
        )

    return max(judged(k) for k in (10, 30, STEPS))


# Weights of the k-th of all examples so far; the first one forgets the start.
WEIGHTINGS: dict[str, Callable[[int], float]] = {
    "all alike": lambda k: 1.0 / k,
    "in proportion to their number": lambda k: 2.0 / (k + 1.0),
    "by a half less with every later one": lambda k: 1.0 if k == 1 else 0.5,
}
EXAMPLES = 30


@law(
    id="no-weights-beat-the-mean",
    title="The mean of k examples attains the bound of Cramer and Rao; other weights do not",
    statement=(
        "From the first example on gradient descent is a mean of the examples, with weights that "
        "the rates determine. It has no bias, and its variance is sigma^2 times the sum of the "
        f"squares of the weights: after k = {EXAMPLES} Gaussian examples 1/k, which is the bound, "
        "at the rates 1/(lambda k), (4 k + 2)/(3 k (k + 1)) at 2/(lambda (k + 1)) and a third at "
        "1/(2 lambda)."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("generalisation-error-statistical-rate",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def no_weights_beat_the_mean(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    start, k = examples.center + 4.0 * examples.spread, EXAMPLES
    tail = 4.0 ** (1 - k)
    squares = (1.0 / k, (4.0 * k + 2.0) / (3.0 * k * (k + 1.0)), (1.0 + 2.0 * tail) / 3.0)
    ratios = []
    for (name, weight), square in zip(WEIGHTINGS.items(), squares, strict=True):
        rates = [weight(step) / curvature for step in range(1, k + 1)]
        h = {"learning_rate": rates[0]}
        points = train(subject, h, start, examples.fresh(), [curvature] * k, rates)
        ratios.append(
            require_gaussian(
                subject,
                points[-1],
                examples.center,
                square * examples.variance,
                f"{k} examples, weighed {name}",
                lambda: examples.told(curvature=curvature),
            )
        )
    return max(ratios)


def _is_nesterov_or_plain(subject: Subject) -> bool:
    return subject.record.family in ("nesterov", "gradient-descent")


@law(
    id="no-gain-from-momentum-in-noise",
    title="With noisy gradients Nesterov momentum learns as fast as gradient descent",
    statement=(
        "On Gaussian examples of a quadratic, at rates that fall as 1/k, the mean and variance "
        "are those of the linear recurrence. With momentum as without, k times the variance tends "
        "to s^2 sigma^2/(2 s - 1) for the rates s/(lambda k), which momentum multiplies by "
        "1/(1 - mu)."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("nesterov-no-gain-stochastic",),
    about=_is_nesterov_or_plain,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="momentum without the look-ahead",
)
def no_gain_from_momentum(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    h, dialect = {"learning_rate": 1.0}, subject.claim.dialect
    s = data.draw(st.sampled_from((1.0, 1.25)), label="effective rate times k and curvature")
    scale = s / curvature
    if "momentum" in subject.record.domains(dialect):
        h["momentum"] = data.draw(st.sampled_from((0.5, 0.75, 0.25)), label="momentum")
        scale *= 1.0 if "averaged" in dialect else 1.0 - h["momentum"]
    rates = [scale / k for k in range(1, STEPS + 1)]
    start, curvatures = examples.center + 2.0 * examples.spread, [curvature] * STEPS
    points = train(subject, h, start, examples.fresh(), curvatures, rates)
    theory = responses(subject.record, dialect, h, curvatures, rates)
    return max(
        require_gaussian(
            subject,
            points[k],
            theory[k].mean(start, examples.center),
            theory[k].variance(examples.variance),
            f"w after {k} steps at the rates {scale:g}/k",
            lambda: examples.told(hyperparameters=h, curvature=curvature),
        )
        for k in (2, 10, STEPS)
    )


@law(
    id="one-over-the-root-of-k",
    title="On a convex objective the error of the averaged iterate falls as 1/sqrt(k)",
    statement=(
        "The worst case: abs(w - xi) for a coin xi = +-R that k tosses barely tell from a fair "
        "one. At the rate R/sqrt(k), which is that of the theorem (G = 1), gradient descent walks "
        "on a grid, and the numbers of trials at each point and the mean error on the way are "
        "those of the exact Markov chain. The mean error of the average of k points is between "
        "R/(4 sqrt(k)), to first order, and R/sqrt(k) (Le Cam; Nemirovski and Yudin). Counts by "
        "Chernoff's and means by Hoeffding's bound."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-rate-convex",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def one_over_the_root_of_k(subject: Subject, data: st.DataObject) -> float:
    reach = data.draw(st.sampled_from((8, 4)), label="square root of k")
    radius = data.draw(st.sampled_from((1.0, 0.25, 8.0)), label="R")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    steps, h = reach**2, {"learning_rate": radius / reach}
    coin = CoinProblem(sharpest_bias(steps), radius)
    # Half of the trials have the mirror image of the problem; mirrored, all are alike.
    random, side = np.random.default_rng(seed), np.where(np.arange(TRIALS) % 2, 1.0, -1.0)

    def slope(w: Floats) -> Floats:
        heads = random.random(TRIALS) < (1.0 + side * coin.bias) / 2.0
        return np.sign(w - np.where(heads, radius, -radius))

    points = side * descend(subject, h, np.zeros(TRIALS), slope, steps)
    return max(
        _on_the_grid(subject, coin, points, reach, seed),
        _average_error(subject, coin, points, h["learning_rate"], seed),
    )


def _told(coin: CoinProblem, seed: int, **more: float) -> dict[str, float]:
    return {"bias": coin.bias, "radius": coin.radius, "seed": seed, "trials": TRIALS, **more}


def _on_the_grid(
    subject: Subject, coin: CoinProblem, points: Floats, reach: int, seed: int
) -> float:
    """How many trials are how far, in the middle and at the end."""
    steps, spacing = len(points) - 1, coin.radius / reach
    rows, ratios = coin.walk(reach, steps), []
    for step in (steps // 2, steps):
        tails = np.cumsum(rows[step][::-1])[::-1]
        for place, tail in zip(range(1 - reach, reach + 1), tails[1:], strict=True):
            count = int(np.count_nonzero(points[step] > (place - 0.5) * spacing))
            ratios.append(
                within(
                    excess(count, TRIALS, min(1.0, float(tail))),
                    f"{subject.name}: {count} of {TRIALS} trials are at {place * spacing:g} or "
                    f"above after {step} steps; expected {tail * TRIALS:.1f}",
                    lambda step=step: _told(coin, seed, step=step),  # type: ignore[misc]
                )
            )
    return max(ratio for ratio in ratios if not math.isnan(ratio))


def _average_error(
    subject: Subject, coin: CoinProblem, points: Floats, rate: float, seed: int
) -> float:
    """Of the points on the way, exactly, and of their average, within the bounds."""
    steps, width = len(points) - 1, 2.0 * coin.bias * coin.radius
    way = float(np.mean(coin.excess(points[:-1])))
    average = float(np.mean(coin.excess(points[:-1].mean(axis=0))))
    lower, upper = coin.lower_bound(steps), coin.upper_bound(rate, steps)
    expected = coin.expected_excess(round(coin.radius / rate), steps)
    outside = max(lower - average, average - upper, 0.0)
    return max(
        within(
            excess_of_bounded_mean(way - expected, TRIALS, width),
            f"{subject.name}: the mean error of {steps} points is {way:.6g}; theory says "
            f"{expected:.6g}",
            lambda: _told(coin, seed),
        ),
        within(
            excess_of_bounded_mean(outside, TRIALS, width),
            f"{subject.name}: the mean error of the average of {steps} points is {average:.6g}; "
            f"theory says between {lower:.6g} and {upper:.6g}",
            lambda: _told(coin, seed),
        ),
    )
