"""Line searches of optax, jax.scipy and optimistix, and the interpolation inside two of them.

optax's run as one update, jax.scipy's as a program; those of optimistix are asked step by step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.jax.expressions import evaluate, x64
from optcheck.backends.jax.minimizers import _host
from optcheck.backends.jax.minimizers._interpolation import IMPORTS, MODULES, JaxInterpolation
from optcheck.backends.jax.minimizers.quasi_newton import heading
from optcheck.backends.minimization import LineResult, LineTask, MinimizerClaim
from optcheck.backends.scripts import literal


class _Watched:
    """An objective on the host that remembers where it was asked."""

    def __init__(self, value: Callable[[Any], Any], gradient: Callable[[Any], Any]) -> None:
        self._value = value
        self.gradient = gradient
        self.points: list[Floats] = []

    def value(self, point: Any) -> Any:
        if not self.points or not np.array_equal(point, self.points[-1]):
            self.points.append(np.array(point, dtype=np.float64))
        return self._value(point)


@dataclass(frozen=True)
class JaxLineSearch:
    """A program from start, direction and hyper-parameters to a step and whether it failed.

    ``expression`` makes the search; ``run`` says how it is asked, and ``text`` the same for a
    script that has ``search``, ``value``, ``x`` and ``d``.
    """

    claim: MinimizerClaim
    expression: str
    run: Callable[[Any, Any, Any], tuple[Any, Any]]
    text: str

    @property
    def implementation(self) -> str:
        """The function."""
        return str(self.claim.options["implementation"])

    def search(self, task: LineTask) -> LineResult:
        watched: Any = _Watched(task.objective.value, task.objective.gradient)
        with _host.bound(watched, task.dtype):
            x, d = jnp.array(task.start, task.dtype), jnp.array(task.direction, task.dtype)
            step, failed = _program(self.expression, self.run)(x, d, _traced(task.hyperparameters))
            found = None if bool(failed) else float(step)
        trials = [_step_to(each, task.start, task.direction) for each in watched.points]
        message = "" if found is not None else "the search says that it failed"
        return LineResult(found, tuple(t for t in trials if t != 0.0), message=message)

    def script(self, task: LineTask) -> str:
        h = _told(task.hyperparameters)
        told = "".join(f"{name} = {value!r}\n" for name, value in h.items())
        return f"""{heading(task.objective, task.dtype)}
{IMPORTS}
{told}{_vectors(task)}
search = {self.expression}
{self.text}"""


def _vectors(task: LineTask) -> str:
    """The line of a script that makes ``x`` and ``d``."""
    ends = f"{literal(task.start)}, {literal(task.direction)}"
    return f"x, d = (jnp.array(each, {task.dtype!r}) for each in ({ends}))"


def _step_to(point: Floats, start: Floats, direction: Floats) -> float:
    return float((point - start) @ direction / (direction @ direction))


def _told(hyperparameters: Hyperparameters) -> dict[str, float]:
    whole = ("limit", "reductions")
    return {n: int(v) if n in whole else float(v) for n, v in hyperparameters.items()}


def _traced(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Arrays, so that one program serves all values."""
    return {name: jnp.asarray(value) for name, value in _told(hyperparameters).items()}


