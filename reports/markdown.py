"""report.md: the headline, the denominators, the matrix and the failures, for code reviews.

Text that comes from records is only ever written inside code spans and fenced blocks, or with
every special character as an entity, so that none of it acts as Markdown, HTML or a mention.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from . import view
from .model import Report, Result

_PLAIN = re.compile(r"[\w .:+=,()/-]+")
_RUNS = re.compile(r"`+")


def render_markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown."""
    blocks = [
        f"# optcheck: {'conforms' if report.conforms else 'does not conform'}",
        view.headline(report),
        f"{code(report.created)}, optcheck {code(report.optcheck)},"
        f" profile {code(report.profile)}, seed {report.seed}",
        *bullets(report.notes),
        *bullets(report.vacuous()),
        "## What ran, and what did not",
        *_denominators(report),
        "## Laws and backends",
        *_matrix(report),
    ]
    failures = view.failures(report)
    if failures:
        blocks.append("## Failures")
    for result in failures:
        blocks += _failure(result)
    return view.printable("\n\n".join(blocks)) + "\n"


def code(text: str) -> str:
    """`text` on one line as code, safe anywhere in Markdown, also in a table."""
    text = " ".join(view.printable(text).split())
    if not text:
        return "–"
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    escaped = "".join(c if c.isalnum() or c in " .,:" else f"&#{ord(c)};" for c in text)
    return f"<code>{escaped}</code>"


def fence(text: str, language: str = "") -> str:
    """`text` in a fenced block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def bullets(lines: Iterable[str]) -> Iterator[str]:
    """A bullet list as one block, or nothing."""
    items = [f"- {code(line)}" for line in lines]
    if items:
        yield "\n".join(items)


def _table(header: list[str], rows: Iterable[list[str]], numeric: bool) -> str:
    rule = ["---"] + ["--:" if numeric else ":--"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def _denominators(report: Report) -> Iterator[str]:
    counts = report.denominators()
    header = "backend, checks ran, not run, laws ran, laws not run, implementations checked"
    yield _table(
        header.split(", "),
        [
            [
                code(name),
                str(each.ran),
                str(each.not_run),
                str(each.laws_ran),
                str(each.laws_not_run),
                f"{each.exercised} of {each.declared}",
            ]
            for name, each in counts.items()
        ],
        numeric=True,
    )
    for name, each in counts.items():
        if each.reasons:
            lines = "\n".join(f"- {n} × {code(reason)}" for reason, n in each.reasons.items())
            yield f"{code(name)}, not run:\n\n{lines}"


def _matrix(report: Report) -> Iterator[str]:
    names = list(report.summary)
    for group in view.matrix(report):
        yield f"### {group.title}" if group.title in view.ORACLES.values() else code(group.title)
        yield _table(
            ["law", *map(code, names)],
            [[code(cells[0].law.id), *map(_cell, cells)] for cells in group.rows],
            numeric=False,
        )


def _cell(cell: view.Cell) -> str:
    counts = ", ".join(f"{view.ICONS[v]} {n} {v}" for v, n in cell.counts.items())
    if cell.worst_ratio is not None:
        counts += f" (worst ratio {view.format_ratio(cell.worst_ratio)})"
    return counts or "–"


def _failure(result: Result) -> Iterator[str]:
    yield f"### {view.ICONS[result.verdict]} {result.verdict}: {code(result.law)}"
    ratio = view.format_ratio(result.worst_ratio)
    yield f"{code(result.backend)}, {code(view.describe(result))}, worst ratio {ratio}"
    if result.message:
        yield fence(result.message, "text")
    if result.counterexample is not None:
        yield fence(json.dumps(result.counterexample, indent=2, ensure_ascii=False), "json")
    if result.reproduce is not None:
        yield fence(result.reproduce, "python")
