"""A journal of results, one JSON object a line, so that an interrupted run keeps what it has.

One process writes a journal at a time. A line that was cut off in the middle, which can only be
the last, is ignored when reading and removed when the journal is opened again for writing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import ReportError
from .records import Result
from .schema import parse, validate

JOURNAL = "results.jsonl"


class Journal:
    """An append-only file of results; use it as a context manager.

    Raises ReportError when the file cannot be opened or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")  # noqa: SIM115 - closed by close()
            _drop_partial_line(self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def append(self, result: Result) -> None:
        """Write one result and hand it to the operating system."""
        line = json.dumps(result.to_dict(), allow_nan=False) + "\n"
        try:
            self._file.write(line.encode("ascii"))
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file; appending afterwards is an error."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_journal(path: str | Path) -> list[Result]:
    """The results in a journal, in order; of two with one key the later one counts.

    A missing journal is an empty one. Raises ReportError naming the first bad line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    results: dict[str, Result] = {}
    complete = data[: data.rfind(b"\n") + 1]
    for number, line in enumerate(complete.split(b"\n")[:-1], start=1):
        result = _parse_line(line, f"{path}, line {number}")
        results[result.key] = result
    return list(results.values())


def _parse_line(line: bytes, name: str) -> Result:
    document = parse(line.decode("utf-8", "replace"), name)
    validate(document, name, "result")
    try:
        return Result.from_dict(document)
    except ValueError as error:
        raise ReportError(f"{name}: {error}; delete the line to go on without it") from error


def _drop_partial_line(path: Path) -> None:
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)


def _unwritable(path: Path, error: OSError) -> ReportError:
    return ReportError(
        f"{path}: cannot be written ({error.strerror}); choose another directory with --out"
    )
