"""Wrong AdaDelta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips


def _average(before: Any, value: Any, h: SimpleNamespace) -> Any:
    return h.decay * before + (1.0 - h.decay) * (value * value)


def _step(s: Any, r: Any, g: Any, e: float) -> Any:
    return np.sqrt(s + e) / np.sqrt(r + e) * g


@dataclass(frozen=True)
class Form:
    """AdaDelta in parts: two averages of squares, and the step made of them.

    ``remember`` sees the average of squared updates, this step, the gradient and h. What is in
    ``lost`` stays as the first step leaves it.
    """

    start: Callable[[SimpleNamespace], float]
    accumulate: Callable[[Any, Any, SimpleNamespace], Any] = _average
    step: Callable[[Any, Any, Any, float], Any] = _step
    remember: Callable[[Any, Any, Any, SimpleNamespace], Any] = lambda s, step, g, h: _average(
        s, step, h
    )
    squares_used: Callable[[Any, Any], Any] = lambda before, after: after
    updates_used: Callable[[Any, Any], Any] = lambda before, after: before
    rate: Callable[[SimpleNamespace], float] = lambda h: h.learning_rate
    epsilon: Callable[[float], float] = lambda e: e
    lost: tuple[str, ...] = ()

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            h = SimpleNamespace(**hyperparameters)
            e = self.epsilon(h.epsilon)
            zeros = np.zeros_like(g)
            r = state.get("second_moment", zeros)
            s = state.get("update_second_moment", zeros + self.start(h))
            squares = self.accumulate(r, g, h)
            used = self.squares_used(r, squares)
            step = self.step(s, used, g, e)
            updates = self.remember(s, step, g, h)
            step = self.step(self.updates_used(s, updates), used, g, e)
            after = {"second_moment": squares, "update_second_moment": updates}
            state.update({k: v for k, v in after.items() if k not in self.lost or k not in state})
            return w - self.rate(h) * step

        return rule


FORMS = {
    "epsilon-inside-roots": Form(lambda h: 0.0),
    "initial-update": Form(lambda h: (1.0 - h.decay) * h.initial_update**2),
}


def _variant(
    form: Form, name: str, what: str, laws: tuple[str, ...], bug: str = "", **parts: Any
) -> Slip:
    return Slip(name, what, laws, fixed(replace(form, **parts).rule()), bug=bug)


def _steps(form: Form) -> list[Slip]:
    """Slips in the step itself."""
    slip = partial(_variant, form)

    # The law of units is about the form that starts from nothing.
    units = ("adadelta-units",) if form is FORMS["epsilon-inside-roots"] else ()

    def step(
        name: str,
        what: str,
        wrong: Callable[..., Any],
        bug: str = "",
        more: tuple[str, ...] = (),
    ) -> Slip:
        return slip(name, what, (*STEP, *more), bug, step=wrong)

    return [
        step(
            "nothing",
            "no epsilon above, so that it never starts; below it is outside the root",
            lambda s, r, g, e: np.sqrt(s) / (np.sqrt(r) + e) * g,
            "flux-adadelta-nothing",
        ),
        step(
            "no-epsilon-above",
            "epsilon is missing above",
            lambda s, r, g, e: np.sqrt(s) / np.sqrt(r + e) * g,
        ),
        step(
            "no-epsilon-below",
            "epsilon is missing below",
            lambda s, r, g, e: np.sqrt(s + e) / np.sqrt(r) * g,
            more=("zero-gradients",),
        ),
        step(
            "outside",
            "epsilon is outside both roots",
            lambda s, r, g, e: (np.sqrt(s) + e) / (np.sqrt(r) + e) * g,
        ),
        step(
            "outside-below",
            "epsilon is outside the root below",
            lambda s, r, g, e: np.sqrt(s + e) / (np.sqrt(r) + e) * g,
        ),
        step(
            "no-roots", "no roots are taken", lambda s, r, g, e: (s + e) / (r + e) * g, more=units
        ),
        step(
            "roots-swapped",
            "the quotient is upside down",
            lambda s, r, g, e: np.sqrt(r + e) / np.sqrt(s + e) * g,
        ),
        step(
            "no-gradient",
            "the gradient is missing from the step",
            lambda s, r, g, e: np.sqrt(s + e) / np.sqrt(r + e),
            "flax-adadelta",
        ),
        step("rmsprop", "nothing is above", lambda s, r, g, e: g / np.sqrt(r + e), more=units),
        slip("own-epsilon", "1e-6 for every epsilon", STEP, epsilon=lambda e: 1e-6),
        slip("epsilon-squared", "epsilon is squared", STEP, epsilon=lambda e: e * e),
        slip("no-rate", "the rate is ignored", STEP, rate=lambda h: 1.0),
        slip("rate-squared", "the rate is applied twice", STEP, rate=lambda h: h.learning_rate**2),
        slip(
            "squares-late",
            "divides by the squares of the steps before",
            STEP,
            squares_used=lambda before, after: before,
        ),
        slip(
            "updates-early",
            "the step is averaged in before the average is used",
            STEP,
            updates_used=lambda before, after: after,
        ),
    ]


def _averages(form: Form) -> list[Slip]:
    """Slips in the two averages, which are shown."""
    slip = partial(_variant, form)
    return [
        slip(
            "bracket",
            "a misplaced bracket: decay of the sum",
            STEP,
            "flax-adadelta",
            accumulate=lambda r, g, h: h.decay * (r + g * g * (1.0 - h.decay)),
        ),
        slip(
            "swapped",
            "decay and 1 - decay are swapped",
            STEP,
            accumulate=lambda r, g, h: (1.0 - h.decay) * r + h.decay * (g * g),
        ),
        slip("sum", "the squares are summed", STEP, accumulate=lambda r, g, h: r + g * g),
        slip(
            "magnitudes",
            "magnitudes are averaged, not squares",
            STEP,
            accumulate=lambda r, g, h: _average(r, np.sqrt(np.abs(g)), h),
        ),
        slip(
            "updates-of-gradients",
            "squared gradients for squared updates",
            STEP,
            remember=lambda s, step, g, h: _average(s, g, h),
        ),
        slip(
            "updates-unsquared",
            "magnitudes of updates for their squares",
            STEP,
            remember=lambda s, step, g, h: _average(s, np.sqrt(np.abs(step)), h),
        ),
        slip(
            "updates-swapped",
            "decay and 1 - decay are swapped in the average of updates",
            STEP,
            remember=lambda s, step, g, h: (1.0 - h.decay) * s + h.decay * (step * step),
        ),
        slip(
            "rate-inside",
            "the rate is inside the average of updates",
            STEP,
            remember=lambda s, step, g, h: _average(s, h.learning_rate * step, h),
        ),
        slip(
            "squares-lost", "the squares stay those of step 1", SEQUENCE, lost=("second_moment",)
        ),
        slip(
            "updates-lost",
            "the squared updates stay those of step 1",
            SEQUENCE,
            lost=("update_second_moment",),
        ),
    ]


_STARTS = {
    "epsilon-inside-roots": (
        ("starts-at-epsilon", "squared updates start at epsilon", lambda h: h.epsilon),
        ("starts-at-1", "squared updates start at 1", lambda h: 1.0),
    ),
    "initial-update": (
        ("start-0", "the given update is ignored", lambda h: 0.0),
        ("start-unweighted", "its square is the average", lambda h: h.initial_update**2),
        ("start-decayed", "decay for 1 - decay", lambda h: h.decay * h.initial_update**2),
        ("start-unsquared", "is not squared", lambda h: (1.0 - h.decay) * h.initial_update),
    ),
}


def _family(dialect: str, form: Form) -> Family:
    right = form.rule()
    starts = [
        _variant(form, name, what, STEP, start=start) for name, what, start in _STARTS[dialect]
    ]
    slips = [*_steps(form), *_averages(form), *starts]
    general = general_slips(right, None, stateful=True)
    return Family("adadelta", dialect, right, slips, general=general)


FAMILIES = [_family(dialect, form) for dialect, form in FORMS.items()]
