"""Newton's methods by ``torch.func`` and ``torch.linalg``: the derivatives are torch's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats, Hyperparameters
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

Tensor = torch.Tensor
Function = Callable[[Tensor], Tensor]
# A function and a point to its Hessian, gradient and value there.
Derivatives = Callable[[Function, Tensor], tuple[Tensor, Tensor, Tensor]]
# (Hessian, right-hand side, shift) to the direction.
Solve = Callable[[Tensor, Tensor, float], Tensor]


def _reversed_twice(function: Function, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By two reverse modes; a forward mode takes torch seven times as long."""

    def gradient(x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        g, f = torch.func.grad_and_value(function)(x)
        return g, (g, f)

    hessian, (g, f) = torch.func.jacrev(gradient, has_aux=True)(x)
    return hessian, g, f


def _hessian(function: Function, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By ``torch.func.hessian``, a forward mode over a reverse one."""
    g, f = torch.func.grad_and_value(function)(x)
    with warnings.catch_warnings():
        # torch scripts its forward-mode rules on first use, and warns that scripting is old.
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
        return torch.func.hessian(function)(x), g, f


def _newton(H: Tensor, right: Tensor, shift: float) -> Tensor:
    d: Tensor = torch.linalg.solve(H, right)
    return d


def _shifted(H: Tensor, right: Tensor, shift: float) -> Tensor:
    d: Tensor = torch.linalg.solve(H + shift * torch.eye(len(right), dtype=H.dtype), right)
    return d


def _absolute(H: Tensor, right: Tensor, shift: float) -> Tensor:
    curvatures, Q = torch.linalg.eigh(H)
    d: Tensor = Q @ (Q.mT @ right / curvatures.abs())
    return d


@dataclass
class TorchNewton:
    """Full steps from gradients and Hessians that torch derives.

    ``sources`` are those of the Hessian of ``value`` and of the direction, for scripts.
    """

    claim: MinimizerClaim
    derivatives: Derivatives
    solve: Solve
    sources: tuple[str, str]

    def minimize(self, task: Task) -> Trajectory:
        def value(x: Tensor) -> Tensor:
            # A tensor for a constant function too.
            result: Tensor = task.objective.value(x) + 0.0 * x[0]
            return result

        x = torch.tensor(task.start, dtype=getattr(torch, task.dtype))
        path: list[Iteration] = []
        for _ in range(task.iterations):
            H, g, f = self.derivatives(value, x)
            if not torch.isfinite(f) or g.abs().max() <= task.tolerance:
                break
            d = self._direction(H, g, task.hyperparameters)
            if d is None or torch.equal(x + d, x):
                break
            path.append(Iteration(_numbers(x), float(f), _numbers(g), _numbers(d), 1.0))
            x = x + d
        _, g, f = self.derivatives(value, x)
        path.append(Iteration(_numbers(x), float(f), _numbers(g)))
        return Trajectory(tuple(path), bool(torch.isfinite(f) and g.abs().max() <= task.tolerance))

    def _direction(
        self, hessian: Tensor, gradient: Tensor, hyperparameters: Hyperparameters
    ) -> Tensor | None:
        try:
            d = self.solve(hessian, -gradient, hyperparameters.get("shift", 0.0))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            return None
        return d if torch.all(torch.isfinite(d)) else None

    def script(self, task: Task) -> str:
        hessian, direction = self.sources
        return f"""import torch
from torch import cos, cosh, exp, log, sin, sqrt, tanh


def value(x):
    return {task.objective.sources().value} + 0.0 * x[0]


x = torch.tensor({literal(task.start)}, dtype=torch.{task.dtype})
shift = {task.hyperparameters.get("shift", 0.0)!r}
for _ in range({task.iterations}):
    g, f = torch.func.grad_and_value(value)(x)
    if g.abs().max() <= {task.tolerance!r}:
        break
    H = {hessian}(x)
    {direction}
    print(x, f, g, d)
    x = x + d
print(x, value(x))
"""


def _numbers(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().cpu().double().numpy())


_PROMISE: dict[str, Any] = {"search": "unit", "promises": ("gradient-maximum",), "monotone": False}
_SOLVE = "d = torch.linalg.solve(H, -g)"
_TWICE = "torch.func.jacrev(torch.func.grad(value))"

rules = Minimizers()
rules.add_minimizers(
    TorchNewton(
        MinimizerClaim("newton", "full-step", **_PROMISE),
        _reversed_twice,
        _newton,
        (_TWICE, _SOLVE),
    ),
    TorchNewton(
        MinimizerClaim(
            "newton",
            "full-step",
            {"derivatives": "torch.func.hessian"},
            ("float64",),
            **_PROMISE,
        ),
        _hessian,
        _newton,
        ("torch.func.hessian(value)", _SOLVE),
    ),
    TorchNewton(
        MinimizerClaim("regularized-newton", "shifted", **_PROMISE),
        _reversed_twice,
        _shifted,
        (_TWICE, "d = torch.linalg.solve(H + shift * torch.eye(len(g), dtype=H.dtype), -g)"),
    ),
    TorchNewton(
        MinimizerClaim("saddle-free-newton", "absolute-eigenvalues", **_PROMISE),
        _reversed_twice,
        _absolute,
        (_TWICE, "L, Q = torch.linalg.eigh(H); d = Q @ (Q.mT @ -g / L.abs())"),
    ),
)
