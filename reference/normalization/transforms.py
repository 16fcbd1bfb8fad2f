"""What normalisation does to the values that share a mean and a variance, and its derivative.

Generic in the number type: ``values`` is a flat vector, statistics are numbers in kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from optcheck.reference.balls import Balls
from optcheck.reference.functions import maximum, sqrt
from optcheck.reference.registry import equation, statement

# The mean and the variance of a vector.
Moments = Callable[[Any], tuple[Any, Any]]


def total(values: Any) -> Any:
    """The sum of the elements, a number."""
    return values.total() if isinstance(values, Balls) else np.sum(values)


def mean(values: Any) -> Any:
    """Their mean."""
    return total(values) / len(values)


def two_pass(values: Any) -> tuple[Any, Any]:
    """Mean, and mean of the squared distances from it."""
    centre = mean(values)
    return centre, mean((values - centre) ** 2)


def two_pass_unbiased(values: Any) -> tuple[Any, Any]:
    """The same with n - 1 for n in the variance."""
    centre = mean(values)
    return centre, total((values - centre) ** 2) / (len(values) - 1)


def one_pass(values: Any) -> tuple[Any, Any]:
    """Mean, and mean of the squares less its square: what rounding makes negative is 0."""
    centre = mean(values)
    return centre, maximum(mean(values**2) - centre * centre, 0)


def unbiased(variance: Any, count: int) -> Any:
    """A variance that was divided by ``count``, divided by one less."""
    return variance * count / (count - 1)


@equation(
    "input-standardisation",
    title="Standardisation of inputs",
    formula=(
        r"\mu_i=\frac1N\sum_n x_{ni},\quad\sigma_i^2=\frac1N\sum_n(x_{ni}-\mu_i)^2,\quad"
        r"\tilde x_{ni}=\frac{x_{ni}-\mu_i}{\sigma_i}"
    ),
    sources=("bishop:7.48", "bishop:7.49", "bishop:7.50"),
)
def standardised(values: Any, centre: Any, variance: Any) -> Any:
    """``values`` in units of the deviation, from the mean."""
    return (values - centre) / sqrt(variance)


@equation(
    "batch-normalisation-transform",
    title="Batch normalisation",
    formula=(
        r"\mu_i=\frac1K\sum_n a_{ni},\quad\sigma_i^2=\frac1K\sum_n(a_{ni}-\mu_i)^2,\quad"
        r"\hat a_{ni}=\frac{a_{ni}-\mu_i}{\sqrt{\sigma_i^2+\delta}}"
    ),
    sources=("bishop:7.52", "bishop:7.53", "bishop:7.54", "bishop:Fig 7.8"),
)
def normalised(values: Any, centre: Any, variance: Any, epsilon: Any) -> Any:
    """``values`` from the mean, over the root of variance and ``epsilon``."""
    return (values - centre) / sqrt(variance + epsilon)


statement(
    "layer-normalisation-transform",
    title="Layer normalisation: the statistics are those of an example's features",
    formula=(
        r"\mu_n=\frac1M\sum_i a_{ni},\quad\sigma_n^2=\frac1M\sum_i(a_{ni}-\mu_n)^2,\quad"
        r"\hat a_{ni}=\frac{a_{ni}-\mu_n}{\sqrt{\sigma_n^2+\delta}}"
    ),
    sources=("bishop:7.58", "bishop:7.59", "bishop:7.60", "bishop:Fig 7.8"),
    function=normalised,
)


@equation(
    "batch-normalisation-affine",
    title="Learned scale and shift after normalisation",
    formula=(
        r"\tilde a_{ni}=\gamma_i\hat a_{ni}+\beta_i,\qquad\text{mean }\beta_i,\ "
        r"\text{deviation }|\gamma_i|\sigma_i/\sqrt{\sigma_i^2+\delta}"
    ),
    sources=("bishop:7.55",),
    erratum="B24: the deviation is printed gamma_i; gamma may be negative, and delta counts.",
)
def affine(values: Any, gain: Any, shift: Any) -> Any:
    """What is learned after normalising."""
    return values * gain + shift


def folded(
    values: Any, centre: Any, variance: Any, epsilon: Any, gain: Any = 1, shift: Any = 0
) -> Any:
    """Both at once, as ``values * slope + constant``."""
    slope = gain / sqrt(variance + epsilon)
    return values * slope + (shift - centre * slope)


@equation(
    "batch-normalisation-running-averages",
    title="Moving averages of the batch statistics",
    formula=(
        r"\bar\mu_i^{(\tau)}=\alpha\bar\mu_i^{(\tau-1)}+(1-\alpha)\mu_i,\qquad"
        r"(\bar\sigma_i^2)^{(\tau)}=\alpha(\bar\sigma_i^2)^{(\tau-1)}+(1-\alpha)\sigma_i^2"
    ),
    sources=("bishop:7.56", "bishop:7.57"),
    erratum=(
        "B13: 7.57 is printed with sigma in place of its square, whose average is too small "
        "(Jensen); libraries average the variance."
    ),
)
def running_average(average: Any, statistic: Any, kept: Any) -> Any:
    """The average with one statistic more; ``kept`` is the share of what was there."""
    return kept * average + (1 - kept) * statistic


def derivative(values: Any, slopes: Any, moments: Moments, epsilon: Any) -> tuple[Any, Any]:
    """Of the sum of ``slopes`` times the normalised values, in ``values``; and those."""
    centre, variance = moments(values)
    root = sqrt(variance + epsilon)
    normal = (values - centre) / root
    if moments is one_pass:
        return _through_squares(values, slopes, centre, root), normal
    return (slopes - mean(slopes) - normal * mean(slopes * normal)) / root, normal


def _through_squares(values: Any, slopes: Any, centre: Any, root: Any) -> Any:
    """By the chain rule, through the mean of the squares and the square of the mean."""
    in_variance = -total(slopes * (values - centre)) / (2 * (root * root * root))
    in_mean = -total(slopes) / root - 2 * (centre * in_variance)
    return slopes / root + (in_mean + values * (2 * in_variance)) / len(values)
