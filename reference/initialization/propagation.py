"""What initial weights do to signals: layers and their deltas, the growth of a signal in a layer.

A layer sees one vector and has random weights that know nothing of it. So all that follows holds
given the vector, whatever it is; the growths of the layers of a stack are independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from optcheck.reference.functions import total
from optcheck.reference.registry import equation, statement

Floats = npt.NDArray[np.float64]
Activation = Literal["linear", "relu", "tanh", "sigmoid"]
# Rows of weights.
Matrix = Sequence[Sequence[Any]]

statement(
    "he-layer-transformation",
    title="A layer of rectified units",
    formula=(
        r"a_i^{(l)}=\sum_{j=1}^{M}w_{ij}^{(l)}z_j^{(l-1)},\qquad "
        r"z_i^{(l)}=\mathrm{ReLU}(a_i^{(l)})"
    ),
    sources=("bishop:7.19", "bishop:7.20", "slides:slide 'Parameter initialization'"),
    erratum="B06: each layer has weights of its own.",
)
statement(
    "he-preactivation-mean",
    title="Weights of mean zero give pre-activations of mean zero",
    formula=(r"\mathbb E[a_i^{(l)}]=\sum_{m=1}^{M}\mathbb E[w_{im}]\,\mathbb E[z_m^{(l-1)}]=0"),
    sources=("bishop:7.21", "slides:slide 'Parameter initialization'"),
)
statement(
    "he-variance-recursion-preactivations",
    title="The variance of pre-activations from layer to layer of rectified units",
    formula=(
        r"\mathrm{var}(a_i^{(l)})=\sum_m\mathbb E[w_{im}^2]\,\mathbb E[(z_m^{(l-1)})^2]"
        r"=\frac M2\epsilon^2\,\mathrm{var}(a^{(l-1)})"
    ),
    sources=("slides:slide 'Parameter initialization'",),
)
statement(
    "good-information-flow-conditions",
    title="Signals and their derivatives keep their variances through all layers",
    formula=(
        r"D[y^1]\approx\cdots\approx D[y^L],\qquad "
        r"D\Big[\frac{\partial E}{\partial h_1}\Big]\approx\cdots\approx "
        r"D\Big[\frac{\partial E}{\partial h_L}\Big]"
    ),
    sources=("trofimov:slide 'Good Information Flowing'", "goodfellow:sec 8.7.2"),
    erratum="T15: the slide calls both the loss and the number of layers L.",
)
statement(
    "forward-variance-recursion-linear",
    title="The variance of outputs from layer to layer of linear units",
    formula=(
        r"D[y_i^l]=\sum_{j=1}^{N_{l-1}}D[w_{ij}^l]\,\mathbb E[(y_j^{l-1})^2]"
        r"=N_{l-1}\sigma_l^2D[y^{l-1}]\ \text{if }\mathbb E[y^{l-1}]=0"
    ),
    sources=("trofimov:slide 'Variances of Neurons' Activations'",),
    erratum="T11: of inputs whose mean is not 0 the second moment counts.",
)
statement(
    "backward-variance-recursion-linear",
    title="The variance of deltas from layer to layer of linear units",
    formula=(
        r"D[\Delta_i^{l-1}]=\sum_{j=1}^{N_l}D[\Delta_j^l]\,D[w_{ji}^l]=N_l\sigma_l^2D[\Delta^l]"
    ),
    sources=("trofimov:slide 'Variances of Gradients'",),
)
statement(
    "small-weights-vanish-large-explode",
    title="Signals vanish with small weights, and explode or saturate with large ones",
    formula=r"D[y^L]=D[y^0]\prod_l(N_{l-1}\sigma_l^2)",
    sources=(
        "trofimov:slide 'Information Flow in Neural Network'",
        "trofimov:slide 'Network Weights Initialization. Illustration'",
        "goodfellow:sec 8.7.2",
    ),
)
statement(
    "gain-factor-initialisation",
    title="A gain makes up for what the activation takes away",
    formula=(
        r"\mathbf W=g\,\mathbf W_{\text{orth}}:\quad\|\mathbf W\mathbf z\|=g\,\|\mathbf z\|,\qquad"
        r"\mathbb E\,\|\mathrm{ReLU}(\mathbf W\mathbf z)\|^2=\tfrac12g^2\|\mathbf z\|^2"
    ),
    sources=("goodfellow:sec 8.7.2",),
)
statement(
    "random-walk-initialisation-depth",
    title="The logarithm of a signal's length walks at random through the layers",
    formula=(
        r"\ln\|\delta_l\|^2-\ln\|\delta_{l-1}\|^2\ \text{i.i.d.};\quad "
        r"N(0,\sigma^2),\ \text{linear}:\ \ln(2\sigma^2)+\psi(n/2)\ \text{on average},\ "
        r"\text{variance}\ \psi'(n/2)\approx\frac2n"
    ),
    sources=("goodfellow:sec 8.7.2",),
)


@equation(
    "he-variance-recursion-outputs",
    title="The second moment of rectified outputs from layer to layer",
    formula=(
        r"\mathbb E[(z_j^{(l)})^2]=\frac M2\epsilon^2\,\mathbb E[(z^{(l-1)})^2];\quad"
        r"\mathrm{var}[z_j^{(l)}]=\Big(1-\frac1\pi\Big)\frac M2\epsilon^2\,"
        r"\mathbb E[(z^{(l-1)})^2]\ \text{for Gaussian weights}"
    ),
    sources=("bishop:7.22",),
    erratum=(
        "B07: of second moments it is always true. Of variances it is true where the inputs are "
        "rectified Gaussians, whose variance is 1 - 1/pi of their second moment too; for inputs "
        "of mean 0 the variance of the outputs is 0.68 of what is printed."
    ),
)
def output_moments(fan_in: int, variance: Any, square: Any) -> tuple[Any, Any]:
    """Second moment and mean of a rectified output, for inputs of a mean ``square``.

    The mean, ``sqrt(E[a^2] / (2 pi))``, is that for Gaussian weights.
    """
    second = fan_in * variance * square / 2
    return second, (second / math.pi) ** 0.5


@equation(
    "product-variance-identity",
    title="The variance of a product of independent numbers",
    formula=r"D[XY]=D[X]D[Y]+m_X^2D[Y]+m_Y^2D[X]",
    sources=("trofimov:slide 'Variances of Neurons' Activations'",),
)
def product_variance(mean_x: Any, variance_x: Any, mean_y: Any, variance_y: Any) -> Any:
    """From the means and the variances of both."""
    return variance_x * variance_y + mean_x**2 * variance_y + mean_y**2 * variance_x


_FUNCTIONS: dict[Activation, Callable[[Any], Any]] = {
    "linear": lambda h: h,
    "relu": lambda h: h.where_positive(h, h.same(0.0)),
    "tanh": lambda h: h.function("tanh"),
    "sigmoid": lambda h: h.same(1.0) / (h.same(1.0) + (-h).function("exp")),
}
# Of the pre-activation and the output.
_SLOPES: dict[Activation, Callable[[Any, Any], Any]] = {
    "linear": lambda h, y: h.same(1.0),
    "relu": lambda h, y: h.where_positive(h.same(1.0), h.same(0.0)),
    "tanh": lambda h, y: h.same(1.0) - y * y,
    "sigmoid": lambda h, y: y * (h.same(1.0) - y),
}


@dataclass(frozen=True)
class Signals:
    """What went through a layer: pre-activations, and the outputs."""

    activation: Activation
    before: list[Any]
    after: list[Any]

    @property
    def slopes(self) -> list[Any]:
        """The derivatives of the activation."""
        slope = _SLOPES[self.activation]
        return [slope(h, y) for h, y in zip(self.before, self.after, strict=True)]


@equation(
    "multilayer-network-model",
    title="A network of many layers",
    formula=r"h^l=W^ly^{l-1}-b^l,\quad y^l=f_l(h^l),\quad l=1,\dots,L",
    sources=("trofimov:slide 'Variances of Neurons' Activations'",),
)
def passed(
    weights: Sequence[Matrix],
    thresholds: Sequence[Sequence[Any]],
    activations: Sequence[Activation],
    inputs: Sequence[Any],
) -> list[Signals]:
    """What goes through each layer; a layer without thresholds has an empty sequence of them."""
    layers: list[Signals] = []
    signals = list(inputs)
    for matrix, limits, activation in zip(weights, thresholds, activations, strict=True):
        sums = [total([w * y for w, y in zip(row, signals, strict=True)]) for row in matrix]
        before = [a - b for a, b in zip(sums, limits, strict=True)] if limits else sums
        signals = [_FUNCTIONS[activation](h) for h in before]
        layers.append(Signals(activation, before, signals))
    return layers


@equation(
    "backpropagation-deltas",
    title="The derivatives of a loss in the pre-activations, from the last layer to the first",
    formula=(
        r"\Delta_i^L=\frac{\partial E}{\partial y_i}f_L'(h_i^L),\qquad"
        r"\Delta_i^l=\Big(\sum_{j=1}^{N_{l+1}}\Delta_j^{l+1}w_{ji}^{l+1}\Big)f_l'(h_i^l)"
    ),
    sources=("trofimov:slide 'Variances of Gradients'",),
)
def deltas(
    weights: Sequence[Matrix], layers: Sequence[Signals], slopes: Sequence[Any]
) -> list[list[Any]]:
    """For each layer, from those of the loss in the last outputs."""
    found: list[list[Any]] = []
    arriving = list(slopes)
    for matrix, layer in zip(reversed(weights), reversed(layers), strict=True):
        here = [d * slope for d, slope in zip(arriving, layer.slopes, strict=True)]
        found.insert(0, here)
        columns = zip(*matrix, strict=True)
        arriving = [
            total([d * w for d, w in zip(here, column, strict=True)]) for column in columns
        ]
    return found


@dataclass(frozen=True)
class Growth:
    """The logarithm of the squared length that a layer makes of a signal of length 1.

    ``units`` leave the layer. With Gaussian weights of a ``variance`` the squared length is that
    times a chi-square with as many degrees of freedom as there are active units. An orthogonal
    square matrix times ``sqrt(units variance)`` makes a vector of known length, uniform on its
    sphere: the share of the active units is a beta variable. Of rectified units each is active
    with probability 1/2, and what is said is given that one of them is.
    """

    units: int
    variance: float
    rectified: bool = False
    orthogonal: bool = False

    @property
    def _active(self) -> tuple[Floats, Floats]:
        """The possible numbers of active units, and the logarithms of their probabilities."""
        n = self.units
        if not self.rectified:
            return np.array([float(n)]), np.zeros(1)
        k = np.arange(1.0, n + 1)
        ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        return k, ways - n * math.log(2.0) - math.log1p(-(0.5**n))

    def cumulants(self, t: float) -> float:
        """The logarithm of the mean of ``exp(t growth)``; infinite where there is none."""
        k, logs = self._active
        if k[0] / 2.0 + t <= 0.0:
            return math.inf
        powers = special.gammaln(k / 2 + t) - special.gammaln(k / 2)
        if self.orthogonal:
            half = self.units / 2
            powers += special.gammaln(half) - special.gammaln(half + t)
        return t * math.log(self._scale) + float(special.logsumexp(logs + powers))

    @property
    def mean(self) -> float:
        """The drift of the walk."""
        return float(self._moments[0])

    @property
    def variance_of_step(self) -> float:
        """What each layer adds to the variance of the walk."""
        return float(self._moments[1])

    @property
    def _scale(self) -> float:
        return self.variance * (self.units if self.orthogonal else 2.0)

    @property
    def _moments(self) -> tuple[float, float]:
        k, logs = self._active
        weights = np.exp(logs)
        centres = special.digamma(k / 2) + math.log(self._scale)
        spreads = special.polygamma(1, k / 2)
        if self.orthogonal:
            centres -= special.digamma(self.units / 2)
            spreads -= special.polygamma(1, self.units / 2)
        mean = float(weights @ centres)
        return mean, float(weights @ (spreads + (centres - mean) ** 2))


@dataclass(frozen=True)
class Search:
    """The layers' weights after a search, how often each was scaled, and the last spreads."""

    weights: list[Floats]
    scalings: list[int]
    spreads: list[float]


