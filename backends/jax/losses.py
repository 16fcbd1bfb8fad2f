"""The losses of optax and the activations of ``jax.nn``; the gradients are ``jax.grad``'s."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.jax.expressions import evaluate, heading, x64
from optcheck.backends.scripts import literal
from optcheck.backends.training import LossRule

Arrays = dict[str, jax.Array]
# Of a loss of a first argument and of the others by name.
Differentiate = Callable[[Callable[..., Any], jax.Array, Arrays], jax.Array]


def _whole(loss: Callable[..., Any], first: jax.Array, others: Arrays) -> jax.Array:
    """The gradient of the sum."""
    gradient: jax.Array = jax.grad(lambda x: loss(x, others).sum())(first)
    return gradient


def _per_example(loss: Callable[..., Any], first: jax.Array, others: Arrays) -> jax.Array:
    """The gradient of every example for itself, by ``jax.vmap``; then their sum."""

    def of_one(x: jax.Array, example: Arrays) -> jax.Array:
        result: jax.Array = loss(x, {name: each[None] for name, each in example.items()})
        return result

    scores: jax.Array = jax.vmap(jax.grad(of_one), (None, 0))(first, others)
    return scores.sum(0)


# How the gradient of a batch is taken, with the source of it.
_WAYS: dict[str, tuple[Differentiate, str]] = {
    "": (_whole, "print(jax.grad(lambda x: loss(x, others).sum())(first))"),
    "per-example": (
        _per_example,
        """of_one = lambda x, example: loss(x, {name: e[None] for name, e in example.items()})
print(jax.vmap(jax.grad(of_one), (None, 0))(first, others).sum(0))""",
    ),
}


@dataclass
class JaxLoss:
    """An expression in the names of the arguments."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def value(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        return self._call(0, arguments, dtype)

    def gradient(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        return self._call(1, arguments, dtype)

    def _call(self, which: int, arguments: Mapping[str, Floats], dtype: str) -> Floats:
        way = str(self.claim.options.get("gradient", ""))
        with x64(dtype):
            arrays = {name: jnp.asarray(each, dtype=dtype) for name, each in arguments.items()}
            name = next(iter(arrays))
            first = arrays.pop(name)
            function = _compiled(self.expression, way, name)[which]
            return np.asarray(function(first, arrays), dtype=np.float64)

    def script(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> str:
        name, *names = arguments
        others = "".join(
            f"    {each!r}: jnp.array({literal(arguments[each])}, dtype),\n" for each in names
        )
        bound = "".join(f'    {each} = others["{each}"]\n' for each in names)
        _, gradient = _WAYS[str(self.claim.options.get("gradient", ""))]
        return f"""{heading(dtype)}
inf = float("inf")
first = jnp.array({literal(arguments[name])}, dtype)
others = {{
{others}}}


def loss({name}, others):
{bound}    return {self.expression}


print(loss(first, others))
{gradient}
"""


@functools.lru_cache(maxsize=64)
def _compiled(expression: str, way: str, name: str) -> tuple[Callable[..., Any], ...]:
    """Value and gradient in the argument ``name``; compiled once for each shape and dtype."""

    def loss(first: jax.Array, others: Arrays) -> Any:
        return evaluate(expression, {"jax": jax, "jnp": jnp, name: first, **others})

    differentiate, _ = _WAYS[way]
    return jax.jit(loss), jax.jit(lambda first, others: differentiate(loss, first, others))


def _rule(method: str, dialect: str, expression: str, **claimed: Any) -> JaxLoss:
    # XLA flushes subnormals on CPUs.
    claim = Claim(method, dialect, compilation="operations", flushes_subnormals=True, **claimed)
    return JaxLoss(claim, expression)


_ENTROPY = "optax.sigmoid_binary_cross_entropy(prediction, target)"
_LINEAR = "jnp.sum(optax.squared_error(inputs @ weights, target))"

LOSSES: tuple[LossRule, ...] = (
    _rule("squared-error", "elementwise", "optax.squared_error(prediction, target)"),
    _rule("squared-error", "half-elementwise", "optax.l2_loss(prediction, target)"),
    _rule("squared-error", "mean", "jnp.mean(optax.squared_error(prediction, target))"),
    _rule("binary-cross-entropy", "logits", _ENTROPY),
    _rule("binary-cross-entropy", "logits+mean", f"jnp.mean({_ENTROPY})"),
    _rule(
        "gaussian-negative-log-likelihood",
        "scale",
        "-jax.scipy.stats.norm.logpdf(target, prediction, scale)",
    ),
    _rule("logistic-sigmoid", "textbook", "jax.nn.sigmoid(argument)"),
    _rule("rectifier", "flat-at-zero", "jax.nn.relu(argument)"),
    _rule("softplus", "exact", "jax.nn.softplus(argument)"),
    _rule("zero-one-loss", "elementwise", "(1 - target * jnp.sign(prediction)) / 2"),
    _rule("batch-loss", "sum", _LINEAR),
    _rule("batch-loss", "sum", _LINEAR, options={"gradient": "per-example"}),
)
