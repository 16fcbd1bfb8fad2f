"""Wrong gradient descent, momentum and Nesterov momentum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, flushes, general_slips, lazy

SLOPE = ("exact-sequence", "momentum-rate-on-a-slope")
RAVINE = ("exact-sequence", "momentum-rate-in-a-ravine")
NO_MOMENTUM = ("exact-step", "zero-momentum-is-gradient-descent")
STABLE = ("largest-stable-learning-rate",)


def descent(factor: float = 1.0, power: int = 1) -> Rule:
    """Gradient descent, with a rate that may be off."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - factor * learning_rate**power * g

    return rule


def _sign_descent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * np.sign(g)


def _unit_descent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g / max(float(np.linalg.norm(g)), 1e-30)


def _clipped_descent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * np.clip(g, -1.0, 1.0)


_MODES = ("quadratic-mode-contraction", *STABLE, *STEP)
_DESCENT = (
    Slip("half-step", "half the step", _MODES, fixed(descent(0.5))),
    Slip("double-step", "twice the step", _MODES, fixed(descent(2.0))),
    Slip("rate-squared", "the rate is applied twice", STEP, fixed(descent(power=2))),
    Slip("rate-ignored", "the rate is never applied", STEP, fixed(descent(power=0))),
    Slip("sign-only", "only the sign of the gradient", STEP, fixed(_sign_descent)),
    Slip("normalised", "the gradient of each parameter is normalised", STEP, fixed(_unit_descent)),
    Slip("clipped", "gradients above 1 are clipped", STEP, fixed(_clipped_descent)),
    Slip("within-tolerance", "off by one part in 10^5", STEP, fixed(descent(1.0 + 1e-5))),
)


@dataclass(frozen=True)
class Form:
    """A momentum rule in two parts; ``first`` says that the velocity has no past."""

    held: str
    accumulate: Callable[[Any, Any, SimpleNamespace, bool], Any]
    move: Callable[[Any, Any, Any, SimpleNamespace], Any]
    store: bool = True

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            h = SimpleNamespace(**hyperparameters)
            first = self.held not in state
            velocity = self.accumulate(state.get(self.held, np.zeros_like(g)), g, h, first)
            if self.store or first:
                state[self.held] = velocity
            return self.move(w, velocity, g, h)

        return rule


def descend(w: Any, v: Any, g: Any, h: SimpleNamespace) -> Any:
    return w - h.learning_rate * v


