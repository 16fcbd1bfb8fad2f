"""Reading strict JSON and checking it against the JSON Schema that ships with the package."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .errors import ReportError

SCHEMA = "optcheck.report/1"
REASON_LENGTH = 200


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of report.json."""
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def _validator(definition: str | None) -> Draft202012Validator:
    schema = json_schema()
    if definition is not None:
        schema = {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema)


def _reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not strict JSON")


def parse(text: str, name: str) -> Any:
    """The JSON document in `text`; raises ReportError beginning with `name`."""
    try:
        return json.loads(text, parse_constant=_reject)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise ReportError(
                f"{name}: is truncated (the JSON ends too early, on line {error.lineno});"
                " the run that wrote it was cut off: run it again, or go on with --resume"
            ) from error
        raise ReportError(
            f"{name}: is not JSON (line {error.lineno}: {error.msg});"
            " give the report.json that `optcheck run` wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{name}: is not JSON that optcheck writes ({error});"
            " give the report.json that `optcheck run` wrote"
        ) from error


def validate(document: Any, name: str, definition: str | None = None) -> None:
    """Check a report, or with `definition` one of the schema's $defs, against the schema.

    Raises ReportError beginning with `name` and naming the path of the worst violation.
    """
    if definition is None:
        _check_version(document, name)
    error = best_match(_validator(definition).iter_errors(document))
    if error is not None:
        reason = " ".join(error.message.split())
        if len(reason) > REASON_LENGTH:
            reason = reason[:REASON_LENGTH] + "…"
        raise ReportError(
            f"{name}: violates the schema {SCHEMA} at {error.json_path}: {reason};"
            " run optcheck again to write it anew"
        )


def _check_version(document: Any, name: str) -> None:
    version = document.get("schema") if isinstance(document, dict) else None
    if version == SCHEMA:
        return
    if isinstance(version, str) and version.startswith("optcheck.report/"):
        raise ReportError(
            f"{name}: has schema {version[:40]!r}, but this optcheck reads {SCHEMA!r};"
            " use the optcheck that wrote it, or run it again"
        )
    raise ReportError(
        f"{name}: is JSON, but not an optcheck report (no schema {SCHEMA!r});"
        " give the report.json that `optcheck run` wrote"
    )
