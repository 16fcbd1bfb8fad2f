"""The pages of the documentation that are computed: docs/dialects.md and docs/errata.md.

Nothing in them is claimed: every shipped adapter is asked by ``identify``, every misprint is
refuted by a case. ``python -m optcheck.suites.documents`` writes them into docs/, ``--check`` says
whether they are current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from optcheck.backends import BackendError, load_backend
from optcheck.backends.discovery import SHIPPED
from optcheck.properties.errata import NotRefutedError, rows
from optcheck.reference import CLIPPINGS, METHODS
from optcheck.suites.identify import Identity, identify
from optcheck.suites.identify_parts import identify_clipping

DIALECTS = """# Dialects

Which library speaks which dialect of which update rule and clipping. The tables are made by
running `optcheck identify` on every shipped adapter (`python -m nox -s documents`): what stands
here was found, and not claimed. `optcheck explain METHOD` gives the formulas in full, and
`optcheck translate` the hyper-parameters that make one library's rule another's.

Names joined with `+` are further choices: weight decay (`coupled`, `decoupled`), `maximize`,
`centered`, and so on. A library's options (foreach, fused, jit, ...) are paths to the same
dialect; laws tie them together.
"""

ERRATA = """# Errata

Printed formulas of the five texts that are wrong, each refuted by the simplest case that was
found, and each correction asked of a hundred cases (`optcheck errata`; `python -m nox -s
documents` writes this page). Numbers are exact fractions, or balls of 200 bits where there are
roots. A doubt whether the slip is the text's or the transcription's stands in brackets.
"""


def identities(names: Sequence[str]) -> Iterator[Identity]:
    """Each dialect of each library, on its plain path."""
    for name in names:
        backend, seen = load_backend(name), set()
        rules: list[tuple[Callable[..., Identity], Any]] = [
            (identify, rule) for rule in getattr(backend, "update_rules", list)()
        ]
        rules += [(identify_clipping, rule) for rule in getattr(backend, "clippings", list)()]
        for ask, rule in rules:
            key = (rule.claim.method, rule.claim.dialect)
            if key not in seen and not rule.claim.thorough_only:
                seen.add(key)
                yield ask(backend, rule)


def dialects(names: Sequence[str]) -> str:
    """The map of dialects."""
    libraries = [_library(name) for name in names]
    found = list(identities(names))
    lines = [DIALECTS, f"Libraries: {', '.join(libraries)}.", ""]
    titles = {name: METHODS[name].title for name in METHODS}
    titles |= {name: CLIPPINGS[name].title for name in CLIPPINGS}
    for method, title in titles.items():
        mine = [each for each in found if each.claim.method == method]
        if mine:
            lines += [f"## {title} (`{method}`)", "", *_speakers(mine), ""]
    return "\n".join(lines)


def _library(name: str) -> str:
    """What is behind a backend, and its version; which build it is decides nothing here."""
    library, version = load_backend(name).library()
    return f"{library} {version.partition('+')[0]}"


def _speakers(found: Sequence[Identity]) -> Iterator[str]:
    yield "| dialect | equation | spoken by |"
    yield "|---|---|---|"
    for name in dict.fromkeys(_name(each) for each in found):
        mine = [each for each in found if _name(each) == name]
        survivors = mine[0].survivors
        equation = f"`{survivors[0].form.summary}`" if survivors else ""
        yield f"| {name} | {equation} | {', '.join(dict.fromkeys(e.backend for e in mine))} |"


def _name(found: Identity) -> str:
    """What it was found to be; of several that are one map the claimed one."""
    if not found.survivors:
        return f"no known form (claims `{found.claim.dialect}`)"
    name = str(found.survivors[0]).removeprefix(f"{found.claim.method}/")
    return f"`{found.claim.dialect if found.agrees else name}`"


def errata() -> str:
    """The table of misprints."""
    lines = [ERRATA, "| id | source | as printed | corrected | why | counterexample |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in rows():
        names = ("id", "source", "as_printed", "as_corrected", "why", "shown")
        cells = [row[name].replace("|", r"\|").replace("\n", " ") for name in names]
        cells[2:4] = [f"`{cell}`" for cell in cells[2:4]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main(
    folder: Annotated[Path, typer.Argument(help="Where the documents are.")] = Path("docs"),
    check: Annotated[bool, typer.Option("--check", help="Say whether they are current.")] = False,
) -> None:
    """Write the computed pages, or exit 1 where one is not what would be written."""
    try:
        pages = {"dialects.md": dialects(list(SHIPPED)), "errata.md": errata()}
    except (BackendError, NotRefutedError) as error:
        sys.exit(str(error))
    for name, content in pages.items():
        path = folder / name
        if not check:
            path.write_text(content, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != content:
            sys.exit(f"{path} is not current: run `python -m nox -s documents`")


if __name__ == "__main__":
    typer.run(main)
