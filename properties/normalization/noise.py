"""How noisy the statistics of small batches are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.normalization.normalizing import (
    Case,
    draw_layer,
    form_of,
    is_batch,
    running,
    script_of,
    shown,
)
from optcheck.properties.statistics import excess_of_variance
from optcheck.reference.normalization.claims import noise
from optcheck.reference.normalization.normalizers import kept_share, new_share

# Each feature is a batch of its own.
_SIZE, _FEATURES = 4, 2048
# The momentum by which nothing is kept of what was there before.
_FORGETTING: dict[Any, dict[str, float]] = {
    kept_share: {"momentum": 0.0},
    new_share: {"momentum": 1.0},
}


@law(
    id="statistics-of-small-batches-are-noisy",
    title="Mean and variance of a batch of K Gaussians vary by sigma^2/K and 2(K - 1)/K^2 sigma^4",
    statement=(
        "Of thousands of features, each with K independent Gaussians, the library's means vary by "
        "sigma^2/K and its variances are those of K - 1 squares: sigma^2 (K - 1)/K in the mean, "
        "with the variance 2 (K - 1)/K^2 sigma^4, or K/(K - 1) and its square times that where "
        "they are divided by K - 1. Judged by exact distributions: the squares of the means, the "
        "sum of the variances, and the squares of each variance's normal score."
    ),
    oracle="statistic",
    capability="normalizer",
    equations=("batch-statistics-noise-small-batch",),
    about=is_batch,
    dtypes=("float64",),
    share=0.1,
    false_alarm=1e-9,
    alternative="variances divided by K - 1 for K, deviations for variances, half of each batch",
)
def statistics_of_small_batches_are_noisy(subject: Subject, data: st.DataObject) -> float:
    form = form_of(subject)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    sigma = data.draw(st.sampled_from((1.0, 0.5, 4.0)), label="sigma")
    setting = draw_layer(
        subject, data, (_FEATURES,), affine=False, **_FORGETTING.get(form.kept, {})
    )
    case = Case(setting, (sigma * random.normal(size=(_SIZE, _FEATURES)),))
    with running(subject, case) as run:
        run.train(case.batches[0])
        kept = shown(run)
    variances = kept[form.spread] ** 2 if form.deviation else kept[form.spread]
    if form.unbiased:
        variances = variances * (_SIZE - 1) / _SIZE
    of_mean, of_variance = (float(each) for each in noise(_SIZE))
    degrees = _SIZE - 1
    # Of a scaled chi-squared variable, twice the degrees of freedom is the variance.
    squares = variances / sigma**2 / math.sqrt(of_variance / (2 * degrees))
    ratios = {
        "means": excess_of_variance(
            float(np.sum(kept["mean"] ** 2)), _FEATURES, sigma**2 * of_mean
        ),
        "variances": excess_of_variance(float(np.sum(squares)), _FEATURES * degrees, 1.0),
        "variances about their mean": excess_of_variance(
            float(np.sum(_scores(squares, degrees) ** 2)), _FEATURES, 1.0
        ),
    }
    name, ratio = max(ratios.items(), key=lambda pair: pair[1])
    if not ratio <= 1.0:
        message = f"the {name} of {_FEATURES} batches of {_SIZE} are improbable"
        raise Deviation(
            f"{subject.name}: {message}",
            ratio=ratio,
            counterexample={"sigma": sigma, "mean of the variances": float(np.mean(variances))},
            script=lambda: script_of(subject, case.of(case.batches[0][:, :3]), message),
        )
    return ratio


def _scores(squares: Floats, degrees: int) -> Floats:
    """What is normally distributed where ``squares`` are chi-squared."""
    below, above = stats.chi2.cdf(squares, degrees), stats.chi2.sf(squares, degrees)
    return np.where(below < 0.5, stats.norm.ppf(below), stats.norm.isf(above))
