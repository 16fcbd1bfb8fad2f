"""MINPACK's lmder through ``scipy.optimize``: watched through the functions that it calls.

It asks for the residuals at every point that it tries, and for their Jacobian where it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.optimize

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats
from optcheck.backends.minimization import (
    Iteration,
    LeastSquaresObjective,
    MinimizerClaim,
    Task,
    Trajectory,
)
from optcheck.backends.scripts import literal

# (residual, start, jacobian, tolerance, evaluations) to the end, success and message.
Solve = Callable[[Any, Floats, Any, float, int], tuple[Floats, bool, str]]


def _leastsq(
    residual: Any, start: Floats, jacobian: Any, tolerance: float, evaluations: int
) -> tuple[Floats, bool, str]:
    x, _, _, message, code = scipy.optimize.leastsq(
        residual,
        start,
        Dfun=jacobian,
        full_output=True,
        ftol=tolerance,
        xtol=tolerance,
        gtol=tolerance,
        maxfev=evaluations,
    )
    return x, code in (1, 2, 3, 4), message


def _least_squares(**options: Any) -> Solve:
    def solve(
        residual: Any, start: Floats, jacobian: Any, tolerance: float, evaluations: int
    ) -> tuple[Floats, bool, str]:
        result = scipy.optimize.least_squares(
            residual,
            start,
            jac=jacobian,
            method="lm",
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            max_nfev=evaluations,
            **options,
        )
        return result.x, bool(result.success), str(result.message)

    return solve


class Watched:
    """Residuals and Jacobian of an objective, and the trials that the calls amount to."""

    def __init__(self, objective: LeastSquaresObjective, start: Floats) -> None:
        self.objective = objective
        self.point = start.copy()
        self.tried: Floats | None = None
        # where each trial started, and where it led
        self.trials: list[tuple[Floats, Floats]] = []

    def residual(self, x: Floats) -> Floats:
        """Every new point is a trial; the one before it was refused, or is the point by now."""
        if not np.array_equal(x, self.point):
            self.tried = x.copy()
            self.trials.append((self.point, self.tried))
        return np.asarray(self.objective.residual(x))

    def jacobian(self, x: Floats) -> Floats:
        """The trial is taken where its Jacobian is asked for."""
        self._stay(x)
        return np.asarray(self.objective.jacobian(x))

    def _stay(self, x: Floats) -> None:
        if self.tried is not None and np.array_equal(x, self.tried):
            self.point = self.tried

    def path(self, end: Floats) -> tuple[Iteration, ...]:
        """One iteration for each trial, and the end."""
        self._stay(end)
        path = [self._at(start, led - start) for start, led in self.trials]
        return (*path, self._at(end, None))

    def _at(self, x: Floats, direction: Floats | None) -> Iteration:
        value, gradient = float(self.objective.value(x)), np.asarray(self.objective.gradient(x))
        return Iteration(np.array(x), value, gradient, direction)


@dataclass
class MinpackRule:
    """One of the functions that call lmder; ``call`` is its source."""

    claim: MinimizerClaim
    solve: Solve
    call: str

    def minimize(self, task: Task) -> Trajectory:
        squares = cast(LeastSquaresObjective, task.objective)
        watched = Watched(squares, np.array(task.start, dtype=task.dtype))
        start, evaluations = watched.point.copy(), task.iterations + 1
        end, success, message = self.solve(
            watched.residual, start, watched.jacobian, task.tolerance, evaluations
        )
        return Trajectory(watched.path(end), success, message)

    def script(self, task: Task) -> str:
        sources = task.objective.sources()
        rows = ", ".join(f"[{', '.join(row)}]" for row in sources.jacobian)
        return f"""import numpy as np
from numpy import cos, cosh, exp, log, sin, sqrt, tanh
from scipy.optimize import least_squares, leastsq

tolerance, evaluations = {task.tolerance!r}, {task.iterations + 1}


def residual(x):
    e = np.array([{", ".join(sources.residual)}])
    print("tried", x, "half the sum of squares", e @ e / 2)
    return e


def jacobian(x):
    return np.array([{rows}])


start = np.array({literal(task.start)})
print({self.call})
"""


_LEASTSQ = (
    "leastsq(residual, start, Dfun=jacobian, full_output=True, ftol=tolerance, xtol=tolerance, "
    "gtol=tolerance, maxfev=evaluations)"
)


def _call(options: str) -> str:
    return (
        "least_squares(residual, start, jac=jacobian, method='lm', ftol=tolerance, "
        f"xtol=tolerance, gtol=tolerance, max_nfev=evaluations{options})"
    )


def _claim(dialect: str, function: str, **options: str) -> MinimizerClaim:
    return MinimizerClaim(
        "levenberg-marquardt",
        dialect,
        {"library": "scipy", "function": function, **options},
        ("float64",),
        search="none",
        sufficient_decrease=1e-4,
        promises=("cosine", "relative-decrease", "relative-step"),
    )


rules = Minimizers()
rules.add_minimizers(
    MinpackRule(_claim("scaled-damping", "leastsq"), _leastsq, _LEASTSQ),
    MinpackRule(_claim("scaled-damping", "least_squares"), _least_squares(), _call("")),
    MinpackRule(
        _claim("trust-region", "least_squares", x_scale="1"),
        _least_squares(x_scale=1.0),
        _call(", x_scale=1.0"),
    ),
)
