"""``torch.optim.LBFGS``, one iteration a call: its state between calls shows every one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration, MinimizerClaim, Task, Trajectory
from optcheck.backends.scripts import literal

# Of an iteration's line search; torch counts them for each call of step().
_EVALUATIONS = 25


@dataclass(frozen=True)
class TorchLBFGS:
    """``LBFGS`` with or without its line search; what it waits for is its gradient alone."""

    claim: MinimizerClaim
    line_search: str | None

    def minimize(self, task: Task) -> Trajectory:
        objective = task.objective
        x = torch.tensor(task.start, dtype=getattr(torch, task.dtype), requires_grad=True)
        optimizer: Any = torch.optim.LBFGS([x], **self._options(task))
        state = optimizer.state[x]

        def closure() -> Any:
            x.grad = objective.gradient(x.detach())
            return objective.value(x.detach())

        path: list[Iteration] = []
        for count in range(1, task.iterations + 1):
            here = x.detach().clone()
            optimizer.step(closure)
            if state["n_iter"] < count or torch.equal(here, x):
                break
            path.append(
                Iteration(
                    _numbers(here),
                    float(state["prev_loss"]),
                    _numbers(state["prev_flat_grad"]),
                    _numbers(state["d"]),
                    float(state["t"]),
                )
            )
            if not torch.all(torch.isfinite(x)):
                break
        here = x.detach()
        path.append(
            Iteration(
                _numbers(here), float(objective.value(here)), _numbers(objective.gradient(here))
            )
        )
        return Trajectory(tuple(path), evaluations=state["func_evals"])

    def _options(self, task: Task) -> dict[str, Any]:
        return {
            "history_size": int(task.hyperparameters["history"]),
            "line_search_fn": self.line_search,
            "max_iter": 1,
            "max_eval": 1 + _EVALUATIONS,
            "tolerance_grad": task.tolerance,
            "tolerance_change": 0.0,
        }

    def script(self, task: Task) -> str:
        sources = task.objective.sources()
        return f"""import torch
from torch import cos, cosh, exp, log, sin, sqrt, tanh


def value(x):
    return {sources.value} + 0.0 * x[0]


x = torch.tensor({literal(task.start)}, dtype=torch.{task.dtype}, requires_grad=True)
optimizer = torch.optim.LBFGS([x], **{self._options(task)!r})


def closure():
    optimizer.zero_grad()
    loss = value(x)
    loss.backward()
    return loss


for _ in range({task.iterations}):
    loss = optimizer.step(closure)
    state = optimizer.state[x]
    print(loss.item(), state.get("d"), state.get("t"), x.detach())
print(value(x.detach()))
"""


def _numbers(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.detach().cpu().double().numpy())


def _rule(line_search: str | None, **claimed: Any) -> TorchLBFGS:
    claim = MinimizerClaim(
        "l-bfgs",
        "two-loop",
        {"line_search_fn": line_search or "none"},
        # Pairs with s'y up to this are skipped.
        fixed={"curvature_threshold": 1e-10},
        **claimed,
    )
    return TorchLBFGS(claim, line_search)


rules = Minimizers()
rules.add_minimizers(
    _rule("strong_wolfe", search="wolfe"), _rule(None, search="none", monotone=False)
)
