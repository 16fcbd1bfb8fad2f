"""report.json and the journal: what is written can be read, and bad files are explained."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from optcheck.reports import (
    Journal,
    Report,
    ReportError,
    Verdict,
    json_schema,
    load_report,
    read_journal,
    write_report,
)


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_report_survives_the_round_trip(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report
    ratios = {r.worst_ratio for r in report.results}
    assert {math.inf, math.nan, None} <= ratios
    assert {r.verdict for r in report.results} == set(Verdict)


def test_the_schema_is_valid_and_describes_every_field(report: Report) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = strict(report.to_json())
    jsonschema.Draft202012Validator(schema).validate(document)
    objects = [schema, *(d for d in schema["$defs"].values() if "properties" in d)]
    for item in objects:
        # Reports of the same version from before there were figures can be read.
        assert item["required"] == [name for name in item["properties"] if name != "figures"]
        assert all(p.get("description") or "$ref" in p for p in item["properties"].values())
    assert set(schema["properties"]) == set(document)


def test_non_finite_ratios_are_strings_in_json(report: Report) -> None:
    ratios = {r["worst_ratio"] for r in strict(report.to_json())["results"]}
    assert {"inf", "nan", None} <= ratios


def broken(report: Report, *path: str | int, value: object) -> str:
    document = strict(report.to_json())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("schema",), "optcheck.report/2", "has schema 'optcheck.report/2'"),
        (("schema",), "something else", "not an optcheck report"),
        (
            ("results", 3, "verdict"),
            "maybe",
            r"at \$\.results\[3\]\.verdict: 'maybe' is not one of",
        ),
        (("results", 0, "worst_ratio"), "large", r"\$\.results\[0\]\.worst_ratio"),
        (("results", 0, "examples"), -1, r"\$\.results\[0\]\.examples"),
        (("results", 0, "options"), {"betas": [0.9]}, r"\$\.results\[0\]\.options\.betas"),
        (("results", 0, "unheard-of"), 1, r"\$\.results\[0\]: Additional properties"),
        (("backends", 0, "methods"), "adam", r"\$\.backends\[0\]\.methods"),
        (("created",), "yesterday", r"\$\.created"),
        (("created",), "2026-13-41T00:00:00Z", "month must be in"),
        (("laws",), [], r"\$\.laws"),
    ],
)
def test_a_bad_report_is_explained_in_one_line(
    report: Report, tmp_path: Path, path: tuple[str | int, ...], value: object, reason: str
) -> None:
    file = tmp_path / "report.json"
    file.write_text(broken(report, *path, value=value), encoding="utf-8")
    with pytest.raises(ReportError, match=reason) as caught:
        load_report(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert ";" in message, "what to do follows the semicolon"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is truncated"),
        (b'{"schema": "optcheck.rep', "is truncated"),
        (b'{"schema": "optcheck.report/1", ', "is truncated"),
        (b"<html></html>", "is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"[1, 2]", "not an optcheck report"),
        (b'{"seed": NaN}', "NaN is not strict JSON"),
        (b"[" * 100_000, "is not JSON|is truncated"),
    ],
)
def test_a_file_that_is_no_report_is_explained(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(content)
    with pytest.raises(ReportError, match=reason):
        load_report(file)


def test_every_cut_of_a_report_is_explained(report: Report, tmp_path: Path) -> None:
    text = report.to_json()
    for length in range(0, len(text) - 2, len(text) // 50):
        (tmp_path / "cut.json").write_text(text[:length], encoding="utf-8")
        with pytest.raises(ReportError, match=r"is truncated|is not JSON"):
            load_report(tmp_path / "cut.json")


def test_a_missing_file_and_a_directory_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such file; give"):
        load_report(tmp_path / "none.json")
    with pytest.raises(ReportError, match="is a directory; give"):
        load_report(tmp_path)


def test_a_report_is_written_whole(report: Report, tmp_path: Path) -> None:
    directory = tmp_path / "new" / "place"
    for _ in range(2):
        paths = write_report(report, directory)
    assert {kind: path.name for kind, path in paths.items()} == {
        "json": "report.json",
        "html": "report.html",
        "md": "report.md",
        "junit": "junit.xml",
    }
    assert sorted(p.name for p in directory.iterdir()) == sorted(p.name for p in paths.values())
    assert load_report(paths["json"]) == report


def test_a_place_that_cannot_be_written_is_explained(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="choose another directory with --out"):
        write_report(report, tmp_path / "file")
    with pytest.raises(ReportError, match="choose another directory with --out"):
        Journal(tmp_path / "file" / "results.jsonl")


def test_a_failed_write_keeps_the_old_report(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(report, tmp_path)

    def full(self: Path, text: str, **options: object) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_report(report, tmp_path)
    assert load_report(tmp_path / "report.json") == report
    assert len(list(tmp_path.iterdir())) == 4


def test_a_journal_keeps_what_was_appended(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    assert read_journal(path) == []
    with Journal(path) as journal:
        for result in report.results[:5]:
            journal.append(result)
            assert read_journal(path)[-1] == result
    with Journal(path) as journal:
        journal.append(report.results[5])
    assert read_journal(path) == report.results[:6]


def test_a_cut_last_line_is_dropped_and_overwritten(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with Journal(path) as journal:
        for result in report.results[:3]:
            journal.append(result)
    whole = path.read_bytes()
    second_end = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in (second_end + 1, second_end + 40, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert read_journal(path) == report.results[:2]
    with Journal(path) as journal:
        journal.append(report.results[2])
    assert path.read_bytes() == whole


def test_the_later_of_two_results_counts(report: Report, tmp_path: Path) -> None:
    first, second = report.results[:2]
    again = type(first).from_dict({**first.to_dict(), "verdict": "timeout", "message": "60 s"})
    with Journal(tmp_path / "results.jsonl") as journal:
        for result in (first, second, again):
            journal.append(result)
    assert read_journal(tmp_path / "results.jsonl") == [again, second]


@pytest.mark.parametrize("line", ["{", "{}", "[]", '{"law": 1}', ""])
def test_a_bad_line_in_a_journal_is_named(report: Report, tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    good = json.dumps(report.results[0].to_dict())
    path.write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(ReportError, match="line 2: "):
        read_journal(path)
