"""What theory promises of momentum: effective rates, its range, its best parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.registry import equation, statement

statement(
    "momentum-parameter-range",
    title="Momentum is stable for coefficients below 1",
    formula=(
        r"0\le\mu<1,\qquad x_{t+1}x_{t-1}-x_t^2=\mu^{t-1}\,(x_2x_0-x_1^2)"
        r"\ \text{on}\ \tfrac{\lambda}{2}x^2"
    ),
    sources=(
        "bishop:sec 7.3.1",
        "prince:sec 6.3",
        "trofimov:slide 'Gradient Descent with Momentum'",
    ),
    erratum="B10, T10: 0 <= mu <= 1 is printed. At mu = 1 nothing is damped.",
)
statement(
    "momentum-update-convex-combination",
    title="Momentum as a convex combination of gradient and last step",
    formula=(
        r"w(\tau+1)=w(\tau)-\alpha(1-\mu)\nabla E(w(\tau))+\mu\Delta w(\tau),"
        r"\quad\Delta w(\tau)=w(\tau)-w(\tau-1)"
    ),
    sources=("trofimov:slide 'Gradient Descent with Momentum. Implementations'",),
)
statement(
    "momentum-convex-combination-limits",
    title="Limits of momentum as a convex combination",
    formula=(
        r"\mu=0:\ w(\tau+1)=w(\tau)-\alpha\nabla E(w(\tau));\qquad"
        r"\mu=1:\ w(\tau+1)=w(\tau)+\Delta w(\tau)"
    ),
    sources=("trofimov:slide 'Gradient Descent with Momentum. Implementations'",),
)
statement(
    "momentum-ema-effective-rate-bounds",
    title="Effective rates of averaged momentum",
    formula=(
        r"\text{aligned gradients}:\ \alpha(1-\beta^{t})\uparrow\alpha;\qquad"
        r"\text{alternating}:\ \alpha\frac{1-\beta}{1+\beta}"
    ),
    sources=("prince:sec 6.3",),
)


@equation(
    "momentum-sgd-algorithm-bishop",
    title="Stochastic gradient descent with momentum, on minibatches",
    formula=(
        r"\Delta\mathbf w\leftarrow-\eta\nabla E_{n:\min(n+B-1,N)}(\mathbf w)"
        r"+\mu\Delta\mathbf w;\ \mathbf w\leftarrow\mathbf w+\Delta\mathbf w"
    ),
    sources=("bishop:Alg 7.3",),
    erratum="B05: the last block runs past the data where B does not divide N.",
)
def algorithm(
    start: npt.ArrayLike, gradients: Sequence[npt.ArrayLike], rate: arb, momentum: arb
) -> tuple[Balls, Balls]:
    """The weights after all ``gradients``, and the last change of them, exactly."""
    exact = Arithmetic.exact()
    weights = exact.array(start)
    change = exact.array([0.0] * len(weights))
    with ball_arithmetic():
        for gradient in gradients:
            pairs = zip(change.balls, exact.array(gradient).balls, strict=True)
            change = Balls([momentum * d - rate * g for d, g in pairs], exact)
            weights = weights + change
    return weights, change


@equation(
    "momentum-alpha-eta-influence",
    title="The share of past gradients in a step",
    formula=(
        r"\frac{\sum_{k=1}^{T-1}\alpha^k}{\sum_{k=0}^{T-1}\alpha^k}"
        r"=\alpha\,\frac{1-\alpha^{T-1}}{1-\alpha^T}\to\alpha"
    ),
    sources=("goodfellow:sec 8.3.3",),
)
def share_of_the_past(momentum: float, steps: int) -> arb:
    """Of step number ``steps`` under a constant gradient."""
    with ball_arithmetic():
        alpha = arb(momentum)
        return alpha * (1 - alpha ** (steps - 1)) / (1 - alpha**steps)


def averaged_rates(rate: float, decay: float, steps: int, ratio: int) -> Balls:
    """Step over ``-gradient`` of averaged momentum, for gradients g, rg, r^2 g ...; r is +-1."""
    with ball_arithmetic():
        alpha, beta = arb(rate), arb(decay)
        limit = alpha if ratio == 1 else alpha * (1 - beta) / (1 + beta)
        factors = [limit * (1 - (ratio * beta) ** t) for t in range(1, steps + 1)]
    return Balls(factors, Arithmetic.exact())


@dataclass(frozen=True)
class Tuned:
    """Learning rate times the largest curvature, momentum, and the factor per step."""

    product: arb
    momentum: arb
    factor: arb


@equation(
    "momentum-accelerates-ill-conditioned",
    title="The best momentum contracts by the root of the condition number",
    formula=(
        r"\rho_{\text{HB}}=\max_i\rho\begin{pmatrix}1+\mu-\eta\lambda_i&-\mu\\1&0\end{pmatrix}"
        r"=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}<\frac{\kappa-1}{\kappa+1}=\rho_{\text{GD}}"
        r"\ \text{at}\ \eta=\frac{4}{(\sqrt L+\sqrt m)^2},\ \mu=\rho_{\text{HB}}^2"
    ),
    sources=(
        "bishop:sec 7.3.1",
        "prince:Fig 6.7",
        "goodfellow:sec 8.3.3",
        "trofimov:slide 'Gradient Descent with Momentum. Illustration'",
        "polyak:1964",
    ),
)
def best_momentum(root: int) -> Tuned:
    """For the condition number ``root**2``; call it inside :func:`ball_arithmetic`."""
    factor = arb(root - 1) / (root + 1)
    return Tuned((1 + factor) ** 2, factor**2, factor)


def best_envelope(root: int, step: int) -> arb:
    """The largest mode after ``step`` updates with :func:`best_momentum`, the stiffest one.

    All modes have roots of modulus rho. Where they are real, at both ends of the spectrum, they
    are double: the stiffest mode is ``(-rho)**t (1 + t (1 + rho))``.
    """
    factor = best_momentum(root).factor
    return factor**step * (1 + step * (1 + factor))


def best_descent(root: int) -> Tuned:
    """Gradient descent at ``2 / (L + m)``."""
    kappa = arb(root) ** 2
    return Tuned(2 * kappa / (kappa + 1), arb(0), (kappa - 1) / (kappa + 1))
