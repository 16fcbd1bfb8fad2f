"""What initial values are distributed like: mean, variance, support, distribution function.

The fields are doubles, or in kind with the hyper-parameters: in balls they bound what rounding
does to the support.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from flint import arb
from scipy import special

from optcheck.reference.initialization.fans import (
    glorot_variance,
    he_variance,
    heuristic_variance,
)
from optcheck.reference.registry import equation, statement

Floats = npt.NDArray[np.float64]


class Distribution(Protocol):
    """Of one number; all that are drawn are independent."""

    @property
    def mean(self) -> float:
        """The expectation."""

    @property
    def variance(self) -> float:
        """The expected square of the distance from the mean."""

    @property
    def support(self) -> tuple[Any, Any]:
        """The least and the greatest value; infinite where there is none."""

    def below(self, values: Floats) -> Floats:
        """The probability of a value that is at most so large."""


@equation(
    "uniform-distribution-variance",
    title="The variance of a symmetric uniform distribution",
    formula=r"\mathrm{Var}\,\mathcal U[-a,a]=\frac{a^2}3",
    sources=("trofimov:slide 'Network Weights Initialization'",),
)
def uniform_variance(half_width: Any) -> Any:
    """A third of the square of half the width."""
    return half_width * half_width / 3


@dataclass(frozen=True)
class Uniform:
    """Equally likely between two bounds."""

    low: Any
    high: Any

    @property
    def mean(self) -> float:
        return float(self.low + self.high) / 2

    @property
    def variance(self) -> float:
        return float(uniform_variance((self.high - self.low) / 2))

    @property
    def support(self) -> tuple[Any, Any]:
        return self.low, self.high

    def below(self, values: Floats) -> Floats:
        return np.asarray(np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0))


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian around zero."""

    deviation: Any
    mean = 0.0

    @property
    def variance(self) -> float:
        return float(self.deviation) ** 2

    @property
    def support(self) -> tuple[Any, Any]:
        return -math.inf, math.inf

    def below(self, values: Floats) -> Floats:
        return np.asarray(special.ndtr(values / self.deviation))


@dataclass(frozen=True)
class Truncated:
    """A Gaussian of which what lies outside two bounds is drawn again."""

    centre: Any
    scale: Any
    low: Any
    high: Any

    @property
    def inside(self) -> float:
        """The probability that the Gaussian is between the bounds."""
        low, high = self._bounds()
        return float(_between(low, high))

    @property
    def mean(self) -> float:
        low, high = self._bounds()
        shift = (_density(low) - _density(high)) / self.inside
        return float(self.centre + self.scale * shift)

    @property
    def variance(self) -> float:
        low, high = self._bounds()
        shift = (_density(low) - _density(high)) / self.inside
        bent = (low * _density(low) - high * _density(high)) / self.inside
        return float(self.scale * self.scale * (1.0 + bent - shift * shift))

    @property
    def support(self) -> tuple[Any, Any]:
        return self.low, self.high

    def below(self, values: Floats) -> Floats:
        low, _ = self._bounds()
        standard = (np.clip(values, self.low, self.high) - self.centre) / self.scale
        return np.asarray(_between(low, standard) / self.inside)

    def _bounds(self) -> tuple[float, float]:
        """In units of the scale."""
        return (self.low - self.centre) / self.scale, (self.high - self.centre) / self.scale


def _density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _between(low: float, high: Any) -> Any:
    """The probability of a standard Gaussian, from the nearer tail, where digits are left."""
    if low > 0:
        return special.ndtr(-low) - special.ndtr(-high)
    return special.ndtr(high) - special.ndtr(low)


statement(
    "weight-init-distributions",
    title="Weights around zero: Gaussian or uniform",
    formula=(
        r"w\sim\mathcal U[-\epsilon,\epsilon]\quad\text{or}\quad w\sim\mathcal N(0,\epsilon^2)"
    ),
    sources=(
        "bishop:sec 7.2.5",
        "slides:slide 'Parameter initialization'",
        "trofimov:slide 'Network Weights Initialization'",
        "goodfellow:sec 8.7.2",
    ),
    erratum="T17: trofimov's second argument of N is the standard deviation.",
)


