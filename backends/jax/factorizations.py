"""``jax.numpy.linalg`` on symmetric matrices: a table of claims.

Where Cholesky's factor does not exist, JAX answers NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.jax.expressions import x64
from optcheck.backends.scripts import literal
from optcheck.backends.training import FactorizationRule

_DTYPES = ("float32", "float64")


class JaxFactorization:
    """One call of ``jax.numpy.linalg``; ``names`` are those of what it returns."""

    def __init__(
        self, claim: Claim, names: Sequence[str], call: Callable[[jax.Array], Any], source: str
    ) -> None:
        self.claim = claim
        self.names = names
        self.call = call
        self.source = source

    @property
    def implementation(self) -> str:
        """The function."""
        return self.source.partition("(")[0]

    def factor(self, matrix: Floats, *, dtype: str) -> Mapping[str, Floats] | None:
        with x64(dtype):
            found = self.call(jnp.asarray(matrix, dtype=dtype))
        parts = (found,) if isinstance(found, jax.Array) else found
        factors = {
            name: np.asarray(part, dtype=np.float64)
            for name, part in zip(self.names, parts, strict=True)
        }
        refused = self.claim.method == "cholesky" and np.isnan(factors["factor"]).any()
        return None if refused else factors

    def script(self, matrix: Floats, *, dtype: str) -> str:
        return f"""import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", {dtype == "float64"})
H = jnp.array({literal(matrix)}, {dtype!r})
print({self.source})
"""


def _rule(
    method: str,
    dialect: str,
    names: Sequence[str],
    call: Callable[[jax.Array], Any],
    source: str,
) -> FactorizationRule:
    claim = Claim(method, dialect, {}, _DTYPES, flushes_subnormals=True, compilation="operations")
    return JaxFactorization(claim, names, call, source)


FACTORIZATIONS: tuple[FactorizationRule, ...] = (
    _rule(
        "eigendecomposition",
        "with-eigenvectors",
        ("eigenvalues", "eigenvectors"),
        jnp.linalg.eigh,
        "jnp.linalg.eigh(H)",
    ),
    _rule(
        "eigendecomposition",
        "eigenvalues-alone",
        ("eigenvalues",),
        jnp.linalg.eigvalsh,
        "jnp.linalg.eigvalsh(H)",
    ),
    _rule("cholesky", "lower", ("factor",), jnp.linalg.cholesky, "jnp.linalg.cholesky(H)"),
    _rule(
        "cholesky",
        "upper",
        ("factor",),
        lambda H: jnp.linalg.cholesky(H, upper=True),
        "jnp.linalg.cholesky(H, upper=True)",
    ),
    _rule(
        "condition-number",
        "spectral",
        ("condition_number",),
        lambda H: jnp.linalg.cond(H, 2),
        "jnp.linalg.cond(H, 2)",
    ),
)
