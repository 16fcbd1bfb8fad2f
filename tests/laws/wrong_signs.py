"""Wrong sign descent and delta-bar-delta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, flushes, general_slips

DISTANCE = (*STEP, "sign-descent-fixed-distance")


def _descent(direction: Callable[[Any, float], Any]) -> Rule:
    """Descent along ``direction(gradient, epsilon)``."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float, epsilon: float = 0.0) -> Any:
        return w - learning_rate * direction(g, epsilon)

    return rule


def _euclidean(g: Any) -> float:
    return max(float(np.linalg.norm(g)), 1e-30)


_SIGN = _descent(lambda g, e: np.sign(g))
_NORMALISED = _descent(lambda g, e: g / (np.sqrt(g * g) + e))

# What is wrong with either, by name.
_DIRECTIONS: dict[str, tuple[str, Callable[[Any, float], Any]]] = {
    "zero-is-positive": ("the sign of 0 is 1", lambda g, e: np.where(g < 0.0, -1.0, 1.0)),
    "zero-is-negative": ("the sign of 0 is -1", lambda g, e: np.where(g > 0.0, 1.0, -1.0)),
    "copies-sign": ("zeros have signs", lambda g, e: np.copysign(1.0, g)),
    "magnitude": ("plain gradient descent", lambda g, e: g),
    "unit": ("the gradient is divided by its norm", lambda g, e: g / _euclidean(g)),
    "largest": (
        "the gradient is divided by its largest entry",
        lambda g, e: g / max(float(np.max(np.abs(g), initial=0.0)), 1e-30),
    ),
    "clipped": ("the gradient is clipped to 1", lambda g, e: np.clip(g, -1.0, 1.0)),
    "tanh": ("tanh for the sign", lambda g, e: np.tanh(g)),
    "one-sign": ("one sign for all coordinates", lambda g, e: np.sign(np.sum(g)) + 0.0 * g),
}
_SIGN_DIRECTIONS = {
    **_DIRECTIONS,
    "own-epsilon": ("|g| + 1e-8 below", lambda g, e: g / (np.abs(g) + 1e-8)),
}
_NORMALISED_DIRECTIONS = {
    **_DIRECTIONS,
    "no-epsilon": ("epsilon is ignored, and 0/0 is 0", lambda g, e: np.sign(g)),
    "undefined": ("epsilon is ignored, and 0/0 is not", lambda g, e: g / np.sqrt(g * g)),
    "own-epsilon": ("1e-8 for every epsilon", lambda g, e: g / (np.abs(g) + 1e-8)),
    "epsilon-squared": ("epsilon is squared", lambda g, e: g / (np.abs(g) + e * e)),
    "inside": ("epsilon is inside the root", lambda g, e: g / np.sqrt(g * g + e)),
    "maximum": ("epsilon where it is larger", lambda g, e: g / np.maximum(np.abs(g), e)),
    "no-root": ("divides by the square", lambda g, e: g / (g * g + e)),
}


# What else sees them.
_MORE = {
    "unit": ("nan-stays-put",),
    "largest": ("nan-stays-put",),
    "one-sign": ("nan-stays-put",),
    "undefined": ("zero-gradients",),
}


def _sign_descent(dialect: str, right: Rule, wrong: dict[str, Any]) -> Family:
    slips = [
        Slip(
            name,
            what,
            (*DISTANCE, *_MORE.get(name, ())),
            fixed(_descent(lambda g, e, of=of: of(g, e).astype(g.dtype))),
        )
        for name, (what, of) in wrong.items()
    ]
    if dialect == "sign":
        slips.append(Slip("flushes", "subnormals are zero to it", DISTANCE, fixed(flushes(right))))
    general = general_slips(right, None, stateful=False)
    return Family("sign-descent", dialect, right, slips, general=general)


def _adapt(rates: Any, product: Any, h: SimpleNamespace) -> Any:
    grown = rates + h.rate_increment
    shrunk = rates * (1.0 - h.rate_reduction)
    return np.where(product > 0.0, grown, np.where(product < 0.0, shrunk, rates))


