"""report.html, report.md and junit.xml: complete, well formed, and safe for hostile text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from optcheck.reports import (
    Backend,
    EquationEntry,
    Report,
    Result,
    Verdict,
    render_html,
    render_junit,
    render_markdown,
)

VOID = {"meta", "br", "col", "input", "link", "img", "hr"}
LOADING = {"img", "link", "iframe", "object", "embed", "audio", "video", "source", "base", "form"}


class Page(HTMLParser):
    """Checks nesting while parsing, and collects ids, links, elements and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute given twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        self.text += " " * (tag in ("td", "th"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]

    def count(self, tag: str, css_class: str = "") -> int:
        return sum(
            name == tag and (not css_class or css_class in (attrs.get("class") or "").split())
            for name, attrs in self.elements
        )


@pytest.fixture(scope="module")
def source(report: Report) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_the_page_is_one_well_formed_document(source: str, page: Page) -> None:
    assert source.startswith("<!DOCTYPE html>")
    assert page.count("html") == page.count("main") == page.count("h1") == 1
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    links = page.attributes("href")
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= set(ids)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", value) for value in ids)


def test_the_page_loads_nothing(source: str, page: Page) -> None:
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["script"] == tags["style"] == 1
    assert set(tags) & LOADING == {"form"}
    assert page.attributes("src") == []
    assert all(not name.startswith("on") for _, attrs in page.elements for name in attrs)
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", source))
    names = ("1998/Math/MathML", "1999/xlink", "2000/svg")
    assert addresses <= {f"http://www.w3.org/{name}" for name in names}
    assert not re.search(r"url\((?!#)", source)  # fragments of the page itself are no loading
    assert "@import" not in source
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    script = re.findall(r"<script>(.*?)</script>", source, flags=re.S)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy


def test_hostile_text_is_shown_and_does_nothing(source: str, page: Page) -> None:
    assert source.count("</script>") == 1
    assert "<img" not in source
    assert 'href="javascript' not in source
    assert "</script><script>alert('pwned')</script><img src=x onerror=alert(1)>" in page.text
    assert "{{ 7*7 }}" in page.text
    source.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", source)


def test_the_page_has_every_result_and_every_failure(report: Report, page: Page) -> None:
    assert page.count("tr", "result") == len(report.results)
    bad = [r for r in report.results if not r.verdict.conforms]
    assert page.count("li", "result") == len(bad)
    scripts = sum(r.reproduce is not None for r in report.results)
    examples = sum(r.counterexample is not None for r in report.results)
    assert page.count("pre") == scripts + examples
    assert page.count("th") > 0
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")
    assert page.count("table") == page.count("caption")


def test_the_page_shows_each_formula_once(report: Report, page: Page) -> None:
    assert page.count("math") == len(report.equations) - 1, "all but the one that does not convert"
    assert r"\frac{1}{" in page.text
    assert page.count("article") == len(report.equations)


def test_the_page_states_the_denominators(report: Report, page: Page) -> None:
    words = " ".join(page.text.split())
    torch = report.denominators()["torch"]
    numbers = f"torch {torch.ran} {torch.not_run} {torch.laws_ran} {torch.laws_not_run}"
    assert f"{numbers} {torch.exercised} {torch.declared}" in words
    assert "the run was interrupted" in words
    assert "Does not conform" in words


def test_two_thousand_results_fit_in_three_megabytes(make_report: Callable[..., Report]) -> None:
    report = make_report(repeat=6)
    assert len(report.results) > 2000
    assert len(render_html(report).encode()) < 3_000_000


@pytest.mark.parametrize("count", [0, 1, 9])
def test_any_number_of_backends_renders(count: int) -> None:
    names = [f"backend {i}" for i in range(count)]
    results = [
        Result(law="a--b", backend=n, method="", dtype="float32", verdict=Verdict.PASS)
        for n in names
    ]
    report = Report(optcheck="0", backends=[Backend(name=n) for n in names], results=results)
    assert Page(render_html(report)).count("tr", "result") == count
    assert render_markdown(report).startswith("# optcheck: ")
    ElementTree.fromstring(render_junit(report))


def test_a_formula_cannot_carry_markup() -> None:
    latex = (
        r"\text{<b onclick=x>&lt;i&gt;}",
        r"\href{javascript:alert(1)}{x}",
        r"\nonsense{x}",
        "",
    )
    entries = [EquationEntry(id=str(i), title="t", formula=text) for i, text in enumerate(latex)]
    source = render_html(Report(optcheck="0", equations={e.id: e for e in entries}))
    page = Page(source)
    assert "<b onclick=x>" in page.text.replace("\xa0", " ")
    assert page.count("b") == page.count("i") == 0
    assert 'href="javascript' not in source
    assert r"\nonsense{x}" in page.text


def test_markdown_has_the_same_content(report: Report) -> None:
    text = render_markdown(report)
    text.encode("utf-8")
    bad = [r for r in report.results if not r.verdict.conforms]
    fenced = re.split(r"^(`{3,})\w*\n.*?^\1$", text, flags=re.M | re.S)
    outside = "".join(fenced[::2])
    headings = re.findall(r"^### . (\w+): ", outside, flags=re.M)
    assert Counter(headings) == Counter(r.verdict.value for r in bad)
    assert len(fenced[1::2]) == sum(
        bool(r.message) + (r.counterexample is not None) + (r.reproduce is not None) for r in bad
    )
    code_less = re.sub(r"<code>[^<]*</code>|`[^`\n]*`", "", outside)
    assert not re.search(r"[<>@\[]|alert", code_less)
    for table in re.findall(r"(?:^\|.*\n)+", outside, flags=re.M):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_junit_counts_agree(report: Report) -> None:
    text = render_junit(report)
    root = ElementTree.fromstring(text)
    assert root.get("tests") == str(len(report.results))
    assert [suite.get("name") for suite in root] == list(report.summary)
    for suite in root:
        counts = report.summary[suite.get("name") or ""]
        cases = list(suite.iter("testcase"))
        assert suite.get("tests") == str(len(cases)) == str(sum(counts.values()))
        assert suite.get("failures") == str(counts["fail"] + counts["fixed"])
        assert suite.get("errors") == str(counts["error"] + counts["timeout"] + counts["crash"])
        assert suite.get("skipped") == str(counts["unsupported"])
        assert len(suite.findall(".//failure")) == counts["fail"] + counts["fixed"]
        known = [c for c in suite.iter("system-out") if (c.text or "").startswith("known")]
        assert len(known) == counts["known"]
    assert all(skipped.get("message") for skipped in root.iter("skipped"))
    assert "\x1b" not in text


def test_a_vacuous_report_is_red_in_junit() -> None:
    report = Report(optcheck="0", backends=[Backend(name="torch", methods=("adam",))])
    root = ElementTree.fromstring(render_junit(report))
    assert root.get("failures") == "1"
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "torch: no law ran, so nothing was checked"
