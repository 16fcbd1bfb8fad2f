"""Wrong AdaGrad and RMSProp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips


@dataclass(frozen=True)
class Form:
    """An adaptive rule in parts: the accumulated squares, and the denominator made of them."""

    held: str
    accumulate: Callable[[Any, Any, SimpleNamespace], Any]
    denominator: Callable[[Any, float], Any]
    start: Callable[[SimpleNamespace], float] = lambda h: 0.0
    numerator: Callable[[Any], Any] = lambda g: g
    move: Callable[[Any, Any, SimpleNamespace], Any] = lambda w, q, h: w - h.learning_rate * q
    epsilon: Callable[[float], float] = lambda e: e
    store: bool = True

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            h = SimpleNamespace(**hyperparameters)
            first = self.held not in state
            before = np.full_like(g, self.start(h)) if first else state[self.held]
            squares = self.accumulate(before, g, h)
            if self.store or first:
                state[self.held] = squares
            denominator = self.denominator(squares, self.epsilon(h.epsilon))
            return self.move(w, self.numerator(g) / denominator, h)

        return rule


def outside(r: Any, e: float) -> Any:
    """Epsilon outside the root."""
    return np.sqrt(r) + e


def inside(r: Any, e: float) -> Any:
    """Epsilon inside the root."""
    return np.sqrt(r + e)


def _average(r: Any, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * r + (1.0 - h.decay) * (g * g)


ADAGRAD = Form(
    "sum_of_squares", lambda r, g, h: r + g * g, outside, lambda h: h.initial_accumulator
)
RMSPROP = Form("second_moment", _average, outside)

MOMENTS = (*STEP, "constant-gradient-moments")


def _slip(
    form: Form, name: str, what: str, laws: tuple[str, ...], bug: str = "", **parts: Any
) -> Slip:
    return Slip(name, what, laws, fixed(replace(form, **parts).rule()), bug=bug)


def _common(form: Form) -> list[Slip]:
    """Slips of every adaptive rule."""
    right = form.denominator
    other, where = (inside, "inside") if right is outside else (outside, "outside")
    return [
        _slip(form, "other-root", f"epsilon stands {where} the root", STEP, denominator=other),
        _slip(form, "no-epsilon", "epsilon is ignored", STEP, epsilon=lambda e: 0.0),
        _slip(form, "epsilon-squared", "epsilon is squared", STEP, epsilon=lambda e: e * e),
        _slip(form, "own-epsilon", "1e-8 for every epsilon", STEP, epsilon=lambda e: 1e-8),
        _slip(form, "no-root", "divides by the squares", STEP, denominator=lambda r, e: r + e),
        _slip(
            form,
            "epsilon-maximum",
            "the root, or epsilon where that is larger",
            STEP,
            denominator=lambda r, e: np.maximum(np.sqrt(r), e),
        ),
        _slip(
            form,
            "magnitudes",
            "magnitudes are accumulated, not squares",
            STEP,
            accumulate=lambda r, g, h: form.accumulate(r, np.sqrt(np.abs(g)), h),
        ),
        _slip(
            form,
            "before",
            "divides by the squares of the steps before",
            STEP,
            denominator=lambda r, e: right(np.zeros_like(r), e),
        ),
        _slip(
            form,
            "numerator-scaled",
            "the gradient is divided twice",
            STEP,
            numerator=lambda g: g / (np.abs(g) + 1e-8),
        ),
        _slip(form, "not-stored", "the squares stay those of step 1", SEQUENCE, store=False),
        _slip(
            form,
            "rate-in-state",
            "the rate is inside the squares",
            STEP,
            accumulate=lambda r, g, h: form.accumulate(r, h.learning_rate * g, h),
        ),
    ]


def _adagrad(form: Form) -> list[Slip]:
    return [
        *_common(form),
        _slip(form, "no-start", "the initial accumulator is ignored", STEP, start=lambda h: 0.0),
        _slip(form, "start-0.1", "the accumulator starts at 0.1", STEP, start=lambda h: 0.1),
        _slip(
            form,
            "start-squared",
            "the accumulator starts at its square",
            STEP,
            start=lambda h: h.initial_accumulator**2,
        ),
        _slip(
            form,
            "forgets",
            "the accumulator decays, as in RMSProp",
            SEQUENCE,
            accumulate=lambda r, g, h: 0.99 * r + g * g,
        ),
        _slip(
            form,
            "square-of-sum",
            "the square of the sum of gradients",
            SEQUENCE,
            accumulate=lambda r, g, h: r + g * g + 2.0 * np.sqrt(r) * g,
        ),
    ]


def _rmsprop(form: Form) -> list[Slip]:
    return [
        *_common(form),
        _slip(
            form,
            "swapped",
            "decay and 1 - decay are swapped",
            MOMENTS,
            accumulate=lambda r, g, h: (1.0 - h.decay) * r + h.decay * (g * g),
        ),
        _slip(
            form,
            "sum",
            "squares enter with weight 1",
            MOMENTS,
            accumulate=lambda r, g, h: h.decay * r + g * g,
        ),
        _slip(
            form,
            "bracket",
            "a misplaced bracket: decay of the sum",
            MOMENTS,
            accumulate=lambda r, g, h: h.decay * (r + (1.0 - h.decay) * (g * g)),
        ),
        _slip(
            form,
            "starts-at-square",
            "the average starts at the first square",
            MOMENTS,
            accumulate=lambda r, g, h: np.where(r == 0.0, g * g, _average(r, g, h)),
        ),
        _slip(form, "start-1", "the average starts at 1", MOMENTS, start=lambda h: 1.0),
        _slip(
            form,
            "fixed",
            "decay 0.99 whatever was asked",
            MOMENTS,
            accumulate=lambda r, g, h: 0.99 * r + (1.0 - 0.99) * (g * g),
        ),
        _slip(
            form,
            "adagrad",
            "the squares are summed",
            MOMENTS,
            accumulate=lambda r, g, h: r + g * g,
        ),
    ]


def _families() -> list[Family]:
    families = []
    for method, plain, slips in (("adagrad", ADAGRAD, _adagrad), ("rmsprop", RMSPROP, _rmsprop)):
        for dialect, root in (("outside", outside), ("inside", inside)):
            form = replace(plain, denominator=root)
            right = form.rule()
            general = general_slips(right, None, stateful=True)
            name = f"epsilon-{dialect}-root"
            families.append(Family(method, name, right, slips(form), general=general))
    return families


FAMILIES = _families()