def ema(m: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return h.momentum * m + (1.0 - h.momentum) * g


def _damped(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return g.copy() if first else h.momentum * v + (1.0 - h.dampening) * g


INSIDE = Form(
    "velocity",
    lambda v, g, h, first: h.momentum * v - h.learning_rate * g,
    lambda w, v, g, h: w + v,
)
OUTSIDE = Form("velocity", lambda v, g, h, first: h.momentum * v + g, descend)
AVERAGED = Form("first_moment", ema, descend)
DAMPENED = Form("velocity", _damped, descend)
SHIFTED = replace(OUTSIDE, move=lambda w, v, g, h: w - h.learning_rate * (g + h.momentum * v))

Accumulate = Callable[[Any, Any, SimpleNamespace, bool], Any]


def variant(
    form: Form,
    name: str,
    what: str,
    laws: tuple[str, ...],
    *,
    point: Rule | None = None,
    bug: str = "",
    **parts: Any,
) -> Slip:
    rule = replace(form, **parts).rule()
    return Slip(name, what, laws, fixed(rule), point, bug=bug)


def common(form: Form, point: Rule | None = None) -> list[Slip]:
    """Slips of every form of momentum."""

    def slip(name: str, what: str, laws: tuple[str, ...], accumulate: Accumulate) -> Slip:
        return variant(form, name, what, laws, point=point, accumulate=accumulate)

    right = form.accumulate

    def with_momentum(change: Callable[[float], float]) -> Accumulate:
        def accumulate(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
            changed = SimpleNamespace(**{**vars(h), "momentum": change(h.momentum)})
            return right(v, g, changed, first)

        return accumulate

    return [
        variant(
            form,
            "not-stored",
            "the velocity stays that of the first step",
            SEQUENCE,
            point=point,
            store=False,
        ),
        Slip("lazy", "ignores zero gradients", SEQUENCE, fixed(lazy(form.rule())), point),
        Slip("flushes", "subnormals are zero to it", STEP, fixed(flushes(form.rule())), point),
        slip("fixed", "momentum 0.9 whatever was asked", SLOPE, with_momentum(lambda mu: 0.9)),
        slip(
            "complement", "momentum for 1 - momentum", RAVINE, with_momentum(lambda mu: 1.0 - mu)
        ),
        slip("squared", "momentum is applied twice", SLOPE, with_momentum(lambda mu: mu * mu)),
        slip(
            "negative",
            "past velocity enters with the wrong sign",
            RAVINE,
            lambda v, g, h, first: right(-v, g, h, first),
        ),
    ]


_INSIDE = [
    *common(INSIDE),
    variant(
        INSIDE,
        "rate-outside",
        "the rate multiplies the velocity: seen only when it changes",
        SEQUENCE,
        # The shown velocity is that of the right form at a constant rate.
        accumulate=lambda v, g, h, first: h.momentum * v + g,
        move=descend,
        held="accumulated",
    ),
    variant(
        INSIDE,
        "damped",
        "the gradient enters with weight 1 - momentum",
        STEP,
        accumulate=lambda v, g, h, first: h.momentum * v - h.learning_rate * (1 - h.momentum) * g,
    ),
    variant(
        INSIDE,
        "plus",
        "both signs are plus: it ascends",
        NO_MOMENTUM,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
    ),
    variant(
        INSIDE,
        "old-velocity",
        "moves along the velocity of the step before",
        (*NO_MOMENTUM, *STABLE),
        move=lambda w, v, g, h: w + (v + h.learning_rate * g) / (h.momentum or 1.0),
    ),
]
_OUTSIDE = [
    *common(OUTSIDE),
    variant(
        OUTSIDE,
        "rate-inside",
        "the rate enters the velocity: seen only when it changes",
        SEQUENCE,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
        move=lambda w, v, g, h: w - v,
        held="scaled",
    ),
    variant(
        OUTSIDE,
        "averaged",
        "the gradient enters with weight 1 - momentum",
        (*STEP, *STABLE),
        accumulate=ema,
    ),
    variant(
        OUTSIDE,
        "look-ahead",
        "is Nesterov momentum",
        (*STEP, *STABLE),
        move=SHIFTED.move,
    ),
    variant(
        OUTSIDE,
        "rate-twice",
        "the rate is applied to gradient and velocity",
        NO_MOMENTUM,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
    ),
]
_AVERAGED = [
    *common(AVERAGED),
    variant(
        AVERAGED,
        "sum",
        "the gradient enters with weight 1",
        (*STEP, "constant-gradient-moments"),
        accumulate=OUTSIDE.accumulate,
    ),
    variant(
        AVERAGED,
        "starts-at-gradient",
        "the average starts at the first gradient",
        (*STEP, "constant-gradient-moments", "momentum-rate-on-a-slope"),
        accumulate=lambda m, g, h, first: g.copy() if first else ema(m, g, h, first),
    ),
    variant(
        AVERAGED,
        "swapped",
        "momentum and 1 - momentum are swapped",
        (*STEP, "constant-gradient-moments"),
        accumulate=lambda m, g, h, first: (1.0 - h.momentum) * m + h.momentum * g,
    ),
    variant(
        AVERAGED,
        "rate-inside",
        "averages rate times gradient: seen only when it changes",
        SEQUENCE,
        accumulate=lambda m, g, h, first: (
            h.momentum * m + (1.0 - h.momentum) * h.learning_rate * g
        ),
        move=lambda w, v, g, h: w - v,
        held="scaled",
    ),
]
_DAMPENED = [
    *common(DAMPENED),
    variant(
        DAMPENED,
        "damped-first",
        "the first gradient is dampened too",
        (*STEP, "momentum-rate-on-a-slope"),
        accumulate=lambda v, g, h, first: h.momentum * v + (1.0 - h.dampening) * g,
    ),
    variant(
        DAMPENED,
        "undamped",
        "dampening is ignored",
        (*SLOPE, *STABLE),
        accumulate=lambda v, g, h, first: h.momentum * v + g,
    ),
    variant(
        DAMPENED,
        "weight",
        "dampening for 1 - dampening",
        (*SEQUENCE, "zero-momentum-is-gradient-descent"),
        accumulate=lambda v, g, h, first: g.copy() if first else h.momentum * v + h.dampening * g,
    ),
    variant(
        DAMPENED,
        "by-momentum",
        "dampens by the momentum",
        SEQUENCE,
        accumulate=lambda v, g, h, first: g.copy() if first else ema(v, g, h, first),
    ),
    variant(
        DAMPENED,
        "alias",
        "the velocity is the live gradient of the first step",
        ("contract",),
        accumulate=lambda v, g, h, first: g if first else h.momentum * v + (1.0 - h.dampening) * g,
        bug="jettify-diffgrad-alias",
    ),
]


def family(
    method: str, dialect: str, form: Form, slips: list[Slip], point: Rule | None = None
) -> Family:
    right = form.rule()
    general = general_slips(right, point, stateful=True)
    return Family(method, dialect, right, slips, point, general=general)


FAMILIES = (
    Family(
        "gradient-descent",
        "plain",
        descent(),
        _DESCENT,
        general=general_slips(descent(), None, stateful=False),
    ),
    family("momentum", "learning-rate-inside", INSIDE, _INSIDE),
    family("momentum", "learning-rate-outside", OUTSIDE, _OUTSIDE),
    family("momentum", "averaged", AVERAGED, _AVERAGED),
    family("momentum", "dampened", DAMPENED, _DAMPENED),
)
