"""Symmetries of weight space: what leaves the output of a network as it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import fmpq, fmpq_mat

from optcheck.reference.registry import statement
from optcheck.reference.surfaces.networks import Network

statement(
    "weight-space-symmetry-sign-permutation-count",
    title="How many points are equivalent in a network with one hidden layer",
    formula=r"|\{\mathbf{w}'\sim\mathbf{w}\}|=M!\,2^{M}\ (\tanh),\qquad M!\ (\text{ReLU})",
    sources=("bishop:sec 7.1",),
    erratum="B21: the sign flips need an odd activation; for ReLU the permutations remain.",
)
statement(
    "weight-space-symmetry-permutation-count",
    title="How many permutations of hidden units a deep network has",
    formula=r"(n!)^{m}\ \text{arrangements for }m\text{ layers of }n\text{ units}",
    sources=("goodfellow:sec 8.2.2",),
    erratum="G46: units i and j, m layers and n units; the symbols are lost in the transcription.",
)
statement(
    "relu-rescaling-symmetry",
    title="A rectified unit may be scaled where it is entered and back where it is left",
    formula=(
        r"\tfrac1\alpha v\,\phi\big(\alpha(\mathbf{w}^T\mathbf{x}+b)\big)"
        r"=v\,\phi(\mathbf{w}^T\mathbf{x}+b),\quad\alpha>0"
    ),
    sources=("goodfellow:sec 8.2.2",),
    erratum="G44: for positive factors alone.",
)
statement(
    "equivalent-minima-equal-cost",
    title="Equivalent points have equal cost and are stationary together",
    formula=(
        r"J(T\boldsymbol\theta)=J(\boldsymbol\theta)\Rightarrow"
        r"\nabla J(T\boldsymbol\theta)=T^{-T}\nabla J(\boldsymbol\theta)"
    ),
    sources=("goodfellow:sec 8.2.2", "bishop:sec 7.1"),
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Symmetry:
    """A map of weight space: coordinate ``i`` of the image is ``factors[i]`` times another one."""

    places: tuple[int, ...]
    factors: tuple[float, ...]

    def apply(self, parameters: Floats) -> Floats:
        """The image of a point."""
        image: Floats = np.array(self.factors) * parameters[list(self.places)]
        return image

    def apply_to_gradient(self, gradient: Floats) -> Floats:
        """The gradient at the image, which transforms contragrediently."""
        image: Floats = gradient[list(self.places)] / np.array(self.factors)
        return image


def _unit_places(network: Network, layer: int, unit: int) -> tuple[list[int], list[int]]:
    """Where a hidden unit is entered, bias included, and where it is left."""
    places = network.places()
    return places[layer][unit], [row[unit] for row in places[layer + 1]]


def permutation(network: Network, orders: Sequence[Sequence[int]]) -> Symmetry:
    """The hidden units of each layer in another order."""
    places = list(range(network.size))
    for layer, order in enumerate(orders):
        before = list(places)
        for new, old in enumerate(order):
            for to, source in zip(
                itertools.chain(*_unit_places(network, layer, new)),
                itertools.chain(*_unit_places(network, layer, old)),
                strict=True,
            ):
                places[to] = before[source]
    return Symmetry(tuple(places), (1.0,) * network.size)


def scaling(network: Network, layer: int, unit: int, enter: float, leave: float) -> Symmetry:
    """All that enters a hidden unit times one factor, all that leaves it times another."""
    factors = [1.0] * network.size
    entering, leaving = _unit_places(network, layer, unit)
    for place in entering:
        factors[place] = enter
    for place in leaving:
        factors[place] = leave
    return Symmetry(tuple(range(network.size)), tuple(factors))


def joined(first: Symmetry, second: Symmetry) -> Symmetry:
    """``second`` after ``first``."""
    return Symmetry(
        tuple(first.places[place] for place in second.places),
        tuple(
            factor * first.factors[place]
            for factor, place in zip(second.factors, second.places, strict=True)
        ),
    )


def permutations(network: Network) -> Iterator[Symmetry]:
    """All orders of all hidden layers."""
    orders = (list(itertools.permutations(range(width))) for width in network.widths[1:-1])
    for each in itertools.product(*orders):
        yield permutation(network, each)


def signed_permutations(network: Network) -> Iterator[Symmetry]:
    """All orders and all signs of the units of the first hidden layer."""
    units = range(network.widths[1])
    for order in permutations(network):
        for signs in itertools.product((1.0, -1.0), repeat=len(units)):
            image = order
            for unit, sign in zip(units, signs, strict=True):
                image = joined(image, scaling(network, 0, unit, sign, sign))
            yield image


def sign_permutation_count(units: int) -> int:
    """``M! 2**M``."""
    return int(math.factorial(units) * 2**units)


def permutation_count(units: int, layers: int) -> int:
    """``(n!)**m``."""
    return int(math.factorial(units) ** layers)


def scale_directions(network: Network, parameters: Floats) -> Floats:
    """For each hidden unit the direction in which its scale moves the point, one a row.

    The derivative of ``(alpha w, alpha b, v / alpha)`` at ``alpha = 1``.
    """
    rows = []
    for layer, width in enumerate(network.widths[1:-1]):
        for unit in range(width):
            entering, leaving = _unit_places(network, layer, unit)
            row = np.zeros(network.size)
            row[entering], row[leaving] = parameters[entering], -parameters[leaving]
            rows.append(row)
    return np.array(rows)


def rank(rows: Floats) -> int:
    """How many of the rows are independent, exactly."""
    exact = [[fmpq(*float(each).as_integer_ratio()) for each in row] for row in rows]
    count: int = fmpq_mat(exact).rank()
    return count
