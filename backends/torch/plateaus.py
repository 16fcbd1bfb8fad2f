"""``torch.optim.lr_scheduler.ReduceLROnPlateau``."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from optcheck.backends.interface import Claim, Hyperparameters
from optcheck.backends.scripts import literal
from optcheck.backends.torch.scripts import tensor_source
from optcheck.backends.training import MetricScheduleRule

_MODES = {"minimum": "min", "maximum": "max"}
_THRESHOLDS = {"relative": "rel", "absolute": "abs"}


@dataclass
class TorchPlateau:
    """The scheduler in one mode; ``tensors`` are told it for metrics, and are its rates."""

    claim: Claim
    tensors: bool

    def rates(
        self,
        hyperparameters: Hyperparameters,
        metrics: Sequence[float],
        *,
        dtype: str,
        saved_after: int | None = None,
    ) -> Sequence[float]:
        optimizer, scheduler = self._made([hyperparameters])
        rates = []
        for count, metric in enumerate(metrics):
            if count == saved_after:
                saved = pickle.dumps((optimizer.state_dict(), scheduler.state_dict()))
                optimizer, scheduler = self._made([hyperparameters])
                of_optimizer, of_scheduler = pickle.loads(saved)
                optimizer.load_state_dict(of_optimizer)
                scheduler.load_state_dict(of_scheduler)
            scheduler.step(self._native(metric))
            rates.append(float(optimizer.param_groups[0]["lr"]))
        return rates

    def group_rates(
        self, groups: Sequence[Hyperparameters], metrics: Sequence[float], *, dtype: str
    ) -> Sequence[Sequence[float]]:
        optimizer, scheduler = self._made(groups)
        rates = []
        for metric in metrics:
            scheduler.step(self._native(metric))
            rates.append([float(group["lr"]) for group in optimizer.param_groups])
        return list(zip(*rates, strict=True))

    def script(
        self, hyperparameters: Hyperparameters, metrics: Sequence[float], *, dtype: str
    ) -> str:
        keywords = ", ".join(f"{k}={v!r}" for k, v in self._keywords([hyperparameters]).items())
        rate = hyperparameters["initial_rate"]
        told = "torch.tensor(metric, dtype=torch.float64)" if self.tensors else "metric"
        return f"""import torch

metrics = {literal(np.array(metrics))}
rate = {tensor_source(rate) if self.tensors else repr(rate)}
optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, {keywords})
computed = []
for metric in metrics:
    scheduler.step({told})
    computed.append(float(optimizer.param_groups[0]["lr"]))
"""

    def _keywords(self, groups: Sequence[Hyperparameters]) -> dict[str, Any]:
        """What the class is told: a list of minimal rates where there are several groups."""
        given = groups[0]
        mode, threshold = self.claim.dialect.split("+")
        minima = [group["minimal_rate"] for group in groups]
        return {
            "mode": _MODES[mode],
            "factor": given["factor"],
            "patience": int(given["patience"]),
            "threshold": given["threshold"],
            "threshold_mode": _THRESHOLDS[threshold],
            "cooldown": int(given["cooldown"]),
            "min_lr": minima if len(minima) > 1 else minima[0],
            "eps": given["minimal_change"],
        }

    def _made(
        self, groups: Sequence[Hyperparameters]
    ) -> tuple[torch.optim.Optimizer, ReduceLROnPlateau]:
        """An optimizer of as many groups, and its scheduler."""
        optimizer = torch.optim.SGD(
            [
                {"params": [torch.zeros(1)], "lr": self._native(group["initial_rate"])}
                for group in groups
            ]
        )
        return optimizer, ReduceLROnPlateau(optimizer, **self._keywords(groups))

    def _native(self, value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64) if self.tensors else value


PLATEAUS: tuple[MetricScheduleRule, ...] = tuple(
    TorchPlateau(
        Claim(
            "reduce-on-plateau",
            f"{mode}+{threshold}",
            {"scheduler": "ReduceLROnPlateau", **({"numbers": "tensors"} if tensors else {})},
            ("float64",),  # torch's schedulers compute in Python floats
        ),
        tensors,
    )
    for tensors in (False, True)
    for mode in _MODES
    for threshold in _THRESHOLDS
)
