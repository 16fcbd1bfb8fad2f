"""The registry of all that is not an update rule: minimizers, loaders, derivatives, losses ...

A *procedure* is a record like a method: hyper-parameters with their domains, and dialects that
name their equations. A dialect of a minimizer also says how the direction follows from the points
visited, so that one generic law judges each step of every implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from optcheck.reference.domains import Domain

Capability = Literal[
    "minimizer",
    "line-search",
    "interpolation",
    "curriculum",
    "pretraining",
    "derivative",
    "loss",
    "factorization",
    "loader",
    "initializer",
    "normalizer",
    "recurrence",
    "metric-schedule",
    "distribution",
]


@dataclass(frozen=True)
class Iterate:
    """A point that a minimizer visited; vectors and numbers of any one kind.

    ``direction`` is the one taken from here, and ``displacement`` leads to the next point; None at
    the last point. ``damping`` is that of the step, where there is one.
    """

    point: Any
    gradient: Any
    direction: Any = None
    displacement: Any = None
    damping: Any = None


Direction = Callable[[Sequence[Iterate], SimpleNamespace], Any]
# (problem, point, damping, h) to the rows of M and the right-hand side b of M d = b.
System = Callable[[Any, Any, Any, SimpleNamespace], tuple[Any, Any]]


@dataclass(frozen=True)
class Form:
    """A dialect of a procedure.

    ``direction`` maps the points so far, the current one last, and the hyper-parameters to the
    direction; ``system`` gives linear equations for it instead. Both are None where the direction
    is not what defines the procedure.
    """

    summary: str
    equations: tuple[str, ...]
    direction: Direction | None = None
    system: System | None = None


@dataclass(frozen=True)
class Procedure:
    """A way to minimise, or a part of one.

    ``objective`` says what it must know of the function beside value and gradient.
    """

    id: str
    title: str
    source: str
    capability: Capability
    dialects: Mapping[str, Form]
    hyperparameters: Mapping[str, Domain] = field(default_factory=dict)
    # hyper-parameters that only some dialects have
    extra: Mapping[str, Mapping[str, Domain]] = field(default_factory=dict)
    objective: Literal["smooth", "least-squares", "likelihood", "blurred"] = "smooth"
    equations: tuple[str, ...] = ()
    family: str = "minimizers"

    def domains(self, dialect: str) -> dict[str, Domain]:
        """All hyper-parameters of ``dialect`` with their domains."""
        return {**self.hyperparameters, **self.extra.get(dialect, {})}


PROCEDURES: dict[str, Procedure] = {}


def procedure(record: Procedure) -> Procedure:
    """Register a procedure."""
    if record.id in PROCEDURES:
        raise ValueError(f"procedure {record.id!r} is registered twice")
    PROCEDURES[record.id] = record
    return record


def procedures(capability: Capability) -> dict[str, Procedure]:
    """All procedures of one capability, by id."""
    return {key: each for key, each in PROCEDURES.items() if each.capability == capability}
