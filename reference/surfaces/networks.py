"""Small networks as problems: outputs, squared losses, flat regions and chains of linear units."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb

from optcheck.reference.balls import EXACT_BITS, Scalar, ball_arithmetic
from optcheck.reference.functions import total
from optcheck.reference.registry import statement
from optcheck.reference.surfaces.programs import Program, identity, rectified, sigmoid, tanh

statement(
    "flat-region-zero-gradient-and-hessian",
    title="In a flat region gradient and Hessian vanish",
    formula=(
        r"J\ \text{constant on an open set}\Rightarrow\nabla J=0,\ \mathbf{H}=0\ \text{there};"
        r"\quad J\ \text{convex}\Rightarrow\text{all its points are global minima}"
    ),
    sources=("goodfellow:sec 8.2.4",),
)
statement(
    "deep-linear-network-no-poor-local-minima",
    title="A deep linear network has saddles, and no minimum but global ones",
    formula=(
        r"J=\tfrac12\|W_L\cdots W_1X-Y\|^2:\ \text{every local minimum is global};\quad"
        r"(w_1w_2-1)^2:\ \nabla J=0\iff w_1w_2=1\ \text{or}\ w_1=w_2=0"
    ),
    sources=("goodfellow:sec 8.2.4",),
)
statement(
    "poor-local-minima-exist-in-small-networks",
    title="One sigmoid unit can have a poor local minimum",
    formula=r"\exists\ \text{data}:\ \min_{\text{local}}J>\min_{\text{global}}J",
    sources=("goodfellow:sec 8.2.2",),
)

# So many pieces make the curvature of a sigmoid unit known to a few digits.
_PIECES = 64

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": tanh,
    "relu": rectified,
    "sigmoid": sigmoid,
    "linear": identity,
}


@dataclass(frozen=True)
class Network:
    """Layers of ``widths`` from the inputs to the outputs; hidden units alone have biases.

    A unit's parameters are its weights and then its bias; units follow one another by layers.
    """

    widths: tuple[int, ...]
    hidden: str
    biases: bool = True
    output: str = "linear"

    @property
    def shape(self) -> tuple[Hashable, ...]:
        """What tells it from other networks, as plain values."""
        return self.widths, self.hidden, self.biases, self.output

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(len(row) for layer in self.places() for row in layer)

    def places(self) -> list[list[list[int]]]:
        """The indices of each unit's parameters, by layers."""
        count = itertools.count()
        layers = []
        for depth, (before, after) in enumerate(itertools.pairwise(self.widths), start=1):
            more = int(self.biases and depth < len(self.widths) - 1)
            layers.append([[next(count) for _ in range(before + more)] for _ in range(after)])
        return layers

    def outputs(self, parameters: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """The outputs for one example."""
        signals = list(inputs)
        layers = self.places()
        for layer in layers:
            activation = ACTIVATIONS[self.output if layer is layers[-1] else self.hidden]
            units = (
                [parameters[place] for place in row[: len(signals)]]
                + [parameters[place] for place in row[len(signals) :]]
                for row in layer
            )
            signals = [activation(_affine(unit, signals)) for unit in units]
        return signals


def _affine(unit: Sequence[Any], signals: Sequence[Any]) -> Any:
    """Weights times signals; the bias, where there is one more parameter, is added."""
    products = [w * z for w, z in zip(unit, signals, strict=False)]
    return total([*products, *unit[len(signals) :]])


@dataclass(frozen=True)
class NetworkOutput(Program):
    """The (first) output of a network for one example, as a function of its parameters."""

    network: Network
    inputs: tuple[float, ...]

    @property
    def dimension(self) -> int:
        return self.network.size

    @property
    def structure(self) -> Hashable:
        return "network-output", *self.network.shape

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return self.inputs

    def with_coefficients(self, coefficients: Sequence[Any]) -> NetworkOutput:
        return replace(self, inputs=tuple(coefficients))

    def evaluate(self, x: Sequence[Any]) -> Any:
        return self.network.outputs(x, [x[0].same(each) for each in self.inputs])[0]


@dataclass(frozen=True)
class NetworkLoss(Program):
    """The sum of squared errors of a network on data, times ``scale``.

    ``penalty`` adds so many times half the squared length of the parameters.
    """

    network: Network
    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[tuple[float, ...], ...]
    scale: float = 0.5
    penalty: float | None = None

    @property
    def dimension(self) -> int:
        return self.network.size

    @property
    def structure(self) -> Hashable:
        return "network-loss", *self.network.shape, len(self.inputs), self.penalty is None

    @property
    def coefficients(self) -> tuple[Any, ...]:
        numbers = [c for row in (*self.inputs, *self.targets) for c in row]
        return (self.scale, *([] if self.penalty is None else [self.penalty]), *numbers)

    def with_coefficients(self, coefficients: Sequence[Any]) -> NetworkLoss:
        left = iter(coefficients)
        scale = next(left)
        penalty = None if self.penalty is None else next(left)
        inputs = _rows(left, self.network.widths[0], len(self.inputs))
        targets = _rows(left, self.network.widths[-1], len(self.targets))
        return NetworkLoss(self.network, inputs, targets, scale, penalty)

    def evaluate(self, x: Sequence[Any]) -> Any:
        same = x[0].same
        squares = []
        for example, wanted in zip(self.inputs, self.targets, strict=True):
            found = self.network.outputs(x, [same(each) for each in example])
            errors = [y - same(t) for y, t in zip(found, wanted, strict=True)]
            squares += [error * error for error in errors]
        loss = same(self.scale) * total(squares)
        if self.penalty is None:
            return loss
        return loss + same(self.penalty) * (same(0.5) * total([w * w for w in x]))


def _rows(numbers: Iterator[Any], width: int, count: int) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(itertools.islice(numbers, width)) for _ in range(count))


