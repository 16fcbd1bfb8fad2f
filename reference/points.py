"""Points, vectors and matrices in kind: native arrays of any library, or lists of scalar balls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace


def is_native(x: Any) -> bool:
    """Whether ``x`` is an array of a library, and not a list of scalars."""
    return not isinstance(x, (list, tuple))


def vector_like(x: Any, entries: Sequence[Any]) -> Any:
    """``entries`` as an array of the library, dtype and device of ``x``, or as a list."""
    if not is_native(x):
        return list(entries)
    if isinstance(x, np.ndarray):
        return np.array(entries, dtype=x.dtype)  # ten times as fast as stacking
    zero = array_namespace(x).zeros_like(x[0])
    return array_namespace(x).stack([zero + entry for entry in entries])


def matrix_like(x: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """``rows`` as a matrix in kind with the point ``x``."""
    if isinstance(x, np.ndarray):
        return np.array(rows, dtype=x.dtype)
    vectors = [vector_like(x, row) for row in rows]
    return array_namespace(x).stack(vectors) if is_native(x) else vectors


def number(x: Any, value: float) -> Any:
    """A coefficient in kind with the coordinates of ``x``."""
    return value if is_native(x) or isinstance(x[0], float) else x[0].same(value)


def plain(x: Any) -> Any:
    """Doubles of NumPy as Python's, which are the same and faster one by one."""
    doubles = isinstance(x, np.ndarray) and x.dtype == np.float64
    return x.tolist() if doubles else x
