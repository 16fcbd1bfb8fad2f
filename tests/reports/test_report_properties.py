"""Any text and any number survives the round trip and renders to well-formed output."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optcheck.reports import (
    Backend,
    EquationEntry,
    Journal,
    LawEntry,
    Report,
    Result,
    Verdict,
    read_journal,
    render_html,
    render_junit,
    render_markdown,
)

SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Lone surrogates and control characters included: messages come from anywhere.
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20) | st.sampled_from(
    ["</script>", "]]>", "```", "a|b", "<!--", "&amp;", "{{ x }}", "{% raw %}", "a\nb", "\x00\x1b"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
RESULTS = st.builds(
    Result,
    law=TEXT,
    equations=st.lists(TEXT, max_size=2),
    backend=TEXT,
    method=TEXT,
    dialect=TEXT,
    options=st.dictionaries(TEXT, SCALARS, max_size=3),
    dtype=TEXT,
    device=TEXT,
    verdict=st.sampled_from(Verdict),
    examples=st.integers(0, 10**9),
    worst_ratio=st.none() | st.floats(min_value=0) | st.just(math.nan),
    seconds=st.floats(0, 1e9),
    message=TEXT,
    counterexample=st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    reproduce=st.none() | TEXT,
)
BACKENDS = st.builds(
    Backend,
    name=TEXT,
    library=TEXT,
    version=TEXT,
    implementations=st.integers(0, 9),
    methods=st.lists(TEXT, max_size=2),
    environment=st.dictionaries(TEXT, JSON, max_size=2),
)
EQUATIONS = st.builds(
    EquationEntry,
    id=TEXT,
    title=TEXT,
    formula=TEXT,
    sources=st.lists(TEXT, max_size=2),
    erratum=st.none() | TEXT,
)
LAWS = st.builds(LawEntry, id=TEXT, title=TEXT, statement=TEXT, oracle=TEXT)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    return Report(
        optcheck=draw(TEXT),
        profile=draw(TEXT),
        seed=draw(st.integers()),
        machine=draw(st.dictionaries(TEXT, JSON, max_size=3)),
        backends=draw(st.lists(BACKENDS, max_size=3, unique_by=lambda b: b.name)),
        results=draw(st.lists(RESULTS, max_size=4)),
        equations={e.id: e for e in draw(st.lists(EQUATIONS, max_size=3))},
        laws={law.id: law for law in draw(st.lists(LAWS, max_size=3))},
        notes=draw(st.lists(TEXT, max_size=2)),
    )


@SETTINGS
@given(reports())
def test_json_round_trip(report: Report) -> None:
    text = report.to_json()
    again = Report.from_json(text)
    assert again == report
    assert again.to_json() == text


@SETTINGS
@given(st.lists(RESULTS, max_size=5, unique_by=lambda r: r.key))
def test_journal_round_trip(tmp_path: Path, results: list[Result]) -> None:
    path = tmp_path / "results.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        for result in results:
            journal.append(result)
    assert read_journal(path) == results


@SETTINGS
@given(RESULTS, RESULTS)
def test_keys_tell_results_apart(first: Result, second: Result) -> None:
    def place(r: Result) -> tuple[str, ...]:
        return (r.law, r.backend, *r.implementation, r.dtype, r.device)

    assert (first.key == second.key) == (place(first) == place(second))
    assert first.key.count("/") == 6


@SETTINGS
@given(reports())
def test_every_rendering_is_well_formed(report: Report) -> None:
    page = render_html(report)
    page.encode("utf-8")
    parser = HTMLParser()
    parser.feed(page)
    assert page.count("</script>") == page.count("</html>") == 1
    render_markdown(report).encode("utf-8")
    root = ElementTree.fromstring(render_junit(report))
    assert root.get("tests") == str(len(report.results) + len(report.vacuous()))
