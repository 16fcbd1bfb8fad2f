"""Problems, starts and tasks, drawn so that what theory says of them is known.

Coefficients and starts are short binary fractions: every format holds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject
from optcheck.properties.minimizers.running import ITERATIONS, Task
from optcheck.properties.strategies import hyperparameters
from optcheck.reference.families import Categorical, Gaussian, Likelihood, Softmax
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


def _from(count: int, simplest: int) -> st.SearchStrategy[int]:
    """0 ... count - 1, of which ``simplest`` is drawn first."""
    return st.integers(0, count - 1).map(lambda k: (k + simplest) % count)


def spectra(count: int, largest: float = 16.0) -> st.SearchStrategy[list[float]]:
    """Positive curvatures; the condition number is at most ``8 largest``.

    The simplest are 1/2, 2, 8, ...: where each example is dear, the first one asks something.
    """
    values = round(largest / 0.125)
    return st.tuples(
        *(_from(values, 4 ** (i + 1) - 1).map(lambda k: (k + 1) * 0.125) for i in range(count))
    ).map(list)


@st.composite
def quadratics(
    draw: st.DrawFn, dimensions: Sequence[int] = (2, 4), largest: float = 16.0
) -> Quadratic:
    """Positive definite quadratics with a coupling between all variables, away from 0."""
    count = draw(st.sampled_from(tuple(dimensions)))
    center = draw(st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count))
    return hadamard(draw(spectra(count, largest)), center)


def starts(count: int, reach: float = 4.0) -> st.SearchStrategy[Floats]:
    """Points whose coordinates are short binary fractions, none of them 0.

    The simplest lies off all axes and diagonals.
    """
    units = round(reach / 0.125)
    simplest = [units + units * quarters // 4 for quarters in (-2, 3, 1, -3)]
    return st.tuples(
        *(
            _from(2 * units, simplest[i % 4]).map(lambda k: (k - units) * 0.125 + 0.0625)
            for i in range(count)
        )
    ).map(np.array)


@st.composite
def quartics(draw: st.DrawFn) -> Polynomial:
    """Strictly convex functions of two variables that are no quadratics."""
    a, b, q, r = (draw(fractions(0.25, 4.0)) for _ in range(4))
    return Polynomial(
        2,
        ((a, (2, 0)), (b, (0, 2)), (min(a, b) / 4, (1, 1)), (q, (4, 0)), (r, (0, 4))),
        minimum=0.0,
    )


def residuals(*rows: tuple[float, ...]) -> LeastSquares:
    """Three residuals in two parameters: all have one structure, so a library compiles once.

    ``rows`` are the coefficients of (x, 1), of (y, x**2, x) and of (xy, y, 1).
    """
    powers = (((1, 0), (0, 0)), ((0, 1), (2, 0), (1, 0)), ((1, 1), (0, 1), (0, 0)))
    pairs = zip(rows, powers, strict=True)
    parts = (Polynomial(2, tuple(zip(row, each, strict=True))) for row, each in pairs)
    return LeastSquares(tuple(parts), minimum=None)


@st.composite
def fits(draw: st.DrawFn) -> LeastSquares:
    """Residuals that are curved and have no common zero; their Jacobian has full rank."""
    a, b, c, d = (draw(fractions(0.25, 2.0)) for _ in range(4))
    return residuals((a, -1.0), (b, c, draw(fractions(-1.0, 1.0))), (d, -0.5, 0.25))


def smooth() -> st.SearchStrategy[Problem]:
    """Functions with a minimum: quadratics first, then curved ones."""
    return st.one_of(quadratics((2,)), quartics(), st.just(ROSENBROCK), fits())


@st.composite
def data_weights(draw: st.DrawFn, outcomes: int) -> tuple[float, ...]:
    """Positive short binary fractions that sum to 1."""
    cuts = draw(st.sets(st.integers(1, 15), min_size=outcomes - 1, max_size=outcomes - 1))
    ends = [0, *sorted(cuts), 16]
    return tuple((b - a) / 16 for a, b in itertools.pairwise(ends))


@st.composite
def likelihoods(draw: st.DrawFn) -> Likelihood:
    """Data of up to three outcomes by their logits or probabilities, or of a Gaussian."""
    kind = draw(st.sampled_from((Softmax, Categorical, Gaussian)))
    if kind is Gaussian:
        return Gaussian(draw(fractions(-2.0, 2.0)), draw(fractions(0.125, 4.0)))
    likelihood: Likelihood = kind(draw(data_weights(draw(st.integers(2, 3)))))
    return likelihood


def _inside(problem: Problem, start: Floats, reach: float) -> Floats:
    """``start``, or for probabilities a point between 0 and 1 in its place."""
    if not isinstance(problem, Categorical):
        return start
    return (start + reach) / (2.0 * reach * problem.dimension)


_PROBLEMS: Mapping[str, Callable[[], st.SearchStrategy[Problem]]] = {
    "smooth": smooth,
    "least-squares": fits,
    "likelihood": likelihoods,
}


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
        problems = _PROBLEMS.get(subject.record.objective, smooth)()
    problem = data.draw(problems, label="problem")
    start = _inside(problem, data.draw(starts(problem.dimension, reach), label="start"), reach)
    domains = subject.record.domains(subject.claim.dialect)
    h = data.draw(hyperparameters(domains, subject.claim, fixed), label="hyperparameters")
    return Task(problem, start, h, iterations, tolerance)
