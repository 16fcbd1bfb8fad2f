"""Wrong RMSProp, in all its dialects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adaptive import ZERO, Form, common, inside, outside, variance, variant
from wrong_rmsprop_velocity import (
    ahead,
    along,
    down,
    rate_inside,
    rate_outside,
    shifted,
    velocity_slips,
)
from wrong_variants import SEQUENCE, STEP, Family, Slip, general_slips

MOMENTS = (*STEP, "constant-gradient-moments")
DEFINED = ("centered-variance-stays-defined",)


def _average(r: Any, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * r + (1.0 - h.decay) * (g * g)


def _from_first(r: Any, g: Any, h: SimpleNamespace) -> Any:
    return g * g if h.step == 1 else _average(r, g, h)


def _mean(m: Any, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * m + (1.0 - h.decay) * g


def _weight(h: SimpleNamespace) -> float:
    return 1.0 - h.decay**h.step


_PLAIN = Form("second_moment", _average, outside)
_INSIDE = replace(_PLAIN, denominator=inside)
_SLOW = replace(_PLAIN, velocity=rate_outside, move=down)
_FAST = replace(_INSIDE, velocity=rate_inside, move=along)

FORMS = {
    "epsilon-outside-root": _PLAIN,
    "epsilon-inside-root": _INSIDE,
    "epsilon-outside-root+centered": replace(_PLAIN, mean=_mean),
    "epsilon-inside-root+centered": replace(_INSIDE, mean=_mean),
    "epsilon-outside-root+learning-rate-outside": _SLOW,
    "epsilon-outside-root+centered+learning-rate-outside": replace(_SLOW, mean=_mean),
    "epsilon-inside-root+learning-rate-inside": _FAST,
    "epsilon-inside-root+centered+learning-rate-inside": replace(_FAST, mean=_mean),
    "epsilon-inside-root+learning-rate-inside+nesterov": replace(_FAST, move=shifted),
    "epsilon-outside-root+look-ahead": replace(
        _FAST, denominator=outside, point=ahead(lambda mu: mu)
    ),
    "epsilon-inside-root+first-square": replace(_INSIDE, accumulate=_from_first),
    "epsilon-inside-root+initial-mean-square": replace(
        _INSIDE, start=lambda h: h.initial_mean_square
    ),
    "epsilon-inside-root+corrected": replace(_INSIDE, weight=_weight),
    "epsilon-inside-root+centered+corrected": replace(_INSIDE, mean=_mean, weight=_weight),
}


def _mean_square(form: Form, laws: tuple[str, ...], bounded: tuple[str, ...] = ()) -> list[Slip]:
    """Slips in the average of the squares, which is shown; ``bounded`` limits what it divides."""
    slip = partial(variant, form)
    right = form.accumulate
    return [
        slip(
            "swapped",
            "decay and 1 - decay are swapped",
            laws,
            accumulate=lambda r, g, h: (1.0 - h.decay) * r + h.decay * (g * g),
        ),
        slip(
            "sum",
            "squares enter with weight 1",
            laws,
            accumulate=lambda r, g, h: h.decay * r + g * g,
        ),
        slip(
            "bracket",
            "a misplaced bracket: decay of the sum",
            (*laws, *bounded),
            accumulate=lambda r, g, h: h.decay * (r + (1.0 - h.decay) * (g * g)),
        ),
        slip(
            "fixed",
            "decay 0.99 whatever was asked",
            laws,
            accumulate=lambda r, g, h: right(r, g, SimpleNamespace(step=h.step, decay=0.99)),
        ),
        slip("adagrad", "the squares are summed", laws, accumulate=lambda r, g, h: r + g * g),
        slip(
            "starts-at-square",
            "the average starts at a square, and again wherever it is 0",
            laws,
            accumulate=lambda r, g, h: np.where(r == 0.0, g * g, _average(r, g, h)),
        ),
        slip(
            "start-1",
            "the average starts at 1",
            laws,
            start=lambda h: 1.0,
            accumulate=_average,
        ),
    ]


def _first_square(form: Form) -> list[Slip]:
    slip = partial(variant, form)
    return [
        slip("start-0", "the average starts at 0", STEP, accumulate=_average),
        slip(
            "starts-at-magnitude",
            "the average starts at the first magnitude",
            STEP,
            accumulate=lambda r, g, h: np.abs(g) if h.step == 1 else _average(r, g, h),
        ),
    ]


def _initial_mean_square(form: Form) -> list[Slip]:
    slip = partial(variant, form)
    return [
        slip("start-0", "the given mean square is ignored", STEP, start=lambda h: 0.0),
        slip(
            "start-squared",
            "the given value is squared",
            STEP,
            start=lambda h: h.initial_mean_square**2,
        ),
        slip(
            "start-weighted",
            "the given mean square is averaged with 0 first",
            STEP,
            start=lambda h: (1.0 - h.decay) * h.initial_mean_square,
        ),
        slip(
            "start-for-ever",
            "every square is averaged with the given one",
            SEQUENCE,
            accumulate=lambda r, g, h: _average(0.0 * r + h.initial_mean_square, g, h),
        ),
    ]


def _centered(form: Form, laws: tuple[str, ...]) -> list[Slip]:
    """Slips in the mean, which is shown, and in the variance, which ``laws`` see."""
    alone = form.velocity is None and form.weight is not _weight
    zero_mean = ("centered-with-zero-mean-is-rmsprop",) if alone else ()
    slip = partial(variant, form)
    if form.denominator is inside:
        other, where, bug = outside, "outside", "mxnet-rmsprop-sqrt-negative"
    else:
        other, where, bug = inside, "inside", "fastnn-rmsprop-negative-var"
    return [
        slip("plus", "the squared mean is added", laws, variance=lambda r, m, h: r + m * m),
        slip("unsquared", "the mean is not squared", laws, variance=lambda r, m, h: r - m),
        slip("uncentered", "the mean is never used", laws, variance=lambda r, m, h: r),
        slip(
            "mean-late",
            "the mean is updated after its use",
            (*laws, *zero_mean),
            variance=lambda r, m, h: variance(r, h.mean_before),
        ),
        slip(
            "mean-sum",
            "gradients enter the mean with weight 1",
            MOMENTS,
            mean=lambda m, g, h: h.decay * m + g,
        ),
        slip(
            "mean-swapped",
            "decay and 1 - decay are swapped in the mean",
            MOMENTS,
            mean=lambda m, g, h: (1.0 - h.decay) * m + h.decay * g,
        ),
        slip(
            "mean-of-magnitudes",
            "the mean of the magnitudes",
            (*MOMENTS, *zero_mean),
            mean=lambda m, g, h: _mean(m, np.abs(g), h),
        ),
        slip("mean-lost", "the mean stays that of step 1", SEQUENCE, lost=("first_moment",)),
        slip(
            "unclamped",
            "a variance that rounds to below zero has no root, and inf - inf is undefined",
            (*DEFINED, "extreme-gradients"),
            variance=lambda r, m, h: r - m * m,
        ),
        slip(
            "unclamped-other-root",
            f"such a variance, and epsilon {where} the root",
            (*laws, *DEFINED),
            bug,
            variance=lambda r, m, h: r - m * m,
            denominator=other,
        ),
    ]


def _corrected(form: Form, laws: tuple[str, ...]) -> list[Slip]:
    """Slips in the correction, which ``laws`` see."""
    slip = partial(variant, form)
    slips = [
        slip("uncorrected", "the averages are not corrected", laws, weight=lambda h: 1.0),
        slip(
            "from-2",
            "the count starts at 2",
            laws,
            weight=lambda h: 1.0 - h.decay ** (h.step + 1),
        ),
        slip("stopped", "the count stays at 1", SEQUENCE, weight=lambda h: 1.0 - h.decay),
        slip("upside-down", "multiplies by the weight", laws, weight=lambda h: 1.0 / _weight(h)),
    ]
    if form.mean is None:
        return [
            *slips,
            slip(
                "root-corrected",
                "the root is corrected as a whole, with epsilon in it",
                laws,
                weight=lambda h: 1.0,
                move=lambda w, q, v, h: w - h.learning_rate * _weight(h) ** 0.5 * q,
            ),
        ]
    return [
        *slips,
        slip(
            "squares-alone",
            "the mean is not corrected",
            laws,
            variance=lambda r, m, h: variance(r, m * _weight(h)),
        ),
        slip(
            "mean-alone",
            "the mean square is not corrected",
            laws,
            variance=lambda r, m, h: variance(r * _weight(h), m),
        ),
        slip(
            "corrected-once",
            "the variance is corrected as a whole",
            laws,
            weight=lambda h: 1.0,
            variance=lambda r, m, h: variance(r, m) / _weight(h),
        ),
    ]


def _family(dialect: str, form: Form) -> Family:
    # Corrected, the variance of a first gradient is 0, and its rounding hides everything.
    hidden = form.mean is not None and form.weight is _weight
    laws = SEQUENCE if hidden else STEP
    from_zero = not dialect.endswith(("first-square", "initial-mean-square"))
    bounded = ("rmsprop-step-bound",) if form in (_PLAIN, _INSIDE) else ()
    slips = [
        *common(form, laws, () if dialect.endswith("initial-mean-square") else ZERO),
        *_mean_square(form, MOMENTS if from_zero else SEQUENCE, bounded),
    ]
    if dialect.endswith("first-square"):
        slips += _first_square(form)
    if dialect.endswith("initial-mean-square"):
        slips += _initial_mean_square(form)
    if form.mean is not None:
        slips += _centered(form, laws)
    if form.weight is _weight:
        slips += _corrected(form, laws)
    if form.velocity is not None:
        slips += velocity_slips(form)
    right = form.rule()
    general = general_slips(right, form.point, stateful=True)
    if hidden:
        # What hides a first step hides all that is judged from the start.
        general = [slip for slip in general if "permuting-and-splitting" not in slip.laws]
    return Family("rmsprop", dialect, right, slips, form.point, general=general)


FAMILIES = [_family(dialect, form) for dialect, form in FORMS.items()]
