"""BFGS and L-BFGS.

Along an exact or a Wolfe search the curvature of every pair is positive. Backtracking also allows
steps across concave ground; their pairs are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Objective
from optcheck.backends.numpy.minimizers._walk import Step, Vector, Walk, exact_step, walk
from optcheck.backends.numpy.minimizers.conjugate_gradients import backtracking_step
from optcheck.backends.numpy.minimizers.line_searches import wolfe

Matrix = npt.NDArray[np.float64]
Update = Callable[[Matrix, Vector, Vector], Matrix]

PROMISES = ("gradient-maximum",)
BACKTRACKING = {"search": "backtracking"}

rules = FunctionMinimizers()


def product_form(B: Matrix, s: Vector, y: Vector) -> Matrix:
    """The next inverse Hessian."""
    left = np.eye(len(s)) - np.outer(s, y) / (y @ s)
    return left @ B @ left.T + np.outer(s, s) / (y @ s)


def expanded_form(B: Matrix, s: Vector, y: Vector) -> Matrix:
    """The next inverse Hessian, multiplied out."""
    curvature, changed = s @ y, B @ y
    grown = (1.0 + y @ changed / curvature) / curvature * np.outer(s, s)
    return B + grown - (np.outer(s, changed) + np.outer(changed, s)) / curvature


def hessian_form(A: Matrix, s: Vector, y: Vector) -> Matrix:
    """The next Hessian."""
    curved = A @ s
    return A + np.outer(y, y) / (y @ s) - np.outer(curved, curved) / (s @ curved)


class Pairs:
    """Steps and changes of the gradient as they come; those that curve too little are dropped."""

    def __init__(self, threshold: float, take: Callable[[Vector, Vector], None]) -> None:
        self.threshold = threshold
        self.take = take
        self.before: tuple[Vector, Vector] | None = None

    def arrive(self, x: Vector, g: Vector) -> None:
        """The next point and its gradient."""
        if self.before is not None:
            s, y = x - self.before[0], g - self.before[1]
            if s @ y > self.threshold:
                self.take(s, y)
        self.before = x.copy(), g.copy()


class Approximation:
    """A matrix that follows the path, from the identity."""

    def __init__(self, n: int, update: Update, threshold: float) -> None:
        self.matrix: Matrix = np.eye(n)
        self.update = update
        self.pairs = Pairs(threshold, self._take)

    def _take(self, s: Vector, y: Vector) -> None:
        self.matrix = self.update(self.matrix, s, y)

    def direction(self, x: Vector, g: Vector) -> Vector:
        """``-B g``."""
        self.pairs.arrive(x, g)
        return -(self.matrix @ g)

    def solution(self, x: Vector, g: Vector) -> Vector:
        """``-A^-1 g``."""
        self.pairs.arrive(x, g)
        solution: Vector = np.asarray(np.linalg.solve(self.matrix, -g), np.float64)
        return solution


class History:
    """The last pairs, and the direction that follows from them."""

    def __init__(self, size: int, threshold: float, *, scaled: bool = True) -> None:
        self.size = size
        self.scaled = scaled
        self.kept: list[tuple[Vector, Vector]] = []
        self.pairs = Pairs(threshold, self._take)

    def _take(self, s: Vector, y: Vector) -> None:
        self.kept = [*self.kept, (s, y)][-self.size :]

    def direction(self, x: Vector, g: Vector) -> Vector:
        """The two loops."""
        self.pairs.arrive(x, g)
        q, weights = g, []
        for s, y in reversed(self.kept):
            weights.append(s @ q / (s @ y))
            q = q - weights[-1] * y
        r = self._scale() * q
        for s, y in self.kept:
            r = r + (weights.pop() - y @ r / (s @ y)) * s
        return -r

    def _scale(self) -> float:
        if not (self.scaled and self.kept):
            return 1.0
        s, y = self.kept[-1]
        return float(s @ y / (y @ y))


def memoryless_direction(g: Vector, s: Vector, y: Vector) -> Vector:
    """``-B g`` with the identity updated once, multiplied out."""
    curvature = s @ y
    share = s @ g / curvature
    a = -(1.0 + y @ y / curvature) * share + y @ g / curvature
    return -g + a * s + share * y


class LastPair:
    """One pair, dropped as soon as one is skipped."""

    def __init__(self, threshold: float) -> None:
        self.kept: list[tuple[Vector, Vector]] = []
        self.pairs = Pairs(threshold, self._take)

    def _take(self, s: Vector, y: Vector) -> None:
        self.kept = [(s, y)]

    def direction(self, x: Vector, g: Vector) -> Vector:
        """The closed form."""
        self.kept = []
        self.pairs.arrive(x, g)
        return memoryless_direction(g, *self.kept[0]) if self.kept else -g


def wolfe_step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    """A step that satisfies the strong Wolfe conditions with 1e-4 and 0.9."""
    return wolfe(objective, x, d, sufficient_decrease=1e-4, curvature=0.9, limit=30).step


def _bfgs(
    update: Update, step: Step, objective: Objective, x: Vector, threshold: float, **given: Any
) -> Walk:
    state = Approximation(len(x), update, threshold)
    return walk(objective, x, state.direction, step, matrix=lambda: state.matrix, **given)


@rules.minimizer("bfgs", dialect="product-form", promises=PROMISES)
def product_form_bfgs(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """The inverse Hessian as a product."""
    return _bfgs(product_form, exact_step, objective, x, curvature_threshold, **given)


@rules.minimizer(
    "bfgs", dialect="product-form", options={"search": "wolfe"}, search="wolfe", promises=PROMISES
)
def wolfe_bfgs(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """The inverse Hessian as a product, along steps that satisfy the Wolfe conditions."""
    return _bfgs(product_form, wolfe_step, objective, x, curvature_threshold, **given)


@rules.minimizer("bfgs", dialect="expanded-form", promises=PROMISES)
def expanded_form_bfgs(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """The inverse Hessian as a sum."""
    return _bfgs(expanded_form, exact_step, objective, x, curvature_threshold, **given)


@rules.minimizer(
    "bfgs", dialect="expanded-form", options=BACKTRACKING, search="armijo", promises=PROMISES
)
def backtracking_bfgs(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """The inverse Hessian as a sum, with backtracking."""
    return _bfgs(expanded_form, backtracking_step, objective, x, curvature_threshold, **given)


@rules.minimizer("bfgs", dialect="hessian-form", promises=PROMISES)
def hessian_form_bfgs(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """The Hessian, and a linear system at every step."""
    state = Approximation(len(x), hessian_form, curvature_threshold)
    return walk(objective, x, state.solution, exact_step, **given)


@rules.minimizer("l-bfgs", dialect="two-loop", promises=PROMISES)
def two_loop(
    objective: Objective, x: Vector, *, history: float, curvature_threshold: float, **given: Any
) -> Walk:
    """From the curvature of the last pair."""
    state = History(int(history), curvature_threshold)
    return walk(objective, x, state.direction, exact_step, **given)


@rules.minimizer(
    "l-bfgs", dialect="two-loop", options=BACKTRACKING, search="armijo", promises=PROMISES
)
def backtracking_two_loop(
    objective: Objective, x: Vector, *, history: float, curvature_threshold: float, **given: Any
) -> Walk:
    """From the curvature of the last pair, with backtracking."""
    state = History(int(history), curvature_threshold)
    return walk(objective, x, state.direction, backtracking_step, **given)


@rules.minimizer("l-bfgs", dialect="two-loop+unscaled", promises=PROMISES)
def unscaled_two_loop(
    objective: Objective, x: Vector, *, history: float, curvature_threshold: float, **given: Any
) -> Walk:
    """From the identity."""
    state = History(int(history), curvature_threshold, scaled=False)
    return walk(objective, x, state.direction, exact_step, **given)


@rules.minimizer("l-bfgs", dialect="memoryless", promises=PROMISES)
def memoryless(
    objective: Objective, x: Vector, *, curvature_threshold: float, **given: Any
) -> Walk:
    """From the last pair alone."""
    state = LastPair(curvature_threshold)
    return walk(objective, x, state.direction, exact_step, **given)
