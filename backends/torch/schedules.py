"""The schedules of torch.optim.lr_scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from optcheck.backends.interface import Claim, Hyperparameters

Arguments = dict[str, Any]

_FLOAT64 = ("float64",)  # torch's schedulers compute in Python floats


def _linear(h: Hyperparameters) -> Arguments:
    end = h["final_rate"] / h["initial_rate"]
    return {"start_factor": 1.0, "end_factor": end, "total_iters": int(h["decay_steps"])}


def _exponential(h: Hyperparameters) -> Arguments:
    return {"gamma": h["decay_factor"] ** (1 / h["decay_steps"])}


def _exponential_rate(h: Hyperparameters) -> Arguments:
    return {"gamma": math.exp(-h["decay_rate"])}


def _step(h: Hyperparameters) -> Arguments:
    return {"step_size": int(h["decay_steps"]), "gamma": h["decay_factor"]}


def _warm_up(h: Hyperparameters) -> Arguments:
    return {"start_factor": h["start_factor"], "total_iters": int(h["warm_up_steps"])}


def _above_zero(h: Hyperparameters) -> str | None:
    return None if h["start_factor"] > 0.0 else "torch's LinearLR refuses to start at 0"


def _falling(h: Hyperparameters) -> str | None:
    falls = h["final_rate"] <= h["initial_rate"]
    return None if falls else "torch's LinearLR refuses an end factor above 1"


@dataclass(frozen=True)
class TorchSchedule:
    """A class of torch.optim.lr_scheduler, run as users run it: after each optimizer step."""

    claim: Claim
    scheduler: str
    arguments: Callable[[Hyperparameters], Arguments]
    # the hyper-parameter that the optimizer is given
    rate: str = "initial_rate"

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=hyperparameters[self.rate])
        make = getattr(torch.optim.lr_scheduler, self.scheduler)
        scheduler = make(optimizer, **self.arguments(hyperparameters))
        rates = []
        for _ in range(steps):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        return rates

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        arguments = self.arguments(hyperparameters)
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        return f"""import torch

optimizer = torch.optim.SGD([torch.zeros(1)], lr={hyperparameters[self.rate]!r})
scheduler = torch.optim.lr_scheduler.{self.scheduler}(optimizer, {keywords})
computed = []
for _ in range({steps}):
    computed.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
"""


SCHEDULES = (
    TorchSchedule(
        Claim(
            "linear-schedule",
            "recursive",
            {"scheduler": "LinearLR"},
            _FLOAT64,
            limits=_falling,
        ),
        "LinearLR",
        _linear,
    ),
    TorchSchedule(
        Claim("exponential-schedule", "recursive", {"scheduler": "ExponentialLR"}, _FLOAT64),
        "ExponentialLR",
        _exponential,
    ),
    TorchSchedule(
        Claim("exponential-rate-schedule", "recursive", {"scheduler": "ExponentialLR"}, _FLOAT64),
        "ExponentialLR",
        _exponential_rate,
    ),
    TorchSchedule(
        Claim("step-schedule", "recursive", {"scheduler": "StepLR"}, _FLOAT64), "StepLR", _step
    ),
    TorchSchedule(
        Claim(
            "linear-warm-up",
            "recursive",
            {"scheduler": "LinearLR"},
            _FLOAT64,
            limits=_above_zero,
        ),
        "LinearLR",
        _warm_up,
        rate="learning_rate",
    ),
)
