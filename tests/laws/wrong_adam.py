"""Wrong Adam, in all four dialects."""

from __future__ import annotations

from wrong_adam_parts import (
    DIRECTIONS,
    MOMENTS,
    Form,
    betas,
    changed,
    coordinates,
    epsilons,
    family,
    first_moments,
    others,
    second_moments,
    variant,
)
from wrong_bias_corrections import corrections, second_biased
from wrong_variants import STEP, Family, Slip

FIRST = (*STEP, "adam-first-step-size")


def _adam(dialect: str) -> Family:
    form = Form(DIRECTIONS[dialect])
    slips = [
        *others(form, DIRECTIONS, dialect),
        *coordinates(form),
        *epsilons(form),
        *betas(form),
        *first_moments(form),
        *second_moments(form),
        *_own(form, dialect),
    ]
    return family("adam", dialect, form, slips)


def _own(form: Form, dialect: str) -> list[Slip]:
    right = form.direction
    reductions = {
        "epsilon-outside-root": ("adam-with-both-decays-0-is-sign-descent",),
        "uncorrected": ("adam-without-first-decay-is-rmsprop",),
    }
    slips = [
        variant(
            form,
            "no-root",
            "divides by the second moment",
            (*STEP, *reductions.get(dialect, ())),
            direction=lambda n: right(changed(n, v=n.v * n.v, c2=n.c2 * n.c2)),
            bug="luatorch-adam-square",
        ),
        variant(
            form,
            "moments-swapped",
            "the moments are handed over in the wrong order",
            STEP,
            direction=lambda n: right(changed(n, m=n.v, v=n.m, c1=n.c2, c2=n.c1)),
            bug="optax-dog-arg-order",
        ),
    ]
    if dialect == "uncorrected":
        return slips
    return [
        *slips,
        *corrections(form, FIRST),
        second_biased(form, FIRST),
        variant(
            form,
            "mean-biased",
            "the first moment is divided by 1 + beta1^t",
            ("bias-correction-is-unbiased",),
            correction1=lambda b, t: 1.0 + b**t,
        ),
        variant(
            form,
            "tripled",
            "the gradient enters the first moment with weight 3 (1 - beta1)",
            ("adam-step-bound", *MOMENTS),
            first=lambda n: n.beta1 * n.m + 3.0 * (1.0 - n.beta1) * n.g,
        ),
    ]


FAMILIES = [_adam(dialect) for dialect in DIRECTIONS]
