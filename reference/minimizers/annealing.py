"""Simulated annealing: steps upwards are taken with a probability that falls with temperature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optcheck.reference.domains import Domain, open_unit_interval, positive
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation

SOURCE = "goodfellow:sec 8.7.5"
DUAL_ANNEALING = "scipy:optimize.dual_annealing, notes"

Hyperparameters = Mapping[str, float]


@equation(
    "simulated-annealing",
    title="Simulated annealing: the acceptance of Metropolis",
    formula=(
        r"\Pr[\text{accept }\boldsymbol\theta\to\boldsymbol\theta']="
        r"\min\big(1,e^{-(J(\boldsymbol\theta')-J(\boldsymbol\theta))/T_k}\big),"
        r"\quad T_k\downarrow0"
    ),
    sources=(SOURCE,),
)
def metropolis_acceptance(rise: float, temperature: float) -> float:
    """The probability of a step by ``rise``; 1 downwards and on the level."""
    return math.exp(-rise / temperature) if rise > 0 else 1.0


@equation(
    "generalized-acceptance",
    title="The acceptance of generalized simulated annealing (Tsallis)",
    formula=(
        r"\Pr[\text{accept}]=\min\Big(1,\Big[1-(1-q_a)\frac{\Delta J}{T_k}\Big]_+^{1/(1-q_a)}\Big)"
    ),
    sources=(DUAL_ANNEALING,),
)
def generalized_acceptance(rise: float, temperature: float, acceptance: float) -> float:
    """As Metropolis's at ``acceptance -> 1``; below that 0 from a finite rise on."""
    base = 1 - (1 - acceptance) * rise / temperature
    return min(1.0, base ** (1 / (1 - acceptance))) if base > 0 else 0.0


@equation(
    "generalized-cooling",
    title="The cooling of generalized simulated annealing",
    formula=(
        r"T(t)=T(1)\frac{2^{q_v-1}-1}{(1+t)^{q_v-1}-1},\quad T_k=\frac{T(t)}{t},\quad "
        r"t=1,2,\ldots\text{ for each }2n\text{ proposals}"
    ),
    sources=(DUAL_ANNEALING,),
)
def generalized_temperature(initial: float, visit: float, sweep: int) -> float:
    """That of the acceptance in sweep ``sweep``, from 1, of ``2 n`` proposals each."""
    falling: float = (2 ** (visit - 1) - 1) / ((1 + sweep) ** (visit - 1) - 1)
    return initial * falling / sweep


@dataclass(frozen=True)
class Annealing:
    """A dialect as functions of its hyper-parameters.

    ``acceptance`` takes (rise, temperature, h), ``temperature`` (proposal, dimension, h); the
    first proposal is number 0. ``proposals`` is the number of them in an iteration.
    """

    acceptance: Callable[[float, float, Hyperparameters], float]
    temperature: Callable[[int, int, Hyperparameters], float]
    proposals: Callable[[int], int]


ANNEALINGS = {
    "metropolis": Annealing(
        acceptance=lambda rise, temperature, h: metropolis_acceptance(rise, temperature),
        temperature=lambda k, n, h: h["initial_temperature"] * h["factor"] ** k,
        proposals=lambda n: 1,
    ),
    "generalized": Annealing(
        acceptance=lambda rise, temperature, h: generalized_acceptance(
            rise, temperature, h["acceptance"]
        ),
        temperature=lambda k, n, h: generalized_temperature(
            h["initial_temperature"], h["visit"], 1 + k // (2 * n)
        ),
        proposals=lambda n: 2 * n,
    ),
}

SIMULATED_ANNEALING = procedure(
    Procedure(
        id="simulated-annealing",
        title="Simulated annealing",
        source=SOURCE,
        capability="minimizer",
        hyperparameters={
            "initial_temperature": positive(1.0, 100.0, 0.125),
            "seed": Domain(0, math.inf, (0.0, 1.0), high_included=False, integer=True),
        },
        dialects={
            "metropolis": Form(
                summary="the exponential of the rise; the temperature falls by a factor",
                equations=("simulated-annealing",),
            ),
            "generalized": Form(
                summary="Tsallis's acceptance and cooling, with proposals of heavy tails",
                equations=("generalized-acceptance", "generalized-cooling"),
            ),
        },
        extra={
            "metropolis": {
                "factor": open_unit_interval(0.5, 0.9, 1.0),
                "proposal_width": positive(1.0, 0.25),
            },
            "generalized": {
                "acceptance": Domain(-1e4, -5.0, (-5.0, -20.0), low_included=False),
                "visit": Domain(1.0, 3.0, (2.62, 2.0), low_included=False, high_included=False),
                "reach": positive(8.0, 4.0),
            },
        },
    )
)
