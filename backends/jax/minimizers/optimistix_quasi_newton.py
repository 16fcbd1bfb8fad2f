"""optimistix: BFGS and L-BFGS, with the inverse Hessian and with the Hessian."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Option
from optcheck.backends.jax.expressions import evaluate
from optcheck.backends.jax.minimizers import _host
from optcheck.backends.jax.minimizers.quasi_newton import heading
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

# As many points as are kept, and evaluations for each of them.
_POINTS, _TRIALS = 256, 64


@dataclass(frozen=True)
class OptimistixRule:
    """A solver as ``expression`` of ``tolerance``, by its methods init, step and terminate."""

    claim: MinimizerClaim
    expression: str

    def minimize(self, task: Task) -> Trajectory:
        if task.iterations >= _POINTS:
            raise ValueError(f"at most {_POINTS - 1} iterations are kept, not {task.iterations}")
        with _host.bound(task.objective, task.dtype):
            x, program = jnp.array(task.start, task.dtype), _program(self.expression)
            path, count, success = program(x, task.iterations, task.tolerance)
            visited = {name: np.array(each)[: int(count)] for name, each in path.items()}
        ends = visited.pop("step")
        steps = [float(each) for each in ends[1:]]
        points = [
            dict(zip(visited, each, strict=True)) for each in zip(*visited.values(), strict=True)
        ]
        taken = [
            Iteration(**each, step=step) for each, step in zip(points[:-1], steps, strict=True)
        ]
        points[-1].pop("direction")
        return Trajectory((*taken, Iteration(**points[-1])), bool(success))

    def script(self, task: Task) -> str:
        return f"""{heading(task.objective, task.dtype)}
import optimistix as optx

tolerance = {task.tolerance!r}
x = jnp.array({literal(task.start)}, {task.dtype!r})
solver = {self.expression.removesuffix(")")}, verbose=True)
# Each line is an evaluation; several make an iteration.
solution = optx.minimise(
    lambda x, _: value(x), solver, x, max_steps={16 * task.iterations}, throw=False
)
print(solution.value, value(solution.value), solution.result)
"""


@functools.cache
def _program(expression: str) -> Callable[..., Any]:
    def function(x: Any, _: Any) -> Any:
        return _host.value(x), None

    def run(x: Any, iterations: Any, tolerance: Any) -> Any:
        solver = evaluate(expression, {"optx": optx, "tolerance": tolerance})
        like: Any = jax.ShapeDtypeStruct
        shape = like((), x.dtype)
        first = solver.init(function, x, None, {}, shape, None, frozenset())
        dynamic, static = eqx.partition(first, eqx.is_array)

        def body(carry: Any) -> Any:
            trials, y, dynamic, path, _, _ = carry
            before = eqx.combine(static, dynamic)
            y, state, _ = solver.step(function, y, None, {}, before, frozenset())
            done, result = solver.terminate(function, y, None, {}, state, frozenset())
            failed = (result != optx.RESULTS.successful) | ~jnp.all(jnp.isfinite(y))
            accepted = state.num_accepted_steps > before.num_accepted_steps
            place = jnp.where(accepted, before.num_accepted_steps, _POINTS)
            seen = {
                "point": y,
                "value": state.f_info.f,
                "gradient": state.f_info.grad,
                "direction": -state.descent_state.newton,
                "step": before.search_state.step_size,
                **_matrix(state.f_info),
            }
            path = {name: path[name].at[place].set(each) for name, each in seen.items()}
            dynamic, _ = eqx.partition(state, eqx.is_array)
            return trials + 1, y, dynamic, path, done, failed

        def going(carry: Any) -> Any:
            trials, _, dynamic, _, done, failed = carry
            count = dynamic.num_accepted_steps
            enough = (count > iterations) | (trials > _TRIALS * (iterations + 1))
            return ~(done | failed | enough)

        shapes = {
            "point": x.shape,
            "value": (),
            "gradient": x.shape,
            "direction": x.shape,
            "step": (),
            **{name: each.shape for name, each in _matrix(first.f_info).items()},
        }
        path = {name: jnp.zeros((_POINTS + 1, *shape), x.dtype) for name, shape in shapes.items()}
        no = jnp.array(False)
        _, _, dynamic, path, done, failed = jax.lax.while_loop(
            going, body, (0, x, dynamic, path, no, no)
        )
        return path, dynamic.num_accepted_steps, done & ~failed

    return jax.jit(run)


def _matrix(info: Any) -> dict[str, Any]:
    """The inverse Hessian, where it is kept as a matrix."""
    operator: Any = getattr(info, "hessian_inv", None)
    return {"matrix": operator.as_matrix()} if hasattr(operator, "pytree") else {}


_SKIPPED: Mapping[str, float] = {"curvature_threshold": float(np.finfo(np.float64).eps)}


def _rule(
    method: str, dialect: str, solver: str, options: Mapping[str, Option], **fixed: float
) -> OptimistixRule:
    claim = MinimizerClaim(
        method,
        dialect,
        {"library": "optimistix", **options},
        ("float64",),
        compilation="programs",
        fixed={**_SKIPPED, **fixed},
        search="armijo",
        sufficient_decrease=0.1,
        promises=("cauchy",),
    )
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return OptimistixRule(claim, f"optx.{solver}(tolerance, tolerance{given})")


_INVERSE, _HESSIAN = {"use_inverse": True}, {"use_inverse": False}

rules = Minimizers()
rules.add_minimizers(
    _rule("bfgs", "expanded-form", "BFGS", _INVERSE),
    _rule("bfgs", "hessian-form", "BFGS", _HESSIAN),
    _rule("l-bfgs", "two-loop", "LBFGS", {**_INVERSE, "history_length": 3}, history=3.0),
    _rule("l-bfgs", "two-loop", "LBFGS", {**_HESSIAN, "history_length": 3}, history=3.0),
)
