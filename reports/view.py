"""What the written reports share: the matrix of laws and backends, and how values read."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from .model import LawEntry, Report, Result, Verdict

# Most severe first: the order in which verdicts are listed and the one that colours a cell.
SEVERITY = (
    Verdict.FAIL,
    Verdict.FIXED,
    Verdict.CRASH,
    Verdict.TIMEOUT,
    Verdict.ERROR,
    Verdict.KNOWN,
    Verdict.PASS,
    Verdict.UNSUPPORTED,
)
ICONS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.KNOWN: "≈",
    Verdict.FIXED: "↑",
    Verdict.UNSUPPORTED: "–",
    Verdict.ERROR: "!",
    Verdict.TIMEOUT: "…",
    Verdict.CRASH: "†",
}
MEANINGS = {
    Verdict.PASS: "the law holds",
    Verdict.FAIL: "the law is broken",
    Verdict.KNOWN: "a declared deviation that still deviates",
    Verdict.FIXED: "a declared deviation that no longer does: update the declaration",
    Verdict.UNSUPPORTED: "the implementation does not offer what the law needs",
    Verdict.ERROR: "the implementation or the law raised an exception",
    Verdict.TIMEOUT: "the time limit was reached",
    Verdict.CRASH: "the process died",
}
ORACLES = {
    "exact": "Exact: the computed values against the equation, within a proven rounding bound",
    "rate": "Rate: measured behaviour against what theory promises",
    "identity": "Identity: two ways to one result, compared with each other",
    "statistic": "Statistic: random quantities, with a stated probability of false alarm",
}
_OUTCOMES = {
    Verdict.FAIL: ("failed", "failed"),
    Verdict.FIXED: ("stale declaration", "stale declarations"),
    Verdict.KNOWN: ("known deviation", "known deviations"),
    Verdict.CRASH: ("crash", "crashes"),
    Verdict.TIMEOUT: ("timeout", "timeouts"),
    Verdict.ERROR: ("error", "errors"),
    Verdict.UNSUPPORTED: ("unsupported", "unsupported"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Cell:
    """The results of one law on one backend, most severe first."""

    law: LawEntry
    backend: str
    results: list[Result] = field(default_factory=list)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many results have each verdict that occurs, most severe first."""
        counts = Counter(result.verdict for result in self.results)
        return {verdict: counts[verdict] for verdict in SEVERITY if counts[verdict]}

    @property
    def worst(self) -> Verdict | None:
        """The most severe verdict, None in an empty cell."""
        return next(iter(self.counts), None)

    @property
    def worst_ratio(self) -> float | None:
        """The largest ratio; nan counts as larger than inf."""
        ratios = [r.worst_ratio for r in self.results if r.worst_ratio is not None]
        return max(ratios, key=lambda x: (math.isnan(x), x), default=None)

    @property
    def equations(self) -> list[str]:
        """The equations that these results verify, or else those of the law."""
        verified = dict.fromkeys(e for result in self.results for e in result.equations)
        return list(verified) or list(self.law.equations)


@dataclass(frozen=True)
class Group:
    """The laws that share an oracle; each row has one cell a backend."""

    title: str
    rows: list[list[Cell]]


def matrix(report: Report) -> list[Group]:
    """The groups of laws that have results, in the order of the report's laws."""
    cells: dict[tuple[str, str], list[Result]] = {}
    for result in report.results:
        cells.setdefault((result.law, result.backend), []).append(result)
    with_results = {law for law, _ in cells}
    laws = [law for key, law in report.laws.items() if key in with_results]
    laws += [LawEntry(id=key, title=key) for key in sorted(with_results - set(report.laws))]
    groups: dict[str, list[list[Cell]]] = {name: [] for name in ORACLES}
    for law in laws:
        row = [
            Cell(law, backend, sorted(cells.get((law.id, backend), []), key=_order))
            for backend in report.summary
        ]
        groups.setdefault(law.oracle, []).append(row)
    titles = {**ORACLES, "": "Other laws"}
    return [Group(titles.get(name, name), rows) for name, rows in groups.items() if rows]


def _order(result: Result) -> tuple[int, str]:
    return SEVERITY.index(result.verdict), result.key


def failures(report: Report) -> list[Result]:
    """The results that do not conform, most severe first."""
    return sorted((r for r in report.results if not r.verdict.conforms), key=_order)


def headline(report: Report) -> str:
    """One sentence: "3 backends, 15 laws ran in 351 of 388 checks: 5 failed; not run: ..."."""
    ran = [result for result in report.results if result.verdict.ran]
    counts = Counter(result.verdict for result in report.results)
    said = {
        verdict: f"{counts[verdict]} {_OUTCOMES[verdict][counts[verdict] != 1]}"
        for verdict in _OUTCOMES
        if counts[verdict] or verdict is Verdict.FAIL
    }
    not_run = [text for verdict, text in said.items() if not verdict.ran]
    return (
        f"{plural(len(report.summary), 'backend')},"
        f" {plural(len({result.law for result in ran}), 'law')} ran in {len(ran):,} of"
        f" {plural(len(report.results), 'check')}:"
        f" {', '.join(text for verdict, text in said.items() if verdict.ran)}"
        f"{'; not run: ' if not_run else ''}{', '.join(not_run)}."
    )


def complaint(report: Report) -> str:
    """The headline, a line for all that does not conform, and how to repeat the first of it."""
    broken = failures(report)
    lines = [headline(report), *(f"{each.verdict}: {each.message}" for each in broken)]
    lines += [*report.vacuous(), *report.notes]
    scripts = [each.reproduce for each in broken if each.reproduce is not None]
    return "\n".join(lines) + "".join(f"\n\nreproduce with:\n\n{each}" for each in scripts[:1])


def verified_equations(report: Report) -> int:
    """How many of the report's equations a law that ran verifies."""
    verified = {e for r in report.results if r.verdict.ran for e in r.equations}
    return len(verified & set(report.equations))


def plural(number: int, noun: str) -> str:
    """A number with its noun: "1 law", "2,000 laws"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_ratio(ratio: float | None) -> str:
    """Three significant digits; an en dash where there is no ratio."""
    if ratio is None:
        return "–"
    if math.isnan(ratio):
        return "NaN"
    if math.isinf(ratio):
        return "∞"
    text = f"{ratio:.3g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def format_seconds(seconds: float) -> str:
    """Seconds to two decimals, or to the millisecond below a tenth."""
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.3f}"


def format_options(result: Result) -> str:
    """As in "foreach=True, fused=False"; empty when there are none."""
    return ", ".join(f"{name}={value}" for name, value in sorted(result.options.items()))


def describe(result: Result) -> str:
    """As in "adam (epsilon-hat, foreach=True, float32, cpu)"."""
    details = [result.dialect, format_options(result), result.dtype, result.device]
    return f"{result.method} ({', '.join(detail for detail in details if detail)})"


def printable(text: str) -> str:
    """`text` with every character that XML, HTML or UTF-8 forbids replaced by U+FFFD."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
