"""Rules as source text: the adapter evaluates what a script prints, so the two cannot part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import optax

from optcheck.backends.interface import Floats
from optcheck.backends.scripts import literal


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression of our own tables."""
    return eval(expression, {"optax": optax, **names})


def x64(dtype: str) -> AbstractContextManager[Any]:
    """The x64 mode that users of ``dtype`` run with."""
    mode: AbstractContextManager[Any] = jax.enable_x64(dtype in ("float64", "complex128"))
    return mode


def heading(dtype: str) -> str:
    """The first lines of a script about arrays of ``dtype``."""
    return f"""import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", {dtype == "float64"})
dtype = {dtype!r}
"""


def assignments(values: Mapping[str, float]) -> str:
    """Lines that bind the names which expressions use."""
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


def arrays(values: Sequence[Floats]) -> str:
    """A list of arrays of ``dtype``."""
    return "[" + ", ".join(f"jnp.array({literal(each)}, dtype)" for each in values) + "]"
