"""Where the textbook rules are kept, and how a vector of numbers takes one update.

A rule maps (w, g, state, h, t) to (w, state), one mpmath number at a time; ``t`` counts from 1,
and ``h`` holds the hyper-parameters and what else the rule is told. A whole rule, which is not
about one coordinate alone, maps lists of numbers and of states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from exact_numbers import MP

State = dict[str, Any]
Key = tuple[str, str]  # method and dialect
Rule = Callable[[Any, Any, State, SimpleNamespace, int], tuple[Any, State]]
WholeRule = Callable[
    [list[Any], list[Any], list[State], SimpleNamespace, int], tuple[list[Any], list[State]]
]
ZERO = MP.mpf(0)

RULES: dict[Key, Rule] = {}
WHOLE_RULES: dict[Key, WholeRule] = {}
# The point at which the gradient of the next update is taken, where it is not w.
POINTS: dict[Key, Callable[[Any, State, SimpleNamespace], Any]] = {}


def rule(method: str, *dialects: str) -> Callable[[Rule], Rule]:
    """Keep the decorated function as the rule of these dialects."""

    def register(function: Rule) -> Rule:
        for dialect in dialects:
            assert (method, dialect) not in RULES
            RULES[method, dialect] = function
        return function

    return register


def advance(
    key: Key,
    w: Sequence[Any],
    g: Sequence[Any],
    states: Sequence[State],
    h: Mapping[str, Any],
    told: Mapping[str, Any],
    t: int,
) -> tuple[list[Any], list[State]]:
    """One update of every coordinate; None where it divides by zero.

    ``told`` has numbers, and lists of one number for each coordinate.
    """
    if key in WHOLE_RULES:
        try:
            return WHOLE_RULES[key](list(w), list(g), list(states), SimpleNamespace(**h), t)
        except ZeroDivisionError:
            return [None] * len(w), [{} for _ in w]
    results = []
    for i, each in enumerate(zip(w, g, states, strict=True)):
        own = {
            name: value[i] if isinstance(value, list) else value for name, value in told.items()
        }
        try:
            results.append(RULES[key](*each, SimpleNamespace(**h, **own), t))
        except ZeroDivisionError:
            results.append((None, {}))
    return [new for new, _ in results], [state for _, state in results]
