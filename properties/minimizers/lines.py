"""Functions along lines, and asking a line search about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import LineResult, LineTask
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.minimizers.drawing import fractions, starts
from optcheck.properties.strategies import hyperparameters
from optcheck.properties.trace import under_test
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar
from optcheck.reference.functions import dot
from optcheck.reference.problems import Elementary, Polynomial, Problem

# More evaluations than any search is allowed to make, or an endless loop.
ENDLESS = 5000


def polynomial(coefficients: Mapping[tuple[int, int], float]) -> Polynomial:
    """A polynomial of two variables: coefficients by powers, those that are not 0."""
    terms = tuple((float(c), powers) for powers, c in coefficients.items() if c)
    return Polynomial(2, terms or ((0.0, (0, 0)),))


# Undefined below 0 and infinite at 0; its minimum is at 1.
BARRIER = Elementary(
    (lambda f, x: x - f.log(x), lambda f, x: 1 - 1 / x, lambda f, x: 1 / (x * x)),
    ("x[0] - log(x[0])", "1 - 1/x[0]", "1/x[0]**2"),
    minimum=1.0,
)


@dataclass(frozen=True)
class Line(LineTask):
    """What a line search is asked, with what laws ask about the line."""

    objective: Problem
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    dtype: str = "float64"

    def describe(self) -> dict[str, Any]:
        """The line as plain data."""
        return {
            "function": self.objective.sources().value,
            "start": self.start.tolist(),
            "direction": self.direction.tolist(),
            "hyperparameters": dict(self.hyperparameters),
        }

    def after(self, step: float) -> Floats:
        """The point after ``step``."""
        point: Floats = self.start + step * self.direction
        return point

    def exact_value(self, step: float) -> arb:
        """The function after ``step``, without a rounding."""
        exact = Arithmetic.exact()
        point = exact.array(self.start) + exact.array(self.direction) * exact.scalar(step)
        value: Scalar = self.objective.value([Scalar(ball, exact.bits) for ball in point.balls])
        return value.ball


class _Counted:
    """An objective that ends a search which does not end."""

    def __init__(self, subject: Subject, line: Line) -> None:
        self._subject = subject
        self._line = line
        self._left = ENDLESS

    def value(self, x: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise deviation(self._subject, self._line, f"has not ended after {ENDLESS} values")
        return self._line.objective.value(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line.objective, name)


def search(subject: Subject, line: Line) -> LineResult:
    """Run the search; a step is a positive number, and where there is none it says so."""
    found = ask(subject, line)
    if found.step is not None and not 0.0 < found.step < math.inf:
        raise deviation(subject, line, f"returns the step {found.step!r} and calls it found")
    return found


def ask(subject: Subject, line: Line) -> LineResult:
    """Run the search, whatever it returns."""
    counted: Any = _Counted(subject, line)
    x, d = line.start.copy(), line.direction.copy()
    own = replace(line, objective=counted, start=x, direction=d, dtype=subject.dtype)
    with under_test(subject, line.describe):
        found: LineResult = subject.rule.search(own)
    return found


def deviation(
    subject: Subject, line: Line, message: str, ratio: float = math.inf, **more: Any
) -> Deviation:
    """A deviation of a line search, with its line and a script."""
    title = f"{subject.name}: {message}"

    def script() -> str:
        text = subject.rule.script(replace(line, dtype=subject.dtype))
        return f'"""{title}"""\n\n{text}'

    return Deviation(title, ratio=ratio, counterexample={**line.describe(), **more}, script=script)


def of(*procedures: str) -> Callable[[Subject], bool]:
    """What a law is about: these line searches."""
    return lambda subject: subject.record.id in procedures


def drawn_h(subject: Subject, data: st.DataObject, **fixed: float | None) -> dict[str, float]:
    """Hyper-parameters with time enough to find a step, unless told otherwise."""
    domains = subject.record.domains(subject.claim.dialect)
    given = {"limit": 100.0, **fixed}
    told = {name: value for name, value in given.items() if name in domains and value is not None}
    told |= {name: value for name, value in subject.claim.fixed.items() if name in domains}
    strategy = hyperparameters(
        domains, subject.claim, told, lambda h: None if _in_order(h) else "c1 < c2"
    )
    return data.draw(strategy, label="hyperparameters")


def _in_order(h: Mapping[str, float]) -> bool:
    return h["sufficient_decrease"] < h["curvature"] if "curvature" in h else True


@st.composite
def _convex(draw: st.DrawFn) -> Polynomial:
    """Strictly convex polynomials of degree two or four, with their minimum anywhere."""
    a, b = draw(fractions(0.25, 4.0)), draw(fractions(0.25, 4.0))
    q, r = draw(fractions(0.0, 1.0)), draw(fractions(0.0, 1.0))
    coefficients = {
        (2, 0): a,
        (0, 2): b,
        (1, 1): min(a, b) * draw(fractions(-1.0, 1.0)),
        (4, 0): q,
        (0, 4): r,
        (1, 0): draw(fractions(-2.0, 2.0)),
        (0, 1): draw(fractions(-2.0, 2.0)),
        (0, 0): draw(fractions(-4.0, 4.0)),
    }
    return polynomial(coefficients)


def _descent(problem: Problem, start: Floats, data: st.DataObject) -> Floats:
    """Downhill, and not along the gradient alone."""
    weights = data.draw(st.tuples(*[st.sampled_from((1.0, 0.25, 2.0, 0.0625))] * 2), label="d")
    direction: Floats = -np.array(weights) * np.asarray(problem.gradient(start))
    return direction


def downhill(subject: Subject, data: st.DataObject, **fixed: float | None) -> Line:
    """A convex function and a direction in which it falls."""
    problem = data.draw(_convex(), label="function")
    start = data.draw(starts(2, 2.0), label="start")
    direction = _descent(problem, start, data)
    return Line(problem, start, direction, drawn_h(subject, data, **fixed))


def parabola(data: st.DataObject, low: float, high: float) -> Line:
    """A quadratic whose best step along a direction lies between ``low`` and ``high``."""
    minimum = data.draw(starts(2, 2.0), label="minimum")
    curvatures = [data.draw(fractions(0.25, 4.0), label="curvature") for _ in range(2)]
    x0 = data.draw(starts(2, 2.0).filter(lambda x: not np.any(x == minimum)), label="start")
    best = data.draw(st.integers(math.ceil(16 * low), math.floor(16 * high)), label="best step")
    a, b = curvatures
    problem = polynomial(
        {
            (2, 0): a / 2,
            (0, 2): b / 2,
            (1, 0): -a * minimum[0],
            (0, 1): -b * minimum[1],
            (0, 0): data.draw(fractions(-4.0, 4.0), label="value"),
        }
    )
    # From the start to the minimum in just so many steps, but for the rounding of the division.
    direction = (minimum - x0) / (best / 16)
    return Line(problem, x0, direction)


def usual(subject: Subject, data: st.DataObject) -> dict[str, float]:
    """Values that people use; first trials at 1."""
    domains = subject.record.domains(subject.claim.dialect)
    h = {}
    for name, domain in domains.items():
        values = st.sampled_from(domain.typical)
        h[name] = float(data.draw(values, label=name))
    h |= {"initial_step": 1.0, "limit": 100.0, **subject.claim.fixed}
    return {name: h[name] for name in domains}


def slope(line: Line) -> float:
    """The slope at the start, exactly."""
    exact = Arithmetic.exact()
    gradient = trajectories.gradient_at(line.objective, line.start, exact).exact
    return float(dot(gradient, exact.array(line.direction)).ball.mid())
