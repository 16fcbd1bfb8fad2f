"""Newton's methods: by ``jax.hessian`` and ``jnp.linalg``, and optimistix's on the gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats
from optcheck.backends.jax.expressions import x64
from optcheck.backends.jax.minimizers._objectives import Structure
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

# (Hessian, right-hand side, shift) to the direction.
Solve = Callable[[Any, Any, Any], Any]


@functools.partial(jax.jit, static_argnums=0)
def _value_and_gradient(
    structure: Structure, coefficients: Sequence[Any], x: Any
) -> tuple[Any, Any]:
    return jax.value_and_grad(functools.partial(_value, structure, coefficients))(x)


@functools.partial(jax.jit, static_argnums=0)
def _derivatives(structure: Structure, coefficients: Sequence[Any], x: Any) -> tuple[Any, ...]:
    """Value, gradient and Hessian."""
    value = functools.partial(_value, structure, coefficients)
    return *jax.value_and_grad(value)(x), jax.hessian(value)(x)


def _value(structure: Structure, coefficients: Sequence[Any], x: Any) -> Any:
    # An array for a constant function too.
    return structure.value(coefficients, x) + 0.0 * x[0]


@jax.jit
def _newton(H: Any, right: Any, shift: Any) -> Any:
    return jnp.linalg.solve(H, right)


@jax.jit
def _shifted(H: Any, right: Any, shift: Any) -> Any:
    return jnp.linalg.solve(H + shift * jnp.eye(len(right), dtype=H.dtype), right)


@jax.jit
def _absolute(H: Any, right: Any, shift: Any) -> Any:
    curvatures, Q = jnp.linalg.eigh(H)
    return Q @ (Q.T @ right / jnp.abs(curvatures))


@dataclass
class JaxNewton:
    """Full steps from derivatives that JAX finds; ``source`` is its solution, for scripts."""

    claim: MinimizerClaim
    solve: Solve
    source: str

    def minimize(self, task: Task) -> Trajectory:
        path: list[Iteration] = []
        with x64(task.dtype):
            x = jnp.asarray(task.start, task.dtype)
            shift = jnp.asarray(task.hyperparameters.get("shift", 0.0), task.dtype)
            structure = Structure(task.objective)
            for _ in range(task.iterations):
                f, g, H = _derivatives(structure, task.objective.coefficients, x)
                d = self.solve(H, -g, shift)
                if _close(f, g, task.tolerance) or not np.all(np.isfinite(d)):
                    break
                if np.array_equal(x + d, x):
                    break
                path.append(Iteration(_numbers(x), float(f), _numbers(g), _numbers(d), 1.0))
                x = x + d
            f, g, _ = _derivatives(structure, task.objective.coefficients, x)
            path.append(Iteration(_numbers(x), float(f), _numbers(g)))
            success = _close(f, g, task.tolerance)
        return Trajectory(tuple(path), success)

    def script(self, task: Task) -> str:
        return f"""{_heading(task)}
slope, curvature = jax.jit(jax.value_and_grad(value)), jax.jit(jax.hessian(value))
shift = {task.hyperparameters.get("shift", 0.0)!r}
for _ in range({task.iterations}):
    (f, g), H = slope(x), curvature(x)
    if jnp.max(jnp.abs(g)) <= {task.tolerance!r}:
        break
    {self.source}
    print(x, f, g, d)
    x = x + d
