"""Wrong AdamW, AMSGrad, Adamax and Yogi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_adam_parts as adam
from wrong_adam_parts import ACROSS, DIRECTIONS, Form, Part, average, changed, variant
from wrong_bias_corrections import corrections, second_biased
from wrong_variants import CONTRACT, SEQUENCE, STEP, Family, Rule, Slip, fixed

OUTSIDE = DIRECTIONS["epsilon-outside-root"]

# What is taken off ``w`` beside the step of Adam.
DECAYS: dict[str, Callable[[SimpleNamespace, Any], Any]] = {
    "decoupled": lambda n, w: n.learning_rate * (n.weight_decay * w),
    "decoupled-unscaled": lambda n, w: n.weight_decay * w,
}


def _stepped(n: SimpleNamespace) -> Any:
    return n.w - n.learning_rate * n.direction


def _first_rate(n: SimpleNamespace) -> Any:
    return n.state.setdefault("first_rate", n.learning_rate)


def _in_two_parts(right: Rule) -> Rule:
    """The first element and the others; of these it takes no more than of the first part."""

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        new = np.array(w)
        new.flat[:2] = np.ravel(right(w, g, state, **h))[:2]
        return new

    return wrong


def _adamw(dialect: str) -> Family:
    decay = DECAYS[dialect]
    form = Form(OUTSIDE, move=lambda n: _stepped(n) - decay(n, n.w))

    def slip(
        name: str, what: str, decayed: Part, bug: str = "", laws: tuple[str, ...] = STEP
    ) -> Slip:
        """``decayed`` in place of the parameter that decays."""
        return variant(
            form, name, what, laws, bug, move=lambda n: _stepped(n) - decay(n, decayed(n))
        )

    slips = [
        *_of_dialect(form, dialect),
        slip("no-decay", "the decay is forgotten", lambda n: 0.0 * n.w),
        slip("grows", "the sign of the decay is wrong", lambda n: -n.w),
        slip("decay-squared", "the decay is squared", lambda n: n.weight_decay * n.w),
        slip("half-decay", "half the decay", lambda n: 0.5 * n.w),
        slip("sign-only", "the decay of an L1 penalty", lambda n: np.sign(n.w)),
        slip("new-parameter", "the parameter decays after the step", _stepped),
        slip(
            "corrected-decay",
            "the rate with both corrections folded into it multiplies the decay too",
            lambda n: n.c2**0.5 / n.c1 * n.w,
        ),
        slip(
            "adaptive-decay",
            "the decay is divided by the root of the second moment",
            lambda n: n.w / (np.sqrt(n.v / n.c2) + n.epsilon),
        ),
        slip(
            "scalars-alone",
            "only parameters without dimensions decay",
            lambda n: 0.0 * n.w if n.w.ndim else n.w,
            "timm-nodecay-ndim",
        ),
        slip(
            "growing-decay",
            "the decay grows with the step count",
            lambda n: n.step * n.w,
            laws=SEQUENCE,
        ),
        slip(
            "lazy-decay",
            "parameters without a gradient do not decay",
            lambda n: np.where(n.g == 0.0, 0.0 * n.w, n.w),
            laws=SEQUENCE,
        ),
        variant(
            form,
            "own-decay",
            "0.01 for every decay",
            (*STEP, "zero-decay-is-no-decay"),
            move=lambda n: _stepped(n) - decay(changed(n, weight_decay=0.01), n.w),
        ),
        variant(
            form,
            "coupled",
            "the decay is added to the gradient",
            STEP,
            gradient=lambda n: n.g + n.weight_decay * n.w,
            move=_stepped,
        ),
        variant(
            form,
            "twice",
            "the decay is added to the gradient, and decoupled",
            STEP,
            gradient=lambda n: n.g + n.weight_decay * n.w,
        ),
        variant(
            form,
            "rate-promoted",
            "a float64 rate makes the result float64",
            CONTRACT,
            says="dtype float64",
            bug="mlx-adam-bias-promotion",
            move=lambda n: form.move(changed(n, learning_rate=np.float64(n.learning_rate))),
        ),
        Slip(
            "two-parts",
            "all but the first element are one slice, which is too short",
            STEP,
            fixed(_in_two_parts(form.rule())),
            bug="dlib-bias-multiplier-slice",
        ),
        *adam.epsilons(form),
        *adam.betas(form),
        *adam.first_moments(form),
        *adam.second_moments(form),
        *corrections(form),
        second_biased(form),
    ]
    return adam.family("adamw", dialect, form, slips)


def _of_dialect(form: Form, dialect: str) -> list[Slip]:
    def slip(name: str, what: str, laws: tuple[str, ...], scale: Part, bug: str = "") -> Slip:
        """``scale`` times the decay."""

        def move(n: SimpleNamespace) -> Any:
            return _stepped(n) - scale(n) * (n.weight_decay * n.w)

        return variant(form, name, what, laws, bug, move=move)

    if dialect == "decoupled":
        return [
            slip(
                "is-decoupled-unscaled",
                "the rate does not multiply the decay",
                STEP,
                lambda n: 1.0,
                "optimisers-adamw-uncoupled",
            ),
            slip("rate-twice", "the rate multiplies it twice", STEP, lambda n: n.learning_rate**2),
            slip(
                "frozen-decay",
                "the decay does not follow the schedule",
                SEQUENCE,
                _first_rate,
                "tfa-wd-schedule",
            ),
        ]
    return [
        slip("is-decoupled", "the rate multiplies the decay", STEP, lambda n: n.learning_rate),
        slip(
            "scheduled-decay",
            "the decay follows the schedule",
            SEQUENCE,
            lambda n: n.learning_rate / _first_rate(n),
        ),
    ]


LARGEST = "largest_second_moment"


@dataclass(frozen=True)
class Largest:
    """The direction of AMSGrad in parts; ``u`` is the largest second moment so far."""

    top: Part
    squares: Part
    bottom: Callable[[Any, SimpleNamespace], Any]
    keep: Callable[[Any, Any, SimpleNamespace], Any] = lambda u, v, n: np.maximum(u, v)
    store: Callable[[Any], Any] | None = lambda u: u
    start: float = 0.0

    def __call__(self, n: SimpleNamespace) -> Any:
        before = n.state.get(LARGEST, np.full_like(n.v, self.start))
        u = self.keep(before, self.squares(n), n)
        n.state[LARGEST] = before if self.store is None else self.store(u)
        return self.top(n) / self.bottom(u, n)


def _hat(n: SimpleNamespace) -> Any:
    return n.m / n.c1


def _raw(n: SimpleNamespace) -> Any:
    return n.v


def _second_hat(n: SimpleNamespace) -> Any:
    return n.v / n.c2


def _outside(u: Any, n: SimpleNamespace) -> Any:
    return np.sqrt(u) + n.epsilon


def _inside(u: Any, n: SimpleNamespace) -> Any:
    return np.sqrt(u + n.epsilon)


AMSGRAD = {
    "maximum-of-raw": Largest(_hat, _raw, lambda u, n: np.sqrt(u / n.c2) + n.epsilon),
    "maximum-of-corrected": Largest(_hat, _second_hat, _outside),
    "maximum-of-corrected+epsilon-inside-root": Largest(_hat, _second_hat, _inside),
    "first-corrected": Largest(_hat, _raw, _outside),
    "uncorrected": Largest(lambda n: n.m, _raw, _outside),
}


def _amsgrad(dialect: str) -> Family:
    right = AMSGRAD[dialect]
    form = Form(right)

    def slip(name: str, what: str, laws: tuple[str, ...], bug: str = "", **parts: Any) -> Slip:
        return variant(form, name, what, laws, bug, direction=replace(right, **parts))

    # Its denominator is not that of any Adam.
    growing = () if dialect == "first-corrected" else ("amsgrad-on-growing-moments-is-adam",)
    slips = [
        *adam.others(form, AMSGRAD, dialect),
        slip("no-maximum", "is Adam", (*SEQUENCE, "reddi-problem"), keep=lambda u, v, n: v),
        slip(
            "minimum",
            "the minimum for the maximum",
            (*STEP, *growing),
            keep=lambda u, v, n: np.minimum(u, v),
        ),
        slip("sum", "the sum for the maximum", SEQUENCE, keep=lambda u, v, n: u + v),
        slip(
            "of-magnitudes",
            "the maximum is taken of the roots",
            STEP,
            keep=lambda u, v, n: np.maximum(u, np.sqrt(v)),
        ),
        slip(
            "of-gradients",
            "the maximum of the squared gradients",
            SEQUENCE,
            keep=lambda u, v, n: np.maximum(u, n.g * n.g),
        ),
        slip(
            "over-coordinates",
            "the maximum over all coordinates",
            ACROSS,
            keep=lambda u, v, n: np.maximum(u, np.max(v, initial=0.0)),
        ),
        slip(
            "decays",
            "the maximum decays",
            SEQUENCE,
            keep=lambda u, v, n: np.maximum(n.beta2 * u, v),
        ),
        slip(
            "not-stored",
            "the maximum is not stored",
            SEQUENCE,
            "torch-sparseadam-amsgrad",
            store=None,
        ),
        slip(
            "root-stored",
            "the root of the maximum is stored",
            SEQUENCE,
            "torch-sparseadam-amsgrad",
            store=np.sqrt,
        ),
        slip("start-1", "the maximum starts at 1", STEP, start=1.0),
        variant(
            form,
            "start-epsilon",
            "the moments start at epsilon",
            STEP,
            start=lambda n: (n.epsilon, n.epsilon),
        ),
        slip(
            "before",
            "divides by the maximum of the steps before",
            STEP,
            bottom=lambda u, n: right.bottom(np.where(u > right.squares(n), u, 0.0 * u), n),
        ),
        slip(
            "epsilon-maximum",
            "the root, or epsilon where that is larger",
            STEP,
            bottom=lambda u, n: np.maximum(right.bottom(u, changed(n, epsilon=0.0)), n.epsilon),
        ),
        slip(
            "epsilon-both",
            "epsilon inside and outside the root",
            STEP,
            bottom=lambda u, n: right.bottom(u + n.epsilon, n),
        ),
        variant(
            form,
            "moment-overwritten",
            "the maximum takes the place of the second moment",
            SEQUENCE,
            second=lambda n: np.maximum(n.v, average(n.v, n.g * n.g, n.beta2)),
        ),
        *_of_correction(form, right, dialect),
        *adam.epsilons(form),
        *adam.betas(form),
        *adam.first_moments(form),
        *(each for each in adam.second_moments(form) if each.name != "maximum"),
    ]
    return adam.family("amsgrad", dialect, form, slips)


def _of_correction(form: Form, right: Largest, dialect: str) -> list[Slip]:
    def divided(u: Any, n: SimpleNamespace) -> Any:
        return right.bottom(u / n.c2, n)

    if dialect == "uncorrected":
        return []
    slips = corrections(form)
    if dialect == "first-corrected":
        return slips
    return [
        *slips,
        second_biased(form),
        variant(
            form,
            "corrected-twice",
            "the maximum is corrected twice",
            STEP,
            direction=replace(right, bottom=divided),
        ),
        variant(
            form,
            "stored-corrected",
            "what is stored is the maximum of the corrected, divided again",
            STEP,
            direction=lambda n: replace(right, store=lambda u: u / n.c2)(n),
        ),
    ]


FAMILIES = [
    *(_adamw(dialect) for dialect in DECAYS),
    *(_amsgrad(dialect) for dialect in AMSGRAD),
]
