"""Greedy supervised pre-training: layer by layer, then all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcheck.reference.functions import total
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation

SOURCE = "goodfellow:sec 8.7.3"

Matrix = Sequence[Sequence[Any]]


@equation(
    "greedy-supervised-pre-training",
    title="Greedy supervised pre-training",
    formula=(
        r"l=1,2,\ldots:\ \min_{\mathbf W_l,\mathbf V_l}L(\mathbf V_l\circ\mathbf W_l\circ"
        r"\mathbf W_{l-1}\circ\cdots\circ\mathbf W_1);\quad\text{then all of them}"
    ),
    sources=(SOURCE, "goodfellow:Fig 8.10"),
)
def loss(weights: Sequence[Matrix], inputs: Matrix, targets: Matrix) -> Any:
    """Half the mean squared error of a network with tanh in its hidden layers.

    Each of ``weights`` has shape ``(fan_in + 1, fan_out)``, the bias in the last row; entries are
    scalars that know ``+``, ``*``, ``/`` and ``apply``.
    """
    squares = []
    for given, wanted in zip(inputs, targets, strict=True):
        outputs = _outputs(weights, given)
        errors = [a - b for a, b in zip(outputs, wanted, strict=True)]
        squares += [error * error for error in errors]
    return total(squares) / (2 * len(inputs))


def _outputs(weights: Sequence[Matrix], row: Sequence[Any]) -> Sequence[Any]:
    for depth, matrix in enumerate(weights, start=1):
        row = [_affine(row, column) for column in zip(*matrix, strict=True)]
        if depth < len(weights):
            row = [each.apply(lambda ball: ball.tanh()).elementary() for each in row]
    return row


def _affine(row: Sequence[Any], column: Sequence[Any]) -> Any:
    products = [a * b for a, b in zip(row, column[:-1], strict=True)]
    return total([*products, column[-1]])


GREEDY_PRETRAINING = procedure(
    Procedure(
        id="greedy-pretraining",
        title="Greedy pre-training",
        source=SOURCE,
        capability="pretraining",
        dialects={
            "supervised": Form(
                summary="each layer as the hidden one of a shallow network on frozen outputs",
                equations=("greedy-supervised-pre-training",),
            ),
        },
    )
)
