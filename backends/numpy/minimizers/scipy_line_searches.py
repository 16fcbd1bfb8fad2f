"""SciPy's line searches, each as the text of a call: what is evaluated is what a script prints."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import _linesearch

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.minimization import LineResult, LineTask, MinimizerClaim, Objective
from optcheck.backends.numpy.minimizers.line_searches import Line
from optcheck.backends.scripts import literal, objective_lines

rules = Minimizers()

_IMPORTS = {"optimize": scipy.optimize, "linesearch": _linesearch}
_LINES = """x, d = np.array({start}), np.array({direction})
{numbers}

def value(x):
    return objective.value(x)


def gradient(x):
    return objective.gradient(x)


def phi(a):
    print("trial", a)
    return value(x + a * d)


def slope(a):
    return gradient(x + a * d) @ d


print({call})
"""


@dataclass(frozen=True)
class ScipyLineSearch:
    """A call that returns a step, None where it says that there is none."""

    claim: MinimizerClaim
    call: str

    @property
    def implementation(self) -> str:
        """The function."""
        return str(self.claim.options["implementation"])

    def search(self, task: LineTask) -> LineResult:
        x, d = np.array(task.start, task.dtype), np.array(task.direction, task.dtype)
        h = task.hyperparameters
        line = Line(task.objective, x, d)
        values: dict[float, float] = {}

        def phi(step: float) -> float:
            value = values[float(step)] = line.value(step)
            return value

        names = {
            "phi": phi,
            "slope": line.slope,
            "value": lambda point: phi(step_to(point, x, d)),
            "gradient": task.objective.gradient,
            **{"x": x, "d": d},
            **_numbers(task.objective, x, d, h),
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step = eval(self.call, {**_IMPORTS, **names})
        message = "; ".join(dict.fromkeys(str(each.message) for each in caught))
        ends = [h[name] for name in ("lower", "upper") if name in h]
        trials = tuple(t for t in dict.fromkeys(line.trials) if t not in ends)
        brackets = _brackets(ends, trials, values) if ends else ()
        return LineResult(None if step is None else float(step), trials, brackets, message)

    def script(self, task: LineTask) -> str:
        numbers = _numbers(task.objective, task.start, task.direction, task.hyperparameters)
        told = "".join(f"{name} = {value!r}\n" for name, value in numbers.items())
        x, d = literal(task.start), literal(task.direction)
        text = _LINES.format(start=x, direction=d, numbers=told, call=self.call)
        return f"""import numpy as np
from scipy import optimize
from scipy.optimize import _linesearch as linesearch

{objective_lines(task.objective)}
{text}"""


def step_to(point: Floats, x: Floats, d: Floats) -> float:
    """The step that leads from ``x`` to ``point``."""
    return float((point - x) @ d / (d @ d))


def _numbers(
    objective: Objective, x: Floats, d: Floats, hyperparameters: Hyperparameters
) -> dict[str, float]:
    """What a call is told: of a bracket, also an inner point that is lower than its ends."""
    numbers = {
        name: int(value) if name == "reductions" else float(value)
        for name, value in hyperparameters.items()
    }
    if "upper" in numbers:
        lower, upper = numbers["lower"], numbers["upper"]
        share = (math.sqrt(5.0) - 1.0) / 2.0 * (upper - lower)
        inner = (upper - share, lower + share)
        numbers["inner"] = min(inner, key=lambda a: float(objective.value(x + a * d)))
    return numbers


def _brackets(
    ends: list[float], trials: tuple[float, ...], values: Mapping[float, float]
) -> tuple[tuple[float, float], ...]:
    """After each trial, the neighbours of the lowest one; the first two make the first bracket."""
    brackets = [(ends[0], ends[1])]
    for count in range(2, len(trials) + 1):
        known = sorted({*ends, *trials[:count]})
        lowest = min(range(1, len(known) - 1), key=lambda i: values[known[i]])
        brackets.append((known[lowest - 1], known[lowest + 1]))
    return tuple(brackets)


@dataclass(frozen=True)
class ScipyInterpolation:
    """A function of ``scipy.optimize._linesearch`` that returns None where there is no minimum."""

    claim: Claim
    call: str

    def minimum(self, values: Mapping[str, float], *, dtype: str) -> float:
        found: Any = eval(self.call, {**_IMPORTS, **values})
        return math.nan if found is None else float(found)

    def script(self, values: Mapping[str, float], *, dtype: str) -> str:
        told = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        return f"""from scipy.optimize import _linesearch as linesearch

{told}print({self.call})
"""


def _search(
    method: str, dialect: str, name: str, call: str, search: Any, **fixed: float
) -> ScipyLineSearch:
    claim = MinimizerClaim(
        method,
        dialect,
        options={"implementation": name},
        dtypes=("float64",),
        fixed=fixed,
        search=search,
    )
    return ScipyLineSearch(claim, call)


_WOLFE = "c1=sufficient_decrease, c2=curvature"
# The searches by zoom make 10 trials to bracket a step and 11 to narrow the bracket.
rules.add_line_searches(
    _search(
        "bracketing",
        "golden-section",
        "scipy.optimize.golden",
        "optimize.golden(phi, brack=(lower, inner, upper), tol=0.0, maxiter=reductions - 1)",
        "none",
    ),
    # It goes on until the step underflows.
    _search(
        "backtracking",
        "armijo-interpolation",
        "scalar_search_armijo",
        "linesearch.scalar_search_armijo(phi, phi(0.0), slope(0.0), c1=sufficient_decrease, "
        "alpha0=initial_step)[0]",
        "armijo",
        limit=1100,
    ),
    _search(
        "wolfe",
        "strong",
        "scalar_search_wolfe1",
        f"linesearch.scalar_search_wolfe1(phi, slope, {_WOLFE})[0]",
        "wolfe",
        limit=100,
    ),
    _search(
        "wolfe",
        "strong-zoom",
        "scipy.optimize.line_search",
        f"optimize.line_search(value, gradient, x, d, {_WOLFE})[0]",
        "wolfe",
        limit=20,
    ),
    _search(
        "wolfe",
        "strong-zoom",
        "scalar_search_wolfe2",
        f"linesearch.scalar_search_wolfe2(phi, slope, {_WOLFE})[0]",
        "wolfe",
        limit=20,
    ),
)
rules.add_interpolations(
    ScipyInterpolation(
        Claim(
            "interpolation",
            "cubic-three-values",
            options={"implementation": "scipy.optimize._linesearch._cubicmin"},
            dtypes=("float64",),
        ),
        "linesearch._cubicmin(a, fa, ga, b, fb, c, fc)",
    ),
    ScipyInterpolation(
        Claim(
            "interpolation",
            "quadratic",
            options={"implementation": "scipy.optimize._linesearch._quadmin"},
            dtypes=("float64",),
        ),
        "linesearch._quadmin(a, fa, ga, b, fb)",
    ),
)
