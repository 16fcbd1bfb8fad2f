"""What theory promises of stochastic gradient descent, with its constants.

The gradients are those of single examples of ``curvature (w - xi)**2 / 2`` with a Gaussian ``xi``:
then every rule that is linear in its gradients has Gaussian iterates, whose mean and variance are
known exactly at every step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.reference.registry import Method, statement

Floats = npt.NDArray[np.float64]

statement(
    "sgd-constant-step-noise-floor",
    title="With a constant rate the error falls exponentially, to a floor",
    formula=(
        r"\mathbb E[e_{k+1}]\le\rho\,\mathbb E[e_k]+c\,\eta^2,\ \rho<1\ \Rightarrow\ "
        r"\mathbb E[e_k]\to\frac{c\,\eta^2}{1-\rho},\qquad"
        r"\operatorname{Var}w_k=(1-\eta\lambda)^{2k}v_0"
        r"+\frac{\eta\lambda\sigma^2}{2-\eta\lambda}\big(1-(1-\eta\lambda)^{2k}\big)"
    ),
    sources=("goodfellow:sec 8.3.2",),
)
statement(
    "sgd-noise-requires-decreasing-rate",
    title="Where gradients are noisy at the minimum, a constant rate leaves an error",
    formula=(
        r"\mathrm{Var}[\hat{\mathbf g}(\theta^\star)]>0\ \Rightarrow\ \eta\ \text{constant}:\ "
        r"\limsup\mathbb E\|\theta_k-\theta^\star\|^2>0"
    ),
    sources=(
        "goodfellow:sec 8.3.2",
        "prince:sec 6.2.2",
        "trofimov:slide 'Stochastic GD. Advantages and Disadvantages'",
    ),
)
statement(
    "sgd-noise-vanishes-under-interpolation",
    title="Where every example is fitted, no gradient of an example is left",
    formula=(
        r"\ell_i[\hat\phi]=\min\ \forall i\ \Rightarrow\ \nabla\ell_i[\hat\phi]=0\ \forall i"
    ),
    sources=("prince:sec 6.2.2",),
)
statement(
    "batch-gd-redundant-vs-sgd-speed",
    title="One step of batch descent costs as much as N steps on single examples",
    formula=r"\text{cost of one batch step}=N\ \text{single-example steps}",
    sources=(
        "goodfellow:sec 8.3.2",
        "goodfellow:sec 8.1.3",
        "trofimov:slide 'Stochastic GD. Advantages and Disadvantages'",
    ),
)
statement(
    "batch-after-sgd-lower-error",
    title="Step by step, batch descent has the lower error in the end",
    formula=r"(1-\mu/\mathcal L)^k\ll1/k\ \text{for large }k",
    sources=("goodfellow:sec 8.3.2",),
)
statement(
    "sgd-rate-convex",
    title="On a convex objective the error of the averaged iterate falls as 1/sqrt(k)",
    formula=(
        r"\mathbb E[J(\bar\theta_k)-J^\star]\le\frac{R^2}{2\eta k}+\frac{\eta G^2}2"
        r"=\frac{RG}{\sqrt k}\ \text{at }\eta=\frac R{G\sqrt k};\qquad"
        r"\sup_J\mathbb E[J(\bar\theta_k)-J^\star]\ge bR\Big(1-\sqrt{\tfrac k2\,b\ln"
        r"\tfrac{1+b}{1-b}}\Big)\approx\frac{RG}{4\sqrt k},\ b=\frac1{2\sqrt k}"
    ),
    sources=("goodfellow:sec 8.3.2",),
)
statement(
    "sgd-rate-strongly-convex",
    title="On a strongly convex objective the error falls as 1/k",
    formula=(
        r"\mathbb E[J(\theta_k)-J^\star]=O(1/k);\qquad"
        r"\eta_k=\frac1{\lambda k}:\ \mathbb E[J(\theta_k)-J^\star]=\frac{\lambda\sigma^2}{2k}"
    ),
    sources=("goodfellow:sec 8.3.2",),
)
statement(
    "generalisation-error-statistical-rate",
    title="No estimate from k examples has an excess error below c/k",
    formula=(
        r"\mathbb E[J^*(\hat\theta_k)-J^*(\theta^\star)]\ge\frac ck,"
        r"\quad c=\tfrac{\sigma^2}{2}\text{ for the mean of a Gaussian}"
    ),
    sources=("goodfellow:sec 8.3.2",),
)
statement(
    "online-gradient-generalisation-error",
    title="Fresh examples give the gradient of the generalisation error",
    formula=(
        r"J^*(\boldsymbol\theta)=\int L(f(\mathbf{x};\boldsymbol\theta),y)\,dp(\mathbf{x},y),\quad"
        r"\hat{\mathbf g}=\frac{\partial L(f(\mathbf{x};\boldsymbol\theta),y)}"
        r"{\partial\boldsymbol\theta},\quad\mathbb E_p[\hat{\mathbf g}]"
        r"=\frac{\partial J^*}{\partial\boldsymbol\theta}"
    ),
    sources=("goodfellow:sec 8.1.4",),
    erratum="G48: the step is against the gradient, and not in its direction.",
)
statement(
    "sgd-stochastic-differential-equation",
    title="Small finite rates: the diffusion that stochastic descent follows",
    formula=(
        r"d\phi=-\nabla L\,dt+\sqrt{\alpha/|\mathcal B|}\;\mathbf C^{1/2}d\mathbf W_t,\qquad"
        r"\operatorname{Var}\phi_\infty=\frac{\alpha C}{2\lambda|\mathcal B|}\ "
        r"\Big(\text{at finite }\alpha\text{ over }1-\tfrac{\alpha\lambda}2\Big)"
    ),
    sources=("prince:Notes Properties of SGD",),
    erratum="P09: the limit of small rates is the gradient flow; the noise vanishes with alpha.",
)
statement(
    "learning-rate-batch-size-ratio",
    title="The ratio of rate to batch size sets the spread",
    formula=(
        r"d\phi=-\nabla L\,dt+\sqrt{\tfrac{\alpha}{|\mathcal B|}\,\mathbf C}\;d\mathbf W_t,\qquad"
        r"\operatorname{Var}\phi_\infty=\frac\alpha{|\mathcal B|}\,"
        r"\frac C{\lambda(2-\alpha\lambda)}"
    ),
    sources=("prince:Notes Properties of SGD",),
)
statement(
    "nesterov-no-gain-stochastic",
    title="With noisy gradients Nesterov momentum has the rate of gradient descent",
    formula=(
        r"\eta_k=\frac c{\lambda k}:\ k\operatorname{Var}w_k\to\frac{s^2\sigma^2}{2s-1},"
        r"\ s=c\text{ without, }s=\frac c{1-\mu}\text{ with momentum}"
    ),
    sources=("goodfellow:sec 8.3.4", "bishop:sec 7.3.1"),
)


def approach(share: float, steps: int, start_variance: float, noise_variance: float) -> float:
    """The variance after ``steps`` of gradient descent with ``share`` = rate times curvature."""
    contraction = (1.0 - share) ** (2 * steps)
    return contraction * start_variance + (1.0 - contraction) * floor(share, noise_variance)


def floor(share: float, noise_variance: float) -> float:
    """The variance that a constant rate leaves."""
    return share * noise_variance / (2.0 - share)


@dataclass(frozen=True)
class Response:
    """An iterate of a linear rule as a sum: ``start * w_0 + sum(examples * xi)``."""

    start: float
    examples: Floats

    def mean(self, start: float, center: float) -> float:
        """Of the iterate, from a fixed ``start``; the examples have the mean ``center``."""
        return self.start * start + (1.0 - self.start) * center

    def variance(self, noise_variance: float, start_variance: float = 0.0) -> float:
        """Of the iterate, for independent examples."""
        noise = math.fsum((self.examples**2).tolist()) * noise_variance
        return noise + self.start**2 * start_variance


def responses(
    method: Method,
    dialect: str,
    hyperparameters: Mapping[str, float],
    curvatures: Sequence[float],
    rates: Sequence[float],
) -> list[Response]:
    """How each iterate depends on the start and on the examples, under ``curvature (w - xi)``.

    The step number t has the rate ``rates[t]``, and an example of the curvature ``curvatures[t]``.
    The rule itself, told a unit vector for each example, computes the coefficients.
    """
    form, count = method.dialect(dialect), len(rates)
    units = np.eye(count + 1)
    w, state, found = units[0], None, [Response(1.0, np.zeros(count))]
    for step, (curvature, rate) in enumerate(zip(curvatures, rates, strict=True), start=1):
        h = SimpleNamespace(**{**hyperparameters, "learning_rate": rate})
        h.first, h.evaluation = step == 1, frozenset()
        held: Any = form.initial_state(np.zeros(count + 1), h) if state is None else state
        point = w if form.evaluation_point is None else form.evaluation_point(w, held, h)
        w, state = form.update(w, curvature * (point - units[step]), held, h)
        found.append(Response(float(w[0]), w[1:]))
    return found


def sharpest_bias(steps: int) -> float:
    """The slope that ``steps`` tosses of a coin cannot tell from its opposite."""
    return 1.0 / (2.0 * math.sqrt(steps))


@dataclass(frozen=True)
class CoinProblem:
    """``E abs(w - xi)`` with ``xi`` at ``radius`` or its opposite, by a coin with a ``bias``.

    Its slope is ``-bias`` between the two, and 1 beyond them. Gradient descent with a rate that
    divides the radius walks on a grid.
    """

    bias: float
    radius: float

    def excess(self, w: Any) -> Any:
        """The objective above its minimum, which is at ``radius`` for a positive bias."""
        inside = abs(self.bias) * self.radius - self.bias * np.clip(w, -self.radius, self.radius)
        return inside + np.maximum(abs(w) - self.radius, 0.0)

    def upper_bound(self, rate: float, steps: int, slope: float = 1.0) -> float:
        """On the mean excess of the averaged iterate, from the origin."""
        return self.radius**2 / (2.0 * rate * steps) + rate * slope**2 / 2.0

    def lower_bound(self, steps: int) -> float:
        """On the mean of this problem's and its mirror image's excess, for any algorithm.

        Le Cam's two points: a point that is good for one of the two is bad for the other, and
        after so many tosses the two are this far apart in total variation at most (Pinsker).
        """
        information = steps * self.bias * math.log((1.0 + self.bias) / (1.0 - self.bias))
        return self.bias * self.radius * (1.0 - math.sqrt(information / 2.0))

    def walk(self, reach: int, steps: int) -> Floats:
        """Probabilities of ``w = j radius / reach`` for ``j = -reach ... reach``, step by step.

        Row ``t`` is after ``t`` steps of the rate ``radius / reach`` from the origin. At the two
        points where ``xi`` may be, its slope is taken to be 0.
        """
        places = np.arange(-reach, reach + 1)
        rows = [np.where(places == 0, 1.0, 0.0)]
        for _ in range(steps):
            up, down = (1.0 + self.bias) / 2.0 * rows[-1], (1.0 - self.bias) / 2.0 * rows[-1]
            after = np.concatenate([[0.0], up[:-1]]) + np.concatenate([down[1:], [0.0]])
            after[0] += down[0]
            after[-1] += up[-1]
            rows.append(after)
        return np.array(rows)

    def expected_excess(self, reach: int, steps: int) -> float:
        """The mean excess of the points before each of the ``steps`` of that walk."""
        places = self.radius * np.arange(-reach, reach + 1) / reach
        return float(np.mean(self.walk(reach, steps - 1) @ self.excess(places)))
