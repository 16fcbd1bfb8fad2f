"""Learning-rate schedules of optax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp

from optcheck.backends.interface import Claim, Hyperparameters, no_limits
from optcheck.backends.jax.expressions import assignments, evaluate, x64

_WARM_UP = "optax.linear_schedule(start_factor * learning_rate, learning_rate, int(warm_up_steps))"
_ROUND = (
    "{{'init_value': start_factor * {peak}, 'peak_value': {peak}, "
    "'warmup_steps': int(warm_up_steps), 'decay_steps': int(warm_up_steps + decay_steps), "
    "'end_value': final_rate}}"
)
_BOUNDARIES = "{int(first_steps): first_scale, int(first_steps + second_steps): second_scale}"
# Half a step more than the whole ones, of which optax takes the integer part.
_TOTAL = "(rising_steps + falling_steps + final_steps)"
_SHARES = f"(rising_steps + 0.5) / {_TOTAL}, (rising_steps + falling_steps + 0.5) / {_TOTAL}"


def _distinct(h: Hyperparameters) -> str | None:
    distinct = h["first_milestone"] != h["second_milestone"]
    return None if distinct else "optax's milestones are the keys of a dictionary"


@dataclass(frozen=True)
class Row:
    """A function of optax that claims a schedule."""

    method: str
    dialect: str
    expression: str
    limits: Callable[[Hyperparameters], str | None] = no_limits

    @property
    def function(self) -> str:
        """Its name."""
        return self.expression.partition("(")[0].removeprefix("optax.")


ROWS = (
    Row("constant-schedule", "closed-form", "optax.constant_schedule(learning_rate)"),
    Row(
        "linear-schedule",
        "offset-form",
        "optax.linear_schedule(initial_rate, final_rate, int(decay_steps))",
    ),
    Row(
        "polynomial-schedule",
        "closed-form",
        "optax.polynomial_schedule("
        "initial_rate, final_rate, exponent, int(decay_steps), int(hold_steps))",
    ),
    Row(
        "exponential-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor)",
    ),
    Row(
        "step-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor, staircase=True)",
    ),
    Row(
        "bounded-exponential-schedule",
        "closed-form",
        "optax.exponential_decay(initial_rate, int(decay_steps), decay_factor, "
        "int(hold_steps), end_value=final_rate)",
    ),
    Row(
        "multi-step-schedule",
        "closed-form",
        "optax.piecewise_constant_schedule(initial_rate, "
        "{int(first_milestone): decay_factor, int(second_milestone): decay_factor})",
        limits=_distinct,
    ),
    Row(
        "cosine-schedule",
        "factor-form",
        "optax.cosine_decay_schedule("
        "initial_rate, int(decay_steps), final_rate / initial_rate, exponent)",
    ),
    *(
        Row(
            f"piecewise-{name}-schedule",
            "closed-form",
            f"optax.piecewise_interpolate_schedule({name!r}, initial_rate, {_BOUNDARIES})",
        )
        for name in ("linear", "cosine")
    ),
    Row(
        "piecewise-cosine-schedule",
        "closed-form",
        "optax.cosine_onecycle_schedule(int(first_steps + second_steps), "
        "initial_rate * first_scale, (first_steps + 0.5) / (first_steps + second_steps), "
        "first_scale, 1 / (first_scale * second_scale))",
    ),
    Row(
        "one-cycle-in-whole-steps",
        "closed-form",
        f"optax.linear_onecycle_schedule(int{_TOTAL}, peak_rate, {_SHARES}, "
        "start_divisor, end_divisor)",
    ),
    Row(
        "linear-warm-up",
        "offset-form",
        "optax.warmup_constant_schedule("
        "start_factor * learning_rate, learning_rate, int(warm_up_steps))",
    ),
    Row(
        "warm-up-cosine-schedule",
        "factor-form",
        "optax.warmup_cosine_decay_schedule(start_factor * learning_rate, learning_rate, "
        "int(warm_up_steps), int(warm_up_steps + decay_steps), final_rate)",
    ),
    Row(
        "warm-up-exponential-schedule",
        "offset-form",
        "optax.warmup_exponential_decay_schedule(start_factor * learning_rate, learning_rate, "
        "int(warm_up_steps), int(decay_steps), decay_factor)",
    ),
    Row(
        "warm-up-linear-schedule",
        "offset-form",
        f"optax.join_schedules([{_WARM_UP}, optax.linear_schedule("
        "learning_rate, final_rate, int(decay_steps))], [int(warm_up_steps)])",
    ),
    Row(
        "repeated-warm-up-cosine",
        "factor-form",
        f"optax.sgdr_schedule([{_ROUND.format(peak='learning_rate')}, "
        f"{_ROUND.format(peak='(learning_rate * peak_factor)')}])",
    ),
)


@dataclass(frozen=True)
class OptaxSchedule:
    """An optax schedule, called with the step counts 0, 1, 2, ..."""

    claim: Claim
    expression: str
    ways: Sequence[str] = ("count",)

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        return self.resumed(hyperparameters, 0, steps, "count")

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        with x64(self.claim.dtypes[0]):
            schedule = evaluate(self.expression, hyperparameters)
            taus = range(start, start + steps)
            return [float(schedule(jnp.asarray(count))) for count in taus]

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
        OptaxSchedule(
            Claim(
                row.method,
                row.dialect,
                {"function": row.function},
                ("float32",),
                bits,
                limits=row.limits,
            ),
            row.expression,
        )
        for row in ROWS
    ]
