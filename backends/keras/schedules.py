"""Learning-rate schedules of Keras, each an expression that scripts print as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optcheck.backends.interface import Claim, Hyperparameters
from optcheck.backends.keras.settings import claim, heading, keras, numbers, used


@dataclass(frozen=True)
class KerasSchedule:
    """A schedule, called with the step counts 0, 1, 2, ..."""

    claim: Claim
    expression: str
    ways: Sequence[str] = ("count",)

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        return self.resumed(hyperparameters, 0, steps, "count")

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        with used("float32"):
            schedule = eval(self.expression, {"keras": keras, **hyperparameters})
            return [float(numbers(schedule(tau))) for tau in range(start, start + steps)]

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        return f"""{heading("float32", hyperparameters)}schedule = {self.expression}
computed = [float(schedule(step)) for step in range({steps})]
"""


def _schedule(method: str, dialect: str, call: str, **fixed: float) -> KerasSchedule:
    """They compute in floatx, which is float32."""
    expression = f"keras.optimizers.schedules.{call}"
    form = {"dtypes": ("float32",), "scalar_bits": {"float32": (24, 24)}, "fixed": fixed}
    return KerasSchedule(claim(method, dialect, expression, **form), expression)


SCHEDULES: tuple[KerasSchedule, ...] = (
    _schedule(
        "exponential-schedule",
        "closed-form",
        "ExponentialDecay(initial_rate, int(decay_steps), decay_factor)",
    ),
    _schedule(
        "step-schedule",
        "closed-form",
        "ExponentialDecay(initial_rate, int(decay_steps), decay_factor, staircase=True)",
    ),
    # A boundary is the last step of the rate before it.
    _schedule(
        "multi-step-schedule",
        "closed-form",
        "PiecewiseConstantDecay(sorted([int(first_milestone) - 1, int(second_milestone) - 1]), "
        "[initial_rate, initial_rate * decay_factor, initial_rate * decay_factor**2])",
    ),
    _schedule(
        "linear-schedule",
        "offset-form",
        "PolynomialDecay(initial_rate, int(decay_steps), final_rate)",
    ),
    _schedule(
        "polynomial-schedule",
        "closed-form",
        "PolynomialDecay(initial_rate, int(decay_steps), final_rate, exponent)",
        hold_steps=0.0,
    ),
    _schedule(
        "inverse-time-schedule",
        "closed-form",
        "InverseTimeDecay(initial_rate, 1, decay_rate)",
    ),
    _schedule(
        "cosine-schedule",
        "factor-form",
        "CosineDecay(initial_rate, int(decay_steps), final_rate / initial_rate)",
        exponent=1.0,
    ),
    _schedule(
        "warm-up-cosine-schedule",
        "factor-form",
        "CosineDecay(start_factor * learning_rate, int(decay_steps), "
        "final_rate / learning_rate, warmup_target=learning_rate, "
        "warmup_steps=int(warm_up_steps))",
    ),
    _schedule(
        "cosine-restarts",
        "closed-form",
        "CosineDecayRestarts(initial_rate, int(first_period), float(period_factor), "
        "alpha=final_rate / initial_rate)",
    ),
)
