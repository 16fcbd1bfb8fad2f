"""``torch.nn.utils.clip_grad_norm_`` and ``clip_grad_value_``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from optcheck.backends.interface import Claim, Floats, Hyperparameters
from optcheck.backends.torch.scripts import tensors

_IN_TWO = (
    "torch.nn.utils.clip_grads_with_norm_(parameters, {0}, "
    "torch.nn.utils.get_total_norm([p.grad for p in parameters], foreach={1}), foreach={1})"
)

# What clips ``parameters``, by method, dialect and function: the global norm at once, and the norm
# of each by a call for each.
CALLS = {
    ("clip-by-global-norm", "stabilised-norm", "clip_grad_norm_"): (
        "torch.nn.utils.clip_grad_norm_(parameters, {}, foreach={})"
    ),
    ("clip-by-global-norm", "stabilised-norm", "clip_grads_with_norm_"): _IN_TWO,
    ("clip-by-global-norm", "stabilised-sum", "clip_grad_norm_"): (
        "torch.nn.utils.clip_grad_norm_(parameters, {}, 1.0, foreach={})"
    ),
    ("clip-by-global-norm", "stabilised-maximum", "clip_grad_norm_"): (
        'torch.nn.utils.clip_grad_norm_(parameters, {}, float("inf"), foreach={})'
    ),
    ("clip-by-norm", "stabilised-norm", "clip_grad_norm_"): (
        "[torch.nn.utils.clip_grad_norm_([p], {}, foreach={}) for p in parameters]"
    ),
    ("clip-by-value", "exact", "clip_grad_value_"): (
        "torch.nn.utils.clip_grad_value_(parameters, {}, foreach={})"
    ),
}


@dataclass(frozen=True)
class TorchClipping:
    """One of the functions, on one path; the call is evaluated here and printed in scripts."""

    claim: Claim
    device: str

    def _call(self, hyperparameters: Hyperparameters) -> str:
        threshold, foreach = hyperparameters["threshold"], self.claim.options["foreach"]
        key = (self.claim.method, self.claim.dialect, str(self.claim.options["function"]))
        return CALLS[key].format(repr(threshold), foreach)

    def clip(
        self, gradients: Sequence[torch.Tensor], hyperparameters: Hyperparameters
    ) -> Sequence[torch.Tensor]:
        parameters = [torch.zeros_like(gradient) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        eval(self._call(hyperparameters), {"torch": torch, "parameters": parameters})
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""import torch

gradients = {tensors(gradients, dtype, self.device)}
parameters = [torch.zeros_like(gradient) for gradient in gradients]
for parameter, gradient in zip(parameters, gradients):
    parameter.grad = gradient
{self._call(hyperparameters)}
computed = [x for p in parameters for x in p.grad.double().flatten().tolist()]
"""
