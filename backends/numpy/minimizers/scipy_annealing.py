"""``scipy.optimize.basinhopping`` and ``dual_annealing``, each as annealing alone.

Both can search locally after every proposal; here they do not, and what is left is the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import scipy.optimize
from scipy.optimize import _dual_annealing

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats, Hyperparameters
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

Points = list[Floats]
# (function, start, hyperparameters, iterations) to the states of the chain, and the best of them.
Run = Callable[[Callable[[Any], Any], Floats, Hyperparameters, int], tuple[Points, Floats]]


def basin_hopping(
    function: Callable[[Any], Any], start: Floats, h: Hyperparameters, iterations: int
) -> tuple[Points, Floats]:
    """Its own displacement and its Metropolis acceptance, with a local search that stays."""
    states: Points = []

    def watch(x: Floats, value: float, accepted: bool) -> None:
        states.append(np.array(x) if accepted else states[-1])

    def stays(fun: Any, x0: Floats, args: Any, **options: Any) -> Any:
        result: Any = scipy.optimize.OptimizeResult()
        result.x, result.fun, result.success = x0, fun(x0), True
        return result

    search: Any = {"method": stays}
    result = scipy.optimize.basinhopping(
        function,
        start,
        niter=iterations,
        T=h["initial_temperature"],
        stepsize=h["proposal_width"],
        # The width adapts itself at every interval: never.
        interval=iterations + 1,
        minimizer_kwargs=search,
        callback=watch,
        seed=np.random.default_rng(int(h["seed"])),
    )
    return states, np.array(result.x)


def dual_annealing(
    function: Callable[[Any], Any], start: Floats, h: Hyperparameters, iterations: int
) -> tuple[Points, Floats]:
    """The chain of accepted points, which its callback does not show, is read off its state."""
    known: Points = []
    current = [start]

    internal: Any = _dual_annealing
    update = internal.EnergyState.update_current

    def watched(state: Any, energy: Any, x: Floats) -> None:
        update(state, energy, x)
        current.append(np.array(x))

    def evaluated(x: Floats) -> Any:
        # What became of a proposal is known when the next one is made.
        known.append(current[-1])
        return function(x)

    with mock.patch.object(internal.EnergyState, "update_current", watched):
        result = scipy.optimize.dual_annealing(
            evaluated,
            [(x - h["reach"], x + h["reach"]) for x in start],
            maxiter=iterations,
            initial_temp=h["initial_temperature"],
            visit=h["visit"],
            accept=h["acceptance"],
            no_local_search=True,
            x0=start,
            seed=np.random.default_rng(int(h["seed"])),
        )
    # The start and the first proposal are evaluated before anything is decided.
    return [start, *known[2:], current[-1]], np.array(result.x)


@dataclass
class ScipyAnnealing:
    """A function of SciPy's; ``call`` is its call in a script."""

    claim: MinimizerClaim
    implementation: str
    run: Run
    call: str

    def minimize(self, task: Task) -> Trajectory:
        objective, start = task.objective, np.array(task.start)
        # SciPy's success says that the iterations are done: no promise about the point.
        states, best = self.run(objective.value, start, task.hyperparameters, task.iterations)
        path = [
            Iteration(x, float(objective.value(x)), np.array(objective.gradient(x)))
            for x in (*states, best)
        ]
        return Trajectory(tuple(path), message="the iterations are used up")

    def script(self, task: Task) -> str:
        return f"""import numpy as np
from numpy import cos, cosh, exp, log, sin, sqrt, tanh
from scipy.optimize import OptimizeResult, basinhopping, dual_annealing

h = {dict(task.hyperparameters)!r}
iterations = {task.iterations}
start = np.array({literal(task.start)})
random = np.random.default_rng(int(h["seed"]))


def value(x):
    return {task.objective.sources().value}


def stays(fun, x0, args, **options):
    return OptimizeResult(x=x0, fun=fun(x0), success=True)


{self.call}
print(result)
"""


_BASIN_HOPPING = """result = basinhopping(
    value, start, niter=iterations, T=h["initial_temperature"], stepsize=h["proposal_width"],
    interval=iterations + 1, minimizer_kwargs={"method": stays}, callback=print, seed=random,
)"""
_DUAL_ANNEALING = """result = dual_annealing(
    value, [(x - h["reach"], x + h["reach"]) for x in start], maxiter=iterations,
    initial_temp=h["initial_temperature"], visit=h["visit"], accept=h["acceptance"],
    no_local_search=True, x0=start, seed=random,
)"""


def _legal(h: Hyperparameters) -> str | None:
    if not 0.01 < h["initial_temperature"] <= 5e4:
        return "its initial temperature lies in (0.01, 5e4]"
    return None


rules = Minimizers()
rules.add_minimizers(
    ScipyAnnealing(
        MinimizerClaim(
            "simulated-annealing",
            "metropolis",
            {"library": "scipy"},
            ("float64",),
            fixed={"factor": 1.0},
            search="none",
            monotone=False,
        ),
        "scipy.optimize.basinhopping",
        basin_hopping,
        _BASIN_HOPPING,
    ),
    ScipyAnnealing(
        MinimizerClaim(
            "simulated-annealing",
            "generalized",
            {"library": "scipy"},
            ("float64",),
            limits=_legal,
            search="none",
            monotone=False,
        ),
        "scipy.optimize.dual_annealing",
        dual_annealing,
        _DUAL_ANNEALING,
    ),
)
