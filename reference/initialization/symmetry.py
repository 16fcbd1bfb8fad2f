"""What deterministic training does to units that start alike, and to parameters near their start.

The network has one hidden layer: ``f(x) = sum_k v_k tanh(w_k x)``. A unit is a row ``(w_k, v_k)``;
a bias is the weight of an input that is 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.registry import equation, statement

Floats = npt.NDArray[np.float64]

# The largest second derivative of tanh, 4 / (3 sqrt 3), rounded up.
_BEND = 0.7698003589195011

statement(
    "symmetry-breaking-identical-units",
    title="Units that start alike stay alike",
    formula=(
        r"\theta_a^{(0)}=\theta_b^{(0)}\Rightarrow\theta_a^{(\tau)}=\theta_b^{(\tau)}\ \forall\tau"
        r";\quad\Big|\frac{\|\theta_a^{(\tau+1)}-\theta_b^{(\tau+1)}\|}"
        r"{\|\theta_a^{(\tau)}-\theta_b^{(\tau)}\|}-1\Big|\le\eta K\ \text{of gradient descent}"
    ),
    sources=(
        *("bishop:sec 7.2.5", "goodfellow:sec 8.7.2"),
        "slides:slide 'Parameter initialization'",
    ),
)


def residuals(units: Floats, inputs: Floats, targets: Floats) -> Floats:
    """The errors of the outputs, for the inputs in the rows of ``inputs``."""
    errors: Floats = np.tanh(inputs @ units[:, :-1].T) @ units[:, -1] - targets
    return errors


def unit_gradient(unit: Floats, inputs: Floats, errors: Floats) -> Floats:
    """Half the sum of squared errors, differentiated in one unit: the same for equal units."""
    hidden = np.tanh(inputs @ unit[:-1])
    slopes = errors * unit[-1] * (1.0 - hidden**2)
    return np.array([*(slopes @ inputs), errors @ hidden])


def stretch(first: Floats, second: Floats, inputs: Floats, errors: Floats) -> float:
    """How much of the distance of two units the difference of their gradients is at most.

    A unit's Hessian in ``w`` is ``v tanh''`` times the square of ``x``, and beside it stands
    ``tanh' x``; the errors are those that both units see.
    """
    lengths = np.linalg.norm(inputs, axis=1)
    outgoing = max(abs(float(first[-1])), abs(float(second[-1])))
    return float(np.abs(errors) @ (_BEND * outgoing * lengths**2 + lengths))


@equation(
    "parameters-near-initial-prior",
    title="A few steps from a start are like a Gaussian prior about it",
    formula=(
        r"\theta^{(T)}-\theta^{(0)}=\big(1-(1-\eta\lambda)^T\big)(\theta^*-\theta^{(0)}),\qquad"
        r"\hat\theta_\alpha-\theta^{(0)}=\frac{\lambda}{\lambda+\alpha}(\theta^*-\theta^{(0)});"
        r"\quad\alpha=\frac1{\eta T}:\ 1\le\frac{1-(1-\eta\lambda)^T}{\lambda/(\lambda+\alpha)}"
        r"\le2\ \text{for }\eta\lambda\le1"
    ),
    sources=("goodfellow:sec 8.7.2",),
)
def descent_share(rate: float, curvature: float, steps: int) -> arb:
    """How much of the way to the minimum gradient descent goes in so many steps."""
    with ball_arithmetic():
        return 1 - (1 - arb(rate) * arb(curvature)) ** steps


def ridge_share(curvature: float, penalty: Any) -> arb:
    """How much of the way from the centre of a ridge penalty to the minimum its solution is."""
    with ball_arithmetic():
        return arb(curvature) / (arb(curvature) + arb(penalty))


def matching_penalty(rate: float, steps: int) -> arb:
    """That of the prior that so many steps resemble, ``1 / (eta T)``.

    With ``u = eta lambda T`` descent goes ``1 - exp(-u)`` of the way at least, which is at least
    ``u / (1 + u)``, and ``min(1, u)`` at most, which is at most twice that.
    """
    with ball_arithmetic():
        return 1 / (arb(rate) * steps)


def equal_penalty(rate: float, curvature: float, steps: int) -> float:
    """That of the prior under which a mode ends exactly where descent leaves it."""
    return curvature / math.expm1(-steps * math.log1p(-rate * curvature))
