"""The law of what a minimizer returns with its last point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import residuals
from optcheck.properties.minimizers.outcomes import require_no_rise
from optcheck.properties.minimizers.running import (
    ITERATIONS,
    Task,
    claim_of,
    minimize,
    worst,
)
from optcheck.properties.minimizers.steps import at_its_point
from optcheck.properties.strategies import hyperparameters
from optcheck.reference import trajectories
from optcheck.reference.families import Gaussian, Softmax
from optcheck.reference.problems import ROSENBROCK, Problem

MANY = 40
# Curved so that a search by interpolation goes far astray in its second step.
ASTRAY = residuals((2.0, -1.0), (1.25, 0.75, 0.0), (1.75, -0.5, 0.25))
_FAR = (3.40625, 3.46875)

Case = tuple[Problem, tuple[float, ...], int]
_SMOOTH: tuple[Case, ...] = (
    (ROSENBROCK, (-1.25, 1.0), 2),
    (ROSENBROCK, (-1.25, 1.0), MANY),
    (ASTRAY, _FAR, ITERATIONS),
)
_CASES: Mapping[str, tuple[Case, ...]] = {
    "least-squares": ((ASTRAY, _FAR, 2), (ASTRAY, _FAR, MANY)),
    "likelihood": (
        (Softmax((0.25, 0.75)), (1.0625,), ITERATIONS),
        (Gaussian(0.5, 1.0), (1.0625, 0.5625), ITERATIONS),
    ),
}


@law(
    id="what-is-returned-is-true",
    title="The value and gradient returned are those of the point returned",
    statement=(
        "On functions and starts that are the same in every run, after few iterations and after "
        "many, the value and the gradient that come with the last point are those of the "
        "objective there; the value there is at most that at the start, if no step is upwards."
    ),
    oracle="exact",
    capability="minimizer",
    share=0.01,
    one_dtype=True,
)
def what_is_returned_is_true(subject: Subject, data: st.DataObject) -> float:
    domains = subject.record.domains(subject.claim.dialect)
    h = data.draw(hyperparameters(domains, subject.claim), label="hyperparameters")
    ratios = []
    for problem, start, iterations in _CASES.get(subject.record.objective, _SMOOTH):
        task = Task(problem, np.array(start), h, iterations)
        end = minimize(subject, task).end
        ratios.append(at_its_point(subject, task, end))
        if claim_of(subject).monotone:
            before, after = (
                trajectories.value_at(task.objective, point, subject.working)
                for point in (task.start, end.point)
            )
            ratios.append(require_no_rise(subject, task, before, after, "the end"))
    return worst(ratios)
