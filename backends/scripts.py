"""Numbers as source text, for scripts that show a deviation on the library alone."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Objective

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


def name_of(function: Callable[..., Any]) -> str:
    """Module and name of a function."""
    return f"{function.__module__}.{function.__qualname__}"


def import_rule(function: Callable[..., Any]) -> str:
    """Lines that bind the function under test to ``rule``, from its module or its file."""
    module = inspect.getmodule(function)
    name = function.__qualname__
    if "<" in name:
        return (
            f"raise SystemExit('{function.__name__} is a local function: bind it to `rule` here')"
        )
    if module is not None and not module.__name__.startswith((FILE_MODULE_PREFIX, "__main__")):
        return f"import numpy as np\nfrom {module.__name__} import {name} as rule"
    path = inspect.getsourcefile(function)
    return (
        f"from runpy import run_path\n\nimport numpy as np\n\nrule = run_path({path!r})[{name!r}]"
    )


def objective_lines(objective: Objective) -> str:
    """Lines that define ``objective`` with value, gradient and Hessian, in NumPy."""
    sources = objective.sources()
    gradient = ", ".join(sources.gradient)
    hessian = ", ".join(f"[{', '.join(row)}]" for row in sources.hessian)
    more = ""
    if sources.residual:
        jacobian = ", ".join(f"[{', '.join(row)}]" for row in sources.jacobian)
        more = f"""    residual=lambda x: np.array([{", ".join(sources.residual)}]),
    jacobian=lambda x: np.array([{jacobian}]),
"""
    more += "".join(f"    {name}={text},\n" for name, text in sources.functions.items())
    return f"""from types import SimpleNamespace

from numpy import cos, cosh, exp, log, log1p, sin, sqrt, tanh, where

objective = SimpleNamespace(
    dimension={objective.dimension},
    value=lambda x: {sources.value},
    gradient=lambda x: np.array([{gradient}]),
    hessian=lambda x: np.array([{hessian}]),
{more})
"""


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return f'float("{value}")'
