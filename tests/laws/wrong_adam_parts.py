"""Adam in parts, and the slips that Adam and its descendants have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import (
    SEQUENCE,
    STEP,
    Family,
    Rule,
    Slip,
    fixed,
    flushes,
    general_slips,
    lazy,
)

MOMENTS = (*STEP, "constant-gradient-moments")
LATE = ("late-steps",)
ACROSS = (*STEP, "permuting-and-splitting", "nan-stays-put")

# A part of the rule; what it sees is described in Form.
Part = Callable[[SimpleNamespace], Any]

DIRECTIONS: dict[str, Part] = {
    "epsilon-outside-root": lambda n: (n.m / n.c1) / (np.sqrt(n.v / n.c2) + n.epsilon),
    "epsilon-inside-root": lambda n: (n.m / n.c1) / np.sqrt(n.v / n.c2 + n.epsilon),
    "epsilon-hat": lambda n: math.sqrt(n.c2) / n.c1 * (n.m / (np.sqrt(n.v) + n.epsilon)),
    "uncorrected": lambda n: n.m / (np.sqrt(n.v) + n.epsilon),
}


def average(m: Any, g: Any, decay: float) -> Any:
    """An exponential average."""
    return decay * m + (1.0 - decay) * g


def correction(decay: float, step: int) -> float:
    """The weight of the gradients in an average."""
    return 1.0 - decay**step


def changed(n: SimpleNamespace, **values: Any) -> SimpleNamespace:
    """``n`` with other values; the state is the same."""
    return SimpleNamespace(**{**vars(n), **values})


@dataclass(frozen=True)
class Form:
    """Adam in parts.

    Each sees ``n``: ``w``, ``g``, ``state``, ``step``, the hyper-parameters, the moments ``m`` and
    ``v`` (the old ones in ``first`` and ``second``), their corrections ``c1`` and ``c2``, and
    ``move`` the ``direction`` too.
    """

    direction: Part
    count: Callable[[int], int] = lambda earlier: earlier + 1
    betas: Callable[[float, float], tuple[float, float]] = lambda b1, b2: (b1, b2)
    epsilon: Callable[[float], float] = lambda e: e
    gradient: Part = lambda n: n.g
    start: Part = lambda n: (0.0, 0.0)
    first: Part = lambda n: average(n.m, n.g, n.beta1)
    second: Part = lambda n: average(n.v, n.g * n.g, n.beta2)
    correction1: Callable[[float, int], float] = correction
    correction2: Callable[[float, int], float] = correction
    move: Part = lambda n: n.w - n.learning_rate * n.direction
    names: tuple[str, str] = ("first_moment", "second_moment")
    # the moment that stays that of the first step
    lost: str = ""

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            n = SimpleNamespace(w=w, g=g, state=state, **hyperparameters)
            n.beta1, n.beta2 = self.betas(n.beta1, n.beta2)
            n.epsilon = self.epsilon(n.epsilon)
            n.step = state["step"] = self.count(state.get("step", 0))
            n.g = self.gradient(n)
            starts = zip(self.names, self.start(n), strict=True)
            n.m, n.v = (state.get(name, np.full_like(g, start)) for name, start in starts)
            n.m, n.v = self.first(n), self.second(n)
            for name, value in zip(self.names, (n.m, n.v), strict=True):
                if name != self.lost or name not in state:
                    state[name] = value
            n.c1, n.c2 = self.correction1(n.beta1, n.step), self.correction2(n.beta2, n.step)
            n.direction = self.direction(n)
            return self.move(n)

        return rule


def variant(
    form: Form,
    name: str,
    what: str,
    laws: tuple[str, ...],
    bug: str = "",
    says: str = "",
    **parts: Any,
) -> Slip:
    """``form`` with other ``parts``."""
    rule = replace(form, **parts).rule()
    return Slip(name, what, laws, fixed(rule), says=says, bug=bug)


def others(form: Form, directions: Mapping[str, Part], dialect: str) -> list[Slip]:
    """Slips that are another dialect."""
    return [
        variant(form, f"is-{other}", f"is the dialect {other}", STEP, direction=direction)
        for other, direction in directions.items()
        if other != dialect
    ]


def coordinates(form: Form) -> list[Slip]:
    """Slips about zero and tiny gradients."""
    right = form.rule()
    return [
        Slip("lazy", "ignores zero gradients", SEQUENCE, fixed(lazy(right))),
        Slip("flushes", "subnormals are zero to it", STEP, fixed(flushes(right))),
    ]


def epsilons(form: Form, laws: tuple[str, ...] = STEP) -> list[Slip]:
    """Slips in the size of epsilon."""
    return [
        variant(form, "no-epsilon", "epsilon is ignored", laws, epsilon=lambda e: 0.0),
        variant(form, "epsilon-squared", "epsilon is squared", laws, epsilon=lambda e: e * e),
        variant(form, "own-epsilon", "1e-8 for every epsilon", laws, epsilon=lambda e: 1e-8),
    ]


def betas(form: Form, laws: tuple[str, ...] = MOMENTS) -> list[Slip]:
    """Slips in the decay rates."""
    return [
        variant(form, "swapped", "the betas are swapped", laws, betas=lambda b1, b2: (b2, b1)),
        variant(form, "one-beta", "beta1 for both", laws, betas=lambda b1, b2: (b1, b1)),
        variant(
            form,
            "beta2-fixed",
            "beta2 is 0.99 whatever was asked",
            laws,
            bug="torchsharp-adam-beta2-default",
            betas=lambda b1, b2: (b1, 0.99),
        ),
        variant(
            form,
            "beta2-zero",
            "beta2 is 0 whatever was asked",
            laws,
            bug="bnb-lion-beta2",
            betas=lambda b1, b2: (b1, 0.0),
        ),
    ]


def first_moments(form: Form, laws: tuple[str, ...] = MOMENTS) -> list[Slip]:
    """Slips in the first moment."""
    right = form.direction
    return [
        variant(
            form,
            "first-decay",
            "beta1 and 1 - beta1 are swapped",
            laws,
            first=lambda n: average(n.m, n.g, 1.0 - n.beta1),
        ),
        variant(
            form,
            "half-moment",
            "the first moment is cast to float16 before it is used",
            STEP,
            bug="optax-adam-mu-dtype",
            direction=lambda n: right(changed(n, m=np.asarray(n.m, np.float16).astype(n.m.dtype))),
        ),
        variant(
            form,
            "first-lost",
            "the first moment stays that of step 1",
            SEQUENCE,
            lost=form.names[0],
        ),
        variant(
            form,
            "no-momentum",
            "the gradient in place of the first moment",
            STEP,
            first=lambda n: n.g,
        ),
        variant(
            form,
            "moment-unused",
            "the first moment is kept, and the gradient is used",
            STEP,
            bug="kozistr-scion-lmo-grad",
            direction=lambda n: right(changed(n, m=n.g)),
        ),
    ]


def second_moments(form: Form, laws: tuple[str, ...] = MOMENTS) -> list[Slip]:
    """Slips in the second moment, where it is an average of squares."""

    def squares(name: str, what: str, bug: str, dtype: Any) -> Slip:
        def second(n: SimpleNamespace) -> Any:
            return average(n.v, np.square(n.g.astype(dtype)).astype(n.g.dtype), n.beta2)

        return variant(form, name, what, STEP, bug=bug, second=second)

    return [
        variant(
            form,
            "second-decay",
            "beta2 and 1 - beta2 are swapped",
            laws,
            second=lambda n: average(n.v, n.g * n.g, 1.0 - n.beta2),
        ),
        variant(
            form,
            "no-square",
            "magnitudes for squares",
            laws,
            second=lambda n: average(n.v, np.abs(n.g), n.beta2),
        ),
        variant(
            form,
            "maximum",
            "the second moment never falls",
            SEQUENCE,
            second=lambda n: np.maximum(n.v, average(n.v, n.g * n.g, n.beta2)),
        ),
        squares(
            "half-squares",
            "gradients are squared in float16",
            "chainer-adam-fp16-overflow",
            np.float16,
        ),
        squares(
            "single-squares",
            "gradients are squared in float32",
            "tfa-novograd-float64",
            np.float32,
        ),
        variant(
            form,
            "second-lost",
            "the second moment stays that of step 1",
            SEQUENCE,
            lost=form.names[1],
        ),
    ]


def family(method: str, dialect: str, form: Form, slips: list[Slip]) -> Family:
    """The slips of one dialect, and the general ones."""
    right = form.rule()
    return Family(method, dialect, right, slips, general=general_slips(right, None, stateful=True))
