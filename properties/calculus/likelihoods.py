"""Laws of likelihoods: where they are greatest, what their gradient is, what a precision means."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.evaluating import (
    EXAMPLES,
    Arguments,
    deviation,
    exact_gradient,
    exact_value,
    examples_of,
    form_of,
    gradient,
    is_reduced,
    judge,
    takes_probabilities,
    value,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.oracle import Bound

# Of sums of a few doubles, each rounded once.
_ROUNDING = 2.0**-50


def _is_likelihood(subject: Subject) -> bool:
    return subject.record.id in ("binary-cross-entropy", "gaussian-negative-log-likelihood")


def _is_gaussian(subject: Subject) -> bool:
    return bool(subject.record.id == "gaussian-negative-log-likelihood")


def _constant(subject: Subject, number: float) -> Floats:
    """One parameter for all examples."""
    return representable(np.full(EXAMPLES, number), FORMATS[subject.dtype])


def _gaussian_targets(data: st.DataObject) -> Floats:
    """Sixteenths, whose mean and squares every format holds; not all of them equal."""
    sixteenths = st.lists(st.integers(-64, 64), min_size=EXAMPLES, max_size=EXAMPLES)
    drawn = data.draw(sixteenths.filter(lambda each: len(set(each)) > 1), label="16 y")
    return np.array(drawn) / 16


def _moved(subject: Subject, arguments: Arguments, moves: tuple[float, float]) -> list[Arguments]:
    """The arguments with the first of them lower and higher."""
    name = next(iter(arguments))
    return [{**arguments, name: _constant(subject, each)} for each in moves]


@law(
    id="likelihood-is-greatest-at-the-closed-form",
    title="The likelihood is greatest at the mean of the data",
    statement=(
        "For a Gaussian of unknown mean and for a coin, sum and mean of the log likelihood alike "
        "have their maximum at the mean of the targets: the scores that the library derives add "
        "up to 0 there, and the loss on either side is larger by exactly what the equation says. "
        "The gradient of the batch is made of the scores of single examples."
    ),
    oracle="exact",
    capability="loss",
    equations=("maximum-likelihood-objective", "maximum-likelihood-gradient"),
    about=_is_likelihood,
    share=0.05,
)
def likelihood_is_greatest_at_the_closed_form(subject: Subject, data: st.DataObject) -> float:
    if _is_gaussian(subject):
        targets = _gaussian_targets(data)
        mean = float(np.mean(targets))
        spread = form_of(subject).arguments[-1]
        width = data.draw(st.sampled_from((1.0, 0.5, 0.25, 4.0)), label=spread)
        more = {spread: _constant(subject, width)}
        beside = mean - 0.25, mean + 0.25
    else:
        ones = data.draw(st.integers(1, EXAMPLES - 1), label="ones")
        targets = np.where(np.arange(EXAMPLES) < ones, 1.0, 0.0)
        share, more = ones / EXAMPLES, {}
        mean, beside = share, (share - 1 / 16, share + 1 / 16)
        if not takes_probabilities(subject):
            mean = math.log(share / (1.0 - share))
            beside = mean - 0.5, mean + 0.5
    arguments = {"prediction": _constant(subject, mean), "target": targets, **more}
    ratios = [
        _no_slope(subject, arguments),
        _single_scores(subject, arguments),
        *(_rise(subject, arguments, each) for each in _moved(subject, arguments, beside)),
    ]
    return float(np.fmax.reduce(ratios))


@law(
    id="noise-variance-is-the-mean-squared-residual",
    title="The likely variance of the noise is the mean squared residual",
    statement=(
        "The library's derivative of a Gaussian likelihood in its precision, variance or "
        "standard deviation vanishes where the variance is the mean squared residual, and the "
        "loss at half and at twice that precision (variance, deviation) is larger by exactly what "
        "the equation says."
    ),
    oracle="exact",
    capability="loss",
    equations=("conditional-gaussian-regression",),
    about=_is_gaussian,
    share=0.1,
)
def noise_variance_is_the_mean_squared_residual(subject: Subject, data: st.DataObject) -> float:
    targets = _gaussian_targets(data)
    prediction = data.draw(st.integers(-64, 64).map(lambda k: k / 16), label="prediction")
    spread = form_of(subject).arguments[-1]
    variance = float(np.mean((targets - prediction) ** 2))
    best = {"precision": 1 / variance, "variance": variance, "scale": math.sqrt(variance)}[spread]
    arguments = {
        spread: _constant(subject, best),
        "prediction": _constant(subject, prediction),
        "target": targets,
    }
    ratios = [
        _no_slope(subject, arguments),
        *(
            _rise(subject, arguments, each)
            for each in _moved(subject, arguments, (best / 2, best * 2))
        ),
    ]
    return float(np.fmax.reduce(ratios))


def _no_slope(subject: Subject, arguments: Arguments) -> float:
    """The scores add up to 0, but for their rounding and for that of the estimate."""
    quantity = exact_gradient(subject, arguments)
    with ball_arithmetic():
        left = abs(float(sum(quantity.exact.balls[1:], quantity.exact.balls[0]).mid()))
    slope = math.fsum(gradient(subject, arguments))
    allowed = float(np.sum(quantity.allowed())) + left
    name = next(iter(arguments))
    return judge(
        subject,
        arguments,
        Bound(np.zeros(1), np.array([allowed])),
        np.array([slope]),
        f"slope of the log likelihood in the {name} at its closed form",
    )


def _rise(subject: Subject, at: Arguments, beside: Arguments) -> float:
    """The loss beside the minimum is larger by what the equation says, which is above 0."""
    quantities = [exact_value(subject, each) for each in (beside, at)]
    with ball_arithmetic():
        there, here = (sum(q.exact.balls[1:], q.exact.balls[0]) for q in quantities)
        rise = float((there - here).mid())
    allowed = float(sum(np.sum(q.allowed()) for q in quantities))
    found = math.fsum(np.ravel(value(subject, beside))) - math.fsum(np.ravel(value(subject, at)))
    name = next(iter(at))
    if rise > allowed and not found > 0.0:
        raise deviation(
            subject, beside, f"the loss is not larger beside the {name} of greatest likelihood"
        )
    bound = Bound(np.array([rise]), np.array([allowed + _ROUNDING * abs(rise)]))
    return judge(subject, beside, bound, np.array([found]), "rise of the loss beside its minimum")


def _single_scores(subject: Subject, arguments: Arguments) -> float:
    """The gradient of the batch against the scores of single examples."""
    whole = exact_gradient(subject, arguments)
    weight = 1 / EXAMPLES if form_of(subject).reduction == "mean" else 1.0
    if not is_reduced(subject):
        return float("nan")
    parts = [examples_of(arguments, [i]) for i in range(EXAMPLES)]
    scores = np.concatenate([gradient(subject, part) for part in parts])
    budgets = np.concatenate([exact_gradient(subject, part).allowed() for part in parts])
    allowed = whole.allowed() + weight * budgets + _ROUNDING * np.abs(scores)
    return judge(
        subject,
        arguments,
        Bound(weight * scores, allowed),
        gradient(subject, arguments),
        "gradient of the log likelihood against the scores of single examples",
    )
