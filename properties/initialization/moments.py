"""Laws of chance: initial values have the mean and the variance that the equation says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer
from optcheck.properties.initialization.drawing import (
    GROUPED,
    TRANSPOSED,
    Plan,
    distribution,
    draw,
    draw_plan,
    is_random,
    ordinary,
    require,
    scales_with_fans,
    taken,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import (
    excess,
    excess_of_bounded_mean,
    excess_of_mean,
    excess_of_variance,
)
from optcheck.reference.initialization.distributions import Distribution, Gaussian

_TESTS = (
    "Mean and variance of 4096 or 8192 values differ from the exact ones by no more than chance "
    "explains: for Gaussians by the normal and the chi-squared distribution, for bounded values "
    "by Hoeffding's inequalities; each is refused with probability below 1e-15."
)
_ALTERNATIVE = (
    "fan-out for fan-in where one is twice the other, a bound taken for the standard deviation, "
    "a truncation that is not corrected, a gain of 1 for the root of 2"
)
_CHANCE: dict[str, Any] = {
    "oracle": "statistic",
    "capability": "initializer",
    "dtypes": ("float32", "float64"),
    "share": 0.1,
    "false_alarm": 1e-9,
    "alternative": _ALTERNATIVE,
}


def _has_ordinary(subject: Subject) -> bool:
    return is_random(subject) and bool(ordinary(subject))


@law(
    id="initial-values-have-their-variance",
    title="Initial values have their mean and their variance",
    statement=(
        "gain^2/fan-in or gain^2/fan-out after He, gain^2 2/(fan-in + fan-out) after Glorot (4/N "
        "for rectifiers, 32/N for logistic units), 1/(3 m) for bounds of 1/sqrt(m), a^2/3 for "
        "bounds a, 0.7737 sigma^2 after a cut at two deviations. " + _TESTS
    ),
    equations=(
        "weight-init-distributions",
        "uniform-distribution-variance",
        "truncated-normal-distribution",
        "he-initialisation",
        "fan-in-variance-condition",
        "fan-out-variance-condition",
        "glorot-variance",
        "glorot-initialisation-linear-tanh",
        "glorot-initialisation-relu",
        "glorot-initialisation-logistic",
        "glorot-initialisation-uniform-goodfellow",
        "fan-in-uniform-heuristic",
        "inverse-root-scaling-drawback",
    ),
    about=_has_ordinary,
    **_CHANCE,
)
def initial_values_have_their_variance(subject: Subject, data: st.DataObject) -> float:
    return _measured(subject, data, ordinary(subject))


@law(
    id="weights-of-grouped-layers-have-their-variance",
    title="Grouped convolutions scale with the fans of their groups",
    statement=(
        "An output of a grouped convolution sees inputs / groups channels, and an input reaches "
        "outputs / groups of them: the variance follows from these fans. " + _TESTS
    ),
    equations=("fan-in-variance-condition", "fan-out-variance-condition", "glorot-variance"),
    about=lambda subject: scales_with_fans(subject) and bool(taken(subject, GROUPED)),
    one_dtype=True,
    **_CHANCE,
)
def weights_of_grouped_layers_have_their_variance(subject: Subject, data: st.DataObject) -> float:
    return _measured(subject, data, taken(subject, GROUPED))


@law(
    id="weights-kept-input-first-have-their-variance",
    title="Transposed convolutions and embeddings scale with their own fans",
    statement=(
        "Of a transposed convolution and of an embedding the fan-in counts inputs too, although "
        "some libraries keep their weights with the input first. " + _TESTS
    ),
    equations=("fan-in-variance-condition", "fan-out-variance-condition", "glorot-variance"),
    about=lambda subject: scales_with_fans(subject) and bool(taken(subject, TRANSPOSED)),
    one_dtype=True,
    **_CHANCE,
)
def weights_kept_input_first_have_their_variance(subject: Subject, data: st.DataObject) -> float:
    return _measured(subject, data, taken(subject, TRANSPOSED))


def _measured(subject: Subject, data: st.DataObject, layers: Sequence[Layer]) -> float:
    plan = draw_plan(subject, data, layers)
    values = draw(subject, plan).ravel()
    expected = distribution(subject, plan)
    return max(_mean(subject, plan, values, expected), _variance(subject, plan, values, expected))


def _mean(subject: Subject, plan: Plan, values: Floats, expected: Distribution) -> float:
    off = float(np.mean(values)) - expected.mean
    if isinstance(expected, Gaussian):
        ratio = excess_of_mean(off, math.sqrt(expected.variance / values.size))
    else:
        low, high = expected.support
        ratio = excess_of_bounded_mean(off, values.size, high - low)
    message = f"the mean of {values.size} values is {off:.3g} off {expected.mean:.3g}"
    return require(subject, plan, ratio, message)


def _variance(subject: Subject, plan: Plan, values: Floats, expected: Distribution) -> float:
    squares = (values - expected.mean) ** 2
    if isinstance(expected, Gaussian):
        ratio = excess_of_variance(float(np.sum(squares)), values.size, expected.variance)
    else:
        low, high = expected.support
        largest = max(expected.mean - low, high - expected.mean) ** 2
        ratio = excess(float(np.sum(squares)) / largest, values.size, expected.variance / largest)
    message = (
        f"the variance of {values.size} values is {np.mean(squares):.4g}, "
        f"for {expected.variance:.4g}"
    )
    return require(subject, plan, ratio, message)
