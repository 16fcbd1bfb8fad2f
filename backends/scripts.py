"""Numbers as source text, for scripts that show a deviation on the library alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optcheck.backends.interface import Floats

# Names of modules loaded from path/to/file.py; a script loads the file by its path instead.
FILE_MODULE_PREFIX = "optcheck_file_"


def literal(values: Floats) -> str:
    """Nested lists that Python reads back to the same doubles."""
    if values.ndim == 0:
        return _number(float(values))
    return "[" + ", ".join(literal(np.asarray(row)) for row in values) + "]"


def literals(arrays: Sequence[Floats], dtype: str, *, transposed: bool = False) -> str:
    """A list of ``np.array`` expressions; ``transposed`` stores matrices by columns."""
    order = ", order='F'" if transposed else ""
    return "[" + ", ".join(f"np.array({literal(a)}, {dtype!r}{order})" for a in arrays) + "]"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return f'float("{value}")'
