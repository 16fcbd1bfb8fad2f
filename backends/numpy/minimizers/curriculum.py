"""Curricula: weights for each stage, and batches with a share of difficult examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.interface import Floats

rules = FunctionMinimizers()

Indices = npt.NDArray[np.intp]


def _halves(difficulty: Floats) -> tuple[Indices, Indices]:
    """The easy examples and the difficult ones, which lie above the median."""
    difficult = difficulty > np.median(difficulty)
    return np.flatnonzero(~difficult), np.flatnonzero(difficult)


def _drawn(
    difficulty: Floats,
    shares: Sequence[float],
    batch_size: int,
    seed: int,
    how_many: Callable[[float, Any], int],
) -> list[list[int]]:
    """Batches with ``how_many(share, random)`` difficult examples, drawn with replacement."""
    random = np.random.default_rng(seed)
    easy, difficult = _halves(difficulty)
    batches = []
    for share in shares:
        count = how_many(share, random)
        parts = random.choice(easy, batch_size - count), random.choice(difficult, count)
        batches.append([int(each) for part in parts for each in part])
    return batches


@rules.curriculum(dialect="deterministic")
class RisingThreshold:
    """The examples below a threshold, all alike; it rises until it has passed them all."""

    def weights(self, difficulty: Floats, stages: int) -> Floats:
        """The same number of examples joins at every stage, but for rounding."""
        ranks = np.argsort(np.argsort(difficulty, kind="stable"))
        rows = []
        for stage in range(1, stages + 1):
            admitted = ranks < max(1, len(ranks) * stage // stages)
            rows.append(admitted / np.sum(admitted))
        return np.array(rows)

    def batches(
        self, difficulty: Floats, shares: Sequence[float], batch_size: int, seed: int
    ) -> list[list[int]]:
        """Exactly the share, to the nearest number of examples."""
        return _drawn(
            difficulty, shares, batch_size, seed, lambda share, _: round(share * batch_size)
        )


@rules.curriculum(dialect="stochastic")
class GrowingMix:
    """A mix of all examples, in which the difficult ones grow more frequent."""

    def weights(self, difficulty: Floats, stages: int) -> Floats:
        """The share of the difficult half rises evenly, to its share of the examples."""
        easy, difficult = _halves(difficulty)
        rows = np.empty((stages, len(difficulty)))
        for stage in range(stages):
            share = len(difficult) / len(difficulty) * (stage + 1) / stages
            rows[stage, easy] = (1 - share) / len(easy)
            rows[stage, difficult] = share / len(difficult)
        return rows

    def batches(
        self, difficulty: Floats, shares: Sequence[float], batch_size: int, seed: int
    ) -> list[list[int]]:
        """One easy and one difficult example, and a draw for each of the others.

        For shares from one example to all but one; their expectation is the share.
        """

        def mix(share: float, random: Any) -> int:
            rest = (share * batch_size - 1) / (batch_size - 2)
            return 1 + int(np.sum(random.random(batch_size - 2) < rest))

        return _drawn(difficulty, shares, batch_size, seed, mix)
