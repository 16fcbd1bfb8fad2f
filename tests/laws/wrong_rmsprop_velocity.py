"""Wrong momentum of RMSProp: what its velocity is made of, and where it leads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adaptive import Form, variant
from wrong_variants import SEQUENCE, STEP, Rule, Slip


def rate_inside(v: Any, q: Any, h: SimpleNamespace) -> Any:
    return h.momentum * v - h.learning_rate * q


def rate_outside(v: Any, q: Any, h: SimpleNamespace) -> Any:
    return h.momentum * v + q


def along(w: Any, q: Any, v: Any, h: SimpleNamespace) -> Any:
    return w + v


def down(w: Any, q: Any, v: Any, h: SimpleNamespace) -> Any:
    return w - h.learning_rate * v


def shifted(w: Any, q: Any, v: Any, h: SimpleNamespace) -> Any:
    return w + (h.momentum * v - h.learning_rate * q)


def _shifted_down(w: Any, q: Any, v: Any, h: SimpleNamespace) -> Any:
    return w - h.learning_rate * (q + h.momentum * v)


def ahead(factor: Callable[[float], float]) -> Rule:
    def point(w: Any, state: Any, *, momentum: float, **h: float) -> Any:
        return w + factor(momentum) * state.get("velocity", np.zeros_like(w))

    return point


def velocity_slips(form: Form) -> list[Slip]:
    """Slips in the velocity."""
    slip = partial(variant, form)
    right, move = form.velocity, form.move
    assert right is not None
    # Shifted, the velocity does not matter without momentum.
    alone_too = STEP if move is shifted else (*STEP, "zero-momentum-is-rmsprop")

    def alone(v: Any, q: Any, h: SimpleNamespace) -> Any:
        return right(np.zeros_like(v), q, h)

    def with_momentum(factor: Callable[[SimpleNamespace], float]) -> Any:
        return lambda v, q, h: right(v, q, SimpleNamespace(**{**vars(h), "momentum": factor(h)}))

    # In a buffer of another name the velocity is not shown, so that the parameters alone tell.
    hidden = {} if form.point else {"buffer": "hidden"}
    return [
        slip(
            "of-gradients",
            "the velocity is one of gradients, divided at the end",
            SEQUENCE,
            velocity=lambda v, q, h: right(v, q * h.denominator, h),
            move=lambda w, q, v, h: move(w, q, v / h.denominator, h),
            **hidden,
        ),
        slip(
            "unused",
            "the velocity is kept and never used",
            SEQUENCE,
            "kozistr-scion-lmo-grad",
            move=lambda w, q, v, h: move(w, q, alone(v, q, h), h),
        ),
        slip(
            "old-velocity",
            "moves along the velocity of the step before",
            alone_too,
            move=lambda w, q, v, h: move(w, q, (v - alone(v, q, h)) / (h.momentum or 1.0), h),
        ),
        slip(
            "damped",
            "quotients enter with weight 1 - momentum",
            STEP,
            velocity=lambda v, q, h: right(v, (1.0 - h.momentum) * q, h),
        ),
        slip(
            "rate-twice",
            "the rate is applied twice",
            alone_too,
            velocity=lambda v, q, h: right(v, h.learning_rate * q, h),
        ),
        slip(
            "velocity-lost",
            "the velocity stays that of the first step",
            SEQUENCE,
            lost=("velocity",),
        ),
        slip(
            "uphill",
            "past velocity enters with the wrong sign",
            SEQUENCE,
            velocity=lambda v, q, h: right(-v, q, h),
        ),
        slip(
            "decay-for-momentum",
            "the decay in place of the momentum",
            SEQUENCE,
            velocity=with_momentum(lambda h: h.decay),
        ),
        slip(
            "complement",
            "1 - momentum for the momentum",
            SEQUENCE,
            velocity=with_momentum(lambda h: 1.0 - h.momentum),
        ),
        *_directions(form),
    ]


def _directions(form: Form) -> list[Slip]:
    """Slips in what the velocity is used for, and in where the rate enters it."""
    slip = partial(variant, form)
    if form.point is not None:
        points = {
            "no-look-ahead": ("the gradient is taken where the parameter is", lambda mu: 0.0),
            "too-far": ("looks ahead by the whole velocity", lambda mu: 1.0),
            "backwards": ("looks back", lambda mu: -mu),
            "point-twice": ("momentum twice in the look-ahead", lambda mu: mu * mu),
        }
        return [
            *(
                slip(name, what, SEQUENCE, point=ahead(factor))
                for name, (what, factor) in points.items()
            ),
            slip("momentum-again", "momentum is added once more", STEP, move=shifted),
        ]
    late = form.velocity is rate_outside
    nesterov = form.move is shifted
    elsewhere = slip(
        "rate-elsewhere",
        "the rate is on the other side of the velocity: seen only when it changes",
        SEQUENCE,
        velocity=rate_inside if late else rate_outside,
        move=along if late else _shifted_down if nesterov else down,
        buffer="hidden",
    )
    if nesterov:
        return [
            elsewhere,
            slip("no-nesterov", "plain momentum", STEP, move=along),
            slip(
                "nesterov-twice",
                "momentum is applied twice",
                STEP,
                move=lambda w, q, v, h: w + (h.momentum**2 * v - h.learning_rate * q),
            ),
            slip(
                "velocity-twice",
                "the velocity in place of the step",
                SEQUENCE,
                move=lambda w, q, v, h: w + (h.momentum * v + v),
            ),
        ]
    return [
        elsewhere,
        slip("nesterov", "looks ahead", STEP, move=_shifted_down if late else shifted),
    ]
