"""Problems whose solution is known in closed form, in any array library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace


@dataclass(frozen=True)
class Quadratic:
    """``sum(curvatures * x**2) / 2``, with its minimum 0 at the origin (``bishop:7.24``).

    Every method takes and returns arrays of the library of ``x``, shape ``(n,)``.
    """

    id: str
    title: str
    curvatures: tuple[float, ...]
    minimum: float = 0.0

    @property
    def condition_number(self) -> float:
        """Largest over smallest curvature."""
        return max(self.curvatures) / min(self.curvatures)

    def _curvatures(self, x: Any) -> Any:
        namespace = array_namespace(x)
        return namespace.asarray(self.curvatures, dtype=x.dtype, device=x.device)

    def value(self, x: Any) -> Any:
        """The error at ``x``, a 0-d array."""
        return array_namespace(x).sum(self._curvatures(x) * x * x) / 2

    def gradient(self, x: Any) -> Any:
        """The gradient at ``x``."""
        return self._curvatures(x) * x

    def hessian(self, x: Any) -> Any:
        """The Hessian, shape ``(n, n)``."""
        namespace = array_namespace(x)
        identity = namespace.eye(len(self.curvatures), dtype=x.dtype, device=x.device)
        return identity * self._curvatures(x)


def _geometric(count: int, condition_number: float) -> Sequence[float]:
    return [condition_number ** (index / (count - 1)) for index in range(count)]


PROBLEMS = {
    problem.id: problem
    for problem in (
        Quadratic("bowl", "Quadratic with equal curvatures", (1.0, 1.0)),
        Quadratic("ravine", "Quadratic with condition number 100", (1.0, 100.0)),
        Quadratic(
            "spectrum",
            "Quadratic with ten curvatures over three decades",
            tuple(_geometric(10, 1e3)),
        ),
    )
}
