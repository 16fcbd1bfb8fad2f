"""Plain functions as minimizers and line searches: what they return is said to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from optcheck.backends import FunctionBackend
from optcheck.properties import Outcome, Profile, execute, units

SMALL = Profile("small", 1, 1, 60, 0)


def asked(backend: FunctionBackend, law: str) -> Outcome:
    unit = next(unit for unit in units([backend]) if unit.law.id == law and unit.subject)
    return execute(unit, SMALL, 0)


def empty(objective: Any, x: Any, **given: Any) -> Any:
    yield from ()


def numbers(objective: Any, x: Any, **given: Any) -> Any:
    yield 1.0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda objective, x, **given: np.ones(2), "a minimizer yields an Iteration for each"),
        (numbers, "a minimizer yields Iterations, and not a float"),
        (empty, "returns no point, not even its start"),
    ],
)
def test_a_minimizer_that_yields_no_iterations(function: Callable[..., Any], message: str) -> None:
    backend = FunctionBackend("mine")
    backend.minimizer("steepest-descent", dialect="exact-search")(function)
    outcome = asked(backend, "trajectory-is-true")
    assert outcome.verdict in ("error", "fail")
    assert message in outcome.message
    assert "\n" not in outcome.message


def test_a_line_search_that_returns_a_number() -> None:
    backend = FunctionBackend("mine")
    backend.line_search("wolfe", dialect="strong", search="wolfe")(lambda *a, **h: 1.0)
    outcome = asked(backend, "line-search-finds-a-step")
    assert outcome.verdict == "error"
    assert "a line search returns a LineResult, and not a float" in outcome.message
