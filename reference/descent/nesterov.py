"""What theory promises of Nesterov momentum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.descent.momentum import Tuned
from optcheck.reference.registry import equation, statement

Floats = npt.NDArray[np.float64]

statement(
    "nesterov-sgd-algorithm-goodfellow",
    title="Stochastic gradient descent with Nesterov momentum, on minibatches",
    formula=(
        r"\tilde{\boldsymbol\theta}\leftarrow\boldsymbol\theta+\alpha\mathbf v;\ "
        r"\mathbf g\leftarrow\frac1m\sum_i\nabla L(f(\mathbf x^{(i)};\tilde{\boldsymbol\theta}),"
        r"\mathbf y^{(i)});\ \mathbf v\leftarrow\alpha\mathbf v-\eta\mathbf g;\ "
        r"\boldsymbol\theta\leftarrow\boldsymbol\theta+\mathbf v"
    ),
    sources=("goodfellow:Alg 8.3",),
    erratum="G06: theta is overwritten by the interim point, so that alpha v is added twice. "
    "G16: the gradient lacks its 1/m.",
)
statement(
    "nesterov-oblong-quadratic-comparison",
    title="Three methods on an oblong quadratic",
    formula=r"\mu=0.95:\ \text{NAG swings less than momentum; GD is slowest along the flat axis}",
    sources=("trofimov:slide 'Nesterov Accelerated Gradient. Illustration'",),
)


@equation(
    "nesterov-lookahead-difference",
    title="What looking ahead changes in a step",
    formula=(
        r"\Delta_{\text{NAG}}-\Delta_{\text{mom}}=-\eta\big[\nabla E(\mathbf w+\mu\Delta\mathbf w)"
        r"-\nabla E(\mathbf w)\big]=-\eta\mu\,\mathbf H\Delta\mathbf w\ \text{on a quadratic}"
    ),
    sources=(
        "bishop:sec 7.3.1",
        "prince:sec 6.3.1",
        "goodfellow:sec 8.3.4",
        "trofimov:slide 'NAG vs Standard Momentum'",
    ),
)
def look_ahead_difference(
    hessian: Sequence[Sequence[float]], change: Balls, rate: arb, momentum: arb
) -> Balls:
    """``-rate momentum H change``."""
    return Balls([-rate * momentum * each for each in _turned(hessian, change)], change.arithmetic)


def _turned(hessian: Sequence[Sequence[float]], vector: Balls) -> list[arb]:
    return [
        sum((arb(a) * x for a, x in zip(row, vector.balls, strict=True)), arb(0))
        for row in hessian
    ]


def two_steps(
    hessian: Sequence[Sequence[float]],
    linear: Sequence[float],
    start: Sequence[float],
    rate: arb,
    momentum: arb,
) -> list[tuple[Balls, Balls]]:
    """Weights and last change after one and two steps from rest, on ``w'Hw/2 - b'w``.

    Those of momentum, and the difference that looking ahead makes in the second one.
    """
    exact = Arithmetic.exact()
    weights = exact.array(start)
    with ball_arithmetic():
        change = Balls([-rate * g for g in _slopes(hessian, weights, linear)], exact)
        first = weights + change
        slopes = _slopes(hessian, first, linear)
        pairs = zip(change.balls, slopes, strict=True)
        plain = Balls([momentum * d - rate * g for d, g in pairs], exact)
        second: Balls = plain + look_ahead_difference(hessian, change, rate, momentum)
        return [(first, change), (first + second, second)]


def _slopes(
    hessian: Sequence[Sequence[float]], weights: Balls, linear: Sequence[float]
) -> list[arb]:
    return [g - arb(b) for g, b in zip(_turned(hessian, weights), linear, strict=True)]


def convex_momenta(steps: int) -> list[float]:
    """``(t_(k-1) - 1) / t_k`` for k = 1 ... steps, where ``t_0 = 0``, ``t_1 = 1`` and so on.

    The first one does not matter: there is no velocity yet.
    """
    t, momenta = 1.0, [0.0]
    for _ in range(1, steps):
        after = (1.0 + float(np.sqrt(1.0 + 4.0 * t * t))) / 2.0
        momenta.append((t - 1.0) / after)
        t = after
    return momenta


@equation(
    "nesterov-rate-convex",
    title="Nesterov's bound for convex functions",
    formula=(
        r"J(\theta_k)-J^\star\le\frac{2\mathcal L\|\theta_0-\theta^\star\|^2}{(k+1)^2},\quad"
        r"\eta=\frac1{\mathcal L},\ \mu_k=\frac{t_{k-1}-1}{t_k},\ "
        r"t_k=\frac{1+\sqrt{1+4t_{k-1}^2}}{2}"
    ),
    sources=("goodfellow:sec 8.3.4", "goodfellow:sec 8.3.2"),
)
def convex_bounds(steps: int, smoothness: float, distance_squared: float) -> Floats:
    """The bound at k = 1 ... steps."""
    counts = np.arange(1, steps + 1, dtype=np.float64)
    bounds: Floats = 2.0 * smoothness * distance_squared / (counts + 1.0) ** 2
    return bounds


class Chain:
    """Nesterov's worst quadratic: ``L/8 (x_1^2 + sum (x_i - x_(i+1))^2 + x_n^2) - L/4 x_1``.

    From zero, k steps along gradients reach the first k coordinates alone.
    """

    def __init__(self, nodes: int, smoothness: float) -> None:
        self.nodes = nodes
        self.smoothness = smoothness
        self.minimum = 1.0 - np.arange(1, nodes + 1) / (nodes + 1.0)
        self.distance_squared = float(self.minimum @ self.minimum)

    def gradient(self, x: Floats) -> Floats:
        """Tridiagonal; half of it is in each of two differences."""
        padded = np.concatenate(([1.0], x, [0.0]))
        slopes: Floats = self.smoothness / 4.0 * (2.0 * x - padded[:-2] - padded[2:])
        return slopes

    def excess(self, points: Floats) -> Floats:
        """``f(x) - f(minimum)`` of each row, without a cancellation."""
        errors = np.pad(points - self.minimum, ((0, 0), (1, 1)))
        excess: Floats = self.smoothness / 8.0 * np.sum(np.diff(errors, axis=1) ** 2, axis=1)
        return excess


@equation(
    "nesterov-rate-strongly-convex",
    title="Nesterov's factor for strongly convex functions",
    formula=(
        r"\Big(1-\tfrac{m}{\mathcal L}\Big)^k\ \text{(gradient descent)}\ \longrightarrow\ "
        r"\Big(1-\sqrt{m/\mathcal L}\Big)^k\ \text{(Nesterov)},\quad\eta=\frac1{\mathcal L},\ "
        r"\mu=\frac{\sqrt\kappa-1}{\sqrt\kappa+1}"
    ),
    sources=("goodfellow:sec 8.3.4",),
    erratum="G08: the root and the exponents are lost; 'strictly' should be 'strongly'.",
)
def strongly_convex(root: int) -> Tuned:
    """For the condition number ``root**2``; call it inside :func:`ball_arithmetic`."""
    return Tuned(arb(1), arb(root - 1) / (root + 1), 1 - arb(1) / root)


def strongly_convex_envelope(dialect: str, root: int, step: int) -> arb:
    """The largest mode after ``step`` updates, the softest one: ``(1 + t / sqrt(kappa)) rho^t``.

    Its root is double; those of the others have a modulus of ``sqrt(mu (1 - lambda / L))``. The
    shifted forms are at ``w_(t+1) / (1 - lambda / L)``.
    """
    factor = strongly_convex(root).factor
    if "shifted" in dialect and step:
        return factor ** (step + 1) * (1 + arb(step + 1) / root) / (1 - arb(1) / root**2)
    return factor**step * (1 + arb(step) / root)
