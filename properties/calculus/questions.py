"""What an implementation is asked to differentiate, and its answer.

Points, directions and data are short binary fractions, which every format holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.minimizers.drawing import fits, fractions, quadratics, quartics, starts
from optcheck.properties.trace import require, under_test
from optcheck.reference.calculus.derivatives import derivative_at
from optcheck.reference.calculus.fitting import Model
from optcheck.reference.calculus.models import (
    Gabor,
    GaussianRegression,
    HalvedLinearRegression,
    LinearRegression,
    LogisticRegression,
    ShallowReLU,
)
from optcheck.reference.oracle import Bound, Quantity
from optcheck.reference.problems import ROSENBROCK, Elementary, Problem

EXAMPLES = 4
HYPERBOLA = Elementary(
    (
        lambda f, x: f.sqrt(1 + x * x),
        lambda f, x: x / f.sqrt(1 + x * x),
        lambda f, x: 1 / (f.sqrt(1 + x * x) * (1 + x * x)),
    ),
    ("sqrt(1 + x[0]*x[0])", "x[0]/sqrt(1 + x[0]*x[0])", "(1 + x[0]*x[0])**-1.5"),
    minimum=1.0,
)
_SHAPES: dict[str, Callable[[int], tuple[int, ...]]] = {
    "value": lambda n: (),
    "gradient": lambda n: (n,),
    "hessian": lambda n: (n, n),
    "directional-derivative": lambda n: (),
    "hessian-vector-product": lambda n: (n,),
}


@dataclass(frozen=True)
class Question:
    """A function, a point, and for products a direction."""

    problem: Problem
    point: Floats
    direction: Floats | None = None

    def along(self, direction: Floats) -> Question:
        """The same with another direction."""
        return replace(self, direction=direction)

    def describe(self) -> dict[str, Any]:
        """The question as plain data."""
        direction = {} if self.direction is None else {"direction": self.direction.tolist()}
        function = self.problem.sources().value
        return {"function": function, "point": self.point.tolist(), **direction}


def takes_direction(subject: Subject) -> bool:
    """Whether the method is told a direction."""
    return subject.record.id in ("directional-derivative", "hessian-vector-product")


def answer(subject: Subject, question: Question) -> Floats:
    """What the implementation finds, in the shape that it should have."""
    told = question.direction if takes_direction(subject) else None
    with under_test(subject, question.describe):
        found: Floats = subject.rule.derivative(
            question.problem,
            question.point.copy(),
            dtype=subject.dtype,
            direction=None if told is None else told.copy(),
        )
    shape = _SHAPES[subject.record.id](question.problem.dimension)
    if found.shape != shape:
        raise deviation(subject, question, f"has the shape {found.shape} instead of {shape}")
    return found


def expected(subject: Subject, question: Question) -> Quantity | Bound:
    """What it should find, flat, and the rounding that its way may make."""
    return derivative_at(
        subject.record.id,
        subject.claim.dialect,
        question.problem,
        question.point,
        subject.working,
        direction=question.direction,
        step=subject.claim.fixed.get("step", 0.0),
    )


def deviation(
    subject: Subject, question: Question, message: str, ratio: float = float("inf")
) -> Deviation:
    """A deviation with its question and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample=question.describe(),
        script=lambda: f'"""{title}"""\n\n{_script(subject, question)}',
    )


def require_of(
    subject: Subject, question: Question, quantity: Quantity | Bound, computed: Floats, what: str
) -> float:
    """As :func:`require`, for something that follows from an answer."""
    try:
        return require(
            quantity, computed, what=f"{subject.name}: {what}", counterexample=question.describe
        )
    except Deviation as found:
        title = str(found)
        found.script = lambda: f'"""{title}"""\n\n{_script(subject, question)}'
        raise


def exactly(subject: Subject, question: Question) -> float:
    """The answer is the derivative, to the rounding of its way."""
    quantity = expected(subject, question)
    # A kink within the reach of a difference decides nothing.
    assume(bool(np.any(np.isfinite(quantity.allowed()))))
    computed = answer(subject, question).ravel()
    return require_of(subject, question, quantity, computed, "its result is off")


def _script(subject: Subject, question: Question) -> str:
    told = question.direction if takes_direction(subject) else None
    text: str = subject.rule.script(
        question.problem, question.point, dtype=subject.dtype, direction=told
    )
    return text


def _numbers(count: int, reach: float, unit: float = 0.125) -> st.SearchStrategy[Any]:
    each = fractions(-reach, reach, unit)
    return st.lists(each, min_size=count, max_size=count).map(tuple)


@st.composite
def models(draw: st.DrawFn, *kinds: type[Model]) -> tuple[Model, Floats]:
    """A model with data, and parameters: some at a kink, some where a sigmoid saturates."""
    kind = draw(st.sampled_from(kinds or tuple(_STARTS)))
    count = 2 if kind is ShallowReLU else EXAMPLES
    inputs = draw(_numbers(count, 15.0 if kind is Gabor else 4.0, 0.25))
    if kind in (LinearRegression, HalvedLinearRegression) and draw(st.booleans()):
        inputs = inputs[:1] * count  # no slope can be told from an offset
    if kind is LogisticRegression:
        labels = st.lists(st.sampled_from((0.0, 1.0)), min_size=count, max_size=count)
        targets = draw(labels.map(tuple))
    else:
        targets = draw(_numbers(count, 1.0))
    model = kind(inputs, targets)
    point = draw(starts(model.dimension))
    return model, _STARTS[kind](draw, model, point)


def _as_drawn(draw: st.DrawFn, model: Model, point: Floats) -> Floats:
    return point


def _saturating(draw: st.DrawFn, model: Model, point: Floats) -> Floats:
    return point * draw(st.sampled_from((1.0, 0.0, 16.0, 4096.0)))


def _wide(draw: st.DrawFn, model: Model, point: Floats) -> Floats:
    return np.asarray(point * [1.0, 4.0])


def _at_a_kink(draw: st.DrawFn, model: Model, point: Floats) -> Floats:
    """The first unit is exactly 0 at the first input, in half of the cases."""
    if draw(st.booleans()):
        point[4] = -point[5] * model.inputs[0]
    return point


def _positive_precision(draw: st.DrawFn, model: Model, point: Floats) -> Floats:
    return np.array([*point[:2], abs(point[2])])


_STARTS: dict[type[Model], Callable[[st.DrawFn, Model, Floats], Floats]] = {
    LinearRegression: _as_drawn,
    HalvedLinearRegression: _as_drawn,
    LogisticRegression: _saturating,
    Gabor: _wide,
    GaussianRegression: _positive_precision,
    ShallowReLU: _at_a_kink,
}


@st.composite
def questions(
    draw: st.DrawFn, families: Sequence[st.SearchStrategy[Any]] | None = None
) -> Question:
    """A function and a point with a direction: polynomials, a hyperbola, and models."""
    drawn = draw(st.one_of(*(families or (curved(), models()))))
    problem, point = drawn if isinstance(drawn, tuple) else (drawn, None)
    if point is None:
        point = draw(starts(problem.dimension, 2.0))
    return Question(problem, point, draw(starts(problem.dimension, 2.0)))


def curved() -> st.SearchStrategy[Problem]:
    """Quadratics, polynomials, sums of squares, and a hyperbola."""
    fixed = st.sampled_from((ROSENBROCK, HYPERBOLA))
    return st.one_of(quadratics((2,)), quartics(), fixed, fits())
