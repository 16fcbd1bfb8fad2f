"""Laws of stochastic gradient descent: the path of a rule that is given batch after batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.sampling.drawing import seeds
from optcheck.properties.sampling.examples import (
    COORDINATES,
    Batch,
    Examples,
    exact_trace,
    require_end,
    trace,
)
from optcheck.reference.oracle import Quantity
from optcheck.reference.sampling.loaders import blocks, next_example
from optcheck.reference.sampling.minibatches import of_mean, of_one, of_sum

_FLOAT64 = ("float64",)


def _descends(subject: Subject) -> bool:
    return bool(subject.record.id == "gradient-descent")


def _is_linear(subject: Subject) -> bool:
    """Whether its steps scale with its gradients: that is what all forms of momentum do."""
    return subject.record.id in ("gradient-descent", "momentum")


def _rate(subject: Subject, data: st.DataObject) -> dict[str, float]:
    """Hyper-parameters, the rate a power of 2, which counts multiply without rounding."""
    h = {"learning_rate": 2.0 ** -data.draw(st.integers(3, 6), label="-log2 of the rate")}
    for name in ("momentum", "dampening"):
        if name in subject.record.domains(subject.claim.dialect):
            h[name] = data.draw(st.floats(0.25, 0.875), label=name)
    return h


def _epoch(examples: Examples, batch_size: int) -> list[Batch]:
    """Consecutive blocks, the last one cut off."""
    return [[n - 1 for n in block] for block in blocks(examples.number, batch_size)]


def _drawn(data: st.DataObject, least: int = 2) -> Examples:
    number = data.draw(st.integers(least, 6), label="examples")
    return Examples.drawn(number, data.draw(seeds(), label="seed of the examples"))


def _shuffled(number: int, epochs: int, data: st.DataObject) -> list[int]:
    return [
        i for _ in range(epochs) for i in data.draw(st.permutations(range(number)), label="order")
    ]


@law(
    id="descent-follows-single-examples",
    title="Stochastic gradient descent follows the gradient of one example after another",
    statement=(
        "In cyclic order, n followed by (n mod N) + 1, and in a new order every epoch, the "
        "parameters are those of w - eta grad E_n, from update to update: N updates an epoch. "
        "The budget is that of the rounding of all gradients and updates."
    ),
    oracle="exact",
    capability="update-rule",
    equations=(
        "stochastic-gradient-descent-update",
        "sgd-algorithm-cyclic",
        "sgd-algorithm-shuffled-epochs",
    ),
    about=_descends,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def descent_follows_single_examples(subject: Subject, data: st.DataObject) -> float:
    examples, h = _drawn(data), _rate(subject, data)
    epochs = data.draw(st.integers(1, 2), label="epochs")
    cyclic = [1]
    while len(cyclic) < epochs * examples.number:
        cyclic.append(next_example(cyclic[-1], examples.number))
    ratios = []
    for order in ([n - 1 for n in cyclic], _shuffled(examples.number, epochs, data)):
        batches = [[i] for i in order]
        exact = exact_trace(subject, h, examples, batches, of_one)
        points = trace(subject, h, examples, batches, of_one)
        what = f"descent on examples {order}"
        ratios.append(require_end(subject, h, exact, points, what, order=order))
    return worst(ratios)


@law(
    id="sum-and-mean-of-a-batch",
    title="The sum over a batch is the mean at a rate that is |B| times as large",
    statement=(
        "On consecutive blocks, the last cut off at N, descent along the mean and along the sum "
        "of the gradients each give the parameters of their equation; where all blocks have B "
        "examples, the mean with the rate alpha B gives those of the sum with alpha, and the "
        "other way round."
    ),
    oracle="exact",
    capability="update-rule",
    equations=(
        "minibatch-sgd-update-sum",
        "sgd-minibatch-mean-algorithm",
        "minibatch-sgd-algorithm",
    ),
    about=_is_linear,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def sum_and_mean_of_a_batch(subject: Subject, data: st.DataObject) -> float:
    examples, h = _drawn(data), _rate(subject, data)
    size = data.draw(st.integers(1, examples.number), label="batch size")
    batches = 2 * _epoch(examples, size)
    mean = exact_trace(subject, h, examples, batches, of_mean)
    added = exact_trace(subject, h, examples, batches, of_sum)
    points = trace(subject, h, examples, batches, of_sum)
    averaged = trace(subject, h, examples, batches, of_mean)
    ratios = [
        require_end(subject, h, mean, averaged, "descent along means", batches=batches),
        require_end(subject, h, added, points, "descent along sums", batches=batches),
    ]
    if examples.number % size == 0:
        larger = {**h, "learning_rate": size * h["learning_rate"]}
        scaled = exact_trace(subject, larger, examples, batches, of_mean)
        averaged = trace(subject, larger, examples, batches, of_mean)
        what = f"the mean at {size} times the rate against the sum"
        for exact, budget, found in ((added, scaled, averaged), (scaled, added, points)):
            quantity = Quantity(exact.exact, budget.working)
            ratios.append(require_end(subject, h, quantity, found, what, batches=batches))
    return worst(ratios)


@law(
    id="from-single-examples-to-all",
    title="Batches of one are stochastic, one batch of all is gradient descent",
    statement=(
        "P = N minibatches give the parameters of stochastic gradient descent, and P = 1 those "
        "of gradient descent on the mean of all losses, in whatever order a batch has its "
        "examples, up to the rounding of sums."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("minibatch-count-limits", "full-batch-equals-gradient-descent"),
    about=_descends,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def from_single_examples_to_all(subject: Subject, data: st.DataObject) -> float:
    examples, h = _drawn(data), _rate(subject, data)
    number = examples.number
    ones, alone = _epoch(examples, 1), [[i] for i in range(number)]
    whole = [list(range(number))] * 4
    mixed = [_shuffled(number, 1, data) for _ in whole]
    single = trace(subject, h, examples, ones, of_mean)
    stochastic = exact_trace(subject, h, examples, alone, of_one)
    ratios = [require_end(subject, h, stochastic, single, "descent in batches of one")]
    full = exact_trace(subject, h, examples, whole, of_mean)
    for batches in (4 * _epoch(examples, number), mixed):
        budget = exact_trace(subject, h, examples, batches, of_mean)
        points = trace(subject, h, examples, batches, of_mean)
        quantity = Quantity(full.exact, budget.working)
        what = "descent in one batch of all"
        ratios.append(require_end(subject, h, quantity, points, what, batches=batches))
    return worst(ratios)


@law(
    id="data-that-are-there-twice",
    title="Doubling the data doubles the work of batch descent and changes nothing else",
    statement=(
        "With half the rate, gradient descent on the sum over data that are there twice has the "
        "path of that on the data, at 2 N evaluations an update for N. Stochastic gradient "
        "descent has the same path bit for bit, one evaluation an update: one epoch for two. On "
        "m copies of one example its path at m times the rate is that of the sum over all."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("sgd-data-duplication-invariance",),
    about=_descends,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def data_that_are_there_twice(subject: Subject, data: st.DataObject) -> float:
    examples, h = _drawn(data), _rate(subject, data)
    number, twice = examples.number, examples.repeated(2)
    half = {"learning_rate": h["learning_rate"] / 2}
    all_of, all_twice = [list(range(number))] * 3, [list(range(2 * number))] * 3
    points = _counted(subject, half, twice, all_twice, of_sum, 2 * number)
    exact = exact_trace(subject, h, examples, all_of, of_sum)
    budget = exact_trace(subject, half, twice, all_twice, of_sum)
    quantity = Quantity(exact.exact, budget.working)
    ratios = [require_end(subject, half, quantity, points, "descent on all data, twice")]
    once = _counted(subject, h, examples, 2 * _epoch(examples, 1), of_one, 1)
    again = _counted(subject, h, twice, _epoch(twice, 1), of_one, 1)
    if not np.array_equal(once, again):
        raise Deviation(
            f"{subject.name}: two epochs of {number} examples end at {once[-1].tolist()}, one "
            f"epoch of the same examples twice at {again[-1].tolist()}",
            counterexample={"hyperparameters": h, "examples": number},
        )
    copies = Examples.drawn(1, 0).repeated(number)
    faster = {"learning_rate": number * h["learning_rate"]}
    points = _counted(subject, faster, copies, [[k % number] for k in range(3)], of_one, 1)
    exact = exact_trace(subject, h, copies, all_of, of_sum)
    budget = exact_trace(subject, faster, copies, [[0]] * 3, of_one)
    quantity = Quantity(exact.exact, budget.working)
    what = f"descent on one of {number} copies"
    return worst([*ratios, require_end(subject, faster, quantity, points, what)])


def _counted(
    subject: Subject,
    hyperparameters: dict[str, float],
    examples: Examples,
    batches: Sequence[Batch],
    estimate: Any,
    evaluations: int,
) -> Any:
    """The trace; each of its updates evaluates so many gradients of examples."""
    before = examples.evaluations
    points = trace(subject, hyperparameters, examples, batches, estimate)
    found = examples.evaluations - before
    if found != evaluations * len(batches):
        raise Deviation(
            f"{subject.name}: {len(batches)} updates evaluate {found} gradients of examples, "
            f"for {evaluations} each",
            counterexample={"hyperparameters": hyperparameters, "batches": list(batches)},
        )
    return points


@law(
    id="an-update-costs-its-batch",
    title="The cost of an update does not grow with the data",
    statement=(
        "With batches of m from 10^2 to 10^6 examples, every update evaluates m gradients of "
        "examples, and these are enough for the parameters of the equation."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("sgd-cost-per-update-independent-of-dataset-size",),
    about=_descends,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def an_update_costs_its_batch(subject: Subject, data: st.DataObject) -> float:
    h = _rate(subject, data)
    size = data.draw(st.integers(1, 4), label="batch size")
    spread = np.arange(COORDINATES)
    ratios = []
    for number in (10**2, data.draw(st.sampled_from((10**6, 10**4)), label="examples")):
        examples = Examples(
            number, lambda i: 0.5 + (i + spread) % 7 / 5, lambda i: (i * spread) % 11 / 10 - 0.5
        )
        drawn = st.lists(st.integers(0, number - 1), min_size=size, max_size=size)
        batches = data.draw(st.lists(drawn, min_size=4, max_size=4), label="batches")
        points = _counted(subject, h, examples, batches, of_mean, size)
        exact = exact_trace(subject, h, examples, batches, of_mean)
        what = f"batches of {number} examples"
        ratios.append(require_end(subject, h, exact, points, what, batches=batches))
    return worst(ratios)
