"""Wrong AdaGrad, and the parts that it shares with RMSProp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips

ZERO = ("zero-gradients",)


def variance(r: Any, m: Any) -> Any:
    """``r - m**2``, whether it rounds to below zero or both overflow."""
    return np.where(np.isinf(r), r, np.maximum(r - m * m, 0.0))


@dataclass(frozen=True)
class Form:
    """An adaptive rule in parts; without ``mean`` or ``velocity`` it has none.

    ``h`` holds the hyper-parameters and, of this step, its number ``step``, the ``denominator``
    and the ``mean_before``. What is in ``lost`` stays as the first step leaves it.
    """

    held: str
    accumulate: Callable[[Any, Any, SimpleNamespace], Any]
    denominator: Callable[[Any, float], Any]
    start: Callable[[SimpleNamespace], float] = lambda h: 0.0
    mean: Callable[[Any, Any, SimpleNamespace], Any] | None = None
    variance: Callable[[Any, Any, SimpleNamespace], Any] = lambda r, m, h: variance(r, m)
    # The total weight of the gradients so far, where the averages are corrected for it.
    weight: Callable[[SimpleNamespace], float] = lambda h: 1.0
    epsilon: Callable[[float], float] = lambda e: e
    numerator: Callable[[Any], Any] = lambda g: g
    velocity: Callable[[Any, Any, SimpleNamespace], Any] | None = None
    buffer: str = "velocity"
    move: Callable[[Any, Any, Any, SimpleNamespace], Any] = lambda w, q, v, h: (
        w - h.learning_rate * q
    )
    lost: tuple[str, ...] = ()
    point: Rule | None = None

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            h = SimpleNamespace(**hyperparameters, step=state.get("step", 0) + 1)
            zeros = np.zeros_like(g)
            after = {"step": h.step}
            squares = self.accumulate(state.get(self.held, zeros + self.start(h)), g, h)
            after[self.held] = squares
            squares = squares / self.weight(h)
            if self.mean is not None:
                h.mean_before = state.get("first_moment", zeros)
                mean = after["first_moment"] = self.mean(h.mean_before, g, h)
                squares = self.variance(squares, mean / self.weight(h), h)
            h.denominator = self.denominator(squares, self.epsilon(h.epsilon))
            quotient = self.numerator(g) / h.denominator
            velocity = None
            if self.velocity is not None:
                velocity = self.velocity(state.get(self.buffer, zeros), quotient, h)
                after[self.buffer] = velocity
            state.update({k: v for k, v in after.items() if k not in self.lost or k not in state})
            return self.move(w, quotient, velocity, h)

        return rule


def outside(r: Any, e: float) -> Any:
    """Epsilon outside the root."""
    return np.sqrt(r) + e


def inside(r: Any, e: float) -> Any:
    """Epsilon inside the root."""
    return np.sqrt(r + e)


ADAGRAD = Form(
    "sum_of_squares", lambda r, g, h: r + g * g, outside, lambda h: h.initial_accumulator
)


def variant(
    form: Form, name: str, what: str, laws: tuple[str, ...], bug: str = "", **parts: Any
) -> Slip:
    """The form with some of its parts changed."""
    changed = replace(form, **parts)
    return Slip(name, what, laws, fixed(changed.rule()), changed.point, bug=bug)


def common(
    form: Form, laws: tuple[str, ...] = STEP, at_zero: tuple[str, ...] = ZERO
) -> list[Slip]:
    """Slips of every adaptive rule.

    ``laws`` see what is wrong with a denominator, and ``at_zero`` that there may be none.
    """
    slip = partial(variant, form)
    right = form.denominator
    other, where = (inside, "inside") if right is outside else (outside, "outside")
    return [
        slip("other-root", f"epsilon is {where} the root", laws, denominator=other),
        slip("no-epsilon", "epsilon is ignored", (*laws, *at_zero), epsilon=lambda e: 0.0),
        slip("epsilon-squared", "epsilon is squared", laws, epsilon=lambda e: e * e),
        slip("own-epsilon", "1e-8 for every epsilon", laws, epsilon=lambda e: 1e-8),
        slip("no-root", "divides by the squares", laws, denominator=lambda r, e: r + e),
        slip(
            "epsilon-maximum",
            "the root, or epsilon where that is larger",
            laws,
            denominator=lambda r, e: np.maximum(np.sqrt(r), e),
        ),
        slip(
            "magnitudes",
            "magnitudes are accumulated, not squares",
            STEP,
            accumulate=lambda r, g, h: form.accumulate(r, np.sqrt(np.abs(g)), h),
        ),
        slip(
            "before",
            "divides by the squares of the steps before",
            laws,
            denominator=lambda r, e: right(np.zeros_like(r), e),
        ),
        slip(
            "numerator-scaled",
            "the gradient is divided twice",
            laws,
            numerator=lambda g: g / (np.abs(g) + 1e-8),
        ),
        slip("not-stored", "the squares stay those of step 1", SEQUENCE, lost=(form.held,)),
        slip(
            "rate-in-state",
            "the rate is inside the squares",
            STEP,
            accumulate=lambda r, g, h: form.accumulate(r, h.learning_rate * g, h),
        ),
    ]


def _adagrad(form: Form) -> list[Slip]:
    slip = partial(variant, form)
    return [
        *common(form),
        slip("no-start", "the initial accumulator is ignored", STEP, start=lambda h: 0.0),
        slip("start-0.1", "the accumulator starts at 0.1", STEP, start=lambda h: 0.1),
        slip(
            "start-squared",
            "the accumulator starts at its square",
            STEP,
            start=lambda h: h.initial_accumulator**2,
        ),
        slip(
            "forgets",
            "the accumulator decays, as in RMSProp",
            (*SEQUENCE, "adagrad-rates-never-rise"),
            accumulate=lambda r, g, h: 0.99 * r + g * g,
        ),
        slip(
            "square-of-sum",
            "the square of the sum of gradients",
            SEQUENCE,
            accumulate=lambda r, g, h: r + g * g + 2.0 * np.sqrt(r) * g,
        ),
        slip(
            "sum-of-two",
            "takes the sum of two gradients for their mean, and half the rate for that",
            STEP,
            "caffe-adagrad-iter-size",
            accumulate=lambda r, g, h: r + 4.0 * (g * g),
            numerator=lambda g: 2.0 * g,
            move=lambda w, q, v, h: w - h.learning_rate / 2.0 * q,
        ),
    ]


def _family(dialect: str, form: Form) -> Family:
    right = form.rule()
    general = general_slips(right, None, stateful=True)
    return Family("adagrad", dialect, right, _adagrad(form), general=general)


FAMILIES = (
    _family("epsilon-outside-root", ADAGRAD),
    _family("epsilon-inside-root", replace(ADAGRAD, denominator=inside)),
)
