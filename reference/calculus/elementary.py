"""Exponentials and logarithms element by element, for arrays and for vectors of balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from optcheck.reference.balls import EXACT_BITS, Balls, Scalar, ball_arithmetic
from optcheck.reference.functions import by_sign, maximum, minimum

# From here on softplus(z) is z, and softplus(-z) nothing beside z, in double precision too.
_SATURATION = 40


def _elementary(value: Balls, function: Callable[[arb], arb]) -> Balls:
    """``function`` with one whole unit of rounding: math libraries do not promise half of one."""
    return value.apply(function).apply(lambda ball: ball)


def exp(value: Any) -> Any:
    """Exponential."""
    return _elementary(value, lambda a: a.exp()) if isinstance(value, Balls) else np.exp(value)


def log(value: Any) -> Any:
    """Natural logarithm; undefined where a ball is not above 0."""
    return _elementary(value, lambda a: a.log()) if isinstance(value, Balls) else np.log(value)


def log1p(value: Any) -> Any:
    """``log(1 + value)`` in one function, which keeps what 1 + value would lose."""
    return _elementary(value, lambda a: a.log1p()) if isinstance(value, Balls) else np.log1p(value)


def softplus(z: Any) -> Any:
    """``log(1 + exp(z))``, as no overflow can reach it."""
    return maximum(z, 0) + log1p(exp(-abs(z)))


def sigmoid(z: Any) -> Any:
    """``1 / (1 + exp(-z))``, as no overflow can reach it."""
    small = exp(-abs(z))
    larger = 1 / (1 + small)
    return by_sign(z, larger, larger, small / (1 + small))


def softplus_slope(z: Any) -> Any:
    """The sigmoid, where it may be computed as ``exp(z - softplus(z))`` too.

    That is how a logarithm of a sum of exponentials is derived; the difference is rounded.
    """
    slope = sigmoid(z)
    if isinstance(slope, Balls):
        return slope.reordered(slope * minimum(abs(z), _SATURATION))
    return slope


def weighted(weight: Any, value: Any) -> Any:
    """``weight * value``, and 0 where the weight is 0, whatever the value is."""
    product = weight * value
    if isinstance(product, Balls):
        return product.choose(lambda p, w: arb(0) if w.is_zero() else p, weight)
    return np.where(weight == 0, 0 * weight, product)


def half_log_two_pi() -> Scalar:
    """``log(2 pi) / 2``, to be rounded where it meets a vector of balls."""
    with ball_arithmetic():
        return Scalar((2 * arb.pi()).log() / 2, EXACT_BITS)
