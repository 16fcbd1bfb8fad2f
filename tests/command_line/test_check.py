"""`optcheck.check`: the laws in one line of somebody's own test suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import optcheck
from optcheck.backends import BackendError, FunctionBackend, UnavailableError
from optcheck.properties.known import KnownDeviationsError
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


def test_a_failing_assertion_says_what_is_wrong() -> None:
    optcheck.check(backend(1.0), profile="quick", select="law:exact-step").raise_for_failures()
    report = optcheck.check(backend(-1.0), profile="quick", select="law:exact-step")
    with pytest.raises(AssertionError) as failed:
        report.raise_for_failures()
    headline, *lines = str(failed.value).splitlines()
    assert headline.startswith("1 backend, 1 law ran in 2 of ")
    assert lines[0].startswith(
        "fail: mine gradient-descent/plain in float32: parameter after step 1"
    )
    assert lines[1].startswith(
        "fail: mine gradient-descent/plain in float64: parameter after step 1"
    )
    assert str(failed.value).count("reproduce with:") == 1
    assert repr(report) == f"<Report: {headline}>"


def test_declared_deviations_are_known(tmp_path: Path) -> None:
    declaration = '[[deviation]]\nlaw = "exact-step"\nbackend = "mine"\nreason = "uphill"\n'
    path = tmp_path / "known.toml"
    path.write_text(declaration, encoding="utf-8")
    known = optcheck.check(backend(-1.0), profile="quick", select="law:exact-step", known=[path])
    assert known.conforms
    with pytest.raises(KnownDeviationsError, match=r"missing\.toml cannot be read"):
        optcheck.check(backend(1.0), known=["missing.toml"])


@pytest.mark.parametrize("way", [optcheck.check, optcheck.each_law])
def test_objects_are_refused_as_names_are(way: Any) -> None:
    later = backend(1.0)
    later.interface_version = 99
    with pytest.raises(BackendError, match="'mine' is written for version 99 of the interface"):
        way(later)
    with pytest.raises(BackendError, match="'42' is not a backend: it lacks name"):
        way(42)
    with pytest.raises(UnavailableError, match="'mine' runs on the CPU alone; use --device cpu"):
        way(backend(1.0), device="cuda")


def test_a_class_is_made() -> None:
    class Mine(FunctionBackend):
        def __init__(self, device: str) -> None:
            super().__init__(f"mine-on-{device}")
            self._update_rules = backend(1.0)._update_rules

    report = optcheck.check(Mine, profile="quick", select="law:exact-step")
    assert report.conforms
    assert [each.name for each in report.backends] == ["mine-on-cpu"]
