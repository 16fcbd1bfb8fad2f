"""Problems, starts and tasks, drawn so that what theory says of them is known.

Coefficients and starts are short binary fractions: every format holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.running import ITERATIONS, Task
from optcheck.properties.strategies import hyperparameters
from optcheck.reference.problems import (
    ROSENBROCK,
    LeastSquares,
    Polynomial,
    Problem,
    Quadratic,
    hadamard,
)


def fractions(low: float, high: float, unit: float = 0.125) -> st.SearchStrategy[float]:
    """Multiples of ``unit`` from ``low`` to ``high``; the simplest is the one next to 0 or 1."""
    return st.integers(round(low / unit), round(high / unit)).map(lambda k: k * unit)


def spectra(count: int, largest: float = 16.0) -> st.SearchStrategy[list[float]]:
    """Positive curvatures; the condition number is at most ``8 largest``."""
    return st.lists(fractions(0.125, largest), min_size=count, max_size=count)


@st.composite
def quadratics(
    draw: st.DrawFn, dimensions: Sequence[int] = (2, 4), largest: float = 16.0
) -> Quadratic:
    """Positive definite quadratics with a coupling between all variables, away from 0."""
    count = draw(st.sampled_from(tuple(dimensions)))
    center = draw(st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count))
    return hadamard(draw(spectra(count, largest)), center)


def starts(count: int, reach: float = 4.0) -> st.SearchStrategy[Floats]:
    """Points whose coordinates are short binary fractions, none of them 0."""
    coordinate = fractions(-reach, reach - 0.125).map(lambda v: v + 0.0625)
    return st.lists(coordinate, min_size=count, max_size=count).map(np.array)


@st.composite
def quartics(draw: st.DrawFn) -> Polynomial:
    """Strictly convex functions of two variables that are no quadratics."""
    a, b, q, r = (draw(fractions(0.25, 4.0)) for _ in range(4))
    return Polynomial(
        2,
        ((a, (2, 0)), (b, (0, 2)), (min(a, b) / 4, (1, 1)), (q, (4, 0)), (r, (0, 4))),
        minimum=0.0,
    )


@st.composite
def fits(draw: st.DrawFn) -> LeastSquares:
    """Three residuals in two parameters that are curved and have no common zero."""
    a, b, c, d = (draw(fractions(0.25, 2.0)) for _ in range(4))
    return LeastSquares(
        (
            Polynomial(2, ((a, (1, 0)), (-1.0, (0, 0)))),
            Polynomial(2, ((b, (0, 1)), (c, (2, 0)))),
            Polynomial(2, ((d, (1, 1)), (-0.5, (0, 1)), (0.25, (0, 0)))),
        ),
        minimum=None,
    )


def smooth() -> st.SearchStrategy[Problem]:
    """Functions with a minimum: quadratics first, then curved ones."""
    return st.one_of(quadratics((2,)), quartics(), st.just(ROSENBROCK), fits())


def draw_task(
    subject: Subject,
    data: st.DataObject,
    problems: st.SearchStrategy[Problem] | None = None,
    *,
    iterations: int = ITERATIONS,
    tolerance: float = 1e-12,
    fixed: Mapping[str, float] | None = None,
    reach: float = 4.0,
) -> Task:
    """A problem that the subject can take, a start, and hyper-parameters from their domains."""
    if problems is None:
        problems = fits() if subject.record.objective == "least-squares" else smooth()
    problem = data.draw(problems, label="problem")
    start = data.draw(starts(problem.dimension, reach), label="start")
    domains = subject.record.domains(subject.claim.dialect)
    h = data.draw(hyperparameters(domains, subject.claim, fixed), label="hyperparameters")
    return Task(problem, start, h, iterations, tolerance)
