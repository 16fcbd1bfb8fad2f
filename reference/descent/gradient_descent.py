"""Gradient descent at a fixed rate: what one step does, and what many do to a quadratic.

The functions take numbers of any kind, so that the laws evaluate them in fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optcheck.reference.registry import equation, statement

statement(
    "iterative-weight-update",
    title="Weights change by an amount that is added",
    formula=r"\mathbf{w}^{(\tau)}=\mathbf{w}^{(\tau-1)}+\Delta\mathbf{w}^{(\tau-1)}",
    sources=("bishop:7.15", "slides:slide 'Use of gradient information'"),
)
statement(
    "gradient-descent-update-summed-loss",
    title="Gradient descent on the loss summed over the examples",
    formula=(
        r"\boldsymbol\theta\leftarrow\boldsymbol\theta-\epsilon\,\nabla_{\boldsymbol\theta}"
        r"\sum_tL(f(\mathbf{x}^{(t)};\boldsymbol\theta),\mathbf{y}^{(t)};\boldsymbol\theta)"
    ),
    sources=("goodfellow:8.10",),
    erratum="G01: printed with a plus sign, which raises the loss.",
)
statement(
    "gd-step-proportional-to-gradient",
    title="The step is as long as the gradient, times the rate",
    formula=r"\|\Delta\mathbf{w}\|=\eta\,\|\nabla E\|",
    sources=("prince:sec 6.4", "trofimov:slide 'Gradient Descent'"),
)
statement(
    "gradient-step-uphill-condition",
    title="When a step along the gradient goes uphill",
    formula=(
        r"J(\boldsymbol\theta-\alpha\mathbf{g})>J(\boldsymbol\theta)\iff"
        r"\tfrac12\alpha\,\mathbf{g}^T\mathbf{H}\mathbf{g}>\mathbf{g}^T\mathbf{g}"
        r"\ (\text{quadratic }J);\qquad\mathbf{g}\parallel\mathbf{u}_i:\ \alpha>2/\lambda_i"
    ),
    sources=("goodfellow:sec 8.2.1",),
)
statement(
    "gradient-descent-descent-threshold",
    title="The loss falls by this much, if the rate is below 2/L",
    formula=(
        r"J(\theta-\epsilon\nabla J)\le J(\theta)-\epsilon\big(1-\tfrac{\mathcal L\epsilon}{2}"
        r"\big)\|\nabla J\|^2"
    ),
    sources=("goodfellow:sec 8.3.1", "goodfellow:footnote 2"),
    erratum="G47: 1/L is printed as the limit of the rate; it is 2/L.",
)
statement(
    "gradient-in-eigencoordinates",
    title="The gradient of a quadratic along the axes of its Hessian",
    formula=r"\nabla E=\sum_i\alpha_i\lambda_i\mathbf{u}_i",
    sources=("bishop:7.24",),
)
statement(
    "weight-change-in-eigencoordinates",
    title="A change of the weights along the axes of the Hessian",
    formula=r"\Delta\mathbf{w}=\sum_i\Delta\alpha_i\mathbf{u}_i",
    sources=("bishop:7.25",),
)
statement(
    "gradient-descent-eigencoordinate-change",
    title="A step changes each mode in proportion to its curvature",
    formula=r"\Delta\alpha_i=-\eta\lambda_i\alpha_i",
    sources=("bishop:7.26",),
)
statement(
    "gd-quadratic-oscillation-condition",
    title="When a mode changes its sign at every step",
    formula=r"1-\eta\lambda_i<0\iff\eta>1/\lambda_i",
    sources=("bishop:sec 7.3",),
)
statement(
    "gd-learning-rate-regimes",
    title="Monotone, oscillating and divergent learning rates",
    formula=(
        r"\eta<1/\lambda_{\max}:\ \text{monotone};\quad1/\lambda_{\max}<\eta<2/\lambda_{\max}:"
        r"\ \text{oscillating, convergent};\quad\eta>2/\lambda_{\max}:\ \text{divergent}"
    ),
    sources=("trofimov:slide 'Gradient Descent'", "bishop:sec 7.3", "prince:sec 6.4"),
)
statement(
    "saddle-escape-gradient-descent",
    title="Gradient descent is driven away from saddle points",
    formula=(
        r"\alpha_i^{(k)}=(1+\eta|\lambda_i|)^k\,\alpha_i^{(0)}\ (\lambda_i<0),\qquad"
        r"\alpha_i(t)=e^{-\lambda_it}\alpha_i(0)\ \text{for small }\eta"
    ),
    sources=("goodfellow:sec 8.2.4", "prince:sec 6.1.3"),
)
statement(
    "gd-initial-point-dependence",
    title="The start decides the end",
    formula=r"\mathbf{w}^{(\infty)}=\Phi_\eta(\mathbf{w}^{(0)})",
    sources=("trofimov:slide 'Gradient Descent. Illustration 1'", "prince:sec 6.2"),
)
statement(
    "gd-fixed-rate-escape-local-minimum",
    title="A fixed rate leaves a local minimum if it is too large for its curvature",
    formula=r"\eta>2/\lambda_{\max}(\mathbf{H}(\mathbf{w}_A))",
    sources=("prince:Problem 6.8",),
)


@equation(
    "gradient-step-second-order-cost",
    title="What a step does to the cost, to second order",
    formula=(
        r"J(\boldsymbol\theta-\alpha\mathbf{g})\approx J(\boldsymbol\theta)"
        r"-\alpha\,\mathbf{g}^{T}\mathbf{g}+\tfrac12\alpha^2\,\mathbf{g}^{T}\mathbf{H}\mathbf{g}"
    ),
    sources=("goodfellow:sec 8.2.1",),
    erratum="G02: printed once as g H g. G03: the first-order term is 0 at critical points.",
)
def second_order_change(rate: Any, squares: Any, curvature: Any, third: Any = 0) -> Any:
    """``-a g'g + a**2 g'Hg / 2``; with the third derivative along g it is that of a cubic."""
    change = -rate * squares + rate**2 * curvature / 2
    return change - rate**3 * third / 6


@equation(
    "gd-quadratic-slowest-mode-factor",
    title="The factor of the slowest mode, and the best that a fixed rate can do",
    formula=(
        r"\eta\to\frac{2}{\lambda_{\max}}:\ 1-\eta\lambda_{\min}\downarrow"
        r"1-\frac{2\lambda_{\min}}{\lambda_{\max}};\qquad\text{best worst factor}\ "
        r"\frac{\kappa-1}{\kappa+1}\ \text{at}\ \eta=\frac{2}{\lambda_{\min}+\lambda_{\max}}"
    ),
    sources=("bishop:7.30", "bishop:sec 7.3"),
    erratum="B08: the printed factor is a limit; at the rate itself the stiff mode stays.",
)
def best_factor(condition_number: Any) -> Any:
    """``(kappa - 1) / (kappa + 1)``."""
    return (condition_number - 1) / (condition_number + 1)


def slow_factor_limit(condition_number: Any) -> Any:
    """``1 - 2 / kappa``: that of the slowest mode where the rate comes to its limit."""
    return 1 - 2 / condition_number


@dataclass(frozen=True)
class DoubleWell:
    """The function with the slope ``scale * x * (x - left) * (x - right)``, left < 0 < right.

    Its minima are ``left`` and ``right``, and 0 divides their valleys. The minimum further away
    is the deeper one. At most 1 as a rate times the largest curvature moves every point of the
    interval towards its minimum and never past it.
    """

    left: Any
    right: Any
    scale: Any = 1

    def slope(self, x: Any) -> Any:
        return self.scale * x * (x - self.left) * (x - self.right)

    def curvature(self, x: Any) -> Any:
        """The second derivative."""
        a, b = self.left, self.right
        return self.scale * (3 * x * x - 2 * (a + b) * x + a * b)

    def value(self, x: Any) -> Any:
        """The function; 0 at 0."""
        a, b = self.left, self.right
        return self.scale * x * x * (3 * x * x - 4 * (a + b) * x + 6 * a * b) / 12
