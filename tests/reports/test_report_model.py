"""Verdicts, keys, denominators, and what makes a report conform."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

from optcheck.reports import Backend, Report, Result, Verdict, headline


def result(**changes: Any) -> Result:
    fields: dict[str, Any] = {
        "law": "exact-step",
        "backend": "numpy",
        "method": "adam",
        "dtype": "float64",
        "verdict": "pass",
    }
    return Result(**{**fields, **changes})


def report_of(*results: Result, **changes: Any) -> Report:
    backend = Backend(name="numpy", implementations=1, methods=("adam",))
    return Report(
        **{"optcheck": "0.1.0", "backends": [backend], "results": list(results), **changes}
    )


def test_verdicts_that_ran_and_that_conform() -> None:
    assert {v.value for v in Verdict if v.ran} == {"pass", "fail", "known", "fixed"}
    assert {v.value for v in Verdict if v.conforms} == {"pass", "known", "unsupported"}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_one_verdict_decides_whether_a_report_conforms(verdict: Verdict) -> None:
    assert report_of(result(), result(law="other", verdict=verdict)).conforms is verdict.conforms


def test_key_reads_as_documented() -> None:
    key = result(
        dialect="epsilon-hat", options={"fused": True, "betas": "a/b"}, device="cuda:0"
    ).key
    assert key == "exact-step/numpy/adam/epsilon-hat/betas=a%2Fb,fused=true/float64/cuda:0"


def test_keys_differ_where_options_differ() -> None:
    values: list[Any] = [1, 1.0, "1", "1.0", True, "true", None, "null", "", "a,b=1", '"1"']
    keys = {result(options={"a": value}).key for value in values}
    keys |= {result(options={"a": "a", "b": 1}).key, result(options={}).key}
    assert len(keys) == len(values) + 2


def test_key_does_not_depend_on_the_order_of_options() -> None:
    first, second = result(options={"a": 1, "b": 2}), result(options={"b": 2, "a": 1})
    assert first.key == second.key
    assert first.implementation == second.implementation


def test_producers_may_hand_in_numpy_and_non_finite_values() -> None:
    coerced = result(
        worst_ratio=numpy.float32(0.5),
        examples=numpy.int64(3),
        options={"eps": numpy.float64(1e-8)},
        counterexample={"g": numpy.array([1.0, math.inf]), "t": (1, {2}), "o": Verdict},
    )
    assert coerced.counterexample == {"g": [1.0, "inf"], "t": [1, [2]], "o": str(Verdict)}
    assert Result.from_dict(coerced.to_dict()) == coerced
    assert type(coerced.worst_ratio) is float


@pytest.mark.parametrize(
    "changes",
    [
        {"worst_ratio": -1.0},
        {"examples": -1},
        {"seconds": math.nan},
        {"seconds": -1.0},
        {"options": {"betas": (0.9, 0.999)}},
        {"verdict": "maybe"},
    ],
)
def test_impossible_results_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        result(**changes)


def test_created_must_be_in_utc() -> None:
    with pytest.raises(ValueError, match="UTC"):
        report_of(created="2026-01-01T00:00:00+02:00")
    assert report_of(created="2026-01-01T00:00:00Z").created.endswith("Z")


def test_denominators_count_what_ran_and_why_not(report: Report) -> None:
    counts = report.denominators()
    assert sum(each.checks for each in counts.values()) == len(report.results)
    for name, each in counts.items():
        own = [r for r in report.results if r.backend == name]
        assert each.ran == sum(r.verdict.ran for r in own)
        assert each.not_run == sum(each.reasons.values())
        assert each.exercised == each.declared
        assert each.unexercised == ()
    assert counts["numpy"].reasons["unsupported: no sparse gradients in this option set"] > 1
    assert counts["torch"].reasons[
        "error: RuntimeError: expected scalar type Float but found BFloat16"
    ]


def test_equal_reasons_are_grouped_and_missing_ones_are_named() -> None:
    results = [
        result(law="a", verdict="crash", message="  "),
        result(law="b", verdict="error", message="\nboom\nline 2"),
        result(law="c", verdict="error", message="boom\nline 3"),
        result(law="d", verdict="error", message="x" * 1000),
    ]
    reasons = report_of(*results).denominators()["numpy"].reasons
    assert next(iter(reasons.items())) == ("error: boom", 2)
    assert reasons["crash: no reason given"] == 1
    assert max(map(len, reasons)) < 200


def test_summary_lists_every_verdict_of_every_backend(report: Report) -> None:
    assert list(report.summary) == ["numpy", "torch", "jax"]
    for counts in report.summary.values():
        assert list(counts) == [verdict.value for verdict in Verdict]
    assert sum(sum(counts.values()) for counts in report.summary.values()) == len(report.results)


@pytest.mark.parametrize(
    ("backends", "results", "line"),
    [
        ([], [], "no backend took part, so nothing was checked"),
        ([Backend(name="numpy")], [], "numpy: no law ran, so nothing was checked"),
        (
            [Backend(name="numpy", implementations=1, methods=("adam",))],
            [result(verdict="unsupported", message="no")],
            "numpy: no law ran, so nothing was checked",
        ),
        (
            [Backend(name="numpy", implementations=1, methods=("adam", "lion"))],
            [result()],
            "numpy: method lion: no law ran on it",
        ),
        (
            [Backend(name="numpy", implementations=3, methods=("adam",))],
            [result(), result(options={"a": 1})],
            "numpy: 1 of 3 declared implementations was exercised by no law that ran",
        ),
        (
            [Backend(name="numpy", implementations=1, methods=("adam",))],
            [result(), result(options={"a": 1})],
            "numpy: laws ran on 2 implementations, but 1 are declared, so the declared number is"
            " no denominator",
        ),
    ],
)
def test_a_vacuous_report_does_not_conform(
    backends: list[Backend], results: list[Result], line: str
) -> None:
    report = report_of(*results, backends=backends)
    assert report.vacuous() == [line]
    assert not report.conforms


def test_headline_counts_each_verdict_once(report: Report) -> None:
    assert headline(report_of(result())) == "1 backend, 1 law ran in 1 of 1 check: 0 failed."
    counts = {v: sum(c[v.value] for c in report.summary.values()) for v in Verdict}
    assert headline(report) == (
        f"3 backends, 16 laws ran in {sum(r.verdict.ran for r in report.results)} of"
        f" {len(report.results)} checks:"
        f" {counts[Verdict.FAIL]} failed, {counts[Verdict.FIXED]} stale declarations,"
        f" {counts[Verdict.KNOWN]} known deviations;"
        f" not run: {counts[Verdict.CRASH]} crashes, {counts[Verdict.TIMEOUT]} timeouts,"
        f" {counts[Verdict.ERROR]} errors,"
        f" {counts[Verdict.UNSUPPORTED]} unsupported."
    )


def test_the_frame_has_one_row_a_result(report: Report) -> None:
    frame = report.to_frame()
    assert len(frame) == len(report.results)
    assert (frame["verdict"] == "pass").sum() == sum(r.verdict == "pass" for r in report.results)
    assert frame["worst_ratio"].max() == math.inf
    assert list(report_of().to_frame().columns) == list(frame.columns)
