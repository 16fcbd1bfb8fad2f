"""How improbable a total is of independent numbers of which all values are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import optimize

from optcheck.properties.statistics import FALSE_ALARM

# The values of one number with their probabilities, and how many such numbers there are.
Part = tuple[Mapping[float, float], int]


def excess_of_total(total: float, parts: Sequence[Part]) -> float:
    """As the functions of :mod:`optcheck.properties.statistics`, for such a total.

    Chernoff's bound: it is that large with probability ``exp(L(t) - t total)`` at most for every
    t > 0, where L is the sum of the logarithms of the moment generating functions; and that small
    for every t < 0. The exponent is convex in t, and its minimum need not be found exactly.
    """
    mean = sum(n * sum(v * p for v, p in each.items()) for each, n in parts)
    reach = max(abs(v) for each, _ in parts for v in each) or 1.0
    sign = math.copysign(1.0, total - mean)
    arrays = [
        (sign * np.array(list(each)) / reach, np.log(list(each.values())), n) for each, n in parts
    ]

    def exponent(t: float) -> float:
        logs = sum(n * np.logaddexp.reduce(t * values + p) for values, p, n in arrays)
        return float(logs - t * sign * total / reach)

    found = optimize.minimize_scalar(exponent, bounds=(0.0, 100.0), method="bounded")
    return max(0.0, -float(found.fun)) / -math.log(FALSE_ALARM / 2)
