"""The one exception that reports raise for bad input or an unusable place."""

from __future__ import annotations


class ReportError(Exception):
    """A report or journal cannot be read or written; its one line says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
