"""``scipy.optimize.minimize``, watched through its callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.optimize

from optcheck.backends.interface import Hyperparameters
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal, objective_lines

Options = dict[str, float]
_minimize: Any = scipy.optimize.minimize
# Up to so many iterations each matrix is shown, by a run that ends there.
_SHORT = 10


@dataclass(frozen=True)
class ScipyRule:
    """A method of ``scipy.optimize.minimize`` with ``options(hyperparameters, tolerance)``.

    Its callback shows the points and their values (those that ``return_all`` asks for are, for
    Newton-CG, all the last one in SciPy 1.17); the last gradient comes with the result, and so
    does the matrix, if the method ``keeps_matrix``. What L-BFGS-B returns as its matrix has the
    pairs up to the last point but one, from the identity; its directions are not made of it.
    """

    claim: MinimizerClaim
    scipy_method: str
    options: Callable[[Hyperparameters, float], Options]
    keeps_matrix: bool = False
    takes_hessian: bool = False

    def minimize(self, task: Task) -> Trajectory:
        x = np.array(task.start, dtype=task.dtype)
        visited = [(x.copy(), float(task.objective.value(x)))]

        def watch(intermediate_result: Any) -> None:
            # Copies: L-BFGS-B and Newton-CG go on in the same array.
            visited.append((intermediate_result.x.copy(), float(intermediate_result.fun)))

        def run(count: int, callback: Any = None) -> Any:
            return _minimize(
                task.objective.value,
                x,
                jac=task.objective.gradient,
                hess=task.objective.hessian if self.takes_hessian else None,
                method=self.scipy_method,
                callback=callback,
                options=self._limited(task, count),
            )

        result = run(task.iterations, watch)
        path = [Iteration(x, f, np.asarray(task.objective.gradient(x))) for x, f in visited]
        last = Iteration(np.array(result.x), float(result.fun), np.array(result.jac))
        if not np.array_equal(result.x, path[-1].point):
            path.append(last)
        path[-1] = last
        if self.keeps_matrix and task.iterations <= _SHORT:
            # A run that ends by its tolerance leaves the last pair out; those before it do not.
            path[:-1] = [
                replace(each, matrix=np.array(run(count).hess_inv, np.float64))
                for count, each in enumerate(path[:-1])
            ]
        shown = result.get("hess_inv")
        if isinstance(shown, scipy.optimize.LbfgsInvHessProduct):
            path[-2:-1] = [replace(each, matrix=shown.todense()) for each in path[-2:-1]]
        return Trajectory(tuple(path), bool(result.success), result.message, int(result.nfev))

    def _limited(self, task: Task, iterations: int) -> Options:
        return {**self.options(task.hyperparameters, task.tolerance), "maxiter": iterations}

    def script(self, task: Task) -> str:
        options = self._limited(task, task.iterations)
        hessian = "hess=objective.hessian,\n    " if self.takes_hessian else ""
        return f"""import numpy as np
from scipy.optimize import minimize

{objective_lines(task.objective)}
points = [np.array({literal(task.start)})]
result = minimize(
    objective.value,
    points[0],
    jac=objective.gradient,
    {hessian}method={self.scipy_method!r},
    options={options!r},
    callback=lambda intermediate_result: points.append(intermediate_result.x.copy()),
)
for x in points:
    print(x, objective.value(x), objective.gradient(x))
print(result)
"""
