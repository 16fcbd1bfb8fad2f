"""Normalisation by flax and by ``jax.nn.standardize``; the gradients are ``jax.vjp``'s."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.jax.expressions import assignments, evaluate, heading, x64
from optcheck.backends.layers import NormalizerRule
from optcheck.backends.scripts import literal

Variables = dict[str, Any]

# By what flax calls them.
_LEARNED = {"scale": "gain", "bias": "shift"}
_KEPT = {"mean": "mean", "var": "variance"}


@dataclass(frozen=True)
class Layer:
    """What a program is compiled for, beside its shapes."""

    features: tuple[int, ...]
    affine: bool
    dtype: str


@dataclass
class JaxNormalizerRun:
    """The programs of a rule with their variables."""

    rule: JaxNormalizer
    layer: Layer
    hyperparameters: Hyperparameters
    variables: Variables = field(default_factory=dict)

    def call(self, expression: str, batch: Floats, mask: Any = None) -> tuple[Any, Variables]:
        """The output, and the variables after it."""
        x = jnp.asarray(batch, dtype=self.layer.dtype)
        program = _compiled(expression, self.layer)
        found: tuple[Any, Variables]
        found = program(x, self.variables, dict(self.hyperparameters), mask)
        return found

    def _train(self, batch: Floats, mask: Any = None) -> Floats:
        with x64(self.layer.dtype):
            output, self.variables = self.call(self.rule.training, batch, mask)
            return np.asarray(output, dtype=np.float64)

    def train(self, batch: Floats) -> Floats:
        return self._train(batch)

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        if "mask" not in self.rule.training:
            return None
        return self._train(batch, np.reshape(mask, (-1, *[1] * (batch.ndim - 1))))

    def evaluate(self, batch: Floats) -> Floats:
        with x64(self.layer.dtype):
            output, _ = self.call(self.rule.inference, batch)
            return np.asarray(output, dtype=np.float64)

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        with x64(self.layer.dtype):
            x, along = (jnp.asarray(each, dtype=self.layer.dtype) for each in (batch, cotangent))
            program = _differentiated(self.rule.training, self.layer)
            in_batch, in_learned = program(x, along, self.variables, dict(self.hyperparameters))
            found = {_LEARNED[name]: each for name, each in in_learned.items()}
            return {
                name: np.asarray(each, dtype=np.float64)
                for name, each in {"batch": in_batch, **found}.items()
            }

    def state(self) -> Mapping[str, Floats]:
        kept = self.variables.get("batch_stats", {})
        return {_KEPT[name]: np.asarray(each, dtype=np.float64) for name, each in kept.items()}


def _program(expression: str, layer: Layer) -> Callable[..., Any]:
    """A function of batch, variables, hyper-parameters and mask to output and variables."""

    def program(x: Any, variables: Variables, hyperparameters: Any, mask: Any = None) -> Any:
        given = {"x": x, "variables": variables, "mask": mask, **hyperparameters}
        found = evaluate(expression, {**_NAMES, **vars(layer), **given})
        if not isinstance(found, tuple):
            return found, variables
        return found[0], {**variables, **found[1]}

    return program


@functools.lru_cache(maxsize=256)
def _compiled(expression: str, layer: Layer) -> Callable[..., Any]:
    return jax.jit(_program(expression, layer))


@functools.lru_cache(maxsize=256)
def _differentiated(expression: str, layer: Layer) -> Callable[..., Any]:
    program = _program(expression, layer)

    def gradients(x: Any, cotangent: Any, variables: Variables, hyperparameters: Any) -> Any:
        def output(x: Any, learned: Variables) -> Any:
            return program(x, {**variables, "params": learned}, hyperparameters)[0]

        _, back = jax.vjp(output, x, variables.get("params", {}))
        return back(cotangent)

    return jax.jit(gradients)


@dataclass
class JaxNormalizer:
    """Expressions for training and inference; those of a flax module are made of the module."""

    claim: Claim
    training: str
    inference: str
    # The variables before the first batch, made for an ``x`` of zeros.
    initial: str = "{}"

    @property
    def implementation(self) -> str:
        """The expression of training."""
        return self.training

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> JaxNormalizerRun:
        run = JaxNormalizerRun(self, Layer(features, gain is not None, dtype), hyperparameters)
        with x64(dtype):
            run.variables, _ = run.call(self.initial, np.zeros((1, *features)))
            if gain is not None and shift is not None:
                run.variables["params"] = {
                    "scale": jnp.asarray(gain, dtype=dtype),
                    "bias": jnp.asarray(shift, dtype=dtype),
                }
        return run

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        data = "".join(f"    jnp.array({literal(each)}, dtype),\n" for each in batches)
        learned = ""
        if gain is not None and shift is not None:
            learned = f"""variables["params"] = {{
    "scale": jnp.array({literal(gain)}, dtype),
    "bias": jnp.array({literal(shift)}, dtype),
}}
"""
        return f"""{heading(dtype)}from flax import linen

