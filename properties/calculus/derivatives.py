"""Laws of derivatives at a point: each is that of the function, to the rounding of its way."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.calculus.questions import (
    answer,
    curved,
    deviation,
    exactly,
    expected,
    models,
    questions,
    require_of,
    takes_direction,
)
from optcheck.properties.law import Subject, law
from optcheck.reference.calculus.models import LogisticRegression
from optcheck.reference.oracle import Bound

_DTYPES = ("float32", "float64")


@law(
    id="value-is-that-of-the-function",
    title="A value is that of the function",
    statement=(
        "The value of a polynomial, a sum of squares or the loss of a model is that of its "
        "formula, to rounding: a finite one where a sigmoid saturates too."
    ),
    oracle="exact",
    capability="derivative",
    about=lambda subject: bool(subject.record.id == "value"),
    dtypes=_DTYPES,
    share=0.3,
)
def value_is_that_of_the_function(subject: Subject, data: st.DataObject) -> float:
    families = (curved(), models(), models(LogisticRegression))
    return exactly(subject, data.draw(questions(families), label="question"))


@law(
    id="gradient-holds-the-partial-derivatives",
    title="A gradient holds the partial derivatives",
    statement=(
        "The gradient has one element for each variable, and each is the partial derivative of "
        "the function, to the rounding of the mode in which it is found: automatic "
        "differentiation of the same program in balls bounds it. A difference is off by what "
        "Taylor's theorem says of its step as well."
    ),
    oracle="exact",
    capability="derivative",
    equations=("gradient-vector-definition",),
    about=lambda subject: bool(subject.record.id == "gradient"),
    dtypes=_DTYPES,
    share=0.3,
)
def gradient_holds_the_partial_derivatives(subject: Subject, data: st.DataObject) -> float:
    return exactly(subject, data.draw(questions(), label="question"))


@law(
    id="hessian-holds-the-second-derivatives",
    title="A Hessian holds the second derivatives, and is symmetric",
    statement=(
        "Element (i, j) is the derivative of the i-th partial derivative in the j-th variable, to "
        "the rounding of the modes in which it is found; so elements (i, j) and (j, i) are equal "
        "but for the rounding of both."
    ),
    oracle="exact",
    capability="derivative",
    equations=("hessian-definition",),
    about=lambda subject: bool(subject.record.id == "hessian"),
    dtypes=_DTYPES,
    share=0.2,
)
def hessian_holds_the_second_derivatives(subject: Subject, data: st.DataObject) -> float:
    question = data.draw(questions(), label="question")
    computed, quantity = answer(subject, question), expected(subject, question)
    ratio = require_of(subject, question, quantity, computed.ravel(), "its result is off")
    allowed = quantity.allowed().reshape(computed.shape)
    mirror = Bound(computed.T.ravel(), (allowed + allowed.T).ravel())
    mirrored = require_of(subject, question, mirror, computed.ravel(), "it is not symmetric")
    return float(np.fmax(ratio, mirrored))


@law(
    id="product-with-a-derivative",
    title="A product with a derivative is the product, and linear in its direction",
    statement=(
        "The derivative along a direction is the product of gradient and direction, that of the "
        "gradient is the product of Hessian and direction. Twice the direction gives exactly "
        "twice the product, no direction gives 0, and the products of two directions add up but "
        "for the rounding of each."
    ),
    oracle="exact",
    capability="derivative",
    equations=("hessian-definition", "directional-derivative-cauchy-schwarz"),
    about=takes_direction,
    dtypes=_DTYPES,
    share=0.15,
)
def product_with_a_derivative(subject: Subject, data: st.DataObject) -> float:
    question = data.draw(questions(), label="question")
    assert question.direction is not None
    v = question.direction
    other = v[::-1] * np.where(np.arange(len(v)) % 2, 0.5, -1.0)
    asked = [question.along(each) for each in (v, other, v + other)]
    ratios = [exactly(subject, each) for each in asked]
    once = answer(subject, question)
    # Where a sigmoid saturates, what underflows once need not do so twice.
    saturates = isinstance(question.problem, LogisticRegression)
    for factor in () if saturates else (2.0, 0.0):
        multiple = answer(subject, question.along(factor * v))
        if np.all(np.isfinite(once)) and not np.array_equal(multiple, factor * once):
            raise deviation(
                subject,
                question,
                f"{factor:g} times the direction gives {multiple.tolist()}, "
                f"once gives {once.tolist()}",
            )
    return float(np.fmax.reduce(ratios))
