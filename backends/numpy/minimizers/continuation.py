"""Continuation: a Gaussian blur that fades, by quadrature or by sampling."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Iteration, Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk

rules = FunctionMinimizers()


class Blurred:
    """The average of ``objective`` over points about ``x``, with ``weights`` that sum to 1."""

    def __init__(self, objective: Objective, shifts: Vector, weights: Vector) -> None:
        self.objective = objective
        self.shifts = shifts
        self.weights = weights

    def values(self, x: Vector) -> Vector:
        """The objective at all the points."""
        return np.array([self.objective.value(x + shift) for shift in self.shifts])

    def gradient(self, x: Vector) -> Vector:
        """The average gradient."""
        gradients = [self.objective.gradient(x + shift) for shift in self.shifts]
        return np.tensordot(self.weights, np.array(gradients), axes=1)

    def hessian(self, x: Vector) -> Vector:
        """The average Hessian."""
        hessians = [self.objective.hessian(x + shift) for shift in self.shifts]
        return np.tensordot(self.weights, np.array(hessians), axes=1)


def quadrature(objective: Objective, width: float) -> Blurred:
    """The expectation by Gauss and Hermite.

    It is exact for polynomials of degree 47 in one variable, and of degree 7 in several.
    """
    n = objective.dimension
    nodes, weights = np.polynomial.hermite_e.hermegauss(24 if n == 1 else 4)
    indices = np.array(list(itertools.product(range(len(nodes)), repeat=n)))
    shares = np.prod(weights[indices] / np.sum(weights), axis=1)
    return Blurred(objective, width * nodes[indices], shares)


def crisp(objective: Objective) -> Blurred:
    """The objective itself."""
    return Blurred(objective, np.zeros((1, objective.dimension)), np.ones(1))


def local_minimum(
    function: Blurred, x: Vector, iterations: int, tolerance: float
) -> tuple[Vector, bool]:
    """Newton's steps downhill, each shorter than 1: on ``-(|H| + |g| I)^-1 g``."""
    for _ in range(iterations):
        g = function.gradient(x)
        if np.max(np.abs(g)) <= tolerance:
            return x, True
        next_x = _lower(function, x, g)
        if next_x is None:
            return x, False
        x = next_x
    return x, bool(np.max(np.abs(function.gradient(x))) <= tolerance)


def _lower(function: Blurred, x: Vector, g: Vector) -> Vector | None:
    """The first point on the way of the Newton step that lies lower, but for rounding."""
    hessian = function.hessian(x)
    if not (np.all(np.isfinite(g)) and np.all(np.isfinite(hessian))):
        return None
    curvatures, axes = np.linalg.eigh(hessian)
    d = -axes @ ((axes.T @ g) / (np.abs(curvatures) + np.linalg.norm(g)))
    values = function.values(x)
    value = function.weights @ values
    noise = 2.0**-50 * (function.weights @ np.abs(values))
    for step in 0.5 ** np.arange(40):
        there = function.weights @ function.values(x + step * d)
        if there <= value + 1e-4 * step * (g @ d) + noise:
            lower: Vector = x + step * d
            return lower
    return None


def follow(
    objective: Objective,
    x: Vector,
    stages: Iterable[Blurred],
    *,
    iterations: int,
    tolerance: float,
) -> Walk:
    """Minimise each of ``stages`` from where the one before ended."""
    yield Iteration(x, float(objective.value(x)), objective.gradient(x))
    for stage in stages:
        x, found = local_minimum(stage, x, iterations, tolerance)
        yield Iteration(x, float(objective.value(x)), objective.gradient(x))
        if not found:
            return False, "a stage found no minimum"
    return True, "the minimum of the objective itself was reached"


@rules.minimizer(
    "continuation",
    dialect="analytic",
    search="none",
    promises=("gradient-maximum",),
    monotone=False,
)
def continuation(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    initial_width: float,
    factor: float,
    stages: float,
) -> Walk:
    """Through blurs whose expectation is computed."""
    widths = initial_width * factor ** np.arange(int(stages) - 1)
    blurs = [quadrature(objective, width) for width in widths] + [crisp(objective)]
    return follow(objective, x, blurs, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "continuation",
    dialect="sampled",
    search="none",
    promises=("gradient-maximum",),
    monotone=False,
)
def sampled_continuation(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    initial_width: float,
    factor: float,
    stages: float,
    samples: float,
    seed: float,
) -> Walk:
    """Through averages over samples, which are drawn anew for each stage and kept within it."""
    random = np.random.default_rng(int(seed))
    blurs = []
    for width in initial_width * factor ** np.arange(int(stages) - 1):
        shifts = width * random.standard_normal((int(samples), objective.dimension))
        blurs.append(Blurred(objective, shifts, np.full(int(samples), 1.0 / samples)))
    blurs.append(crisp(objective))
    return follow(objective, x, blurs, iterations=iterations, tolerance=tolerance)
