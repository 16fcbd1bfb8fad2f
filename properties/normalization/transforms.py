"""Laws of the transform itself: its value, its moments, and what it does not see."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    draw_case,
    draw_epsilon,
    draw_layer,
    draw_shape,
    form_of,
    is_layer,
    judge,
    judge_output,
    oracle,
    trained,
    worst,
)
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import sqrt
from optcheck.reference.normalization.normalizers import NormalizerOracle
from optcheck.reference.normalization.transforms import two_pass, two_pass_unbiased
from optcheck.reference.oracle import Bound


@law(
    id="normalised-batch-is-exact",
    title="A batch is normalised by its own statistics",
    statement=(
        "What the last of a few batches becomes in training is that of the equation of the "
        "dialect: the statistics are its own, the variance has the divisor n (or n - 1 where "
        "that is claimed), epsilon stands inside the root, scale and shift come after; within "
        "the rounding of its order of operations."
    ),
    oracle="exact",
    capability="normalizer",
    dtypes=("float32", "float64"),
    share=0.3,
)
def normalised_batch_is_exact(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, batches=2)
    quantity = oracle(subject, case).training(case.batches[-1])
    return judge_output(subject, case, quantity, trained(subject, case), "normalised batch")


@law(
    id="normalisation-holds-far-from-zero",
    title="Normalisation holds where the mean dwarfs the spread",
    statement=(
        "Where the mean is up to 2^10 (float32) or 2^20 (float64) times the spread, the error is "
        "that of values that are first centred: it grows with that factor, and not with its "
        "square, as where the variance is the mean of the squares less the square of the mean."
    ),
    oracle="exact",
    capability="normalizer",
    equations=(
        "input-standardisation",
        "batch-normalisation-transform",
        "layer-normalisation-transform",
    ),
    dtypes=("float32", "float64"),
    share=0.2,
)
def normalisation_holds_far_from_zero(subject: Subject, data: st.DataObject) -> float:
    case = far_case(subject, data)
    form = form_of(subject)
    centred = two_pass_unbiased if form.moments is two_pass_unbiased else two_pass
    textbook = replace(form, moments=centred, folded=False)
    quantity = NormalizerOracle(textbook, case.setting, subject.working).training(case.batches[0])
    return judge_output(
        subject, case, quantity, trained(subject, case), "batch whose mean dwarfs its spread"
    )


def far_case(subject: Subject, data: st.DataObject) -> Case:
    """Values of spread 1 about a large mean, in a layer of no scale and shift."""
    count, features = draw_shape(subject, data)
    setting = draw_layer(subject, data, features, affine=False)
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="noise"))
    largest = 10 if subject.dtype == "float32" else 20
    exponent = data.draw(st.integers(largest - 2, largest), label="ratio, as a power of two")
    values = 2.0**exponent + random.normal(size=(count, *features))
    return Case(setting, (representable(values, FORMATS[subject.dtype]),))


@law(
    id="normalised-moments",
    title="Normalised values have mean beta and variance gamma^2 sigma^2 / (sigma^2 + delta)",
    statement=(
        "Of what a library returns, the mean of each group of values that share their statistics "
        "is the shift, and the deviation |gamma| sigma / sqrt(sigma^2 + delta), also of a "
        "negative scale and for delta as large as sigma^2: it is 1 for delta = 0 alone. The "
        "allowance is the mean, and the root of the mean square, of what each value is allowed."
    ),
    oracle="exact",
    capability="normalizer",
    equations=(
        "standardised-moments",
        "batch-normalisation-transform",
        "batch-normalisation-affine",
        "layer-normalisation-transform",
    ),
    dtypes=("float32", "float64"),
    share=0.2,
)
def normalised_moments(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, affine=not is_layer(subject))
    form, batch = form_of(subject), case.batches[0]
    output = form.groups(trained(subject, case))
    allowed = oracle(subject, case).training(batch).allowed().reshape(output.shape)
    distances = [
        _distances(subject, case, index, row, normal)
        for index, (row, normal) in enumerate(zip(form.groups(batch), output, strict=True))
    ]
    of_mean, of_deviation = np.transpose(distances)
    # The deviation of a sum is at most the sum of the deviations.
    mean = Bound(np.zeros(len(output)), np.mean(allowed, axis=1))
    spread = Bound(np.zeros(len(output)), np.sqrt(np.mean(allowed**2, axis=1)))
    return worst(
        judge(subject, case, mean, of_mean, "mean of normalised values, from beta"),
        judge(subject, case, spread, of_deviation, "their deviation, from |gamma| / sqrt(...)"),
    )


def _distances(
    subject: Subject, case: Case, index: int, row: Floats, normal: Floats
) -> tuple[float, float]:
    """How far mean and deviation of a group's output are from what they should be."""
    exact = Arithmetic.exact()
    learned = form_of(subject).group == "feature"
    factor, offset = (
        exact.scalar(float(each[index]) if learned and each is not None else default)
        for each, default in ((case.setting.gain, 1.0), (case.setting.shift, 0.0))
    )
    epsilon = exact.scalar(case.setting.hyperparameters["epsilon"])
    _, divided = form_of(subject).moments(exact.array(row))
    _, variance = two_pass(exact.array(row))
    centre, found = two_pass(exact.array(normal))
    expected = abs(factor) * sqrt(variance / (divided + epsilon))
    return float((centre - offset).ball.mid()), float((sqrt(found) - expected).ball.mid())


@law(
    id="normalisation-ignores-shift-and-scale",
    title="A shift and a positive scale of the input change nothing; a negative one the sign",
    statement=(
        "For delta = 0 the normalised values of c a + d are those of a for c > 0, and their "
        "negatives for c < 0; for other delta they are, with delta c^2. Factors are powers of two "
        "and shifts lose no bit, so that c a + d is exact."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-invariance",),
    dtypes=("float32", "float64"),
    share=0.2,
)
def normalisation_ignores_shift_and_scale(subject: Subject, data: st.DataObject) -> float:
    epsilon = draw_epsilon(subject, data, 0.0, 2.0**-14)
    count, features = draw_shape(subject, data)
    setting = draw_layer(subject, data, features, affine=False, epsilon=epsilon)
    # Ten bits for the values, and as many for what is added.
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="noise"))
    values = random.integers(-512, 512, size=(count, *features)) / 128.0
    factor = data.draw(st.sampled_from((0.5, 4.0, 2.0**-6, -1.0, -2.0)), label="c")
    offset = data.draw(st.integers(-64, 64), label="d") / 8.0
    case = Case(setting, (values,))
    scaled = {**setting.hyperparameters, "epsilon": epsilon * factor**2}
    moved = Case(replace(setting, hyperparameters=scaled), (factor * values + offset,))
    allowed = sum(
        oracle(subject, each).training(each.batches[0]).allowed() for each in (case, moved)
    )
    here = form_of(subject).groups(trained(subject, case)).ravel()
    return judge_output(
        subject,
        moved,
        Bound(math.copysign(1.0, factor) * here, np.asarray(allowed)),
        trained(subject, moved),
        f"normalised {factor:g} a + {offset:g}",
    )
