"""Greedy supervised pre-training of a network of tanh layers with a linear output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optcheck.backends.function_minimizers import FunctionMinimizers
from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Stage

rules = FunctionMinimizers()

STEPS = 20


def _with_ones(values: Floats) -> Floats:
    return np.hstack([values, np.ones((len(values), 1))])


def _forward(weights: Sequence[Floats], inputs: Floats) -> list[Floats]:
    """What each layer is given, and the output at last."""
    layers = [inputs]
    for depth, matrix in enumerate(weights, start=1):
        sums = _with_ones(layers[-1]) @ matrix
        layers.append(np.tanh(sums) if depth < len(weights) else sums)
    return layers


def _loss(weights: Sequence[Floats], inputs: Floats, targets: Floats) -> float:
    error = _forward(weights, inputs)[-1] - targets
    return float(np.sum(error**2) / (2 * len(inputs)))


def _gradients(weights: Sequence[Floats], inputs: Floats, targets: Floats) -> list[Floats]:
    """By back-propagation, a matrix for each of ``weights``."""
    layers = _forward(weights, inputs)
    signal = (layers[-1] - targets) / len(inputs)
    gradients = []
    for given, matrix in zip(layers[-2::-1], reversed(weights), strict=True):
        gradients.append(_with_ones(given).T @ signal)
        signal = (signal @ matrix[:-1].T) * (1 - given**2)
    return gradients[::-1]


def _train(weights: Sequence[Floats], frozen: int, inputs: Floats, targets: Floats) -> Stage:
    """Gradient descent on all layers but the first ``frozen``; a step that climbs is halved."""
    given = _forward(weights, inputs)[frozen]
    free = [np.array(matrix) for matrix in weights[frozen:]]
    losses, rate = [_loss(free, given, targets)], 1.0
    for _ in range(STEPS):
        gradients = _gradients(free, given, targets)
        while rate > 2.0**-40:
            moved = [w - rate * g for w, g in zip(free, gradients, strict=True)]
            lower = _loss(moved, given, targets)
            if lower < losses[-1]:
                free, rate = moved, 1.5 * rate
                losses.append(lower)
                break
            rate /= 2
    return Stage(tuple(weights), (*weights[:frozen], *free), tuple(losses))


@rules.pretraining(dialect="supervised")
def pretrain(inputs: Floats, targets: Floats, widths: Sequence[int], seed: int) -> Sequence[Stage]:
    """Each hidden layer below a fresh output on what the layers under it make of the inputs.

    The output of the last stage is kept, and all layers are trained together.
    """
    random = np.random.default_rng(seed)

    def fresh(fan_in: int, fan_out: int) -> Floats:
        matrix: Floats = random.standard_normal((fan_in + 1, fan_out)) / np.sqrt(fan_in + 1)
        return matrix

    stages: list[Stage] = []
    hidden: tuple[Floats, ...] = ()
    fan_in, outputs = inputs.shape[1], targets.shape[1]
    for width in widths:
        added = fresh(fan_in, width), fresh(width, outputs)
        stages.append(_train((*hidden, *added), len(hidden), inputs, targets))
        hidden, fan_in = stages[-1].after[:-1], width
    stages.append(_train(stages[-1].after, 0, inputs, targets))
    return stages
