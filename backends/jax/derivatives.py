"""``jax.grad``, ``jax.hessian`` and their kin as ways to differentiate, under ``jax.jit``.

Each is an expression of ``value``, ``x`` and the direction ``v``, which scripts print as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optcheck.backends.interface import Claim, Floats
from optcheck.backends.jax.expressions import x64
from optcheck.backends.jax.minimizers._objectives import Structure
from optcheck.backends.minimization import Objective
from optcheck.backends.scripts import literal
from optcheck.backends.training import DerivativeRule


@functools.partial(jax.jit, static_argnums=(0, 1))
def _evaluate(
    expression: str, structure: Structure, coefficients: Sequence[Any], x: Any, v: Any
) -> Any:
    value = functools.partial(structure.value, coefficients)
    return eval(expression, {"jax": jax, "jnp": jnp, "value": value, "x": x, "v": v})


@dataclass
class JaxDerivative:
    """An expression that differentiates, compiled once for each structure."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def derivative(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> Floats:
        v = np.zeros_like(point) if direction is None else direction
        with x64(dtype):
            found = _evaluate(
                self.expression,
                Structure(objective),
                objective.coefficients,
                jnp.asarray(point, dtype),
                jnp.asarray(v, dtype),
            )
        return np.array(found, dtype=np.float64)

    def script(
        self, objective: Objective, point: Floats, *, dtype: str, direction: Floats | None = None
    ) -> str:
        vector = ""
        if direction is not None:
            vector = f"v = jnp.array({literal(direction)}, {dtype!r})\n"
        return f"""import jax
import jax.numpy as jnp
from jax.numpy import cos, cosh, exp, log, log1p, sin, sqrt, where

jax.config.update("jax_enable_x64", {dtype == "float64"})


def value(x):
    return {objective.sources().value}


x = jnp.array({literal(point)}, {dtype!r})
{vector}print(jax.jit(lambda x: {self.expression})(x))
"""


def _rule(method: str, dialect: str, call: str, expression: str) -> JaxDerivative:
    return JaxDerivative(
        Claim(method, dialect, {"call": call}, compilation="programs"), expression
    )


_VJP = "jax.vjp(value, x)[1](jnp.ones((), x.dtype))[0]"
_PRODUCT = "jax.jvp(jax.grad(value), (x,), (v,))[1]"
_TWICE = "jax.grad(lambda y: jnp.vdot(jax.grad(value)(y), v))(x)"

DERIVATIVES: tuple[DerivativeRule, ...] = (
    _rule("value", "evaluated", "jit", "value(x)"),
    _rule("gradient", "reverse-mode", "grad", "jax.grad(value)(x)"),
    _rule("gradient", "reverse-mode", "value_and_grad", "jax.value_and_grad(value)(x)[1]"),
    _rule("gradient", "reverse-mode", "vjp", _VJP),
    _rule("gradient", "forward-mode", "jacfwd", "jax.jacfwd(value)(x)"),
    _rule("hessian", "forward-over-reverse", "hessian", "jax.hessian(value)(x)"),
    _rule("hessian", "reverse-over-reverse", "jacrev(jacrev)", "jax.jacrev(jax.jacrev(value))(x)"),
    _rule("directional-derivative", "forward-mode", "jvp", "jax.jvp(value, (x,), (v,))[1]"),
    _rule("directional-derivative", "forward-mode", "linearize", "jax.linearize(value, x)[1](v)"),
    _rule("hessian-vector-product", "forward-over-reverse", "jvp(grad)", _PRODUCT),
    _rule("hessian-vector-product", "reverse-over-reverse", "grad(grad)", _TWICE),
)
