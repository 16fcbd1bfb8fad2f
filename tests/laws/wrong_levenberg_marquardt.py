"""Wrong Levenberg-Marquardt: fixed, adaptive and hidden damping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import unit_step, walk
from optcheck.backends.numpy.minimizers.levenberg_marquardt import (
    Adaptive,
    GainRatio,
    Region,
    augmented_step,
    descend,
    normal_step,
)

METHOD = "levenberg-marquardt"
EQUATIONS = ("steps-solve-the-damped-equations",)
LIMITS = ("damping-limits",)
LINEAR = ("linear-residuals-are-modelled-exactly",)
DESCENT = ("damped-steps-descend",)
RAVINE = ("levenberg-marquardt-in-ravines",)
VALUE = ("damping-follows-the-value",)
GAIN = ("steps-follow-the-gain-ratio",)
MONOTONE = ("value-never-above-the-start",)

# (J, e, damping) to a step.
Solve = Callable[[Any, Any, float], Any]


def constant(solve: Solve, step: Callable[..., Any] = unit_step) -> Rule:
    """Fixed damping with another solution or another step."""

    def rule(objective: Any, x: Any, *, damping: float, **given: Any) -> Any:
        def direction(x: Any, g: Any) -> Any:
            return solve(objective.jacobian(x), objective.residual(x), damping)

        return walk(objective, x, direction, step, **given)

    return rule


def sums(J: Any, e: Any, damping: float) -> Any:
    return normal_step(J, e, damping, 1)


def means(J: Any, e: Any, damping: float) -> Any:
    return normal_step(J, e, damping, len(e))


def _diagonal(J: Any, e: Any, damping: float) -> Any:
    return -(J.T @ e) / (np.sum(J * J, axis=0) + damping)


def _gradient(J: Any, e: Any, damping: float) -> Any:
    """Gradient descent with a rate that no curvature makes diverge."""
    return -(J.T @ e) / (np.sum(J * J) + damping)


def _mixed(J: Any, e: Any, damping: float) -> Any:
    """The matrix over n, and the gradient not."""
    return np.linalg.solve(J.T @ J / len(e) + damping * np.eye(len(J.T)), -(J.T @ e))


def _in_single(J: Any, e: Any, damping: float) -> Any:
    return sums(J.astype(np.float32), e.astype(np.float32), damping).astype(np.float64)


def _half_way(*arguments: Any) -> float:
    return 0.5


def _chord() -> Rule:
    def rule(objective: Any, x: Any, *, damping: float, **given: Any) -> Any:
        J = objective.jacobian(x)

        def direction(x: Any, g: Any) -> Any:
            return sums(J, objective.residual(x), damping)

        return walk(objective, x, direction, unit_step, **given)

    return rule


SUMS = constant(sums)
FIXED = [
    Slip("ascends", "adds the step", DESCENT, fixed(constant(lambda *given: -sums(*given)))),
    Slip(
        "undamped",
        "forgets the damping",
        (*EQUATIONS, *LIMITS),
        fixed(constant(lambda J, e, damping: sums(J, e, 1e-9))),
    ),
    Slip(
        "root",
        "adds the root of the damping",
        EQUATIONS,
        fixed(constant(lambda J, e, damping: sums(J, e, np.sqrt(damping)))),
    ),
    Slip("means", "takes means of the residuals", EQUATIONS, fixed(constant(means))),
    Slip(
        "diagonal",
        "keeps the diagonal of J'J alone",
        (*EQUATIONS, *LIMITS),
        fixed(constant(_diagonal)),
    ),
    Slip("gradient", "forgets the curvature", RAVINE, fixed(constant(_gradient))),
    Slip("half-step", "goes half way", LINEAR, fixed(constant(sums, _half_way))),
    Slip("chord", "keeps the Jacobian of the start", EQUATIONS, fixed(_chord())),
    Slip("single", "solves in float32", EQUATIONS, fixed(constant(_in_single))),
]

MEANS = constant(means)
FIXED_OF_MEANS = [
    Slip("sums", "takes sums over the residuals", EQUATIONS, fixed(constant(sums))),
    Slip("mixed", "divides the matrix alone by n", (*EQUATIONS, *LIMITS), fixed(constant(_mixed))),
    Slip(
        "damping-over-n",
        "divides the damping by n too",
        EQUATIONS,
        fixed(constant(lambda J, e, damping: normal_step(J, e, damping / len(e), len(e)))),
    ),
    Slip(
        "by-parameters",
        "divides by the number of parameters",
        EQUATIONS,
        fixed(constant(lambda J, e, damping: normal_step(J, e, damping, J.shape[1]))),
    ),
    Slip("half-step", "goes half way", LINEAR, fixed(constant(means, _half_way))),
]


def controlled(make: Callable[..., Any]) -> Rule:
    """Any control of steps; ``make`` takes the start and the hyper-parameters."""

    def rule(objective: Any, x: Any, *, iterations: int, tolerance: float, **h: float) -> Any:
        return descend(objective, x, make(x, **h), iterations=iterations, tolerance=tolerance)

    return rule


def adaptive(kind: Callable[..., Any]) -> Rule:
    return controlled(lambda x, *, initial_damping, factor: kind(initial_damping, factor))


class _NeverBack(Adaptive):
    def accepts(self, fall: float, predicted: float) -> bool:
        super().accepts(fall, predicted)
        return True


class _Inverted(Adaptive):
    def accepts(self, fall: float, predicted: float) -> bool:
        damping, taken = self.damping, super().accepts(fall, predicted)
        self.damping = damping * damping / self.damping
        return taken


class _Constant(Adaptive):
    def accepts(self, fall: float, predicted: float) -> bool:
        return fall > 0.0


class _Twice(Adaptive):
    def accepts(self, fall: float, predicted: float) -> bool:
        taken = super().accepts(fall, predicted)
        self.damping *= 1.0 if taken else self.factor
        return taken


class _FromOne(Adaptive):
    def __init__(self, initial_damping: float, factor: float) -> None:
        super().__init__(1.0, factor)


class _Timid(Adaptive):
    """Takes a step only where a quarter of the prediction comes true."""

    def accepts(self, fall: float, predicted: float) -> bool:
        return super().accepts(fall if fall > 0.25 * predicted else -1.0, predicted)


class _Rooted(Adaptive):
    """The rows sqrt(mu) have lost their root."""

    def step(self, J: Any, e: Any) -> Any:
        return augmented_step(J, e, self.damping**2, np.ones(J.shape[1])), self.damping


ADAPTIVE = adaptive(Adaptive)
ADAPTIVE_SLIPS = [
    Slip(
        "no-rollback",
        "keeps a step that it refuses",
        (*VALUE, *MONOTONE),
        fixed(adaptive(_NeverBack)),
        bug="layup-lm-no-rollback",
    ),
    Slip(
        "inverted", "raises the damping where the value falls", VALUE, fixed(adaptive(_Inverted))
    ),
    Slip("constant", "never changes the damping", VALUE, fixed(adaptive(_Constant))),
    Slip("twice", "raises by the square of the factor", VALUE, fixed(adaptive(_Twice))),
    Slip("from-one", "ignores the initial damping", VALUE, fixed(adaptive(_FromOne))),
    Slip("timid", "refuses small decreases", VALUE, fixed(adaptive(_Timid))),
    Slip("rooted", "squares the damping", (*EQUATIONS, *LIMITS), fixed(adaptive(_Rooted))),
]


def by_gain(kind: type[GainRatio]) -> Rule:
    def make(x: Any, *, initial_damping: float, **h: float) -> GainRatio:
        names = ("low_cutoff", "high_cutoff", "decrease", "increase")
        return kind(initial_damping, *(h[name] for name in names))

    return controlled(make)


class _OfTheLastStep(GainRatio):
    before = (1.0, 1.0)

    def accepts(self, fall: float, predicted: float) -> bool:
        taken = super().accepts(*self.before)
        self.before = fall, predicted
        return taken


class _WrongSign(GainRatio):
    """The prediction is negative, so that a ratio above 0 is a rise."""

    def accepts(self, fall: float, predicted: float) -> bool:
        return super().accepts(-fall, predicted)


class _WithoutHalf(GainRatio):
    def accepts(self, fall: float, predicted: float) -> bool:
        return super().accepts(fall, 2.0 * predicted)


class _Eager(GainRatio):
    """The damping falls at every step that is taken."""

    def accepts(self, fall: float, predicted: float) -> bool:
        damping, taken = self.damping, super().accepts(fall, predicted)
        self.damping = damping / self.decrease if taken else self.damping
        return taken


class _Stubborn(GainRatio):
    def accepts(self, fall: float, predicted: float) -> bool:
        damping, taken = self.damping, super().accepts(fall, predicted)
        self.damping = self.damping if taken else damping
        return taken


GAIN_RATIO = by_gain(GainRatio)
GAIN_RATIO_SLIPS = [
    Slip(
        "last-gain",
        "judges a step by the ratio of the one before",
        GAIN,
        fixed(by_gain(_OfTheLastStep)),
        bug="layup-lm-no-rollback",
    ),
    Slip(
        "gain-sign",
        "takes the steps that rise",
        (*GAIN, *MONOTONE),
        fixed(by_gain(_WrongSign)),
        bug="leastsquaresoptim-lm-gain-sign",
    ),
    Slip("without-half", "predicts twice the decrease", GAIN, fixed(by_gain(_WithoutHalf))),
    Slip("eager", "lowers the damping at every step taken", GAIN, fixed(by_gain(_Eager))),
    Slip("stubborn", "keeps the damping of a refused step", GAIN, fixed(by_gain(_Stubborn))),
]


def region(kind: Callable[..., Any], *, scaled: bool) -> Rule:
    """A region whose damping is hidden, as that of MINPACK is."""
    right = controlled(lambda x: kind(x, scaled=scaled))

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        steps = right(objective, x, **given)
        while True:
            try:
                yield replace(next(steps), damping=None)
            except StopIteration as stop:
                return stop.value

    return rule


class _Clipped(Region):
    """The Gauss-Newton step, cut to the region."""

    def step(self, J: Any, e: Any) -> Any:
        scale = self._scale(J)
        d = augmented_step(J, e, 0.0, scale)
        self.length = float(np.linalg.norm(scale * d))
        # Half of the region at first, so that there is something to cut.
        share = min(1.0, self.radius / (2.0 * self.length))
        return share * d, 0.0


class _Steepest(Region):
    """The gradient, as long as the region is wide."""

    def step(self, J: Any, e: Any) -> Any:
        g, scale = J.T @ e, self._scale(J)
        self.length = self.radius
        return -g * (self.radius / float(np.linalg.norm(scale * g))), 0.0


class _Uphill(Region):
    def step(self, J: Any, e: Any) -> Any:
        d, damping = super().step(J, e)
        return -d, damping


class _Greedy(Region):
    def accepts(self, fall: float, predicted: float) -> bool:
        super().accepts(fall, predicted)
        return True


class _Reluctant(Region):
    def accepts(self, fall: float, predicted: float) -> bool:
        return super().accepts(fall, predicted) and fall > 0.75 * predicted


class _Halfway(Region):
    """Damped steps that the region does not ask for, and then half of them."""

    def step(self, J: Any, e: Any) -> Any:
        d, damping = super().step(J, e)
        return d * np.linspace(1.0, 0.5, len(d)), damping


class _Forgetful(Region):
    """In units of the columns of this Jacobian, and not of the largest so far."""

    def step(self, J: Any, e: Any) -> Any:
        if self.scale is not None:
            self.scale = np.linalg.norm(J, axis=0)
        return super().step(J, e)


class _Narrow(Region):
    """A region so narrow that every step is damped."""

    def _scale(self, J: Any) -> Any:
        first = self.scale is None
        scale = super()._scale(J)
        self.radius /= 8.0 if first else 1.0
        return scale


def _narrow(kind: type[Region]) -> type[Region]:
    return type(f"Narrow{kind.__name__}", (kind, _Narrow), {})


class _Unscaled(_Narrow):
    def __init__(self, start: Any, *, scaled: bool) -> None:
        super().__init__(start, scaled=False)


class _Squared(_Narrow):
    """D for its root in the rows, so D**4 in the equations."""

    def _scale(self, J: Any) -> Any:
        return super()._scale(J) ** 2


REGION = region(_Narrow, scaled=False)
REGION_SLIPS = [
    Slip(
        "clipped", "cuts the Gauss-Newton step", EQUATIONS, fixed(region(_Clipped, scaled=False))
    ),
    Slip("steepest", "goes along the gradient", RAVINE, fixed(region(_Steepest, scaled=False))),
    Slip("uphill", "adds the step", DESCENT, fixed(region(_Uphill, scaled=False))),
    Slip("greedy", "takes every step", (*GAIN, *MONOTONE), fixed(region(_Greedy, scaled=False))),
    Slip("reluctant", "refuses usual steps", GAIN, fixed(region(_Reluctant, scaled=False))),
    Slip("skewed", "halves the last coordinate", EQUATIONS, fixed(region(_Halfway, scaled=False))),
]

SCALED = region(_Narrow, scaled=True)
SCALED_SLIPS = [
    Slip("unscaled", "forgets the scale", EQUATIONS, fixed(region(_Unscaled, scaled=True))),
    Slip("squared", "squares the scale", EQUATIONS, fixed(region(_Squared, scaled=True))),
    Slip(
        "forgetful",
        "scales by this Jacobian alone",
        EQUATIONS,
        fixed(region(_narrow(_Forgetful), scaled=True)),
    ),
    Slip("clipped", "cuts the Gauss-Newton step", EQUATIONS, fixed(region(_Clipped, scaled=True))),
    Slip("uphill", "adds the step", DESCENT, fixed(region(_Uphill, scaled=True))),
    Slip("greedy", "takes every step", (*GAIN, *MONOTONE), fixed(region(_Greedy, scaled=True))),
]


def _family(dialect: str, right: Rule, slips: list[Slip], **claimed: Any) -> Family:
    return Family(
        METHOD,
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim={"promises": ("gradient-maximum",), "search": "none", **claimed},
    )


FAMILIES = [
    _family("fixed-damping", SUMS, FIXED, search="unit", monotone=False),
    _family("fixed-damping-of-means", MEANS, FIXED_OF_MEANS, search="unit", monotone=False),
    _family("adaptive-damping", ADAPTIVE, ADAPTIVE_SLIPS),
    _family("gain-ratio-damping", GAIN_RATIO, GAIN_RATIO_SLIPS),
    _family("trust-region", REGION, REGION_SLIPS),
    _family("scaled-damping", SCALED, SCALED_SLIPS),
]
