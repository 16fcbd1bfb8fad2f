"""How fast SVRG converges: the theorem of Johnson and Zhang, and one variable exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence


def stage_bound(rate: float, smoothness: float, convexity: float, steps: int) -> float:
    """By what a stage multiplies the mean excess error (``johnson-zhang:theorem 1``).

    Of a point of the stage at random, the snapshot first, for examples with this ``smoothness``
    whose mean has this strong ``convexity``.
    """
    gap = 1.0 - 2.0 * smoothness * rate
    return 1.0 / (convexity * rate * gap * steps) + 2.0 * smoothness * rate / gap


def stage_squares(rate: float, curvatures: Sequence[float], steps: int) -> list[float]:
    """Mean squares of the distance at ``steps + 1`` points of a stage, over the snapshot's.

    The examples are quadratics in one variable, drawn with replacement; their own minima do not
    count. With ``e`` and ``s`` the distances of the point and the snapshot, a step leads to
    ``(1 - rate a) e + rate (a - mean(a)) s``.
    """
    average = math.fsum(curvatures) / len(curvatures)
    mean, square, found = 1.0, 1.0, [1.0]
    for _ in range(steps):
        terms = [(1.0 - rate * a, rate * (a - average)) for a in curvatures]
        square = math.fsum(q * q * square + 2.0 * q * p * mean + p * p for q, p in terms)
        mean = math.fsum(q * mean + p for q, p in terms) / len(curvatures)
        square /= len(curvatures)
        found.append(square)
    return found
