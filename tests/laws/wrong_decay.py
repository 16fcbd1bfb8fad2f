"""Wrong weight decay, a rate that falls wrongly, wrong maximising, wrong SVRG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_variants import SEQUENCE, STEP, Family, Rule, Slip, fixed, general_slips

NO_DECAY = (*STEP, "zero-decay-is-no-decay")
NEGATIVE = (*STEP, "maximizing-is-minimizing-the-negative")

Pull = Callable[[Any, SimpleNamespace], Any]


def _none(w: Any, h: SimpleNamespace) -> Any:
    return 0.0 * w


def _pull(w: Any, h: SimpleNamespace) -> Any:
    return h.weight_decay * w


@dataclass(frozen=True)
class Form:
    """Momentum in parts; a pull is what decays the parameter.

    The velocity takes in ``gradient`` and the pull ``coupled``; ``beside`` pulls without it. ``h``
    holds the hyper-parameters, this ``gradient``, the velocity ``before`` and the first parameter
    and learning rate.
    """

    gradient: Callable[[Any, SimpleNamespace], Any] = lambda g, h: g
    coupled: Pull = _none
    beside: Pull = _none
    accumulate: Callable[[Any, Any, SimpleNamespace], Any] = lambda v, d, h: h.momentum * v + d
    move: Callable[[Any, Any, Any, SimpleNamespace], Any] = lambda w, v, pull, h: (
        w - h.learning_rate * v - h.learning_rate * pull
    )

    def rule(self) -> Rule:
        """The rule as a plain function."""

        def rule(w: Any, g: Any, state: Any, **hyperparameters: float) -> Any:
            h = SimpleNamespace(**hyperparameters, gradient=g)
            h.first_parameter = state.setdefault("first_parameter", w.copy())
            h.first_rate = state.setdefault("first_rate", h.learning_rate)
            h.before = state.get("velocity", np.zeros_like(g))
            direction = self.gradient(g, h) + self.coupled(w, h)
            state["velocity"] = self.accumulate(h.before, direction, h)
            return self.move(w, state["velocity"], self.beside(w, h), h)

        return rule


def _variant(
    form: Form, name: str, what: str, laws: tuple[str, ...] = STEP, bug: str = "", **parts: Any
) -> Slip:
    return Slip(name, what, laws, fixed(replace(form, **parts).rule()), bug=bug)


def _all_but_last(w: Any, h: SimpleNamespace) -> Any:
    pull = np.array(_pull(w, h))
    pull.reshape(-1)[-1:] = 0.0
    return pull


def _pulls(form: Form, place: str) -> list[Slip]:
    """Slips in the pull itself, which is ``coupled`` or ``beside``."""

    def slip(name: str, what: str, pull: Pull, bug: str = "") -> Slip:
        return _variant(form, name, what, STEP, bug, **{place: pull})

    return [
        slip("ignored", "there is no decay", _none),
        slip(
            "grows",
            "decay has the wrong sign, as negated with the gradient",
            lambda w, h: -_pull(w, h),
        ),
        slip("squared", "the square of the decay", lambda w, h: h.weight_decay * _pull(w, h)),
        slip("doubled", "a penalty that is not halved", lambda w, h: 2.0 * _pull(w, h)),
        slip("magnitude", "an L1 penalty", lambda w, h: h.weight_decay * np.sign(w)),
        slip("to-start", "pulls to the start", lambda w, h: _pull(w - h.first_parameter, h)),
        slip("of-velocity", "the velocity decays", lambda w, h: _pull(h.before, h)),
        slip(
            "rate-again", "the rate is applied twice", lambda w, h: h.learning_rate * _pull(w, h)
        ),
        slip(
            "lazy",
            "spares what has no gradient",
            lambda w, h: np.where(h.gradient == 0.0, 0.0 * w, _pull(w, h)),
        ),
        slip(
            "scalars-alone",
            "spares all that has dimensions",
            lambda w, h: 0.0 * w if np.ndim(w) else _pull(w, h),
            "timm-nodecay-ndim",
        ),
        slip(
            "all-but-last",
            "spares the last coordinate, by a slice with the wrong boundary",
            _all_but_last,
            "dlib-bias-multiplier-slice",
        ),
        _variant(
            form,
            "own-decay",
            "0.01 whatever was asked",
            NO_DECAY,
            **{place: lambda w, h: 0.01 * w},
        ),
    ]


def _coupled(form: Form) -> list[Slip]:
    slip = partial(_variant, form)
    return [
        *_pulls(form, "coupled"),
        slip("is-decoupled", "decay is beside the velocity", coupled=_none, beside=_pull),
        slip(
            "twice",
            "decay is in the velocity and beside it",
            STEP,
            "mxnet-nag-wd-twice",
            beside=_pull,
        ),
        slip(
            "in-place-of-gradient",
            "the parameter plus the decay replaces the gradient",
            NO_DECAY,
            "flax-adadelta",
            gradient=lambda g, h: 0.0 * g + h.weight_decay,
            coupled=lambda w, h: w,
        ),
        slip(
            "unscaled",
            "decay is beside the velocity, and not times the rate",
            coupled=_none,
            beside=_pull,
            move=lambda w, v, pull, h: w - h.learning_rate * v - pull,
        ),
    ]


def _decoupled(form: Form) -> list[Slip]:
    slip = partial(_variant, form)
    return [
        *_pulls(form, "beside"),
        slip("is-coupled", "decay is in the velocity", coupled=_pull, beside=_none),
        slip("twice", "decay is in the velocity too", coupled=_pull),
        slip(
            "unscaled",
            "decay is not times the rate",
            STEP,
            "luatorch-sgd-wd-lr",
            move=lambda w, v, pull, h: w - h.learning_rate * v - pull,
        ),
        slip(
            "first-rate",
            "decay goes by the rate of the first step, whatever the schedule",
            SEQUENCE,
            "tfa-wd-schedule",
            move=lambda w, v, pull, h: w - h.learning_rate * v - h.first_rate * pull,
        ),
        slip(
            "afterwards",
            "the new parameter decays",
            move=lambda w, v, pull, h: (
                (w - h.learning_rate * v) * (1.0 - h.learning_rate * h.weight_decay)
            ),
        ),
        slip(
            "divides",
            "divides by 1 + rate times decay",
            move=lambda w, v, pull, h: (
                w / (1.0 + h.learning_rate * h.weight_decay) - h.learning_rate * v
            ),
        ),
    ]


def _maximize(form: Form, laws: tuple[str, ...]) -> list[Slip]:
    """Slips of maximising; ``laws`` see it in one step."""
    slip = partial(_variant, form)
    return [
        slip("ignored", "minimises", laws, gradient=lambda g, h: g),
        slip("only-uphill", "takes magnitudes", laws, gradient=lambda g, h: -np.abs(g)),
        slip(
            "negates-velocity",
            "the old velocity changes its sign too",
            SEQUENCE,
            accumulate=lambda v, d, h: d - h.momentum * v,
        ),
        slip(
            "first-alone",
            "the first gradient alone changes its sign",
            SEQUENCE,
            gradient=lambda g, h: np.where(h.before == 0.0, -g, g),
        ),
        slip(
            "outside-velocity",
            "the sign changes where the parameter moves, but not in the velocity",
            SEQUENCE,
            gradient=lambda g, h: g,
            move=lambda w, v, pull, h: w - h.learning_rate * (v - 2.0 * h.gradient),
        ),
        slip(
            "damped",
            "the gradient enters with weight 1 - momentum",
            laws,
            accumulate=lambda v, d, h: h.momentum * v + (1.0 - h.momentum) * d,
        ),
        slip(
            "no-momentum", "there is no momentum", SEQUENCE, accumulate=lambda v, d, h: d + 0.0 * v
        ),
        slip(
            "nesterov",
            "looks ahead",
            laws,
            move=lambda w, v, pull, h: w - h.learning_rate * (h.momentum * v - h.gradient),
        ),
    ]


def _renamed(slips: list[Slip]) -> list[Slip]:
    """The slips of decay, where maximising has some of the same names."""
    return [replace(slip, name=f"decay-{slip.name}") for slip in slips]


def _reduced(
    direction: Callable[[Any, Any, Any, SimpleNamespace], Any],
) -> Rule:
    """SVRG along ``direction(gradient, snapshot gradient, full gradient, memory)``."""

    def rule(
        w: Any,
        g: Any,
        state: Any,
        *,
        learning_rate: float,
        snapshot_gradient: Any,
        full_gradient: Any,
    ) -> Any:
        first = SimpleNamespace(
            snapshot=state.setdefault("snapshot", snapshot_gradient.copy()),
            full=state.setdefault("full", full_gradient.copy()),
            rate=learning_rate,
        )
        return w - learning_rate * direction(g, snapshot_gradient, full_gradient, first)

    return rule


_DIRECTIONS: tuple[tuple[str, str, tuple[str, ...], Callable[..., Any]], ...] = (
    ("swapped", "plus and minus are swapped", STEP, lambda g, s, f, first: g + s - f),
    ("no-full", "the full gradient is forgotten", STEP, lambda g, s, f, first: g - s),
    ("no-snapshot", "the snapshot's gradient is forgotten", STEP, lambda g, s, f, first: g + f),
    ("descent", "plain gradient descent", STEP, lambda g, s, f, first: g),
    ("full", "the full gradient alone", STEP, lambda g, s, f, first: f),
    ("all-plus", "everything is added", STEP, lambda g, s, f, first: g + s + f),
    ("mean", "the mean of both corrections", STEP, lambda g, s, f, first: g - 0.5 * (s - f)),
    (
        "rate-on-gradient",
        "the rate is on the gradient alone",
        STEP,
        lambda g, s, f, first: g + (f - s) / first.rate,
    ),
    (
        "of-all",
        "one full gradient for all coordinates: its mean",
        STEP,
        lambda g, s, f, first: g - s + np.sum(f) / max(f.size, 1),
    ),
    (
        "first-snapshot",
        "the gradient of the first snapshot is kept for ever",
        SEQUENCE,
        lambda g, s, f, first: g - first.snapshot + f,
    ),
    (
        "first-full",
        "the first full gradient is kept for ever",
        SEQUENCE,
        lambda g, s, f, first: g - s + first.full,
    ),
)


def _slowed(factor: Callable[[float, int], float]) -> Rule:
    """Gradient descent with its rate times ``factor(rate decay, step)``."""

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float, rate_decay: float) -> Any:
        state["step"] = state.get("step", 0) + 1
        return w - learning_rate * factor(rate_decay, state["step"]) * g

    return rule


def _falling(decay: float, step: int) -> float:
    return 1.0 / (1.0 + (step - 1) * decay)


_FACTORS: tuple[tuple[str, str, tuple[str, ...], Callable[[float, int], float], str], ...] = (
    (
        "from-1",
        "the count is 1 before the first step",
        STEP,
        lambda d, t: _falling(d, t + 1),
        "optax-schedule-free-step",
    ),
    (
        "written-back",
        "the rate that has fallen is the initial one of the next step",
        SEQUENCE,
        lambda d, t: math.prod(_falling(d, k) for k in range(1, t + 1)),
        "diffusers-ema-decay-overwrite",
    ),
    (
        "behind",
        "the first rate is used twice",
        SEQUENCE,
        lambda d, t: _falling(d, max(t - 1, 1)),
        "",
    ),
    ("ignored", "the rate stays", SEQUENCE, lambda d, t: 1.0, ""),
    ("once", "it falls once", SEQUENCE, lambda d, t: _falling(d, min(t, 2)), ""),
    ("root", "it falls with the root", SEQUENCE, lambda d, t: _falling(d, t) ** 0.5, ""),
    ("compound", "it falls by a factor", SEQUENCE, lambda d, t: (1.0 + d) ** (1 - t), ""),
    ("grows", "it grows", SEQUENCE, lambda d, t: 1.0 / _falling(d, t), ""),
)


def _rate_decay() -> Family:
    slips = [
        Slip(name, what, laws, fixed(_slowed(factor)), bug=bug)
        for name, what, laws, factor, bug in _FACTORS
    ]
    return Family("gradient-descent", "plain+rate-decay", _slowed(_falling), slips)


def _family(method: str, dialect: str, form: Form, slips: list[Slip]) -> Family:
    right = form.rule()
    general = general_slips(right, None, stateful=True)
    return Family(method, dialect, right, slips, general=general)


def _svrg() -> Family:
    right = _reduced(lambda g, s, f, first: g - s + f)
    slips = [
        Slip(name, what, laws, fixed(_reduced(direction)))
        for name, what, laws, direction in _DIRECTIONS
    ]
    return Family(
        "svrg", "plain", right, slips, general=general_slips(right, None, stateful=False)
    )


_COUPLED = Form(coupled=_pull)
_DECOUPLED = Form(beside=_pull)
_ASCENT = Form(gradient=lambda g, h: -g)
_DECAYING_ASCENT = replace(_ASCENT, coupled=_pull)

FAMILIES = (
    _family("weight-decay", "coupled", _COUPLED, _coupled(_COUPLED)),
    _family("weight-decay", "decoupled", _DECOUPLED, _decoupled(_DECOUPLED)),
    _family("maximize", "plain", _ASCENT, _maximize(_ASCENT, NEGATIVE)),
    _family(
        "maximize",
        "coupled",
        _DECAYING_ASCENT,
        [*_maximize(_DECAYING_ASCENT, STEP), *_renamed(_coupled(_DECAYING_ASCENT))],
    ),
    _rate_decay(),
    _svrg(),
)
