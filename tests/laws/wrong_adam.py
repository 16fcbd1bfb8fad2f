"""Wrong Adam, in all four dialects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, flushes, general_slips, lazy

FIRST = (*STEP, "adam-first-step-size")
MOMENTS = (*STEP, "constant-gradient-moments")

# (first moment, second moment, their corrections, epsilon) to what the learning rate multiplies
Direction = Callable[[Any, Any, float, float, float], Any]

DIRECTIONS: dict[str, Direction] = {
    "epsilon-outside-root": lambda m, v, c1, c2, e: (m / c1) / (np.sqrt(v / c2) + e),
    "epsilon-inside-root": lambda m, v, c1, c2, e: (m / c1) / np.sqrt(v / c2 + e),
    "epsilon-hat": lambda m, v, c1, c2, e: math.sqrt(c2) / c1 * (m / (np.sqrt(v) + e)),
    "uncorrected": lambda m, v, c1, c2, e: m / (np.sqrt(v) + e),
}
CORRECTED = tuple(DIRECTIONS)[:-1]


def _average(m: Any, g: Any, decay: float) -> Any:
    return decay * m + (1.0 - decay) * g


def _correction(decay: float, step: int) -> float:
    return 1.0 - decay**step


def _from_zero(decay: float, step: int) -> float:
    return _correction(decay, step - 1)


@dataclass(frozen=True)
class Form:
    """Adam in parts."""

    direction: Direction
    count: Callable[[int], int] = lambda earlier: earlier + 1
    betas: Callable[[float, float], tuple[float, float]] = lambda b1, b2: (b1, b2)
    first: Callable[[Any, Any, float], Any] = _average
    second: Callable[[Any, Any, float], Any] = lambda v, g, b: _average(v, g * g, b)
    correction1: Callable[[float, int], float] = _correction
    correction2: Callable[[float, int], float] = _correction
    epsilon: Callable[[float], float] = lambda e: e
    store: tuple[str, ...] = ("first_moment", "second_moment")

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(
            w: Any,
            g: Any,
            state: Any,
            *,
            learning_rate: float,
            beta1: float,
            beta2: float,
            epsilon: float,
        ) -> Any:
            b1, b2 = self.betas(beta1, beta2)
            step = state["step"] = self.count(state.get("step", 0))
            zeros = np.zeros_like(g)
            after = {
                "first_moment": self.first(state.get("first_moment", zeros), g, b1),
                "second_moment": self.second(state.get("second_moment", zeros), g, b2),
            }
            for name, value in after.items():
                if name in self.store or name not in state:
                    state[name] = value
            c1, c2 = self.correction1(b1, step), self.correction2(b2, step)
            direction = self.direction(*after.values(), c1, c2, self.epsilon(epsilon))
            return w - learning_rate * direction

        return rule


def _slip(
    form: Form,
    name: str,
    what: str,
    laws: tuple[str, ...],
    bug: str = "",
    says: str = "",
    **parts: Any,
) -> Slip:
    rule = replace(form, **parts).rule()
    return Slip(name, what, laws, fixed(rule), says=says, bug=bug)


def _common(form: Form, dialect: str) -> list[Slip]:
    """Slips of every dialect."""
    right = form.direction
    elsewhere = [
        _slip(form, f"is-{other}", f"is the dialect {other}", STEP, direction=direction)
        for other, direction in DIRECTIONS.items()
        if other != dialect
    ]
    return [
        *elsewhere,
        Slip("lazy", "ignores zero gradients", SEQUENCE, fixed(lazy(form.rule()))),
        Slip("flushes", "subnormals are zero to it", STEP, fixed(flushes(form.rule()))),
        _slip(form, "no-epsilon", "epsilon is ignored", STEP, epsilon=lambda e: 0.0),
        _slip(form, "epsilon-squared", "epsilon is squared", STEP, epsilon=lambda e: e * e),
        _slip(form, "own-epsilon", "1e-8 for every epsilon", STEP, epsilon=lambda e: 1e-8),
        _slip(form, "swapped", "the betas are swapped", MOMENTS, betas=lambda b1, b2: (b2, b1)),
        _slip(form, "one-beta", "beta1 for both", MOMENTS, betas=lambda b1, b2: (b1, b1)),
        _slip(
            form,
            "beta2-fixed",
            "beta2 is 0.99 whatever was asked",
            MOMENTS,
            bug="torchsharp-adam-beta2-default",
            betas=lambda b1, b2: (b1, 0.99),
        ),
        _slip(
            form,
            "first-decay",
            "beta1 and 1 - beta1 are swapped",
            MOMENTS,
            first=lambda m, g, b: (1.0 - b) * m + b * g,
        ),
        _slip(
            form,
            "second-decay",
            "beta2 and 1 - beta2 are swapped",
            MOMENTS,
            second=lambda v, g, b: (1.0 - b) * v + b * (g * g),
        ),
        _slip(
            form,
            "no-square",
            "magnitudes for squares",
            MOMENTS,
            second=lambda v, g, b: _average(v, np.abs(g), b),
        ),
        _slip(
            form,
            "maximum",
            "the second moment never falls, as in AMSGrad",
            SEQUENCE,
            second=lambda v, g, b: np.maximum(v, _average(v, g * g, b)),
        ),
        _slip(
            form,
            "half-squares",
            "gradients are squared in float16",
            STEP,
            bug="chainer-adam-fp16-overflow",
            second=lambda v, g, b: _average(v, np.square(g.astype(np.float16)).astype(g.dtype), b),
        ),
        _slip(
            form,
            "half-moment",
            "the first moment is cast to float16 before it is used",
            STEP,
            bug="optax-adam-mu-dtype",
            direction=lambda m, v, c1, c2, e: right(
                np.asarray(m, np.float16).astype(m.dtype), v, c1, c2, e
            ),
        ),
        _slip(
            form,
            "no-root",
            "divides by the second moment",
            STEP,
            direction=lambda m, v, c1, c2, e: right(m, v * v, c1, c2 * c2, e),
            bug="luatorch-adam-square",
        ),
        _slip(
            form,
            "first-lost",
            "the first moment stays that of step 1",
            SEQUENCE,
            store=("second_moment",),
        ),
        _slip(
            form,
            "second-lost",
            "the second moment stays that of step 1",
            SEQUENCE,
            store=("first_moment",),
        ),
        _slip(
            form,
            "no-momentum",
            "the gradient in place of the first moment",
            STEP,
            first=lambda m, g, b: g,
        ),
    ]


def _corrections(form: Form) -> list[Slip]:
    """Slips in the bias correction."""

    def cached() -> Rule:
        known: dict[int, float] = {}

        def correction(decay: float, step: int) -> float:
            return known.setdefault(step, _correction(decay, step))

        return replace(form, correction1=correction).rule()

    def counted_by_calls() -> Rule:
        calls = [0]

        def count(earlier: int) -> int:
            calls[0] += 1
            return calls[0]

        return replace(form, count=count).rule()

    def never(decay: float, step: int) -> float:
        return 1.0

    return [
        _slip(
            form,
            "saturates",
            "the count stops at 256, as in bfloat16",
            ("late-steps",),
            count=lambda t: min(t + 1, 256),
        ),
        _slip(form, "first-biased", "the first moment is not corrected", FIRST, correction1=never),
        _slip(form, "second-biased", "the second is not corrected", FIRST, correction2=never),
        Slip(
            "from-0",
            "the count starts at 0",
            FIRST,
            replace(form, correction1=_from_zero, correction2=_from_zero).rule,
            raises=True,
        ),
        _slip(form, "from-2", "the count starts at 2", FIRST, count=lambda t: max(t, 1) + 1),
        _slip(form, "stopped", "the count stays at 1", SEQUENCE, count=lambda t: 1),
        _slip(
            form, "by-two", "the count goes up by two", SEQUENCE, count=lambda t: t + 1 + (t > 0)
        ),
        _slip(
            form,
            "wrong-power",
            "1 - (1 - beta)^2 for 1 - beta^t",
            FIRST,
            bug="luatorch-adam-square",
            correction1=lambda b, t: 1.0 - (1.0 - b) ** 2,
            correction2=lambda b, t: 1.0 - (1.0 - b) ** 2,
        ),
        _slip(
            form,
            "linear",
            "beta t for beta^t",
            SEQUENCE,
            correction1=lambda b, t: abs(1.0 - b * t),
        ),
        _slip(
            form,
            "promoted",
            "a float64 correction makes the result float64",
            ("contract",),
            says="dtype float64",
            bug="jax-adam-promotion",
            correction1=lambda b, t: np.float64(1.0 - b**t),
            direction=lambda m, v, c1, c2, e: form.direction(m, v, float(c1), c2, e) * c1 / c1,
        ),
        Slip(
            "cached",
            "the correction is cached for the betas of the first run",
            STEP,
            cached,
            bug="jettify-radam-shared-buffer",
        ),
        Slip(
            "shared-count",
            "one count for all parameters, one up at every call",
            ("permuting-and-splitting", "exact-step"),
            counted_by_calls,
            per_run=True,
            bug="deepspeed-fusedadam-step",
        ),
    ]


def _family(dialect: str) -> Family:
    form = Form(DIRECTIONS[dialect])
    right = form.rule()
    slips = _common(form, dialect) + (_corrections(form) if dialect in CORRECTED else [])
    return Family("adam", dialect, right, slips, general=general_slips(right, None, stateful=True))


FAMILIES = [_family(dialect) for dialect in DIRECTIONS]
