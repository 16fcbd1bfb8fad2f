"""Laws of learning-rate schedules."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.strategies import hyperparameters
from optcheck.properties.trace import require, under_test
from optcheck.reference.balls import Arithmetic
from optcheck.reference.oracle import Quantity, schedule_rates

# Past the longest usual decay, so that what follows the end is seen.
MAX_STEPS = 24


def _draw(subject: Subject, data: st.DataObject, steps: int) -> tuple[dict[str, float], Quantity]:
    h = data.draw(
        hyperparameters(subject.record.hyperparameters, subject.claim), label="hyperparameters"
    )
    rates = schedule_rates(subject.record, subject.claim.dialect, h, steps, subject.working)
    return h, rates


def _rates(subject: Subject, h: dict[str, float], steps: int) -> Floats:
    with under_test(subject, lambda: {"hyperparameters": h, "steps": steps}):
        return np.array(list(subject.rule.rates(h, steps)), dtype=np.float64)


@law(
    id="schedule-values",
    title="The learning rate at every step is the equation",
    statement=(
        "From step 0 to beyond its end, the schedule gives the exact value of its equation within "
        "the rounding budget of the form that it is computed in (closed form, or the recursion "
        "that libraries chain from step to step)."
    ),
    oracle="exact",
    capability="schedule",
    equations=("sgd-with-learning-rate-schedule",),
)
def schedule_values(subject: Subject, data: st.DataObject) -> float:
    steps = data.draw(st.integers(1, MAX_STEPS), label="steps")
    h, quantity = _draw(subject, data, steps)
    computed = _rates(subject, h, steps)
    return require(
        quantity,
        computed,
        what=f"{subject.name}: rates at steps 0 to {steps - 1}",
        counterexample=lambda: {"hyperparameters": h, "steps": steps},
        body=lambda: subject.rule.script(h, steps),
    )


@law(
    id="schedule-starts-at-its-initial-rate",
    title="The first update uses the initial rate",
    statement=(
        "At step 0 a schedule that falls gives its initial rate: the count starts at 0, not at 1."
    ),
    oracle="exact",
    capability="schedule",
    equations=("sgd-with-learning-rate-schedule",),
    about=lambda subject: "initial_rate" in subject.record.hyperparameters,
    share=0.4,
)
def schedule_start(subject: Subject, data: st.DataObject) -> float:
    h, quantity = _draw(subject, data, 1)
    initial = np.array([h["initial_rate"]])
    computed = _rates(subject, h, 1)
    start = Quantity(Arithmetic.exact().array(initial), quantity.working)
    return require(
        start,
        computed,
        what=f"{subject.name}: rate at step 0",
        counterexample=lambda: {"hyperparameters": h, "steps": 1},
        body=lambda: subject.rule.script(h, 1),
    )
