"""Levenberg-Marquardt: fixed damping by the normal equations, the rest by orthogonal factors."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Iteration, LeastSquaresObjective, Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk, undefined, walk

rules = FunctionMinimizers()

_METHOD = "levenberg-marquardt"
_PROMISES = ("gradient-maximum",)


def normal_step(jacobian: Vector, residual: Vector, damping: float, examples: int) -> Vector:
    """The solution of ``(J'J / examples + damping I) d = -J'e / examples``."""
    damped = jacobian.T @ jacobian / examples + damping * np.eye(jacobian.shape[1])
    try:
        step = np.linalg.solve(damped, -(jacobian.T @ residual) / examples)
    except np.linalg.LinAlgError:
        step = np.full(jacobian.shape[1], np.nan)
    return np.asarray(step, jacobian.dtype)


def augmented_step(jacobian: Vector, residual: Vector, damping: float, scale: Vector) -> Vector:
    """The same with ``damping D**2``, as least squares with the rows ``sqrt(damping) D`` more."""
    q, r = np.linalg.qr(np.vstack([jacobian, np.diag(np.sqrt(damping) * scale)]))
    step: Vector = np.linalg.solve(r, -(q[: len(residual)].T @ residual))
    return step


def _fixed(
    objective: LeastSquaresObjective,
    x: Vector,
    damping: float,
    *,
    examples: int,
    iterations: int,
    tolerance: float,
) -> Walk:
    def direction(x: Vector, g: Vector) -> Vector:
        return normal_step(objective.jacobian(x), objective.residual(x), damping, examples)

    return walk(objective, x, direction, _full_step, iterations=iterations, tolerance=tolerance)


def _full_step(objective: Objective, x: Vector, g: Vector, d: Vector) -> float | None:
    return 1.0 if np.all(np.isfinite(d)) else None


@rules.minimizer(
    _METHOD, dialect="fixed-damping", search="unit", promises=_PROMISES, monotone=False
)
def fixed_damping(
    objective: LeastSquaresObjective,
    x: Vector,
    *,
    damping: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """One damping for all steps, all of which are taken."""
    return _fixed(objective, x, damping, examples=1, iterations=iterations, tolerance=tolerance)


@rules.minimizer(
    _METHOD, dialect="fixed-damping-of-means", search="unit", promises=_PROMISES, monotone=False
)
def fixed_damping_of_means(
    objective: LeastSquaresObjective,
    x: Vector,
    *,
    damping: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """The same with means over the residuals in place of sums."""
    examples = len(objective.residual(x))
    return _fixed(
        objective, x, damping, examples=examples, iterations=iterations, tolerance=tolerance
    )


class Control(Protocol):
    """What decides about steps: their damping, and whether they are taken."""

    def step(self, jacobian: Vector, residual: Vector) -> tuple[Vector, float]:
        """The next step to try, and its damping."""

    def accepts(self, fall: float, predicted: float) -> bool:
        """Whether the step just tried is taken, by how far the value fell; adapts to it."""


def descend(
    objective: LeastSquaresObjective,
    x: Vector,
    control: Control,
    *,
    iterations: int,
    tolerance: float,
) -> Walk:
    """Try steps until the largest slope is at most ``tolerance``."""
    for _ in range(iterations):
        value, g = float(objective.value(x)), objective.gradient(x)
        if problem := undefined(value, g):
            yield Iteration(x, value, g)
            return False, problem
        if np.max(np.abs(g)) <= tolerance:
            yield Iteration(x, value, g)
            return True, "the gradient is within the tolerance"
        jacobian = objective.jacobian(x)
        d, damping = control.step(jacobian, objective.residual(x))
        yield Iteration(x, value, g, d, 1.0, damping=damping)
        moved = jacobian @ d
        predicted = -float(g @ d + moved @ moved / 2)
        if control.accepts(value - float(objective.value(x + d)), predicted):
            x = x + d
    value, g = float(objective.value(x)), objective.gradient(x)
    yield Iteration(x, value, g)
    close = undefined(value, g) is None and bool(np.max(np.abs(g)) <= tolerance)
    return close, "the iterations are used up"


class Adaptive:
    """The damping falls with the value, else it rises."""

    def __init__(self, initial_damping: float, factor: float) -> None:
        self.damping, self.factor = initial_damping, factor

    def step(self, jacobian: Vector, residual: Vector) -> tuple[Vector, float]:
        ones = np.ones(jacobian.shape[1])
        return augmented_step(jacobian, residual, self.damping, ones), self.damping

    def accepts(self, fall: float, predicted: float) -> bool:
        falls = fall > 0.0
        self.damping = self.damping / self.factor if falls else self.damping * self.factor
        return falls


@rules.minimizer(_METHOD, dialect="adaptive-damping", search="none", promises=_PROMISES)
def adaptive_damping(
    objective: LeastSquaresObjective,
    x: Vector,
    *,
    initial_damping: float,
    factor: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """A step is taken where the value falls."""
    control = Adaptive(initial_damping, factor)
    return descend(objective, x, control, iterations=iterations, tolerance=tolerance)


class GainRatio(Adaptive):
    """The damping follows the decrease over what the linear model predicts."""

    def __init__(self, initial_damping: float, low: float, high: float, *by: float) -> None:
        super().__init__(initial_damping, 1.0)
        self.low, self.high = low, high
        self.decrease, self.increase = by

    def accepts(self, fall: float, predicted: float) -> bool:
        taken = fall >= self.low * predicted
        if not taken:
            self.damping *= self.increase
        elif fall > self.high * predicted:
            self.damping /= self.decrease
        return taken


@rules.minimizer(_METHOD, dialect="gain-ratio-damping", search="none", promises=_PROMISES)
def gain_ratio_damping(
    objective: LeastSquaresObjective,
    x: Vector,
    *,
    initial_damping: float,
    low_cutoff: float,
    high_cutoff: float,
    decrease: float,
    increase: float,
    iterations: int,
    tolerance: float,
) -> Walk:
    """A step is taken where the value falls by a share of what is predicted."""
    control = GainRatio(initial_damping, low_cutoff, high_cutoff, decrease, increase)
    return descend(objective, x, control, iterations=iterations, tolerance=tolerance)


class Region:
    """The damping keeps the step within a region, which grows and shrinks with the gain.

    At first it is as wide as the start is long.
    """

    def __init__(self, start: Vector, *, scaled: bool) -> None:
        self.start, self.scaled = start, scaled
        self.scale: Vector | None = None
        self.radius = self.length = 0.0

    def step(self, jacobian: Vector, residual: Vector) -> tuple[Vector, float]:
        scale = self._scale(jacobian)

        def at(damping: float) -> tuple[Vector, float]:
            d = augmented_step(jacobian, residual, damping, scale)
            return d, float(np.linalg.norm(scale * d))

        # D d is no longer than D^-1 J'e over the damping.
        low, high = 0.0, float(np.linalg.norm(jacobian.T @ residual / scale)) / self.radius
        damping = 0.0
        d, self.length = at(damping)
        while self.length > 1.1 * self.radius or (damping and self.length < 0.9 * self.radius):
            low, high = (damping, high) if self.length > self.radius else (low, damping)
            damping = (low + high) / 2
            if damping in (low, high):
                break
            d, self.length = at(damping)
        return d, damping

    def _scale(self, jacobian: Vector) -> Vector:
        norms = np.linalg.norm(jacobian, axis=0) if self.scaled else np.ones(jacobian.shape[1])
        if self.scale is None:
            self.scale = np.where(norms > 0.0, norms, 1.0)
            self.radius = float(np.linalg.norm(self.scale * self.start)) or 1.0
        self.scale = np.maximum(self.scale, norms)
        return self.scale

    def accepts(self, fall: float, predicted: float) -> bool:
        if not fall >= 0.25 * predicted:
            self.radius = min(self.radius, self.length) / 4
        elif fall > 0.75 * predicted:
            self.radius = max(self.radius, 2.0 * self.length)
        return fall >= 1e-4 * predicted


@rules.minimizer(_METHOD, dialect="trust-region", search="none", promises=_PROMISES)
def trust_region(
    objective: LeastSquaresObjective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """A step is taken where the value falls by a ten-thousandth of what is predicted."""
    control = Region(x, scaled=False)
    return descend(objective, x, control, iterations=iterations, tolerance=tolerance)


@rules.minimizer(_METHOD, dialect="scaled-damping", search="none", promises=_PROMISES)
def scaled_damping(
    objective: LeastSquaresObjective, x: Vector, *, iterations: int, tolerance: float
) -> Walk:
    """The same with the columns of the Jacobian for units."""
    control = Region(x, scaled=True)
    return descend(objective, x, control, iterations=iterations, tolerance=tolerance)
