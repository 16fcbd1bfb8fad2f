"""Wrong conjugate gradients: in the coefficient, the recursion, the restart and the search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, walk
from optcheck.backends.numpy.minimizers.conjugate_gradients import (
    Directions,
    backtracking_step,
    dai_yuan_quotient,
    fletcher_reeves_quotient,
    hestenes_stiefel_quotient,
    polak_ribiere_quotient,
)

Quotient = Callable[[Any, Any, Any], tuple[float, float]]

DIRECTION = ("direction-is-the-equation",)
SEARCH = ("step-is-the-minimum-along-its-line",)
ENDS = ("quadratic-takes-a-step-for-each-curvature",)
CONJUGATE = ("directions-are-conjugate",)
AGREE = ("coefficients-agree-on-quadratics",)
PLUS = ("coefficient-is-not-negative",)
RESTART = ("restart-goes-down-the-gradient",)
VALLEY = ("faster-than-steepest-descent-in-a-valley",)
LINES = ("evaluates-along-its-lines",)

QUOTIENTS: dict[str, Quotient] = {
    "fletcher-reeves": fletcher_reeves_quotient,
    "polak-ribiere": polak_ribiere_quotient,
    "polak-ribiere-plus": polak_ribiere_quotient,
    "hestenes-stiefel": hestenes_stiefel_quotient,
    "dai-yuan": dai_yuan_quotient,
}


def minimizer(
    quotient: Quotient,
    kind: type[Directions] = Directions,
    step: Callable[..., Any] = exact_step,
    **options: Any,
) -> Rule:
    """Conjugate gradients with another coefficient, another recursion or another step."""

    def rule(objective: Any, x: Any, *, iterations: int, tolerance: float, **given: Any) -> Any:
        directions = kind(quotient, **{**options, **given})
        return walk(objective, x, directions, step, iterations=iterations, tolerance=tolerance)

    return rule


class Printed(Directions):
    """With the gradient's sign as printed in goodfellow 8.18 (errata G23)."""

    def __call__(self, x: Any, g: Any) -> Any:
        return super().__call__(x, -g)


class Late(Directions):
    """With the coefficient of the iteration before."""

    late = 0.0

    def _conjugate(self, g: Any) -> Any:
        d = super()._conjugate(g)
        kept = d + g
        length = self.before[1] @ self.before[1]
        now, self.late = self.late, float(kept @ self.before[1] / length)
        return -g + now * self.before[1]


class Anchored(Directions):
    """Against the first gradient, not the one before."""

    def __call__(self, x: Any, g: Any) -> Any:
        first = self.before[0] if self.before else g
        d = super().__call__(x, g)
        self.before = first, d
        return d


class NeverRestarting(Directions):
    """Goes on where it should restart."""

    def __call__(self, x: Any, g: Any) -> Any:
        self.restart_every = np.inf
        return super().__call__(x, g)


class OneLate(Directions):
    """Restarts an iteration late."""

    def __call__(self, x: Any, g: Any) -> Any:
        restarts = self.before is None or self.count % self.restart_every == 1
        d = -g if restarts else self._conjugate(g)
        self.count, self.before = self.count + 1, (g, d)
        return d


class Backwards(Directions):
    """Restarts along the gradient."""

    def __call__(self, x: Any, g: Any) -> Any:
        restarts = self.before is not None and self.count % self.restart_every == 0
        d = super().__call__(x, g)
        return -d if restarts else d


class Unguarded(Directions):
    """Divides by any denominator."""

    def _conjugate(self, g: Any) -> Any:
        if self.smallest_denominator is not None:
            self.smallest_denominator = 0.0
        return super()._conjugate(g)


class Stubborn(Directions):
    """Keeps the direction as it is where the denominator is small."""

    def _conjugate(self, g: Any) -> Any:
        _, denominator = self.quotient(g, *self.before)
        small = abs(denominator) <= self.smallest_denominator
        return self.before[1] - g if small else super()._conjugate(g)


class Reversed(Directions):
    """Turns a direction that does not descend round."""

    def _conjugate(self, g: Any) -> Any:
        numerator, denominator = self.quotient(g, *self.before)
        if abs(denominator) <= self.smallest_denominator:
            return -g
        beta = numerator / denominator
        d = -g + (max(0.0, beta) if self.non_negative else beta) * self.before[1]
        return d if g @ d < 0.0 else -d


def two_sided(objective: Any, x: Any, g: Any, d: Any) -> float | None:
    """The step along ``d`` or against it."""
    if g @ d < 0.0:
        return backtracking_step(objective, x, g, d)
    a = backtracking_step(objective, x, g, -d)
    return None if a is None else -a


def _scaled(factor: float) -> Callable[..., Any]:
    def step(*arguments: Any) -> float | None:
        a = exact_step(*arguments)
        return None if a is None else factor * a

    return step


def looks_around(objective: Any, x: Any, g: Any, d: Any) -> float | None:
    """An exact search that finds the Hessian by differences of gradients along the axes."""
    for axis in np.eye(len(x)):
        objective.gradient(x + 2.0**-20 * axis)
    return exact_step(objective, x, g, d)


def _inverted(quotient: Quotient) -> Quotient:
    def wrong(g: Any, before: Any, d: Any) -> tuple[float, float]:
        numerator, denominator = quotient(g, before, d)
        return denominator, numerator or 1.0

    return wrong


def _negated(quotient: Quotient) -> Quotient:
    return lambda g, before, d: (quotient(g, before, d)[0], -quotient(g, before, d)[1])


def _unsquared(g: Any, before: Any, d: Any) -> tuple[float, float]:
    """Lengths, and not their squares."""
    return np.linalg.norm(g), np.linalg.norm(before)


