"""Normalisation by ``torch.nn`` and ``torch.nn.functional``; the gradients are autograd's."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.layers import NormalizerRule
from optcheck.backends.scripts import literal

Tensor = torch.Tensor


class Standardisation(torch.nn.Module):
    """Data in units of their deviation, by ``torch.var_mean``."""

    def __init__(self, epsilon: float, correction: int) -> None:
        super().__init__()
        self.epsilon, self.correction = epsilon, correction

    def forward(self, data: Tensor) -> Tensor:
        if self.training:
            self.running_var, self.running_mean = torch.var_mean(
                data, dim=0, correction=self.correction
            )
        return (data - self.running_mean) / torch.sqrt(self.running_var + self.epsilon)


class FunctionalBatchNorm(torch.nn.BatchNorm1d):
    """``F.batch_norm`` with the buffers of a module."""

    def forward(self, batch: Tensor) -> Tensor:
        assert self.momentum is not None
        return functional.batch_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


class FunctionalLayerNorm(torch.nn.LayerNorm):
    """``F.layer_norm`` with the parameters of a module."""

    def forward(self, batch: Tensor) -> Tensor:
        return functional.layer_norm(
            batch, self.normalized_shape, self.weight, self.bias, self.eps
        )


class TorchNormalizerRun:
    """A module in one dtype."""

    def __init__(self, module: torch.nn.Module, arrangement: str, dtype: torch.dtype) -> None:
        self.module, self.arrangement, self.dtype = module, arrangement, dtype

    def _native(self, batch: Floats) -> Tensor:
        names = {"torch": torch, "batch": torch.tensor(batch, dtype=self.dtype)}
        native: Tensor = eval(self.arrangement, names)
        return native

    def train(self, batch: Floats) -> Floats:
        return _numbers(self.module.train()(self._native(batch)))

    def evaluate(self, batch: Floats) -> Floats:
        return _numbers(self.module.eval()(self._native(batch)))

    def train_masked(self, batch: Floats, mask: Sequence[bool]) -> Floats | None:
        return None

    def gradients(self, batch: Floats, cotangent: Floats) -> Mapping[str, Floats]:
        module = copy.deepcopy(self.module).train()
        inputs = {"batch": self._native(batch).requires_grad_()}
        names = {"weight": "gain", "bias": "shift"}
        inputs |= {names[name]: each for name, each in module.named_parameters()}
        total = (module(inputs["batch"]) * self._native(cotangent)).sum()
        found = torch.autograd.grad(total, list(inputs.values()))
        return {name: _numbers(each) for name, each in zip(inputs, found, strict=True)}

    def state(self) -> Mapping[str, Floats]:
        names = {"mean": "running_mean", "variance": "running_var"}
        shown = {name: getattr(self.module, each, None) for name, each in names.items()}
        return {name: _numbers(each) for name, each in shown.items() if each is not None}


@dataclass
class TorchNormalizer:
    """An expression for a module in ``features``, ``affine`` and hyper-parameters."""

    claim: Claim
    expression: str
    # How the batch is stored.
    arrangement: str = "batch"

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def start(
        self,
        features: tuple[int, ...],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> TorchNormalizerRun:
        kind = getattr(torch, dtype)
        names = {"torch": torch, "features": features, "affine": gain is not None}
        module: torch.nn.Module = eval(self.expression, {**globals(), **names, **hyperparameters})
        module.to(kind)
        for name, values in (("weight", gain), ("bias", shift)):
            if values is not None:
                setattr(module, name, torch.nn.Parameter(torch.tensor(values, dtype=kind)))
        return TorchNormalizerRun(module, self.arrangement, kind)

    def script(
        self,
        batches: Sequence[Floats],
        hyperparameters: Hyperparameters,
        *,
        dtype: str,
        gain: Floats | None = None,
        shift: Floats | None = None,
    ) -> str:
        own = self.expression.partition("(")[0]
        source = f"\n\n{inspect.getsource(globals()[own])}\n" if own in globals() else ""
        values = "".join(f"{name} = {value!r}\n" for name, value in hyperparameters.items())
        data = "".join(f"    torch.tensor({literal(each)}, dtype=dtype),\n" for each in batches)
        learned = "".join(
            f"module.{name}.data = torch.tensor({literal(each)}, dtype=dtype)\n"
            for name, each in (("weight", gain), ("bias", shift))
            if each is not None
        )
        return f"""import torch
from torch import Tensor
from torch.nn import functional

nan, inf = float("nan"), float("inf")
dtype = torch.{dtype}
{values}affine = {gain is not None}
features = {batches[0].shape[1:]!r}
*earlier, last = (
{data})
{source}
module = {self.expression}
module.to(dtype)
{learned}arranged = lambda batch: {self.arrangement}
for batch in earlier:
    module.train()(arranged(batch))
print(module.eval()(arranged(last)))
print(module.train()(arranged(last)))
"""


def _numbers(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().cpu().double().numpy())


def _rule(method: str, dialect: str, expression: str, **claimed: Any) -> TorchNormalizer:
    arrangement = claimed.pop("arrangement", "batch")
    return TorchNormalizer(Claim(method, dialect, **claimed), expression, arrangement)


def _positive(given: Hyperparameters) -> str | None:
    return None if given["epsilon"] > 0 else "eps must be positive"


_BATCH = (
    "(torch.nn.BatchNorm2d if len(features) == 3 else torch.nn.BatchNorm1d)"
    "(features[0], eps=epsilon, momentum={}, affine=affine)"
)
# Every second number of what is stored.
_STRIDED = "torch.stack([batch, batch], -1)[..., 0]"
# Where a batch is contiguous, 1 - momentum is computed in its precision.
_CONTIGUOUS = {"scalar_bits": {"float32": (24, 24)}, "limits": _positive}

NORMALIZERS: tuple[NormalizerRule, ...] = (
    _rule("data-normalization", "two-pass", "Standardisation(epsilon, correction=0)"),
    _rule("data-normalization", "two-pass+unbiased", "Standardisation(epsilon, correction=1)"),
    _rule(
        "batch-normalization",
        "new-share+unbiased+folded",
        _BATCH.format("momentum"),
        **_CONTIGUOUS,
    ),
    _rule(
        "batch-normalization",
        "new-share+unbiased+folded",
        "FunctionalBatchNorm(features[0], eps=epsilon, momentum=momentum, affine=affine)",
        options={"function": "F.batch_norm"},
        **_CONTIGUOUS,
    ),
    _rule(
        "batch-normalization",
        "new-share+unbiased",
        _BATCH.format("momentum"),
        options={"storage": "strided"},
        arrangement=_STRIDED,
        limits=_positive,
    ),
    _rule("batch-normalization", "cumulative+unbiased+folded", _BATCH.format(None), **_CONTIGUOUS),
    _rule(
        "layer-normalization",
        "last-axis",
        "torch.nn.LayerNorm(features[-1], eps=epsilon, elementwise_affine=affine)",
    ),
    _rule(
        "layer-normalization",
        "all-axes",
        "torch.nn.LayerNorm(features, eps=epsilon, elementwise_affine=affine)",
    ),
    _rule(
        "layer-normalization",
        "all-axes",
        "FunctionalLayerNorm(features, eps=epsilon, elementwise_affine=affine)",
        options={"function": "F.layer_norm"},
    ),
)
