"""Laws about searches around gradient descent: for a rate, for a start, for a place to stop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.plain import (
    UNIT,
    WIDTH,
    draw_floats,
    draw_integers,
    exactly,
    law_of_descent,
    mode_budgets,
    require_at_most,
    require_equal,
    require_that,
)
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.statistics import excess
from optcheck.reference.descent.gradient_descent import DoubleWell
from optcheck.reference.descent.searches import best_of, successful_starts


@law_of_descent(
    id="halving-the-rate-ends",
    title="A rate that is halved until the error falls is soon small enough",
    statement=(
        "From any point that is not stationary there is a largest rate below which a step lowers "
        "the error. On c x^2/2 it is 2/c; on the cliff log(cosh(s x))/s, whose slope is at most 1 "
        "and whose curvature is s, it is 2 x/tanh(s x): near the edge it shrinks like 1/s. A "
        "rate that is halved until the error falls is the first one below; that takes at most "
        "log2(e L/2) + 1 halvings from e. No smaller rate fails."
    ),
    oracle="rate",
    equations=("continuous-limit-small-steps-descent",),
    share=0.4,
)
def halving_the_rate_ends(subject: Subject, data: st.DataObject) -> float:
    steepness = 2.0 ** draw_integers(data, 0, 8, "binary exponents of the curvatures")
    relative = draw_integers(data, 1, 32, "start times the curvature, times 8") / 8
    relative[0] = 1.0 / 8
    first, start = 16.0, relative / steepness
    bowls = np.arange(WIDTH) < WIDTH // 2

    def slope(w: Floats) -> Floats:
        return np.where(bowls, steepness * w, np.tanh(steepness * w))

    rates = [first * 0.5**halvings for halvings in range(14)]
    after = [descend(subject, {"learning_rate": r}, start, slope, 1)[-1] for r in rates]
    # Both functions are even and rise with the distance from 0.
    falls = np.abs(np.array(after)) < np.abs(start)
    largest = np.where(bowls, 2.0 / steepness, 2.0 * start / np.tanh(relative))
    # Eight roundings where tanh is right to four units; on the quadratics there is none.
    near = np.abs(np.multiply.outer(rates, 1.0 / largest) - 1.0) < 8 * UNIT
    expected = np.array(rates)[:, np.newaxis] < largest

    def scene() -> dict[str, Any]:
        return told({"learning_rate": first}, start, curvatures=steepness)

    require_that(
        (falls == expected) | (near & ~bowls),
        f"{subject.name}: a step lowers the error at a rate above the largest, or not below",
        scene,
    )
    halvings = np.argmax(falls, axis=0)
    bound = np.maximum(np.log2(first * steepness / 2.0) + 1.0, 0.0)
    return require_that(
        falls.any(axis=0) & (halvings <= bound),
        f"{subject.name}: the error falls after too many halvings of the rate",
        scene,
    )


@law_of_descent(
    id="stops-where-the-gradient-is-small",
    title="A small gradient stops descent at a minimum, and on its way past a saddle too",
    statement=(
        "Descent that stops when the gradient is below a tolerance stops on a quadratic bowl "
        "between the steps that its flattest mode needs and those that rho^k gives, where the "
        "error is at most the squared tolerance over 2 mu. Started where the coordinates of "
        "negative curvature are exactly 0, it stops in the same way on a saddle; started "
        "from there but a tolerance beside, it does not stop, and its error falls at every step."
    ),
    oracle="rate",
    equations=("gradient-norm-stopping-rule",),
    share=0.4,
)
def stops_where_the_gradient_is_small(subject: Subject, data: st.DataObject) -> float:
    shares = draw_integers(data, 2, 14, "rate times curvature, times 16") / 16
    rate = 2.0 ** data.draw(st.integers(-4, 3), label="binary exponent of the rate")
    exponent = data.draw(st.integers(4, 20), label="binary exponent of the tolerance times rate")
    tolerance = 2.0**-exponent / rate
    start = draw_integers(data, 8, 64, "start times 8") / 8
    _stop(subject, shares / rate, rate, start, tolerance)
    saddle = shares * np.where(np.arange(WIDTH) < WIDTH // 2, 1.0, -1.0) / rate
    stable = np.where(saddle > 0.0, start, 0.0)
    end = _stop(subject, saddle, rate, stable, tolerance)
    h = {"learning_rate": rate}
    require_that(
        end[saddle < 0.0] == 0.0,
        f"{subject.name}: does not stay on the stable directions of a saddle until it stops",
        lambda: told(h, stable, curvatures=saddle),
    )
    beside = np.where(saddle > 0.0, end, tolerance * np.max(1.0 / np.abs(saddle)))
    points = descend(subject, h, beside, lambda w: saddle * w, 20)
    errors = [(exactly(saddle) * exactly(w) ** 2).sum() for w in (end, *points)]
    falls = [after < before for before, after in itertools.pairwise(errors)]
    return require_that(
        [*falls, *(np.linalg.norm(saddle * points, axis=1) >= tolerance)],
        f"{subject.name}: stops beside the place on a saddle where it stopped",
        lambda: told(h, beside, curvatures=saddle),
    )


def _stop(
    subject: Subject, curvatures: Floats, rate: float, start: Floats, tolerance: float
) -> Floats:
    """Descend until the gradient is small; where that is, and after how many steps."""

    def size(w: Floats) -> float:
        return float(np.linalg.norm(curvatures * w))

    moved = start != 0.0
    rates = 1.0 - rate * curvatures[moved]
    rho, flattest = float(rates.max()), int(np.argmax(rates))
    alone = abs(float((curvatures * start)[moved][flattest]))
    # One step of room for what rounding does to the count, and to the norm.
    most = math.ceil(math.log(tolerance / size(start)) / math.log(rho)) + 1
    least = math.ceil(math.log(tolerance / alone) / math.log(rho)) - 1
    h = {"learning_rate": rate}
    points = descend(
        subject, h, start, lambda w: curvatures * w, most, until=lambda w: size(w) < tolerance
    )
    steps, end = len(points) - 1, np.array(points[-1])
    error = float((curvatures * end**2).sum()) / 2
    bound = tolerance**2 / (2 * float(curvatures[moved].min()))
    require_that(
        size(end) < tolerance and least <= steps and error <= bound * (1 + WIDTH * 4 * UNIT),
        f"{subject.name}: stops after {steps} steps at an error of {error:.3g}; theory says "
        f"between {least} and {most} and at most {bound:.3g}",
        lambda: told(h, start, curvatures=curvatures, tolerance=tolerance),
    )
    return end


@law_of_descent(
    id="search-keeps-the-smallest-validation-error",
    title="A search keeps the rate with the smallest error, and random trials see more rates",
    statement=(
        "Training runs at the rates of a grid and at random ones end with the validation errors "
        "that theory gives, so that the trial with the smallest recorded error is the best one "
        "but for rounding. Where the second hyper-parameter does not matter a grid of k^2 trials "
        "has k different errors, and k^2 random trials have k^2."
    ),
    oracle="rate",
    equations=("hyperparameter-search",),
    share=0.1,
)
def search_keeps_the_smallest_validation_error(subject: Subject, data: st.DataObject) -> float:
    side, steps = 4, 3
    curvatures = draw_floats(data, 0.25, 4.0, "curvatures")
    curvatures[1] = 0.3  # no two rates are then the same distance from the best one
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    axis = np.linspace(0.05, 0.45, side)
    grid = list(itertools.product(axis.tolist(), axis.tolist()))
    drawn = [tuple(pair) for pair in random.uniform(0.05, 0.45, (side**2, 2)).tolist()]
    ratios = []
    for trials, distinct in ((grid, side), (drawn, side**2)):
        errors, exact, allowed = _train(subject, curvatures, trials, steps)

        def scene(
            trials: Sequence[tuple[float, ...]] = trials, errors: Floats = errors
        ) -> dict[str, Any]:
            return {"curvatures": curvatures.tolist(), "trials": trials, "errors": errors.tolist()}

        what = f"{subject.name}: validation error of a trial"
        ratios.append(require_at_most(np.abs(errors - exact), 0.0 * exact, allowed, what, scene))
        kept = int(np.argmin(errors))
        what = f"{subject.name}: error of the trial that is kept, against every other"
        ratios.append(
            require_at_most(exact[kept] - exact, 0.0 * exact, allowed + allowed[kept], what, scene)
        )
        found = len(np.unique(errors))
        require_that(
            found == distinct,
            f"{subject.name}: {len(trials)} trials have {found} different errors, not {distinct}",
            scene,
        )
    return max(ratios)


def _train(
    subject: Subject, curvatures: Floats, trials: Sequence[tuple[float, ...]], steps: int
) -> tuple[Floats, Floats, Floats]:
    """The validation error of each trial, what it is exactly, and what rounding explains.

    The second number of a trial is where a coordinate starts that the error does not depend on.
    """
    found, exact, allowed = [], [], []
    weights = np.where(np.arange(WIDTH) > 0, curvatures, 0.0)
    for rate, idle in trials:
        start = np.where(np.arange(WIDTH) > 0, 1.0, idle)
        h = {"learning_rate": rate}
        end = descend(subject, h, start, lambda w: curvatures * w, steps)[-1]
        right = (1.0 - rate * curvatures) ** steps
        # Of the powers here, of the run, and of the sums.
        budget = mode_budgets(start, curvatures, rate, steps)[-1] * (2 * steps)
        found.append(float(weights @ end**2) / 2)
        exact.append(float(weights @ right**2) / 2)
        rounding = weights @ ((np.abs(right) + budget) * budget)
        allowed.append(float(rounding) + 2 * WIDTH * UNIT * exact[-1])
    return np.array(found), np.array(exact), np.array(allowed)


@law_of_descent(
    id="exhaustive-search-finds-the-global-minimum",
    title="Trying all combinations of N quantised rates finds the best, and all of them",
    statement=(
        "The error of a quadratic with N curvatures after N steps is a function of the N rates of "
        "the steps. On a set Q of rates that has the inverse of each curvature, a search through "
        "all |Q|^N combinations finds errors that are those of theory to the last bit; the least "
        "is exactly 0, and it is that of the N! orders of those inverses and no others."
    ),
    oracle="identity",
    equations=("exhaustive-quantised-search",),
    share=0.1,
)
def exhaustive_search_finds_the_global_minimum(subject: Subject, data: st.DataObject) -> float:
    levels = (1.0, 0.5, 0.25, 0.125)
    order = data.draw(st.permutations(levels), label="inverse curvatures")
    start = draw_integers(data, 1, 15, "start")
    for count in (1, 2, 3):
        curvatures = np.zeros(WIDTH)
        curvatures[:count] = [1.0 / each for each in order[:count]]
        candidates = list(itertools.product(levels, repeat=count))
        found = [_scheduled_error(subject, curvatures, start, rates) for rates in candidates]
        right = [_exact_error(curvatures, start, rates) for rates in candidates]

        def scene(curvatures: Floats = curvatures) -> dict[str, Any]:
            return told({}, start, curvatures=curvatures, levels=levels)

        require_equal(found, right, f"{subject.name}: error after {count} rates of a set", scene)
        best = {each for each, error in zip(candidates, found, strict=True) if error == 0}
        require_that(
            len(found) == len(levels) ** count
            and best == set(itertools.permutations(order[:count])),
            f"{subject.name}: the best of {len(found)} combinations are {sorted(best)}",
            scene,
        )
    return 0.0


def _scheduled_error(
    subject: Subject, curvatures: Floats, start: Floats, rates: tuple[float, ...]
) -> Fraction:
    h = {"learning_rate": rates[0]}
    end = descend(subject, h, start, lambda w: curvatures * w, len(rates), learning_rates=rates)[
        -1
    ]
    error: Fraction = (exactly(curvatures) * exactly(end) ** 2).sum() / 2
    return error


def _exact_error(curvatures: Floats, start: Floats, rates: tuple[float, ...]) -> Fraction:
    factor = math.prod(1 - Fraction(rate) * exactly(curvatures) for rate in rates)
    error: Fraction = (exactly(curvatures) * (factor * exactly(start)) ** 2).sum() / 2
    return error


# Independent descents at once, how many of them are one trial at most, and their length.
_DESCENTS, _RESTARTS, _STEPS = 8192, 8, 6


@law_of_descent(
    id="best-of-random-restarts",
    title="The best of R random restarts succeeds with probability 1 - (1 - p)^R",
    statement=(
        "From a random start in a double well a few steps of descent come below the floor of the "
        "wrong valley with a probability p that is known exactly: the starts that do are an "
        "interval. The best of R restarts does with probability 1 - (1 - p)^R, and its error is "
        f"no more than that of the best of fewer. {_DESCENTS} descents are counted in groups of "
        "1, 2, 4 and 8; a count is further from its expectation than allowed with probability "
        "below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    equations=("random-restart-selection",),
    false_alarm=1e-9,
    alternative="gradient descent with half the step",
    share=0.1,
)
def best_of_random_restarts(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    reach, rate, well = 0.6, 0.0625, DoubleWell(-1.0, 1.5)
    start = np.random.default_rng(seed).uniform(-reach, reach, _DESCENTS)
    end = descend(subject, {"learning_rate": rate}, start, well.slope, _STEPS)[-1]
    errors = np.asarray(well.value(end)).reshape(-1, _RESTARTS)
    low, high = successful_starts(well, rate, _STEPS, reach)
    chance, floor = (high - low) / (2 * reach), well.value(well.left)
    bests = np.minimum.accumulate(errors, axis=1)
    scene = {"seed": seed, "rate": rate, "steps": _STEPS, "reach": reach}
    require_that(
        np.diff(bests, axis=1) <= 0.0,
        f"{subject.name}: the best of more restarts is worse",
        lambda: scene,
    )
    ratios = []
    for restarts in (1, 2, 4, _RESTARTS):
        best = errors.reshape(-1, restarts).min(axis=1)
        successes, expected = int((best < floor).sum()), best_of(chance, restarts)
        ratio = excess(successes, best.size, expected)
        if ratio > 1.0:
            raise Deviation(
                f"{subject.name}: the best of {restarts} restarts succeeds {successes} times of "
                f"{best.size}; expected {expected * best.size:.1f}",
                ratio=ratio,
                counterexample=scene,
            )
        ratios.append(ratio)
    return max(ratios)
