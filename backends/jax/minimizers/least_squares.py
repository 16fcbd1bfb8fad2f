"""optimistix: Levenberg-Marquardt in both forms, and Gauss-Newton."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx  # type: ignore[import-untyped]
import numpy as np
import optimistix as optx

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.jax.expressions import evaluate, x64
from optcheck.backends.jax.minimizers._objectives import Structure
from optcheck.backends.minimization import (
    Iteration,
    LeastSquaresObjective,
    MinimizerClaim,
    Task,
    Trajectory,
)
from optcheck.backends.scripts import literal

# As many points as are kept.
_POINTS = 256


@dataclass
class LeastSquaresRule:
    """A solver as ``expression`` of ``tolerance``, by its methods init, step and terminate.

    Each of its steps evaluates the residuals where the one before it led, and stays there or does
    not; so the last one shows where the path ends, and its own direction is not followed.
    """

    claim: MinimizerClaim
    expression: str

    def minimize(self, task: Task) -> Trajectory:
        if task.iterations >= _POINTS:
            raise ValueError(f"at most {_POINTS - 1} iterations are kept, not {task.iterations}")
        with x64(task.dtype):
            coefficients = jnp.array(task.objective.coefficients, task.dtype)
            program = _program(self.expression, Structure(task.objective))
            path, count, success = program(
                coefficients, jnp.array(task.start, task.dtype), task.tolerance, task.iterations
            )
            kept = {
                name: np.asarray(each, np.float64)[: int(count)] for name, each in path.items()
            }
        steps = [dict(zip(kept, each, strict=True)) for each in zip(*kept.values(), strict=True)]
        last = steps[-1]
        end = Iteration(last["point"], float(last["value"]), last["gradient"])
        return Trajectory((*map(self._iteration, steps[:-1]), end), bool(success))

    def _iteration(self, step: Mapping[str, Any]) -> Iteration:
        damping = 1.0 / float(step["size"]) if self.claim.dialect == "gain-ratio-damping" else None
        return Iteration(
            step["point"],
            float(step["value"]),
            step["gradient"],
            step["next"] - step["point"],
            damping=damping,
        )

    def script(self, task: Task) -> str:
        return f"""import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jax.numpy import cos, cosh, exp, log, sin, sqrt, tanh

jax.config.update("jax_enable_x64", {task.dtype == "float64"})
tolerance = {task.tolerance!r}


def residual(x, _):
    return jnp.array([{", ".join(task.objective.sources().residual)}])


start = jnp.array({literal(task.start)}, {task.dtype!r})
solver = {self.expression}
# A step is an evaluation, at the start first.
for steps in range(1, {task.iterations + 2}):
    solution = optx.least_squares(residual, solver, start, max_steps=steps, throw=False)
    e = residual(solution.value, None)
    print(solution.value, "half the sum of squares", e @ e / 2)
print(solution.result)
"""


@functools.cache
def _program(expression: str, structure: Structure) -> Callable[..., Any]:
    """Run a solver and keep its path: compiled once for each structure, for all coefficients."""

    def residual(x: Any, coefficients: Any) -> Any:
        return cast(LeastSquaresObjective, structure.at(coefficients)).residual(x), None

    def run(coefficients: Any, x: Any, tolerance: Any, iterations: Any) -> Any:
        solver = evaluate(expression, {"lx": lx, "optx": optx, "tolerance": tolerance})
        shape = jax.eval_shape(lambda: residual(x, coefficients)[0])
        function = eqx.filter_closure_convert(residual, x, coefficients)
        first = solver.init(function, x, coefficients, {}, shape, None, frozenset())
        numbers, rest = eqx.partition(first, eqx.is_array)

        def body(carry: Any) -> Any:
            count, x, numbers, path, _, _ = carry
            before = x
            x, state, _ = solver.step(
                function, x, coefficients, {}, eqx.combine(rest, numbers), frozenset()
            )
            done, result = solver.terminate(function, x, coefficients, {}, state, frozenset())
            failed = (result != optx.RESULTS.successful) | ~jnp.all(jnp.isfinite(before))
            search = state.search_state
            seen = {
                "point": x,
                "value": state.f_info.as_min(),
                "gradient": state.f_info.compute_grad(),
                "next": state.y_eval,
                "size": jnp.ones(()) if search is None else search.step_size,
            }
            path = {name: path[name].at[count].set(each) for name, each in seen.items()}
            return count + 1, x, eqx.filter(state, eqx.is_array), path, done, failed

        def goes_on(carry: Any) -> Any:
            count, *_, done, failed = carry
            return ~done & ~failed & (count <= iterations)

        shapes = {"point": x.shape, "value": (), "gradient": x.shape, "next": x.shape, "size": ()}
        path = {name: jnp.zeros((_POINTS, *shape), x.dtype) for name, shape in shapes.items()}
        no = jnp.array(False)
        carry = (jnp.array(0), x, numbers, path, no, no)
        count, _, _, path, done, failed = jax.lax.while_loop(goes_on, body, carry)
        return path, count, done & ~failed

    return jax.jit(run)


def _claim(
    dialect: str, solver: str, options: Mapping[str, str] = MappingProxyType({}), **claimed: Any
) -> MinimizerClaim:
    return MinimizerClaim(
        "levenberg-marquardt",
        dialect,
        {"library": "optimistix", "solver": solver, **options},
        ("float64",),
        flushes_subnormals=True,
        promises=("residual-cauchy",),
        **claimed,
    )


# optimistix.ClassicalTrustRegion's, and the damping is the reciprocal of its step size.
_GAIN_RATIO = {
    "initial_damping": 1.0,
    "low_cutoff": 0.01,
    "high_cutoff": 0.99,
    "decrease": 3.5,
    "increase": 4.0,
}

rules = Minimizers()
rules.add_minimizers(
    LeastSquaresRule(
        _claim("gain-ratio-damping", "LevenbergMarquardt", search="none", fixed=_GAIN_RATIO),
        "optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance)",
    ),
    LeastSquaresRule(
        # By default it takes singular values, whose backward error has no stated constant.
        _claim(
            "trust-region",
            "IndirectLevenbergMarquardt",
            {"linear_solver": "QR"},
            search="none",
            sufficient_decrease=0.01,
            # Its search for the damping takes two seconds to compile.
            thorough_only=True,
        ),
        "optx.IndirectLevenbergMarquardt(rtol=tolerance, atol=tolerance, linear_solver=lx.QR())",
    ),
    LeastSquaresRule(
        _claim(
            "fixed-damping", "GaussNewton", search="unit", fixed={"damping": 0.0}, monotone=False
        ),
        "optx.GaussNewton(rtol=tolerance, atol=tolerance)",
    ),
)
