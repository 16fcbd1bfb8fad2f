"""Declared deviations: what is known to deviate, why, and a script that shows it.

The declaration is strict. A declared deviation that still deviates is ``known``; one that no
longer does is ``fixed``, and that fails, so that the file never outlives its reasons. What a law
of random inputs sees on some of them alone has a *witness*: a law that shows it on every run, and
is strict.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optcheck.properties.execute import Outcome
from optcheck.properties.units import Unit

# One file a backend.
SHIPPED = tuple(sorted(Path(__file__).with_name("known_deviations").glob("*.toml")))

_REQUIRED = ("law", "backend", "reason")
_OPTIONAL = ("method", "dialect", "options", "dtype", "link", "script", "witness")


class KnownDeviationsError(ValueError):
    """The file cannot be used; the message is one line."""


@dataclass(frozen=True)
class KnownDeviation:
    """One declaration; an empty field matches everything.

    ``witness`` is the law that sees the deviation on every input, where ``law`` does not.
    """

    law: str
    backend: str
    reason: str
    method: str = ""
    dialect: str = ""
    dtype: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""
    script: str | None = None
    witness: str = ""

    def matches(self, unit: Unit) -> bool:
        """Whether the declaration is about ``unit``."""
        return (
            (self.law, self.backend) == (unit.law.id, unit.backend)
            and self.method in ("", unit.method)
            and self.dialect in ("", unit.dialect)
            and self.dtype in ("", unit.dtype)
            and all(unit.options.get(name) == value for name, value in self.options.items())
        )

    def is_witnessed_by(self, other: KnownDeviation) -> bool:
        """Whether ``other`` is the strict declaration of the witness, about the same."""
        return (
            other.law == self.witness
            and not other.witness
            and (other.backend, other.method, other.dialect, other.dtype, other.options)
            == (self.backend, self.method, self.dialect, self.dtype, self.options)
        )

    def judge(self, outcome: Outcome) -> Outcome:
        """The outcome in the light of the declaration."""
        link = f" ({self.link})" if self.link else ""
        if outcome.verdict in ("fail", "error"):
            return replace(
                outcome,
                verdict="known",
                message=f"{self.reason}{link}. {outcome.message}",
                reproduce=outcome.reproduce or self.script,
            )
        if outcome.verdict == "pass" and not self.witness:
            return replace(
                outcome,
                verdict="fixed",
                message=f"declared as a deviation, but it conforms: remove the declaration "
                f"({self.reason}{link})",
            )
        return outcome


def load_known(paths: Sequence[Path]) -> list[KnownDeviation]:
    """The declarations of all files, in order.

    Raises
    ------
    KnownDeviationsError
        A file is missing, is not TOML, an entry lacks a field or has one too many, or its file
        does not declare its witness.
    """
    return [deviation for path in paths for deviation in _load(path)]


def _load(path: Path) -> list[KnownDeviation]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KnownDeviationsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnownDeviationsError(f"{path} is not TOML: {error}") from error
    entries = content.get("deviation", [])
    if not isinstance(entries, list) or set(content) - {"deviation"}:
        raise KnownDeviationsError(f"{path} must hold [[deviation]] tables and nothing else")
    found = [_entry(path, number, entry) for number, entry in enumerate(entries, start=1)]
    for number, each in enumerate(found, start=1):
        if each.witness and not any(each.is_witnessed_by(other) for other in found):
            raise KnownDeviationsError(
                f"{path}: deviation {number} names the witness {each.witness!r}, which is not "
                "declared for the same implementation"
            )
    return found


def _entry(path: Path, number: int, entry: Mapping[str, Any]) -> KnownDeviation:
    missing = [name for name in _REQUIRED if not entry.get(name)]
    unknown = [name for name in entry if name not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown:
        problem = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise KnownDeviationsError(f"{path}: deviation {number} {problem}")
    return KnownDeviation(**entry)


def judge(unit: Unit, outcome: Outcome, known: Sequence[KnownDeviation]) -> Outcome:
    """The outcome in the light of the first declaration about ``unit``, if there is one."""
    for deviation in known:
        if deviation.matches(unit):
            return deviation.judge(outcome)
    return outcome
