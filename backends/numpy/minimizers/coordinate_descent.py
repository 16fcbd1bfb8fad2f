"""Coordinate descent: one coordinate, or one block of them, at a time."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk, exact_step, walk

Indices = npt.NDArray[np.intp]

rules = FunctionMinimizers()

# Newton's steps within a block: few are needed, once the function is convex there.
_STEPS = 200


@rules.minimizer("coordinate-descent", dialect="cyclic", promises=("gradient-maximum",))
def cyclic(objective: Objective, x: Vector, *, iterations: int, tolerance: float) -> Walk:
    """Each coordinate in turn, to the minimum along it."""
    turns = itertools.cycle(range(x.size))

    def direction(x: Vector, g: Vector) -> Vector:
        index = next(turns)
        d = np.zeros_like(x)
        d[index] = -np.sign(g[index])
        return d

    return walk(objective, x, direction, _along, iterations=iterations, tolerance=tolerance)


@rules.minimizer("coordinate-descent", dialect="block", promises=("gradient-maximum",))
def block(
    objective: Objective, x: Vector, *, block_size: float, iterations: int, tolerance: float
) -> Walk:
    """Each block of neighbouring coordinates in turn, to the minimum over all of them."""
    size = int(block_size)
    blocks = [np.arange(first, min(first + size, x.size)) for first in range(0, x.size, size)]
    turns = itertools.cycle(blocks)

    def direction(x: Vector, g: Vector) -> Vector:
        return block_displacement(objective, x, next(turns))

    return walk(objective, x, direction, _whole, iterations=iterations, tolerance=tolerance)


def _along(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """The minimum along ``d``; where the slope is 0, it has been found."""
    return exact_step(objective, x, g, d) if np.any(d) else 0.0


def _whole(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    return 1.0 if np.all(np.isfinite(d)) else None


def block_displacement(objective: Objective, x: Vector, indices: Indices) -> Vector:
    """To the minimum over the coordinates ``indices``, by Newton's method; NaN without one."""
    end, lowest, flattest = x, np.inf, np.inf
    for _ in range(_STEPS):
        value, g = float(objective.value(end)), objective.gradient(end)
        slope = float(np.max(np.abs(g[indices])))
        if value >= lowest and slope >= flattest:
            break
        lowest, flattest = min(value, lowest), min(slope, flattest)
        d = np.zeros_like(x)
        curvature = objective.hessian(end)[np.ix_(indices, indices)]
        d[indices] = _newton_direction(g[indices], curvature)
        if np.all(np.abs(d) <= 2.0**-52 * np.abs(end)):
            break
        a = _along(objective, end, g, d)
        if a is None:
            return np.full_like(x, np.nan)
        end = end + a * d
    return end - x


def _newton_direction(slope: Vector, curvature: Vector) -> Vector:
    """Newton's, where the function is convex, and else that of steepest descent."""
    try:
        np.linalg.cholesky(curvature)
    except np.linalg.LinAlgError:
        return -slope
    return np.asarray(np.linalg.solve(curvature, -slope), dtype=slope.dtype)
