"""Wrong L-BFGS: loops, scales, histories, and the closed form of one pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_bfgs import (
    CLAIM,
    CONJUGATE,
    DIRECTION,
    ENDS,
    FIRST,
    KEEP_ALL,
    SKIPPED,
    ZERO,
    scaled_step,
    stops_at_zero,
)
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, unit_step, walk
from optcheck.backends.numpy.minimizers.conjugate_gradients import backtracking_step
from optcheck.backends.numpy.minimizers.quasi_newton import History, LastPair, Pairs

ALL = ("l-bfgs-with-all-pairs-is-bfgs",)
DROPS = ("l-bfgs-drops-the-oldest-pair",)
ONE = ("memoryless-bfgs-is-one-update",)


def l_bfgs(
    make: Callable[..., History] = History,
    step: Any = exact_step,
    threshold: float | None = None,
    **options: Any,
) -> Rule:
    """L-BFGS with another history or another step."""

    def rule(
        objective: Any, x: Any, *, history: float, curvature_threshold: float, **given: Any
    ) -> Any:
        smallest = curvature_threshold if threshold is None else threshold
        state = make(int(history), smallest, **options)
        return walk(objective, x, state.direction, step, **given)

    return rule


class Ring(History):
    """The pointer runs from 1 to m: slot 0 keeps the first pair for ever."""

    def _take(self, s: Any, y: Any) -> None:
        if len(self.kept) < self.size:
            self.kept = [*self.kept, (s, y)]
        else:
            self.kept = [self.kept[0], *self.kept[2:], (s, y)][: max(self.size, 2)]


class Rounding(History):
    """Rounds the weights of the two loops to half precision."""

    def direction(self, x: Any, g: Any) -> Any:
        self.pairs.arrive(x, g)
        q, weights = g, []
        for s, y in reversed(self.kept):
            weights.append(s @ q / (s @ y))
            q = q - float(np.float16(weights[-1])) * y
        r = self._scale() * q
        for s, y in self.kept:
            r = r + float(np.float16(weights.pop() - y @ r / (s @ y))) * s
        return -r


class Backwards(History):
    """Runs the second loop from the newest pair too."""

    def direction(self, x: Any, g: Any) -> Any:
        self.pairs.arrive(x, g)
        q, weights = g, []
        for s, y in reversed(self.kept):
            weights.append(s @ q / (s @ y))
            q = q - weights[-1] * y
        r = self._scale() * q
        for (s, y), weight in zip(reversed(self.kept), weights, strict=True):
            r = r + (weight - y @ r / (s @ y)) * s
        return -r


class OldScale(History):
    """Takes the scale from the oldest pair."""

    def _scale(self) -> float:
        if not self.kept:
            return 1.0
        s, y = self.kept[0]
        return float(s @ y / (y @ y))


class OtherScale(History):
    """Scales by s's / s'y, which is of the same order."""

    def _scale(self) -> float:
        if not self.kept:
            return 1.0
        s, y = self.kept[-1]
        return float(s @ s / (s @ y))


class Growing(History):
    """Keeps one pair more than it is told."""

    def _take(self, s: Any, y: Any) -> None:
        self.kept = [*self.kept, (s, y)][-self.size - 1 :]


class Full(History):
    """Takes no pair once it is full."""

    def _take(self, s: Any, y: Any) -> None:
        self.kept = [*self.kept, (s, y)][: self.size]


class Clearing(History):
    """Drops every pair where one is to be skipped."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pairs = Pairs(KEEP_ALL, self._take)

    def _take(self, s: Any, y: Any) -> None:
        if s @ y > 0.0:
            super()._take(s, y)
        else:
            self.kept = []


class Capped(History):
    """The first direction is at most 1 long."""

    def direction(self, x: Any, g: Any) -> Any:
        first = self.pairs.before is None
        d = super().direction(x, g)
        return self.cap(d) if first else d

    def cap(self, d: Any) -> Any:
        return d * min(1.0, 1.0 / np.linalg.norm(d))


class CappedAlways(Capped):
    """Shortens every direction to 1."""

    def direction(self, x: Any, g: Any) -> Any:
        return self.cap(History.direction(self, x, g))


class CappedByMaximum(Capped):
    """Caps by the largest slope."""

    def cap(self, d: Any) -> Any:
        return d * min(1.0, 1.0 / np.max(np.abs(d)))


class Normalised(Capped):
    """The first direction is 1 long, where it is shorter too."""

    def cap(self, d: Any) -> Any:
        return d / np.linalg.norm(d)


class Ascending(History):
    """Goes along ``B g``."""

    def direction(self, x: Any, g: Any) -> Any:
        return -super().direction(x, g)


def _loops(**options: Any) -> list[Slip]:
    """Slips of the loops, whatever the first matrix."""

    def slip(name: str, what: str, laws: tuple[str, ...], make: Any, **more: Any) -> Slip:
        return Slip(name, what, laws, fixed(l_bfgs(make, **options)), **more)

    return [
        slip(
            "ring",
            "never overwrites slot 0",
            DROPS + DIRECTION,
            Ring,
            bug="scipy-lbfgsb-ring-index",
        ),
        slip("growing", "keeps one pair too many", DROPS, Growing),
        slip("full", "takes no pair once it is full", DROPS, Full),
        slip("backwards", "runs both loops from the newest pair", ALL + DIRECTION, Backwards),
        slip(
            "rounded-weights",
            "rounds the weights of the loops to half precision",
            ALL + DIRECTION,
            Rounding,
            bug="optax-add-scale-dtype",
        ),
        Slip(
            "along-the-gradient",
            "goes along B g",
            DIRECTION,
            fixed(l_bfgs(Ascending, unit_step, **options)),
        ),
    ]


