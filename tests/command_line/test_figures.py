"""Figures are measured beside the laws; what goes wrong with them fails no run."""

from __future__ import annotations

import sys

import pytest

from optcheck.suites import figures
from optcheck.suites.figures import Measurement


def test_the_figures_of_what_is_selected() -> None:
    with Measurement(["numpy"], "law:noise-floor method:gradient-descent", "cpu") as measurement:
        (found,), problems = measurement.result()
    assert (found["id"], found["law"], problems) == ("floors", "noise-floor", [])


def test_no_figures_are_a_note() -> None:
    with Measurement(["no-such-backend"], "", "cpu") as measurement:
        found, (note,) = measurement.result()
    assert found == []
    assert note.startswith("no figures: measuring them ended with")


def test_figures_that_take_too_long_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "SECONDS", 0)
    with Measurement(["numpy"], "law:noise-floor", "cpu") as measurement:
        assert measurement.result() == (
            [],
            ["no figures: they were not measured 0 s after the laws"],
        )
    assert measurement._process.returncode is not None


def test_what_is_measured_ends_with_the_block() -> None:
    with Measurement(["numpy"], "", "cpu") as measurement:
        assert measurement._process.args[0] == sys.executable
    assert measurement._process.returncode is not None
