"""Wrong Adamax and Yogi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_adam_parts as adam
from wrong_adam_parts import ACROSS, DIRECTIONS, MOMENTS, Form, Part, average, changed, variant
from wrong_bias_corrections import corrections, second_biased
from wrong_variants import CONTRACT, SEQUENCE, STEP, Family, Slip, fixed, lazy

BOUND = (*STEP, "yogi-increment-bound")


@dataclass(frozen=True)
class Norm:
    """Adamax in parts: the infinity norm ``v`` and what it divides."""

    inside: bool
    magnitude: Callable[[Any], Any] = np.abs
    keep: Callable[[Any, Any, SimpleNamespace], Any] = lambda u, a, n: np.maximum(n.beta2 * u, a)
    bottom: Part | None = None

    def form(self) -> Form:
        """The rule in its parts."""

        def second(n: SimpleNamespace) -> Any:
            magnitude = self.magnitude(n.g)
            return self.keep(n.v, magnitude + n.epsilon if self.inside else magnitude, n)

        def direction(n: SimpleNamespace) -> Any:
            denominator = n.v if self.inside else n.v + n.epsilon
            return (n.m / n.c1) / (self.bottom(n) if self.bottom else denominator)

        return Form(direction, second=second, names=("first_moment", "infinity_norm"))


ADAMAX = {"epsilon-in-maximum": Norm(True), "epsilon-added": Norm(False)}


def _adamax(dialect: str) -> Family:
    right = ADAMAX[dialect]
    form = right.form()

    def slip(
        name: str, what: str, laws: tuple[str, ...], bug: str = "", says: str = "", **parts: Any
    ) -> Slip:
        rule = replace(right, **parts).form().rule()
        return Slip(name, what, laws, fixed(rule), bug=bug, says=says)

    def with_norm(change: Part) -> Part:
        """``change`` divides in place of the norm."""
        return lambda n: change(n) if right.inside else change(n) + n.epsilon

    other = next(each for each in ADAMAX if each != dialect)
    slips = [
        slip(f"is-{other}", f"is the dialect {other}", STEP, inside=not right.inside),
        slip("no-magnitude", "the gradient, not its magnitude", STEP, magnitude=lambda g: g),
        slip("square", "the square for the magnitude", STEP, magnitude=np.square),
        slip(
            "magnitude-in-place",
            "the magnitude overwrites the gradient",
            CONTRACT,
            "mxnet-grad-mutation",
            "changes the gradient",
            magnitude=lambda g: np.abs(g, out=g),
        ),
        slip(
            "no-decay",
            "the norm never falls",
            SEQUENCE,
            keep=lambda u, a, n: np.maximum(u, a),
        ),
        slip("no-past", "the magnitude alone", SEQUENCE, keep=lambda u, a, n: a),
        slip("sum", "the sum for the maximum", SEQUENCE, keep=lambda u, a, n: n.beta2 * u + a),
        slip(
            "average",
            "an average of magnitudes",
            STEP,
            keep=lambda u, a, n: average(u, a, n.beta2),
        ),
        slip(
            "weighted",
            "the magnitude enters with weight 1 - beta2",
            STEP,
            keep=lambda u, a, n: np.maximum(n.beta2 * u, (1.0 - n.beta2) * a),
        ),
        slip(
            "decays-all",
            "the larger of norm and magnitude decays",
            STEP,
            keep=lambda u, a, n: n.beta2 * np.maximum(u, a),
        ),
        slip(
            "minimum",
            "the minimum for the maximum",
            STEP,
            keep=lambda u, a, n: np.minimum(n.beta2 * u, a),
        ),
        slip(
            "second-norm",
            "the root of a sum of squares",
            SEQUENCE,
            keep=lambda u, a, n: np.hypot(n.beta2 * u, a),
        ),
        slip(
            "over-coordinates",
            "the maximum over all coordinates",
            ACROSS,
            keep=lambda u, a, n: np.maximum(n.beta2 * u, np.max(a, initial=0.0)),
        ),
        slip("no-epsilon", "epsilon is ignored", STEP, inside=False, bottom=lambda n: n.v),
        slip(
            "epsilon-twice",
            "epsilon is in the norm, and added",
            STEP,
            inside=True,
            bottom=lambda n: n.v + n.epsilon,
        ),
        slip(
            "root",
            "divides by the root of the norm",
            STEP,
            bottom=with_norm(lambda n: np.sqrt(n.v)),
        ),
        slip(
            "norm-corrected",
            "the norm is corrected like a moment",
            STEP,
            bottom=with_norm(lambda n: n.v / n.c2),
        ),
        slip(
            "epsilon-kept",
            "epsilon is added to the norm at every step",
            SEQUENCE,
            keep=lambda u, a, n: right.keep(u, a, n) + n.epsilon,
        ),
        variant(
            form,
            "corrected-by-beta2",
            "the first moment is corrected with beta2",
            STEP,
            direction=lambda n: form.direction(changed(n, c1=n.c2)),
        ),
        variant(form, "swapped", "the betas are swapped", MOMENTS, betas=lambda b1, b2: (b2, b1)),
        variant(
            form, "norm-lost", "the norm stays that of step 1", SEQUENCE, lost="infinity_norm"
        ),
        *adam.first_moments(form),
        *corrections(form),
    ]
    return adam.family("adamax", dialect, form, slips)


def _controlled(n: SimpleNamespace) -> Any:
    square = n.g * n.g
    increment = (1.0 - n.beta2) * square
    # Where both have overflown, neither is larger.
    return np.where(n.v > square, n.v - increment, np.where(n.v < square, n.v + increment, n.v))


YOGI: dict[str, Part] = {
    "both-moments-given": lambda n: (n.initial_accumulator, n.initial_accumulator),
    "second-moment-given": lambda n: (0.0, n.initial_accumulator),
}


def _yogi(dialect: str) -> Family:
    start = YOGI[dialect]
    form = Form(DIRECTIONS["epsilon-outside-root"], start=start, second=_controlled)

    def slip(name: str, what: str, second: Part, bug: str = "", laws: Any = STEP) -> Slip:
        return variant(form, name, what, laws, bug, second=second)

    def by_sign(sign: Part, weight: Part = lambda n: 1.0 - n.beta2) -> Part:
        """``v`` less the square, with this sign and weight."""
        return lambda n: n.v - weight(n) * sign(n) * (n.g * n.g)

    def sign(n: SimpleNamespace) -> Any:
        return np.sign(n.v - n.g * n.g)

    def started(change: Callable[[float], float]) -> Part:
        return lambda n: start(changed(n, initial_accumulator=change(n.initial_accumulator)))

    other = next(each for each in YOGI if each != dialect)
    slips = [
        variant(form, f"is-{other}", f"is the dialect {other}", STEP, start=YOGI[other]),
        slip(
            "sign-squared",
            "the signed square is squared, and averaged",
            lambda n: average(n.v, np.square(sign(n) * (n.g * n.g)), n.beta2),
            "optax-yogi-squared-sign",
        ),
        slip(
            "adam",
            "the average of squares",
            lambda n: average(n.v, n.g * n.g, n.beta2),
            laws=BOUND,
        ),
        slip("other-sign", "the sign is wrong", by_sign(lambda n: -sign(n))),
        slip("only-grows", "the square is always added", by_sign(lambda n: -1.0)),
        slip("only-falls", "the square is always taken off", by_sign(lambda n: 1.0)),
        slip("sign-of-gradient", "the sign of the gradient", by_sign(lambda n: np.sign(n.g))),
        slip(
            "no-square", "compares with the magnitude", by_sign(lambda n: np.sign(n.v - abs(n.g)))
        ),
        slip(
            "compares-roots",
            "compares the root with the square",
            by_sign(lambda n: np.sign(np.sqrt(n.v) - n.g * n.g)),
        ),
        slip("smooth", "tanh for the sign", by_sign(lambda n: np.tanh(n.v - n.g * n.g))),
        slip(
            "full-weight",
            "the square enters with weight 1",
            by_sign(sign, lambda n: 1.0),
            laws=BOUND,
        ),
        slip("complement", "beta2 for 1 - beta2", by_sign(sign, lambda n: n.beta2)),
        slip("first-weight", "the weight 1 - beta1", by_sign(sign, lambda n: 1.0 - n.beta1)),
        slip(
            "magnitudes",
            "changes by the magnitude",
            lambda n: n.v - (1.0 - n.beta2) * sign(n) * np.abs(n.g),
        ),
        slip(
            "decays",
            "the second moment decays beside it",
            lambda n: n.beta2 * n.v - (1.0 - n.beta2) * sign(n) * (n.g * n.g),
        ),
        slip(
            "relative",
            "changes by a part of itself",
            lambda n: n.v - (1.0 - n.beta2) * sign(n) * n.v,
        ),
        slip(
            "one-sign",
            "one sign for all coordinates",
            by_sign(lambda n: np.sign(np.sum(n.v - n.g * n.g))),
            laws=(*STEP, "nan-stays-put"),
        ),
        variant(form, "start-0", "the moments start at 0", STEP, start=lambda n: (0.0, 0.0)),
        variant(form, "start-1", "the start is 1", STEP, start=started(lambda a: 1.0)),
        variant(form, "own-start", "1e-6 for every start", STEP, start=started(lambda a: 1e-6)),
        variant(
            form, "start-squared", "the start is squared", STEP, start=started(lambda a: a * a)
        ),
        variant(
            form,
            "inside-root",
            "epsilon stands inside the root",
            STEP,
            direction=DIRECTIONS["epsilon-inside-root"],
        ),
        variant(
            form,
            "epsilon-hat",
            "epsilon stands before the correction",
            STEP,
            direction=DIRECTIONS["epsilon-hat"],
        ),
        variant(
            form,
            "second-lost",
            "the second moment stays that of step 1",
            SEQUENCE,
            lost="second_moment",
        ),
        Slip("lazy", "ignores zero gradients", SEQUENCE, fixed(lazy(form.rule()))),
        *adam.epsilons(form),
        *adam.betas(form, STEP),
        *adam.first_moments(form, STEP),
        *corrections(form),
        second_biased(form),
    ]
    return adam.family("yogi", dialect, form, slips)


FAMILIES = [
    *(_adamax(dialect) for dialect in ADAMAX),
    *(_yogi(dialect) for dialect in YOGI),
]
