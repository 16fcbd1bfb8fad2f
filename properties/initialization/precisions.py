"""Laws of initial precisions: a regression without weights starts at the marginal moments."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.evaluating import (
    EXAMPLES,
    Arguments,
    exact_gradient,
    form_of,
    gradient,
    judge,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.oracle import Bound


@law(
    id="marginal-moments-are-a-stationary-start",
    title="Without weights a regression stands still at the marginal mean and variance",
    statement=(
        "With no weights, the mean of the targets as bias and their variance as 1/precision, the "
        "library's derivatives of the Gaussian likelihood add up to 0 in the bias and in the "
        "precision (variance, deviation) alike; in the bias they do with precision 1 too. Within "
        "the rounding budgets of the summands and of the moments."
    ),
    oracle="exact",
    capability="loss",
    equations=("precision-parameter-initialisation",),
    about=lambda subject: bool(subject.record.id == "gaussian-negative-log-likelihood"),
    share=0.1,
)
def marginal_moments_are_a_stationary_start(subject: Subject, data: st.DataObject) -> float:
    sixteenths = st.lists(st.integers(-64, 64), min_size=EXAMPLES, max_size=EXAMPLES)
    drawn = data.draw(sixteenths.filter(lambda each: len(set(each)) > 1), label="16 y")
    targets = np.array(drawn) / 16
    spread = form_of(subject).arguments[-1]
    variance = float(np.var(targets))
    marginal = {"precision": 1 / variance, "variance": variance, "scale": math.sqrt(variance)}
    given = {"prediction": _everywhere(subject, float(np.mean(targets))), "target": targets}
    started = {spread: _everywhere(subject, marginal[spread])}
    ratios = [
        _no_slope(subject, {**given, **started}),
        _no_slope(subject, {**started, **given}),
        _no_slope(subject, {**given, spread: _everywhere(subject, 1.0)}),
    ]
    return float(np.fmax.reduce(ratios))


def _everywhere(subject: Subject, number: float) -> Floats:
    """One parameter for all examples."""
    return representable(np.full(EXAMPLES, number), FORMATS[subject.dtype])


def _no_slope(subject: Subject, arguments: Arguments) -> float:
    """In the first of the arguments, which has one value; but for what rounding that leaves."""
    quantity = exact_gradient(subject, arguments)
    with ball_arithmetic():
        left = abs(float(sum(quantity.exact.balls[1:], quantity.exact.balls[0]).mid()))
    allowed = float(np.sum(quantity.allowed())) + left
    slope = math.fsum(gradient(subject, arguments))
    name = next(iter(arguments))
    return judge(
        subject,
        arguments,
        Bound(np.zeros(1), np.array([allowed])),
        np.array([slope]),
        f"slope of the log likelihood in the {name} at the marginal moments",
    )
