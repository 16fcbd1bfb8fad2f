"""The schedules of torch.optim.lr_scheduler, each as an expression in ``optimizer``."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from optcheck.backends.interface import Claim, Hyperparameters, Option
from optcheck.backends.torch.schedule_table import ROWS, Row


@dataclass(frozen=True)
class TorchSchedule:
    """A class of torch.optim.lr_scheduler, run as users run it: after each optimizer step.

    ``by_epoch`` tells it the number of the step, which asks for its closed form.
    """

    claim: Claim
    row: Row
    by_epoch: bool = False

    @property
    def ways(self) -> Sequence[str]:
        """How it goes on from any step."""
        if self.by_epoch:
            return ("count",)
        return ("state", "last-epoch") if self.row.takes_last_epoch else ("state",)

    def horizon(self, hyperparameters: Hyperparameters) -> int | None:
        return None if self.row.horizon is None else self.row.horizon(hyperparameters)

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        run = _Run(self, hyperparameters)
        return [run.advance(tau) for tau in range(steps)]

    def resumed(
        self, hyperparameters: Hyperparameters, start: int, steps: int, way: str
    ) -> Sequence[float]:
        run = _Run(self, hyperparameters)
        if way != "count":
            for tau in range(start):
                run.advance(tau)
            run = run.from_state() if way == "state" else run.from_last_epoch(start)
        return [run.advance(tau) for tau in range(start, start + steps)]

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        settings = "".join(f"{name} = {value!r}\n" for name, value in hyperparameters.items())
        told = "    scheduler.step(step)\n" if self.by_epoch else ""
        chained = "" if self.by_epoch else "    scheduler.step()\n"
        return f"""import math

import torch
from torch.optim import lr_scheduler

{settings}last_epoch = -1
optimizer = torch.optim.SGD([torch.zeros(1)], lr={hyperparameters[self.row.rate]!r})
scheduler = {self.row.expression}
computed = []
for step in range({steps}):
{told}    computed.append(optimizer.param_groups[0][{self.row.quantity!r}])
    optimizer.step()
{chained}"""


class _Run:
    """A scheduler and its optimizer."""

    def __init__(
        self,
        rule: TorchSchedule,
        hyperparameters: Hyperparameters,
        optimizer: torch.optim.Optimizer | None = None,
        last_epoch: int = -1,
    ) -> None:
        self.rule, self.hyperparameters = rule, hyperparameters
        rate = hyperparameters[rule.row.rate]
        self.optimizer = optimizer or torch.optim.SGD([torch.zeros(1)], lr=rate)
        names = {**hyperparameters, "optimizer": self.optimizer, "last_epoch": last_epoch}
        modules = {"math": math, "lr_scheduler": torch.optim.lr_scheduler}
        self.scheduler: Any = eval(rule.row.expression, {**modules, **names})
        self.updates = 0

    def advance(self, tau: int) -> float:
        """The rate of update ``tau``: what the optimizer has after the steps before it."""
        if self.rule.by_epoch:
            self._step(tau)
        elif self.updates:
            self._step()
        self.updates += 1
        return float(self.optimizer.param_groups[0][self.rule.row.quantity])

    def _step(self, *epoch: int) -> None:
        if self.updates:
            self.optimizer.step()
        with warnings.catch_warnings():
            if epoch:
                # torch deprecates it, and says so at every step.
                warnings.simplefilter("ignore", UserWarning)
            self.scheduler.step(*epoch)

    def _finish(self) -> None:
        """What a training loop does last: the step after the last update."""
        if self.updates:
            self._step()

    def from_state(self) -> _Run:
        """The same from what both save, through bytes."""
        self._finish()
        saved = pickle.dumps((self.optimizer.state_dict(), self.scheduler.state_dict()))
        other = _Run(self.rule, self.hyperparameters)
        for part, state in zip(
            (other.optimizer, other.scheduler), pickle.loads(saved), strict=True
        ):
            part.load_state_dict(state)
        return other

    def from_last_epoch(self, start: int) -> _Run:
        """The same from what the optimizer saves, and the number of the last step.

        As torch says, the optimizer is restored after the scheduler is made; and before it too,
        which looks there for the initial rate.
        """
        self._finish()
        saved = pickle.dumps(self.optimizer.state_dict())
        rate = self.hyperparameters[self.rule.row.rate]
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
        optimizer.load_state_dict(pickle.loads(saved))
        other = _Run(self.rule, self.hyperparameters, optimizer, start - 1)
        optimizer.load_state_dict(pickle.loads(saved))
        return other


def _claim(row: Row, dialect: str, **options: Option) -> Claim:
    return Claim(
        row.method,
        dialect,
        {"scheduler": row.scheduler, **row.options, **options},
        ("float64",),  # torch's schedulers compute in Python floats
        limits=row.limits,
        fixed=row.fixed,
    )


SCHEDULES = (
    *(TorchSchedule(_claim(row, row.dialect), row) for row in ROWS),
    *(
        TorchSchedule(_claim(row, row.closed_dialect, by="epoch"), row, by_epoch=True)
        for row in ROWS
        if row.closed_dialect is not None
    ),
)
