"""``jax.scipy.optimize.minimize`` by BFGS, and ``optax.lbfgs``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.optimize import minimize

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.jax.expressions import evaluate
from optcheck.backends.jax.minimizers import _host
from optcheck.backends.minimization import Iteration, MinimizerClaim, Objective, Task, Trajectory
from optcheck.backends.scripts import literal


@dataclass(frozen=True)
class JaxBFGS:
    """``jax.scipy.optimize.minimize``: each point is the result of so many iterations."""

    claim: MinimizerClaim

    def minimize(self, task: Task) -> Trajectory:
        path: list[Iteration] = []
        with _host.bound(task.objective, task.dtype):
            x = jnp.array(task.start, task.dtype)
            for count in range(task.iterations + 1):
                result = _bfgs(x, count, task.tolerance)
                if int(result.nit) < count:
                    break
                point, gradient, matrix = (
                    np.array(each, np.float64) for each in (result.x, result.jac, result.hess_inv)
                )
                path.append(Iteration(point, float(result.fun), gradient, matrix=matrix))
        message = f"status {int(result.status)}"
        return Trajectory(tuple(path), bool(result.success), message, int(result.nfev))

    def script(self, task: Task) -> str:
        return f"""{heading(task.objective, task.dtype)}
from jax.scipy.optimize import minimize

x = jnp.array({literal(task.start)}, {task.dtype!r})
for count in range({task.iterations} + 1):
    options = dict(maxiter=count, gtol={task.tolerance!r})
    result = minimize(value, x, method="BFGS", options=options)
    if result.nit == count:
        print(result.x, result.fun, value(result.x), result.success, result.status)
"""


@jax.jit
def _bfgs(x: Any, iterations: Any, tolerance: Any) -> Any:
    options = {"maxiter": iterations, "gtol": tolerance}
    return minimize(_host.value, x, method="BFGS", options=options)


@dataclass(frozen=True)
class OptaxLBFGS:
    """``optax.lbfgs`` as ``expression``, in the loop of its documentation.

    It stops where the gradient is within the tolerance, or where the line search says that its
    step breaks a condition.
    """

    claim: MinimizerClaim
    expression: str

    def minimize(self, task: Task) -> Trajectory:
        path: list[Iteration] = []
        success = None
        with _host.bound(task.objective, task.dtype):
            init, step = _programs(self.expression)
            x = jnp.array(task.start, task.dtype)
            state = init(x)
            for count in range(task.iterations + 1):
                after, state, value, gradient, error = step(x, state)
                path.append(Iteration(np.array(x), float(value), np.array(gradient)))
                last = success is False or count == task.iterations
                if last or _within(gradient, task.tolerance):
                    break
                x = after
                # The step to the point that comes next.
                success = False if float(error) > 0.0 else None
        return Trajectory(tuple(path), success, "" if success is None else "line search failed")

    def script(self, task: Task) -> str:
        return f"""{heading(task.objective, task.dtype)}
import optax

x = jnp.array({literal(task.start)}, {task.dtype!r})
solver = {self.expression}
state = solver.init(x)
for _ in range({task.iterations}):
    loss, gradient = optax.value_and_grad_from_state(value)(x, state=state)
    print(x, loss, gradient)
    updates, state = solver.update(gradient, state, x, value=loss, grad=gradient, value_fn=value)
    x = optax.apply_updates(x, updates)
print(x, value(x))
"""


def _within(gradient: Any, tolerance: float) -> bool:
    return bool(np.max(np.abs(np.array(gradient))) <= tolerance)


@functools.cache
def _programs(expression: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A start and a step of the solver: the next point, its state, and what it knew here."""
    solver = evaluate(expression, {})

    def step(x: Any, state: Any) -> Any:
        value, gradient = optax.value_and_grad_from_state(_host.value)(x, state=state)
        updates, state = solver.update(
            gradient, state, x, value=value, grad=gradient, value_fn=_host.value
        )
        info = optax.tree.get(state, "info")
        # A backtracking search knows of no curvature.
        error = jnp.maximum(info.decrease_error, getattr(info, "curvature_error", 0.0))
        return optax.apply_updates(x, updates), state, value, gradient, error

    def init(x: Any) -> Any:
        # Without the weak types of a new state, for which the step would be compiled once more.
        return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), solver.init(x))

    return jax.jit(init), jax.jit(step)


def heading(objective: Objective, dtype: str) -> str:
    """The first lines of a script, up to the function ``value``."""
    return f"""import jax
import jax.numpy as jnp
from jax.numpy import cos, cosh, exp, log, sin, sqrt, tanh

jax.config.update("jax_enable_x64", {dtype == "float64"})


def value(x):
    return {objective.sources().value}

"""


_FLOAT64 = ("float64",)
# No pair is skipped but one with s'y = 0; a Wolfe search leaves no other, and where backtracking
# does, one with s'y < 0 must be (optax issue 1708).
_SKIPPED: Mapping[str, float] = {"curvature_threshold": 0.0}
_ZOOM = "optax.scale_by_zoom_linesearch(20, approx_dec_rtol=None, initial_guess_strategy='one')"
_BACKTRACKING = "optax.scale_by_backtracking_linesearch(20, store_grad=True)"

rules = Minimizers()
rules.add_minimizers(
    JaxBFGS(
        MinimizerClaim(
            "bfgs",
            "product-form",
            {"library": "jax.scipy"},
            _FLOAT64,
            compilation="programs",
            fixed=_SKIPPED,
            search="wolfe",
            promises=("gradient-maximum",),
        )
    ),
    OptaxLBFGS(
        MinimizerClaim(
            "l-bfgs",
            "two-loop+capped",
            {"library": "optax", "memory_size": 3},
            _FLOAT64,
            compilation="programs",
            fixed={**_SKIPPED, "history": 3},
            search="wolfe",
            approximate_decrease=1e-6,
            monotone=False,
        ),
        "optax.lbfgs(memory_size=3)",
    ),
    OptaxLBFGS(
        MinimizerClaim(
            "l-bfgs",
            "two-loop+capped",
            {"library": "optax", "memory_size": 3, "linesearch": "backtracking"},
            _FLOAT64,
            compilation="programs",
            fixed={**_SKIPPED, "history": 3},
            search="armijo",
        ),
        f"optax.lbfgs(memory_size=3, linesearch={_BACKTRACKING})",
    ),
    OptaxLBFGS(
        MinimizerClaim(
            "l-bfgs",
            "memoryless",
            {"library": "optax", "memory_size": 1, "scale_init_precond": False},
            _FLOAT64,
            compilation="programs",
            fixed=_SKIPPED,
            search="wolfe",
        ),
        f"optax.lbfgs(memory_size=1, scale_init_precond=False, linesearch={_ZOOM})",
    ),
)
