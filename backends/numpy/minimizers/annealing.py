"""Simulated annealing with the acceptance of Metropolis."""

from __future__ import annotations

import math

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.minimization import Iteration, Objective
from optcheck.backends.numpy.minimizers._walk import Vector, Walk

rules = FunctionMinimizers()


@rules.minimizer("simulated-annealing", dialect="metropolis", search="none", monotone=False)
def metropolis(
    objective: Objective,
    x: Vector,
    *,
    iterations: int,
    tolerance: float,
    initial_temperature: float,
    factor: float,
    proposal_width: float,
    seed: float,
) -> Walk:
    """A chain of proposals, normal about its state; the best state is returned, after the last.

    It knows no gradient and promises nothing, so that there is no use for ``tolerance``.
    """
    random = np.random.default_rng(int(seed))
    temperature = initial_temperature
    here = best = _at(objective, x)
    yield here
    for _ in range(iterations):
        trial = here.point + proposal_width * random.standard_normal(x.shape)
        rise = float(objective.value(trial)) - here.value
        if _accepted(rise, temperature, random.random()):
            here = _at(objective, trial)
            best = here if here.value < best.value else best
        temperature *= factor
        yield here
    yield best
    return None, "the proposals are used up"


def _at(objective: Objective, x: Vector) -> Iteration:
    return Iteration(x, float(objective.value(x)), objective.gradient(x))


def _accepted(rise: float, temperature: float, chance: float) -> bool:
    """A rise that is NaN is not accepted; a temperature may have underflowed to 0."""
    return rise <= 0.0 or (temperature > 0.0 and chance < math.exp(-rise / temperature))
