"""Objectives that JAX calls back: a program is compiled once for each dimension and dtype.

The gradient is given with the value, so that programs may differentiate; what they compile does
not depend on the function, which is bound while they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optcheck.backends.minimization import Objective

_bound: list[Objective] = []


@contextmanager
def bound(objective: Objective, dtype: str) -> Iterator[None]:
    """Let :func:`value` be that of ``objective`` inside the block, in which programs must end.

    The x64 mode of ``dtype`` holds for the whole process there: XLA calls back from threads of
    its own, which ``jax.enable_x64`` does not reach.
    """
    config: Any = jax.config
    before = config.jax_enable_x64
    config.update("jax_enable_x64", dtype == "float64")
    _bound.append(objective)
    try:
        yield
    finally:
        _bound.pop()
        config.update("jax_enable_x64", before)


def _evaluate(x: Any) -> tuple[Any, Any]:
    point = np.asarray(x)
    objective = _bound[-1]
    # NumPy's warnings about overflow are no verdict, and each thread has its own.
    with np.errstate(all="ignore"):
        value, gradient = objective.value(point), objective.gradient(point)
    return np.asarray(value, point.dtype), np.asarray(gradient, point.dtype)


def _call(x: Any) -> tuple[Any, Any]:
    like: Any = jax.ShapeDtypeStruct
    shapes = (like((), x.dtype), like(x.shape, x.dtype))
    value, gradient = jax.pure_callback(_evaluate, shapes, x)
    return value, gradient


@jax.custom_jvp
def value(x: Any) -> Any:
    """The objective that is bound; ``x`` has shape ``(n,)``."""
    return _call(x)[0]


@value.defjvp
def _(points: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    result, gradient = _call(*points)
    return result, jnp.dot(gradient, *tangents)