def _without_subscripts(g: Any, before: Any, d: Any) -> tuple[float, float]:
    """``(g - before)'before``: which gradient is meant is lost in Algorithm 8.10 (errata G24)."""
    return (g - before) @ before, before @ before


def _forgotten(g: Any, before: Any, d: Any) -> tuple[float, float]:
    """Steepest descent."""
    return 0.0, 1.0


def exact_slips(name: str, options: dict[str, Any]) -> list[Slip]:
    """Slips of a dialect with an exact search."""
    right = QUOTIENTS[name]

    def slip(key: str, what: str, laws: tuple[str, ...], *parts: Any, **more: Any) -> Slip:
        return Slip(key, what, laws, fixed(minimizer(*parts, **{**options, **more})))

    return [
        slip(
            "forgets",
            "always takes the negative gradient",
            (*DIRECTION, *ENDS, *CONJUGATE, *AGREE, *VALLEY),
            _forgotten,
        ),
        slip("inverted", "inverts the quotient", DIRECTION, _inverted(right)),
        slip("printed-sign", "goes along + grad J, as goodfellow 8.18", ENDS, right, Printed),
        slip("late", "takes the coefficient of the iteration before", CONJUGATE, right, Late),
        slip("half-step", "stops half way", (*SEARCH, *CONJUGATE), right, step=_scaled(0.5)),
        slip(
            "looks-around", "asks for gradients beside its line", LINES, right, step=looks_around
        ),
    ]


def own_slips(name: str) -> list[Slip]:
    """Slips of one coefficient."""
    right = QUOTIENTS[name]
    plus = {"non_negative": name == "polak-ribiere-plus"}
    lost = Slip(
        "without-subscripts",
        "takes the change of the gradient along the gradient before it",
        (*DIRECTION, *ENDS),
        fixed(minimizer(_without_subscripts, **plus)),
    )
    other_sign = Slip(
        "other-sign",
        "has the sign of the coefficient for negative gradients, as optimistix 0.1.0",
        (*DIRECTION, *AGREE),
        fixed(minimizer(_negated(right))),
    )
    return {
        "fletcher-reeves": [
            Slip("unsquared", "forgets to square", AGREE, fixed(minimizer(_unsquared))),
            Slip("anchored", "divides by the first", DIRECTION, fixed(minimizer(right, Anchored))),
        ],
        "polak-ribiere": [lost],
        "polak-ribiere-plus": [
            lost,
            Slip("negative", "lets it be negative", (*PLUS, *DIRECTION), fixed(minimizer(right))),
        ],
        "hestenes-stiefel": [other_sign],
        "dai-yuan": [other_sign],
    }[name]


def plain(name: str) -> Family:
    """A dialect without restart or guard."""
    options = {"non_negative": True} if name == "polak-ribiere-plus" else {}
    right = minimizer(QUOTIENTS[name], **options)
    slips = [*exact_slips(name, options), *own_slips(name)]
    return family(name, right, slips)


def restarted(name: str) -> Family:
    """A dialect that restarts."""
    right = QUOTIENTS[name]

    def slip(key: str, what: str, laws: tuple[str, ...], *parts: Any) -> Slip:
        return Slip(key, what, laws, fixed(minimizer(*parts)))

    slips = [
        slip("never", "does not restart", (*RESTART, *DIRECTION), right, NeverRestarting),
        slip("one-late", "restarts an iteration late", (*RESTART, *DIRECTION), right, OneLate),
        slip("backwards", "restarts along the gradient", RESTART, right, Backwards),
        slip("inverted", "inverts the quotient", DIRECTION, _inverted(right)),
        slip("forgets", "always takes the negative gradient", (*DIRECTION, *ENDS), _forgotten),
    ]
    return family(f"{name}+restart", minimizer(right), slips)


def guarded(name: str) -> Family:
    """A dialect that falls back on the negative gradient, with a crude search."""
    right = QUOTIENTS[name]
    options = {"non_negative": name == "polak-ribiere-plus"}

    def slip(key: str, what: str, *parts: Any, **more: Any) -> Slip:
        made = minimizer(*parts, **{"step": backtracking_step, **options, **more})
        return Slip(key, what, DIRECTION, fixed(made))

    slips = [
        slip("unguarded", "divides by small denominators", right, Unguarded),
        slip("stubborn", "keeps its direction where it should not", right, Stubborn),
        slip("inverted", "inverts the quotient", _inverted(right)),
        slip("forgets", "always takes the negative gradient", _forgotten),
        slip("printed-sign", "searches along + grad J", right, Printed, step=two_sided),
    ]
    if name == "polak-ribiere-plus":
        slips.append(
            Slip(
                "negative",
                "lets the coefficient be negative",
                (*PLUS, *DIRECTION),
                fixed(minimizer(right, step=backtracking_step)),
            )
        )
    elif name != "dai-yuan":
        slips.append(slip("reversed", "turns a direction that ascends round", right, Reversed))
    if name in ("hestenes-stiefel", "dai-yuan"):
        slips.append(slip("other-sign", "has the sign of optimistix 0.1.0", _negated(right)))
    rule = minimizer(right, step=backtracking_step, **options)
    return family(f"{name}+descent", rule, slips, search="armijo")


def family(dialect: str, right: Rule, slips: list[Slip], **claim: Any) -> Family:
    """The slips of a dialect, and those that any minimizer can have."""
    return Family(
        "conjugate-gradient",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim={"promises": ("gradient-maximum",), **claim},
    )


FAMILIES = [
    *(plain(name) for name in QUOTIENTS),
    *(restarted(name) for name in ("fletcher-reeves", "polak-ribiere")),
    *(guarded(name) for name in QUOTIENTS if name != "polak-ribiere"),
]
