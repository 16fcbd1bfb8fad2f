"""Laws of finite sets of examples: single examples against all of them, fresh against reused."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.sampling.noisy import (
    FLOAT64,
    TRIALS,
    Examples,
    draw_curvature,
    draw_examples,
    in_turn,
    is_gradient_descent,
    require_gaussian,
    require_mean,
    require_square,
    train,
    within,
)
from optcheck.properties.trace import require
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.sampling.rates import Response, responses

UNIT = 2.0**-53


def _sets(examples: Examples, size: int) -> Floats:
    """A set of examples for each trial, shape ``(size, TRIALS)``."""
    noise = np.random.default_rng(examples.seed).standard_normal((size, TRIALS))
    return np.asarray(examples.center + examples.spread * noise)


def _one_by_one(sets: Floats, passes: int) -> Callable[[], Floats]:
    """The examples of each set in turn, so many times over."""
    order = in_turn(len(sets), passes)
    return lambda: np.asarray(sets[next(order)])


FITTED_STEPS = 24
CURVATURES = (1.0, 0.25, 2.0, 0.5)


@law(
    id="interpolation-has-no-floor",
    title="Where every example is fitted, single examples lead to the minimum itself",
    statement=(
        "Examples of different curvatures with one common minimum: gradient descent on single "
        "examples never leaves it, and from elsewhere the distance is the product of the factors "
        "1 - eta c_i, to rounding, with a constant rate. Where the examples have minima of their "
        "own, drawn from a Gaussian about the common one, it leaves, and has the predicted "
        "variance."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-noise-vanishes-under-interpolation",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def interpolation_has_no_floor(subject: Subject, data: st.DataObject) -> float:
    examples = draw_examples(data)
    h = {"learning_rate": data.draw(st.sampled_from((0.25, 0.75)), label="learning rate")}
    order = np.random.default_rng(examples.seed).integers(0, len(CURVATURES), FITTED_STEPS)
    curvatures, distance = [CURVATURES[i] for i in order], 8.0
    noise = examples.fresh()

    def minima() -> Floats:
        """Of one example in each trial; the first two trials have noiseless ones."""
        return np.concatenate([np.full(2, examples.center), noise()[2:]])

    start = np.full(TRIALS, examples.center)
    start[1] += distance
    points = train(subject, h, start, minima, curvatures)
    found = responses(
        subject.record, subject.claim.dialect, h, curvatures, [h["learning_rate"]] * FITTED_STEPS
    )
    factors = [1 - Fraction(h["learning_rate"]) * Fraction(each) for each in curvatures]
    end = Fraction(examples.center) + math.prod(factors) * Fraction(distance)

    def told() -> dict[str, object]:
        return examples.told(hyperparameters=h, curvatures=curvatures, start=start[:2].tolist())

    budget = _budget(h["learning_rate"], curvatures, examples.center, distance)
    return max(
        require(
            Bound(np.array([examples.center, float(end)]), np.array([0.0, budget])),
            points[-1][:2],
            what=f"{subject.name}: w after {FITTED_STEPS} examples that are fitted",
            counterexample=told,
        ),
        require_gaussian(
            subject,
            points[-1][2:],
            examples.center,
            found[-1].variance(examples.variance),
            f"w after {FITTED_STEPS} examples that are not fitted",
            told,
        ),
    )


def _budget(rate: float, curvatures: Sequence[float], center: float, distance: float) -> float:
    """Forward error of ``w - fl(rate * fl(curvature * fl(w - center)))`` about the center.

    Two products and two differences round; a step contracts the errors made before it.
    """
    error, e = UNIT * abs(center), distance
    for curvature in curvatures:
        q, share = abs(1.0 - rate * curvature), rate * curvature
        local = UNIT * (3.0 * share * e + abs(center) + q * e)
        error = q * error + local + 4.0 * UNIT * error
        e = q * e
    return SAFETY * error


SET_SIZE = 8
PASSES = 6
FAR = 8.0  # standard deviations


@law(
    id="single-examples-first-batch-last",
    title="For the same work single examples are ahead at first, and all of them in the end",
    statement=(
        f"Each trial has {SET_SIZE} Gaussian examples and starts far from their mean, so that all "
        "pull the same way. The distance to the minimum of the training error has the predicted "
        "mean and variance after each pass, by single examples in turn and by one step with all "
        "at the same rate. The mean square of the first is smaller until the predicted pass, "
        "and of the second after it."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("batch-gd-redundant-vs-sgd-speed",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def single_examples_first(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    share = data.draw(st.sampled_from((0.5, 0.375)), label="rate times curvature")
    h, distance = {"learning_rate": share / curvature}, FAR * examples.spread
    start, sets = examples.center + distance, _sets(examples, SET_SIZE)
    best, steps = sets.mean(axis=0), SET_SIZE * PASSES
    by_one = train(subject, h, start, _one_by_one(sets, PASSES), [curvature] * steps)
    by_all = train(subject, h, start, lambda: best, [curvature] * PASSES)
    found = responses(
        subject.record, subject.claim.dialect, h, [curvature] * steps, [share / curvature] * steps
    )

    def told() -> dict[str, object]:
        return examples.told(hyperparameters=h, curvature=curvature, start=start)

    ratios = []
    for each in range(1, PASSES + 1):
        contraction = (1.0 - share) ** each
        single, weights = found[each * SET_SIZE].start, _weights_in_set(found[each * SET_SIZE])
        # About their own mean: each example counts 1/SET_SIZE in it.
        spread = float(np.sum((weights - 1.0 / SET_SIZE) ** 2))
        means = single * distance, contraction * distance
        variances = (
            spread * examples.variance,
            contraction**2 * examples.variance / SET_SIZE,
        )
        curves = by_one[each * SET_SIZE] - best, by_all[each] - best
        ratios += [
            require_gaussian(subject, e, mean, variance, f"w - w* after {each} passes", told)
            for e, mean, variance in zip(curves, means, variances, strict=True)
        ]
        expected = [m**2 + v for m, v in zip(means, variances, strict=True)]
        _require_order(subject, curves, expected, f"after {each} passes", told)
    return max(ratios)


def _weights_in_set(response: Response) -> Floats:
    """What each example of the set weighs in all, after passes through it."""
    return np.asarray(response.examples.reshape(-1, SET_SIZE).sum(axis=0))


def _require_order(
    subject: Subject,
    curves: Sequence[Floats],
    expected: Sequence[float],
    when: str,
    told: Callable[[], dict[str, object]],
) -> None:
    """Where theory has one error at twice the other or more, so has the implementation it."""
    first, second = (float(np.mean(each**2)) for each in curves)
    if max(expected) < 2.0 * min(expected) or (first < second) == (expected[0] < expected[1]):
        return
    raise Deviation(
        f"{subject.name}: {when} the mean squares are {first:.6g} by single examples and "
        f"{second:.6g} by all; theory says {expected[0]:.6g} and {expected[1]:.6g}",
        counterexample=told(),
    )


SMOOTHNESS = 8  # the largest curvature over the smallest
LONG = 64


@law(
    id="batch-overtakes",
    title="Step by step, batch descent has the lower error in the end",
    statement=(
        f"On curvatures mu and L = {SMOOTHNESS} mu, gradient descent with exact gradients at the "
        "rate 1/L errs by (1 - mu/L)^2k of its start, and on single examples at the rates "
        f"1/(mu k) with the predicted variance, which falls as 1/k: after {SMOOTHNESS} steps the "
        f"second has the lower mean excess error, and after {LONG} the first."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("batch-after-sgd-lower-error",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
    false_alarm=1e-9,
    alternative="half the step",
)
def batch_overtakes(subject: Subject, data: st.DataObject) -> float:
    examples, mu = draw_examples(data), draw_curvature(data)
    half = TRIALS // 2
    curvatures = np.repeat([mu, SMOOTHNESS * mu], half)
    start, distance = examples.center + 32.0 * examples.spread, 32.0 * examples.spread
    rates = [1.0 / (mu * k) for k in range(1, LONG + 1)]
    fixed, falling = {"learning_rate": 1.0 / (SMOOTHNESS * mu)}, {"learning_rate": rates[0]}
    every = [curvatures] * LONG
    batch = train(subject, fixed, start, lambda: np.full(TRIALS, examples.center), every)
    single = train(subject, falling, start, examples.fresh(), every, rates)
    theory = [
        responses(subject.record, subject.claim.dialect, falling, [each] * LONG, rates)
        for each in (mu, SMOOTHNESS * mu)
    ]

    def told() -> dict[str, object]:
        return examples.told(curvatures=[mu, SMOOTHNESS * mu], start=start)

    ratios = []
    for k in (SMOOTHNESS, LONG):
        contracted = (1.0 - 1.0 / SMOOTHNESS) ** k * distance
        for part, curvature, response in zip(
            (single[k][:half], single[k][half:]), (mu, SMOOTHNESS * mu), theory, strict=True
        ):
            mean, variance = response[k].mean(start, examples.center), response[k].variance(1.0)
            what = f"w after {k} steps on the curvature {curvature:g}"
            variance *= examples.variance
            ratios.append(require_gaussian(subject, part, mean, variance, what, told))
        budget = _budget(fixed["learning_rate"], [mu] * k, examples.center, distance)
        ratios.append(
            require(
                Bound(np.array([contracted]), np.array([budget])),
                batch[k][:1] - examples.center,
                what=f"{subject.name}: w - w* after {k} steps with exact gradients",
                counterexample=told,
            )
        )
        errors = [_excess(points[k] - examples.center, curvatures) for points in (batch, single)]
        if (errors[0] < errors[1]) != (k == LONG):
            raise Deviation(
                f"{subject.name}: the mean excess error after {k} steps is {errors[0]:.6g} with "
                f"exact gradients and {errors[1]:.6g} with single examples; theory says that the "
                f"{'first' if k == LONG else 'second'} is lower",
                counterexample=told(),
            )
    return max(ratios)


def _excess(e: Floats, curvatures: Floats) -> float:
    """Of the sum of both curvatures' parts, as a mean over the trials."""
    return float(np.mean(curvatures * e**2))


