"""Laws of directions: none is steeper than the gradient, and a small step follows it."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.questions import (
    Question,
    answer,
    deviation,
    expected,
    questions,
    require_of,
)
from optcheck.properties.law import Subject, law
from optcheck.reference.balls import Arithmetic
from optcheck.reference.calculus.derivatives import derivative_at
from optcheck.reference.oracle import Bound

_FLOAT64 = ("float64",)
# What the laws compute themselves, in double precision, has at most 10 terms: a product of
# vectors and two norms round less than 4 * 10 + 8 times.
_OWN = 64 * 2.0**-53


def _gradient(question: Question) -> Floats:
    exact = Arithmetic.exact()
    found = derivative_at("gradient", "written-out", question.problem, question.point, exact)
    return found.expected()


def _unit_vectors(seed: int, dimension: int, count: int) -> Floats:
    """Random directions; half of them along an axis or a diagonal."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    vectors[::2] = np.sign(vectors[::2]) * (np.abs(vectors[::2]) > 0.5)
    vectors[np.all(vectors == 0.0, axis=1), 0] = 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors)


@law(
    id="no-direction-is-steeper-than-the-gradient",
    title="The function rises most steeply along the gradient, by its length",
    statement=(
        "Of many random unit vectors none has a larger directional derivative than the normalised "
        "gradient, and none a smaller one than its opposite. The derivative along it is its "
        "length: an error of the gradient shortens that by its square alone."
    ),
    oracle="exact",
    capability="derivative",
    equations=("gradient-steepest-ascent",),
    about=lambda subject: bool(subject.record.id == "gradient"),
    dtypes=_FLOAT64,
    share=0.2,
)
def no_direction_is_steeper_than_the_gradient(subject: Subject, data: st.DataObject) -> float:
    question = data.draw(questions(), label="question")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed of the directions")
    exact = _gradient(question)
    steepest = float(np.linalg.norm(exact))
    off = float(np.linalg.norm(expected(subject, question).allowed()))
    # Where the gradient may be 0 no direction is distinguished.
    assume(steepest > 2.0 * off)
    computed = answer(subject, question)
    length = float(np.linalg.norm(computed))
    allowed = off**2 / steepest + _OWN * steepest
    along = float(exact @ computed) / length if length else 0.0
    ratios = [
        require_of(
            subject,
            question,
            Bound(np.array([steepest, steepest]), np.array([allowed, off + allowed])),
            np.array([along, length]),
            "it does not point where the function rises most",
        )
    ]
    for vector in _unit_vectors(seed, len(exact), 64):
        excess = abs(float(exact @ vector)) - along
        if excess > allowed:
            raise deviation(
                subject,
                question.along(vector),
                f"the slope is steeper by {excess:.3g} along {vector.tolist()}",
                excess / allowed,
            )
    return ratios[0]


@law(
    id="directional-derivative-obeys-cauchy-schwarz",
    title="A directional derivative is the length of the gradient at most, and along it alone",
    statement=(
        "|Df(a)v| is at most |grad f| |v|, with equality for v parallel to the gradient; what "
        "is missing to the squares is the sum of the squares of g_i v_j - g_j v_i (Lagrange), so "
        "for no other v. Over unit vectors the largest value is at the normalised gradient and "
        "the smallest at its opposite."
    ),
    oracle="exact",
    capability="derivative",
    equations=("directional-derivative-cauchy-schwarz", "gradient-steepest-ascent"),
    about=lambda subject: bool(subject.record.id == "directional-derivative"),
    dtypes=_FLOAT64,
    share=0.15,
)
def directional_derivative_obeys_cauchy_schwarz(subject: Subject, data: st.DataObject) -> float:
    question = data.draw(questions(), label="question")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed of the directions")
    gradient = _gradient(question)
    length = float(np.linalg.norm(gradient))
    assume(length > 0.0)
    normalised = gradient / length
    vectors = [normalised, -normalised, *_unit_vectors(seed, len(gradient), 4)]
    ratios, slopes = [], []
    for vector in vectors:
        asked = question.along(vector)
        slope = float(answer(subject, asked))
        allowed = float(expected(subject, asked).allowed()[0]) + _OWN * length
        wedge = np.outer(gradient, vector) - np.outer(vector, gradient)
        missing = float(np.sum(wedge**2)) / 2.0
        ratios.append(
            require_of(
                subject,
                asked,
                Bound(np.array([length**2 - missing]), np.array([2 * length * allowed])),
                np.array([slope**2]),
                "its square and what is missing do not add up to those of the lengths",
            )
        )
        slopes.append((slope, allowed))
    (rise, above), (fall, below) = slopes[:2]
    for slope, allowed in slopes[2:]:
        if not fall - below - allowed <= slope <= rise + above + allowed:
            raise deviation(subject, question, f"a slope of {slope:.17g} is beyond the gradient's")
    return float(np.fmax.reduce(ratios))
