"""Surfaces, valleys and networks, drawn from short binary fractions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.minimizers.drawing import fractions
from optcheck.reference.surfaces.networks import Network, NetworkLoss
from optcheck.reference.surfaces.stationary_points import Surface, Valley, turned, whole_scale


@st.composite
def valleys(draw: st.DrawFn, roots: int = 3) -> Valley:
    """Functions of one variable with as many stationary points, at least a half apart."""
    gaps = [draw(fractions(0.5, 1.0, 0.25)) for _ in range(roots - 1)]
    first = draw(fractions(-1.25, -0.5, 0.25))
    places = tuple(float(first + sum(gaps[:k])) for k in range(roots))
    return Valley(places, whole_scale(places, 2.0 ** -draw(st.integers(2, 4))))


@st.composite
def surfaces(draw: st.DrawFn) -> Surface:
    """Functions of two variables with nine stationary points: 4 minima, 4 saddles, a maximum."""
    return turned(draw(valleys()), draw(valleys()))


def points(count: int, reach: float = 1.0) -> st.SearchStrategy[Floats]:
    """Points with odd multiples of 1/16 for coordinates, all of different size."""
    units = round(reach * 8)
    sizes = st.permutations(range(max(units, count)))
    signs = st.lists(st.sampled_from((1.0, -1.0)), min_size=count, max_size=count)
    return st.tuples(sizes, signs).map(
        lambda drawn: np.array(
            [
                sign * (2 * size + 1) / 16
                for size, sign in zip(drawn[0][:count], drawn[1], strict=True)
            ]
        )
    )


@st.composite
def losses(
    draw: st.DrawFn, network: Network, examples: int = 2, penalty: float | None = None
) -> NetworkLoss:
    """The squared loss of ``network`` on data whose inputs differ."""
    inputs = draw(points(network.widths[0] * examples, 2.0))
    targets = draw(points(network.widths[-1] * examples, 2.0))
    return NetworkLoss(
        network,
        _rows(inputs, network.widths[0]),
        _rows(targets, network.widths[-1]),
        penalty=penalty,
    )


def _rows(values: Floats, width: int) -> tuple[tuple[float, ...], ...]:
    rows: Sequence[Sequence[float]] = values.reshape(-1, width).tolist()
    return tuple(tuple(row) for row in rows)


Examples = tuple[tuple[float, ...], tuple[float, ...]]


@st.composite
def regressions(draw: st.DrawFn, *, classes: bool = False, alike: bool = False) -> Examples:
    """Three inputs, different unless they are ``alike``, and three targets, or classes.

    The classes are not to be separated, so that the loss of logistic regression has a minimum.
    """
    ranges = ((-2.0, -1.0), (0.0, 0.5), (1.0, 2.0))
    inputs = [draw(fractions(low, high, 0.25)) for low, high in ranges]
    if alike:
        inputs = [inputs[-1]] * len(inputs)
    if classes:
        return tuple(inputs), draw(st.sampled_from(((0.0, 1.0, 0.0), (1.0, 0.0, 1.0))))
    return tuple(inputs), tuple(draw(fractions(-1.0, 1.0)) for _ in inputs)