TWO_LOOP = [
    *_loops(),
    Slip("old-scale", "the scale of the oldest pair", ALL, fixed(l_bfgs(OldScale))),
    Slip("other-scale", "scales by s's / s'y", ALL + DIRECTION, fixed(l_bfgs(OtherScale))),
    Slip("no-scale", "forgets the scale", ALL + DIRECTION, fixed(l_bfgs(scaled=False))),
    Slip(
        "misses",
        "its search goes a hundredth too far",
        ENDS + CONJUGATE,
        fixed(l_bfgs(step=scaled_step(1.01))),
    ),
    Slip(
        "stops-at-zero",
        "ends where the first value is 0",
        ZERO,
        fixed(stops_at_zero(l_bfgs())),
        bug="optimistix-first-step-terminate",
    ),
]

CROSSING = [
    Slip(
        "keeps-negative",
        "keeps pairs with s'y < 0",
        SKIPPED,
        fixed(l_bfgs(step=backtracking_step, threshold=KEEP_ALL)),
        bug="optax-lbfgs-negative-curvature",
    ),
    Slip(
        "clears",
        "drops every pair where one is to be skipped",
        SKIPPED,
        fixed(l_bfgs(Clearing, backtracking_step)),
    ),
]

CAPPED = [
    Slip("uncapped", "the first direction is the gradient", DIRECTION + FIRST, fixed(l_bfgs())),
    Slip(
        "normalised",
        "the first direction is 1 long always",
        FIRST,
        fixed(l_bfgs(Normalised)),
    ),
    Slip(
        "by-the-maximum",
        "caps by the largest slope",
        DIRECTION,
        fixed(l_bfgs(CappedByMaximum)),
    ),
    Slip(
        "capped-always",
        "caps every direction",
        DIRECTION + ALL,
        fixed(l_bfgs(CappedAlways)),
    ),
]

UNSCALED = [
    *_loops(scaled=False),
    Slip("scaled", "scales the identity", ALL + DIRECTION, fixed(l_bfgs())),
]


def memoryless(
    coefficients: Callable[[Any, Any, Any], tuple[float, float]],
    step: Any = exact_step,
    make: Callable[[float], LastPair] = LastPair,
) -> Rule:
    """``-g + a s + b y`` with other coefficients."""

    def rule(objective: Any, x: Any, *, curvature_threshold: float, **given: Any) -> Any:
        state = make(curvature_threshold)

        def direction(x: Any, g: Any) -> Any:
            state.direction(x, g)
            if not state.kept:
                return -g
            ((s, y),) = state.kept
            a, b = coefficients(g, s, y)
            return -g + a * s + b * y

        return walk(objective, x, direction, step, **given)

    return rule


def printed(g: Any, s: Any, y: Any) -> tuple[float, float]:
    """The two coefficients (goodfellow 8.24)."""
    c = s @ y
    return -(1.0 + y @ y / c) * (s @ g) / c + y @ g / c, s @ g / c


def _exchanged(g: Any, s: Any, y: Any) -> tuple[float, float]:
    a, b = printed(g, s, y)
    return b, a


def _without_the_one(g: Any, s: Any, y: Any) -> tuple[float, float]:
    a, b = printed(g, s, y)
    return a + s @ g / (s @ y), b


def _other_sign(g: Any, s: Any, y: Any) -> tuple[float, float]:
    a, b = printed(g, s, y)
    return a, -b


def _polak_ribiere(g: Any, s: Any, y: Any) -> tuple[float, float]:
    return y @ g / (s @ y), 0.0


class PairBefore(LastPair):
    """The pair before the last one."""

    waiting: Any = None

    def _take(self, s: Any, y: Any) -> None:
        self.kept = [] if self.waiting is None else [self.waiting]
        self.waiting = s, y


MEMORYLESS = [
    Slip(
        "exchanged",
        "a and b exchanged, as printed (goodfellow 8.24)",
        DIRECTION + ONE,
        fixed(memoryless(_exchanged, unit_step)),
    ),
    Slip(
        "without-the-one",
        "forgets the 1",
        DIRECTION + ONE,
        fixed(memoryless(_without_the_one, backtracking_step)),
    ),
    Slip(
        "other-sign",
        "subtracts b y",
        DIRECTION + ONE,
        fixed(memoryless(_other_sign, backtracking_step)),
    ),
    Slip(
        "conjugate-gradients",
        "leaves out what an exact search makes 0",
        DIRECTION + ONE,
        fixed(memoryless(_polak_ribiere, backtracking_step)),
    ),
    Slip(
        "pair-before",
        "takes the pair before the last",
        CONJUGATE + ENDS + ONE,
        fixed(memoryless(printed, make=PairBefore)),
    ),
]

RIGHT = l_bfgs()
RIGHT_MEMORYLESS = memoryless(printed)


def _family(
    dialect: str, right: Rule, slips: list[Slip], general: bool = False, **more: Any
) -> Family:
    return Family(
        "l-bfgs",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right) if general else (),
        claim={**CLAIM, **more},
    )


FAMILIES = [
    _family("two-loop", RIGHT, TWO_LOOP, general=True),
    _family("two-loop", l_bfgs(step=backtracking_step), CROSSING, search="armijo"),
    _family("two-loop+capped", l_bfgs(Capped), CAPPED),
    _family("two-loop+unscaled", l_bfgs(scaled=False), UNSCALED),
    _family("memoryless", RIGHT_MEMORYLESS, MEMORYLESS),
]
