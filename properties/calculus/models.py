"""Laws of the models of the texts: their outputs, and the derivatives of their losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.questions import (
    Question,
    answer,
    deviation,
    exactly,
    expected,
    models,
    require_of,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions, starts
from optcheck.properties.statistics import excess_of_variance
from optcheck.reference.calculus.fitting import Model, Output
from optcheck.reference.calculus.models import (
    Gabor,
    HalvedLinearRegression,
    LinearRegression,
    LogisticRegression,
    ShallowReLU,
    gabor_data,
)
from optcheck.reference.oracle import Bound

_DTYPES = ("float32", "float64")
_NO_DATA = ((), ())


def _finds(method: str) -> Callable[[Subject], bool]:
    return lambda subject: subject.record.id == method


@law(
    id="gradient-of-a-model-is-its-formula",
    title="The gradients of the models' losses are the formulas of the texts",
    statement=(
        "The gradients of the least-squares losses of a line, of the Gabor model and of a "
        "shallow network with three rectified units, and of the cross-entropy of logistic "
        "regression, are their formulas to rounding: also with a unit exactly at its kink, where "
        "its slope is 0, and where the sigmoid saturates."
    ),
    oracle="exact",
    capability="derivative",
    equations=(
        "least-squares-linear-gradient",
        "logistic-regression-gradient",
        "gabor-loss-gradient",
        "shallow-relu-network-gradient",
    ),
    about=_finds("gradient"),
    dtypes=_DTYPES,
    share=0.4,
)
def gradient_of_a_model_is_its_formula(subject: Subject, data: st.DataObject) -> float:
    kinds = (LinearRegression, LogisticRegression, Gabor, ShallowReLU)
    return exactly(subject, Question(*data.draw(models(*kinds), label="model")))


@law(
    id="hessian-of-a-line-or-a-sigmoid",
    title="Hessian, trace and determinant of linear and logistic regression",
    statement=(
        "With r_n = 2, or 1 for the halved loss, of a line, and r_n = y_n (1 - y_n) of logistic "
        "regression, the Hessian is the sum of r_n [[1, x_n], [x_n, x_n^2]]. Its trace is "
        "positive, and its determinant is the sum of r_n r_m (x_n - x_m)^2 over the pairs: 0 "
        "where all inputs are equal, and positive otherwise. Neither targets nor, for a line, "
        "parameters enter."
    ),
    oracle="exact",
    capability="derivative",
    equations=("least-squares-linear-hessian", "logistic-regression-hessian"),
    about=_finds("hessian"),
    dtypes=_DTYPES,
    share=0.15,
)
def hessian_of_a_line_or_a_sigmoid(subject: Subject, data: st.DataObject) -> float:
    kinds = (LinearRegression, HalvedLinearRegression, LogisticRegression)
    question = Question(*data.draw(models(*kinds), label="model"))
    computed, quantity = answer(subject, question), expected(subject, question)
    ratio = require_of(subject, question, quantity, computed.ravel(), "its result is off")
    inputs, weights = _weights(question)
    # What the entries may be off by, in the trace and in the products of the determinant.
    a, b, _, c = quantity.allowed()
    trace, determinant = computed.trace(), computed[0, 0] * computed[1, 1] - computed[0, 1] ** 2
    size = abs(computed[0, 0]) * c + abs(computed[1, 1]) * a + 2 * abs(computed[0, 1]) * b
    size += a * c + b * b
    apart = np.subtract.outer(inputs, inputs)
    spread = weights @ apart**2 @ weights / 2.0
    own = 32 * 2.0**-53  # of the few operations in double precision here
    found = np.array([trace, determinant])
    sums = np.array([weights.sum() + weights @ inputs**2, spread])
    products = abs(computed[0, 0] * computed[1, 1]) + computed[0, 1] ** 2
    allowed = np.array([a + c + own * sums[0], size + own * products])
    identity = require_of(
        subject, question, Bound(sums, allowed), found, "its trace or determinant is off"
    )
    if not trace + allowed[0] > 0.0:
        raise deviation(subject, question, f"its trace is {trace:.3g}, and should be positive")
    return float(np.fmax(ratio, identity))


def _weights(question: Question) -> tuple[Floats, Floats]:
    """The inputs, and what each counts in the Hessian."""
    model, point = question.problem, question.point
    assert isinstance(model, Model)
    inputs = np.array(model.inputs)
    if isinstance(model, LogisticRegression):
        small = np.exp(-np.abs(point[0] + point[1] * inputs))
        return inputs, small / (1.0 + small) ** 2
    return inputs, np.full(len(inputs), 1.0 if isinstance(model, HalvedLinearRegression) else 2.0)


def _asked(model: Model, inputs: Sequence[float], points: Sequence[Floats]) -> list[Question]:
    pairs = zip(inputs, points, strict=True)
    return [Question(Output(model, each), point) for each, point in pairs]


def _values(subject: Subject, questions: Sequence[Question]) -> tuple[Floats, Floats, float]:
    """The values, what each may be off by, and the worst ratio."""
    ratios, values, allowed = [], [], []
    for each in questions:
        computed, quantity = answer(subject, each).ravel(), expected(subject, each)
        ratios.append(require_of(subject, each, quantity, computed, "its result is off"))
        values.append(computed[0])
        allowed.append(quantity.allowed()[0])
    return np.array(values), np.array(allowed), float(np.fmax.reduce(ratios))


def _require_bend(
    subject: Subject, question: Question, values: Floats, allowed: Floats, bend: float
) -> float:
    """The second difference of three values is ``bend``."""
    weights = np.array([1.0, -2.0, 1.0])
    own = 2.0**-50 * (np.abs(values) @ np.abs(weights))
    bound = Bound(np.array([bend]), np.array([allowed @ np.abs(weights) + own]))
    found = np.array([values @ weights])
    return require_of(subject, question, bound, found, "its second difference is off")


@law(
    id="a-line-is-affine",
    title="A line is affine in its parameters, and a sigmoid of a line is 1/2 where it is 0",
    statement=(
        "The output of linear regression at an input has no second difference in the parameters. "
        "That of logistic regression is 1/2 at x = -b/w, and y(x) + y(x') = 1 at points with "
        "opposite arguments."
    ),
    oracle="exact",
    capability="derivative",
    equations=("linear-regression-model", "logistic-regression-model"),
    about=_finds("value"),
    dtypes=_DTYPES,
    share=0.3,
)
def a_line_is_affine(subject: Subject, data: st.DataObject) -> float:
    point = data.draw(starts(2), label="parameters")
    step = data.draw(starts(2), label="step")
    x = data.draw(fractions(-4.0, 4.0, 0.25), label="input")
    line = LinearRegression(*_NO_DATA)
    questions = _asked(line, [x] * 3, [point - step, point, point + step])
    values, allowed, ratio = _values(subject, questions)
    bent = _require_bend(subject, questions[1], values, allowed, 0.0)
    # An argument of 0 exactly, and two opposite ones.
    zero = np.array([-point[1] * x, point[1]])
    sigmoid = LogisticRegression(*_NO_DATA)
    questions = _asked(sigmoid, [x] * 3, [zero, point, -point])
    (half, one, other), allowed, sigmoids = _values(subject, questions)
    bound = Bound(np.array([0.5, 1.0]), np.array([allowed[0], allowed[1] + allowed[2]]))
    mirrored = require_of(
        subject, questions[1], bound, np.array([half, one + other]), "it is no sigmoid"
    )
    return float(np.fmax.reduce([ratio, bent, sigmoids, mirrored]))


@law(
    id="steepest-point-of-a-sigmoid",
    title="The sigmoid of a line rises by w/4 at x = -b/w, and nowhere faster",
    statement=(
        "The derivatives of the output of logistic regression in its parameters are 1/4 and x/4 "
        "where the argument is 0, so its slope in x is w/4; elsewhere the first is at most 1/4."
    ),
    oracle="exact",
    capability="derivative",
    equations=("logistic-regression-model",),
    about=_finds("gradient"),
    dtypes=_DTYPES,
    share=0.15,
)
def steepest_point_of_a_sigmoid(subject: Subject, data: st.DataObject) -> float:
    point = data.draw(starts(2), label="parameters")
    x = data.draw(fractions(-4.0, 4.0, 0.25), label="input")
    zero = np.array([-point[1] * x, point[1]])
    there, elsewhere = _asked(LogisticRegression(*_NO_DATA), [x, x], [zero, point])
    steepest = answer(subject, there)
    allowed = expected(subject, there).allowed()
    ratio = require_of(
        subject, there, Bound(np.array([0.25, x / 4]), allowed), steepest, "it is not w/4 there"
    )
    slope, quantity = answer(subject, elsewhere), expected(subject, elsewhere)
    if slope[0] > 0.25 + quantity.allowed()[0]:
        raise deviation(subject, elsewhere, f"the slope {slope[0]:.17g} is above 1/4")
    return float(np.fmax(ratio, exactly(subject, elsewhere)))


@law(
    id="gabor-function-moves-and-narrows",
    title="The Gabor model is odd in its argument, under a Gaussian; its parameters move it",
    statement=(
        "f depends on phi_0 and phi_1 through u = phi_0 + 0.06 phi_1 x alone: it is sin(u) "
        "exp(-u^2/32), odd, and at most exp(-u^2/32). Raising phi_0 by d moves it left by "
        "d / (0.06 phi_1); with phi_0 = 0, phi_1 twice as large makes it half as wide."
    ),
    oracle="exact",
    capability="derivative",
    equations=("gabor-model", "gabor-parameter-effects"),
    about=_finds("value"),
    dtypes=_DTYPES,
    share=0.3,
)
def gabor_function_moves_and_narrows(subject: Subject, data: st.DataObject) -> float:
    # As short as they are, the products below round nowhere but in 0.06.
    phi = data.draw(starts(2), label="parameters")
    x, shift = (data.draw(fractions(-8.0, 8.0, 0.5), label=each) for each in ("input", "shift"))
    d = 0.06 * phi[1] * shift
    model, (first, second) = Gabor(*_NO_DATA), phi
    moved = np.array([np.float32(first + d), second])
    pairs = [
        (x, phi),
        (x, -phi),
        (x, moved),
        (x + shift, phi),
        (x, np.array([0.0, 2.0 * second])),
        (2.0 * x, np.array([0.0, second])),
    ]
    questions = _asked(model, [each for each, _ in pairs], [point for _, point in pairs])
    values, allowed, ratio = _values(subject, questions)
    # The shift of phi_0 is rounded, and the slope of f is at most 1 + 1/4 everywhere.
    rounding = 1.25 * abs(moved[0] - first - d)
    u = first + 0.06 * second * x
    bound = Bound(
        np.array([-values[1], values[3], values[5]]),
        np.array([allowed[0] + allowed[1], allowed[2] + allowed[3], allowed[4] + allowed[5]])
        + np.array([0.0, rounding + 2.0**-50, 0.0]),
    )
    effects = require_of(subject, questions[0], bound, values[[0, 2, 4]], "it is not where it was")
    envelope = np.exp(-(u**2) / 32.0)
    if abs(values[0]) > envelope + allowed[0] + 2.0**-50:
        raise deviation(subject, questions[0], f"{values[0]:.17g} is above its Gaussian")
    return float(np.fmax(ratio, effects))


@law(
    id="shallow-network-is-piecewise-linear",
    title="A shallow network of three rectified units has three joints at most",
    statement=(
        "The output is linear between the inputs -theta_k0 / theta_k1, has no second difference "
        "there, and changes its slope at such a joint by phi_k |theta_k1|."
    ),
    oracle="exact",
    capability="derivative",
    equations=("shallow-relu-network-model",),
    about=_finds("value"),
    dtypes=_DTYPES,
    share=0.3,
)
def shallow_network_is_piecewise_linear(subject: Subject, data: st.DataObject) -> float:
    point = data.draw(starts(10), label="parameters")
    joints = np.array([data.draw(fractions(-4.0, 4.0, 0.5), label="joint") for _ in range(3)])
    joints[0] += 0.25  # apart from the others
    point[4::2] = -point[5::2] * joints
    step = 0.0625
    model = ShallowReLU(*_NO_DATA)
    # At a joint, or with none for a step to each side.
    centre = joints[0] + data.draw(st.sampled_from([0.0, 0.125]), label="beside the joint")
    questions = _asked(model, [centre - step, centre, centre + step], [point] * 3)
    values, allowed, ratio = _values(subject, questions)
    bends = sum(
        point[k + 1] * abs(point[5 + 2 * k]) * step for k in range(3) if joints[k] == centre
    )
    bent = _require_bend(subject, questions[1], values, allowed, bends)
    return float(np.fmax(ratio, bent))


# 32 sets of 28 examples: half the sum, or its mean, is told from the sum with certainty.
_SETS = 32
_NOISE = 0.25
_LAST = 2.0**-11  # half of what targets are multiples of


@law(
    id="gabor-data-follow-their-recipe",
    title="At the true parameters the Gabor loss of data made by the recipe is their noise",
    statement=(
        "28 inputs lie in [-15, 15], and the targets are the model at (0, 16.6) with Gaussian "
        "noise of standard deviation s: so the loss there over s^2 is chi-squared with 28 degrees "
        "of freedom for each set of data, but for the rounding of the targets."
    ),
    oracle="statistic",
    capability="derivative",
    equations=("gabor-training-data",),
    about=_finds("value"),
    dtypes=("float64",),
    share=0.05,
    false_alarm=1e-9,
    alternative="half the sum of squares in place of the sum",
)
def gabor_data_follow_their_recipe(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    true, size = np.array([0.0, 16.6]), 0.0
    for index in range(_SETS):
        question = Question(gabor_data(seed * _SETS + index, noise=_NOISE), true)
        size += float(answer(subject, question))
    count = _SETS * 28
    # Between these the sum of squares of the noise lies before the targets were rounded.
    ends = (np.sqrt(max(size, 0.0)) + np.array([-1.0, 1.0]) * np.sqrt(count) * _LAST) ** 2
    excesses = [excess_of_variance(float(end), count, _NOISE**2) for end in ends]
    between = ends[0] <= count * _NOISE**2 <= ends[1]
    excess = 0.0 if between else min(excesses)
    if not excess <= 1.0:
        raise deviation(
            subject,
            question,
            f"the losses of {_SETS} sets of data at the true parameters add up to {size:.6g}, "
            f"expected about {count * _NOISE**2:.6g}",
            excess,
        )
    return excess
