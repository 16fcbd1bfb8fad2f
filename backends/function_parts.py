"""What all adapters of plain functions have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optcheck.backends.interface import Claim
from optcheck.backends.scripts import name_of


class FunctionPart:
    """A plain function, or a class, with its claim."""

    def __init__(self, function: Callable[..., Any], claim: Claim) -> None:
        self.function = function
        self.claim = claim

    @property
    def implementation(self) -> str:
        """The function."""
        return name_of(self.function)
