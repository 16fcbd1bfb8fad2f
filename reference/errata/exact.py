"""Exact arithmetic of small cases: derivatives by differences, minima by symmetry, matrices.

Vectors are flat arrays of fractions. Where shapes decide, they are columns, and
:func:`product` and :func:`matrix_sum` refuse what a text cannot mean.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.reference.domains import Domain
from optcheck.reference.errata.record import ShapeError, whole

Array = npt.NDArray[np.object_]

# What most cases are made of: small whole numbers, which one can check in one's head.
NUMBER = whole(-3, 3, 1, 2, 0, -1)
SIZE = whole(1, 4, 1, 2)
# A positive definite matrix ((a, b), (b, c)).
POSITIVE_DEFINITE: Mapping[str, Domain] = {
    "a": whole(2, 5, 2, 3),
    "b": whole(-1, 1, 0, 1),
    "c": whole(2, 5, 2, 3),
}


def vector(*entries: int | Fraction) -> Array:
    """A flat vector of fractions."""
    return np.array([Fraction(each) for each in entries], dtype=object)


def column(flat: Array) -> Array:
    """A vector as a matrix of one column."""
    return flat.reshape(-1, 1)


def diagonal(*entries: int | Fraction) -> Array:
    """The matrix with these entries on its diagonal."""
    return np.diag(vector(*entries))


def hessian(case: SimpleNamespace) -> Array:
    """The matrix of :data:`POSITIVE_DEFINITE`."""
    return np.array([vector(case.a, case.b), vector(case.b, case.c)], dtype=object)


def quadratic(matrix: Array) -> Callable[[Array], Fraction]:
    """``x'Hx / 2``, which has its minimum at 0."""
    return lambda x: x @ matrix @ x / 2


def inverse(matrix: Array) -> Array:
    """The inverse of a matrix of two rows."""
    (p, q), (r, s) = matrix
    adjugate: Array = np.array([[s, -q], [-r, p]], dtype=object)
    return np.asarray(adjugate / (p * s - q * r), dtype=object)


def entries(array: Any) -> tuple[Any, ...]:
    """All entries, row by row, as an answer."""
    return tuple(np.asarray(array, dtype=object).flat)


def product(*factors: Array) -> Array:
    """The product of matrices.

    Raises
    ------
    ShapeError
        One has not as many rows as the one before it has columns.
    """
    return functools.reduce(_product, factors)


def _product(first: Array, second: Array) -> Array:
    if first.shape[1] != second.shape[0]:
        raise ShapeError(f"{first.shape} times {second.shape}")
    result: Array = first @ second
    return result


def matrix_sum(*terms: Array) -> Array:
    """The sum of matrices.

    Raises
    ------
    ShapeError
        They differ in their shapes; nothing is broadcast.
    """
    if len({each.shape for each in terms}) > 1:
        raise ShapeError(" plus ".join(str(each.shape) for each in terms))
    return functools.reduce(np.add, terms)


def slope(function: Callable[[Any], Any], at: Any) -> Fraction:
    """The derivative of a quadratic, from the difference of two values."""
    return Fraction(function(at + 1) - function(at - 1), 2)


def curvature(function: Callable[[Any], Any], at: Any) -> Fraction:
    """The second derivative of a quadratic, from the second difference of its values."""
    return Fraction(function(at + 1) - 2 * function(at) + function(at - 1))


def gradient(function: Callable[[Array], Fraction], at: Array) -> Array:
    """The gradient of a quadratic, from differences of its values."""
    units = diagonal(*[1] * len(at))
    return vector(*((function(at + unit) - function(at - unit)) / 2 for unit in units))


def vertex(function: Callable[[Any], Any]) -> Fraction:
    """Where a quadratic of one number is symmetric, from three values; 0/0 if it is constant."""
    before, here, after = function(-1), function(0), function(1)
    return Fraction(before - after, 2 * (before - 2 * here + after))


def lower(function: Callable[[Any], Any], one: Any, other: Any) -> Any:
    """That of two points which has the smaller value; the first one if there is no difference."""
    return other if function(other) < function(one) else one
