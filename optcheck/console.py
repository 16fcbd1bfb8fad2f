"""What all commands print with, and how they refuse."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

COULD_NOT_START = 2


def refuse(message: str) -> NoReturn:
    """One line, and the exit status of a command that could not start."""
    errors.print(f"optcheck: {message}")
    raise typer.Exit(COULD_NOT_START)


def say(line: str) -> None:
    """One line as it is, however long."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)
