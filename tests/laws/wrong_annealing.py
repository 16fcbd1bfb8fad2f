"""Wrong simulated annealing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.minimization import Iteration

ACCEPTANCE = ("acceptance-follows-the-temperature",)
COLD = ("a-cold-chain-goes-down",)
BEST = ("annealing-returns-its-best",)

# (rise, temperature, hyper-parameters) to a probability.
Chance = Callable[[float, float, dict[str, float]], float]
# (hyper-parameters, number of the proposal from 0, variables) to a temperature.
Cooling = Callable[[dict[str, float], int, int], float]


def metropolis(rise: float, temperature: float, h: dict[str, float]) -> float:
    return math.exp(-max(rise, 0.0) / temperature) if temperature > 0 else float(rise <= 0)


def tsallis(rise: float, temperature: float, h: dict[str, float]) -> float:
    power = 1 - h["acceptance"]
    return max(1 - power * max(rise, 0.0) / temperature, 0.0) ** (1 / power)


def geometric(h: dict[str, float], k: int, n: int) -> float:
    return h["initial_temperature"] * h["factor"] ** k


def generalized(h: dict[str, float], k: int, n: int) -> float:
    t, q = 1 + k // (2 * n), h["visit"] - 1
    return h["initial_temperature"] * (2**q - 1) / ((1 + t) ** q - 1) / t


def best_of(states: list[Iteration]) -> Iteration:
    return min(states, key=lambda each: each.value)


def annealing(
    chance: Chance = metropolis,
    cooling: Cooling = geometric,
    end: Callable[[list[Iteration]], Iteration] = best_of,
    *,
    sweeps: bool = False,
    seeded: bool = True,
    silent: bool = False,
) -> Rule:
    """Annealing with another acceptance, cooling or end; ``silent`` keeps quiet when it stays."""

    def rule(objective: Any, x: Any, *, iterations: int, tolerance: float, **h: float) -> Any:
        random = np.random.default_rng(int(h["seed"]) if seeded else None)
        proposals = iterations * (2 * len(x) if sweeps else 1)
        states = [_at(objective, x)]
        yield states[0]
        for k in range(proposals):
            trial = states[-1].point + h.get("proposal_width", 1.0) * random.normal(size=x.shape)
            rise = float(objective.value(trial)) - states[-1].value
            accepted = random.random() < chance(rise, cooling(h, k, len(x)), h)
            states.append(_at(objective, trial) if accepted else states[-1])
            if accepted or not silent:
                yield states[-1]
        yield end(states)
        return None, "done"

    return rule


def _at(objective: Any, x: Any) -> Iteration:
    return Iteration(x, float(objective.value(x)), objective.gradient(x))


def _scaled(chance: Chance, factor: float) -> Chance:
    return lambda rise, temperature, h: chance(rise, factor * temperature, h)


def _polished(states: list[Iteration]) -> Iteration:
    """A point between the two best that the chain has never been at."""
    first, second = sorted(states, key=lambda each: each.value)[:2]
    return Iteration((first.point + second.point) / 2 + 0.5, first.value - 1.0, first.gradient)


RIGHT = annealing()
GENERALIZED = annealing(tsallis, generalized, sweeps=True)


def _common(chance: Chance, cooling: Cooling, *, sweeps: bool) -> list[Slip]:
    """Slips in either dialect."""

    def make(chance: Chance = chance, cooling: Cooling = cooling, **more: Any) -> Any:
        return fixed(annealing(chance, cooling, sweeps=sweeps, **more))

    return [
        Slip("greedy", "never goes up", ACCEPTANCE, make(lambda rise, t, h: float(rise <= 0))),
        Slip(
            "always",
            "accepts every proposal",
            (*ACCEPTANCE, *COLD),
            make(lambda rise, t, h: 1.0),
        ),
        Slip(
            "threshold",
            "accepts whatever rises by less than the temperature",
            ACCEPTANCE,
            make(lambda rise, t, h: float(rise < t)),
        ),
        Slip("hot", "doubles the temperature", ACCEPTANCE, make(_scaled(chance, 2.0))),
        Slip("cold", "halves the temperature", ACCEPTANCE, make(_scaled(chance, 0.5))),
        Slip(
            "both-ways",
            "rejects steps down as often as steps up",
            ACCEPTANCE,
            make(lambda rise, t, h: chance(abs(rise), t, h)),
            says="a step down",
        ),
        Slip(
            "never-cools",
            "keeps its first temperature",
            ACCEPTANCE,
            make(cooling=lambda h, k, n: cooling(h, 0, n)),
        ),
        Slip(
            "cools-too-soon",
            "cools before the first proposal",
            ACCEPTANCE,
            make(cooling=lambda h, k, n: cooling(h, k + 2 * n, n)),
        ),
        Slip("last", "returns where it stands", BEST, make(end=lambda states: states[-1])),
        Slip("elsewhere-at-last", "returns what it never saw", BEST, make(end=_polished)),
        Slip(
            "silent",
            "does not show where it stays",
            ACCEPTANCE,
            make(silent=True),
            says="states",
        ),
        Slip("unseeded", "forgets its seed", ("trajectory-is-true",), make(seeded=False)),
    ]


METROPOLIS_SLIPS = [
    *_common(metropolis, geometric, sweeps=False),
    Slip(
        "without-temperature",
        "accepts with exp(-rise)",
        ACCEPTANCE,
        fixed(annealing(lambda rise, t, h: metropolis(rise, 1.0, h))),
    ),
    Slip(
        "heat-bath",
        "accepts as Glauber does, with 1/(1 + exp(rise/T))",
        ACCEPTANCE,
        fixed(annealing(lambda rise, t, h: 1 / (1 + math.exp(min(rise / t, 700.0))))),
    ),
]

GENERALIZED_SLIPS = [
    *_common(tsallis, generalized, sweeps=True),
    Slip(
        "metropolis",
        "accepts with the exponential of the rise",
        ACCEPTANCE,
        fixed(annealing(metropolis, generalized, sweeps=True)),
    ),
    Slip(
        "without-root",
        "leaves out the power 1/(1 - q)",
        ACCEPTANCE,
        fixed(
            annealing(
                lambda rise, t, h: tsallis(rise, t, h) ** (1 - h["acceptance"]),
                generalized,
                sweeps=True,
            )
        ),
    ),
    Slip(
        "plain-cooling",
        "does not divide the temperature by the number of the sweep",
        ACCEPTANCE,
        fixed(
            annealing(
                tsallis,
                lambda h, k, n: generalized(h, k, n) * (1 + k // (2 * n)),
                sweeps=True,
            )
        ),
    ),
]

CLAIM = {"search": "none", "monotone": False}

FAMILIES = [
    Family(
        "simulated-annealing",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right, promises=False),
        claim=CLAIM,
    )
    for dialect, right, slips in (
        ("metropolis", RIGHT, METROPOLIS_SLIPS),
        ("generalized", GENERALIZED, GENERALIZED_SLIPS),
    )
]
