"""``optcheck coverage``: which lines of the rules under test no law enters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from optcheck.cli import app
from optcheck.suites.coverage import measure, ranges

SOURCE = """
from optcheck.backends import FunctionBackend

backend = FunctionBackend("covered")
backend.source_modules = ("covered_rules",)


@backend.update_rule("gradient-descent", dialect="plain")
def descend(w, g, state, *, learning_rate):
    if learning_rate < 0:
        return w
    return w - learning_rate * g


def never():
    return 1
"""


@pytest.fixture
def covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "covered_rules.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "covered_rules", raising=False)
    return "covered_rules:backend"


def test_lines_that_no_law_enters_are_listed(covered: str) -> None:
    found = {each.name: each for each in measure([covered])}
    assert found["descend"].missed == (11,)
    assert (found["descend"].lines, found["descend"].entered) == (3, True)
    assert not found["never"].entered


def test_the_command_prints_them(covered: str) -> None:
    done = CliRunner().invoke(app, ["coverage", covered])
    assert done.exit_code == 0, done.output
    assert "never entered: covered_rules.never" in done.output
    assert "2 of 3 lines" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optcheck.backends.numpy.momentum:rules"], "source_modules"),
        (["nosuch"], "unknown backend"),
        (["torch", "--profile", "hasty"], "--profile=hasty is not quick, default or thorough"),
    ],
)
def test_what_cannot_start_is_one_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["coverage", *arguments])
    assert done.exit_code == 2
    assert message in done.output


def test_ranges_are_short() -> None:
    assert ranges([3, 4, 5, 9]) == "3-5, 9"
    assert ranges([]) == ""
