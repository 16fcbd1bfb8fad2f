"""report.html: one self-contained page that works offline and without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from . import view
from .figures import to_svg
from .formula import to_mathml
from .model import Report, Result

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def render_html(report: Report) -> str:
    """The page, as text without characters that UTF-8 or HTML forbids."""
    script = _template("report.js")
    groups = view.matrix(report)
    names = list(report.summary)
    template = _environment().get_template("report.html.j2")
    page = template.render(
        report=report,
        groups=groups,
        backends=names,
        layout=Layout(len(names)),
        anchors=Anchors(report.results),
        failures=view.failures(report),
        environment=environment_rows(report),
        dtypes=sorted({result.dtype for result in report.results}),
        view=view,
        css=Markup(_template("report.css")),
        stacked=Markup(_template("stacked.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return view.printable(page)


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        mathml=to_mathml,
        svg=to_svg,
        ratio=view.format_ratio,
        seconds=view.format_seconds,
        options=view.format_options,
        text=value_text,
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )
    return environment


class Anchors:
    """Fragment ids that are safe, distinct, and the same for the same run of laws."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._result_ids: dict[int, str] = {}
        seen: dict[str, int] = {}
        for result in results:
            digest = _digest(result.key)
            seen[digest] = seen.get(digest, 0) + 1
            suffix = "" if seen[digest] == 1 else f"-{seen[digest]}"
            self._result_ids[id(result)] = f"r-{digest}{suffix}"

    def result(self, result: Result) -> str:
        """The id of one result's row."""
        return self._result_ids[id(result)]

    @staticmethod
    def of(kind: str, *names: str) -> str:
        """The id of a law, a cell or an equation; readable where the names allow it."""
        slug = "--".join(_UNSAFE.sub("-", name) for name in names)
        if _UNSAFE.search("".join(names)) or any("--" in name for name in names):
            slug += "-" + _digest("\0".join(names))
        return f"{kind}-{slug}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True)
class Layout:
    """How a matrix of so many columns is laid out."""

    count: int

    @property
    def dense(self) -> bool:
        """Whether cells have room for icons and numbers only."""
        return self.count > 5

    @property
    def breakpoint(self) -> float:
        """The page width in rem below which the columns would not fit side by side."""
        return max(46.0, 14 + (5.5 if self.dense else 9) * self.count)

    @property
    def columns(self) -> Markup:
        """Column widths, and for each column the shift that lets an open cell span the row.

        The first column is `first` cells wide. Percentages inside a cell refer to that cell, so
        a panel `total` cells wide, moved left by what precedes the cell, covers the row.
        """
        first = 1 + 0.2 * max(self.count - 1, 0)
        total = first + self.count
        rules = [f".matrix col.law {{ width: {100 * first / total:.4f}% }}"]
        for column in range(self.count):
            rules.append(
                f".matrix td.c{column} > details > .panel"
                f" {{ width: {100 * total:.1f}%; margin-left: {-100 * (first + column):.1f}% }}"
            )
        return Markup("\n".join(rules))


@dataclass(frozen=True)
class EnvironmentRow:
    """One setting and its value on each backend, "" where a backend does not state it."""

    name: str
    values: list[str]


def environment_rows(report: Report) -> list[EnvironmentRow]:
    """What the backends state about themselves, one row a setting."""
    by_name = {backend.name: backend for backend in report.backends}
    columns = [{} if name not in by_name else by_name[name].environment for name in report.summary]
    settings = dict.fromkeys(setting for column in columns for setting in column)
    return [
        EnvironmentRow(name, [value_text(column.get(name, "")) for column in columns])
        for name in settings
    ]


def value_text(value: Any) -> str:
    """A JSON value as a reader expects it: text bare, lists with commas, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False)
