"""Learning-rate schedules of optax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp

from optcheck.backends.interface import Claim, Hyperparameters
from optcheck.backends.jax.expressions import assignments, evaluate, x64

SCHEDULES = (
    (
        "linear-schedule",
        "offset-form",
        "optax.linear_schedule(initial_rate, final_rate, int(decay_steps))",
    ),
    (
        "exponential-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor)",
    ),
    (
        "step-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor, staircase=True)",
    ),
    (
        "linear-warm-up",
        "offset-form",
        "optax.warmup_constant_schedule("
        "start_factor * learning_rate, learning_rate, int(warm_up_steps))",
    ),
)


@dataclass(frozen=True)
class OptaxSchedule:
    """An optax schedule, called with the step counts 0, 1, 2, ..."""

    claim: Claim
    expression: str

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        with x64(self.claim.dtypes[0]):
            schedule = evaluate(self.expression, hyperparameters)
            return [float(schedule(jnp.asarray(count))) for count in range(steps)]

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        return f"""import jax.numpy as jnp
import optax

{assignments(hyperparameters)}schedule = {self.expression}
computed = [float(schedule(jnp.asarray(count))) for count in range({steps})]
"""


def schedules() -> Sequence[OptaxSchedule]:
    """All schedules; they compute in float32."""
    bits = {"float32": (24, 24)}
    return [
        OptaxSchedule(Claim(method, form, {}, ("float32",), bits), expression)
        for method, form, expression in SCHEDULES
    ]
