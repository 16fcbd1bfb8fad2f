"""Coordinate descent: the minimum over one coordinate, or a block of them, in turn."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from flint import arb

from optcheck.reference.balls import Balls
from optcheck.reference.domains import count
from optcheck.reference.functions import sign, total
from optcheck.reference.points import is_native, matrix_like, number, vector_like
from optcheck.reference.problems import Matrix, Quadratic, Sources
from optcheck.reference.procedures import Form, Iterate, Procedure, procedure
from optcheck.reference.registry import equation, statement


@equation(
    "coordinate-descent",
    title="Coordinate descent",
    formula=r"x_i\leftarrow\mathrm{argmin}_{x_i}f(x_1,\dots,x_n),\quad i=1,2,\dots,n,1,2,\dots",
    sources=("goodfellow:sec 8.7.1",),
)
def coordinate_direction(gradient: Any, index: int) -> Any:
    """The unit vector of coordinate ``index``, with the sign that leads downhill."""
    downhill = -sign(gradient)
    if isinstance(downhill, Balls):
        zeros = [arb(0)] * len(downhill)
        return Balls(
            [*zeros[:index], downhill.balls[index], *zeros[index + 1 :]], downhill.arithmetic
        )
    return np.where(np.arange(len(gradient)) == index, downhill, 0.0)


statement(
    "block-coordinate-descent",
    title="Block coordinate descent",
    formula=r"\mathbf x_B\leftarrow\mathrm{argmin}_{\mathbf x_B}f(\mathbf x_B,\mathbf x_{\bar B})",
    sources=("goodfellow:sec 8.7.1",),
)

statement(
    "coordinate-descent-guarantee",
    title="When coordinate descent reaches a minimum",
    formula=(
        r"f\ \text{continuously differentiable, unique coordinate minimisers}\Rightarrow"
        r"\text{limit points stationary};\ \text{convex and smooth}\Rightarrow"
        r"\text{global minimum}"
    ),
    sources=("goodfellow:sec 8.7.1",),
    erratum="printed for every function: a kink holds it, and so does a saddle of axes (G35)",
)


@equation(
    "coordinate-descent-coupled-quadratic",
    title="Coordinate descent crawls where variables are strongly coupled",
    formula=(
        r"f(\mathbf x)=(x_1-x_2)^2+\alpha(x_1^2+x_2^2):\quad "
        r"x_2\leftarrow\frac{x_2}{(1+\alpha)^2}\ \text{in a sweep}"
    ),
    sources=("goodfellow:sec 8.7.1",),
    erratum="printed with y_1 in place of x_2, and there is no y (G34)",
)
def sweep_contraction(alpha: Any) -> Any:
    """What a sweep leaves of the second coordinate."""
    return 1 / ((1 + alpha) * (1 + alpha))


def blocks(dimension: int, size: int) -> list[list[int]]:
    """The coordinates in blocks of ``size`` neighbours, the last one with what is left."""
    return [
        list(range(first, min(first + size, dimension))) for first in range(0, dimension, size)
    ]


def coupled(alpha: float) -> Quadratic:
    """``(x1 - x2)**2 + alpha * (x1**2 + x2**2)``."""
    rows: Matrix = ((2.0 + 2.0 * alpha, -2.0), (-2.0, 2.0 + 2.0 * alpha))
    return Quadratic(rows, (0.0, 0.0))


# Its minimum along either axis through 0 is 0, and yet f(1, 1) = -1.
SADDLE_OF_AXES = Quadratic(((2.0, -3.0), (-3.0, 2.0)), (0.0, 0.0))


@dataclass(frozen=True)
class Kink:
    """``abs(x1 - x2) + weight * (x1**2 + x2**2)``: convex, with the minimum 0 at 0.

    Where both coordinates are ``c`` with ``2 * weight * abs(c) <= 1``, neither alone can improve
    it. At the kink, derivatives are those of the mean of the two sides.
    """

    weight: float
    dimension = 2

    @property
    def structure(self) -> Hashable:
        return "kink"

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (self.weight,)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Kink:
        return Kink(*coefficients)

    def value(self, x: Any) -> Any:
        squares = x[0] * x[0] + x[1] * x[1]
        return abs(x[0] - x[1]) + number(x, self.weight) * squares

    def gradient(self, x: Any) -> Any:
        side = _side(x, x[0] - x[1])
        weight = number(x, self.weight)
        return vector_like(x, [2 * weight * x[0] + side, 2 * weight * x[1] - side])

    def hessian(self, x: Any) -> Any:
        curvature, zero = 2 * number(x, self.weight), number(x, 0.0)
        return matrix_like(x, [[curvature, zero], [zero, curvature]])

    def sources(self) -> Sources:
        difference, slopes = "(x[0] - x[1])", [f"2*{self.weight!r}*x[{i}]" for i in (0, 1)]
        curvature = repr(2 * self.weight)
        return Sources(
            f"abs{difference} + {self.weight!r}*(x[0]**2 + x[1]**2)",
            [f"{slopes[0]} + np.sign{difference}", f"{slopes[1]} - np.sign{difference}"],
            [[curvature, "0.0"], ["0.0", curvature]],
        )


statement(
    "sparse-coding-biconvexity",
    title="Sparse coding is convex in each block, and not in both",
    formula=(
        r"J(\mathbf W,\mathbf H)=\|\mathbf X-\mathbf W\mathbf H\|^2+\lambda\|\mathbf H\|_1:\quad "
        r"J(\mathbf W,\mathbf H)=J(-\mathbf W,-\mathbf H)<J(0,0)=\|\mathbf X\|^2"
    ),
    sources=("goodfellow:sec 8.7.1",),
)


@dataclass(frozen=True)
class SparseCoding:
    """``|X - w h'|**2 + penalty |h|_1`` of ``w`` and ``h``, two numbers each, in this order.

    ``data`` are the rows of ``X``, one after the other. At a kink the slope is 0.
    """

    data: tuple[float, ...]
    penalty: float
    dimension = 4

    @property
    def structure(self) -> Hashable:
        return "sparse coding"

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (*self.data, self.penalty)

    def with_coefficients(self, coefficients: Sequence[Any]) -> SparseCoding:
        return SparseCoding(tuple(coefficients[:4]), coefficients[4])

    def _residuals(self, x: Any) -> list[list[Any]]:
        return [
            [number(x, self.data[2 * i + j]) - x[i] * x[2 + j] for j in range(2)] for i in range(2)
        ]

    def value(self, x: Any) -> Any:
        squares = [each * each for row in self._residuals(x) for each in row]
        return total(squares) + number(x, self.penalty) * (abs(x[2]) + abs(x[3]))

    def gradient(self, x: Any) -> Any:
        (a, b), (c, d) = self._residuals(x)
        slopes = [a * x[2] + b * x[3], c * x[2] + d * x[3], a * x[0] + c * x[1]]
        slopes = [-2 * each for each in (*slopes, b * x[0] + d * x[1])]
        kinks = [number(x, self.penalty) * _side(x, each) for each in (x[2], x[3])]
        return vector_like(x, [*slopes[:2], slopes[2] + kinks[0], slopes[3] + kinks[1]])

    def hessian(self, x: Any) -> Any:
        zero, r = number(x, 0.0), self._residuals(x)
        code = 2 * (x[2] * x[2] + x[3] * x[3])
        dictionary = 2 * (x[0] * x[0] + x[1] * x[1])
        m = [[2 * (x[i] * x[2 + j] - r[i][j]) for j in range(2)] for i in range(2)]
        rows = [
            [code, zero, m[0][0], m[0][1]],
            [zero, code, m[1][0], m[1][1]],
            [m[0][0], m[1][0], dictionary, zero],
            [m[0][1], m[1][1], zero, dictionary],
        ]
        return matrix_like(x, rows)

    def sources(self) -> Sources:
        r = [
            [f"({self.data[2 * i + j]!r} - x[{i}]*x[{2 + j}])" for j in range(2)] for i in range(2)
        ]
        squares = " + ".join(f"{each}**2" for row in r for each in row)
        return Sources(f"{squares} + {self.penalty!r}*(abs(x[2]) + abs(x[3]))", [], [])


def _side(x: Any, value: Any) -> Any:
    """The sign of a number."""
    if is_native(x):
        return array_namespace(x).sign(value)
    return value.apply(lambda ball: ball.sgn())


def _cyclic(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
    gradient = path[-1].gradient
    return coordinate_direction(gradient, (len(path) - 1) % len(gradient))


COORDINATE_DESCENT = procedure(
    Procedure(
        id="coordinate-descent",
        title="Coordinate descent",
        source="goodfellow:sec 8.7.1",
        capability="minimizer",
        extra={"block": {"block_size": count(1, 2)}},
        dialects={
            "cyclic": Form(
                summary="one coordinate after the other, downhill to the minimum along it",
                equations=("coordinate-descent",),
                direction=_cyclic,
            ),
            # What leads to the minimum over a block has no formula: a law judges where it ends.
            "block": Form(
                summary="one block of neighbouring coordinates after the other",
                equations=("block-coordinate-descent",),
            ),
        },
    )
)
