"""optimistix: nonlinear conjugate gradients in its four coefficients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.jax.minimizers import _host
from optcheck.backends.jax.minimizers.quasi_newton import heading
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

# As many points as are kept, and evaluations for each of them.
_POINTS, _TRIALS = 256, 64
_COEFFICIENTS = {
    "fletcher-reeves+descent": optx.fletcher_reeves,
    "polak-ribiere-plus+descent": optx.polak_ribiere,
    "hestenes-stiefel+descent": optx.hestenes_stiefel,
    "dai-yuan+descent": optx.dai_yuan,
}


@dataclass(frozen=True)
class NonlinearCGRule:
    """``optimistix.NonlinearCG`` by its methods init, step and terminate."""

    claim: MinimizerClaim

    def minimize(self, task: Task) -> Trajectory:
        if task.iterations >= _POINTS:
            raise ValueError(f"at most {_POINTS - 1} iterations are kept, not {task.iterations}")
        which = list(_COEFFICIENTS).index(self.claim.dialect)
        with _host.bound(task.objective, task.dtype):
            x = jnp.array(task.start, task.dtype)
            path, count, trials, success = _program()(x, which, task.iterations, task.tolerance)
            path = {name: np.asarray(each)[: int(count)] for name, each in path.items()}
        # The first point is found by no step, and from the last one none is taken.
        steps = [float(each) for each in path["step"][1:]]
        directions = list(path["direction"][:-1])
        visited = zip(
            path["point"],
            path["value"],
            path["gradient"],
            [*directions, None],
            [*steps, None],
            strict=True,
        )
        points = tuple(Iteration(x, float(f), *rest) for x, f, *rest in visited)
        return Trajectory(points, bool(success), evaluations=int(trials))

    def script(self, task: Task) -> str:
        method = _COEFFICIENTS[self.claim.dialect].__name__
        return f"""{heading(task.objective, task.dtype)}
import optimistix as optx

x = jnp.array({literal(task.start)}, {task.dtype!r})
solver = optx.NonlinearCG({task.tolerance!r}, {task.tolerance!r}, method=optx.{method})


def function(x, _):
    return value(x), None


@jax.jit
def step(x, state):
    x, state, _ = solver.step(function, x, None, {{}}, state, frozenset())
    return x, state


shape = jax.ShapeDtypeStruct((), x.dtype)
state = solver.init(function, x, None, {{}}, shape, None, frozenset())
points = 0
# A step is an evaluation, the first one at the start; after one that is refused steps are shorter.
for _ in range({_TRIALS * (task.iterations + 1)}):
    x, state = step(x, state)
    if state.search_state.step_size == solver.search.step_init:
        print(x, state.f_info.f, state.f_info.grad, state.descent_state.y_diff)
        points += 1
    if points > {task.iterations} or state.terminate:
        break
"""


@functools.cache
def _program() -> Callable[..., Any]:
    """Run the solver and keep its path: compiled once for each dimension, for all coefficients."""

    def function(x: Any, _: Any) -> Any:
        return _host.value(x), None

    def run(x: Any, which: Any, iterations: Any, tolerance: Any) -> Any:
        def coefficient(*vectors: Any) -> Any:
            return jax.lax.switch(which, list(_COEFFICIENTS.values()), *vectors)

        solver: Any = optx.NonlinearCG(tolerance, tolerance, method=coefficient)
        f = jax.ShapeDtypeStruct((), x.dtype)  # type: ignore[no-untyped-call]
        first = solver.init(function, x, None, {}, f, None, frozenset())

        def body(carry: Any) -> Any:
            trials, count, y, before, path, _, _ = carry
            y, state, _ = solver.step(function, y, None, {}, before, frozenset())
            done, result = solver.terminate(function, y, None, {}, state, frozenset())
            failed = (result != optx.RESULTS.successful) | ~jnp.all(jnp.isfinite(y))
            # After a point that is refused the next step is shorter than the first of a search.
            accepted = state.search_state.step_size == solver.search.step_init
            place = jnp.where(accepted, count, _POINTS)
            seen = {
                "point": y,
                "value": state.f_info.f,
                "gradient": state.f_info.grad,
                "direction": state.descent_state.y_diff,
                "step": before.search_state.step_size,
            }
            path = {name: path[name].at[place].set(each) for name, each in seen.items()}
            return trials + 1, count + accepted, y, state, path, done, failed

        def going(carry: Any) -> Any:
            trials, count, _, _, _, done, failed = carry
            enough = (count > iterations) | (trials > _TRIALS * (iterations + 1))
            return ~(done | failed | enough)

        shapes = {name: x.shape for name in ("point", "gradient", "direction")}
        path = {
            name: jnp.zeros((_POINTS + 1, *shapes.get(name, ())), x.dtype)
            for name in ("point", "value", "gradient", "direction", "step")
        }
        no = jnp.array(False)
        trials, count, _, _, path, done, failed = jax.lax.while_loop(
            going, body, (0, 0, x, first, path, no, no)
        )
        return path, count, trials, done & ~failed

    return jax.jit(run)


def _claim(dialect: str) -> MinimizerClaim:
    return MinimizerClaim(
        "conjugate-gradient",
        dialect,
        {"library": "optimistix"},
        ("float64",),
        compilation="operations",
        # What optimistix takes for 0: the spacing of doubles at 1.
        fixed={"smallest_denominator": float(np.finfo(np.float64).eps)},
        search="armijo",
        sufficient_decrease=0.1,
        promises=("cauchy",),
    )


rules = Minimizers()
rules.add_minimizers(*(NonlinearCGRule(_claim(dialect)) for dialect in _COEFFICIENTS))
