"""A valley of the Gabor loss that leads gradient descent astray, and holds no stochastic one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.reference.calculus.models import GABOR_DATA
from optcheck.reference.registry import statement

Floats = npt.NDArray[np.float64]

statement(
    "sgd-escape-local-minima",
    title="Where the total error is stationary, that of single examples is not",
    formula=r"\nabla E(\mathbf{w}_A)=0\ \not\Rightarrow\ \nabla E_n(\mathbf{w}_A)=0",
    sources=(
        "bishop:sec 7.2.3",
        "prince:sec 6.2.2",
        "slides:slide 'Stochastic gradient descent'",
        "trofimov:slide 'Stochastic GD. Advantages and Disadvantages'",
        "prince:Fig 6.5",
    ),
)

# A local minimum of the loss of GABOR_DATA, where it is 8.456; the lowest found is 1.557.
MINIMUM = (-4.252003550173408, 5.405239413475917)
# The components of the gradient are smaller there, in exact arithmetic.
SLOPE_AT_MINIMUM = 1e-13
# Of the gradients of single examples, the longest is longer than this.
LONGEST_OF_ONE_EXAMPLE = 1.8

# About it lies this box. On its edges the loss is above BARRIER, and in it no eigenvalue of the
# Hessian is above STEEPEST. Below the rate 2/STEEPEST each step of gradient descent lowers the
# loss on all of its way, as long as that is in the box: from a point of the box below the barrier
# no step leads to an edge.
CENTER = (-4.25, 5.4375)
HALF_WIDTHS = (0.75, 1.5)
BARRIER = 9.0
STEEPEST = 24.0

# With batches of BATCH_SIZE examples, drawn with replacement, at RATE, so many steps lead out of
# the box with a probability of 0.91, as 10^5 trials say within 0.01.
RATE = 1.0 / 16.0
BATCH_SIZE = 4
STEPS = 40
LEAVES = 0.75


def is_in_the_valley(w: Any) -> Any:
    """Whether points, shape ``(2, ...)``, are in the box."""
    inside = [np.abs(x - c) <= half for x, c, half in zip(w, CENTER, HALF_WIDTHS, strict=True)]
    return inside[0] & inside[1]


def gradients(w: Floats, examples: npt.NDArray[np.int_]) -> Floats:
    """Of single examples, shape ``(2, ...)``; ``w[0]`` and ``examples`` have shapes that go."""
    inputs, targets = np.array(GABOR_DATA.inputs), np.array(GABOR_DATA.targets)
    return np.array(GABOR_DATA.loss_slopes(w, inputs[examples], targets[examples]))
