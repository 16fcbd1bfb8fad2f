"""Momentum, Nesterov momentum and Adam that converge as they should not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_nesterov
from wrong_adam_parts import DIRECTIONS, Form, average
from wrong_momentum import DAMPENED, INSIDE, OUTSIDE, SHIFTED
from wrong_variants import Rule, Slip, Wrong, fixed

MODES = "modes-are-powers-of-a-matrix"
RANGE = "momentum-parameter-range"
BEST = "best-momentum"
BATCHES = "momentum-on-minibatches"
LIMITS = "momentum-convex-combination-limits"
AVERAGES = "averaged-momentum-rates"
SHARE = "share-of-past-gradients"
AHEAD = "nesterov-looks-ahead"
STRONG = "nesterov-strongly-convex-rate"
OBLONG = "nesterov-oblong-quadratic"
CONVEX = "nesterov-convex-rate"
ADAM = "adam-largest-stable-curvature"


def _count(state: Any) -> int:
    state["steps"] = state.get("steps", 0) + 1
    return int(state["steps"])


def _ramped(rule: Rule) -> Rule:
    """The momentum grows from 1/2 to what was asked, as that of moving averages of weights."""

    def wrong(w: Any, g: Any, state: Any, *, momentum: float, **h: float) -> Any:
        return rule(w, g, state, momentum=min(momentum, 1 - 1 / (_count(state) + 1)), **h)

    return wrong


def _capped(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, *, momentum: float, **h: float) -> Any:
        return rule(w, g, state, momentum=min(momentum, 0.999), **h)

    return wrong


def _frozen(rule: Rule) -> Rule:
    def wrong(w: Any, g: Any, state: Any, *, momentum: float, **h: float) -> Any:
        return rule(w, g, state, momentum=state.setdefault("first", momentum), **h)

    return wrong


def _forgets(rule: Rule) -> Rule:
    """The velocity starts anew with every epoch of three minibatches."""

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        if _count(state) % 3 == 1:
            state.pop("velocity", None)
        return rule(w, g, state, **h)

    return wrong


def _restarts(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return h.momentum * np.where(v * g < 0.0, 0.0, v) + g


def _clipped(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return np.clip(h.momentum * v - h.learning_rate * g, -0.5, 0.5)


def _debiased(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
    m = average(state.get("first_moment", np.zeros_like(g)), g, momentum)
    state["first_moment"] = m
    return w - learning_rate * m / (1.0 - momentum ** _count(state))


def _undamped(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return g.copy() if first else h.momentum * v + (1.0 - 0.5 * h.dampening) * g


# The text overwrites the weights by the interim point (errata G06).
_AS_PRINTED = replace(INSIDE, move=lambda w, v, g, h: w + 2.0 * v + h.learning_rate * g).rule()
_POINT = wrong_nesterov._POINT


def _slip(name: str, what: str, laws: tuple[str, ...], rule: Rule, point: Any = None) -> Slip:
    return Slip(name, what, laws, fixed(rule), point)


_OUTSIDE = [
    _slip("ramped", "momentum grows", (MODES, BEST, SHARE, BATCHES), _ramped(OUTSIDE.rule())),
    _slip("frozen", "keeps its first momentum", (CONVEX,), _frozen(OUTSIDE.rule())),
    _slip("capped", "momentum is at most 0.999", (RANGE,), _capped(OUTSIDE.rule())),
    _slip("forgets", "no velocity lives through an epoch", (BATCHES,), _forgets(OUTSIDE.rule())),
    _slip(
        "restarts",
        "drops a velocity that leads uphill",
        (MODES, RANGE, BEST),
        replace(OUTSIDE, accumulate=_restarts).rule(),
    ),
]
_INSIDE = [
    _slip("clips", "clips its steps", (MODES, RANGE), replace(INSIDE, accumulate=_clipped).rule()),
]
_AVERAGED = [
    _slip(
        "debiased",
        "divides the average by its weight",
        (LIMITS, AVERAGES, SHARE, BATCHES),
        _debiased,
    ),
]
_DAMPENED = [
    _slip(
        "half-damped",
        "dampens by half of what was asked",
        (LIMITS, MODES),
        replace(DAMPENED, accumulate=_undamped).rule(),
    ),
]
_LOOK_AHEAD = [
    _slip(
        "as-printed",
        "the weights are overwritten by the interim point: momentum is added twice",
        (BATCHES, AHEAD, MODES, STRONG, "momentum-rate-on-a-slope"),
        _AS_PRINTED,
        _POINT,
    ),
    _slip("frozen", "keeps its first momentum", (CONVEX,), _frozen(INSIDE.rule()), _POINT),
    _slip("ramped", "momentum grows", (MODES, STRONG), _ramped(INSIDE.rule()), _POINT),
    _slip(
        "behind",
        "takes the gradient where the weights are",
        (AHEAD, STRONG, OBLONG, BATCHES),
        INSIDE.rule(),
        lambda w, state, **h: w,
    ),
]
_SHIFTED = [
    _slip("plain", "plain momentum", (AHEAD, STRONG, OBLONG, BATCHES), OUTSIDE.rule()),
    _slip("ramped", "momentum grows", (STRONG, MODES), _ramped(SHIFTED.rule())),
]
_SHIFTED_INSIDE = [
    _slip("plain", "plain momentum", (AHEAD, STRONG, OBLONG, BATCHES), INSIDE.rule()),
    _slip(
        "ramped", "momentum grows", (STRONG, MODES), _ramped(wrong_nesterov.SHIFTED_INSIDE.rule())
    ),
]
_OF_ADAM = Form(DIRECTIONS["epsilon-outside-root"])
_ADAM = [
    _slip(
        "looks-ahead",
        "takes Nesterov's step along its average",
        (ADAM,),
        replace(
            _OF_ADAM,
            direction=lambda n: (
                average(n.m, n.g, n.beta1) / n.c1 / (np.sqrt(n.v / n.c2) + n.epsilon)
            ),
        ).rule(),
    ),
    _slip(
        "sums",
        "the first moment is a sum",
        (ADAM,),
        replace(_OF_ADAM, first=lambda n: n.beta1 * n.m + n.g).rule(),
    ),
    _slip(
        "squared-beta",
        "averages gradients twice as short",
        (ADAM,),
        replace(_OF_ADAM, betas=lambda b1, b2: (b1 * b1, b2)).rule(),
    ),
]

WRONG = [
    Wrong("update-rule", method, dialect, replace(slip, name=f"rate-{slip.name}"))
    for (method, dialect), slips in {
        ("momentum", "learning-rate-outside"): _OUTSIDE,
        ("momentum", "learning-rate-inside"): _INSIDE,
        ("momentum", "averaged"): _AVERAGED,
        ("momentum", "dampened"): _DAMPENED,
        ("nesterov", "look-ahead"): _LOOK_AHEAD,
        ("nesterov", "shifted"): _SHIFTED,
        ("nesterov", "shifted+learning-rate-inside"): _SHIFTED_INSIDE,
        ("adam", "epsilon-outside-root"): _ADAM,
    }.items()
    for slip in slips
]