print(x, slope(x)[0])
"""


def _close(value: Any, gradient: Any, tolerance: float) -> bool:
    return bool(np.isfinite(value)) and float(np.max(np.abs(gradient))) <= tolerance


@functools.partial(jax.jit, static_argnums=0)
def _root_step(
    structure: Structure, coefficients: Sequence[Any], x: Any, state: Any, tolerance: Any
) -> tuple[Any, ...]:
    """The next point and state, and whether that is the end."""
    solver: Any = optimistix.Newton(rtol=tolerance, atol=tolerance)
    gradient = _gradient(structure)
    x, state, _ = solver.step(gradient, x, coefficients, {}, state, frozenset())
    return x, state, *solver.terminate(gradient, x, coefficients, {}, state, frozenset())


def _gradient(structure: Structure) -> Callable[[Any, Any], tuple[Any, None]]:
    def function(x: Any, coefficients: Any) -> tuple[Any, None]:
        return jax.grad(functools.partial(_value, structure, coefficients))(x), None

    return function


@dataclass
class OptimistixNewton:
    """``optimistix.Newton`` as a root finder of the gradient, a step at a time."""

    claim: MinimizerClaim

    def minimize(self, task: Task) -> Trajectory:
        path: list[Iteration] = []
        structure, coefficients = Structure(task.objective), task.objective.coefficients
        done, failed = False, False
        with x64(task.dtype):
            x = jnp.asarray(task.start, task.dtype)
            shape = jax.eval_shape(lambda: x)
            solver: Any = optimistix.Newton(rtol=task.tolerance, atol=task.tolerance)
            state = solver.init(
                _gradient(structure), x, coefficients, {}, shape, None, frozenset()
            )
            while not done and not failed and len(path) < task.iterations:
                f, g = _value_and_gradient(structure, coefficients, x)
                after, state, end, result = _root_step(
                    structure, coefficients, x, state, task.tolerance
                )
                done, failed = bool(end), bool(result != optimistix.RESULTS.successful)
                d = -_numbers(state.diff)
                if not np.all(np.isfinite(d)):
                    failed = True
                    break
                path.append(Iteration(_numbers(x), float(f), _numbers(g), d, 1.0))
                x = after
            f, g = _value_and_gradient(structure, coefficients, x)
            path.append(Iteration(_numbers(x), float(f), _numbers(g)))
        return Trajectory(tuple(path), done and not failed)

    def script(self, task: Task) -> str:
        return f"""{_heading(task)}
import optimistix



def gradient(x, args):
    return jax.grad(value)(x), None


solver = optimistix.Newton(rtol={task.tolerance!r}, atol={task.tolerance!r})
state = solver.init(
    gradient, x, None, {{}}, jax.ShapeDtypeStruct(x.shape, x.dtype), None, frozenset()
)


@jax.jit
def step(x, state):
    x, state, _ = solver.step(gradient, x, None, {{}}, state, frozenset())
    return x, state, *solver.terminate(gradient, x, None, {{}}, state, frozenset())


for _ in range({task.iterations}):
    print(x, value(x))
    x, state, done, result = step(x, state)
    if done or result != optimistix.RESULTS.successful:
        break
print(x, value(x), done, result)
"""


def _numbers(array: Any) -> Floats:
    return np.array(array, dtype=np.float64)


def _heading(task: Task) -> str:
    return f"""import jax
import jax.numpy as jnp
from jax.numpy import cos, cosh, exp, log, sin, sqrt, tanh

jax.config.update("jax_enable_x64", {task.dtype == "float64"})


def value(x):
    return {task.objective.sources().value} + 0.0 * x[0]


x = jnp.array({literal(task.start)}, {task.dtype!r})"""


_PROMISE: dict[str, Any] = {"search": "unit", "monotone": False, "compilation": "programs"}
_GRADIENT: dict[str, Any] = {**_PROMISE, "promises": ("gradient-maximum",)}

rules = Minimizers()
rules.add_minimizers(
    JaxNewton(
        MinimizerClaim("newton", "full-step", **_GRADIENT),
        _newton,
        "d = jnp.linalg.solve(H, -g)",
    ),
    JaxNewton(
        MinimizerClaim("regularized-newton", "shifted", **_GRADIENT),
        _shifted,
        "d = jnp.linalg.solve(H + shift * jnp.eye(len(g), dtype=H.dtype), -g)",
    ),
    JaxNewton(
        MinimizerClaim("saddle-free-newton", "absolute-eigenvalues", **_GRADIENT),
        _absolute,
        "L, Q = jnp.linalg.eigh(H); d = Q @ (Q.T @ -g / jnp.abs(L))",
    ),
    OptimistixNewton(
        MinimizerClaim(
            "newton", "full-step", {"library": "optimistix"}, promises=("step",), **_PROMISE
        )
    ),
)
