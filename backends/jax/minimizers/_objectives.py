"""Objectives under JAX: compiled once for each structure, not for each set of coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcheck.backends.minimization import Objective


class Structure:
    """An objective without its coefficients; it hashes and compares as its structure.

    So it may be a static argument of ``jax.jit`` and a key of ``functools.cache``, and what is
    compiled for one set of coefficients serves all others, which are arguments.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def __hash__(self) -> int:
        return hash(self.objective.structure)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Structure) and self.objective.structure == other.objective.structure
        )

    def value(self, coefficients: Sequence[Any], x: Any) -> Any:
        """The objective with ``coefficients``, Python floats or tracers, at ``x``."""
        return self.objective.with_coefficients(coefficients).value(x)

    def at(self, coefficients: Sequence[Any]) -> Objective:
        """The objective with ``coefficients``."""
        return self.objective.with_coefficients(coefficients)
