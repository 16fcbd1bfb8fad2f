"""Wrong Nesterov momentum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_momentum import (
    AVERAGED,
    INSIDE,
    OUTSIDE,
    SHIFTED,
    STABLE,
    Form,
    common,
    descend,
    family,
    variant,
)
from wrong_variants import SEQUENCE, STEP, Rule


def _ahead(factor: Callable[[SimpleNamespace], float], name: str = "velocity") -> Rule:
    def point(w: Any, state: Any, **hyperparameters: float) -> Any:
        return w + factor(SimpleNamespace(**hyperparameters)) * state.get(name, np.zeros_like(w))

    return point


SHIFTED_INSIDE = replace(
    INSIDE, move=lambda w, v, g, h: w + (h.momentum * v - h.learning_rate * g)
)

_POINT = _ahead(lambda h: h.momentum)
_POINT_AVERAGED = _ahead(lambda h: -h.learning_rate * h.momentum, "first_moment")


def _points(form: Form, points: dict[str, tuple[str, Callable[[SimpleNamespace], float]]]) -> Any:
    laws = (*SEQUENCE, *STABLE)
    return [
        variant(form, name, what, laws, point=_ahead(factor, form.held))
        for name, (what, factor) in points.items()
    ]


_LOOK_AHEAD = [
    *common(INSIDE, _POINT),
    *_points(
        INSIDE,
        {
            "no-look-ahead": ("the gradient is taken where the parameter is", lambda h: 0.0),
            "too-far": ("looks ahead by the whole velocity", lambda h: 1.0),
            "backwards": ("looks back", lambda h: -h.momentum),
            "twice": ("momentum twice in the look-ahead", lambda h: h.momentum**2),
        },
    ),
    variant(
        INSIDE,
        "momentum-again",
        "momentum is added once more in the move",
        SEQUENCE,
        point=_POINT,
        move=lambda w, v, g, h: w + h.momentum * v - h.learning_rate * g,
    ),
]
_LOOK_AHEAD_AVERAGED = [
    *common(AVERAGED, _POINT_AVERAGED),
    *_points(
        AVERAGED,
        {
            "no-look-ahead": ("the gradient is taken where the parameter is", lambda h: 0.0),
            "no-momentum": ("looks ahead by a whole step", lambda h: -h.learning_rate),
            "uphill": ("looks ahead uphill", lambda h: h.learning_rate * h.momentum),
        },
    ),
    variant(
        AVERAGED,
        "sum",
        "the gradient enters with weight 1",
        STEP,
        point=_POINT_AVERAGED,
        accumulate=OUTSIDE.accumulate,
    ),
]
_SHIFTED = [
    *common(SHIFTED),
    variant(SHIFTED, "no-look-ahead", "plain momentum", (*STEP, *STABLE), move=descend),
    variant(
        SHIFTED,
        "twice",
        "momentum is applied twice",
        STEP,
        move=lambda w, v, g, h: w - h.learning_rate * (g + h.momentum**2 * v),
    ),
    variant(
        SHIFTED,
        "velocity-twice",
        "the velocity in place of the gradient",
        SEQUENCE,
        move=lambda w, v, g, h: w - h.learning_rate * (v + h.momentum * v),
    ),
    variant(
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
_SHIFTED_INSIDE = [
    *common(SHIFTED_INSIDE),
    variant(SHIFTED_INSIDE, "no-look-ahead", "plain momentum", (*STEP, *STABLE), move=INSIDE.move),
    variant(
        SHIFTED_INSIDE,
        "twice",
        "momentum is applied twice",
        STEP,
        move=lambda w, v, g, h: w + (h.momentum**2 * v - h.learning_rate * g),
    ),
    variant(
        SHIFTED_INSIDE,
        "velocity-twice",
        "the velocity in place of the gradient's step",
        SEQUENCE,
        move=lambda w, v, g, h: w + (h.momentum * v + v),
    ),
    variant(
        SHIFTED_INSIDE,
        "backwards",
        "the velocity is subtracted, as one that sums gradients",
        STEP,
        move=lambda w, v, g, h: w - (h.momentum * v + h.learning_rate * g),
    ),
    variant(
        SHIFTED_INSIDE,
        "rate-twice",
        "the rate is applied to the velocity that holds it",
        STEP,
        move=lambda w, v, g, h: w + h.learning_rate * (h.momentum * v - g),
    ),
    variant(
        SHIFTED_INSIDE,
        "stores-move",
        "the whole move is stored in place of the velocity",
        SEQUENCE,
        accumulate=lambda v, g, h, first: (
            h.momentum * (h.momentum * v - h.learning_rate * g) - h.learning_rate * g
        ),
        move=INSIDE.move,
    ),
    variant(
        SHIFTED_INSIDE,
        "rate-outside",
        "the rate of today scales the whole velocity: seen only when it changes",
        SEQUENCE,
        accumulate=OUTSIDE.accumulate,
        move=SHIFTED.move,
        held="accumulated",
    ),
]


FAMILIES = (
    family("nesterov", "look-ahead", INSIDE, _LOOK_AHEAD, _POINT),
    family("nesterov", "look-ahead-averaged", AVERAGED, _LOOK_AHEAD_AVERAGED, _POINT_AVERAGED),
    family("nesterov", "shifted", SHIFTED, _SHIFTED),
    family("nesterov", "shifted+learning-rate-inside", SHIFTED_INSIDE, _SHIFTED_INSIDE),
)
