"""torch: greedy supervised pre-training with ``torch.nn`` and ``torch.optim.SGD``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Stage

rules = FunctionMinimizers()

STEPS = 10
# Below twice the inverse of the largest curvature of these small networks.
RATE = 0.05


def _network(layers: Sequence[nn.Linear]) -> nn.Sequential:
    parts: list[nn.Module] = [layers[0]]
    for layer in layers[1:]:
        parts += [nn.Tanh(), layer]
    return nn.Sequential(*parts)


def _weights(layers: Sequence[nn.Linear]) -> tuple[Floats, ...]:
    """Copies, the bias in the last row."""
    with torch.no_grad():
        return tuple(
            np.array(torch.cat([layer.weight.T, layer.bias[None]]).cpu().numpy())
            for layer in layers
        )


def _train(layers: Sequence[nn.Linear], inputs: torch.Tensor, targets: torch.Tensor) -> Stage:
    """Descent on the layers that are not frozen."""
    network, before, losses = _network(layers), _weights(layers), []
    free = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(free, RATE)
    for step in range(STEPS + 1):
        optimizer.zero_grad()
        loss = ((network(inputs) - targets) ** 2).sum() / (2 * len(inputs))
        losses.append(float(loss.detach()))
        if step < STEPS:
            loss.backward()
            optimizer.step()
    return Stage(before, _weights(layers), tuple(losses))


@rules.pretraining(dialect="supervised")
def pretrain(inputs: Floats, targets: Floats, widths: Sequence[int], seed: int) -> Sequence[Stage]:
    """Each hidden layer below a fresh output; what was trained before has no gradient."""
    x, y = torch.tensor(inputs), torch.tensor(targets)
    stages, hidden = [], list[nn.Linear]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for width in widths:
            fan_in = hidden[-1].out_features if hidden else x.shape[1]
            for layer in hidden:
                layer.requires_grad_(False)
            hidden.append(nn.Linear(fan_in, width, dtype=torch.float64))
            output = nn.Linear(width, y.shape[1], dtype=torch.float64)
            stages.append(_train([*hidden, output], x, y))
        for layer in hidden:
            layer.requires_grad_(True)
        stages.append(_train([*hidden, output], x, y))
    return stages
