"""Small matrices for every number type: lists of their rows, each a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optcheck.reference.balls import Balls
from optcheck.reference.functions import dot, sqrt

Rows = list[Any]


def identity(like: Any) -> Rows:
    """The unit matrix in kind with the vector ``like``."""
    rows = np.eye(len(like))
    if isinstance(like, Balls):
        return [like.arithmetic.array(row) for row in rows]
    return [row.astype(like.dtype) for row in rows]


def outer(first: Any, second: Any) -> Rows:
    """``first second'``."""
    return [_repeated(first, i) * second for i in range(len(first))]


def matrix_sum(first: Rows, second: Rows) -> Rows:
    """Entry by entry."""
    return [a + b for a, b in zip(first, second, strict=True)]


def matrix_difference(first: Rows, second: Rows) -> Rows:
    """Entry by entry."""
    return [a - b for a, b in zip(first, second, strict=True)]


def transposed(matrix: Rows) -> Rows:
    """The columns as rows."""
    return [_joined([_element(row, i) for row in matrix]) for i in range(len(matrix))]


def times(matrix: Rows, vector: Any) -> Any:
    """The matrix times a vector."""
    if isinstance(vector, Balls):
        return Balls([dot(row, vector).ball for row in matrix], vector.arithmetic)
    return np.array([dot(row, vector) for row in matrix], vector.dtype)


def matrix_product(first: Rows, second: Rows) -> Rows:
    """The matrix product, entry by entry."""
    columns = transposed(second)
    return [times(columns, row) for row in first]


def solved(matrix: Rows, right: Any) -> Any:
    """``x`` with ``matrix x = right``, by Cholesky's factors; ``matrix`` is positive definite."""
    n = len(matrix)
    lower: list[list[Any]] = [[] for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            left = _element(matrix[i], j)
            for k in range(j):
                left = left - lower[i][k] * lower[j][k]
            lower[i].append(sqrt(left) if i == j else left / lower[j][j])
    half: list[Any] = []
    for i in range(n):
        left = _element(right, i)
        for k in range(i):
            left = left - lower[i][k] * half[k]
        half.append(left / lower[i][i])
    whole: list[Any] = [None] * n
    for i in reversed(range(n)):
        left = half[i]
        for k in range(i + 1, n):
            left = left - lower[k][i] * whole[k]
        whole[i] = left / lower[i][i]
    return _joined(whole)


def _element(vector: Any, index: int) -> Any:
    """One element, as a vector of one."""
    if isinstance(vector, Balls):
        return Balls([vector.balls[index]], vector.arithmetic)
    return vector[index : index + 1]


def _joined(elements: Sequence[Any]) -> Any:
    """Vectors of one element, one after the other."""
    if isinstance(elements[0], Balls):
        return Balls([each.balls[0] for each in elements], elements[0].arithmetic)
    return np.concatenate(elements)


def _repeated(vector: Any, index: int) -> Any:
    """One element, as often as there are."""
    if isinstance(vector, Balls):
        return Balls([vector.balls[index]] * len(vector), vector.arithmetic)
    return vector[index]
