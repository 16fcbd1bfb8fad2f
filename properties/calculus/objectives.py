"""Laws of objectives: sums and means over examples, their gradients, and what they converge to."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.evaluating import (
    EXAMPLES,
    Arguments,
    deviation,
    draw_arguments,
    exact_gradient,
    exact_value,
    examples_of,
    form_of,
    gradient,
    is_reduced,
    judge,
    value,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import excess_of_mean, excess_of_variance
from optcheck.reference.oracle import Bound

# Of sums of a few doubles, each rounded once.
_ROUNDING = 2.0**-50
TRIALS = 512
BATCH = 16


@law(
    id="batch-is-made-of-its-examples",
    title="The loss of a batch is the sum, or the mean, of the losses of its examples",
    statement=(
        "For a batch in which examples occur more than once, the library's loss of the batch is "
        "the sum (the mean) of what it says of single examples, each counted as often as it "
        "occurs: an expectation under the weights of the data."
    ),
    oracle="exact",
    capability="loss",
    equations=("error-sum-over-data", "mean-loss-objective", "empirical-objective"),
    about=is_reduced,
    share=0.1,
)
def batch_is_made_of_its_examples(subject: Subject, data: st.DataObject) -> float:
    arguments = draw_arguments(subject, data)
    which = st.lists(st.integers(0, EXAMPLES - 1), min_size=EXAMPLES, max_size=EXAMPLES)
    indices = data.draw(which, label="examples in the batch")
    batch = examples_of(arguments, indices)
    weight = 1 / EXAMPLES if form_of(subject).reduction == "mean" else 1.0
    terms, allowed = [], float(exact_value(subject, batch).allowed()[0])
    for index, count in Counter(indices).items():
        single = examples_of(arguments, [index])
        terms.append(weight * count * float(value(subject, single)))
        allowed += weight * count * float(exact_value(subject, single).allowed()[0])
    allowed += _ROUNDING * math.fsum(map(abs, terms))
    return judge(
        subject,
        batch,
        Bound(np.array([math.fsum(terms)]), np.array([allowed])),
        value(subject, batch).reshape(1),
        "loss of a batch against the losses of its examples",
    )


def _has_weights(subject: Subject) -> bool:
    return bool(subject.record.id == "batch-loss")


@law(
    id="gradients-of-parts-add-up",
    title="The gradient of a batch is the sum of the gradients of its parts",
    statement=(
        "The library's gradient of the loss of a batch, in weights that all examples share, is "
        "the sum of its gradients for two disjoint halves, and of those for single examples (the "
        "mean of them, where the loss is a mean)."
    ),
    oracle="exact",
    capability="loss",
    equations=("gradient-sum-decomposition", "batch-gradient-additive-parallel"),
    about=_has_weights,
    share=0.1,
)
def gradients_of_parts_add_up(subject: Subject, data: st.DataObject) -> float:
    batch = draw_arguments(subject, data)
    order = data.draw(st.permutations(range(EXAMPLES)), label="order")
    half = EXAMPLES // 2
    ratios = []
    for what, parts in {
        "two halves": [order[:half], order[half:]],
        "single examples": [[i] for i in order],
    }.items():
        weight = 1 / len(parts) if form_of(subject).reduction == "mean" else 1.0
        each = [examples_of(batch, part) for part in parts]
        terms = weight * np.array([gradient(subject, part) for part in each])
        budgets = [weight * exact_gradient(subject, part).allowed() for part in each]
        allowed = exact_gradient(subject, batch).allowed() + np.sum(budgets, axis=0)
        ratios.append(
            judge(
                subject,
                batch,
                Bound(terms.sum(axis=0), allowed + _ROUNDING * np.abs(terms).sum(axis=0)),
                gradient(subject, batch),
                f"gradient of the batch against those of {what}",
            )
        )
    return float(np.fmax.reduce(ratios))


def _is_squared_error(subject: Subject) -> bool:
    return bool(subject.record.id == "squared-error")


@law(
    id="empirical-objective-approaches-the-true-one",
    title="The mean loss of m examples is off by its standard error over sqrt(m)",
    statement=(
        "For a linear model of Gaussian inputs and noise the residuals at any weight are "
        "Gaussian, of variance s^2 = J*, so that m J_m / s^2 is chi-square with m degrees of "
        f"freedom: J_m is unbiased, with the standard error sqrt(2/m) s^2. In {TRIALS} batches of "
        f"{BATCH} the scores of J_m by that distribution have mean 0 and variance 1."
    ),
    oracle="statistic",
    capability="loss",
    equations=("true-objective", "empirical-objective"),
    about=_is_squared_error,
    share=0.05,
    dtypes=("float64",),
    false_alarm=1e-9,
    alternative="a loss that counts every second example twice instead of its neighbour",
)
def empirical_objective_approaches_the_true_one(subject: Subject, data: st.DataObject) -> float:
    random = np.random.default_rng(data.draw(st.integers(0, 2**31), label="seed"))
    off = data.draw(st.sampled_from((1.0, 0.0, -2.0)), label="weight off by")
    noise = data.draw(st.sampled_from((1.0, 0.25)), label="noise")
    x, errors = random.normal(size=(2, TRIALS, BATCH))
    arguments = {"prediction": off * x, "target": noise * errors}
    sums = _sums_of_squares(subject, arguments)
    true = off**2 + noise**2
    scores = _normal_scores(sums / true, BATCH)
    ratio = max(
        excess_of_mean(float(np.mean(scores)), TRIALS**-0.5),
        excess_of_variance(float(np.sum(scores**2)), TRIALS, 1.0),
    )
    if ratio > 1.0:
        mean, spread = np.mean(sums) / BATCH, np.std(sums) / BATCH
        raise deviation(
            subject,
            {name: each[0] for name, each in arguments.items()},
            f"the mean loss of {BATCH} examples is {mean:.4g} with a spread of {spread:.3g}; "
            f"expected {true:.4g} and {true * math.sqrt(2 / BATCH):.3g}",
            ratio,
        )
    return ratio


def _sums_of_squares(subject: Subject, arguments: Arguments) -> Floats:
    """Of each batch, by the library."""
    half = 2.0 if subject.claim.dialect.startswith("half") else 1.0
    if not is_reduced(subject):
        flat = {name: each.ravel() for name, each in arguments.items()}
        sums: Floats = half * value(subject, flat).reshape(TRIALS, BATCH).sum(axis=1)
        return sums
    weight = BATCH if form_of(subject).reduction == "mean" else half
    rows = [{name: each[i] for name, each in arguments.items()} for i in range(TRIALS)]
    return weight * np.array([float(value(subject, row)) for row in rows])


def _normal_scores(chi_squares: Floats, degrees: int) -> Floats:
    """Standard normal numbers that are as probable; by the nearer tail."""
    low = stats.norm.ppf(stats.chi2.cdf(chi_squares, degrees))
    high = stats.norm.isf(stats.chi2.sf(chi_squares, degrees))
    scores: Floats = np.where(chi_squares < degrees, low, high)
    return scores
