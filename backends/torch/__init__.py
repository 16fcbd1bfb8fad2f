"""torch: its optimizers in every path, its schedulers and ``clip_grad_norm_``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from optcheck.backends.function_minimizers import Minimizers
from optcheck.backends.interface import INTERFACE_VERSION, Claim, Floats
from optcheck.backends.placement import placed
from optcheck.backends.torch import minimizers
from optcheck.backends.torch.clipping import CALLS, TorchClipping
from optcheck.backends.torch.derivatives import DERIVATIVES
from optcheck.backends.torch.distribution import DISTRIBUTIONS
from optcheck.backends.torch.factorizations import FACTORIZATIONS
from optcheck.backends.torch.initializers import INITIALIZERS
from optcheck.backends.torch.loaders import LOADERS
from optcheck.backends.torch.losses import LOSSES
from optcheck.backends.torch.normalizers import NORMALIZERS
from optcheck.backends.torch.plateaus import PLATEAUS
from optcheck.backends.torch.recurrences import RECURRENCES
from optcheck.backends.torch.schedules import SCHEDULES, TorchSchedule
from optcheck.backends.torch.table import DTYPES, FOREACH, SINGLE, claims
from optcheck.backends.torch.update_rules import TorchRule
from optcheck.backends.training import Training

__all__ = ["TorchBackend"]


_TRAINING: dict[str, Any] = {
    "derivatives": DERIVATIVES,
    "losses": LOSSES,
    "factorizations": FACTORIZATIONS,
    "loaders": LOADERS,
    "initializers": INITIALIZERS,
    "normalizers": NORMALIZERS,
    "recurrences": RECURRENCES,
    "metric_schedules": PLATEAUS,
    "distributions": DISTRIBUTIONS,
}

_ON_THE_HOST = {
    "minibatches": "torch.utils.data draws on the host: run with --device cpu",
    "sharded-update": "the processes meet over gloo on the host: run with --device cpu",
    "data-parallel-gradient": "the processes meet over gloo on the host: run with --device cpu",
}
_WITHOUT_HOST = {
    name: rules for name, rules in _TRAINING.items() if name not in ("loaders", "distributions")
}


class TorchBackend(Minimizers, Training):
    """torch on one device."""

    name = "torch"
    interface_version = INTERFACE_VERSION
    source_modules = tuple(
        f"torch.optim.{name}"
        for name in (
            *("sgd", "adagrad", "rmsprop", "adadelta", "rprop"),
            *("adam", "adamw", "adamax", "nadam", "radam", "lbfgs"),
        )
    )

    def __init__(self, device: str = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise LookupError("torch sees no CUDA device; run with --device cpu")
        self.device = torch.device(device)
        # TF32 would round to 11 bits what the laws budget at 24.
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        Minimizers.__init__(self)
        on_host = self.device.type == "cpu"
        # Why methods that torch has on the CPU are not claimed here.
        self.absent = {} if on_host else _ON_THE_HOST
        Training.__init__(self, **(_TRAINING if on_host else _WITHOUT_HOST))
        for each in minimizers.FAMILIES:
            self.extend(each.rules)
        if not on_host:
            self.replace_parts(self._placed)
            self.replace_minimizers(self._placed)

    def _placed(self, rule: Any) -> Any:
        heading = f"import torch\n\ntorch.set_default_device({self.device.type!r})"
        return placed(rule, lambda: self.device, heading)

    def library(self) -> tuple[str, str]:
        return "torch", torch.__version__

    def environment(self) -> Mapping[str, str]:
        return {
            "threads": str(torch.get_num_threads()),
            "TF32": "on" if torch.backends.cuda.matmul.allow_tf32 else "off",
            "device name": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
        }

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> torch.Tensor:
        tensor = torch.tensor(values, dtype=getattr(torch, dtype), device=self.device)
        if transposed and tensor.ndim > 1:
            tensor = tensor.T.contiguous().T
        return tensor

    def to_numpy(self, array: torch.Tensor) -> Floats:
        wide = torch.complex128 if array.is_complex() else torch.float64
        return np.array(array.detach().to("cpu", wide).numpy())

    def dtype(self, array: torch.Tensor) -> str:
        return str(array.dtype).removeprefix("torch.")

    def synchronize(self, arrays: Sequence[torch.Tensor]) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def update_rules(self) -> Sequence[TorchRule]:
        device = self.device.type
        return [TorchRule(claim, row, device) for row, claim in claims(device)]

    def schedules(self) -> Sequence[TorchSchedule]:
        return SCHEDULES

    def clippings(self) -> Sequence[TorchClipping]:
        return [
            TorchClipping(
                Claim(method, dialect, {"function": function, **options}, DTYPES),
                self.device.type,
            )
            for method, dialect, function in CALLS
            for options in (SINGLE, FOREACH)
        ]
