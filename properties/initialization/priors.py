"""Laws of training near its start: a few steps of descent are like a prior about it."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.minimizers.running import worst
from optcheck.properties.surfaces.descents import is_gradient_descent
from optcheck.properties.trace import require
from optcheck.reference.initialization.symmetry import (
    descent_share,
    equal_penalty,
    matching_penalty,
    ridge_share,
)
from optcheck.reference.oracle import SAFETY, Bound

_UNIT = 2.0**-53

MODES = 16
# Of the way to a penalised minimum.
STEPS = 12


@law(
    id="few-steps-are-a-prior-about-the-start",
    title="A few steps of gradient descent are like a ridge penalty about their start",
    statement=(
        "On a quadratic, T steps with eta lambda < 1 bring each mode 1 - (1 - eta lambda)^T of "
        "the way from its start to the minimum, wherever it starts. A penalty alpha/2 |theta - "
        "theta_0|^2, to whose minimum the same rule goes, leaves it lambda/(lambda + alpha) of "
        "the way: the same for the alpha of that mode, and with alpha = 1/(eta T) for all modes "
        "in the same direction and as far, or up to half as far. A mode of larger curvature goes "
        "further in both. The budget is the forward error of the rounded steps."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("parameters-near-initial-prior",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def few_steps_are_a_prior(subject: Subject, data: st.DataObject) -> float:
    # Rising curvatures: the last has eta lambda below 1.
    rises = st.lists(st.integers(1, 8), min_size=MODES, max_size=MODES)
    curvatures = np.cumsum(data.draw(rises, label="rises of the curvature")) / 8.0
    rate = data.draw(st.floats(0.05, 0.95), label="eta lambda") / float(curvatures[-1])
    steps = data.draw(st.integers(2, 40), label="steps")
    start = np.full(MODES, data.draw(fractions(-2.0, 2.0, 0.25), label="start") + 0.125)
    minimum = start + np.where(np.arange(MODES) % 2, 3.0, -1.0)
    run = _Shares(subject, curvatures, start, minimum)
    early = run.descended(rate, np.zeros(MODES), steps)
    exact = [descent_share(rate, each, steps) for each in curvatures]
    ratios = [run.require("share of the way", early, exact, rate, np.zeros(MODES), steps)]
    alone = np.array([equal_penalty(rate, float(each), steps) for each in curvatures])
    common = np.full(MODES, float(matching_penalty(rate, steps)))
    slack = run.slack(rate, np.zeros(MODES), steps)
    for penalties, most in ((alone, 1.0), (common, 2.0)):
        ridge, allowed, ratio = run.penalised(penalties)
        allowed = most * allowed + slack
        if np.any(early < ridge - allowed) or np.any(early > most * ridge + allowed):
            raise run.deviation(
                f"descent goes {early.tolist()} of the way and the ridge solution lies at "
                f"{ridge.tolist()}",
                rate,
                penalties=penalties,
            )
        most_off = 2.0 * float(np.max(allowed))
        if np.any(np.diff(early) < -most_off) or np.any(np.diff(ridge) < -most_off):
            raise run.deviation("a mode of larger curvature goes less far", rate)
        ratios.append(ratio)
    return worst(ratios)


class _Shares:
    """Gradient descent on all modes at once, and how much of their way they go."""

    def __init__(
        self, subject: Subject, curvatures: Floats, start: Floats, minimum: Floats
    ) -> None:
        self.subject = subject
        self.curvatures, self.start, self.minimum = curvatures, start, minimum

    def descended(self, rate: float, penalties: Floats, steps: int) -> Floats:
        """The shares after so many steps with ``penalties`` about the start."""

        def slope(w: Floats) -> Floats:
            pull: Floats = self.curvatures * (w - self.minimum) + penalties * (w - self.start)
            return pull

        path = descend(self.subject, {"learning_rate": rate}, self.start, slope, steps)
        shares: Floats = (path[-1] - self.start) / (self.minimum - self.start)
        return shares

    def slack(self, rate: float, penalties: Floats, steps: int) -> Floats:
        """What rounding may do to the shares: no step stretches what is off already.

        A slope has two differences, two products and a sum; a step a product and a sum; a share a
        difference and a quotient. No point is further off than the start and twice the way.
        """
        way = np.abs(self.minimum - self.start)
        size = np.abs(self.start) + np.abs(self.minimum) + way
        local = 6.0 * rate * (self.curvatures + penalties) * 2.0 * way + 2.0 * size
        allowed: Floats = SAFETY * _UNIT * (steps * local + 4.0 * size) / way
        return allowed

    def require(
        self,
        what: str,
        found: Floats,
        expected: list[arb],
        rate: float,
        penalties: Floats,
        steps: int,
    ) -> float:
        bound = Bound(
            np.array([float(each) for each in expected]), self.slack(rate, penalties, steps)
        )
        return require(
            bound,
            found,
            what=f"{self.subject.name}: {what} after {steps} steps",
            counterexample=lambda: self.told(rate, penalties=penalties),
        )

    def penalised(self, penalties: Floats) -> tuple[Floats, Floats, float]:
        """Where a descent with penalties goes: the shares, their slack, and the worst ratio.

        The way to the penalised minimum is gone as the way to any; the part of it that is left is
        known.
        """
        total = self.curvatures + penalties
        rate, steps = float(1.0 / np.max(total)), STEPS
        found = self.descended(rate, penalties, steps)
        gone = [descent_share(rate, each, steps) for each in total]
        shares = [ridge_share(*each) for each in zip(self.curvatures, penalties, strict=True)]
        expected = [a * b for a, b in zip(gone, shares, strict=True)]
        ratio = self.require("penalised share", found, expected, rate, penalties, steps)
        parts = np.array([float(each) for each in gone])
        return found / parts, self.slack(rate, penalties, steps) / parts, ratio

    def deviation(self, message: str, rate: float, **more: Any) -> Deviation:
        return Deviation(f"{self.subject.name}: {message}", counterexample=self.told(rate, **more))

    def told(self, rate: float, **more: Any) -> dict[str, Any]:
        curvatures, minimum = self.curvatures, self.minimum
        return told(
            {"learning_rate": rate}, self.start, curvatures=curvatures, minimum=minimum, **more
        )
