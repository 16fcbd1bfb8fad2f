"""How far a measured frequency, mean or variance may be from its expectation.

Each function returns how improbable the measurement is, over what is allowed: above 1 is a
deviation. The probabilities are exact, or bounds that hold for any number of trials.
"""

from __future__ import annotations

import math

from scipy import stats

# Of one measurement. A law makes less than a thousand of them in a run of the longest profile,
# each for less than a thousand implementations: together at most 1e-9.
FALSE_ALARM = 1e-15


def excess(count: float, trials: int, probability: float) -> float:
    """For ``count`` successes in ``trials`` of a mean probability.

    Or for the sum of so many numbers in [0, 1], whose expectations have that mean.

    Chernoff's bound: a share ``a`` of n independent trials is at least (or at most) that far from
    the mean ``p`` of their probabilities with probability ``exp(-n KL(a, p))`` at most; it holds
    for unequal trials and for drawing without replacement too (Hoeffding 1963, theorems 1 and 4).
    """
    if trials == 0:
        return math.nan
    share = count / trials
    return trials * _divergence(share, probability) / -math.log(FALSE_ALARM / 2)


def excess_of_mean(deviation: float, standard_error: float) -> float:
    """For the mean of Gaussians of a known ``standard_error`` that is off by ``deviation``."""
    return _over_allowed(float(stats.norm.logsf(abs(deviation) / standard_error)))


def excess_of_variance(sum_of_squares: float, degrees: int, variance: float) -> float:
    """For the sum of the squares of ``degrees`` independent Gaussians of mean 0."""
    scaled = sum_of_squares / variance
    chi2 = stats.chi2
    return _over_allowed(float(min(chi2.logsf(scaled, degrees), chi2.logcdf(scaled, degrees))))


def excess_of_bounded_mean(deviation: float, count: int, width: float) -> float:
    """For the mean of ``count`` independent numbers, each in an interval of that ``width``.

    Hoeffding's inequality; it holds for drawing without replacement too.
    """
    return _over_allowed(-2.0 * count * (deviation / width) ** 2)


def excess_of_distribution(distance: float, count: int) -> float:
    """For the greatest distance of an empirical distribution function from the true one.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990): above d with
    probability ``2 exp(-2 n d^2)`` at most, for every distribution.
    """
    return 2.0 * count * distance**2 / -math.log(FALSE_ALARM / 2)


def excess_of_union(probability: float, count: int) -> float:
    """For one of ``count`` numbers that is where each is with that ``probability``."""
    if probability <= 0.0:
        return math.inf
    return max(0.0, _over_allowed(math.log(probability) + math.log(count)))


def excess_of_joint(probability: float, count: int) -> float:
    """For ``count`` independent numbers that all are where each is with that ``probability``."""
    return math.inf if probability <= 0.0 else _over_allowed(count * math.log(probability))


def _over_allowed(log_tail: float) -> float:
    """Of one tail: the other one is as probable at most."""
    return log_tail / math.log(FALSE_ALARM / 2)


def _divergence(share: float, probability: float) -> float:
    """Kullback's and Leibler's, between two coins."""
    pairs = ((share, probability), (1 - share, 1 - probability))
    if any(a > 0 and p <= 0 for a, p in pairs):
        return math.inf
    return max(0.0, sum(a * math.log(a / p) for a, p in pairs if a > 0))
