"""Paths of a dialect in exact balls, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from exact_numbers import EXACT, MP, real
from flint import arb

from optcheck.reference import METHODS
from optcheck.reference.oracle import Position, UpdateOracle

FINE = MP.mpf(2) ** -150


def positions(
    method: str,
    dialect: str,
    gradients: Sequence[Any],
    start: Any = 1.0,
    rates: Sequence[float | None] | None = None,
    signals: Sequence[Mapping[str, Any]] | None = None,
    state: Mapping[str, Any] | None = None,
    **h: float,
) -> list[Position]:
    """After each update; a gradient is a number or a tuple. ``state`` is that before the first."""
    oracle = UpdateOracle(METHODS[method], dialect, h, EXACT)
    position = oracle.start(np.atleast_1d(start))
    if state is not None:
        vectors = {"parameter": start, **state}
        position = oracle.at(0, {name: np.atleast_1d(value) for name, value in vectors.items()})
    path = []
    for step, gradient in enumerate(gradients):
        rate = rates[step] if rates else None
        told = signals[step] if signals else None
        position = oracle.advance(position, np.atleast_1d(gradient), rate, told)
        path.append(position)
    return path


def parameters(*args: Any, **kwargs: Any) -> list[arb]:
    """The parameters after each update, one step after the other."""
    return [ball for each in positions(*args, **kwargs) for ball in each.parameter.exact.balls]


def values(path: Sequence[arb]) -> list[float]:
    """Numbers that doubles hold exactly."""
    numbers = [float(ball.mid()) for ball in path]
    assert all(ball == number for ball, number in zip(path, numbers, strict=True))
    return numbers


def gap(first: Sequence[arb], second: Sequence[arb]) -> Any:
    """The largest distance between two paths beyond what their radii explain."""
    assert len(first) == len(second)
    for ball in (*first, *second):
        assert real(ball.rad()) <= FINE * max(1, abs(real(ball)))
    return max(
        abs(real(a) - real(b)) - real(a.rad()) - real(b.rad())
        for a, b in zip(first, second, strict=True)
    )
