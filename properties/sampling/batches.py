"""Laws of single steps: one from each batch that can be drawn, all at once.

Rules that treat coordinates alone are given a batch in each coordinate. Slopes and losses are
exact; what the library computed is a double.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.sampling.examples import one_step
from optcheck.reference.sampling.minibatches import (
    change,
    expected_mean,
    expected_sum,
    of_mean,
    of_parts,
    of_sum,
    squared_error,
)

EXAMPLES = 6
BATCH = 3
PARTS = 3

_SUBSETS = list(combinations(range(EXAMPLES), BATCH))
_TUPLES = list(product(range(EXAMPLES), repeat=BATCH))


def _descends(subject: Subject) -> bool:
    return bool(subject.record.id == "gradient-descent")


def _rate(data: st.DataObject) -> float:
    return 2.0 ** -data.draw(st.integers(3, 8), label="-log2 of the rate")


def _quarters(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(low, high).map(lambda n: Fraction(n, 4))


def _require(
    subject: Subject, what: str, found: Fraction, expected: Fraction, allowed: float, **case: str
) -> float:
    off = float(abs(found - expected))
    ratio = off / allowed if off else 0.0
    if ratio > 1.0:
        raise Deviation(
            f"{subject.name}: {what} is {float(found):.17g}, for {float(expected):.17g}, "
            f"{ratio:.3g} times the allowed deviation of {allowed:.3g}",
            ratio=ratio,
            counterexample=case,
        )
    return ratio


@law(
    id="all-batches-together-are-unbiased",
    title="Over all batches, steps are unbiased, with the standard error of theory",
    statement=(
        f"From one point, one step from each of the C({EXAMPLES}, {BATCH}) batches without and "
        f"the {EXAMPLES}^{BATCH} with replacement: the mean of the steps along mean gradients is "
        "that of the full mean gradient, that of steps along sums B/I of the full sum; their "
        "standard deviation is eta sigma/sqrt(B), times sqrt((I - B)/(I - 1)) without "
        "replacement. The first block of sorted data alone is biased."
    ),
    oracle="exact",
    capability="update-rule",
    equations=(
        "sgd-gradient-unbiased",
        "batch-sum-gradient-expectation",
        "sample-mean-standard-error",
        "ordered-data-batch-bias",
    ),
    about=_descends,
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def all_batches_together_are_unbiased(subject: Subject, data: st.DataObject) -> float:
    rate, start = _rate(data), float(data.draw(_quarters(-8, 8), label="start"))
    drawn = st.lists(_quarters(-40, 40), min_size=EXAMPLES, max_size=EXAMPLES, unique=True)
    values = sorted(data.draw(drawn, label="gradients"))
    batches = [*_SUBSETS, *_TUPLES]
    means = [of_mean([values[i] for i in batch]) for batch in batches]
    sums = [of_sum([values[i] for i in batch]) for batch in _SUBSETS]
    points, allowed = one_step(subject, rate, start, [*means, *sums])
    steps = [(Fraction(start) - each) / Fraction(rate) for each in points]
    allowed = allowed / rate
    first, second, last = (
        slice(0, len(_SUBSETS)),
        slice(len(_SUBSETS), len(batches)),
        slice(len(batches), None),
    )
    case = {"gradients": str([float(v) for v in values]), "learning_rate": str(rate)}
    full = expected_mean(values)
    ratios = [
        _mean(subject, "mean step", steps[first], allowed[first], full, case),
        _mean(subject, "mean step with replacement", steps[second], allowed[second], full, case),
        _mean(
            subject,
            "mean step along sums",
            steps[last],
            allowed[last],
            expected_sum(values, BATCH),
            case,
        ),
    ]
    for part, replacement in ((first, False), (second, True)):
        square = squared_error(values, BATCH, replacement=replacement)
        ratios.append(_deviation(subject, steps[part], allowed[part], square, case))
    # The first batch is the first block of the sorted data: all of it lies below the rest.
    if not steps[0] < full - Fraction(float(allowed[0])):
        raise Deviation(
            f"{subject.name}: the block of the smallest gradients steps by {float(steps[0]):.17g},"
            f" not by less than the mean, {float(full):.17g}",
            counterexample=case,
        )
    return worst(ratios)


def _mean(
    subject: Subject,
    what: str,
    steps: Sequence[Fraction],
    allowed: Floats,
    expected: Fraction,
    case: dict[str, str],
) -> float:
    return _require(subject, what, expected_mean(steps), expected, float(np.mean(allowed)), **case)


def _deviation(
    subject: Subject,
    steps: Sequence[Fraction],
    allowed: Floats,
    square: Fraction,
    case: dict[str, str],
) -> float:
    """The standard deviation, a seminorm, is off by that of the errors at most."""
    mean = expected_mean(steps)
    found = math.sqrt(expected_mean([(each - mean) ** 2 for each in steps]))
    expected = math.sqrt(square)
    # The roots and their arguments are rounded too.
    slack = float(np.sqrt(np.mean(allowed**2))) + 4 * 2.0**-53 * expected
    what = "the standard deviation of steps"
    return _require(subject, what, Fraction(found), Fraction(expected), slack, **case)


@law(
    id="parts-weigh-by-their-size",
    title="The parts of a partition weigh by their size",
    statement=(
        "From one point, one step along the mean gradient of each part of a partition: weighted "
        "by the sizes of the parts, the points average to that of one step of gradient descent; "
        "the plain average is off by what the plain mean of the gradients is off, which is 0 "
        "where all parts have one size."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("minibatch-gd-partition-update",),
    about=_descends,
    every_path=False,
    dtypes=("float64",),
    share=0.25,
)
def parts_weigh_by_their_size(subject: Subject, data: st.DataObject) -> float:
    rate, start = _rate(data), float(data.draw(_quarters(-8, 8), label="start"))
    part = st.lists(_quarters(-40, 40), min_size=1, max_size=4)
    parts = data.draw(st.lists(part, min_size=PARTS, max_size=PARTS), label="gradients")
    sizes = [len(each) for each in parts]
    slopes = [of_mean(each) for each in parts]
    full = of_mean([value for each in parts for value in each])
    points, allowed = one_step(subject, rate, start, [*slopes, full])
    whole, slack = points.pop(), float(np.max(allowed)) * 2
    case = {"parts": str([[float(v) for v in each] for each in parts]), "rate": str(rate)}
    weighted, plain = of_parts(points, sizes), expected_mean(points)
    apart = Fraction(rate) * (full - expected_mean(slopes))
    return worst(
        [
            _require(subject, "the weighted average of points", weighted, whole, slack, **case),
            _require(subject, "the plain average of points", plain, whole + apart, slack, **case),
        ]
    )


@law(
    id="each-batch-has-its-own-loss",
    title="A step lowers the loss of its batch, and may raise that of all",
    statement=(
        f"From one point, one step along the summed gradient of each batch of {BATCH} of "
        f"{EXAMPLES} examples, at a rate of at most 1/h: the loss of the batch falls by "
        "eta (1 - eta h/2) g^2, and the loss of all examples changes by "
        "-eta g G + eta^2 H g^2/2, which is above 0 for every batch with g G < 0; there is one."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("sgd-loss-differs-per-batch",),
    about=_descends,
    every_path=False,
    dtypes=("float64",),
    share=0.25,
)
def each_batch_has_its_own_loss(subject: Subject, data: st.DataObject) -> float:
    curvatures = data.draw(
        st.lists(_quarters(1, 8), min_size=EXAMPLES, max_size=EXAMPLES), label="curvatures"
    )
    distances = data.draw(
        st.lists(_quarters(1, 16), min_size=EXAMPLES, max_size=EXAMPLES), label="distances"
    )
    # Half of the minima on either side of the start, which is 0.
    centres = [d if i < BATCH else -d for i, d in enumerate(distances)]
    rate = 2.0 ** -data.draw(st.integers(3, 6), label="-log2 of the rate")
    slopes = [-a * b for a, b in zip(curvatures, centres, strict=True)]
    own = [of_sum([slopes[i] for i in batch]) for batch in _SUBSETS]
    points, allowed = one_step(subject, rate, 0.0, own)
    all_of = tuple(range(EXAMPLES))
    case = {
        "curvatures": str([float(each) for each in curvatures]),
        "centres": str([float(each) for each in centres]),
        "learning_rate": str(rate),
    }
    ratios, rises = [], 0
    for batch, g, point, error in zip(_SUBSETS, own, points, allowed.tolist(), strict=True):
        for name, of in ((f"the loss of batch {batch}", batch), ("the loss of all", all_of)):
            slope = of_sum([slopes[i] for i in of])
            curvature = of_sum([curvatures[i] for i in of])
            found = point * slope + point * point * curvature / 2
            expected = change(g, slope, curvature, Fraction(rate))
            slack = error * float(abs(slope + curvature * point)) + float(curvature) * error**2 / 2
            what = f"the change of {name} by a step on batch {batch}"
            ratios.append(_require(subject, what, found, expected, slack, **case))
            rises += of is all_of and found > slack
            if of is batch and not found <= slack:
                raise Deviation(f"{subject.name}: {what} is a rise", counterexample=case)
    if not rises:
        raise Deviation(f"{subject.name}: no step raises the loss of all", counterexample=case)
    return worst(ratios)
