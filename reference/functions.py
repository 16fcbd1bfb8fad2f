"""Functions that a formula may use beside ``+ - * / **``, for every number type.

Each takes floats, NumPy arrays, :class:`~optcheck.reference.balls.Scalar` or
:class:`~optcheck.reference.balls.Balls`. Where a ball does not decide a comparison, the result
covers both branches: either is right.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb

from optcheck.reference.balls import EXACT_BITS, Balls, Scalar, ball_arithmetic


def _is_ball(value: Any) -> bool:
    return isinstance(value, (Balls, Scalar))


def sqrt(value: Any) -> Any:
    """Square root; of a ball that reaches below zero, the root of its non-negative part."""
    if _is_ball(value):
        return value.apply(_ball_sqrt)
    # A NumPy scalar would promote the float32 array that it meets; a Python float does not.
    return math.sqrt(value) if isinstance(value, float) else np.sqrt(value)


def exp(value: Any) -> Any:
    """Exponential of a scalar."""
    if isinstance(value, Scalar):
        return value.apply(lambda ball: ball.exp()).elementary()
    return np.exp(value)


def cos_pi(turns: Any) -> Any:
    """The cosine of pi times a scalar: exact at whole numbers, where cosines meet their ends.

    Implementations round pi, the product and the cosine.
    """
    if not isinstance(turns, Scalar):
        return np.cos(np.pi * turns)
    if turns.bits >= EXACT_BITS:
        return turns.apply(lambda ball: ball.cos_pi())
    angle = turns * turns.apply(lambda ball: arb.pi())
    return angle.apply(lambda ball: ball.cos()).elementary()


def power(base: Any, exponent: Any) -> Any:
    """``base**exponent`` of a base that is not negative, but that rounding may make so."""
    if not isinstance(base, Scalar):
        return base**exponent
    return base.pair(exponent, _ball_power).elementary()


def _ball_power(base: arb, exponent: arb) -> arb:
    if base.lower() > 0:
        return base**exponent
    return arb(0).union(base.upper() ** exponent) if base.upper() > 0 else arb(0)


def floor(value: Any) -> Any:
    """Largest integer not above ``value``; a ball across an integer covers both."""
    return value.apply(lambda ball: ball.floor()) if _is_ball(value) else np.floor(value)


def minimum(first: Any, second: Any) -> Any:
    """The smaller of two, element by element."""
    if _is_ball(first):
        return first.pair(second, lambda a, b: a.min(b))
    return np.minimum(first, second)


def maximum(first: Any, second: Any) -> Any:
    """The larger of two, element by element."""
    if _is_ball(first):
        return first.pair(second, lambda a, b: a.max(b))
    return np.maximum(first, second)


def where_positive(condition: Any, value: Any) -> Any:
    """``value`` where ``condition`` is above 0, elsewhere 0; an undecided ball covers both."""
    if _is_ball(value):
        return value.pair(condition, _ball_where_positive)
    return np.where(condition > 0, value, 0)


def _ball_where_positive(value: arb, condition: arb) -> arb:
    if not condition.is_finite():
        return arb("nan")
    if condition.lower() > 0:
        return value
    return value.union(arb(0)) if condition.upper() > 0 else arb(0)


def either(first: Any, second: Any) -> Any:
    """One of two equal scalars, where rounding decides which; a ball that covers both."""
    return first.pair(second, lambda a, b: a.union(b)) if _is_ball(first) else first


def scaled_quotient(scale: Any, numerator: Any, denominator: Any) -> Any:
    """``scale * (numerator / denominator)``, in whichever order an implementation takes it.

    Each order rounds twice, but not on every input: where one quotient is exact, another is not.
    What may underflow on the way differs too: scale / denominator, scale * numerator,
    1 / denominator or numerator / denominator. Where one of them may overflow, the result is
    undecided.
    """
    result = scale * (numerator / denominator)
    if not isinstance(result, Balls) or result.arithmetic.bits >= EXACT_BITS:
        return result
    result = result.choose(
        lambda a, b, c: a.union(b).union(c),
        scale * numerator / denominator,
        numerator * (scale / denominator),
    )
    if not result.arithmetic.underflow:
        return result
    slack = abs(scale) + (1 + abs(scale)) * abs(numerator) + (1 + abs(scale)) / abs(denominator)
    return result.widened(slack)


def sign(value: Any) -> Any:
    """1, 0 or -1, element by element; a ball across zero covers all that it may be."""
    return by_sign(value, 1, 0, -1) if _is_ball(value) else np.sign(value)


def by_sign(condition: Any, positive: Any, zero: Any, negative: Any) -> Any:
    """One of three vectors or numbers, element by element, by the sign of ``condition``.

    An undecided ball covers all three.
    """
    if isinstance(condition, Balls):
        return condition.choose(_ball_by_sign, positive, zero, negative)
    return np.where(condition > 0, positive, np.where(condition < 0, negative, zero))


def _ball_by_sign(condition: arb, positive: arb, zero: arb, negative: arb) -> arb:
    if not condition.is_finite():
        return arb("nan")
    if condition.is_zero():
        return zero
    if condition.lower() > 0:
        return positive
    if condition.upper() < 0:
        return negative
    return positive.union(negative).union(zero)


def choose(condition: Any, positive: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """``positive()`` where the scalar ``condition`` is above 0, else ``otherwise()``.

    Only what is needed is evaluated; an undecided ball covers both vectors.
    """
    if not isinstance(condition, Scalar):
        return positive() if condition > 0 else otherwise()
    with ball_arithmetic():
        low, high = condition.ball.lower(), condition.ball.upper()
    if high <= 0:
        return otherwise()
    if low > 0:
        return positive()
    return positive().pair(otherwise(), lambda a, b: a.union(b))


def root_of_difference(value: Any) -> Any:
    """Square root of a number that is not negative, but that rounding may make so.

    There nothing is decided: the rule is correct, and yet its result may be undefined.
    """
    if _is_ball(value):
        return value.apply(lambda ball: arb("nan") if ball.lower() < 0 else ball.sqrt())
    return np.sqrt(value)


def dot(first: Any, second: Any) -> Any:
    """Inner product of two flat vectors; a scalar."""
    product = first * second
    return product.total() if isinstance(product, Balls) else np.sum(product)


def total(terms: Sequence[Any]) -> Any:
    """The sum of ``terms``; of balls, with a bound that holds for every order of summation."""
    if not isinstance(terms[0], Balls) and hasattr(terms[0], "total"):
        return terms[0].total(terms)
    return functools.reduce(operator.add, terms)


def norm(vector: Any) -> Any:
    """Euclidean norm of a flat vector; a scalar."""
    if isinstance(vector, Balls):
        return sqrt((vector**2).total())
    return np.sqrt(np.sum(np.square(vector)))


def sum_of_magnitudes(vector: Any) -> Any:
    """The 1-norm of a flat vector; a scalar."""
    return abs(vector).total() if isinstance(vector, Balls) else np.sum(np.abs(vector))


def largest_magnitude(vector: Any) -> Any:
    """The largest magnitude in a flat vector, 0 if it is empty; a scalar, and exact."""
    if not isinstance(vector, Balls):
        return np.max(np.abs(vector), initial=0.0)
    with ball_arithmetic():
        largest = functools.reduce(arb.max, (abs(ball) for ball in vector.balls), arb(0))
        return Scalar(largest, vector.arithmetic.bits)


def _ball_sqrt(ball: arb) -> arb:
    if not ball.lower() < 0:
        return ball.sqrt()
    if ball.upper() < 0:
        return arb("nan")
    half = ball.upper().sqrt() / 2
    return arb(half.mid(), half.abs_upper())
