"""Laws of Taylor's theorem: what a short step changes, and what no derivative explains of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb
from hypothesis import assume
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.questions import (
    Question,
    answer,
    curved,
    expected,
    questions,
    require_of,
    takes_direction,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import quadratics
from optcheck.reference.balls import EXACT_BITS, Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.calculus import taylor
from optcheck.reference.oracle import Bound
from optcheck.reference.trajectories import scalars

# A function of the point to its values: the objective itself, or its gradient.
Values = Callable[[Any], Sequence[Any]]

_FLOAT64 = ("float64",)
# So short that a ball around the segment is a narrow one.
_LENGTHS = (2.0**-6, 2.0**-9, 2.0**-12)
# What the laws compute themselves, in double precision, are products of vectors of at most 10
# terms and a few additions: less than 32 roundings.
_OWN = 32 * 2.0**-53


def _is(*methods: str) -> Callable[[Subject], bool]:
    return lambda subject: subject.record.id in methods


def _change(
    question: Question, step: Floats, values: Values, order: int
) -> tuple[list[arb], list[arb]]:
    """By how much a step changes ``values``, and what is left after ``order`` terms.

    The latter are balls that cover the next derivative everywhere on the way.
    """
    here = scalars(question.point, Arithmetic.exact())
    with ball_arithmetic():
        there = [
            Scalar(each.ball + arb(float(d)), EXACT_BITS)
            for each, d in zip(here, step, strict=True)
        ]
        pairs = zip(values(here), values(there), strict=True)
        changes = [after.ball - before.ball for before, after in pairs]
    return changes, list(taylor.along(values, question.point, step, order + 1))


def _bound(explained: Sequence[arb], left: Sequence[arb], allowed: Floats) -> Bound:
    """What the terms should add up to: what is to be explained, but for what is left.

    Where a kink may lie on the way nothing is decided, and the example does not count.
    """
    with ball_arithmetic():
        rest = [a - b for a, b in zip(explained, left, strict=True)]
        assume(all(ball.is_finite() for ball in rest))
        middle = np.array([float(ball.mid()) for ball in rest])
        radius = np.array([float(ball.rad()) for ball in rest])
    return Bound(middle, radius + allowed + _OWN * np.abs(middle))


def _allowed(subject: Subject, question: Question, found: Floats) -> Floats:
    """What the answer may be off by, and what its products in double precision are."""
    # An answer that is not finite is allowed nothing, and so deviates.
    size = np.abs(np.where(np.isfinite(found), found, 0.0))
    allowed: Floats = expected(subject, question).allowed() + _OWN * size
    return allowed


def _slope(question: Question, step: Floats) -> arb:
    """The exact product of step and gradient."""
    gradient = question.problem.gradient(scalars(question.point, Arithmetic.exact()))
    with ball_arithmetic():
        terms = (g.ball * arb(float(d)) for g, d in zip(gradient, step, strict=True))
        return sum(terms, arb(0))


def at_each_length(
    subject: Subject, question: Question, check: Callable[[Subject, Question], float]
) -> float:
    """The worst ratio of steps of three lengths along the direction of ``question``."""
    assert question.direction is not None
    direction = question.direction
    asked = (question.along(length * direction) for length in _LENGTHS)
    return float(np.fmax.reduce([check(subject, each) for each in asked]))


@law(
    id="first-order-change",
    title="A short step changes the function by its product with the gradient",
    statement=(
        "E(w + d) - E(w) is d'grad E and a remainder, which lies between half the smallest and "
        "half the largest second derivative d'Hd on the way, computed in balls: from both sides, "
        "for steps of three lengths."
    ),
    oracle="exact",
    capability="derivative",
    equations=("error-first-order-change",),
    about=_is("gradient", "directional-derivative"),
    dtypes=_FLOAT64,
    share=0.15,
)
def first_order_change(subject: Subject, data: st.DataObject) -> float:
    return at_each_length(subject, data.draw(questions(), label="question"), _first_order)


def _first_order(subject: Subject, question: Question) -> float:
    step = question.direction
    assert step is not None
    weights = np.ones(1) if takes_direction(subject) else step
    found = answer(subject, question).ravel()
    allowed = _allowed(subject, question, found) @ np.abs(weights)
    value = question.problem.value
    return require_of(
        subject,
        question,
        _bound(*_change(question, step, lambda x: [value(x)], 1), allowed),
        np.array([found @ weights]),
        "no second derivative on the way explains what is left of the change",
    )


@law(
    id="second-order-change",
    title="A quadratic approximation is off by a third derivative, and not at all on quadratics",
    statement=(
        "E(w + d) - E(w) - d'grad E is d'Hd/2 and a remainder, which lies between a sixth of the "
        "smallest and of the largest third derivative along d on the way, from both sides, for "
        "steps of three lengths. On quadratics there is none."
    ),
    oracle="exact",
    capability="derivative",
    equations=("quadratic-taylor-approximation",),
    about=_is("hessian", "hessian-vector-product"),
    dtypes=_FLOAT64,
    share=0.15,
)
def second_order_change(subject: Subject, data: st.DataObject) -> float:
    return at_each_length(subject, data.draw(questions(), label="question"), second_order)


def second_order(subject: Subject, question: Question) -> float:
    """Half the curvature along a step explains its change, but for third derivatives."""
    step = question.direction
    assert step is not None
    weights = step if takes_direction(subject) else np.outer(step, step).ravel()
    found = answer(subject, question).ravel()
    allowed = _allowed(subject, question, found) @ np.abs(weights)
    value = question.problem.value
    changes, left = _change(question, step, lambda x: [value(x)], 2)
    with ball_arithmetic():
        curved_part = [2 * (changes[0] - _slope(question, step))]
        twice_left = [2 * each for each in left]
    return require_of(
        subject,
        question,
        _bound(curved_part, twice_left, allowed),
        np.array([found @ weights]),
        "no third derivative on the way explains what is left of the change",
    )


@law(
    id="change-of-the-gradient",
    title="A short step changes the gradient by its product with the Hessian",
    statement=(
        "grad E(w) is b + H (w - w') on a quadratic, to the rounding of each term. Elsewhere each "
        "element is off by between half the smallest and half the largest second derivative of "
        "its own on the way, from both sides, for steps of three lengths."
    ),
    oracle="exact",
    capability="derivative",
    equations=("quadratic-gradient-approximation",),
    about=_is("gradient", "hessian", "hessian-vector-product"),
    dtypes=_FLOAT64,
    share=0.15,
)
def change_of_the_gradient(subject: Subject, data: st.DataObject) -> float:
    if subject.record.id == "gradient":
        drawn = data.draw(questions((quadratics((2,)),)), label="question")
        return _affine_gradient(subject, drawn)
    families = (quadratics((2,)), curved())
    drawn = data.draw(st.one_of(questions(families), questions()), label="question")
    return at_each_length(subject, drawn, _gradient_change)


def _gradient_change(subject: Subject, question: Question) -> float:
    step = question.direction
    assert step is not None
    found = answer(subject, question)
    allowed = _allowed(subject, question, found.ravel()).reshape(found.shape)
    if not takes_direction(subject):
        allowed, found = allowed @ np.abs(step), found @ step
    bound = _bound(*_change(question, step, question.problem.gradient, 1), allowed)
    return require_of(
        subject,
        question,
        bound,
        found,
        "no second derivative of the gradient explains what is left of its change",
    )


def _affine_gradient(subject: Subject, question: Question) -> float:
    """The gradient at the end of the direction, from that at its start and the Hessian."""
    problem, step = question.problem, question.direction
    assert step is not None
    there = Question(problem, question.point + step)
    matrix = np.array(problem.hessian(question.point))
    start = answer(subject, question)
    size = np.abs(start) + np.abs(matrix) @ np.abs(step)
    allowed = expected(subject, question).allowed() + expected(subject, there).allowed()
    return require_of(
        subject,
        there,
        Bound(start + matrix @ step, allowed + _OWN * size),
        answer(subject, there),
        "it is not b + H (w - w')",
    )
