"""Rows of an adapter's table: a class of a library, made with certain keywords, is a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from optcheck.backends.interface import (
    Claim,
    Evaluation,
    Hyperparameters,
    Option,
    no_limits,
)


@dataclass(frozen=True)
class Row:
    """The class or function ``name``, made with ``given``, is ``method`` in ``dialect``.

    ``keywords`` maps the library's keywords to our hyper-parameters, several of which may share
    one keyword as a tuple. ``defaults`` are the values that its documentation gives for them, and
    ``fixed`` those that nobody can choose. ``options`` tell rows of one dialect apart.
    """

    method: str
    dialect: str
    name: str
    keywords: Mapping[str, str | tuple[str, ...]]
    defaults: Hyperparameters | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    fixed: Hyperparameters = field(default_factory=dict)
    evaluation: frozenset[Evaluation] = frozenset()
    limits: Callable[[Hyperparameters], str | None] = no_limits

    def arguments(self, hyperparameters: Hyperparameters) -> dict[str, Any]:
        """The library's keywords for what is given; for the others it has its own defaults."""
        arguments = dict(self.given)
        for keyword, names in self.keywords.items():
            wanted = (names,) if isinstance(names, str) else names
            if all(name in hyperparameters for name in wanted):
                values = tuple(hyperparameters[name] for name in wanted)
                arguments[keyword] = values[0] if isinstance(names, str) else values
        return arguments

    def call(self, implementation: str, hyperparameters: Hyperparameters) -> str:
        """How a user of the library writes it."""
        return written(implementation, self.arguments(hyperparameters))

    def claim(self, **fields: Any) -> Claim:
        """What is claimed of the row; ``fields`` are what the library says of all its rows."""
        claim = Claim(
            self.method,
            self.dialect,
            self.options,
            evaluation=self.evaluation,
            limits=self.limits,
            fixed=self.fixed,
            defaults=self.defaults,
        )
        return replace(claim, **fields)


def written(implementation: str, arguments: Mapping[str, Any]) -> str:
    """A call by keywords, as source."""
    return f"{implementation}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
