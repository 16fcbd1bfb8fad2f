"""Running a rule on all modes of a quadratic at once, beside their closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import arb

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.properties.trace import require
from optcheck.reference import METHODS
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent.recurrences import (
    Mode,
    exact_points,
    gradient_descent,
    momentum_mode,
    rounding,
    settings,
)
from optcheck.reference.oracle import Bound

FLOAT64 = ("float64",)


@dataclass(frozen=True)
class Modes:
    """What a rule computed and what it should have, shape ``(steps + 1, modes)``, from 1."""

    subject: Subject
    hyperparameters: dict[str, float]
    curvatures: Floats
    computed: Floats
    expected: Floats
    allowed: Floats

    def judge(self) -> float:
        """All points against the closed form."""
        steps = len(self.computed) - 1
        return require(
            Bound(self.expected.ravel(), self.allowed.ravel()),
            self.computed.ravel(),
            what=f"{self.subject.name}: {steps + 1} points of {len(self.curvatures)} modes, as "
            "powers of their matrices",
            counterexample=self.told,
        )

    def told(self) -> dict[str, object]:
        """A counterexample."""
        start = np.ones_like(self.curvatures)
        return told(self.hyperparameters, start, curvatures=self.curvatures)


def run_modes(
    subject: Subject,
    curvatures: Floats,
    steps: int,
    *,
    rate: arb,
    momentum: arb,
) -> Modes:
    """``rate`` and ``momentum`` are what is meant; the rule is given the nearest doubles."""
    method, dialect = subject.record.id, subject.claim.dialect
    h = settings(method, dialect, float(rate.mid()), float(momentum.mid()))
    start = np.ones_like(curvatures)
    computed = descend(subject, h, start, lambda w: curvatures * w, steps)
    with ball_arithmetic():
        products = [rate * arb(float(each)) for each in curvatures]
        modes = modes_of(method, dialect, products, momentum)
    expected = floats(exact_points(modes, steps))
    return Modes(subject, h, curvatures, computed, expected, rounding(modes, expected))


def modes_of(method: str, dialect: str, products: Sequence[arb], momentum: arb) -> list[Mode]:
    """The modes for learning rates times curvatures of ``products``."""
    if method == "gradient-descent":
        return [gradient_descent(each) for each in products]
    return [momentum_mode(method, dialect, each, momentum) for each in products]


def floats(rows: Sequence[Sequence[arb]]) -> Floats:
    """The midpoints, one row a time."""
    return np.array([[float(each.mid()) for each in row] for row in rows])


def is_momentum(subject: Subject) -> bool:
    """Momentum or Nesterov momentum."""
    return subject.record.id in ("momentum", "nesterov")


def companion(subject: Subject, method: str, dialects: Sequence[str] = ()) -> Subject | None:
    """The first implementation of ``method`` in the same library, in one of ``dialects``."""
    for rule in subject.backend.update_rules():  # type: ignore[attr-defined]
        claim = rule.claim
        wanted = claim.dialect in (dialects or METHODS[method].dialects)
        if claim.method == method and wanted and subject.dtype in claim.dtypes:
            return replace(subject, rule=rule, record=METHODS[method], strategies={})
    return None
