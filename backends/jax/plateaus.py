"""``optax.contrib.reduce_on_plateau``: it scales updates, so that its rate starts at 1."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optcheck.backends.interface import Claim, Hyperparameters
from optcheck.backends.jax.expressions import heading, x64
from optcheck.backends.scripts import literal
from optcheck.backends.training import MetricScheduleRule


def _refused(given: Hyperparameters) -> str | None:
    thresholds = given["relative_threshold"], given["absolute_threshold"]
    return None if any(thresholds) else "optax refuses two thresholds of 0"


def _counts(given: Hyperparameters) -> dict[str, Any]:
    """What may change without another compilation."""
    return {
        "patience": int(given["patience"]),
        "cooldown": int(given["cooldown"]),
        "accumulation_size": int(given["averaged_metrics"]),
        "min_scale": given["minimal_rate"],
    }


def _constants(given: Hyperparameters) -> tuple[float, float, float]:
    """What optax looks at when it makes the transformation: factor, rtol and atol."""
    return given["factor"], given["relative_threshold"], given["absolute_threshold"]


@functools.lru_cache(maxsize=64)
def _update(factor: float, rtol: float, atol: float) -> Callable[..., Any]:
    """One update under ``jax.jit``; without it, optax compiles its branches at every call."""

    @jax.jit
    def update(updates: Any, state: Any, metric: Any, counts: Mapping[str, Any]) -> Any:
        rule = optax.contrib.reduce_on_plateau(factor, rtol=rtol, atol=atol, **counts)
        return rule.update(updates, state, value=metric)

    return update


@dataclass
class OptaxPlateau:
    """The transformation, given updates of 1."""

    claim: Claim

    def rates(
        self,
        hyperparameters: Hyperparameters,
        metrics: Sequence[float],
        *,
        dtype: str,
        saved_after: int | None = None,
    ) -> Sequence[float]:
        update, counts = _update(*_constants(hyperparameters)), _counts(hyperparameters)
        with x64(dtype):
            ones = jnp.ones(1, dtype)
            state = optax.contrib.reduce_on_plateau().init(ones)
            rates = []
            for count, metric in enumerate(metrics):
                if count == saved_after:
                    state = pickle.loads(pickle.dumps(jax.device_get(state)))
                scaled, state = update(ones, state, metric, counts)
                rates.append(float(scaled[0]))
        return rates

    def script(
        self, hyperparameters: Hyperparameters, metrics: Sequence[float], *, dtype: str
    ) -> str:
        factor, rtol, atol = _constants(hyperparameters)
        keywords = {"factor": factor, "rtol": rtol, "atol": atol, **_counts(hyperparameters)}
        given = ", ".join(f"{name}={value!r}" for name, value in keywords.items())
        return f"""{heading(dtype)}
metrics = {literal(np.array(metrics))}
ones = jnp.ones(1, dtype)
rule = optax.contrib.reduce_on_plateau({given})
state = rule.init(ones)
update = jax.jit(rule.update)
computed = []
for metric in metrics:
    scaled, state = update(ones, state, value=metric)
    computed.append(float(scaled[0]))
"""


PLATEAUS: tuple[MetricScheduleRule, ...] = (
    OptaxPlateau(
        Claim(
            "reduce-on-plateau",
            "minimum+both+at-patience+averaged",
            {"transformation": "reduce_on_plateau"},
            ("float32", "float64", "bfloat16"),
            flushes_subnormals=True,
            compilation="programs",
            limits=_refused,
            fixed={"initial_rate": 1.0},
        )
    ),
)
