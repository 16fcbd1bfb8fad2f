"""Laws of losses and activations: exact values and slopes, at the ends of the range too."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.evaluating import (
    Arguments,
    deviation,
    draw_arguments,
    draw_ends,
    exact_gradient,
    exact_value,
    form_of,
    gradient,
    judge,
    value,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import representable
from optcheck.reference import FORMATS
from optcheck.reference.oracle import Bound


@law(
    id="loss-value-is-exact",
    title="A loss has the value of its equation",
    statement=(
        "For arguments over many magnitudes the value, of each element or of the batch, is that "
        "of the equation, within the rounding that a correct implementation may do on them."
    ),
    oracle="exact",
    capability="loss",
    share=0.15,
)
def loss_value_is_exact(subject: Subject, data: st.DataObject) -> float:
    arguments = draw_arguments(subject, data)
    quantity = exact_value(subject, arguments)
    return judge(subject, arguments, quantity, value(subject, arguments), "value")


@law(
    id="loss-gradient-is-exact",
    title="A library differentiates a loss as the equation says",
    statement=(
        "The library's own derivative of the summed loss, in any argument that may be learned, is "
        "the derivative of the equation, within the rounding of its textbook form."
    ),
    oracle="exact",
    capability="loss",
    share=0.15,
)
def loss_gradient_is_exact(subject: Subject, data: st.DataObject) -> float:
    form = form_of(subject)
    learned = [name for name in form.arguments if name in form.slopes or name == "weights"]
    first = data.draw(st.sampled_from(learned), label="differentiated in")
    arguments = draw_arguments(subject, data, first)
    quantity = exact_gradient(subject, arguments)
    return judge(subject, arguments, quantity, gradient(subject, arguments), f"slope in {first}")


def _has_ends(subject: Subject) -> bool:
    return subject.record.id in ("binary-cross-entropy", "logistic-sigmoid", "softplus")


@law(
    id="loss-holds-at-the-ends",
    title="Values and slopes are right where a loss saturates",
    statement=(
        "Scores beyond the logarithm of the largest number, and probabilities of 0, 1 or next to "
        "them, give the finite value and slope of the equation: nothing overflows, nothing is "
        "NaN, and a term of weight 0 counts for nothing."
    ),
    oracle="exact",
    capability="loss",
    about=_has_ends,
    share=0.1,
)
def loss_holds_at_the_ends(subject: Subject, data: st.DataObject) -> float:
    arguments = draw_ends(subject, data)
    found, slopes = value(subject, arguments), gradient(subject, arguments)
    first = judge(subject, arguments, exact_value(subject, arguments), found, "value at the ends")
    second = judge(
        subject, arguments, exact_gradient(subject, arguments), slopes, "slope at the ends"
    )
    return float(np.fmax(first, second))


def _is_a_loss_of_errors(subject: Subject) -> bool:
    return subject.record.id in ("squared-error", "binary-cross-entropy")


@law(
    id="loss-is-convex-and-not-negative",
    title="An error is never negative, and convex in the prediction",
    statement=(
        "Squared error and cross-entropy are at least 0, and the slope in a prediction never "
        "falls when the prediction grows (by more than the rounding of both slopes). The "
        "cross-entropy as bishop:7.64 prints it, without its sign, is neither."
    ),
    oracle="exact",
    capability="loss",
    equations=("cross-entropy-error", "sum-of-squares-error", "least-squares-loss"),
    about=_is_a_loss_of_errors,
    share=0.1,
)
def loss_is_convex_and_not_negative(subject: Subject, data: st.DataObject) -> float:
    left, right = draw_arguments(subject, data), draw_arguments(subject, data)
    predictions = np.sort([left["prediction"], right["prediction"]], axis=0)
    left, right = ({**left, "prediction": each} for each in predictions)
    for arguments in (left, right):
        found = value(subject, arguments)
        if not np.all(found >= 0.0):
            raise deviation(subject, arguments, f"the loss is negative: {found.tolist()}")
    rise = gradient(subject, right) - gradient(subject, left)
    allowed = sum(exact_gradient(subject, each).allowed() for each in (left, right))
    fall = np.maximum(-rise, 0.0)
    return judge(
        subject,
        right,
        Bound(np.zeros_like(fall), np.asarray(allowed) + np.finfo(np.float64).tiny),
        fall,
        "fall of the slope between two predictions",
    )


def _is_logistic(subject: Subject) -> bool:
    return bool(subject.record.id == "logistic-sigmoid")


@law(
    id="sigmoid-is-symmetric-and-its-slope-bounded",
    title="sig(-z) = 1 - sig(z), and its slope is sig(1 - sig), at most 1/4",
    statement=(
        "What the library computes at z and at -z adds up to 1, its slope at z is the product of "
        "both values, equal to 1/4 at 0 and nowhere above; it lies in [0, 1] for all z."
    ),
    oracle="exact",
    capability="loss",
    equations=("logistic-sigmoid",),
    about=_is_logistic,
    share=0.3,
)
def sigmoid_is_symmetric(subject: Subject, data: st.DataObject) -> float:
    z = draw_arguments(subject, data)
    z["argument"][0] = 0.0
    back = {"argument": -z["argument"]}
    here, there, slope = value(subject, z), value(subject, back), gradient(subject, z)
    _within(subject, z, "value", here, 1.0)
    _within(subject, z, "slope", slope, 0.25)
    sides = exact_value(subject, z).allowed(), exact_value(subject, back).allowed()
    symmetric = judge(
        subject,
        z,
        Bound(np.ones_like(here), sides[0] + sides[1]),
        here + there,
        "sig(z) + sig(-z)",
    )
    # Each factor is off by its own budget; the slope by its own.
    allowed = exact_gradient(subject, z).allowed() + sides[0] * there + sides[1] * here
    product = judge(subject, z, Bound(here * there, allowed), slope, "slope against sig(1 - sig)")
    return float(np.fmax(symmetric, product))


def _within(subject: Subject, arguments: Arguments, what: str, found: Floats, top: float) -> None:
    if not (np.all(found >= 0.0) and np.all(found <= top)):
        raise deviation(subject, arguments, f"{what} outside [0, {top:g}]: {found.tolist()}")


def _is_zero_one(subject: Subject) -> bool:
    return bool(subject.record.id == "zero-one-loss")


@law(
    id="zero-one-loss-is-flat",
    title="The zero-one loss changes at thresholds alone, and its derivative is 0",
    statement=(
        "For scores theta x + b the zero-one loss of each example, over a grid of theta, changes "
        "in the cells that hold the threshold -b/x and in no other; there the library's "
        "derivative is 0 at every point of the grid, and the difference quotient between "
        "neighbours too."
    ),
    oracle="exact",
    capability="loss",
    equations=("zero-one-loss-derivative",),
    about=_is_zero_one,
    share=0.2,
)
def zero_one_loss_is_flat(subject: Subject, data: st.DataObject) -> float:
    sixteenths = st.integers(-64, 64).map(lambda k: k / 16)
    x = data.draw(sixteenths.filter(bool), label="x")
    b = data.draw(sixteenths, label="b")
    label = data.draw(st.sampled_from((1.0, -1.0)), label="class")
    # The grid misses the thresholds, which are multiples of 1/16 over x.
    grid = np.arange(-4.0, 4.0) + data.draw(st.integers(1, 15), label="offset") / 16 + 1 / 128
    scores = representable(grid * x + b, FORMATS[subject.dtype])
    arguments = {"prediction": scores, "target": np.full(grid.shape, label)}
    if np.any(scores == 0.0):
        return float("nan")
    found, slope = value(subject, arguments), gradient(subject, arguments)
    if np.any(slope != 0.0):
        raise deviation(subject, arguments, f"the zero-one loss has slopes {slope.tolist()}")
    crossing = np.sign(scores[1:]) != np.sign(scores[:-1])
    threshold = -b / x
    holds = (grid[:-1] < threshold) & (threshold < grid[1:])
    changes = np.diff(found) != 0.0
    if not (np.array_equal(changes, holds) and np.array_equal(crossing, holds)):
        cells = np.flatnonzero(changes).tolist()
        raise deviation(
            subject, arguments, f"the loss changes in cells {cells}; the threshold is {threshold}"
        )
    return 0.0


@law(
    id="bayes-rule-errs-least",
    title="The class that is more probable has the smallest expected zero-one loss",
    statement=(
        "For inputs with known probabilities of the class 1, all 2^n decision rules are "
        "enumerated: the expected zero-one loss of the library is smallest for the rule that "
        "says 1 exactly where 1 is the more probable, and equals the mean of the smaller "
        "probabilities."
    ),
    oracle="exact",
    capability="loss",
    equations=("surrogate-loss",),
    about=_is_zero_one,
    share=0.05,
)
def bayes_rule_errs_least(subject: Subject, data: st.DataObject) -> float:
    # Odd sixteenths: no two classes are equally probable, and all sums are exact.
    odd = st.integers(0, 7).map(lambda k: (2 * k + 1) / 16)
    chances = np.array(data.draw(st.lists(odd, min_size=3, max_size=3), label="P(1 | x)"))
    rules = np.array([[1.0 if code >> i & 1 else -1.0 for i in range(3)] for code in range(8)])
    errors = np.zeros(8)
    for i, chance in enumerate(chances):
        for label, weight in ((1.0, chance), (-1.0, 1.0 - chance)):
            arguments = {"prediction": rules[:, i], "target": np.full(8, label)}
            errors += weight * value(subject, arguments)
    bayes = int(np.argmax(np.all(rules == np.where(chances > 0.5, 1.0, -1.0), axis=1)))
    best = float(np.sum(np.minimum(chances, 1.0 - chances)))
    if int(np.argmin(errors)) != bayes or errors[bayes] != best:
        raise deviation(
            subject,
            {"prediction": rules[bayes], "target": chances},
            f"the rule of Bayes errs {errors[bayes] / 3:.6g} of the time, expected "
            f"{best / 3:.6g}; the least of all rules is {errors.min() / 3:.6g}",
        )
    return 0.0
