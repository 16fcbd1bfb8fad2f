"""Values, gradients and Hessians of surfaces as a backend computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.interface import Claim, Floats
from optcheck.properties.calculus import questions
from optcheck.properties.calculus.questions import Question
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.units import implementations
from optcheck.reference import PROCEDURES
from optcheck.reference.oracle import Bound, Quantity
from optcheck.reference.problems import Problem

# The modes that are asked: the exact laws of derivatives tie all others to them.
_MODES = {
    "value": ("evaluated",),
    "gradient": ("written-out", "reverse-mode"),
    "hessian": ("written-out", "forward-over-reverse"),
}


def computes(*methods: str) -> Callable[[Subject], bool]:
    """What a law is about: rules that compute one of ``methods`` in the usual mode."""
    return lambda subject: any(
        subject.record.id == method and subject.claim.dialect in _MODES[method]
        for method in methods
    )


class _Written:
    """The problem's own formulas, for a backend that does not differentiate."""

    def __init__(self, method: str) -> None:
        self.claim = Claim(method, _MODES[method][0])

    def derivative(
        self, objective: Problem, point: Floats, *, dtype: str, direction: Floats | None
    ) -> Floats:
        formula = getattr(objective, self.claim.method)
        return np.asarray(formula(point.astype(dtype)), dtype=np.float64)


@dataclass(frozen=True)
class Landscape:
    """A surface as the backend of ``subject`` sees it.

    The subject's own rule computes what it is for; the backend's first rule of each kind the rest.
    """

    subject: Subject
    problem: Problem

    def value(self, point: npt.ArrayLike) -> float:
        """The height, a number."""
        return float(self.found("value", point))

    def gradient(self, point: npt.ArrayLike) -> Floats:
        """The gradient, shape ``(n,)``."""
        return self.found("gradient", point)

    def hessian(self, point: npt.ArrayLike) -> Floats:
        """The Hessian, shape ``(n, n)``."""
        return self.found("hessian", point)

    def found(self, method: str, point: npt.ArrayLike) -> Floats:
        """What the backend computes; no surface is infinite or undefined anywhere."""
        found = questions.answer(self.asked(method), self.question(point))
        if not np.isfinite(found).all():
            raise self.deviation(f"the {method} is {found.tolist()}", point, method)
        return found

    def quantity(self, method: str, point: npt.ArrayLike) -> Quantity | Bound:
        """What is to be computed, flat, and how far off rounding may put it."""
        return questions.expected(self.asked(method), self.question(point))

    def slack(self, method: str, point: npt.ArrayLike) -> Floats:
        """How far off rounding may put each entry."""
        return self.quantity(method, point).allowed()

    def question(self, point: npt.ArrayLike) -> Question:
        """The problem at ``point``."""
        return Question(self.problem, np.array(point, dtype=np.float64).reshape(-1))

    def asked(self, method: str) -> Subject:
        """Who computes ``method``."""
        subject = self.subject
        if subject.record.id == method:
            return subject
        rules = [
            rule
            for rule in implementations(subject.backend)["derivative"]
            if rule.claim.method == method
            and rule.claim.dialect in _MODES[method]
            and subject.dtype in rule.claim.dtypes
        ]
        rule = rules[0] if rules else _Written(method)
        record, device = PROCEDURES[method], subject.device
        return Subject(subject.backend, rule, "derivative", record, subject.dtype, device)

    def require(
        self, method: str, point: npt.ArrayLike, quantity: Quantity | Bound, what: str
    ) -> float:
        """That the computed ``method`` at ``point`` is ``quantity``; the worst ratio."""
        computed = np.ravel(self.found(method, point))
        return questions.require_of(
            self.asked(method), self.question(point), quantity, computed, what
        )

    def deviation(
        self, message: str, point: npt.ArrayLike, method: str = "", **more: Any
    ) -> Deviation:
        """A deviation of what computes ``method``, by default the subject itself."""
        asked = self.asked(method) if method else self.subject
        found = questions.deviation(asked, self.question(point), message)
        found.counterexample.update(more)
        return found


def ratio_below(value: float, bound: float, slack: float) -> float:
    """How far ``value`` is above ``bound``, in units of ``slack``; 0 where it is not above."""
    over = value - bound
    if over <= 0.0:
        return 0.0
    return over / slack if slack > 0.0 else float("inf")


def worst(ratios: Sequence[float]) -> float:
    """The largest ratio."""
    return max(ratios, default=0.0)
