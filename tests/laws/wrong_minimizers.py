"""Slips that any minimizer can have, whatever its direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_variants import Rule, Slip

from optcheck.backends.minimization import Iteration

Change = Callable[[int, Iteration, Any], Iteration]


def general_slips(right: Rule, *, promises: bool = True) -> list[Slip]:
    """Slips around a minimizer; those about success where it ``promises`` something."""

    def slip(name: str, what: str, law: str, make: Callable[[], Rule], **more: Any) -> Slip:
        return Slip(name, what, (law,), make, **more)

    def telling(change: Change) -> Callable[[], Rule]:
        return lambda: _telling(right, change)

    true, returned = "trajectory-is-true", "what-is-returned-is-true"
    slips = [
        slip("half-value", "reports half the value", true, telling(_half_value)),
        slip("half-gradient", "reports half the gradient", true, telling(_half_gradient)),
        slip(
            "old-gradient-at-the-end",
            "returns the gradient of the point before the last one",
            returned,
            lambda: _at_the_end(right, _with_an_old_gradient),
            bug="luatorch-wolfe-alias",
        ),
        slip(
            "goes-on-after-its-value",
            "returns a point with the value and the gradient of the one before it",
            returned,
            lambda: _at_the_end(right, _with_an_old_value),
        ),
        slip(
            "elsewhere", "starts beside its start", true, lambda: _elsewhere(right), says="start"
        ),
        slip("moody", "takes another path every time", true, lambda: _moody(right)),
        slip("flat", "returns points of another shape", true, telling(_flat), says="shapes"),
        slip(
            "leaves-flat-ground",
            "takes a step on a constant function",
            "failure-is-reported",
            lambda: _restless(right),
        ),
    ]
    if promises:
        slips += [
            slip(
                "optimist",
                "always reports success",
                "success-is-earned",
                lambda: _ending(right, True),
            ),
            slip(
                "optimist-on-nan",
                "always reports success, where the function is undefined too",
                "failure-is-reported",
                lambda: _ending(right, True),
                bug="scipy-nan-success",
            ),
        ]
    return slips


def _telling(right: Rule, change: Change) -> Rule:
    def rule(objective: Any, x: Any, **given: Any) -> Any:
        steps = right(objective, x, **given)
        index = 0
        while True:
            try:
                each = next(steps)
            except StopIteration as stop:
                return stop.value
            yield change(index, each, objective)
            index += 1

    return rule


def _half_value(index: int, each: Iteration, objective: Any) -> Iteration:
    return replace(each, value=each.value / 2)


def _half_gradient(index: int, each: Iteration, objective: Any) -> Iteration:
    return replace(each, gradient=each.gradient / 2)


def _flat(index: int, each: Iteration, objective: Any) -> Iteration:
    return replace(each, point=np.atleast_2d(each.point))


def _whole(steps: Any) -> tuple[list[Iteration], Any]:
    """All points of a run, and how it ended."""
    path = []
    while True:
        try:
            path.append(next(steps))
        except StopIteration as stop:
            return path, stop.value


def _at_the_end(right: Rule, change: Callable[[Iteration, Iteration], Iteration]) -> Rule:
    """``change`` makes the last point of itself and the last one that lies elsewhere."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        path, result = _whole(right(objective, x, **given))
        *rest, end = path
        elsewhere = [each for each in rest if not np.array_equal(each.point, end.point)]
        yield from rest
        yield change(elsewhere[-1], end) if elsewhere else end
        return result

    return rule


def _with_an_old_gradient(before: Iteration, end: Iteration) -> Iteration:
    return replace(end, gradient=before.gradient)


def _with_an_old_value(before: Iteration, end: Iteration) -> Iteration:
    return replace(end, value=before.value, gradient=before.gradient)


def _elsewhere(right: Rule) -> Rule:
    return lambda objective, x, **given: right(objective, x + 0.25, **given)


def _moody(right: Rule) -> Rule:
    calls: list[int] = []

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        calls.append(1)
        given["iterations"] = 1 + len(calls) % 2
        return right(objective, x, **given)

    return rule


def _restless(right: Rule) -> Rule:
    def rule(objective: Any, x: Any, **given: Any) -> Any:
        result = yield from right(objective, x, **given)
        end = x + 1.0
        yield Iteration(end, float(objective.value(end)), objective.gradient(end))
        return result

    return rule


def _ending(right: Rule, success: bool) -> Rule:
    def rule(objective: Any, x: Any, **given: Any) -> Any:
        yield from right(objective, x, **given)
        return success, "done"

    return rule
