"""The models of the texts with their losses, as problems: regression, Gabor, a shallow network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optcheck.reference.calculus.fitting import Model
from optcheck.reference.points import number
from optcheck.reference.problems import Functions
from optcheck.reference.registry import statement

statement(
    "linear-regression-model",
    title="Linear regression with one input",
    formula=r"y(x,w,b)=wx+b=\phi_0+\phi_1x",
    sources=("bishop:7.61", "prince:6.4"),
)
statement(
    "gabor-model",
    title="The Gabor model",
    formula=(
        r"f[x,\phi]=\sin[\phi_0+0.06\,\phi_1x]"
        r"\exp\Big(-\frac{(\phi_0+0.06\,\phi_1x)^2}{32}\Big)"
    ),
    sources=("prince:6.8",),
)
statement(
    "gabor-parameter-effects",
    title="One parameter moves the Gabor function, the other squeezes it",
    formula=(
        r"f[x;\phi_0+d,\phi_1]=f\Big[x+\frac{d}{0.06\,\phi_1};\phi_0,\phi_1\Big],\qquad "
        r"f[x;0,c\,\phi_1]=f[cx;0,\phi_1]"
    ),
    sources=("prince:Fig 6.2", "prince:sec 6.1.2"),
)
statement(
    "gabor-training-data",
    title="Where the training data of the Gabor model come from",
    formula=r"x_i\sim U[-15,15],\qquad y_i=f[x_i,(0,16.6)]+\varepsilon_i,\qquad i=1\dots28",
    sources=("prince:Fig 6.3",),
)
statement(
    "gabor-loss-landscape",
    title="The smallest loss of the Gabor model",
    formula=r"\min_\phi L[\phi]=0.64",
    sources=("prince:Fig 6.4", "prince:Fig 6.5"),
    unchecked="it holds for the data of the book, which are not printed",
)
statement(
    "logistic-regression-model",
    title="Logistic regression with one input",
    formula=r"y(x,w,b)=\sigma(wx+b),\qquad\Pr(y=1|x)=\mathrm{sig}[\phi_0+\phi_1x]",
    sources=("bishop:7.63", "prince:6.21"),
)
statement(
    "shallow-relu-network-model",
    title="A shallow network with three hidden units",
    formula=(
        r"f[x,\phi]=\phi_0+\phi_1a[\theta_{10}+\theta_{11}x]"
        r"+\phi_2a[\theta_{20}+\theta_{21}x]+\phi_3a[\theta_{30}+\theta_{31}x]"
    ),
    sources=("prince:6.23",),
)


@dataclass(frozen=True)
class _SquaredErrors(Model):
    """A model that is fitted by least squares; ``prince`` does not halve the sum (6.5, 6.9)."""

    scale: ClassVar[float] = 1.0

    def loss(self, x: Any, input: Any, target: Any) -> Any:
        residual = self.output(x, input) - target
        return number(x, self.scale) * (residual * residual)

    def loss_slopes(self, x: Any, input: Any, target: Any) -> list[Any]:
        pull = number(x, 2.0 * self.scale) * (self.output(x, input) - target)
        return [pull * slope for slope in self.slopes(x, input)]

    def loss_curvatures(self, x: Any, input: Any, target: Any) -> list[list[Any]]:
        twice = number(x, 2.0 * self.scale)
        residual, slopes = self.output(x, input) - target, self.slopes(x, input)
        return [
            [twice * (a * b + residual * c) for b, c in zip(slopes, row, strict=True)]
            for a, row in zip(slopes, self.curvatures(x, input), strict=True)
        ]


@dataclass(frozen=True)
class LinearRegression(_SquaredErrors):
    """A line ``x[0] + x[1] input``, intercept first as ``prince`` has it."""

    def output(self, x: Any, input: Any) -> Any:
        return x[0] + x[1] * input

    def slopes(self, x: Any, input: Any) -> list[Any]:
        return [number(x, 1.0), input]

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        return _outer(number(x, 0.0), self.slopes(x, input))


@dataclass(frozen=True)
class HalvedLinearRegression(LinearRegression):
    """The same line by half the sum of squares (``bishop:7.62``)."""

    scale: ClassVar[float] = 0.5


@dataclass(frozen=True)
class Gabor(_SquaredErrors):
    """A sine under a Gaussian, both in ``u = x[0] + 0.06 x[1] input``."""

    def _argument(self, x: Any, input: Any) -> Any:
        return x[0] + number(x, 0.06) * x[1] * input

    def _parts(self, x: Any, input: Any) -> tuple[Any, Any, Any, Any]:
        """The argument, its sine and cosine, and the Gaussian."""
        f, u = Functions(x), self._argument(x, input)
        return u, f.sin(u), f.cos(u), f.exp(-(u * u) / number(x, 32.0))

    def output(self, x: Any, input: Any) -> Any:
        f, u = Functions(x), self._argument(x, input)
        return f.sin(u) * f.exp(-(u * u) / number(x, 32.0))

    def slopes(self, x: Any, input: Any) -> list[Any]:
        u, sine, cosine, gaussian = self._parts(x, input)
        slope = gaussian * (cosine - u / number(x, 16.0) * sine)
        return [slope, slope * (number(x, 0.06) * input)]

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        u, sine, cosine, gaussian = self._parts(x, input)
        bend = u * u / number(x, 256.0) - number(x, 17.0 / 16.0)
        curvature = gaussian * (bend * sine - u / number(x, 8.0) * cosine)
        return _outer(curvature, [number(x, 1.0), number(x, 0.06) * input])


@dataclass(frozen=True)
class ShallowReLU(_SquaredErrors):
    """Three rectified units: ``phi_0 ... phi_3``, then offset and slope of each unit.

    A unit is off, and has no slope, where its pre-activation is 0, as libraries have it.
    """

    units: ClassVar[int] = 3
    parameters: ClassVar[int] = 10

    def _activations(self, x: Any, input: Any) -> list[Any]:
        first = self.units + 1
        return [x[first + 2 * k] + x[first + 2 * k + 1] * input for k in range(self.units)]

    def output(self, x: Any, input: Any) -> Any:
        f, zero = Functions(x), number(x, 0.0)
        found = x[0]
        for weight, z in zip(self._weights(x), self._activations(x, input), strict=True):
            found = found + weight * f.where_positive(z, z, zero)
        return found

    def slopes(self, x: Any, input: Any) -> list[Any]:
        f, zero, one = Functions(x), number(x, 0.0), number(x, 1.0)
        heights, inner = [], []
        for weight, z in zip(self._weights(x), self._activations(x, input), strict=True):
            heights.append(f.where_positive(z, z, zero))
            slope = weight * f.where_positive(z, one, zero)
            inner += [slope, slope * input]
        return [one, *heights, *inner]

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        f, zero, one = Functions(x), number(x, 0.0), number(x, 1.0)
        rows = [[zero] * self.parameters for _ in range(self.parameters)]
        for k, z in enumerate(self._activations(x, input)):
            on = f.where_positive(z, one, zero)
            offset = self.units + 1 + 2 * k
            for place, mixed in ((offset, on), (offset + 1, on * input)):
                rows[k + 1][place] = rows[place][k + 1] = mixed
        return rows

    def _weights(self, x: Any) -> list[Any]:
        return [x[k + 1] for k in range(self.units)]


@dataclass(frozen=True)
class LogisticRegression(Model):
    """The probability ``sig(x[0] + x[1] input)`` of the target 1; targets are 0 and 1.

    The loss is the cross-entropy, with the sign that makes it one (errata B14). It is written so
    that nothing overflows, and so that each branch has the right derivatives at 0 too.
    """

    def _argument(self, x: Any, input: Any) -> Any:
        return x[0] + x[1] * input

    def _decay(self, x: Any, z: Any) -> Any:
        """``exp(-abs(z))``."""
        f = Functions(x)
        return f.exp(-f.where_positive(z, z, -z))

    def output(self, x: Any, input: Any) -> Any:
        z, one = self._argument(x, input), number(x, 1.0)
        small = self._decay(x, z)
        return Functions(x).where_positive(z, one, small) / (one + small)

    def _spread(self, x: Any, input: Any) -> Any:
        """``sig (1 - sig)``, an even function of the argument."""
        small, one = self._decay(x, self._argument(x, input)), number(x, 1.0)
        return small / ((one + small) * (one + small))

    def slopes(self, x: Any, input: Any) -> list[Any]:
        spread = self._spread(x, input)
        return [spread, spread * input]

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        one, two = number(x, 1.0), number(x, 2.0)
        bend = self._spread(x, input) * (one - two * self.output(x, input))
        return _outer(bend, [one, input])

    def loss(self, x: Any, input: Any, target: Any) -> Any:
        f, z = Functions(x), self._argument(x, input)
        softplus = f.where_positive(z, z, number(x, 0.0)) + f.log1p(self._decay(x, z))
        return softplus - target * z

    def loss_slopes(self, x: Any, input: Any, target: Any) -> list[Any]:
        error = self.output(x, input) - target
        return [error, error * input]

    def loss_curvatures(self, x: Any, input: Any, target: Any) -> list[list[Any]]:
        return _outer(self._spread(x, input), [number(x, 1.0), input])


@dataclass(frozen=True)
class GaussianRegression(Model):
    """A line with a precision ``x[2]``, which is positive, by its negative log likelihood.

    The constant ``log(2 pi) / 2`` of each example is left out.
    """

    parameters: ClassVar[int] = 3

    def output(self, x: Any, input: Any) -> Any:
        return x[0] + x[1] * input

    def slopes(self, x: Any, input: Any) -> list[Any]:
        return [number(x, 1.0), input, number(x, 0.0)]

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        return _outer(number(x, 0.0), self.slopes(x, input))

    def loss(self, x: Any, input: Any, target: Any) -> Any:
        residual, half = self.output(x, input) - target, number(x, 0.5)
        return half * (x[2] * (residual * residual)) - half * Functions(x).log(x[2])

    def loss_slopes(self, x: Any, input: Any, target: Any) -> list[Any]:
        residual, half = self.output(x, input) - target, number(x, 0.5)
        pull = x[2] * residual
        return [pull, pull * input, half * (residual * residual) - half / x[2]]

    def loss_curvatures(self, x: Any, input: Any, target: Any) -> list[list[Any]]:
        residual, precision = self.output(x, input) - target, x[2]
        mixed = residual * input
        return [
            [precision, precision * input, residual],
            [precision * input, precision * (input * input), mixed],
            [residual, mixed, number(x, 0.5) / (precision * precision)],
        ]


def _outer(factor: Any, vector: Sequence[Any]) -> list[list[Any]]:
    return [[factor * (a * b) for b in vector] for a in vector]


def gabor_data(seed: int, count: int = 28, noise: float = 0.25) -> Gabor:
    """Data by the recipe of ``prince`` (Fig 6.3): inputs from -15 to 15, parameters (0, 16.6).

    The book does not tell the ``noise``. Everything is rounded to multiples of 1/1024, which every
    format but the shortest holds.
    """
    random = np.random.default_rng(seed)
    inputs = np.round(random.uniform(-15.0, 15.0, count) * 1024) / 1024
    u = 0.06 * 16.6 * inputs
    outputs = np.sin(u) * np.exp(-(u**2) / 32.0)
    targets = np.round((outputs + noise * random.standard_normal(count)) * 1024) / 1024
    return Gabor(tuple(inputs.tolist()), tuple(targets.tolist()))


GABOR_DATA = gabor_data(0)
