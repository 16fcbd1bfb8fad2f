"""Steepest descent."""

from __future__ import annotations

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk, exact_step, walk

rules = FunctionMinimizers()


@rules.minimizer("steepest-descent", dialect="exact-search", promises=("gradient-maximum",))
def steepest_descent(
    objective: Objective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """Along the negative gradient, to the minimum on that line."""
    return walk(
        objective,
        x,
        lambda x, g: -g,
        exact_step,
        iterations=iterations,
        tolerance=tolerance,
    )