ONLINE_STEPS = 32


@law(
    id="fresh-examples-generalise",
    title="Fresh examples minimise the generalisation error, reused ones the training error",
    statement=(
        f"Single Gaussian examples at the rates 1/(lambda k), {ONLINE_STEPS} of them: the mean of "
        "the first gradient is that of the generalisation error. With fresh examples the error "
        f"falls to sigma^2/(2 {ONLINE_STEPS}). With {SET_SIZE} that are used again and again it "
        f"stays at sigma^2/(2 {SET_SIZE}), and the iterate is their mean, to rounding: the "
        "minimum of the training error."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("online-gradient-generalisation-error",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def fresh_examples_generalise(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    rates = [1.0 / (curvature * k) for k in range(1, ONLINE_STEPS + 1)]
    h, start = {"learning_rate": rates[0]}, examples.center + 4.0 * examples.spread
    curvatures, sets = [curvature] * ONLINE_STEPS, _sets(examples, SET_SIZE)
    fresh = train(subject, h, start, examples.fresh(), curvatures, rates)
    again = _one_by_one(sets, ONLINE_STEPS // SET_SIZE)
    reused = train(subject, h, start, again, curvatures, rates)

    def told() -> dict[str, object]:
        return examples.told(hyperparameters=h, curvature=curvature, start=start)

    gradients = (fresh[0] - fresh[1]) / rates[0]
    spread, largest = curvature**2 * examples.variance, float(np.abs(sets).max() + abs(start))
    # Each step rounds w, and 9 times at most what it moves by; see the mean as a recurrence.
    budget = SAFETY * (9 * ONLINE_STEPS + SET_SIZE) * UNIT * largest
    off = np.abs(reused[-1] - sets.mean(axis=0))
    return max(
        require_mean(
            subject,
            gradients,
            curvature * (start - examples.center),
            spread,
            "the gradient of a fresh example",
            told,
        ),
        *(
            require_square(
                subject,
                points - examples.center,
                examples.variance / count,
                f"mean square of w - w* after {ONLINE_STEPS} {kind} examples",
                told,
            )
            for points, count, kind in (
                (fresh[-1], ONLINE_STEPS, "fresh"),
                (reused[-1], SET_SIZE, "reused"),
            )
        ),
        within(
            float(off.max()) / budget,
            f"{subject.name}: reused examples lead {off.max():.3g} away from their mean; "
            f"rounding explains {budget:.3g}",
            told,
        ),
    )
