"""Result records, and the reports made of them: JSON, HTML, Markdown and JUnit XML.

This package knows records only; whoever runs laws fills a `Report` and hands it to `write_report`.
"""

from __future__ import annotations

import os
from pathlib import Path

from .coverage import Denominators
from .errors import ReportError
from .html import render_html
from .journal import JOURNAL, Journal, read_journal
from .junit import render_junit
from .markdown import render_markdown
from .model import SCHEMA, Report, load_report
from .records import Backend, EquationEntry, Figure, LawEntry, Result, Verdict
from .schema import json_schema
from .view import headline

__all__ = [
    "JOURNAL",
    "SCHEMA",
    "Backend",
    "Denominators",
    "EquationEntry",
    "Figure",
    "Journal",
    "LawEntry",
    "Report",
    "ReportError",
    "Result",
    "Verdict",
    "headline",
    "json_schema",
    "load_report",
    "read_journal",
    "render_html",
    "render_junit",
    "render_markdown",
    "write_report",
]


def write_report(report: Report, directory: str | Path) -> dict[str, Path]:
    """Write report.json, report.html, report.md and junit.xml; returns {"json": path, ...}.

    The directory is made if need be. Each file is replaced at once or not at all. Raises
    ReportError with one line when a file cannot be written.
    """
    directory = Path(directory)
    contents = {
        "json": ("report.json", report.to_json()),
        "html": ("report.html", render_html(report)),
        "md": ("report.md", render_markdown(report)),
        "junit": ("junit.xml", render_junit(report)),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        paths = {kind: directory / name for kind, (name, _) in contents.items()}
        for kind, (_, text) in contents.items():
            _replace(paths[kind], text)
    except OSError as error:
        raise ReportError(
            f"{directory}: the report cannot be written there ({error.strerror});"
            " choose another directory with --out"
        ) from error
    return paths


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
