"""Slips that reductions, closed forms and bounds see: each in a dialect that has its own family.

The right rule of the dialect is the control of that family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_accumulation
import wrong_adadelta
import wrong_adam
import wrong_adam_variants
import wrong_decay
import wrong_momentum
import wrong_rmsprop
import wrong_signs
from wrong_accumulation import Accumulation
from wrong_momentum import AVERAGED, DAMPENED, INSIDE, OUTSIDE, SHIFTED, Form, ema
from wrong_variants import Family, Rule, Slip, Wrong, fixed

CONSTANT_RATE = "momentum-forms-at-a-constant-rate"
AVERAGED_RATE = "averaged-momentum-at-a-constant-rate"
SUM = "momentum-is-a-weighted-sum"
PART = ("momentum-forms-part-when-the-rate-changes",)
CHANGE = ("nesterov-forms-by-change-of-variables",)


def _zero_is_left_out(
    families: Sequence[Family], form: tuple[str, str], law: str, **defaults: float
) -> Wrong:
    """``value or default``: a hyper-parameter of 0 counts as left out."""
    family = next(each for each in families if (each.method, each.dialect) == form)

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        given = {name: h[name] or value for name, value in defaults.items()}
        return family.right(w, g, state, **{**h, **given})

    names = " and ".join(defaults)
    slip = Slip(
        f"zero-{'-'.join(defaults)}-is-left-out",
        f"0 for {names} counts as left out",
        (law,),
        fixed(wrong),
        family.point,
    )
    return family.with_slip(slip)


_ADAM = ("adam", "epsilon-outside-root")
_ZEROS = [
    _zero_is_left_out(
        wrong_momentum.FAMILIES,
        ("momentum", "learning-rate-outside"),
        "zero-momentum-is-gradient-descent",
        momentum=0.9,
    ),
    _zero_is_left_out(
        wrong_momentum.FAMILIES, ("momentum", "dampened"), CONSTANT_RATE, dampening=0.5
    ),
    *(
        _zero_is_left_out(
            wrong_rmsprop.FAMILIES, ("rmsprop", dialect), "zero-momentum-is-rmsprop", momentum=0.9
        )
        for dialect in (
            "epsilon-outside-root+learning-rate-outside",
            "epsilon-inside-root+learning-rate-inside",
        )
    ),
    _zero_is_left_out(
        wrong_decay.FAMILIES,
        ("weight-decay", "coupled"),
        "zero-decay-is-no-decay",
        weight_decay=0.01,
    ),
    _zero_is_left_out(
        wrong_adam_variants.FAMILIES,
        ("adamw", "decoupled"),
        "zero-decay-is-no-decay",
        weight_decay=0.01,
    ),
    _zero_is_left_out(
        wrong_adam.FAMILIES,
        _ADAM,
        "adam-with-both-decays-0-is-sign-descent",
        beta1=0.9,
        beta2=0.999,
    ),
    _zero_is_left_out(
        wrong_adam.FAMILIES,
        ("adam", "uncorrected"),
        "adam-without-first-decay-is-rmsprop",
        beta1=0.9,
    ),
    _zero_is_left_out(
        wrong_signs.FAMILIES,
        ("delta-bar-delta", "plain"),
        "delta-bar-delta-without-increments",
        rate_increment=0.01,
    ),
    _zero_is_left_out(
        wrong_signs.FAMILIES,
        ("delta-bar-delta", "plain"),
        "delta-bar-delta-without-increments",
        rate_reduction=0.1,
    ),
]


def _wrong(
    method: str,
    dialect: str,
    name: str,
    what: str,
    laws: tuple[str, ...],
    rule: Rule,
    point: Rule | None = None,
    bug: str = "",
) -> Wrong:
    return Wrong(
        "update-rule", method, dialect, Slip(name, what, laws, fixed(rule), point, bug=bug)
    )


def _momentum(
    dialect: str, form: Form, name: str, what: str, laws: tuple[str, ...], **parts: Any
) -> Wrong:
    return _wrong("momentum", dialect, name, what, laws, replace(form, **parts).rule())


# The buffers are not called velocity where only the parameter is to tell.
_MOMENTUM = [
    _momentum(
        "learning-rate-inside",
        INSIDE,
        "averages",
        "the velocity is an average of steps",
        (CONSTANT_RATE, SUM),
        accumulate=lambda v, g, h, first: ema(v, -h.learning_rate * g, h, first),
    ),
    _momentum(
        "learning-rate-inside",
        OUTSIDE,
        "holds-no-rate",
        "the velocity does not hold the rate",
        PART,
        held="accumulated",
    ),
    _momentum(
        "learning-rate-outside",
        INSIDE,
        "holds-the-rate",
        "the velocity holds the rate",
        PART,
        held="scaled",
    ),
    _momentum(
        "learning-rate-outside",
        OUTSIDE,
        "bracket",
        "a misplaced bracket: momentum times the sum",
        (SUM,),
        accumulate=lambda v, g, h, first: h.momentum * (v + g),
    ),
    _momentum(
        "averaged",
        AVERAGED,
        "from-gradient",
        "the average starts at the first gradient",
        (AVERAGED_RATE, SUM),
        accumulate=lambda m, g, h, first: g.copy() if first else ema(m, g, h, first),
    ),
    _momentum(
        "averaged",
        AVERAGED,
        "is-sum",
        "gradients enter with weight 1",
        (AVERAGED_RATE, SUM),
        accumulate=OUTSIDE.accumulate,
    ),
    _momentum(
        "dampened",
        DAMPENED,
        "dampens-first",
        "the first gradient is dampened too",
        (SUM,),
        accumulate=lambda v, g, h, first: h.momentum * v + (1.0 - h.dampening) * g,
    ),
]


def _behind(w: Any, state: Any, *, momentum: float, **h: float) -> Any:
    return w - momentum * state.get("velocity", np.zeros_like(w))


_NESTEROV = [
    _wrong(
        "nesterov",
        "shifted",
        "adds-velocity",
        "the whole velocity beside the gradient",
        CHANGE,
        replace(SHIFTED, move=lambda w, v, g, h: w - h.learning_rate * (g + v)).rule(),
    ),
    _wrong(
        "nesterov",
        "shifted+learning-rate-inside",
        "adds-velocity",
        "the whole velocity beside the gradient",
        CHANGE,
        replace(INSIDE, move=lambda w, v, g, h: w + v - h.learning_rate * g).rule(),
    ),
    _wrong(
        "nesterov",
        "look-ahead",
        "looks-behind",
        "the gradient is taken where the parameter was",
        CHANGE,
        INSIDE.rule(),
        _behind,
    ),
]


def _twice_weighted(r: Any, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * r + (1.0 - h.decay) ** 2 * (g * g)


def _rmsprop(dialect: str, name: str, what: str, law: str, **parts: Any) -> Wrong:
    rule = replace(wrong_rmsprop.FORMS[dialect], **parts).rule()
    return _wrong("rmsprop", dialect, name, what, (law,), rule)


def _mean_of_before(r: Any, m: Any, h: SimpleNamespace) -> Any:
    return np.maximum(r - h.mean_before * h.mean_before, 0.0)


def _difference(r: Any, m: Any, h: SimpleNamespace) -> Any:
    return r - m * m


def _not_below_zero(r: Any, m: Any, h: SimpleNamespace) -> Any:
    return np.maximum(r - m * m, 0.0)


_RMSPROP = [
    _rmsprop(
        "epsilon-outside-root",
        "weighted-twice",
        "the square enters with weight (1 - decay)^2",
        "rmsprop-step-bound",
        accumulate=_twice_weighted,
    ),
    _rmsprop(
        "epsilon-inside-root+centered",
        "earlier-mean",
        "the mean of the steps before",
        "centered-with-zero-mean-is-rmsprop",
        variance=_mean_of_before,
    ),
    _rmsprop(
        "epsilon-outside-root+centered",
        "negative-variance",
        "the variance rounds to below zero",
        "centered-variance-stays-defined",
        variance=_difference,
    ),
    _rmsprop(
        "epsilon-inside-root+centered",
        "infinite-variance",
        "the difference of two infinite squares",
        "extreme-gradients",
        variance=_not_below_zero,
    ),
]


def _adadelta(name: str, what: str, step: Callable[..., Any], bug: str = "") -> Wrong:
    form = replace(wrong_adadelta.FORMS["epsilon-inside-roots"], step=step)
    laws = ("adadelta-units",)
    return _wrong("adadelta", "epsilon-inside-roots", name, what, laws, form.rule(), bug=bug)


_ADADELTA = [
    _adadelta("unitless", "is RMSProp", lambda s, r, g, e: g / np.sqrt(r + e)),
    _adadelta(
        "epsilon-below-alone",
        "without epsilon the average of the updates stays 0",
        lambda s, r, g, e: np.sqrt(s) / np.sqrt(r + e) * g,
        "flux-adadelta-nothing",
    ),
    _adadelta(
        "by-squares",
        "divides by the mean square",
        lambda s, r, g, e: np.sqrt(s + e) / (r + e) * g,
    ),
]


_ACCUMULATION = [
    _wrong(
        "gradient-accumulation",
        dialect,
        "never-due",
        "due where the count is 1 modulo k, which it never is for k = 1",
        ("accumulating-one-gradient-is-adam",),
        Accumulation(add, is_last=lambda n: n.step % n.every == 1).rule(),
    )
    for dialect, add in wrong_accumulation.ADD.items()
]

WRONG = [*_ZEROS, *_MOMENTUM, *_NESTEROV, *_RMSPROP, *_ADADELTA, *_ACCUMULATION]
