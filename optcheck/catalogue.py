"""What optcheck knows, as plain rows: equations, laws, methods, backends, problems."""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optcheck.backends import BackendError, known_backends, load_backend
from optcheck.properties import LAWS, Unit, implementations, units
from optcheck.reference import (
    CLIPPINGS,
    EQUATIONS,
    METHODS,
    MODIFIERS,
    PROCEDURES,
    SCHEDULES,
)
from optcheck.reference.named_problems import PROBLEMS

Row = dict[str, Any]


def version() -> str:
    """The installed version."""
    return importlib.metadata.version("optcheck")


def equations() -> list[Row]:
    """Every equation with its sources, and the laws that check it or why none can."""
    return [
        {
            "id": entry.id,
            "title": entry.title,
            "sources": list(entry.sources),
            "laws": list(_checkers().get(entry.id, ())),
            "unchecked": entry.unchecked or "",
        }
        for entry in EQUATIONS.values()
    ]


def laws() -> list[Row]:
    """Every law with its oracle."""
    return [
        {"id": law.id, "about": law.capability, "oracle": law.oracle, "title": law.title}
        for law in LAWS.values()
    ]


def methods() -> list[Row]:
    """Every method with its dialects, and who implements which of them."""
    declared = _declared()
    return [
        {
            "id": record.id,
            "family": record.family,
            "dialects": list(record.dialects),
            "implementations": {
                backend: [_implementation(rule) for rule in ours]
                for backend, found in declared.items()
                if (ours := [rule for rule in found if rule.claim.method == record.id])
            },
        }
        for record in _records().values()
    ]


def backends() -> list[Row]:
    """Every backend that can be named."""
    return [{"name": name, "status": status} for name, status in known_backends().items()]


def problems() -> list[Row]:
    """Every problem with its known solution."""
    return [
        {"id": problem.id, "title": problem.title, "minimum": problem.minimum}
        for problem in PROBLEMS.values()
    ]


LISTS: Mapping[str, Callable[[], list[Row]]] = {
    "equations": equations,
    "laws": laws,
    "methods": methods,
    "backends": backends,
    "problems": problems,
}


def _records() -> dict[str, Any]:
    return {**METHODS, **SCHEDULES, **CLIPPINGS, **PROCEDURES}


def _implementation(rule: Any) -> Row:
    """What a rule is in its library, where the adapter says so, and what it claims to be."""
    named = {"implementation": rule.implementation} if hasattr(rule, "implementation") else {}
    return {**named, "dialect": rule.claim.dialect, "options": dict(rule.claim.options)}


def _declared() -> dict[str, list[Any]]:
    declared: dict[str, list[Any]] = {}
    for name in known_backends():
        try:
            found = implementations(load_backend(name))
        except BackendError:
            continue  # `optcheck list backends` says how to install it
        declared[name] = [rule for rules in found.values() for rule in rules]
    return declared


def explain(identifier: str) -> list[str]:
    """What is known of one equation, law or method.

    Raises
    ------
    LookupError
        There is none; the message names close ones.
    """
    if identifier in EQUATIONS:
        return _explain_equation(identifier)
    if identifier in LAWS:
        return _explain_law(identifier)
    if identifier in _records():
        return _explain_method(identifier)
    names = [*EQUATIONS, *LAWS, *_records()]
    close = difflib.get_close_matches(identifier, names, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else "; see `optcheck list equations`"
    raise LookupError(f"no equation, law or method {identifier!r}{hint}")


def _explain_equation(identifier: str) -> list[str]:
    entry = EQUATIONS[identifier]
    with_dialects: list[Any] = [*METHODS.values(), *PROCEDURES.values()]
    users = [
        f"{record.id}/{name}"
        for record in with_dialects
        for name, dialect in record.dialects.items()
        if identifier in dialect.equations
    ]
    users += [f"+{each.id}" for each in MODIFIERS.values() if identifier in each.equations]
    users += [record.id for record in SCHEDULES.values() if identifier in record.equations]
    users += [record.id for record in CLIPPINGS.values() if identifier in record.equations]
    checkers = _checkers().get(identifier, ())
    lines = [
        f"equation {entry.id}: {entry.title}",
        f"  formula   {entry.formula}",
        f"  sources   {', '.join(entry.sources)}",
    ]
    if entry.erratum:
        lines.append(f"  erratum   {entry.erratum}")
    if users:
        lines.append(f"  used by   {', '.join(users)}")
    none = entry.unchecked or "by no law yet"
    lines.append(f"  checked   {', '.join(checkers) or none}")
    return lines


def _explain_law(identifier: str) -> list[str]:
    law = LAWS[identifier]
    return [
        f"law {law.id}: {law.title}",
        f"  says      {law.statement}",
        f"  oracle    {law.oracle}",
        f"  about     {law.capability}",
        f"  equations {', '.join(law.equations) or 'those of the dialect that is claimed'}",
    ]


def _explain_method(identifier: str) -> list[str]:
    record = _records()[identifier]
    lines = [f"method {record.id}: {record.title} ({record.source})"]
    for name, domain in record.hyperparameters.items():
        lines.append(
            f"  {name} in {domain}, usually {', '.join(f'{x:g}' for x in domain.typical)}"
        )
    for name in record.dialects:
        dialect = record.dialects[name] if isinstance(record.dialects, Mapping) else None
        lines.append(f"  dialect   {name}  {getattr(dialect, 'summary', '')}".rstrip())
    checkers = dict.fromkeys(unit.law.id for unit in _asked() if unit.method == identifier)
    lines.append(f"  checked   {', '.join(checkers)}")
    return lines


@functools.cache
def _checkers() -> Mapping[str, Sequence[str]]:
    """The laws that check each equation.

    They name it, or they compare an implementation with the exact value of its dialect.
    """
    found: dict[str, dict[str, None]] = {identifier: {} for identifier in EQUATIONS}
    for law in LAWS.values():
        for identifier in law.equations:
            found[identifier][law.id] = None
        if law.with_modifiers:
            for identifier in _of_modifiers():
                found[identifier][law.id] = None
    for unit in _asked():
        if unit.law.oracle == "exact":
            for identifier in unit.equations:
                found[identifier][unit.law.id] = None
    return {identifier: tuple(laws) for identifier, laws in found.items()}


def _of_modifiers() -> list[str]:
    return [each for record in MODIFIERS.values() for each in record.equations]


@functools.cache
def _asked() -> Sequence[Unit]:
    """What is asked of NumPy, which has every method."""
    return units([load_backend("numpy")])
