"""Laws of chance: every order of the examples is equally likely."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.sampling.drawing import (
    FEW,
    MANY,
    Indices,
    Plan,
    deviation,
    division,
    is_random,
    orders,
    seeds,
)
from optcheck.properties.statistics import excess

RUNS = 300
LONG_RUNS = 100
BATCH = 6


@law(
    id="every-place-is-equally-likely",
    title="Every example is equally likely at every place of an epoch",
    statement=(
        f"Over {RUNS} epochs of {FEW} examples each is at each place as often as at any other, "
        f"and over {LONG_RUNS} epochs of {MANY} each quarter of the examples is in each quarter "
        "of an epoch as often. A count is further from its expectation than allowed with "
        "probability below 1e-15 (Chernoff; Hoeffding for places that are filled together)."
    ),
    oracle="statistic",
    capability="loader",
    equations=("sgd-algorithm-shuffled-epochs", "sgd-gradient-unbiased"),
    about=is_random,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative=(
        "Sattolo's shuffle, in which no example keeps its place; a last example that is never "
        "moved, or never drawn; the remainder of a random byte"
    ),
)
def every_place_is_equally_likely(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(seeds(), label="seed")
    fine = Plan(FEW, BATCH, RUNS, seed)
    coarse = Plan(MANY, MANY // 4, LONG_RUNS, seed)
    return worst(
        [
            _evenly_spread(subject, fine, orders(subject, fine), FEW),
            _evenly_spread(subject, coarse, orders(subject, coarse), 4),
        ]
    )


def _evenly_spread(subject: Subject, plan: Plan, drawn: Indices, groups: int) -> float:
    """Examples and places in so many groups each: the same count in every pair of groups."""
    size = plan.examples // groups
    ratios = []
    for place in range(drawn.shape[1] // size):
        here = drawn[:, place * size : (place + 1) * size] // size
        for group, count in enumerate(np.bincount(here.ravel(), minlength=groups).tolist()):
            ratio = excess(count, here.size, 1 / groups)
            if ratio > 1.0:
                message = (
                    f"{count} of {here.size} times, for {here.size / groups:.0f}, place {place} "
                    f"of {groups} has an example of group {group}"
                )
                raise deviation(subject, plan, message, ratio)
            ratios.append(ratio)
    return worst(ratios)


@law(
    id="every-pair-is-equally-likely",
    title="Every two examples are equally likely to meet in a batch",
    statement=(
        f"Over {RUNS} epochs of {FEW} examples in batches of {BATCH} every two of them are in one "
        "batch as often as any two. With replacement the same example is drawn twice in a row "
        f"once in {FEW} times, so that the counts of examples are multinomial. A count is further "
        "from its expectation than allowed with probability below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="loader",
    equations=("sgd-algorithm-shuffled-epochs", "without-replacement-equal-contribution"),
    about=is_random,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative=(
        "whole blocks in a random order; draws without replacement that are said to be with it"
    ),
)
def every_pair_is_equally_likely(subject: Subject, data: st.DataObject) -> float:
    plan = Plan(FEW, BATCH, RUNS, data.draw(seeds(), label="seed"))
    drawn = orders(subject, plan)
    if not division(subject).once:
        # Each index takes part in one comparison alone.
        repeats = int(np.sum(drawn[:, ::2] == drawn[:, 1::2]))
        trials = drawn.size // 2
        ratio = excess(repeats, trials, 1 / FEW)
        if ratio > 1.0:
            message = f"repeats an index {repeats} times of {trials}, for {trials / FEW:.0f}"
            raise deviation(subject, plan, message, ratio)
        return ratio
    return _all_pairs_meet(subject, plan, drawn)


def _all_pairs_meet(subject: Subject, plan: Plan, drawn: Indices) -> float:
    sizes = division(subject).sizes(plan.examples, plan.batch_size)
    chance = sum(size * (size - 1) for size in sizes) / (FEW * (FEW - 1))
    batch = np.full((RUNS, FEW), -1)
    np.put_along_axis(batch, drawn, np.repeat(np.arange(len(sizes)), sizes)[None, :], axis=1)
    ratios = []
    for i, j in combinations(range(FEW), 2):
        meetings = int(np.sum((batch[:, i] == batch[:, j]) & (batch[:, i] >= 0)))
        ratio = excess(meetings, RUNS, chance)
        if ratio > 1.0:
            message = (
                f"{meetings} of {RUNS} times, for {chance * RUNS:.0f}, "
                f"examples {i} and {j} are in one batch"
            )
            raise deviation(subject, plan, message, ratio)
        ratios.append(ratio)
    return worst(ratios)
