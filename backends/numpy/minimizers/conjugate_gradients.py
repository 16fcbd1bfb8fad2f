"""Conjugate gradients in five coefficients, with restarts, and guarded for crude searches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Objective
from optcheck.backends.numpy.minimizers._walk import Step, Vector, Walk, exact_step, walk

# (gradient, the one before, the direction taken there) to numerator and denominator of beta.
Quotient = Callable[[Vector, Vector, Vector], tuple[float, float]]

rules = FunctionMinimizers()


class Directions:
    """The recursion ``-g + beta d``, with what it remembers of the point before."""

    def __init__(
        self,
        quotient: Quotient,
        *,
        non_negative: bool = False,
        restart_every: float = np.inf,
        smallest_denominator: float | None = None,
    ) -> None:
        self.quotient = quotient
        self.non_negative = non_negative
        self.restart_every = restart_every
        self.smallest_denominator = smallest_denominator
        self.count = 0
        self.before: tuple[Vector, Vector] | None = None

    def __call__(self, x: Vector, g: Vector) -> Vector:
        restarts = self.before is None or self.count % self.restart_every == 0
        d = -g if restarts else self._conjugate(g)
        self.count += 1
        self.before = g, d
        return d

    def _conjugate(self, g: Vector) -> Vector:
        assert self.before is not None
        numerator, denominator = self.quotient(g, *self.before)
        smallest = self.smallest_denominator
        if smallest is not None and abs(denominator) <= smallest:
            return -g
        beta = numerator / denominator
        if self.non_negative:
            beta = max(0.0, beta)
        d = -g + beta * self.before[1]
        return d if smallest is None or g @ d < 0.0 else -g


def fletcher_reeves_quotient(g: Vector, before: Vector, d: Vector) -> tuple[float, float]:
    """``g'g / before'before``."""
    return float(g @ g), float(before @ before)


def polak_ribiere_quotient(g: Vector, before: Vector, d: Vector) -> tuple[float, float]:
    """``(g - before)'g / before'before``."""
    return float((g - before) @ g), float(before @ before)


def hestenes_stiefel_quotient(g: Vector, before: Vector, d: Vector) -> tuple[float, float]:
    """``(g - before)'g / (g - before)'d``."""
    return float((g - before) @ g), float((g - before) @ d)


def dai_yuan_quotient(g: Vector, before: Vector, d: Vector) -> tuple[float, float]:
    """``g'g / (g - before)'d``."""
    return float(g @ g), float((g - before) @ d)


def backtracking_step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """The first of 1, 1/2, 1/4, ... with a sufficient decrease, where there is one."""
    value, slope, a = float(objective.value(x)), float(g @ d), 1.0
    if not slope < 0.0:
        return None
    while np.any(x + a * d != x):
        if float(objective.value(x + a * d)) <= value + 1e-4 * a * slope:
            return a
        a /= 2
    return None


def conjugate(
    objective: Objective,
    x: Vector,
    directions: Directions,
    *,
    iterations: int,
    tolerance: float,
    step: Step = exact_step,
) -> Walk:
    """Go along ``directions`` with ``step``."""
    return walk(objective, x, directions, step, iterations=iterations, tolerance=tolerance)


@rules.minimizer("conjugate-gradient", dialect="fletcher-reeves", promises=("gradient-maximum",))
def fletcher_reeves(objective: Objective, x: Vector, *, iterations: int, tolerance: float) -> Walk:
    """Fletcher and Reeves, with an exact search."""
    directions = Directions(fletcher_reeves_quotient)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer("conjugate-gradient", dialect="polak-ribiere", promises=("gradient-maximum",))
def polak_ribiere(objective: Objective, x: Vector, *, iterations: int, tolerance: float) -> Walk:
    """Polak and Ribiere, with an exact search."""
    directions = Directions(polak_ribiere_quotient)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "conjugate-gradient", dialect="polak-ribiere-plus", promises=("gradient-maximum",)
)
def polak_ribiere_plus(
    objective: Objective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """Polak and Ribiere without negative coefficients, with an exact search."""
    directions = Directions(polak_ribiere_quotient, non_negative=True)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer("conjugate-gradient", dialect="hestenes-stiefel", promises=("gradient-maximum",))
def hestenes_stiefel(
    objective: Objective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """Hestenes and Stiefel, with an exact search."""
    directions = Directions(hestenes_stiefel_quotient)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer("conjugate-gradient", dialect="dai-yuan", promises=("gradient-maximum",))
def dai_yuan(objective: Objective, x: Vector, *, iterations: int, tolerance: float) -> Walk:
    """Dai and Yuan, with an exact search."""
    directions = Directions(dai_yuan_quotient)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "conjugate-gradient", dialect="fletcher-reeves+restart", promises=("gradient-maximum",)
)
def fletcher_reeves_restarted(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    restart_every: float,
) -> Walk:
    """Fletcher and Reeves, from the negative gradient again every ``restart_every`` iterations."""
    directions = Directions(fletcher_reeves_quotient, restart_every=restart_every)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "conjugate-gradient", dialect="polak-ribiere+restart", promises=("gradient-maximum",)
)
def polak_ribiere_restarted(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    restart_every: float,
) -> Walk:
    """Polak and Ribiere, from the negative gradient again every ``restart_every`` iterations."""
    directions = Directions(polak_ribiere_quotient, restart_every=restart_every)
    return conjugate(objective, x, directions, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    "conjugate-gradient",
    dialect="polak-ribiere-plus+descent",
    search="armijo",
    promises=("gradient-maximum",),
)
def polak_ribiere_plus_guarded(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    smallest_denominator: float,
) -> Walk:
    """Polak and Ribiere without negative coefficients; it descends after any backtracking."""
    directions = Directions(
        polak_ribiere_quotient, non_negative=True, smallest_denominator=smallest_denominator
    )
    return conjugate(
        objective,
        x,
        directions,
        iterations=iterations,
        tolerance=tolerance,
        step=backtracking_step,
    )
