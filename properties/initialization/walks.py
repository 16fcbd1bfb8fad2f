"""How improbable sums are of what layers do to signals: squares, rectified parts, growths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy import optimize, special

from optcheck.properties.statistics import FALSE_ALARM, excess_of_variance

# The logarithm of the mean of exp(t x): infinite, or not a number, where there is none.
Cumulants = Callable[[float], float]

_ALLOWED = -math.log(FALSE_ALARM / 2)
# A range of t beyond which no sum that is measured here has its best bound.
_REACH = 64.0
# Where there is no bound; the search for the best one computes with it.
_HUGE = 1e100


def excess_of_sum(total: float, parts: Sequence[tuple[Cumulants, int]]) -> float:
    """For a sum of independent numbers, so many with each of some known distributions.

    Chernoff's bound: it is that large with probability ``exp(K(t) - t total)`` at most for every
    t > 0, where K is the sum of their cumulant generating functions, and that small for every
    t < 0. The exponent is convex in t, and its minimum need not be found exactly.
    """

    def exponent(t: float) -> float:
        value = sum(n * cumulants(t) for cumulants, n in parts) - t * total
        return value if math.isfinite(value) else _HUGE

    found = [_lowest(exponent, side) for side in (1.0, -1.0)]
    return max(0.0, -min(found)) / _ALLOWED


def _lowest(exponent: Callable[[float], float], side: float) -> float:
    """About the lowest value on one side of 0: among powers of two, and then nearby."""
    places = [side * _REACH * 2.0**-k for k in range(24)]
    values = [exponent(t) for t in places]
    best = min(range(len(places)), key=values.__getitem__)
    low, high = sorted((places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]))
    found = optimize.minimize_scalar(exponent, bounds=(low, high), method="bounded")
    return min(values[best], float(found.fun))


def excess_of_energy(total: float, degrees: int, *, gaussian: bool) -> float:
    """For a sum of so many independent squares, each 1 on average.

    Squares of Gaussians, or of weighted sums of numbers that are symmetric, strictly
    sub-Gaussian (``E exp(t x) <= exp(t**2 E[x**2] / 2)``) and so of kurtosis 3 at most, as uniform
    and truncated normal ones are (Arbel, Marchal and Nguyen 2020). Of those, large sums are no
    more likely than Chernoff's bound says for Gaussians, and ``E exp(-t s) <= 1 - t + 3 t**2 / 2``
    bounds small ones.
    """
    if gaussian:
        return excess_of_variance(total, degrees, 1.0)
    mean = total / degrees
    if mean >= 1.0:
        return degrees / 2.0 * (mean - 1.0 - math.log(mean)) / _ALLOWED
    return degrees * (1.0 - mean) ** 2 / 6.0 / _ALLOWED


def excess_of_balance(total: float, count: int) -> float:
    """For a sum of so many independent numbers of variance 1, strictly sub-Gaussian as above."""
    return total**2 / (2.0 * count) / _ALLOWED


# The mean of the positive part of a standard Gaussian.
RECTIFIED_MEAN = 1.0 / math.sqrt(2.0 * math.pi)


def rectified(t: float) -> float:
    """The cumulants of the positive part of a standard Gaussian."""
    return float(special.logsumexp([0.0, t * t / 2.0 + math.log(2.0) + special.log_ndtr(t)])) + (
        -math.log(2.0)
    )


def rectified_deviation(t: float) -> float:
    """The cumulants of its squared deviation from its mean."""
    rest = 1.0 - 2.0 * t
    if rest <= 0.0:
        return math.inf
    m = RECTIFIED_MEAN
    positive = t * m * m + 2.0 * (t * m) ** 2 / rest - math.log(rest) / 2.0
    positive += math.log(2.0) + float(special.log_ndtr(-2.0 * t * m / math.sqrt(rest)))
    return float(special.logsumexp([t * m * m, positive])) - math.log(2.0)


def squared(mean: float, deviation: float) -> Cumulants:
    """The cumulants of the square of a Gaussian."""

    def cumulants(t: float) -> float:
        rest = 1.0 - 2.0 * t * deviation**2
        return t * mean**2 / rest - math.log(rest) / 2.0 if rest > 0.0 else math.inf

    return cumulants