@functools.cache
def _program(expression: str, run: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    return jax.jit(lambda x, d, h: run(evaluate(expression, {**MODULES, **h}), x, d))


def _update(search: Any, x: Any, d: Any) -> tuple[Any, Any]:
    value, gradient = jax.value_and_grad(_host.value)(x)
    _, state = search.update(
        d, search.init(x), x, value=value, grad=gradient, value_fn=_host.value
    )
    errors = [error for name, error in state.info._asdict().items() if name.endswith("error")]
    return state.learning_rate, jnp.max(jnp.array(errors)) > 0.0


def _call(search: Any, x: Any, d: Any) -> tuple[Any, Any]:
    result = search(_host.value, x, d)
    return result.a_k, result.failed


_UPDATE = """loss, gradient = jax.value_and_grad(value)(x)
told = dict(value=loss, grad=gradient, value_fn=value)
_, state = search.update(d, search.init(x), x, **told)
print(state)
"""
_CALL = "print(search(value, x, d))\n"


@dataclass(frozen=True)
class OptimistixArmijo:
    """``optimistix.BacktrackingArmijo``: a trial, then the next step or its acceptance.

    The loop around it is that of the minimizers which have it; it ends after so many trials.
    """

    claim: MinimizerClaim
    implementation: str = "optimistix.BacktrackingArmijo"

    def search(self, task: LineTask) -> LineResult:
        h = _told(task.hyperparameters)
        trials: list[float] = []
        x, d = np.array(task.start, task.dtype), np.array(task.direction, task.dtype)
        constants = {name: h[name] for name in _ARMIJO}
        with x64(task.dtype):
            here = (task.objective.value(x), task.objective.gradient(x))
            step, _ = _armijo(constants, h["initial_step"], True, x, x, here, here[0])
            for _ in range(int(h["limit"])):
                trials.append(float(step))
                there = x + trials[-1] * d
                value = task.objective.value(there)
                shorter, accepted = _armijo(constants, step, False, x, there, here, value)
                if accepted:
                    return LineResult(trials[-1], tuple(trials))
                step = shorter
        return LineResult(None, tuple(trials), message="no trial was accepted")

    def script(self, task: LineTask) -> str:
        h = _told(task.hyperparameters)
        return f"""{heading(task.objective, task.dtype)}
from optimistix import BacktrackingArmijo, FunctionInfo

{_vectors(task)}
search = BacktrackingArmijo({h["decrease_factor"]}, {h["sufficient_decrease"]}, {
            h["initial_step"]
        })
here = FunctionInfo.EvalGrad(*jax.value_and_grad(value)(x))
state = search.init(x, here)
a, accepted, _, state = search.step(True, x, x, here, FunctionInfo.Eval(here.f), state)
for _ in range({int(h["limit"])}):
    y = x + a * d
    there = FunctionInfo.Eval(value(y))
    b, accepted, _, state = search.step(False, x, y, here, there, state)
    print("step", a, "value", there.f, "accepted", accepted)
    if accepted:
        break
    a = b
"""


_ARMIJO = ("decrease_factor", "sufficient_decrease", "initial_step")


@jax.jit
def _armijo(
    h: Any, step: Any, first: Any, x: Any, there: Any, here: tuple[Any, Any], value: Any
) -> tuple[Any, Any]:
    search: Any = optimistix.BacktrackingArmijo(
        h["decrease_factor"], h["sufficient_decrease"], h["initial_step"]
    )
    info = optimistix.FunctionInfo.EvalGrad(*here)
    state = search.init(x, info)
    state = type(state)(step_size=step)
    following, accepted, _, _ = search.step(
        first, x, there, info, optimistix.FunctionInfo.Eval(value), state
    )
    return following, accepted


@dataclass(frozen=True)
class OptimistixGolden:
    """``optimistix.GoldenSearch`` along the line, whose state shows the brackets."""

    claim: MinimizerClaim
    implementation: str = "optimistix.GoldenSearch"

    def search(self, task: LineTask) -> LineResult:
        x, d = np.array(task.start, task.dtype), np.array(task.direction, task.dtype)
        # The function of the step, whose slope nobody asks for.
        watched: Any = _Watched(lambda a: task.objective.value(x + a[0] * d), np.zeros_like)
        h = _told(task.hyperparameters)
        brackets = [(h["lower"], h["upper"])]
        with _host.bound(watched, task.dtype):
            ends = {name: jnp.asarray(h[name], task.dtype) for name in ("lower", "upper")}
            step, state = ends["lower"], _golden_start(ends)
            for _ in range(int(h["reductions"])):
                step, state = _golden_step(ends, step, state)
                brackets.append((float(state.lower), float(state.upper)))
            found = float(step)
        trials = tuple(float(each[0]) for each in watched.points)
        return LineResult(found, trials, tuple(brackets))

    def script(self, task: LineTask) -> str:
        h = _told(task.hyperparameters)
        return f"""{heading(task.objective, task.dtype)}
import optimistix

{_vectors(task)}


def along(a, _):
    jax.debug.print("trial {{}} value {{}}", a, value(x + a * d))
    return value(x + a * d)


ends = dict(lower={h["lower"]!r}, upper={h["upper"]!r})
solver = optimistix.GoldenSearch(0.0, 0.0)
steps = dict(max_steps={int(h["reductions"])}, throw=False)
print(optimistix.minimise(along, solver, jnp.array(0.0), options=ends, **steps).value)
"""


_SOLVER: Any = optimistix.GoldenSearch(0.0, 0.0)  # type: ignore[call-arg]


def _on_the_line(a: Any, args: Any) -> tuple[Any, None]:
    return _host.value(jnp.reshape(a, (1,))), None


@jax.jit
def _golden_start(ends: Any) -> Any:
    shape = jax.ShapeDtypeStruct((), ends["lower"].dtype)  # type: ignore[no-untyped-call]
    return _SOLVER.init(_on_the_line, ends["lower"], None, ends, shape, None, frozenset())


@jax.jit
def _golden_step(ends: Any, step: Any, state: Any) -> tuple[Any, Any]:
    step, state, _ = _SOLVER.step(_on_the_line, step, None, ends, state, frozenset())
    return step, state


def _claim(method: str, dialect: str, name: str, **claimed: Any) -> MinimizerClaim:
    return MinimizerClaim(
        method,
        dialect,
        options={"implementation": name},
        dtypes=("float64",),
        compilation="operations",
        **claimed,
    )


rules = Minimizers()
rules.add_line_searches(
    JaxLineSearch(
        _claim(
            "backtracking", "armijo", "optax.scale_by_backtracking_linesearch", search="armijo"
        ),
        "optax.scale_by_backtracking_linesearch(limit, slope_rtol=sufficient_decrease, "
        "decrease_factor=decrease_factor, increase_factor=jnp.inf, "
        "max_learning_rate=initial_step)",
        _update,
        _UPDATE,
    ),
    OptimistixArmijo(
        _claim(
            "backtracking",
            "armijo",
            "optimistix.BacktrackingArmijo",
            search="armijo",
            counts_trials=False,
        )
    ),
    # Its approximate condition is another one; it is left out.
    JaxLineSearch(
        _claim("wolfe", "strong-zoom", "optax.scale_by_zoom_linesearch", search="wolfe"),
        "optax.scale_by_zoom_linesearch(limit, slope_rtol=sufficient_decrease, "
        "curv_rtol=curvature, approx_dec_rtol=None, initial_guess_strategy='one')",
        _update,
        _UPDATE,
    ),
    # 20 trials to bracket a step, which it lets nobody choose in its minimizer, and 30 to zoom.
    JaxLineSearch(
        _claim(
            "wolfe",
            "strong-zoom",
            "jax.scipy.optimize.line_search",
            search="wolfe",
            fixed={"limit": 50},
        ),
        "lambda f, x, d: jax_line_search.line_search("
        "f, x, d, c1=sufficient_decrease, c2=curvature)",
        _call,
        _CALL,
    ),
    OptimistixGolden(
        _claim("bracketing", "golden-section", "optimistix.GoldenSearch", search="none")
    ),
)
rules.add_interpolations(
    *(
        JaxInterpolation(
            Claim("interpolation", dialect, {"implementation": name}, compilation="operations"),
            f"{module}.{formula}",
        )
        for module, library in (("optax_linesearch", "optax"), ("jax_line_search", "jax.scipy"))
        for dialect, formula, name in (
            (
                "cubic-three-values",
                "_cubicmin(a, fa, ga, b, fb, c, fc)",
                f"{library} _cubicmin",
            ),
            ("quadratic", "_quadmin(a, fa, ga, b, fb)", f"{library} _quadmin"),
        )
    )
)
