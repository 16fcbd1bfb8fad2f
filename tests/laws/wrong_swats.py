"""Wrong SWATS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS, Form, average
from wrong_variants import RESUME, SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips

ADAM = Form(DIRECTIONS["epsilon-outside-root"])


def dot(first: Any, second: Any) -> float:
    """The inner product of two arrays."""
    return float(np.sum(first * second))


@dataclass(frozen=True)
class Switch:
    """SWATS in parts.

    Of Adam's ``step`` a rate of SGD is ``projected``; it is ``averaged``, ``corrected`` and
    compared (``settled``); its ``final`` value is that of SGD, which starts at ``velocity``.
    """

    adam: Form = ADAM
    projected: Callable[[Any, SimpleNamespace], float] = lambda step, n: (
        dot(step, step) / -dot(step, n.g)
    )
    averaged: Callable[[float, float, SimpleNamespace], float] = lambda rate, projected, n: (
        average(rate, projected, n.beta2)
    )
    corrected: Callable[[float, SimpleNamespace], float] = lambda rate, n: rate / n.c2
    settled: Callable[[float, float, SimpleNamespace], bool] = lambda corrected, projected, n: (
        n.step > 1 and abs(corrected - projected) < n.switch_tolerance
    )
    final: Callable[[float, float, SimpleNamespace], float] = lambda corrected, projected, n: (
        corrected
    )
    start: Callable[[SimpleNamespace], Any] = lambda n: np.zeros_like(n.g)
    velocity: Callable[[Any, SimpleNamespace], Any] = lambda v, n: n.beta1 * v + n.g
    descend: Callable[[Any, float, SimpleNamespace], Any] = lambda v, rate, n: (
        n.w - (1.0 - n.beta1) * rate * v
    )
    # what stands in place of Adam's step where it switches
    switching: Callable[[Any, float, SimpleNamespace], Any] = lambda step, rate, n: n.w + step
    guarded: bool = True

    def rule(self) -> Rule:
        """The rule as a plain function."""
        adam = replace(self.adam, move=self._move).rule()

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            if state.get("phase") != "sgd":
                return adam(w, g, state, **hyperparameters)
            state["step"] += 1
            n = SimpleNamespace(w=w, g=g, state=state, step=state["step"], **hyperparameters)
            state["velocity"] = self.velocity(state["velocity"], n)
            return self.descend(state["velocity"], state["rate"], n)

        return rule

    def _move(self, n: SimpleNamespace) -> Any:
        step = -n.learning_rate * n.direction
        if self.guarded and dot(step, n.g) == 0.0:
            return n.w + step
        projected = self.projected(step, n)
        rate = n.state["rate"] = self.averaged(n.state.get("rate", 0.0), projected, n)
        corrected = self.corrected(rate, n)
        if not self.settled(corrected, projected, n):
            return n.w + step
        final = self.final(corrected, projected, n)
        n.state.update(phase="sgd", rate=final, velocity=self.start(n))
        return self.switching(step, final, n)


RIGHT = Switch()


def _slip(
    name: str, what: str, laws: tuple[str, ...] = SEQUENCE, raises: bool = False, **parts: Any
) -> Slip:
    return Slip(name, what, laws, fixed(replace(RIGHT, **parts).rule()), raises=raises)


def _adam(name: str, what: str, laws: tuple[str, ...], **parts: Any) -> Slip:
    return _slip(name, what, laws, adam=replace(ADAM, **parts))


_PROJECTIONS = (
    _slip(
        "inverse",
        "the quotient is upside down",
        projected=lambda step, n: -dot(step, n.g) / dot(step, step),
    ),
    _slip(
        "positive",
        "the sign of the quotient is wrong",
        projected=lambda step, n: dot(step, step) / dot(step, n.g),
    ),
    _slip(
        "norms",
        "the quotient of the norms",
        projected=lambda step, n: (dot(step, step) / (dot(n.g, n.g) or 1.0)) ** 0.5,
    ),
    _slip(
        "onto-gradient",
        "Adam's step is projected on the gradient",
        projected=lambda step, n: -dot(step, n.g) / (dot(n.g, n.g) or 1.0),
    ),
    _slip(
        "of-moment",
        "the moment for the gradient",
        projected=lambda step, n: dot(step, step) / (-dot(step, n.m) or 1.0),
    ),
    _slip(
        "of-coordinates",
        "the mean of the quotients of the coordinates",
        projected=lambda step, n: float(np.mean(-step / np.where(n.g == 0.0, 1.0, n.g))),
    ),
    _slip(
        "unscaled",
        "the learning rate is left out of the step",
        projected=lambda step, n: RIGHT.projected(step / n.learning_rate, n),
    ),
    _slip("unguarded", "0/0 where there is no gradient", guarded=False, raises=True),
)

_AVERAGES = (
    _slip("rate-biased", "the average is not corrected", corrected=lambda rate, n: rate),
    _slip(
        "first-correction",
        "the average is corrected with beta1",
        corrected=lambda rate, n: rate / n.c1,
    ),
    _slip(
        "early-correction",
        "the average is corrected with t + 1",
        corrected=lambda rate, n: rate / (1.0 - n.beta2 ** (n.step + 1)),
    ),
    _slip(
        "by-beta1",
        "the average is that of beta1",
        averaged=lambda rate, projected, n: average(rate, projected, n.beta1),
    ),
    _slip(
        "swapped-weights",
        "beta2 and 1 - beta2 are swapped",
        averaged=lambda rate, projected, n: average(rate, projected, 1.0 - n.beta2),
    ),
    _slip(
        "starts-at-first",
        "the average starts at the first rate",
        averaged=lambda rate, projected, n: (
            RIGHT.averaged(rate, projected, n) if n.step > 1 else projected
        ),
    ),
    _slip(
        "final-biased",
        "SGD takes the average without its correction",
        final=lambda corrected, projected, n: n.state["rate"],
    ),
    _slip(
        "final-corrected-twice",
        "SGD takes the average with its correction twice",
        final=lambda corrected, projected, n: corrected / n.c2,
    ),
    _slip(
        "final-projected",
        "SGD takes the last rate",
        final=lambda corrected, projected, n: projected,
    ),
    _slip(
        "final-learning-rate",
        "SGD takes the learning rate of Adam",
        final=lambda corrected, projected, n: n.learning_rate,
    ),
)

_CONDITIONS = (
    _slip("never", "it never switches", settled=lambda corrected, projected, n: False),
    _slip("at-once", "it switches after step 1", settled=lambda corrected, projected, n: True),
    _slip(
        "first-counts",
        "it may switch after step 1",
        settled=lambda corrected, projected, n: abs(corrected - projected) < n.switch_tolerance,
    ),
    _slip(
        "third-counts",
        "it may switch after step 3 at the earliest",
        settled=lambda corrected, projected, n: (
            n.step > 2 and RIGHT.settled(corrected, projected, n)
        ),
    ),
    _slip(
        "own-tolerance",
        "1e-9 for every tolerance",
        settled=lambda corrected, projected, n: n.step > 1 and abs(corrected - projected) < 1e-9,
    ),
    _slip(
        "relative",
        "the tolerance is relative to the rate",
        settled=lambda corrected, projected, n: (
            n.step > 1 and abs(corrected - projected) < n.switch_tolerance * abs(projected)
        ),
    ),
    _slip(
        "no-magnitude",
        "the distance has a sign",
        settled=lambda corrected, projected, n: (
            n.step > 1 and corrected - projected < n.switch_tolerance
        ),
    ),
    _slip(
        "unsettled",
        "it switches where the rates are far apart",
        settled=lambda corrected, projected, n: (
            n.step > 1 and abs(corrected - projected) > n.switch_tolerance
        ),
    ),
)

_DESCENTS = (
    _slip("undamped", "1 - beta1 is left out", descend=lambda v, rate, n: n.w - rate * v),
    _slip(
        "damped-twice",
        "gradients enter the velocity with weight 1 - beta1 too",
        velocity=lambda v, n: average(v, n.g, n.beta1),
    ),
    _slip("no-momentum", "SGD has no momentum", velocity=lambda v, n: n.g),
    _slip("by-beta2", "beta2 in the velocity", velocity=lambda v, n: n.beta2 * v + n.g),
    _slip(
        "nesterov",
        "SGD has Nesterov momentum",
        descend=lambda v, rate, n: n.w - (1.0 - n.beta1) * rate * (n.g + n.beta1 * v),
    ),
    _slip(
        "scaled",
        "the learning rate multiplies the rate of SGD",
        descend=lambda v, rate, n: n.w - n.learning_rate * (1.0 - n.beta1) * rate * v,
    ),
    _slip("from-moment", "the velocity starts at the moment of Adam", start=lambda n: n.m),
    _slip("from-gradient", "the velocity starts at the gradient", start=lambda n: n.g.copy()),
    _slip(
        "no-last-step",
        "Adam's last step is not taken",
        switching=lambda step, rate, n: n.w,
    ),
    _slip(
        "switches-early",
        "the step that settles the rate is one of SGD",
        switching=lambda step, rate, n: n.w - (1.0 - n.beta1) * rate * n.g,
    ),
)

_ADAMS = (
    _adam("no-epsilon", "epsilon is ignored", STEP, epsilon=lambda e: 0.0),
    _adam(
        "inside-root", "epsilon inside the root", STEP, direction=DIRECTIONS["epsilon-inside-root"]
    ),
    _adam("uncorrected", "Adam is not corrected", STEP, direction=DIRECTIONS["uncorrected"]),
    _adam("swapped", "the betas are swapped", STEP, betas=lambda b1, b2: (b2, b1)),
    _adam("from-2", "the count starts at 2", STEP, count=lambda t: max(t, 1) + 1),
)


def _one_phase() -> Rule:
    """All parameters switch where the first one does."""
    right = RIGHT.rule()
    shared: dict[str, Any] = {}

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        if shared and state.get("phase") != "sgd":
            state.update(shared, velocity=np.zeros_like(g))
            state.setdefault("step", 0)
        new = right(w, g, state, **h)
        if state.get("phase") == "sgd":
            shared.update(phase="sgd", rate=state["rate"])
        return new

    return wrong


def _unsaved_phase() -> Rule:
    """The phase is an attribute of the optimizer."""
    right = RIGHT.rule()
    hidden: dict[int, str] = {}

    def wrong(w: Any, g: Any, state: Any, **h: float) -> Any:
        state["phase"] = hidden.get(id(state), "adam")
        new = right(w, g, state, **h)
        hidden[id(state)] = state.pop("phase")
        return new

    return wrong


_PHASES = (
    Slip(
        "one-phase",
        "all parameters switch with the first one",
        ("parameter-groups",),
        _one_phase,
        per_run=True,
    ),
    Slip(
        "unsaved-phase",
        "the phase is not in what is saved",
        RESUME,
        _unsaved_phase,
        per_run=True,
        says="resumed",
    ),
)

# A rule of whole arrays: no law asks it for matrices in other orders, or to be split.
_ABOUT_COORDINATES = ("strides", "by-shape", "one-state")


def _family() -> Family:
    right = RIGHT.rule()
    general = [
        slip
        for slip in general_slips(right, None, stateful=True)
        if slip.name not in _ABOUT_COORDINATES
    ]
    slips = [*_PROJECTIONS, *_AVERAGES, *_CONDITIONS, *_DESCENTS, *_ADAMS, *_PHASES]
    return Family("swats", "plain", right, slips, general=general)


FAMILIES = [_family()]
