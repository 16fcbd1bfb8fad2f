"""The interpolation formulas inside the line searches of optax and jax.scipy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optimistix
from jax._src.scipy.optimize import line_search as jax_line_search
from optax._src import linesearch as optax_linesearch

from optcheck.backends.interface import Claim
from optcheck.backends.jax.expressions import evaluate, x64

# What expressions and scripts name alike.
MODULES = {
    "jax": jax,
    "jnp": jnp,
    "optimistix": optimistix,
    "optax_linesearch": optax_linesearch,
    "jax_line_search": jax_line_search,
}
IMPORTS = """import optax
import optimistix
from jax._src.scipy.optimize import line_search as jax_line_search
from optax._src import linesearch as optax_linesearch
"""


@dataclass(frozen=True)
class JaxInterpolation:
    """A formula; NaN, or an infinity, where there is no minimum."""

    claim: Claim
    expression: str

    def minimum(self, values: Mapping[str, float], *, dtype: str) -> float:
        with x64(dtype):
            told = {name: jnp.asarray(value, dtype) for name, value in values.items()}
            return float(_formula(self.expression)(told))

    def script(self, values: Mapping[str, float], *, dtype: str) -> str:
        told = "".join(f"{n} = jnp.array({v!r}, {dtype!r})\n" for n, v in values.items())
        return f"""import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", {dtype == "float64"})
{IMPORTS}
{told}print({self.expression})
"""


@functools.cache
def _formula(expression: str) -> Callable[..., Any]:
    return jax.jit(lambda told: evaluate(expression, {**MODULES, **told}))
