"""Gradient descent on convex losses: the same loss from every start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.surfaces.descents import is_gradient_descent
from optcheck.properties.surfaces.drawn_surfaces import Examples, regressions
from optcheck.properties.surfaces.landscapes import Landscape, worst
from optcheck.reference.calculus.models import LinearRegression, LogisticRegression
from optcheck.reference.oracle import SAFETY

_UNIT = 2.0**-53
_STARTS = 6


@dataclass(frozen=True)
class _Fit:
    """A regression by least squares, or of classes by cross-entropy."""

    examples: Examples
    classes: bool

    @property
    def problem(self) -> Any:
        """The loss."""
        model = LogisticRegression if self.classes else LinearRegression
        return model(*self.examples)

    @property
    def design(self) -> Floats:
        """The inputs with a column of ones before them."""
        return np.stack([np.ones(3), self.examples[0]], axis=1)

    @property
    def curvature(self) -> float:
        """What no curvature of the loss is above: the trace for the largest weights.

        The squared loss counts each example twice, cross-entropy at most a quarter.
        """
        return (0.25 if self.classes else 2.0) * float(np.sum(self.design**2))

    def slopes(self, w: Floats) -> Floats:
        """The gradients at several points, one after the other."""
        outputs = w.reshape(-1, 2) @ self.design.T
        if self.classes:
            pull = 1.0 / (1.0 + np.exp(-outputs)) - self.examples[1]
        else:
            pull = 2.0 * (outputs - self.examples[1])
        return (pull @ self.design).ravel()

    def step_rounding(self, w: Floats, rate: float) -> float:
        """What one step from points ``w`` may be off by, as a length.

        A slope adds up three products of an input and an error, which is made of three terms:
        some twelve roundings of numbers of the size of ``terms``; then the step rounds.
        """
        largest, reach = float(np.max(np.abs(w))), float(np.max(np.abs(self.design)))
        terms = 2.0 * (2.0 * largest * reach + max(abs(t) for t in self.examples[1]) + 1.0)
        slopes = 3.0 * reach * terms
        return float(np.sqrt(2.0)) * _UNIT * (12.0 * rate * slopes + largest)

    def minimiser(self, start: Floats) -> Floats:
        """A point that is as good as the minimiser nearest to ``start``."""
        if not self.classes:
            residuals = np.array(self.examples[1]) - self.design @ start
            return start + np.linalg.lstsq(self.design, residuals, rcond=None)[0]
        w = np.zeros(2)
        for _ in range(30):
            w = w - np.linalg.solve(np.asarray(self.problem.hessian(w)), self.slopes(w))
        return w


@law(
    id="convex-descents-reach-one-loss",
    title="On a convex loss gradient descent reaches the same loss from every start",
    statement=(
        "On least squares and logistic regression, K steps of gradient descent with a rate eta "
        "of at most 1/L lead from every start w0 to a loss, by the library's value, that is at "
        "most ||w0 - u||^2/(2 eta K) above that at the minimiser u. Where all inputs are equal "
        "the minimisers are a line: each descent keeps its place along it, so that they end at "
        "different ones, and the midpoint of two ends is as low."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("convex-stationary-point-global-minimum",),
    about=is_gradient_descent,
    every_path=False,
    share=0.15,
    dtypes=("float64",),
)
def convex_descents_reach_one_loss(subject: Subject, data: st.DataObject) -> float:
    steps = data.draw(st.integers(10, 80), label="steps")
    share = data.draw(fractions(0.5, 1.0), label="eta L")
    coordinates = st.lists(fractions(-3.0, 3.0), min_size=2 * _STARTS, max_size=2 * _STARTS)
    start = np.array(data.draw(coordinates, label="starts"))
    classes = data.draw(st.booleans(), label="classes")
    fits = (
        _Fit(data.draw(regressions(classes=classes), label="examples"), classes),
        _Fit(data.draw(regressions(alike=True), label="examples of equal inputs"), False),
    )
    ratios = []
    for fit in fits:
        descents = _Descents(subject, fit, share / fit.curvature, start, steps)
        ratios.append(descents.require_low())
        if len(set(fit.examples[0])) == 1:
            ratios.append(descents.require_a_line())
    return worst(ratios)


class _Descents:
    """Gradient descents on one loss from several starts."""

    def __init__(
        self, subject: Subject, fit: _Fit, rate: float, start: Floats, steps: int
    ) -> None:
        self.subject, self.fit, self.h = subject, fit, {"learning_rate": rate}
        path = descend(subject, self.h, start, fit.slopes, steps)
        self.starts, self.ends = (w.reshape(_STARTS, 2) for w in (start, path[-1]))
        # A step on a convex function takes no two points farther apart: errors add up.
        self.off = SAFETY * steps * max(fit.step_rounding(w, rate) for w in path)
        self.minimisers = [fit.minimiser(w) for w in self.starts]
        self.bounds = [
            float((w - u) @ (w - u)) / (2.0 * rate * steps)
            for w, u in zip(self.starts, self.minimisers, strict=True)
        ]

    def require_low(self) -> float:
        """That all ends are as low as the theorem says."""
        rows = zip(self.ends, self.minimisers, self.bounds, strict=True)
        return worst([self._require_low(*row) for row in rows])

    def require_a_line(self) -> float:
        """That minimisers are a line: no descent moves along it, and midpoints are as low."""
        along = np.array([-self.fit.examples[0][0], 1.0])
        moved = (self.ends - self.starts) @ along
        ratio = float(np.max(np.abs(moved)) / (np.linalg.norm(along) * self.off))
        if ratio > 1.0:
            raise self._deviation(f"moves by {moved.tolist()} along the minimisers", ratio)
        middle = (self.ends[0] + self.ends[1]) / 2.0
        bound = max(self.bounds[:2])
        return max(ratio, self._require_low(middle, self.fit.minimiser(middle), bound))

    def _require_low(self, w: Floats, u: Floats, bound: float) -> float:
        """That the loss at ``w`` is at most ``bound`` above that at ``u``."""
        landscape = Landscape(self.subject, self.fit.problem)
        above = landscape.value(w) - landscape.value(u)
        slack = sum(float(landscape.slack("value", each)[0]) for each in (w, u))
        # What the end is off by changes the loss by its slope there, and half the curvature.
        slope = float(np.linalg.norm(self.fit.slopes(w))) + self.fit.curvature * self.off
        allowed = bound + slack + (slope + self.fit.curvature * self.off) * self.off
        if above > allowed:
            raise self._deviation(
                f"the loss at {w.tolist()} is {above:.6g} above the minimum, and at most "
                f"{allowed:.6g} is promised",
                above / allowed,
            )
        return max(above, 0.0) / allowed

    def _deviation(self, message: str, ratio: float) -> Deviation:
        inputs, targets = self.fit.examples
        return Deviation(
            f"{self.subject.name}: {message}",
            ratio=ratio,
            counterexample=told(self.h, self.starts, inputs=inputs, targets=targets),
        )
