"""How fast gradient descent converges, with the constants, and where the bounds are attained."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import arb

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.registry import equation, statement

statement(
    "steps-small-near-minimum-fixed-rate-converges",
    title="A fixed rate below 2/L brings the gradient to zero",
    formula=(
        r"0<\epsilon<2/\mathcal L\ \Rightarrow\ \epsilon\Big(1-\frac{\mathcal L\epsilon}{2}\Big)"
        r"\sum_{k<K}\|\nabla J(\theta_k)\|^2\le J(\theta_0)-J(\theta_K)"
    ),
    sources=("goodfellow:sec 8.3.1", "bishop:Fig 7.4"),
)
statement(
    "gd-linear-convergence-near-minimum",
    title="The distance shrinks by the factor of the slowest mode",
    formula=(
        r"\|\mathbf{w}^{(\tau)}-\mathbf{w}^\star\|\le\rho^{\tau}\|\mathbf{w}^{(0)}-"
        r"\mathbf{w}^\star\|,\quad\rho=\max_i|1-\eta\lambda_i|<1"
    ),
    sources=("bishop:sec 7.3", "goodfellow:sec 8.3.1"),
)
statement(
    "gd-linear-rate-strongly-convex",
    title="The error falls by 1 - mu/L at every step",
    formula=(
        r"J(\theta_{k})-J^\star\le\Big(1-\frac{\mu}{\mathcal L}\Big)^{k}"
        r"\big(J(\theta_0)-J^\star\big),\quad\epsilon=1/\mathcal L"
    ),
    sources=("goodfellow:sec 8.3.1", "goodfellow:sec 8.3.2"),
    erratum="G53: holds for the rate 1/L; the factor depends on the rate.",
)


@equation(
    "gd-sublinear-rate-convex",
    title="The error of a convex function falls like 1/k",
    formula=r"J(\theta_k)-J^\star\le\frac{\mathcal L\|\theta_0-\theta^\star\|^2}{2k}",
    sources=("goodfellow:sec 8.3.1", "goodfellow:sec 8.3.2", "goodfellow:sec 8.3.4"),
)
def convex_bound(smoothness: Any, squared_distance: Any, steps: int) -> Any:
    """``L R**2 / (2 k)``."""
    return smoothness * squared_distance / (2 * steps)


def sharp_convex_bound(smoothness: Any, squared_distance: Any, steps: int) -> Any:
    """``L R**2 / (4 k + 2)``, which one function attains (Drori and Teboulle 2014, theorem 3)."""
    return smoothness * squared_distance / (4 * steps + 2)


def chain_minimum(smoothness: Any, dimension: int) -> tuple[list[Fraction], Any]:
    """Where ``L/4 (x'Ax/2 - x_1)`` is least, and how low; A has 2 and -1 on its diagonals."""
    n = dimension
    point = [1 - Fraction(i, n + 1) for i in range(1, n + 1)]
    return point, -smoothness * Fraction(n, n + 1) / 8


def chain_floor(smoothness: Any, dimension: int, steps: int) -> Any:
    """``L/8 (1/(k + 1) - 1/(n + 1))``: what error there is on the chain after k steps from 0.

    Whatever follows gradients has then moved in k coordinates at most, and this is the least of
    the function in those (Nesterov 2004, theorem 2.1.7).
    """
    return smoothness * (Fraction(1, steps + 1) - Fraction(1, dimension + 1)) / 8


@equation(
    "gd-iteration-complexity-condition-number",
    title="The number of steps grows like the condition number",
    formula=(
        r"k(\varepsilon)=\frac{\ln\big((J_0-J^\star)/\varepsilon\big)}{-2\ln(1-1/\kappa)}"
        r"\approx\frac{\kappa}{2}\ln\frac{J_0-J^\star}{\varepsilon}"
    ),
    sources=("goodfellow:sec 8.3.1", "goodfellow:sec 8.2.3"),
)
def steps_to_tolerance(condition_number: float, tolerance: float) -> arb:
    """Steps at the rate 1/L until the error along the flattest axis is ``tolerance`` of its first.

    A real number: the first step at which it holds is the next integer.
    """
    with ball_arithmetic():
        return arb(tolerance).log() / (2 * (1 - 1 / arb(condition_number)).log())
