"""Wrong RAdam."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import wrong_adam_parts as adam
from wrong_adam_parts import Form, Part, changed, variant
from wrong_bias_corrections import corrections, second_biased
from wrong_nadam import MOMENT, Nesterov, hat, root
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip

SWITCH = (*SEQUENCE, "radam-switch")
Length = Callable[[float, float], float]


def _longest(beta2: float) -> float:
    return 2.0 / (1.0 - beta2) - 1.0


def _length(longest: float, n: SimpleNamespace) -> float:
    power: float = n.beta2**n.step
    return longest - 2.0 * n.step * power / (1.0 - power)


def _rectification(longest: float, length: float) -> float:
    ratio = (length - 4.0) * (length - 2.0) * longest
    return math.sqrt(ratio / ((longest - 4.0) * (longest - 2.0) * length))


@dataclass(frozen=True)
class Rectified:
    """The direction of RAdam in parts; ``lengths`` are rho of infinity and rho of t."""

    first: Part = hat
    longest: Callable[[float], float] = _longest
    length: Callable[[float, SimpleNamespace], float] = _length
    adapts: Callable[[float, SimpleNamespace], bool] = lambda length, n: length > n.threshold
    rectification: Callable[[float, float], float] = _rectification
    adaptive: Callable[[Any, SimpleNamespace], Any] = lambda first, n: first / root(n)
    plain: Callable[[Any, SimpleNamespace], Any] = lambda first, n: first

    def __call__(self, n: SimpleNamespace) -> Any:
        first, longest = self.first(n), self.longest(n.beta2)
        length = self.length(longest, n)
        if not self.adapts(length, n):
            return self.plain(first, n)
        return self.rectification(longest, length) * self.adaptive(first, n)


def _hat_root(first: Any, n: SimpleNamespace) -> Any:
    return math.sqrt(n.c2) * (first / (np.sqrt(n.v) + n.epsilon))


RADAM = {
    "epsilon-outside-root": Rectified(),
    "epsilon-hat": Rectified(adaptive=_hat_root),
    "epsilon-outside-root+nesterov": Rectified(first=Nesterov().moment),
}


def _shared_buffer(form: Form, right: Rectified) -> Rule:
    """What is made of betas and step is kept in ten places, one for each last digit."""
    buffer: dict[int, tuple[int, float, float, float]] = {}

    def direction(n: SimpleNamespace) -> Any:
        place = n.step % 10
        if place not in buffer or buffer[place][0] != n.step:
            longest = _longest(n.beta2)
            buffer[place] = n.step, n.c1, longest, _length(longest, n)
        _, c1, longest, length = buffer[place]
        kept = replace(right, longest=lambda beta2: longest, length=lambda rho, n: length)
        return kept(changed(n, c1=c1))

    return replace(form, direction=direction).rule()


def _others(form: Form, dialect: str) -> list[Slip]:
    def laws(other: str) -> tuple[str, ...]:
        # The plain step shows the first moment, and nothing of the denominator.
        return SEQUENCE if RADAM[other].first is RADAM[dialect].first else STEP

    return [
        variant(form, f"is-{other}", f"is the dialect {other}", laws(other), direction=direction)
        for other, direction in RADAM.items()
        if other != dialect
    ]


def _radam(dialect: str) -> Family:
    right = RADAM[dialect]
    form = Form(right)

    def slip(
        name: str, what: str, laws: tuple[str, ...] = SEQUENCE, bug: str = "", **parts: Any
    ) -> Slip:
        return variant(form, name, what, laws, bug, direction=replace(right, **parts))

    slips = [
        *_others(form, dialect),
        slip(
            "threshold-4",
            "adaptive from 4 on, whatever was asked",
            SWITCH,
            adapts=lambda length, n: length > 4.0,
        ),
        slip(
            "threshold-5",
            "adaptive from 5 on, whatever was asked",
            SWITCH,
            "bnb-lamb-max-unorm",
            adapts=lambda length, n: length > 5.0,
        ),
        slip(
            "never-adaptive",
            "the adaptive step is never taken",
            SWITCH,
            adapts=lambda length, n: False,
        ),
        slip(
            "adam-before",
            "is Adam up to the threshold",
            (*STEP, "radam-switch"),
            plain=right.adaptive,
        ),
        slip(
            "waits", "takes no step up to the threshold", STEP, plain=lambda first, n: 0.0 * first
        ),
        slip(
            "sign-before",
            "only the sign of the moment counts up to the threshold",
            STEP,
            plain=lambda first, n: np.sign(first),
        ),
        slip(
            "biased-before", "the plain moment is not corrected", STEP, plain=lambda first, n: n.m
        ),
        slip(
            "not-rectified",
            "is Adam from the threshold on",
            rectification=lambda longest, length: 1.0,
        ),
        slip(
            "rectified-inverse",
            "divides by the rectification",
            rectification=lambda longest, length: 1.0 / _rectification(longest, length),
        ),
        slip(
            "rectified-square",
            "the root of the rectification is forgotten",
            rectification=lambda longest, length: _rectification(longest, length) ** 2,
        ),
        slip(
            "rectified-swapped",
            "the last factors are swapped",
            rectification=lambda longest, length: (
                _rectification(longest, length) * length / longest
            ),
        ),
        slip(
            "rectified-short",
            "the last factors are left out",
            rectification=lambda longest, length: (
                _rectification(longest, length) * math.sqrt(length / longest)
            ),
        ),
        slip(
            "rectified-threshold",
            "length - 5 for length - 4 in the rectification",
            rectification=lambda longest, length: (
                _rectification(longest, length) * math.sqrt(abs((length - 5.0) / (length - 4.0)))
            ),
        ),
        slip(
            "length-half",
            "t beta2^t for 2 t beta2^t",
            length=lambda longest, n: 0.5 * (longest + _length(longest, n)),
        ),
        slip(
            "length-unsummed",
            "the denominator 1 - beta2^t is left out",
            length=lambda longest, n: longest - 2.0 * n.step * n.beta2**n.step,
        ),
        slip(
            "length-late",
            "the length of the step before",
            length=lambda longest, n: _length(longest, changed(n, step=max(1, n.step - 1))),
        ),
        slip(
            "length-early",
            "the length of the next step",
            length=lambda longest, n: _length(longest, changed(n, step=n.step + 1)),
        ),
        slip(
            "length-by-beta1",
            "the length is that of the first moment",
            length=lambda longest, n: _length(longest, changed(n, beta2=n.beta1)),
        ),
        slip(
            "longest-whole",
            "2 / (1 - beta2) for the longest length",
            longest=lambda beta2: _longest(beta2) + 1.0,
        ),
        slip(
            "longest-half",
            "1 / (1 - beta2) for the longest length",
            longest=lambda beta2: 0.5 * (_longest(beta2) + 1.0),
        ),
        Slip(
            "shared-buffer",
            "lengths and correction are kept by the last digit of the step, for all groups",
            ("parameter-groups",),
            lambda: _shared_buffer(form, right),
            per_run=True,
            bug="jettify-radam-shared-buffer",
        ),
        slip(
            "inside-root",
            "epsilon inside the root",
            adaptive=lambda first, n: first / np.sqrt(n.v / n.c2 + n.epsilon),
        ),
        *adam.epsilons(form, SEQUENCE),
        *adam.betas(form),
        *adam.first_moments(form),
        *adam.second_moments(form),
        *corrections(form),
        second_biased(form, SEQUENCE),
    ]
    if dialect == "epsilon-outside-root+nesterov":
        slips += [
            slip(name, what, STEP, first=replace(Nesterov(), **parts).moment)
            for name, what, parts in MOMENT
        ]
    return adam.family("radam", dialect, form, slips)


FAMILIES = [_radam(dialect) for dialect in RADAM]
