"""The losses and activations of ``torch.nn.functional``; the gradients are autograd's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.scripts import literal
from optcheck.backends.training import LossRule

Tensor = torch.Tensor
Tensors = dict[str, Tensor]
Loss = Callable[[Tensors], Tensor]

_NAMES = {"torch": torch, "F": torch.nn.functional}


def _whole(loss: Loss, tensors: Tensors, first: str) -> Tensor:
    """One backward pass."""
    (gradient,) = torch.autograd.grad(loss(tensors).sum(), tensors[first])
    return gradient


def _accumulated(loss: Loss, tensors: Tensors, first: str) -> Tensor:
    """One backward pass for each half of the batch; ``.grad`` adds them up."""
    leaf = tensors[first]
    batch = {name: each.tensor_split(2) for name, each in tensors.items() if name != first}
    for half in range(2):
        part = {name: each[half] for name, each in batch.items()}
        torch.autograd.backward(loss({first: leaf, **part}))
    assert leaf.grad is not None
    return leaf.grad


def _per_example(loss: Loss, tensors: Tensors, first: str) -> Tensor:
    """The gradient of every example for itself, by ``torch.func.vmap``; then their sum."""
    names = [name for name in tensors if name != first]

    def of_one(shared: Tensor, *example: Tensor) -> Tensor:
        rows = {name: each[None] for name, each in zip(names, example, strict=True)}
        return loss({first: shared, **rows})

    each = torch.func.vmap(torch.func.grad(of_one), (None, *[0] * len(names)))
    scores: Tensor = each(tensors[first].detach(), *(tensors[name] for name in names))
    return scores.sum(0)


# How the gradient of a batch is taken, with the source of it.
_WAYS: dict[str, tuple[Callable[[Loss, Tensors, str], Tensor], str]] = {
    "": (
        _whole,
        "print(torch.autograd.grad(loss(**tensors).sum(), tensors[first])[0])",
    ),
    "accumulated": (
        _accumulated,
        """for half in range(2):
    batch = {name: each.tensor_split(2)[half] for name, each in tensors.items() if name != first}
    loss(**{first: tensors[first]}, **batch).backward()
print(tensors[first].grad)""",
    ),
    "per-example": (
        _per_example,
        """names = [name for name in tensors if name != first]
of_one = lambda shared, *rows: loss(
    **{first: shared}, **{name: row[None] for name, row in zip(names, rows)}
)
scores = torch.func.vmap(torch.func.grad(of_one), (None, *[0] * len(names)))
print(scores(tensors[first].detach(), *(tensors[name] for name in names)).sum(0))""",
    ),
}


@dataclass
class TorchLoss:
    """An expression in the names of the arguments."""

    claim: Claim
    expression: str

    @property
    def implementation(self) -> str:
        """The expression."""
        return self.expression

    def _loss(self, tensors: Tensors) -> Tensor:
        result: Tensor = eval(self.expression, {**_NAMES, **tensors})
        return result

    def value(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        return _numbers(self._loss(_tensors(arguments, dtype)))

    def gradient(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> Floats:
        tensors, first = _tensors(arguments, dtype), next(iter(arguments))
        tensors[first].requires_grad_()
        way, _ = _WAYS[str(self.claim.options.get("gradient", ""))]
        return _numbers(way(self._loss, tensors, first))

    def script(
        self, arguments: Mapping[str, Floats], hyperparameters: Hyperparameters, *, dtype: str
    ) -> str:
        first = next(iter(arguments))
        tensors = "".join(
            f"    {name!r}: torch.tensor({literal(each)}, dtype=torch.{dtype}),\n"
            for name, each in arguments.items()
        )
        _, gradient = _WAYS[str(self.claim.options.get("gradient", ""))]
        return f"""import torch
import torch.nn.functional as F

inf = float("inf")
tensors = {{
{tensors}}}
first = {first!r}
tensors[first].requires_grad_()
loss = lambda {", ".join(arguments)}: {self.expression}
print(loss(**tensors))
{gradient}
"""


def _tensors(arguments: Mapping[str, Floats], dtype: str) -> Tensors:
    kind = getattr(torch, dtype)
    return {name: torch.tensor(each, dtype=kind) for name, each in arguments.items()}


def _numbers(tensor: Tensor) -> Floats:
    return np.array(tensor.detach().cpu().double().numpy())


def _rule(method: str, dialect: str, expression: str, **claimed: Any) -> TorchLoss:
    return TorchLoss(Claim(method, dialect, **claimed), expression)


def _reduced(function: str, reduction: str) -> str:
    return f"F.{function}(prediction, target, reduction={reduction!r})"


_GAUSSIAN = "F.gaussian_nll_loss(prediction, target, variance{})"
_LINEAR = "F.mse_loss(inputs @ weights, target, reduction={!r})"

# torch.sigmoid is 0 where exp(-z) overflows: what is made of it shows no subnormal result.
LOSSES: tuple[LossRule, ...] = (
    _rule("squared-error", "elementwise", _reduced("mse_loss", "none")),
    _rule("squared-error", "sum", "torch.nn.MSELoss(reduction='sum')(prediction, target)"),
    _rule("squared-error", "mean", _reduced("mse_loss", "mean")),
    _rule(
        "binary-cross-entropy",
        "probabilities-clamped+sum",
        _reduced("binary_cross_entropy", "sum"),
    ),
    _rule(
        "binary-cross-entropy",
        "probabilities-clamped+mean",
        _reduced("binary_cross_entropy", "mean"),
    ),
    _rule(
        "binary-cross-entropy",
        "logits-difference+sum",
        _reduced("binary_cross_entropy_with_logits", "sum"),
        flushes_subnormals=True,
    ),
    _rule(
        "binary-cross-entropy",
        "logits-difference+mean",
        _reduced("binary_cross_entropy_with_logits", "mean"),
        flushes_subnormals=True,
    ),
    _rule(
        "gaussian-negative-log-likelihood",
        "variance+sum",
        _GAUSSIAN.format(", full=True, reduction='sum'"),
    ),
    _rule(
        "gaussian-negative-log-likelihood",
        "variance-without-constant+mean",
        _GAUSSIAN.format(""),
    ),
    _rule(
        "gaussian-negative-log-likelihood",
        "scale",
        "-torch.distributions.Normal(prediction, scale).log_prob(target)",
    ),
    _rule("logistic-sigmoid", "textbook", "torch.sigmoid(argument)", flushes_subnormals=True),
    _rule("rectifier", "flat-at-zero", "F.relu(argument)"),
    _rule("softplus", "linear-above-threshold", "F.softplus(argument)", flushes_subnormals=True),
    _rule("zero-one-loss", "elementwise", "(1 - target * torch.sign(prediction)) / 2"),
    _rule("batch-loss", "sum", _LINEAR.format("sum")),
    _rule("batch-loss", "sum", _LINEAR.format("sum"), options={"gradient": "accumulated"}),
    _rule("batch-loss", "sum", _LINEAR.format("sum"), options={"gradient": "per-example"}),
    _rule("batch-loss", "mean", _LINEAR.format("mean")),
)
