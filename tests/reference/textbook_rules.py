"""The rules, schedules and clippings once more, one number at a time, straight from the texts.

Written in mpmath numbers without the reference, with each formula spelled out where it is used.
The rules are in one module a family; here they are joined with what can be added to any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import textbook_adam
import textbook_adaptive
import textbook_descent
import textbook_signs
from exact_numbers import MP
from textbook_registry import POINTS, RULES, WHOLE_RULES, ZERO, Key, Rule, State, advance
from textbook_schedules import SCHEDULES

__all__ = [
    "CLIPPINGS",
    "JOINED",
    "POINTS",
    "RULES",
    "SCHEDULES",
    "WHOLE_RULES",
    "advance",
    "clipped",
]

del textbook_adam, textbook_adaptive, textbook_descent, textbook_signs


def _joined(plain: Rule, names: frozenset[str]) -> Rule:
    """The lines of Loshchilov and Hutter's algorithms, and those of torch.optim, around a rule."""

    def update(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
        h = SimpleNamespace(**vars(h))
        if "maximize" in names:
            g = -g
        if "coupled" in names:
            g = g + h.weight_decay * w
        if "rate-decay" in names:
            h.learning_rate = h.learning_rate / (1 + (t - 1) * h.rate_decay)
        new, after = plain(w, g, state, h, t)
        if "decoupled" in names:
            new = new - h.learning_rate * h.weight_decay * w
        return new, after

    return update


# What libraries join to a dialect, and every modifier once more.
_JOINED: dict[Key, tuple[str, ...]] = {
    ("gradient-descent", "plain"): ("decoupled", "decoupled+coupled+rate-decay+maximize"),
    ("momentum", "learning-rate-outside"): ("coupled",),
    ("momentum", "learning-rate-inside"): ("decoupled+rate-decay",),
    ("momentum", "dampened"): ("coupled+maximize",),
    ("momentum", "averaged"): ("rate-decay",),
    ("nesterov", "shifted"): ("coupled+maximize",),
    ("adagrad", "epsilon-outside-root"): ("rate-decay", "coupled+maximize"),
    ("adagrad", "epsilon-inside-root"): ("coupled+rate-decay+maximize",),
    ("rmsprop", "epsilon-outside-root"): ("coupled+maximize",),
    ("rmsprop", "epsilon-outside-root+centered+learning-rate-outside"): ("coupled+maximize",),
    ("adadelta", "epsilon-inside-roots"): ("coupled+maximize",),
    ("adam", "epsilon-outside-root"): ("coupled+maximize", "decoupled"),
    ("amsgrad", "maximum-of-raw"): ("coupled+maximize", "decoupled"),
    ("adamw", "decoupled"): ("maximize",),
    ("adamax", "epsilon-in-maximum"): ("coupled+maximize", "decoupled"),
    ("nadam", "scheduled-momentum"): ("decoupled+maximize",),
    ("nadam", "constant-momentum"): ("decoupled",),
    ("radam", "epsilon-hat"): ("coupled+maximize", "decoupled"),
    ("sign-descent", "sign"): ("coupled", "decoupled+rate-decay"),
    ("rprop", "irprop-minus"): ("maximize",),
}
JOINED: dict[Key, Rule] = {
    (method, f"{dialect}+{names}"): _joined(RULES[method, dialect], frozenset(names.split("+")))
    for (method, dialect), joined in _JOINED.items()
    for names in joined
}
RULES |= JOINED


def _shorter(gradient: list[Any], norm: Any, threshold: Any) -> list[Any]:
    """goodfellow's clipping by norm; a zero gradient stays zero."""
    return gradient if norm <= threshold else [each * threshold / norm for each in gradient]


def _norm(gradient: list[Any]) -> Any:
    return MP.sqrt(sum((each * each for each in gradient), ZERO))


Clip = Callable[[list[Any], SimpleNamespace], list[Any]]
_CLIPS: dict[str, Clip] = {
    "exact": lambda g, h: _shorter(g, _norm(g), h.threshold),
    "stabilised-norm": lambda g, h: _shorter(g, _norm(g) + h.stabiliser, h.threshold),
    "root-mean-square": lambda g, h: _shorter(g, _norm(g), h.threshold * MP.sqrt(len(g))),
}
# Of each array by itself; the global norm is that of all of them, one after the other.
CLIPPINGS: dict[Key, Clip] = {
    **{("clip-by-norm", dialect): clip for dialect, clip in _CLIPS.items()},
    ("clip-by-global-norm", "exact"): _CLIPS["exact"],
    ("clip-by-global-norm", "stabilised-norm"): _CLIPS["stabilised-norm"],
    ("clip-by-global-norm", "stabilised-sum"): lambda g, h: _shorter(
        g, sum((abs(each) for each in g), ZERO) + h.stabiliser, h.threshold
    ),
    ("clip-by-global-norm", "stabilised-maximum"): lambda g, h: _shorter(
        g, max((abs(each) for each in g), default=ZERO) + h.stabiliser, h.threshold
    ),
    ("clip-by-value", "exact"): lambda g, h: [
        max(-h.threshold, min(h.threshold, each)) for each in g
    ],
}


def clipped(clipping: str, dialect: str, arrays: list[list[Any]], h: SimpleNamespace) -> list[Any]:
    """The clipped arrays, one after the other."""
    if clipping == "clip-by-global-norm":
        arrays = [[each for array in arrays for each in array]]
    return [each for array in arrays for each in CLIPPINGS[clipping, dialect](array, h)]
