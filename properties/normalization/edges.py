"""Laws of batches that have little in them: one value, equal values, none, or masked ones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    deviation,
    draw_batch,
    draw_case,
    draw_layer,
    draw_shape,
    form_of,
    is_batch,
    is_data,
    judge,
    judge_output,
    oracle,
    running,
    shaped,
    shown,
    worst,
)
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS

_EPSILON = 1e-5


@law(
    id="constant-feature-becomes-the-shift",
    title="Equal values become the shift, with finite derivatives",
    statement=(
        "Where all values that share their statistics are equal, whatever number they are, the "
        "output is the shift within rounding: delta keeps 0/0 away, and rounding makes no "
        "variance negative; the derivatives are finite."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-transform", "layer-normalisation-transform"),
    about=lambda subject: not is_data(subject),
    dtypes=("float32", "float64"),
    share=0.15,
)
def constant_feature_becomes_the_shift(subject: Subject, data: st.DataObject) -> float:
    count, features = draw_shape(subject, data)
    setting = draw_layer(subject, data, features, epsilon=_EPSILON)
    value = data.draw(st.sampled_from((1.0, 0.1, -3.7, 1000.1, 0.0)), label="value")
    constant = representable(np.full((count, *features), value), FORMATS[subject.dtype])
    case = Case(setting, (constant,))
    with running(subject, case) as run:
        slopes = run.gradients(constant, np.ones_like(constant))
        output = run.train(constant)
    for name, slope in slopes.items():
        if not np.all(np.isfinite(slope)):
            raise deviation(subject, case, f"the derivative in the {name} is {slope.tolist()}")
    if not np.all(np.isfinite(output)):
        raise deviation(subject, case, f"equal values become {output.tolist()}")
    quantity = oracle(subject, case).training(constant)
    return judge_output(subject, case, quantity, shaped(subject, case, output), "equal values")


@law(
    id="batch-of-one-is-the-shift-or-refused",
    title="A single value of a feature becomes the shift, or is refused and leaves no trace",
    statement=(
        "A batch with one value of each feature becomes the shift where the variance has the "
        "divisor n. Where the running variance has n - 1 it is 0/0: the batch is refused. After a "
        "refused batch the averages of the next one are those without it."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-transform", "batch-normalisation-running-averages"),
    about=is_batch,
    one_dtype=True,
    dtypes=("float32", "float64"),
    share=0.15,
)
def batch_of_one(subject: Subject, data: st.DataObject) -> float:
    _, (width, *_) = draw_shape(subject, data)
    setting = draw_layer(subject, data, (width,), epsilon=_EPSILON)
    single, pair = (draw_batch(subject, data, count, (width,)) for count in (1, 4))
    case = Case(setting, (single,))
    with running(subject, case) as run:
        start = shown(run)
        try:
            output = run.train(single)
        except ValueError:
            if not form_of(subject).unbiased:
                raise
            output = None
            run.train(pair)
        kept = shown(run)
    if output is None:
        return _without_the_first(subject, case.of(single, pair), start, kept)
    if not all(np.all(np.isfinite(each)) for each in kept.values()):
        plain = {name: each.tolist() for name, each in kept.items()}
        raise deviation(subject, case, f"a single value leaves the averages {plain}")
    quantity = oracle(subject, case).training(single)
    return judge_output(subject, case, quantity, shaped(subject, case, output), "single value")


def _without_the_first(
    subject: Subject, case: Case, start: Mapping[str, Floats], after: Mapping[str, Floats]
) -> float:
    """Judge what is kept after a batch that counted for nothing, and another one."""
    expected = oracle(subject, case).averages(start, case.batches[-1], 1)
    ratios = [
        judge(subject, case, quantity, after[name], f"running {name} after an invalid batch")
        for name, quantity in expected.items()
    ]
    return worst(*ratios)


@law(
    id="empty-batch-leaves-no-trace",
    title="A batch without examples stays one, and leaves no trace",
    statement=(
        "In inference, and in training unless it is refused there, a batch of 0 examples becomes "
        "a batch of 0 examples; it has no mean, so the averages after the next batch are those "
        "without it."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-running-averages", "layer-normalisation-transform"),
    about=lambda subject: not is_data(subject),
    one_dtype=True,
    dtypes=("float32", "float64"),
    share=0.1,
)
def empty_batch_leaves_no_trace(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, affine=False)
    (batch,) = case.batches
    empty = batch[:0]
    case = case.of(empty, batch)
    with running(subject, case) as run:
        start = shown(run)
        outputs = [run.evaluate(empty)]
        with contextlib.suppress(ValueError):
            outputs.append(run.train(empty))
        run.train(batch)
        after = shown(run)
    for output in outputs:
        shaped(subject, case, output, count=0)
    return _without_the_first(subject, case, start, after) if is_batch(subject) else 0.0


@law(
    id="masked-examples-count-for-nothing",
    title="Masked examples count for nothing in the statistics",
    statement=(
        "With a mask, mean and variance are those of the examples that it leaves, over all their "
        "places; all examples are normalised by them, and the running averages take them in."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-transform",),
    about=is_batch,
    one_dtype=True,
    dtypes=("float32", "float64"),
    share=0.2,
)
def masked_examples_count_for_nothing(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=2)
    first, batch = case.batches
    # Two examples at least, for a variance.
    last = data.draw(st.integers(2, len(batch)), label="examples that count")
    mask = np.random.default_rng(last).permutation(np.arange(len(batch)) < last)
    with running(subject, case) as run:
        run.train(first)
        before = shown(run)
        output = run.train_masked(batch, mask.tolist())
        after = shown(run)
    if output is None:
        raise NotShown(f"{subject.claim.name} takes no mask")
    equations = oracle(subject, case)
    kept = equations.averages(before, batch, 2, mask)
    ratios = [
        judge(subject, case, quantity, after[name], f"running {name} with a mask {mask.tolist()}")
        for name, quantity in kept.items()
    ]
    quantity = equations.training(batch, mask)
    what = f"batch with a mask {mask.tolist()}"
    return worst(*ratios, judge_output(subject, case, quantity, output, what))
