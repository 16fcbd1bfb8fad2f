"""A step of an optimizer as a CUDA graph."""

from __future__ import annotations

from typing import Any

import torch


class GraphedStep:
    """The step, run once and then captured; from then on it is replayed.

    The first one makes the state. What was captured reads gradients from where it found them, and
    is of no use once there is other state or a hyper-parameter has another value.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.captured: list[Any] = []
        self.graph: Any = None
        self.gradients: list[torch.Tensor] = []

    def __call__(self) -> None:
        groups = self.optimizer.param_groups
        parameters = [tensor for group in groups for tensor in group["params"]]
        if not all(tensor in self.optimizer.state for tensor in parameters):
            self.optimizer.step()
            return
        given = [tensor.grad for tensor in parameters]
        if self.captured != self._found():
            self._capture(parameters)
        torch._foreach_copy_(self.gradients, given)
        self.graph.replay()

    def _found(self) -> list[Any]:
        """What a captured step depends on: where tensors lie, and the values of numbers."""
        held = [*self.optimizer.param_groups, *self.optimizer.state.values()]
        values = [value for each in held for name, value in each.items() if name != "params"]
        return [value.data_ptr() if torch.is_tensor(value) else value for value in values]

    def _capture(self, parameters: list[torch.Tensor]) -> None:
        self.captured = self._found()
        self.gradients = [torch.empty_like(tensor) for tensor in parameters]
        for tensor, kept in zip(parameters, self.gradients, strict=True):
            tensor.grad = kept
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.optimizer.step()
