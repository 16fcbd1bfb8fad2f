"""Laws of the derivatives of a normalised batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    deviation,
    draw_case,
    draw_epsilon,
    draw_layer,
    draw_shape,
    form_of,
    is_data,
    judge,
    oracle,
    running,
    shown,
    worst,
)
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import dot, total
from optcheck.reference.normalization.transforms import normalised, two_pass
from optcheck.reference.oracle import Bound


def _derived(subject: Subject, case: Case, cotangent: Floats) -> Mapping[str, Floats]:
    """The library's derivatives; nothing that it keeps has changed."""
    with running(subject, case) as run:
        before = shown(run)
        found = run.gradients(case.batches[0], cotangent)
        after = shown(run)
    if any(not np.array_equal(before[name], after[name]) for name in before):
        raise deviation(subject, case, "differentiating changes the running averages")
    if found["batch"].shape != cotangent.shape:
        raise deviation(subject, case, f"has a gradient of shape {found['batch'].shape}")
    return found


def _cotangent(subject: Subject, data: st.DataObject, shape: tuple[int, ...]) -> Floats:
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="cotangent"))
    return representable(random.normal(size=shape), FORMATS[subject.dtype])


@law(
    id="normaliser-gradients-are-exact",
    title="A library differentiates through the statistics of the batch",
    statement=(
        "The derivative of the output, in any direction, is g - mean(g) - a^ mean(g a^) over the "
        "deviation in the input, with g the direction times the scale; in the scale it is the sum "
        "of the direction times the normalised values a^, in the shift the sum of the direction."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-differentiable", "batch-normalisation-affine"),
    about=lambda subject: not is_data(subject),
    dtypes=("float32", "float64"),
    share=0.2,
)
def normaliser_gradients_are_exact(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data)
    (batch,) = case.batches
    cotangent = _cotangent(subject, data, batch.shape)
    found = _derived(subject, case, cotangent)
    ratios = []
    for name, quantity in oracle(subject, case).gradients(batch, cotangent).items():
        computed = form_of(subject).groups(found[name]) if name == "batch" else found[name]
        ratios.append(judge(subject, case, quantity, computed, f"derivative in the {name}"))
    return worst(*ratios)


@law(
    id="gradient-orthogonal-to-the-weights",
    title="A bias before normalisation has gradient 0, and weights one orthogonal to themselves",
    statement=(
        "For a = X w + b the derivative of any function of the normalised a in b is 0, and its "
        "derivative in w is orthogonal to w for delta = 0: the scale of the weights is lost. For "
        "other delta the product is delta / (sigma^2 + delta) times that of the output's "
        "derivative with the normalised values. What is allowed is what the derivative in a is, "
        "times 1 and times |a|."
    ),
    oracle="exact",
    capability="normalizer",
    equations=("batch-normalisation-invariance",),
    about=lambda subject: not is_data(subject),
    dtypes=("float32", "float64"),
    share=0.2,
)
def gradient_orthogonal_to_the_weights(subject: Subject, data: st.DataObject) -> float:
    count, features = draw_shape(subject, data)
    epsilon = draw_epsilon(subject, data, 0.0, 2.0**-14, 0.25)
    setting = draw_layer(subject, data, features, affine=False, epsilon=epsilon)
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="noise"))
    # Small integers, so that a = X w is exact.
    inputs = random.integers(-9, 10, size=(count, *features, 3)).astype(float)
    weights = random.integers(-9, 10, size=3) / 4.0
    case = Case(setting, (inputs @ weights,))
    cotangent = _cotangent(subject, data, (count, *features))
    groups = form_of(subject).groups
    rows, upstream = groups(case.batches[0]), groups(cotangent)
    slopes = groups(_derived(subject, case, cotangent)["batch"])
    allowed = oracle(subject, case).gradients(case.batches[0], cotangent)["batch"].allowed()
    radius = allowed.reshape(rows.shape)
    by_input = np.stack([groups(each) for each in np.moveaxis(inputs, -1, 0)])
    in_bias = [_along(each, np.ones((1, len(each))), [1.0]) for each in slopes]
    in_weights = [_along(each, by_input[:, i], weights.tolist()) for i, each in enumerate(slopes)]
    left = [_left(*pair, epsilon) for pair in zip(rows, upstream, strict=True)]
    of_bias = Bound(np.zeros(len(rows)), radius.sum(axis=1))
    of_weights = Bound(np.array(left), (radius * np.abs(rows)).sum(axis=1))
    return worst(
        judge(subject, case, of_bias, np.array(in_bias), "derivative in a bias before it"),
        judge(
            subject,
            case,
            of_weights,
            np.array(in_weights),
            "derivative in the weights, along them",
        ),
    )


def _along(slopes: Floats, inputs: Floats, weights: Sequence[float]) -> float:
    """The derivative in weights, times these, rounded once."""
    exact = Arithmetic.exact()
    of_output = exact.array(slopes)
    terms = [
        exact.scalar(float(weight)) * dot(of_output, exact.array(each))
        for weight, each in zip(weights, inputs, strict=True)
    ]
    return float(total(terms).ball.mid())


def _left(row: Floats, slopes: Floats, epsilon: float) -> float:
    """What is left of a group's derivative along the weights."""
    exact = Arithmetic.exact()
    values, delta = exact.array(row), exact.scalar(epsilon)
    centre, variance = two_pass(values)
    normal = normalised(values, centre, variance, delta)
    left = dot(exact.array(slopes), normal) * (delta / (variance + delta))
    return float(left.ball.mid())