nan, inf = float("nan"), float("inf")
{assignments(hyperparameters)}features = {batches[0].shape[1:]!r}
affine, mask = {gain is not None}, None
*earlier, last = (
{data})
x = jnp.zeros((1, *features), dtype)
variables = {self.initial}
{learned}

def train(x):
    found = {self.training}
    if isinstance(found, tuple):
        variables.update(found[1])
        return found[0]
    return found


for each in earlier:
    train(each)
x = last
print({self.inference})
print(train(x))
"""


_NAMES = {"jax": jax, "jnp": jnp, "linen": linen}

_COMMON = "epsilon=epsilon, dtype=dtype, param_dtype=dtype, use_scale=affine, use_bias=affine"


def _rule(
    method: str, dialect: str, training: str, inference: str, initial: str = "{}", **more: Any
) -> JaxNormalizer:
    # XLA flushes subnormals on CPUs.
    claim = Claim(
        method,
        dialect,
        compilation="operations",
        flushes_subnormals=True,
        # Hyper-parameters are arguments of a program, not constants.
        scalar_bits={"float32": (24, 24)},
        **more,
    )
    return JaxNormalizer(claim, training, inference, initial)


def _batch_norm(dialect: str, *, fast: bool) -> JaxNormalizer:
    module = f"linen.BatchNorm(axis=1, momentum=momentum, {_COMMON}, use_fast_variance={fast})"
    return _rule(
        "batch-normalization",
        dialect,
        f"{module}.apply(variables, x, use_running_average=False, mask=mask, "
        "mutable=['batch_stats'])",
        f"{module}.apply(variables, x, use_running_average=True)",
        f"{module}.init(jax.random.key(0), x, use_running_average=True)",
        options={"use_fast_variance": fast},
    )


def _layer_norm(dialect: str, axes: str, *, fast: bool) -> JaxNormalizer:
    module = (
        f"linen.LayerNorm(reduction_axes={axes}, feature_axes={axes}, {_COMMON}, "
        f"use_fast_variance={fast})"
    )
    call = f"{module}.apply(variables, x)"
    options = {"module": "linen.LayerNorm", "use_fast_variance": fast}
    return _rule("layer-normalization", dialect, call, call, options=options)


def _standardize_examples() -> JaxNormalizer:
    call = (
        "jax.nn.standardize(x, epsilon=epsilon) * variables.get('params', {}).get('scale', 1) "
        "+ variables.get('params', {}).get('bias', 0)"
    )
    options = {"function": "jax.nn.standardize"}
    return _rule("layer-normalization", "last-axis+one-pass", call, call, options=options)


def _standardize(dialect: str, algorithm: str) -> JaxNormalizer:
    """Of data; what is kept is the data."""
    return _rule(
        "data-normalization",
        dialect,
        f"(jax.nn.standardize(x, 0, epsilon=epsilon, algorithm={algorithm!r}), {{'data': x}})",
        "jax.nn.standardize(x, mean=jnp.mean(variables['data'], 0), "
        "variance=jnp.var(variables['data'], 0), epsilon=epsilon)",
        options={"algorithm": algorithm},
    )


NORMALIZERS: tuple[NormalizerRule, ...] = (
    _standardize("one-pass", "fast"),
    _standardize("two-pass", "stable"),
    _batch_norm("kept-share+one-pass", fast=True),
    _batch_norm("kept-share", fast=False),
    _layer_norm("last-axis+one-pass", "-1", fast=True),
    _standardize_examples(),
    _layer_norm("last-axis", "-1", fast=False),
    _layer_norm("all-axes", "tuple(range(-len(features), 0))", fast=False),
)
