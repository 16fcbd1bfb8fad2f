"""Laws of estimates: how far the mean gradient of a batch is from that of all examples.

The gradients are whole numbers, one for each example; which ones are in a batch says the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import accumulate

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.sampling.chances import excess_of_total
from optcheck.properties.sampling.drawing import (
    FEW,
    MANY,
    Plan,
    deviation,
    division,
    draw,
    first_batches,
    is_random,
    orders,
    seeds,
)
from optcheck.reference.sampling.loaders import blocks
from optcheck.reference.sampling.minibatches import (
    batch_sums,
    expected_sum,
    spread_of_blocks,
    squared_error,
)

RUNS = 300
BATCH = 6
FACTOR = 100
BATCHES = 300


@st.composite
def rising(draw: st.DrawFn) -> list[int]:
    """Gradients in rising order, all different."""
    gaps = draw(st.lists(st.integers(1, 4), min_size=FEW - 1, max_size=FEW - 1))
    return list(accumulate([draw(st.integers(-9, 0)), *gaps]))


@law(
    id="standard-error-of-a-batch",
    title="Batches are unbiased, with the standard error of theory",
    statement=(
        f"The gradients of {FEW} examples rise in their order. Over the first batches of {RUNS} "
        f"epochs, {BATCH} examples each, the mean of the batch sums is B/I of the whole sum, and "
        "the mean square of their deviations is B^2 times sigma^2/B, times (I - B)/(I - 1) "
        "without replacement. A total is further off than allowed with probability below 1e-15 "
        "(Chernoff, by the probabilities of all batches that can be drawn)."
    ),
    oracle="statistic",
    capability="loader",
    equations=(
        "sample-mean-standard-error",
        "sgd-gradient-unbiased",
        "batch-sum-gradient-expectation",
        "ordered-data-batch-bias",
    ),
    about=is_random,
    dtypes=("float64",),
    share=0.05,
    false_alarm=1e-9,
    alternative=(
        "batches with replacement for those without, or the other way round; blocks of the data "
        "in a random order"
    ),
)
def standard_error_of_a_batch(subject: Subject, data: st.DataObject) -> float:
    gradients = data.draw(rising(), label="gradients")
    plan = Plan(FEW, BATCH, RUNS, data.draw(seeds(), label="seed"))
    sums = np.array(gradients)[first_batches(subject, plan)].sum(axis=1)
    replacement = not division(subject).once
    chances = batch_sums(gradients, BATCH, replacement=replacement)
    exact = [Fraction(each) for each in gradients]
    mean = float(expected_sum(exact, BATCH))
    square = float(squared_error(exact, BATCH, replacement=replacement)) * BATCH**2
    squares = {total: (total - mean) ** 2 for total in chances}
    measured = {
        "batch sum": (float(sums.mean()), mean, {s: float(s) for s in chances}),
        "squared error of a batch sum": (
            float(np.mean((sums - mean) ** 2)),
            square,
            squares,
        ),
    }
    ratios = []
    for what, (found, expected, values) in measured.items():
        part = _part(chances, values)
        ratio = excess_of_total(found * RUNS, [(part, RUNS)])
        if ratio > 1.0:
            message = f"the mean {what} is {found:.4g} over {RUNS} epochs, for {expected:.4g}"
            raise deviation(subject, plan, message, ratio, gradients=gradients)
        ratios.append(ratio)
    return worst(ratios)


def _part(
    chances: Mapping[int, Fraction], values: Mapping[int, float], factor: float = 1.0
) -> Mapping[float, float]:
    """The probabilities of the values that sums have; several sums may have one value."""
    part: dict[float, float] = {}
    for total, chance in chances.items():
        value = factor * values[total]
        part[value] = part.get(value, 0.0) + float(chance)
    return part


@law(
    id="a-hundredfold-batch-has-a-tenth-of-the-error",
    title="A hundred times the batch has a tenth of the error",
    statement=(
        f"With replacement, the squared deviations of {BATCHES} batches of {FACTOR} examples, "
        f"{FACTOR} times over, and those of as many batches of one example have one expectation: "
        "the difference of their sums is further from 0 than allowed with probability below "
        "1e-15 (Chernoff, by the probabilities of all batches that can be drawn)."
    ),
    oracle="statistic",
    capability="loader",
    equations=("batch-size-hundredfold-error-tenfold", "sample-mean-standard-error"),
    about=lambda subject: not division(subject).once,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative=(
        "large batches that repeat a tenth of their size; balanced ones, with less error than that"
    ),
)
def a_hundredfold_batch(subject: Subject, data: st.DataObject) -> float:
    gradients = np.tile([-1, 0, 1], MANY // 3)
    seed = data.draw(seeds(), label="seed")
    large = Plan(MANY, FACTOR, BATCHES, seed)
    small = Plan(MANY, 1, -(-BATCHES // MANY), seed)
    sums = gradients[first_batches(subject, large)].sum(axis=1)
    ones = gradients[orders(subject, small).ravel()[:BATCHES]]
    # The means are sums over FACTOR, and the mean of all is 0.
    found = float(np.sum(sums**2) / FACTOR - np.sum(ones**2))
    ratio = excess_of_total(
        found, [(_squares(FACTOR, 1 / FACTOR), BATCHES), (_squares(1, -1.0), BATCHES)]
    )
    if ratio > 1.0:
        shrink = np.sqrt(np.sum(ones**2) * FACTOR**2 / max(np.sum(sums**2), 1))
        message = f"the error of batches of {FACTOR} is 1/{shrink:.3g} of that of single examples"
        raise deviation(subject, large, message, ratio)
    return ratio


def _squares(size: int, factor: float) -> Mapping[float, float]:
    """Those of sums of so many of -1, 0 and 1."""
    chances = batch_sums([-1, 0, 1], size, replacement=True)
    return _part(chances, {total: float(total**2) for total in chances}, factor)


@law(
    id="consecutive-batches-of-sorted-data-are-biased",
    title="Without shuffling, the batches of sorted data are biased",
    statement=(
        "Where the gradient of example i is i, batches that come in the order of the data have "
        "means that spread by (I^2 - B^2)/12: B (I + B)/(I + 1) times the squared standard error "
        "of batches drawn without replacement. No mean but that of a middle block is the full one."
    ),
    oracle="exact",
    capability="loader",
    equations=("ordered-data-batch-bias", "sgd-gradient-unbiased"),
    about=lambda subject: not is_random(subject),
    dtypes=("float64",),
    share=0.25,
)
def consecutive_batches_are_biased(subject: Subject, data: st.DataObject) -> float:
    size = data.draw(st.integers(2, 6), label="batch size")
    count = data.draw(st.integers(2, 6), label="batches")
    plan = Plan(size * count, size, 1, data.draw(seeds(), label="seed"))
    (epoch,) = draw(subject, plan)
    means = [Fraction(sum(batch) + len(batch), len(batch)) for batch in epoch if batch]
    full = Fraction(plan.examples + 1, 2)
    spread = sum(((mean - full) ** 2 for mean in means), Fraction(0)) / max(len(means), 1)
    gradients = [Fraction(n) for block in blocks(plan.examples, size) for n in block]
    random = squared_error(gradients, size, replacement=False)
    excess = Fraction(size * (plan.examples + size), plan.examples + 1)
    expected = spread_of_blocks(plan.examples, size)
    if not spread == expected == random * excess:
        message = f"the means of consecutive blocks spread by {spread}, for {expected}"
        raise deviation(subject, plan, message, means=[float(mean) for mean in means])
    if means.count(full) != count % 2:
        message = f"{means.count(full)} of {count} blocks have the full mean"
        raise deviation(subject, plan, message, means=[float(mean) for mean in means])
    return 0.0
