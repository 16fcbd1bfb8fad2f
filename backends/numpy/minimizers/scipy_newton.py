"""``scipy.optimize.minimize(method="Newton-CG")``, watched through its callback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats, Hyperparameters
from optcheck.backends.minimization import Iteration, MinimizerClaim, Objective, Trajectory
from optcheck.backends.scripts import literal


@dataclass
class NewtonCG:
    """The callback shows the points; the last one, its value and its gradient are the result's.

    The points that ``return_all`` asks for are all the last one (SciPy 1.17).
    """

    claim: MinimizerClaim

    def minimize(
        self,
        objective: Objective,
        start: Floats,
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        iterations: int,
        tolerance: float,
    ) -> Trajectory:
        x = np.array(start, dtype=dtype)
        visited = [x.copy()]

        def watch(intermediate_result: Any) -> None:
            # Copies: it goes on in the same array.
            visited.append(intermediate_result.x.copy())

        result = scipy.optimize.minimize(
            objective.value,
            x,
            jac=objective.gradient,
            hess=objective.hessian,
            method="Newton-CG",
            callback=watch,
            options={"xtol": tolerance, "maxiter": iterations},
        )
        path = [
            Iteration(each, float(objective.value(each)), np.asarray(objective.gradient(each)))
            for each in visited
        ]
        path[-1] = Iteration(result.x, float(result.fun), np.array(result.jac))
        return Trajectory(tuple(path), bool(result.success), result.message, int(result.nfev))

    def script(
        self,
        objective: Objective,
        start: Floats,
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        iterations: int,
        tolerance: float,
    ) -> str:
        sources = objective.sources()
        return f"""import numpy as np
from numpy import cos, cosh, exp, log, sin, sqrt, tanh
from scipy.optimize import minimize


def value(x):
    return {sources.value}


def gradient(x):
    return np.array([{", ".join(sources.gradient)}])


def hessian(x):
    return np.array([{", ".join(f"[{', '.join(row)}]" for row in sources.hessian)}])


points = [np.array({literal(start)})]
result = minimize(
    value,
    points[0],
    jac=gradient,
    hess=hessian,
    method="Newton-CG",
    options={{"xtol": {tolerance!r}, "maxiter": {iterations!r}}},
    callback=lambda intermediate_result: points.append(intermediate_result.x.copy()),
)
for x in points:
    print(x, value(x), gradient(x))
print(result)
"""


rules = Minimizers()
rules.add_minimizers(
    NewtonCG(
        MinimizerClaim(
            "newton",
            "truncated",
            {"library": "scipy"},
            ("float64",),
            search="wolfe",
            promises=("mean-step",),
        )
    )
)
