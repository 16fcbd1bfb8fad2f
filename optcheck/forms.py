"""The commands about formulas: which one is it, what is it elsewhere, which ones are wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from optcheck.backends import Backend, BackendError, load_backend
from optcheck.console import console, refuse, say


def identify(
    backend: Annotated[
        str, typer.Argument(help="A name, module:object or file.py:object (a function, too).")
    ],
    method: Annotated[str, typer.Argument(help="What it claims to be; all, if left out.")] = "",
    any_method: Annotated[
        bool, typer.Option("--any", help="Look among the forms of all methods.")
    ] = False,
    options: Annotated[
        list[str] | None, typer.Option(help="Only this path, as in foreach=True; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find out which formula an implementation follows, whatever it claims.

    Exits 0 when each implementation is what it claims to be, 1 when one is not.
    """
    from optcheck.suites.identify import UnidentifiableError

    try:
        asked = list(_implementations(backend, method, options or []))
        if not asked:
            refuse(f"{backend} has no {method} {' '.join(options or [])}".rstrip())
        found = [_identified(*each, any_method) for each in asked]
    except (BackendError, UnidentifiableError) as error:
        refuse(str(error))
    if as_json:
        sys.stdout.write(json.dumps([each.to_dict() for each in found], indent=2) + "\n")
    elif len(found) == 1:
        for line in found[0].lines():
            say(line)
    else:
        _print_identities(found)
    raise typer.Exit(0 if all(each.agrees for each in found) else 1)


# What can be identified, by the capability that offers it.
_KINDS = ("update_rules", "clippings", "schedules")


def _implementations(
    spec: str, method: str, options: Sequence[str]
) -> Iterator[tuple[str, Backend | None, Any]]:
    """The kind, the backend and the rule; a plain function has neither kind nor backend."""
    from optcheck.backends.discovery import SHIPPED, load_object

    if spec not in SHIPPED and ":" in spec:
        found = load_object(spec)
        if callable(found) and not isinstance(found, (Backend, type)):
            yield "", None, found
            return
    backend = load_backend(spec)
    for kind in _KINDS:
        for rule in getattr(backend, kind, list)():
            claim = rule.claim
            mine = {f"{name}={value}" for name, value in claim.options.items()}
            # What is slow to build is asked where it is asked for.
            slow = claim.thorough_only and not options
            if method in ("", claim.method) and set(options) <= mine and not slow:
                yield kind, backend, rule


def _identified(kind: str, backend: Backend | None, rule: Any, any_method: bool) -> Any:
    from optcheck.reference import METHODS
    from optcheck.suites import identify, identify_parts

    if backend is None:
        return identify.of_function(rule)
    if kind == "clippings":
        return identify_parts.identify_clipping(backend, rule, any_method=any_method)
    if kind == "schedules":
        return identify_parts.identify_schedule(backend, rule, any_method=any_method)
    return identify.identify(backend, rule, tuple(METHODS) if any_method else ())


def _print_identities(found: Sequence[Any]) -> None:
    table = Table("claims", "is", "tried", "inputs")
    for each in found:
        names = "\n".join(str(survivor) for survivor in each.survivors) or "no known form"
        mark = "" if each.agrees else "[bold red]not what it claims[/]\n"
        table.add_row(each.claim.name, f"{mark}{names}", str(each.known), str(each.evaluations))
    console.print(table)
    wrong = sum(not each.agrees for each in found)
    say(f"{len(found) - wrong} of {len(found)} implementations are what they claim to be")


def translate(
    context: typer.Context,
    method: Annotated[str, typer.Argument(help="An update rule, as in `optcheck list methods`.")],
    source: Annotated[str, typer.Option("--from", help="The library that is left.")],
    target: Annotated[str, typer.Option("--to", help="The library that is wanted.")],
    dialect: Annotated[str, typer.Option(help="Of the first library, where it has several.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give the hyper-parameters that make one library's update rule another's.

    Every hyper-parameter is an option: --learning-rate 0.001 --beta1 0.9. Those that are left out
    have the defaults of the first library. Exits 0 when both are the same update, 1 when no
    hyper-parameters make them so.
    """
    from optcheck.suites import translate as suite

    try:
        given = _values(context.args)
        found = suite.translate(load_backend(source), load_backend(target), method, given, dialect)
    except (BackendError, suite.TranslationError) as error:
        refuse(str(error))
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        for line in found.lines():
            say(line)
    raise typer.Exit(0 if found.exact else 1)


def _values(arguments: Sequence[str]) -> dict[str, float]:
    """``--learning-rate 0.1`` or ``--learning-rate=0.1`` for each hyper-parameter."""
    words = [part for argument in arguments for part in argument.split("=", 1)]
    values: dict[str, float] = {}
    for name, value in zip(words[::2], words[1::2], strict=False):
        if not name.startswith("--"):
            refuse(f"{name!r} is no option; hyper-parameters are given as --learning-rate 0.001")
        try:
            values[name[2:].replace("-", "_")] = float(value)
        except ValueError:
            refuse(f"{name} {value} is no number")
    if len(words) % 2:
        refuse(f"{words[-1]} has no value")
    return values


def errata(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the printed formulas that are wrong, each with a counterexample that was found now.

    Exits 1 when one is not refuted.
    """
    from optcheck.properties.errata import NotRefutedError, rows

    try:
        found = rows()
    except NotRefutedError as error:
        say(f"not refuted: {error}")
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    table = Table("id", "source", "as printed", "corrected", "why", "counterexample")
    for row in found:
        table.add_row(*(row[name] for name in _COLUMNS))
    console.print(table, markup=False)
    refuted = sum(bool(row["counterexample"]) for row in found)
    say(f"{len(found)} errata, {refuted} refuted by a case; the others compute nothing")


_COLUMNS = ("id", "source", "as_printed", "as_corrected", "why", "shown")
