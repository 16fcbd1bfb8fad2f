"""The report: its records, its verdict, and its JSON form (schema `optcheck.report/1`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .coverage import Denominators, backend_names, denominators, vacuous
from .errors import ReportError
from .records import Backend, EquationEntry, Figure, LawEntry, Result, Scalar, Verdict, plain
from .schema import SCHEMA, parse, validate

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "SCHEMA",
    "Backend",
    "Denominators",
    "EquationEntry",
    "Figure",
    "LawEntry",
    "Report",
    "ReportError",
    "Result",
    "Scalar",
    "Verdict",
    "load_report",
]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(kw_only=True, repr=False)
class Report:
    """All results of one run and what is needed to read them.

    `created` is ISO 8601 in UTC; `optcheck` is the version that ran; `equations` and `laws` map
    ids to entries; `notes` are lines for the reader ("run was interrupted").
    """

    optcheck: str
    profile: str = "default"
    seed: int = 0
    created: str = field(default_factory=_now)
    machine: dict[str, Any] = field(default_factory=dict)
    backends: list[Backend] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    equations: dict[str, EquationEntry] = field(default_factory=dict)
    laws: dict[str, LawEntry] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        self.machine = plain(self.machine)
        if datetime.fromisoformat(self.created).utcoffset() != UTC.utcoffset(None):
            raise ValueError(f"created must be in UTC, not {self.created!r}")

    @property
    def summary(self) -> dict[str, dict[str, int]]:
        """{backend: {verdict: count}}, with all eight verdicts for every backend."""
        names = backend_names(self.backends, self.results)
        counts = {name: {verdict.value: 0 for verdict in Verdict} for name in names}
        for result in self.results:
            counts[result.backend][result.verdict.value] += 1
        return counts

    @property
    def conforms(self) -> bool:
        """Whether every verdict conforms and no declared implementation went unchecked."""
        return all(result.verdict.conforms for result in self.results) and not self.vacuous()

    def __repr__(self) -> str:
        from .view import headline

        return f"<Report: {headline(self)}>"

    def raise_for_failures(self) -> None:
        """Raise an AssertionError that says what does not conform, if anything does not."""
        __tracebackhide__ = True  # pytest shows the message, and not this function
        if not self.conforms:
            from .view import complaint

            raise AssertionError(complaint(self))

    def denominators(self) -> dict[str, Denominators]:
        """Per backend: what ran, what did not and why, and how much of what is declared."""
        return denominators(self.backends, self.results)

    def vacuous(self) -> list[str]:
        """Why this run proves less than it declares, one line each; empty when it does not."""
        return vacuous(self.denominators())

    def to_dict(self) -> dict[str, Any]:
        """A dict of strict-JSON values that satisfies the schema."""
        return {
            "schema": self.schema,
            "created": self.created,
            "optcheck": self.optcheck,
            "profile": self.profile,
            "seed": self.seed,
            "machine": self.machine,
            "notes": list(self.notes),
            "summary": self.summary,
            "backends": [backend.to_dict() for backend in self.backends],
            "laws": {key: law.to_dict() for key, law in self.laws.items()},
            "equations": {key: equation.to_dict() for key, equation in self.equations.items()},
            "figures": [figure.to_dict() for figure in self.figures],
            "results": [result.to_dict() for result in self.results],
        }

    def to_json(self) -> str:
        """Strict JSON in ASCII, so that any text, even a lone surrogate, survives."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, for a document that satisfies the schema.

        The summary is computed anew from the results.
        """
        fields = {name: value for name, value in document.items() if name != "summary"}
        fields["backends"] = [Backend.from_dict(item) for item in document["backends"]]
        fields["results"] = [Result.from_dict(item) for item in document["results"]]
        fields["figures"] = [Figure.from_dict(item) for item in document.get("figures", ())]
        fields["laws"] = {k: LawEntry.from_dict(v) for k, v in document["laws"].items()}
        fields["equations"] = {
            key: EquationEntry.from_dict(item) for key, item in document["equations"].items()
        }
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str, name: str = "report") -> Self:
        """Parse and validate; raises ReportError with one line that begins with `name`."""
        document = parse(text, name)
        validate(document, name)
        try:
            return cls.from_dict(document)
        except ValueError as error:
            raise ReportError(f"{name}: {error}; run optcheck again to write it anew") from error

    def to_frame(self) -> DataFrame:
        """One row a result; options and counterexample as JSON text, equations space-separated."""
        import pandas

        rows = []
        for result in self.results:
            row = result.to_dict()
            row["key"] = result.key
            row["worst_ratio"] = result.worst_ratio
            row["equations"] = " ".join(result.equations)
            row["options"] = json.dumps(result.options, sort_keys=True)
            if result.counterexample is not None:
                row["counterexample"] = json.dumps(result.counterexample)
            rows.append(row)
        return pandas.DataFrame(rows, columns=["key", *Result.__dataclass_fields__])


def load_report(path: str | Path) -> Report:
    """Read a report.json; raises ReportError with one line that names the file and the remedy."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ReportError(
            f"{path}: no such file; give the report.json that `optcheck run` wrote"
        ) from error
    except IsADirectoryError as error:
        raise ReportError(
            f"{path}: is a directory; give the report.json inside it: {path / 'report.json'}"
        ) from error
    except UnicodeDecodeError as error:
        raise ReportError(
            f"{path}: is not UTF-8 text; give the report.json that `optcheck run` wrote"
        ) from error
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return Report.from_json(text, name=str(path))
