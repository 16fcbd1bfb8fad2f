"""Which lines of a library's own optimizer modules no law enters."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage

from optcheck.backends import Backend, load_backend
from optcheck.properties import PROFILES, execute, units


@dataclass(frozen=True)
class FunctionCoverage:
    """One function or method: how many of its lines can run, and which of them did not."""

    module: str
    name: str
    lines: int
    missed: tuple[int, ...]

    @property
    def entered(self) -> bool:
        """Whether any of its lines ran."""
        return len(self.missed) < self.lines


def measure(specs: Sequence[str], profile: str = "quick", seed: int = 0) -> list[FunctionCoverage]:
    """Run all laws on the backends in this process, and say what they entered.

    The modules are those that the adapters name in ``source_modules``; lines that run when a
    module is imported are not counted.

    Raises
    ------
    BackendError
        A backend cannot be loaded.
    LookupError
        No adapter names the modules that hold its rules.
    """
    backends = [load_backend(spec) for spec in specs]
    modules = [name for backend in backends for name in getattr(backend, "source_modules", ())]
    if not modules:
        raise LookupError(f"{', '.join(specs)} name no source_modules to measure")
    files = {name: str(importlib.import_module(name).__file__) for name in modules}
    measured = coverage.Coverage(include=list(files.values()), data_file=None, config_file=False)
    measured.start()
    try:
        _run(backends, profile, seed)
    finally:
        measured.stop()
    data = measured.get_data()
    return [
        each
        for name, path in files.items()
        for each in _functions(name, path, set(data.lines(path) or ()), measured)
    ]


def _run(backends: Iterable[Backend], profile: str, seed: int) -> None:
    for unit in units(backends):
        execute(unit, PROFILES[profile], seed)


def _functions(
    module: str, path: str, ran: set[int], measured: coverage.Coverage
) -> Iterable[FunctionCoverage]:
    """The outermost functions and the methods of a file, with what did not run of their bodies."""
    _, statements, *_ = measured.analysis2(path)
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for name, node in _outermost(tree):
        first, last = node.body[0].lineno, node.end_lineno
        body = [line for line in statements if first <= line <= last]
        if body:
            missed = tuple(line for line in body if line not in ran)
            yield FunctionCoverage(module, name, len(body), missed)


def _outermost(tree: ast.Module) -> Iterable[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


def ranges(lines: Sequence[int]) -> str:
    """``3-5, 9`` for 3, 4, 5, 9."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
