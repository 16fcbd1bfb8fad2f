"""The map of dialects, docs/dialects.md: which library speaks which form of which method.

Nothing in it is claimed: every shipped adapter is asked by ``identify``. ``python -m
optcheck.suites.dialects FILE`` writes it, ``--check`` says whether the file is current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from optcheck.backends import BackendError, load_backend
from optcheck.backends.discovery import SHIPPED
from optcheck.backends.interface import UpdateRule
from optcheck.reference import METHODS
from optcheck.suites.identify import Identity, identify

HEAD = """# Dialects

Which library speaks which dialect of which update rule. The table is made by running
`optcheck identify` on every shipped adapter (`python -m nox -s dialects`): what stands here was
found, and not claimed. `optcheck explain METHOD` gives the formulas; `optcheck translate` the
hyper-parameters that make one library's rule another's.

Names joined with `+` are further choices: weight decay (`coupled`, `decoupled`), `maximize`,
`centered`, and so on. Libraries' options (foreach, fused, jit, ...) are paths to the same dialect;
laws tie them together.
"""


def identities(names: Sequence[str]) -> Iterator[Identity]:
    """Each dialect of each library, on its plain path."""
    for name in names:
        backend, seen = load_backend(name), set()
        rules: Sequence[UpdateRule] = backend.update_rules()  # type: ignore[attr-defined]
        for rule in rules:
            key = (rule.claim.method, rule.claim.dialect)
            if key not in seen and not rule.claim.thorough_only:
                seen.add(key)
                yield identify(backend, rule)


def page(names: Sequence[str]) -> str:
    """The whole document."""
    libraries = [f"{name}: {' '.join(load_backend(name).library())}" for name in names]
    found = list(identities(names))
    lines = [HEAD, f"Libraries: {', '.join(libraries)}.", ""]
    for method in METHODS:
        rows = [each for each in found if each.claim.method == method]
        if rows:
            lines += [f"## {METHODS[method].title} (`{method}`)", "", *_table(rows), ""]
    return "\n".join(lines)


def _table(rows: Sequence[Identity]) -> Iterator[str]:
    yield "| dialect | equation | spoken by |"
    yield "|---|---|---|"
    speakers: dict[str, list[str]] = {}
    for each in rows:
        speakers.setdefault(_name(each), []).append(each.backend)
    for name, backends in speakers.items():
        yield f"| {name} | {_equation(rows, name)} | {', '.join(dict.fromkeys(backends))} |"


def _name(found: Identity) -> str:
    """What it was found to be; of several that are one map the claimed one."""
    method = found.claim.method
    names = [str(each).removeprefix(f"{method}/") for each in found.survivors]
    if not names:
        return f"no known form (claims `{found.claim.dialect}`)"
    return f"`{found.claim.dialect if found.agrees else names[0]}`"


def _equation(rows: Sequence[Identity], name: str) -> str:
    survivor = next(
        (row.survivors[0] for row in rows if _name(row) == name and row.survivors), None
    )
    return "" if survivor is None else f"`{survivor.form.summary}`"


def main(
    path: Annotated[Path, typer.Argument(help="The document.")] = Path("docs/dialects.md"),
    check: Annotated[bool, typer.Option("--check", help="Say whether it is current.")] = False,
) -> None:
    """Write the map of dialects, or exit 1 where it is not what would be written."""
    try:
        content = page(list(SHIPPED))
    except BackendError as error:
        sys.exit(str(error))
    if not check:
        path.write_text(content, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != content:
        sys.exit(f"{path} is not current: run `python -m nox -s dialects`")


if __name__ == "__main__":
    typer.run(main)
