"""The line search of ``torch.optim.LBFGS`` and its interpolation, each called on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.lbfgs import _cubic_interpolate, _strong_wolfe

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Claim
from optcheck.backends.minimization import LineResult, LineTask, MinimizerClaim
from optcheck.backends.scripts import literal

rules = Minimizers()


@dataclass(frozen=True)
class TorchStrongWolfe:
    """``_strong_wolfe`` from a first trial of 1; it always returns a step."""

    claim: MinimizerClaim
    implementation: str = "torch.optim.lbfgs._strong_wolfe"

    def search(self, task: LineTask) -> LineResult:
        objective, h = task.objective, task.hyperparameters
        native = getattr(torch, task.dtype)
        x, d = torch.tensor(task.start, dtype=native), torch.tensor(task.direction, dtype=native)
        trials: list[float] = []

        def evaluate(x: torch.Tensor, t: float, d: torch.Tensor) -> tuple[float, torch.Tensor]:
            trials.append(float(t))
            point = x + t * d
            return float(objective.value(point)), objective.gradient(point)

        gradient = objective.gradient(x)
        _, _, step, _ = _strong_wolfe(  # type: ignore[no-untyped-call]
            evaluate,
            x,
            1.0,
            d,
            float(objective.value(x)),
            gradient,
            gradient.dot(d),
            c1=h["sufficient_decrease"],
            c2=h["curvature"],
            max_ls=int(h["limit"]),
        )
        return LineResult(float(step), tuple(trials))

    def script(self, task: LineTask) -> str:
        sources, h = task.objective.sources(), task.hyperparameters
        return f"""import torch
from torch import abs, log, sqrt
from torch.optim.lbfgs import _strong_wolfe

x = torch.tensor({literal(task.start)}, dtype=torch.{task.dtype})
d = torch.tensor({literal(task.direction)}, dtype=torch.{task.dtype})


def value(x):
    return float({sources.value})


def gradient(x):
    return torch.tensor([{", ".join(sources.gradient)}], dtype=x.dtype)


def evaluate(x, t, d):
    print("trial", float(t), value(x + t * d))
    return value(x + t * d), gradient(x + t * d)


f, g = value(x), gradient(x)
slope = g.dot(d)
constants = dict(c1={h["sufficient_decrease"]!r}, c2={h["curvature"]!r}, max_ls={int(h["limit"])})
f_new, g_new, t, count = _strong_wolfe(evaluate, x, 1.0, d, f, g, slope, **constants)
print("step", float(t), "value", f_new, "slope", float(g_new.dot(d)), "from", f, float(slope))
"""


@dataclass(frozen=True)
class TorchCubic:
    """``_cubic_interpolate``: steps and values are numbers there, and slopes are tensors."""

    claim: Claim
    implementation: str = "torch.optim.lbfgs._cubic_interpolate"

    def minimum(self, values: Mapping[str, float], *, dtype: str) -> float:
        told: dict[str, Any] = dict(values)
        for name in ("ga", "gb"):
            told[name] = torch.tensor(values[name], dtype=getattr(torch, dtype))
        found = _cubic_interpolate(*(told[name] for name in _ORDER))  # type: ignore[no-untyped-call]
        return float(found)

    def script(self, values: Mapping[str, float], *, dtype: str) -> str:
        told = ", ".join(
            f"torch.tensor({values[name]!r}, dtype=torch.{dtype})"
            if name in ("ga", "gb")
            else repr(values[name])
            for name in _ORDER
        )
        return f"""import torch
from torch.optim.lbfgs import _cubic_interpolate

print(float(_cubic_interpolate({told})))
"""


_ORDER = ("a", "fa", "ga", "b", "fb", "gb")
rules.add_line_searches(
    TorchStrongWolfe(MinimizerClaim("wolfe", "strong", dtypes=("float64",), search="wolfe"))
)
rules.add_interpolations(TorchCubic(Claim("interpolation", "cubic-two-slopes")))
