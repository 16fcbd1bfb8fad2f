"""Laws of inference: whose statistics it uses, and how they are averaged."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    deviation,
    draw_batch,
    draw_case,
    form_of,
    is_batch,
    is_data,
    is_layer,
    judge,
    judge_output,
    oracle,
    running,
    shaped,
    shown,
    trained,
    worst,
)
from optcheck.reference.oracle import Quantity


@law(
    id="inference-uses-running-averages",
    title="Inference normalises by the running averages, and each example for itself",
    statement=(
        "After training on a few batches, other batches become what the equation makes of them "
        "with the averages that the library shows, whole or one example at a time; a second time "
        "they become the same, and the averages stay what they are."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-inference",),
    about=is_batch,
    dtypes=("float32", "float64"),
    share=0.25,
)
def inference_uses_running_averages(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=3)
    *earlier, last = case.batches
    with running(subject, case) as run:
        for batch in earlier:
            run.train(batch)
        averages = shown(run)
        whole, alone, again = run.evaluate(last), run.evaluate(last[:1]), run.evaluate(last)
        after = shown(run)
    if not np.array_equal(whole, again):
        raise deviation(subject, case, "a batch becomes something else in a second inference")
    if any(not np.array_equal(averages[name], after[name]) for name in averages):
        raise deviation(subject, case, "inference changes the running averages")
    equations, one = oracle(subject, case), last[:1]
    of_all, of_one = (equations.inference(each, averages) for each in (last, one))
    return worst(
        _judged(subject, case, of_all, whole, "inference"),
        _judged(subject, case.of(*earlier, one), of_one, alone, "inference of one example alone"),
    )


def _judged(subject: Subject, case: Case, quantity: Quantity, output: Floats, what: str) -> float:
    return judge_output(subject, case, quantity, shaped(subject, case, output), what)


@law(
    id="training-ignores-running-averages",
    title="Training normalises by the batch, whatever was seen before",
    statement=(
        "The same batch becomes the same, bit for bit, as the first one in training and after "
        "other batches, and after an inference."
    ),
    oracle="identity",
    capability="normalizer",
    equations=("batch-normalisation-inference",),
    about=is_batch,
    one_dtype=True,
    dtypes=("float32", "float64"),
    share=0.15,
)
def training_ignores_running_averages(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=3)
    *earlier, last = case.batches
    first = trained(subject, case.of(last))
    with running(subject, case) as run:
        for batch in earlier:
            run.train(batch)
        run.evaluate(last)
        later = run.train(last)
    if not np.array_equal(first, later):
        off = float(np.max(np.abs(first - later)))
        raise deviation(subject, case, f"training depends on earlier batches: off by {off:.3g}")
    return 0.0


@law(
    id="running-averages-by-recurrence",
    title="Running averages follow their recurrence from 0 and 1",
    statement=(
        "Before training the means are 0 and the variances 1. Each batch leaves the share of the "
        "old that the dialect's momentum says (or (t - 1)/t where all batches count alike), plus "
        "the rest of the batch's mean and of its variance, divided by n or by n - 1 as claimed; "
        "of its deviation where bishop:7.57 is followed as printed. Judged batch by batch from "
        "what the library shows."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-running-averages",),
    about=is_batch,
    dtypes=("float32", "float64"),
    share=0.25,
)
def running_averages_by_recurrence(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=3, affine=False)
    form, equations = form_of(subject), oracle(subject, case)
    states = []
    with running(subject, case) as run:
        states.append(shown(run))
        for batch in case.batches:
            run.train(batch)
            states.append(shown(run))
    names = {"mean": 0.0, form.spread: 1.0}
    for name, initial in names.items():
        found = states[0].get(name)
        if found is None or not np.array_equal(found, np.full(case.setting.features[:1], initial)):
            raise deviation(subject, case, f"starts with the {name} {found}, expected {initial:g}")
    ratios = []
    for step, batch in enumerate(case.batches):
        expected = equations.averages(states[step], batch, step + 1)
        for name, quantity in expected.items():
            what = f"running {name} after batch {step + 1}"
            ratios.append(judge(subject, case, quantity, states[step + 1][name], what))
    return worst(*ratios)


@law(
    id="test-data-use-training-statistics",
    title="Test data are normalised by the statistics of the training data",
    statement=(
        "Test data of another mean and spread become what the equation makes of them with mean "
        "and deviation of the training data, whole or one example at a time; on the training "
        "data themselves inference does what training did."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("standardised-moments", "input-standardisation"),
    about=is_data,
    dtypes=("float32", "float64"),
    share=0.25,
)
def test_data_use_training_statistics(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data)
    (learned,) = case.batches
    test = draw_batch(subject, data, len(learned), case.setting.features)
    both = case.of(learned, test)
    with running(subject, both) as run:
        run.train(learned)
        whole, alone, back = (run.evaluate(each) for each in (test, test[:1], learned))
    equations = oracle(subject, case)
    return worst(
        *(
            _judged(subject, case.of(learned, given), quantity, output, what)
            for given, quantity, output, what in (
                (test, equations.by_training_data(test, learned), whole, "test data"),
                (test[:1], equations.by_training_data(test[:1], learned), alone, "one of them"),
                (learned, equations.training(learned), back, "training data once more"),
            )
        )
    )


@law(
    id="layer-normalisation-knows-one-example",
    title="Layer normalisation is the same in inference, and for an example alone",
    statement=(
        "Training and inference give the same, bit for bit, before and after other batches; an "
        "example alone, and one among others, becomes what the equation makes of it."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("layer-normalisation-same-in-inference",),
    about=is_layer,
    dtypes=("float32", "float64"),
    share=0.25,
)
def layer_normalisation_knows_one_example(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=2)
    other, batch = case.batches
    among = np.concatenate([other[1:], batch[:1]])
    with running(subject, case) as run:
        before = run.evaluate(batch)
        run.train(other)
        training, after = run.train(batch), run.evaluate(batch)
        alone, moved = run.train(batch[:1]), run.train(among)
    if not (np.array_equal(before, training) and np.array_equal(training, after)):
        raise deviation(subject, case, "training and inference of a batch differ")
    equations = oracle(subject, case)
    return worst(
        *(
            _judged(subject, case.of(given), equations.training(given), output, what)
            for given, output, what in (
                (batch[:1], alone, "example alone"),
                (among, moved, "example among others"),
            )
        )
    )
