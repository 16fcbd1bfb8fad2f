"""L-BFGS that shows its matrix, and shows a wrong one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_bfgs import CLAIM
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, walk
from optcheck.backends.numpy.minimizers.quasi_newton import History, product_form

LAST = ("l-bfgs-matrix-maps-the-last-pair",)

# The pairs kept, oldest first, and how many there have been, in the order of the updates.
Order = Callable[[list[Any], int], list[Any]]


class Shown(History):
    """A history that shows the matrix of its pairs in some order."""

    def __init__(self, order: Order, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.order = order
        self.count = 0

    def _take(self, s: Any, y: Any) -> None:
        super()._take(s, y)
        self.count += 1

    def matrix(self) -> Any:
        if not self.kept:
            return None
        first = self._scale() * np.eye(len(self.kept[0][0]))
        pairs = self.order(self.kept, self.count)
        return functools.reduce(lambda B, pair: product_form(B, *pair), pairs, first)


def showing(order: Order = lambda pairs, count: pairs) -> Rule:
    """The right directions, and a matrix of the pairs in that order."""

    def rule(
        objective: Any, x: Any, *, history: float, curvature_threshold: float, **given: Any
    ) -> Any:
        state = Shown(order, int(history), curvature_threshold)
        return walk(objective, x, state.direction, exact_step, matrix=state.matrix, **given)

    return rule


def _by_slots(pairs: list[Any], count: int) -> list[Any]:
    """Slot 0 first, which may hold a newer pair than slot 1."""
    newest = count % len(pairs)
    return pairs[len(pairs) - newest :] + pairs[: len(pairs) - newest]


FAMILIES = [
    Family(
        "l-bfgs",
        "two-loop",
        showing(),
        [
            Slip(
                "by-slots",
                "updates by the pairs in the order of their ring buffer",
                LAST,
                fixed(showing(_by_slots)),
            ),
            Slip(
                "newest-first",
                "updates by the newest pair first",
                LAST,
                fixed(showing(lambda pairs, count: pairs[::-1])),
            ),
            Slip(
                "without-the-newest",
                "shows the matrix of the iteration before",
                LAST,
                fixed(showing(lambda pairs, count: pairs[:-1])),
            ),
            Slip(
                "exchanged",
                "maps steps to changes of the gradient",
                LAST,
                fixed(showing(lambda pairs, count: [(y, s) for s, y in pairs])),
            ),
        ],
        capability="minimizer",
        claim=CLAIM,
    )
]
