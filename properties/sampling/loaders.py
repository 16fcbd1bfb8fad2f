"""Laws of loaders: which examples an epoch has, in which batches, and that the order is new."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.sampling.drawing import (
    FEW,
    Plan,
    deviation,
    division,
    draw,
    draw_plan,
    is_random,
    joined,
    orders,
    seeds,
)
from optcheck.properties.statistics import excess
from optcheck.reference.sampling.loaders import blocks, epochs_after, next_example

EPOCHS = 8


@law(
    id="each-example-once-an-epoch",
    title="Every example is drawn once an epoch",
    statement=(
        "After e epochs every example has been drawn e times. Where a shorter batch is dropped, "
        "none is drawn twice in an epoch and as many are missing as that batch had; where "
        "replicas are padded, as many are drawn twice as are needed, and none three times."
    ),
    oracle="exact",
    capability="loader",
    equations=("without-replacement-equal-contribution", "sgd-algorithm-shuffled-epochs"),
    about=lambda subject: division(subject).once,
    dtypes=("float64",),
    share=0.5,
)
def each_example_once_an_epoch(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, epochs=3)
    # As evenly as the number allows: with padding some once more, with dropping some not at all.
    uses, more = divmod(division(subject).drawn(plan.examples, plan.batch_size), plan.examples)
    expected = [uses] * (plan.examples - more) + [uses + 1] * more
    for epoch in draw(subject, plan):
        counts = Counter(joined(epoch))
        found = [counts[i] for i in range(plan.examples)]
        if sorted(found) != expected:
            message = f"uses its examples {found} times in an epoch, for {expected} in any order"
            raise deviation(subject, plan, message, batches=epoch)
    return 0.0


@law(
    id="an-epoch-has-its-batches",
    title="An epoch has as many batches as it should, each of its size",
    statement=(
        "Of n examples in batches of B an epoch has ceil(n/B) batches, the last of what is left, "
        "or floor(n/B) where that is dropped: one for B = n, n for B = 1; the library says the "
        "same number. K batches of B are K B / n epochs: 1000 batches of 20 of 100 examples 200."
    ),
    oracle="exact",
    capability="loader",
    equations=("epoch-iteration-count", "minibatch-sgd-algorithm", "minibatch-count-limits"),
    dtypes=("float64",),
    share=0.3,
)
def an_epoch_has_its_batches(subject: Subject, data: st.DataObject) -> float:
    plan = _planned(subject, data)
    expected = division(subject).sizes(plan.examples, plan.batch_size)
    epochs = draw(subject, plan)
    for epoch in epochs:
        sizes = [len(batch) for batch in epoch]
        if sizes != expected:
            raise deviation(subject, plan, f"draws batches of {sizes} for {expected}")
    with_length = subject.rule.length(plan.examples, plan.batch_size)
    if with_length not in (None, len(expected)):
        raise deviation(subject, plan, f"says {with_length} batches and has {len(expected)}")
    full = [batch for epoch in epochs for batch in epoch if len(batch) == plan.batch_size]
    if plan.examples % plan.batch_size == 0:
        counted = epochs_after(len(full), plan.batch_size, plan.examples)
        if counted != plan.epochs:
            raise deviation(subject, plan, f"takes {plan.epochs} epochs for {counted}")
    return 0.0


def _planned(subject: Subject, data: st.DataObject) -> Plan:
    """Now and then the plan of the exercise, where nothing is compiled for its size."""
    compiled = subject.claim.compilation != "none"
    if not compiled and data.draw(st.integers(0, 7), label="plan") == 0:
        return Plan(100, 20, 200, data.draw(seeds(), label="seed"))
    return draw_plan(subject, data, epochs=3)


@law(
    id="blocks-come-in-order",
    title="Without shuffling the batches are the blocks n to min(n + B - 1, N)",
    statement=(
        "The batches of every epoch, whatever the seed, are the consecutive blocks of examples, "
        "the last cut off at N or dropped; in batches of one, example n is followed by "
        "(n mod N) + 1, over the ends of epochs too."
    ),
    oracle="exact",
    capability="loader",
    equations=("minibatch-sgd-algorithm", "sgd-algorithm-cyclic"),
    about=lambda subject: not is_random(subject),
    dtypes=("float64",),
    share=0.5,
)
def blocks_come_in_order(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, epochs=3)
    number = division(subject).drawn(plan.examples, plan.batch_size)
    expected = [[n - 1 for n in block] for block in blocks(number, plan.batch_size)]
    epochs = draw(subject, plan)
    for epoch in epochs:
        if epoch != expected:
            raise deviation(subject, plan, f"draws {epoch} for {expected}")
    if number == plan.examples:
        sequence = [i + 1 for epoch in epochs for i in joined(epoch)]
        for n, following in pairwise(sequence):
            if following != next_example(n, plan.examples):
                raise deviation(subject, plan, f"goes from example {n} to {following}")
    return 0.0


@law(
    id="reshuffled-before-every-epoch",
    title="Every epoch has a new order, and the seed decides it",
    statement=(
        f"The same seed gives the same batches. Of {EPOCHS} epochs no more repeat the order of an "
        "earlier one than chance explains: each does with probability "
        f"{EPOCHS - 1}/{FEW}! at most, and a count that is refused has one below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="loader",
    equations=("sgd-algorithm-shuffled-epochs", "minibatch-sgd-algorithm"),
    about=is_random,
    dtypes=("float64",),
    share=0.1,
    false_alarm=1e-9,
    alternative="one order for all epochs; batches that the seed does not decide",
)
def reshuffled_before_every_epoch(subject: Subject, data: st.DataObject) -> float:
    plan = Plan(FEW, 2, EPOCHS, data.draw(seeds(), label="seed"))
    found = orders(subject, plan)
    if (found != orders(subject, plan)).any():
        raise deviation(subject, plan, "draws other batches for the same seed")
    repeats = EPOCHS - len({tuple(order) for order in found.tolist()})
    ratio = excess(repeats, EPOCHS - 1, (EPOCHS - 1) / math.factorial(FEW)) if repeats else 0.0
    if ratio > 1.0:
        message = f"{repeats} of {EPOCHS} epochs repeat the order of an earlier one"
        raise deviation(subject, plan, message, ratio, orders=found.tolist())
    return ratio


@law(
    id="seeds-share-no-epochs",
    title="Another seed gives other epochs, not the same ones at other places",
    statement=(
        f"Of the {EPOCHS} epochs of one seed no more are among those of another one, the next or "
        "any other, than chance explains; a count that is refused has a probability below 1e-15 "
        "(Chernoff)."
    ),
    oracle="statistic",
    capability="loader",
    equations=("sgd-algorithm-shuffled-epochs",),
    about=is_random,
    dtypes=("float64",),
    share=0.1,
    false_alarm=1e-9,
    alternative="a seed that is ignored; epoch e of seed s that is epoch e - 1 of seed s + 1",
)
def seeds_share_no_epochs(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**30), label="seed")
    gap = data.draw(st.integers(2, 2**30), label="to another seed")
    plan = Plan(FEW, 2, EPOCHS, seed)
    own = _distinct(subject, plan)
    ratios = [0.0]
    for other in (seed + 1, seed + gap):
        shared = len(own & _distinct(subject, replace(plan, seed=other)))
        ratio = excess(shared, EPOCHS, EPOCHS / math.factorial(FEW)) if shared else 0.0
        if ratio > 1.0:
            message = f"{shared} of {EPOCHS} epochs are epochs of seed {other} too"
            raise deviation(subject, plan, message, ratio, other_seed=other)
        ratios.append(ratio)
    return max(ratios)


def _distinct(subject: Subject, plan: Plan) -> set[tuple[int, ...]]:
    return {tuple(order) for order in orders(subject, plan).tolist()}