@equation(
    "initial-scale-search",
    title="Layer by layer, scale weights up until the activations of one minibatch spread",
    formula=(
        r"\textbf{repeat}:\ l=\min\{l:\mathrm{sd}(\text{activations}_l)<\tau\};\ "
        r"\mathbf W_l\leftarrow c\,\mathbf W_l,\ c>1"
    ),
    sources=("goodfellow:sec 8.7.2",),
)
def scale_search(
    weights: Sequence[Floats], minibatch: Floats, threshold: float, factor: float, limit: int
) -> Search:
    """For rectified layers; the spread of a layer is that of its pre-activations.

    The standard deviation is over the rows of ``minibatch``, root mean square over the units.

    Raises
    ------
    ValueError
        A layer does not spread as far after ``limit`` scalings.
    """
    scaled = [np.array(each) for each in weights]
    scalings, spreads = [0] * len(scaled), []
    signals = minibatch
    for layer in range(len(scaled)):
        while (found := spread(signals @ scaled[layer].T)) < threshold:
            if scalings[layer] == limit:
                raise ValueError(f"layer {layer} has the spread {found:g} after {limit} scalings")
            scaled[layer] = factor * scaled[layer]
            scalings[layer] += 1
        spreads.append(found)
        signals = np.maximum(signals @ scaled[layer].T, 0.0)
    return Search(scaled, scalings, spreads)


def spread(activations: Floats) -> float:
    """The standard deviation over the rows, root mean square over the columns."""
    return float(np.sqrt(np.mean(np.var(activations, axis=0))))
