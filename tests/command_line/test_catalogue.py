"""`optcheck list` and `optcheck explain`."""

from __future__ import annotations

import json

import pytest

from optcheck.catalogue import LISTS, explain
from optcheck.properties import LAWS
from optcheck.reference import CLIPPINGS, EQUATIONS, METHODS, PROCEDURES, SCHEDULES

from .conftest import Command


@pytest.mark.parametrize("what", LISTS)
def test_lists_are_json(optcheck: Command, what: str) -> None:
    done = optcheck("list", what, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert rows
    assert len({json.dumps(row) for row in rows}) == len(rows)
    assert optcheck("list", what).returncode == 0


def test_methods_name_dialects_and_claims(optcheck: Command) -> None:
    rows = {row["id"]: row for row in json.loads(optcheck("list", "methods", "--json").stdout)}
    assert set(rows) == {*METHODS, *SCHEDULES, *CLIPPINGS, *PROCEDURES}
    assert rows["adam"]["dialects"] == [
        "epsilon-outside-root",
        "epsilon-inside-root",
        "epsilon-hat",
        "uncorrected",
    ]
    shipped = rows["adam"]["implementations"]["numpy"]
    assert [each["dialect"] for each in shipped] == rows["adam"]["dialects"]
    assert shipped[0]["implementation"] == "optcheck.backends.numpy.adam.adam_outside"


@pytest.mark.parametrize(
    "identifier", [*EQUATIONS, *LAWS, *METHODS, *SCHEDULES, *CLIPPINGS, *PROCEDURES]
)
def test_everything_is_explained(identifier: str) -> None:
    text = "\n".join(explain(identifier))
    assert identifier in text
    assert "by no law yet" not in text, "an equation that no law checks"


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("explain", "adm"), "no equation, law or method 'adm'; did you mean adam"),
        (("explain", "zzzzzz"), "see `optcheck list equations`"),
        (("list", "optimizers"), "cannot list 'optimizers'; choose from equations, laws"),
    ],
)
def test_wrong_words_get_one_line(
    optcheck: Command, arguments: tuple[str, ...], needle: str
) -> None:
    done = optcheck(*arguments)
    assert done.returncode == 2
    assert needle in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_names_every_command(optcheck: Command) -> None:
    text = optcheck("--help").stdout
    for command in ("run", "new-backend", "list", "explain", "bench"):
        assert command in text
    assert optcheck("--version").stdout.strip()