@equation(
    "truncated-normal-distribution",
    title="A Gaussian that is cut at two deviations",
    formula=(
        r"\mathrm{Var}\,w=\sigma^2\Big(1-\frac{4\varphi(2)}{2\Phi(2)-1}\Big)=0.7737\,\sigma^2"
    ),
    sources=("trofimov:slide 'Network Weights Initialization'",),
    erratum="T04: used there as if the variance were that before the cut.",
)
def cut_variance(two: Any = 2.0) -> Any:
    """Of a standard Gaussian, cut at plus and minus two; 2 in kind with the result."""
    if isinstance(two, float):
        return 1.0 - 4.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0))
    return two.apply(
        lambda b: (
            1 - 2 * b * (-b * b / 2).exp() / (2 * arb.pi()).sqrt() / (b / arb(2).sqrt()).erf()
        )
    )


def root(value: Any) -> Any:
    """The square root in kind."""
    if isinstance(value, float):
        return math.sqrt(value)
    return value.apply(lambda ball: ball.sqrt())


def _around_zero(variance: Any) -> Uniform:
    bound = root(3 * variance)
    return Uniform(-bound, bound)


def _gaussian(variance: Any) -> Gaussian:
    return Gaussian(root(variance))


def _corrected(variance: Any) -> Truncated:
    """Cut at two of a scale that leaves this variance."""
    zero = variance - variance
    scale = root(variance / cut_variance(zero + 2))
    return Truncated(zero, scale, -2 * scale, 2 * scale)


@dataclass(frozen=True)
class Counts:
    """What a distribution depends on beside hyper-parameters."""

    fan_in: int
    fan_out: int
    hidden: int


Maker = Callable[[Counts, SimpleNamespace], Distribution]

# ``h`` has the hyper-parameters, and ``one`` in kind with them.
DISTRIBUTIONS: Mapping[tuple[str, str], Maker] = {
    ("uniform", "symmetric"): lambda n, h: Uniform(-h.scale, h.scale),
    ("uniform", "from-zero"): lambda n, h: Uniform(h.one - h.one, h.scale),
    ("normal", "standard-deviation"): lambda n, h: Gaussian(h.scale),
    ("truncated-normal", "two-deviations"): lambda n, h: Truncated(
        h.one - h.one, h.scale, -2 * h.scale, 2 * h.scale
    ),
    ("truncated-normal", "absolute-bounds"): lambda n, h: Truncated(
        h.mean, h.scale, h.lower, h.upper
    ),
    ("he-normal", "fan-in"): lambda n, h: _gaussian(he_variance(n.fan_in, h.gain)),
    ("he-normal", "fan-out"): lambda n, h: _gaussian(he_variance(n.fan_out, h.gain)),
    ("he-normal", "fan-in+truncated"): lambda n, h: _corrected(he_variance(n.fan_in, h.gain)),
    ("he-uniform", "fan-in"): lambda n, h: _around_zero(he_variance(n.fan_in, h.gain)),
    ("he-uniform", "fan-out"): lambda n, h: _around_zero(he_variance(n.fan_out, h.gain)),
    ("glorot-normal", "harmonic-mean"): lambda n, h: _gaussian(
        glorot_variance(n.fan_in, n.fan_out, h.gain)
    ),
    ("glorot-normal", "harmonic-mean+truncated"): lambda n, h: _corrected(
        glorot_variance(n.fan_in, n.fan_out, h.gain)
    ),
    ("glorot-uniform", "harmonic-mean"): lambda n, h: _around_zero(
        glorot_variance(n.fan_in, n.fan_out, h.gain)
    ),
    ("glorot-uniform", "geometric-mean"): lambda n, h: _around_zero(
        root(h.gain * h.gain * h.gain * h.gain / (n.fan_in * n.fan_out))
    ),
    ("fan-scaled-uniform", "fan-in"): lambda n, h: _around_zero(
        heuristic_variance(n.fan_in, h.one)
    ),
    ("fan-scaled-uniform", "hidden-units"): lambda n, h: _around_zero(
        heuristic_variance(n.hidden, h.one)
    ),
}
