"""Frequencies: how far a count may be from its expectation."""

from __future__ import annotations

import math

# Of one count. A law makes less than a thousand of them in a run of the longest profile, each for
# less than a thousand numbers of trials: together at most 1e-9.
FALSE_ALARM = 1e-15


def excess(count: int, trials: int, probability: float) -> float:
    """How improbable ``count`` successes are, over what is allowed; above 1 is a deviation.

    Chernoff's bound: a share ``a`` of n independent trials is at least (or at most) that far from
    the mean ``p`` of their probabilities with probability ``exp(-n KL(a, p))`` at most; it holds
    for unequal trials and for drawing without replacement too (Hoeffding 1963, theorems 1 and 4).
    """
    if trials == 0:
        return math.nan
    share = count / trials
    return trials * _divergence(share, probability) / -math.log(FALSE_ALARM / 2)


def _divergence(share: float, probability: float) -> float:
    """Kullback's and Leibler's, between two coins."""
    pairs = ((share, probability), (1 - share, 1 - probability))
    if any(a > 0 and p <= 0 for a, p in pairs):
        return math.inf
    return max(0.0, sum(a * math.log(a / p) for a, p in pairs if a > 0))
