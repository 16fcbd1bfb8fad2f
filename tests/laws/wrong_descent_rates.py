"""Wrong gradient descent that the laws about its rates see; its family is in wrong_momentum."""

from __future__ import annotations

from typing import Any

import numpy as np
from wrong_momentum import descent
from wrong_variants import Family, Rule, Slip, fixed


def _printed_sign(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w + learning_rate * g


def _decays(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * (g + 1e-4 * w)


def _clips_the_norm(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g / max(1.0, float(np.linalg.norm(g)))


def _trusts(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - np.clip(learning_rate * g, -1e-3, 1e-3)


def _stays_on_its_side(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    new = w - learning_rate * g
    return np.where(w * new < 0.0, 0.0 * w, new)


def _leaves_out_the_last(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    new = w - learning_rate * g
    new[-1:] = w[-1:]
    return new


def _remembers(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    state["velocity"] = 0.1 * state.get("velocity", 0.0) + g
    return w - learning_rate * state["velocity"]


def _slows_down(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    state["count"] = state.get("count", -1) + 1
    return w - learning_rate / (1.0 + 0.01 * state["count"]) * g


def _late_rate(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    before = state.get("rate", learning_rate)
    state["rate"] = learning_rate
    return w - before * g


def _halved_rate(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - float(np.float16(learning_rate)) * g


def _perturbs() -> Rule:
    random = np.random.default_rng(1)

    def wrong(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * (g + 1e-10 * random.normal(size=w.shape))

    return wrong


_HALF = (
    "best-fixed-rate",
    "error-falls-by-one-minus-mu-over-l",
    "error-of-a-convex-function-falls-like-one-over-k",
    "steps-grow-with-the-condition-number",
    "best-of-random-restarts",
)
_SLIPS = [
    Slip(
        "printed-sign",
        "adds the gradient, as printed",
        ("summed-loss-falls", "change-of-the-error-by-a-step", "halving-the-rate-ends"),
        fixed(_printed_sign),
    ),
    Slip(
        "decays",
        "a weight decay that nobody asked for",
        ("updates-are-added", "best-fixed-rate", "quadratic-mode-contraction"),
        fixed(_decays),
    ),
    Slip(
        "clips-the-norm",
        "gradients longer than 1 are scaled down together",
        ("step-is-proportional-to-the-gradient", "step-in-eigencoordinates"),
        fixed(_clips_the_norm),
    ),
    Slip(
        "trusts",
        "no coordinate moves by more than a thousandth",
        ("fixed-rate-leaves-a-sharp-minimum", "start-decides-the-valley"),
        fixed(_trusts),
    ),
    Slip(
        "stays-on-its-side",
        "a weight that would change its sign becomes 0",
        ("learning-rate-regimes", "step-in-eigencoordinates"),
        fixed(_stays_on_its_side),
    ),
    Slip(
        "leaves-out-the-last",
        "the last coordinate is never updated",
        ("distance-shrinks-by-the-slowest-factor", "learning-rate-regimes"),
        fixed(_leaves_out_the_last),
    ),
    Slip(
        "remembers",
        "a tenth of the last step is added",
        ("steps-grow-with-the-condition-number", "saddle-repels"),
        fixed(_remembers),
    ),
    Slip(
        "slows-down",
        "its rate falls from step to step",
        ("fixed-rate-brings-the-gradient-to-zero", "quadratic-mode-contraction"),
        fixed(_slows_down),
    ),
    Slip(
        "late-rate",
        "each step takes the rate of the one before",
        ("exhaustive-search-finds-the-global-minimum",),
        fixed(_late_rate),
    ),
    Slip(
        "rate-in-half-precision",
        "the rate is kept in float16",
        ("search-keeps-the-smallest-validation-error",),
        fixed(_halved_rate),
    ),
    Slip(
        "perturbs",
        "adds noise that drives it off saddles",
        ("start-decides-the-valley", "saddle-repels", "stops-where-the-gradient-is-small"),
        _perturbs,
    ),
    Slip("half-of-all-steps", "half the step", _HALF, fixed(descent(0.5))),
    Slip(
        "twice-all-steps",
        "twice the step",
        (
            "halving-the-rate-ends",
            "step-lowers-the-error-below-its-threshold",
            "fixed-rate-leaves-a-sharp-minimum",
        ),
        fixed(descent(2.0)),
    ),
]

WRONG = Family("gradient-descent", "plain", descent(), _SLIPS).variants()
