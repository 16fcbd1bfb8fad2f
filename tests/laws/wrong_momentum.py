"""Wrong gradient descent, momentum and Nesterov momentum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips

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
    Slip("half-step", "1/2 of a quadratic's gradient too much", _MODES, fixed(descent(0.5))),
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


def _descend(w: Any, v: Any, g: Any, h: SimpleNamespace) -> Any:
    return w - h.learning_rate * v


def _average(m: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return h.momentum * m + (1.0 - h.momentum) * g


def _damped(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
    return g.copy() if first else h.momentum * v + (1.0 - h.dampening) * g


INSIDE = Form(
    "velocity",
    lambda v, g, h, first: h.momentum * v - h.learning_rate * g,
    lambda w, v, g, h: w + v,
)
OUTSIDE = Form("velocity", lambda v, g, h, first: h.momentum * v + g, _descend)
AVERAGED = Form("first_moment", _average, _descend)
DAMPENED = Form("velocity", _damped, _descend)
SHIFTED = replace(OUTSIDE, move=lambda w, v, g, h: w - h.learning_rate * (g + h.momentum * v))

Accumulate = Callable[[Any, Any, SimpleNamespace, bool], Any]


def _slip(
    form: Form,
    name: str,
    what: str,
    laws: tuple[str, ...],
    *,
    point: Rule | None = None,
    bug: str = "",
    unseen: str = "",
    **parts: Any,
) -> Slip:
    rule = replace(form, **parts).rule()
    return Slip(name, what, laws, fixed(rule), point, bug=bug, unseen=unseen)


def _common(form: Form, point: Rule | None = None) -> list[Slip]:
    """Slips of every form of momentum."""

    def slip(name: str, what: str, laws: tuple[str, ...], accumulate: Accumulate) -> Slip:
        return _slip(form, name, what, laws, point=point, accumulate=accumulate)

    right = form.accumulate

    def with_momentum(change: Callable[[float], float]) -> Accumulate:
        def accumulate(v: Any, g: Any, h: SimpleNamespace, first: bool) -> Any:
            changed = SimpleNamespace(**{**vars(h), "momentum": change(h.momentum)})
            return right(v, g, changed, first)

        return accumulate

    return [
        _slip(
            form,
            "not-stored",
            "the velocity stays that of the first step",
            SEQUENCE,
            point=point,
            store=False,
        ),
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
    *_common(INSIDE),
    _slip(
        INSIDE,
        "rate-outside",
        "the rate multiplies the velocity: seen only when it changes",
        SEQUENCE,
        # The shown velocity is that of the right form at a constant rate.
        accumulate=lambda v, g, h, first: h.momentum * v + g,
        move=_descend,
        held="accumulated",
    ),
    _slip(
        INSIDE,
        "damped",
        "the gradient enters with weight 1 - momentum",
        STEP,
        accumulate=lambda v, g, h, first: h.momentum * v - h.learning_rate * (1 - h.momentum) * g,
    ),
    _slip(
        INSIDE,
        "plus",
        "both signs are plus: it ascends",
        NO_MOMENTUM,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
    ),
    _slip(
        INSIDE,
        "old-velocity",
        "moves along the velocity of the step before",
        (*NO_MOMENTUM, *STABLE),
        move=lambda w, v, g, h: w + (v + h.learning_rate * g) / (h.momentum or 1.0),
    ),
]
_OUTSIDE = [
    *_common(OUTSIDE),
    _slip(
        OUTSIDE,
        "rate-inside",
        "the rate enters the velocity: seen only when it changes",
        SEQUENCE,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
        move=lambda w, v, g, h: w - v,
        held="scaled",
    ),
    _slip(
        OUTSIDE,
        "averaged",
        "the gradient enters with weight 1 - momentum",
        (*STEP, *STABLE),
        accumulate=_average,
    ),
    _slip(
        OUTSIDE,
        "look-ahead",
        "is Nesterov momentum",
        (*STEP, *STABLE),
        move=SHIFTED.move,
    ),
    _slip(
        OUTSIDE,
        "rate-twice",
        "the rate is applied to gradient and velocity",
        NO_MOMENTUM,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
    ),
]
_AVERAGED = [
    *_common(AVERAGED),
    _slip(
        AVERAGED,
        "sum",
        "the gradient enters with weight 1",
        (*STEP, "constant-gradient-moments"),
        accumulate=OUTSIDE.accumulate,
    ),
    _slip(
        AVERAGED,
        "starts-at-gradient",
        "the average starts at the first gradient",
        (*STEP, "constant-gradient-moments", "momentum-rate-on-a-slope"),
        accumulate=lambda m, g, h, first: g.copy() if first else _average(m, g, h, first),
    ),
    _slip(
        AVERAGED,
        "swapped",
        "momentum and 1 - momentum are swapped",
        (*STEP, "constant-gradient-moments"),
        accumulate=lambda m, g, h, first: (1.0 - h.momentum) * m + h.momentum * g,
    ),
    _slip(
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
    *_common(DAMPENED),
    _slip(
        DAMPENED,
        "damped-first",
        "the first gradient is dampened too",
        (*STEP, "momentum-rate-on-a-slope"),
        accumulate=lambda v, g, h, first: h.momentum * v + (1.0 - h.dampening) * g,
    ),
    _slip(
        DAMPENED,
        "undamped",
        "dampening is ignored",
        (*SLOPE, *STABLE),
        accumulate=lambda v, g, h, first: h.momentum * v + g,
    ),
    _slip(
        DAMPENED,
        "weight",
        "dampening for 1 - dampening",
        (*SEQUENCE, "zero-momentum-is-gradient-descent"),
        accumulate=lambda v, g, h, first: g.copy() if first else h.momentum * v + h.dampening * g,
    ),
    _slip(
        DAMPENED,
        "by-momentum",
        "dampens by the momentum",
        SEQUENCE,
        accumulate=lambda v, g, h, first: g.copy() if first else _average(v, g, h, first),
    ),
    _slip(
        DAMPENED,
        "alias",
        "the velocity is the live gradient of the first step",
        SEQUENCE,
        accumulate=lambda v, g, h, first: g if first else h.momentum * v + (1.0 - h.dampening) * g,
        bug="jettify-diffgrad-alias",
        unseen="no law writes the next gradient into the array of the one before",
    ),
]


def _ahead(factor: Callable[[SimpleNamespace], float], name: str = "velocity") -> Rule:
    def point(w: Any, state: Any, **hyperparameters: float) -> Any:
        return w + factor(SimpleNamespace(**hyperparameters)) * state.get(name, np.zeros_like(w))

    return point


_POINT = _ahead(lambda h: h.momentum)
_POINT_AVERAGED = _ahead(lambda h: -h.learning_rate * h.momentum, "first_moment")


def _points(form: Form, points: dict[str, tuple[str, Callable[[SimpleNamespace], float]]]) -> Any:
    laws = (*SEQUENCE, *STABLE)
    return [
        _slip(form, name, what, laws, point=_ahead(factor, form.held))
        for name, (what, factor) in points.items()
    ]


_LOOK_AHEAD = [
    *_common(INSIDE, _POINT),
    *_points(
        INSIDE,
        {
            "no-look-ahead": ("the gradient is taken where the parameter is", lambda h: 0.0),
            "too-far": ("looks ahead by the whole velocity", lambda h: 1.0),
            "backwards": ("looks back", lambda h: -h.momentum),
            "twice": ("momentum twice in the look-ahead", lambda h: h.momentum**2),
        },
    ),
    _slip(
        INSIDE,
        "momentum-again",
        "momentum is added once more in the move",
        SEQUENCE,
        point=_POINT,
        move=lambda w, v, g, h: w + h.momentum * v - h.learning_rate * g,
    ),
]
_LOOK_AHEAD_AVERAGED = [
    *_common(AVERAGED, _POINT_AVERAGED),
    *_points(
        AVERAGED,
        {
            "no-look-ahead": ("the gradient is taken where the parameter is", lambda h: 0.0),
            "no-momentum": ("looks ahead by a whole step", lambda h: -h.learning_rate),
            "uphill": ("looks ahead uphill", lambda h: h.learning_rate * h.momentum),
        },
    ),
    _slip(
        AVERAGED,
        "sum",
        "the gradient enters with weight 1",
        STEP,
        point=_POINT_AVERAGED,
        accumulate=OUTSIDE.accumulate,
    ),
]
_SHIFTED = [
    *_common(SHIFTED),
    _slip(SHIFTED, "no-look-ahead", "plain momentum", (*STEP, *STABLE), move=_descend),
    _slip(
        SHIFTED,
        "twice",
        "momentum is applied twice",
        STEP,
        move=lambda w, v, g, h: w - h.learning_rate * (g + h.momentum**2 * v),
    ),
    _slip(
        SHIFTED,
        "velocity-twice",
        "the velocity in place of the gradient",
        SEQUENCE,
        move=lambda w, v, g, h: w - h.learning_rate * (v + h.momentum * v),
    ),
    _slip(
        SHIFTED,
        "rate-inside",
        "the rate enters the velocity: seen only when it changes",
        SEQUENCE,
        accumulate=lambda v, g, h, first: h.momentum * v + h.learning_rate * g,
        move=lambda w, v, g, h: w - (h.learning_rate * g + h.momentum * v),
        held="scaled",
        bug="mxnet-nag-operator",
    ),
]


def _family(
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
    _family("momentum", "learning-rate-inside", INSIDE, _INSIDE),
    _family("momentum", "learning-rate-outside", OUTSIDE, _OUTSIDE),
    _family("momentum", "averaged", AVERAGED, _AVERAGED),
    _family("momentum", "dampened", DAMPENED, _DAMPENED),
    _family("nesterov", "look-ahead", INSIDE, _LOOK_AHEAD, _POINT),
    _family("nesterov", "look-ahead-averaged", AVERAGED, _LOOK_AHEAD_AVERAGED, _POINT_AVERAGED),
    _family("nesterov", "shifted", SHIFTED, _SHIFTED),
)