def _average(before: Any, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * before + (1.0 - h.decay) * g


@dataclass(frozen=True)
class DeltaBarDelta:
    """Delta-bar-delta in parts; ``h`` holds the hyper-parameters and the ``last`` gradient.

    What is in ``lost`` stays as the first step leaves it.
    """

    average: Callable[[Any, Any, SimpleNamespace], Any] = _average
    adapt: Callable[[Any, Any, SimpleNamespace], Any] = _adapt
    compared: Callable[[Any, Any, SimpleNamespace], Any] = lambda before, after, h: before
    move: Callable[[Any, Any, Any, Any], Any] = lambda w, before, rates, g: w - rates * g
    lost: tuple[str, ...] = ()

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, *, learning_rate: float, **given: float) -> Any:
            zeros = np.zeros_like(g)
            h = SimpleNamespace(**given, last=state.get("last", zeros))
            before = state.get("rates", zeros + learning_rate)
            average = state.get("averaged_gradient", zeros)
            after = {"averaged_gradient": self.average(average, g, h), "last": g.copy()}
            compared = self.compared(average, after["averaged_gradient"], h)
            after["rates"] = self.adapt(before, g * compared, h)
            state.update({k: v for k, v in after.items() if k not in self.lost or k not in state})
            return self.move(w, before, after["rates"], g)

        return rule


def _grown(grow: Callable[[Any, SimpleNamespace], Any]) -> Callable[..., Any]:
    """The right adaptation but for how rates grow."""

    def adapt(rates: Any, product: Any, h: SimpleNamespace) -> Any:
        return np.where(product > 0.0, grow(rates, h), _adapt(rates, product, h))

    return adapt


def _shrunk(shrink: Callable[[Any, SimpleNamespace], Any]) -> Callable[..., Any]:
    """The right adaptation but for how rates fall."""

    def adapt(rates: Any, product: Any, h: SimpleNamespace) -> Any:
        return np.where(product < 0.0, shrink(rates, h), _adapt(rates, product, h))

    return adapt


def _delta_bar_delta() -> Family:
    right = DeltaBarDelta()

    def slip(name: str, what: str, laws: tuple[str, ...] = SEQUENCE, **parts: Any) -> Slip:
        return Slip(name, what, laws, fixed(replace(right, **parts).rule()))

    slips = [
        slip(
            "last", "the last gradient, not the average", compared=lambda before, after, h: h.last
        ),
        slip(
            "average-early",
            "the average holds this gradient before it is compared",
            STEP,
            compared=lambda before, after, h: after,
        ),
        slip(
            "multiplies",
            "grows by a factor",
            adapt=_grown(lambda r, h: r * (1.0 + h.rate_increment)),
        ),
        slip("grows-by-share", "kappa times", adapt=_grown(lambda r, h: r * h.rate_increment)),
        slip("factor", "phi for 1 - phi", adapt=_shrunk(lambda r, h: r * h.rate_reduction)),
        slip("subtracts", "falls by phi itself", adapt=_shrunk(lambda r, h: r - h.rate_reduction)),
        slip(
            "divides",
            "divides by 1 + phi",
            adapt=_shrunk(lambda r, h: r / (1.0 + h.rate_reduction)),
        ),
        slip("never-falls", "rates only grow", adapt=_shrunk(lambda r, h: r)),
        slip(
            "branches-swapped",
            "grows where the signs differ",
            adapt=lambda rates, product, h: _adapt(rates, -product, h),
        ),
        slip(
            "zero-grows",
            "a product of zero counts as positive",
            STEP,
            adapt=lambda rates, product, h: _adapt(rates, np.where(product < 0.0, -1.0, 1.0), h),
        ),
        slip(
            "swapped",
            "decay and 1 - decay are swapped",
            STEP,
            average=lambda before, g, h: (1.0 - h.decay) * before + h.decay * g,
        ),
        slip(
            "sum",
            "gradients enter the average with weight 1",
            STEP,
            average=lambda before, g, h: h.decay * before + g,
        ),
        slip(
            "average-of-signs",
            "the average of the signs",
            STEP,
            average=lambda before, g, h: _average(before, np.sign(g), h),
        ),
        slip("average-lost", "the average stays that of step 1", lost=("averaged_gradient",)),
        slip("rates-lost", "the rates stay those of step 1", lost=("rates",)),
        slip(
            "old-rates",
            "moves by the rates before",
            move=lambda w, before, rates, g: w - before * g,
        ),
        slip(
            "sign",
            "moves by the rates alone",
            STEP,
            move=lambda w, before, rates, g: w - rates * np.sign(g),
        ),
    ]
    rule = right.rule()
    general = general_slips(rule, None, stateful=True, scheduled=False)
    return Family("delta-bar-delta", "plain", rule, slips, general=general)


FAMILIES = [
    _sign_descent("sign", _SIGN, _SIGN_DIRECTIONS),
    _sign_descent("normalised", _NORMALISED, _NORMALISED_DIRECTIONS),
    _delta_bar_delta(),
]