# Data of the catalogue: one weight, no bias, the sum of squared errors of three examples.
SIGMOID_UNIT = NetworkLoss(
    Network((1, 1), "sigmoid", output="sigmoid"),
    inputs=((-3.796,), (-1.87,), (0.124,)),
    targets=((0.857,), (0.034,), (0.73,)),
    scale=1.0,
)
# A bracket about each of its strict local minima, the global one first; it is convex over both.
SIGMOID_MINIMA = ((-0.25, 0.0), (7.5, 8.5))

# (w1 w2 - 1)**2: a chain of two linear units that is to give 1 for 1.
LINEAR_CHAIN = NetworkLoss(
    Network((1, 1, 1), "linear", biases=False), inputs=((1.0,),), targets=((1.0,),), scale=1.0
)


def linear_pair(targets: tuple[float, float]) -> NetworkLoss:
    """Half the squared error of ``W2 W1`` against a diagonal matrix, both of them 2 by 2."""
    first, second = targets
    return NetworkLoss(
        Network((2, 2, 2), "linear", biases=False),
        inputs=((1.0, 0.0), (0.0, 1.0)),
        targets=((first, 0.0), (0.0, second)),
    )


def dead_network(inputs: Sequence[float], targets: Sequence[float], units: int) -> NetworkLoss:
    """The loss of rectified units; flat where none is active (there is no output bias)."""
    return NetworkLoss(
        Network((1, units, 1), "relu"),
        inputs=tuple((each,) for each in inputs),
        targets=tuple((each,) for each in targets),
    )


class Plateau(Program):
    """``max(x - 1, 0)**2 + max(-x - 1, 0)**2``: convex, and flat between -1 and 1."""

    dimension = 1
    structure: Hashable = "plateau"
    coefficients: tuple[Any, ...] = ()

    def with_coefficients(self, coefficients: Sequence[Any]) -> Plateau:
        return self

    def evaluate(self, x: Sequence[Any]) -> Any:
        one = x[0].same(1.0)
        right, left = rectified(x[0] - one), rectified(-x[0] - one)
        return right * right + left * left


PLATEAU = Plateau()


@functools.cache
def curvature_range(problem: Any, low: float, high: float) -> tuple[float, float]:
    """Between what the curvature of a function of one variable lies in an interval; proved."""
    ends = [low + (high - low) * k / _PIECES for k in range(_PIECES + 1)]
    with ball_arithmetic():
        pieces = [
            problem.hessian([Scalar(arb(a).union(arb(b)), EXACT_BITS)])[0][0].ball
            for a, b in itertools.pairwise(ends)
        ]
        lowest = min(float(piece.lower()) for piece in pieces)
        highest = max(float(piece.upper()) for piece in pieces)
    return math.nextafter(lowest, -math.inf), math.nextafter(highest, math.inf)


@functools.cache
def enclosed_minimum(problem: Any, low: float, high: float) -> float:
    """The minimum of a function of one variable between two points, to the last digit.

    Raises
    ------
    ValueError
        The curvature is not proved to be positive there, or the slope to change its sign.
    """
    if not (
        curvature_range(problem, low, high)[0] > 0.0
        and _slope(problem, low) < 0 < _slope(problem, high)
    ):
        raise ValueError(f"no minimum is proved between {low} and {high}")
    while low < (middle := (low + high) / 2) < high:
        if _slope(problem, middle) < 0:
            low = middle
        else:
            high = middle
    return high


def _slope(problem: Any, x: float) -> arb:
    slope: arb = problem.gradient([Scalar(arb(x), EXACT_BITS)])[0].ball
    return slope
