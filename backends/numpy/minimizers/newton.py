"""Newton's method with full steps: plain, with a shifted Hessian, with absolute eigenvalues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk, unit_step, walk

rules = FunctionMinimizers()

FULL_STEP: dict[str, Any] = {
    "search": "unit",
    "promises": ("gradient-maximum",),
    "monotone": False,
}


@rules.minimizer("newton", dialect="full-step", **FULL_STEP)
def newton(objective: Objective, x: Vector, *, iterations: int, tolerance: float) -> Walk:
    """``H d = -g``."""
    return full_steps(objective, x, solve, iterations, tolerance)


@rules.minimizer("regularized-newton", dialect="shifted", **FULL_STEP)
def regularized_newton(
    objective: Objective, x: Vector, *, shift: float, iterations: int, tolerance: float
) -> Walk:
    """``(H + shift I) d = -g``."""

    def shifted(hessian: Vector, right: Vector) -> Vector:
        return solve(hessian + shift * np.eye(right.size), right)

    return full_steps(objective, x, shifted, iterations, tolerance)


@rules.minimizer("saddle-free-newton", dialect="absolute-eigenvalues", **FULL_STEP)
def saddle_free_newton(
    objective: Objective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """``|H| d = -g``, with ``|H|`` by its eigenvectors."""

    def absolute(hessian: Vector, right: Vector) -> Vector:
        curvatures, Q = np.linalg.eigh(hessian)
        return np.asarray(Q @ (Q.T @ right / np.abs(curvatures)))

    return full_steps(objective, x, absolute, iterations, tolerance)


def solve(matrix: Vector, right: Vector) -> Vector:
    """By elimination."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def full_steps(
    objective: Objective,
    x: Vector,
    solution: Callable[[Vector, Vector], Vector],
    iterations: int,
    tolerance: float,
) -> Walk:
    """Full steps along ``solution(H, -g)``; none is taken where that is not defined."""

    def direction(x: Vector, g: Vector) -> Vector:
        try:
            return solution(objective.hessian(x), -g)
        except np.linalg.LinAlgError:
            return np.full_like(x, np.nan)

    def step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
        return unit_step(objective, x, g, d) if np.all(np.isfinite(d)) else None

    return walk(objective, x, direction, step, iterations=iterations, tolerance=tolerance)
