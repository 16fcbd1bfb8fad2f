"""`optcheck.check`: the laws in one line of somebody's own test suite."""

from __future__ import annotations

from typing import Any

import pytest

import optcheck
from optcheck.backends import BackendError, FunctionBackend
from optcheck.reports import Verdict


def backend(sign: float) -> FunctionBackend:
    made = FunctionBackend("mine")

    @made.update_rule("gradient-descent", dialect="plain")
    def descend(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - sign * learning_rate * g

    return made


def test_a_correct_backend_conforms() -> None:
    report = optcheck.check(backend(1.0), profile="quick")
    assert report.conforms
    assert report.summary["mine"]["pass"] == 72


def test_a_wrong_backend_does_not() -> None:
    report = optcheck.check(backend(-1.0), profile="quick", select="law:exact-step")
    assert not report.conforms
    asked = [result for result in report.results if result.verdict is not Verdict.UNSUPPORTED]
    assert {result.verdict for result in asked} == {Verdict.FAIL}


def test_names_work_as_on_the_command_line() -> None:
    assert optcheck.check("numpy", profile="quick", select="law:clip-values").conforms
    with pytest.raises(BackendError, match="unknown backend 'nosuch'"):
        optcheck.check("nosuch")
