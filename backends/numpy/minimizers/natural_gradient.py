"""The natural gradient: the Fisher matrix is the expectation over the model's own outcomes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import LikelihoodObjective, Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk, walk

rules = FunctionMinimizers()


def score_outer_product(objective: LikelihoodObjective, x: Vector) -> Vector:
    """The expected outer product of the score with itself."""
    pairs = [(weight, objective.score(x, each)) for weight, each in objective.outcomes(x)]
    return np.asarray(sum(weight * np.outer(score, score) for weight, score in pairs))


def expected_hessian(objective: LikelihoodObjective, x: Vector) -> Vector:
    """Minus the expected Hessian of the log probability."""
    pairs = [(weight, objective.score_hessian(x, each)) for weight, each in objective.outcomes(x)]
    return np.asarray(-sum(weight * hessian for weight, hessian in pairs))


def _step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """The full step, where the matrix had an inverse."""
    return 1.0 if np.all(np.isfinite(d)) else None


def natural_walk(
    objective: LikelihoodObjective,
    x: Vector,
    fisher: Callable[[LikelihoodObjective, Vector], Vector],
    *,
    multiplier: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """Solve ``F d = -g / multiplier`` at each point and take the whole step."""

    def direction(x: Vector, g: Vector) -> Vector:
        try:
            d = np.linalg.solve(fisher(objective, x), -g / multiplier)
        except np.linalg.LinAlgError:
            return np.full_like(x, np.nan)
        return np.asarray(d, dtype=x.dtype)

    return walk(objective, x, direction, _step, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "natural-gradient",
    dialect="score-outer-product",
    search="unit",
    monotone=False,
    promises=("gradient-maximum",),
)
def natural_gradient_by_scores(
    objective: LikelihoodObjective,
    x: Vector,
    *,
    multiplier: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """With the Fisher matrix from the scores."""
    return natural_walk(
        objective,
        x,
        score_outer_product,
        multiplier=multiplier,
        iterations=iterations,
        tolerance=tolerance,
    )


@rules.minimizer(
    "natural-gradient",
    dialect="expected-hessian",
    search="unit",
    monotone=False,
    promises=("gradient-maximum",),
)
def natural_gradient_by_hessians(
    objective: LikelihoodObjective,
    x: Vector,
    *,
    multiplier: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """With the Fisher matrix from the second derivatives."""
    return natural_walk(
        objective,
        x,
        expected_hessian,
        multiplier=multiplier,
        iterations=iterations,
        tolerance=tolerance,
    )
