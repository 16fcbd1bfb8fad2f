"""`optcheck new-backend`: a backend that works, to be filled with somebody's own rule."""

from __future__ import annotations

import keyword
from importlib.resources import files
from pathlib import Path
from string import Template

from optcheck.backends.discovery import SHIPPED

SHAPES = ("function", "transformation", "optimizer")


class SkeletonError(Exception):
    """The skeleton cannot be written; the message is one line that says what to do."""


def write_skeleton(name: str, folder: Path, shape: str) -> tuple[Path, Path]:
    """Write the module and its test into ``folder``; return both.

    Raises
    ------
    SkeletonError
        The name or the shape is none, or a file is there already.
    """
    if shape not in SHAPES:
        raise SkeletonError(f"--shape={shape} is not {', '.join(SHAPES[:-1])} or {SHAPES[-1]}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SkeletonError(f"{name!r} is no Python name: use letters, digits and _")
    if name in SHIPPED:
        raise SkeletonError(f"{name} is a backend that ships with optcheck: choose another name")
    module, test = folder / f"{name}_backend.py", folder / f"test_{name}_backend.py"
    for path in (module, test):
        if path.exists():
            raise SkeletonError(f"{path} exists: choose another name, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    module.write_text(_filled(shape, name), encoding="utf-8")
    test.write_text(_filled("test", name), encoding="utf-8")
    return module, test


def _filled(template: str, name: str) -> str:
    text = files("optcheck").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(name=name)
