"""Problems with names, for lists and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optcheck.reference.problems import LOG_COSH, ROSENBROCK, SADDLE, Problem, diagonal


@dataclass(frozen=True)
class Named:
    """A problem with a name."""

    id: str
    title: str
    problem: Problem
    minimum: float


def _geometric(count: int, condition_number: float) -> Sequence[float]:
    return [condition_number ** (index / (count - 1)) for index in range(count)]


PROBLEMS = {
    each.id: each
    for each in (
        Named("bowl", "Quadratic with equal curvatures", diagonal(1.0, 1.0), 0.0),
        Named("ravine", "Quadratic with condition number 100", diagonal(1.0, 100.0), 0.0),
        Named(
            "spectrum",
            "Quadratic with ten curvatures over three decades",
            diagonal(*_geometric(10, 1e3)),
            0.0,
        ),
        Named("rosenbrock", "Rosenbrock's curved valley, as residuals", ROSENBROCK, 0.0),
        Named("log-cosh", "Convex, and Newton's full step diverges", LOG_COSH, 0.0),
        Named("saddle", "A saddle between two minima", SADDLE, -4.0),
    )
}
