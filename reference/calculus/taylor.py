"""Taylor series in balls: what is left of a function beyond its first terms, along a segment.

The coefficient of ``t**k`` of a function of ``c + t d``, with the ball ``c`` around a whole
segment, covers the k-th derivative along ``d`` over ``k!`` everywhere on it, so it bounds the
remainder of the sum of the terms before it from both sides (Lagrange).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
from flint import arb, arb_series

from optcheck.reference.balls import ball_arithmetic

Series = Any  # flint's, without types of its own


class Taylor:
    """A power series as a number that a problem can be evaluated with."""

    __array_ufunc__ = None
    __slots__ = ("series",)

    def __init__(self, series: Series) -> None:
        self.series = series

    def same(self, value: float) -> Taylor:
        """The constant ``value``."""
        return Taylor(arb_series([arb(value)]))

    def _lifted(self, other: Any) -> Series:
        return other.series if isinstance(other, Taylor) else arb_series([arb(other)])

    def __add__(self, other: Any) -> Taylor:
        return Taylor(self.series + self._lifted(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Taylor:
        return Taylor(self.series - self._lifted(other))

    def __rsub__(self, other: Any) -> Taylor:
        return Taylor(self._lifted(other) - self.series)

    def __mul__(self, other: Any) -> Taylor:
        return Taylor(self.series * self._lifted(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Taylor:
        return Taylor(self.series * self._lifted(other).inv())

    def __rtruediv__(self, other: Any) -> Taylor:
        return Taylor(self._lifted(other) * self.series.inv())

    def __neg__(self) -> Taylor:
        return Taylor(-self.series)

    def function(self, name: str) -> Taylor:
        """The elementary function called ``name``."""
        x = self.series
        if name in ("cosh", "sinh", "tanh"):
            up, down = x.exp(), (-x).exp()
            even, odd = (up + down) / 2, (up - down) / 2
            return Taylor({"cosh": even, "sinh": odd}.get(name) or odd * even.inv())
        return Taylor((1 + x).log() if name == "log1p" else getattr(x, name)())

    def where_positive(self, positive: Taylor, otherwise: Taylor) -> Taylor:
        """One of two; nothing is known where a kink may lie on the segment."""
        sign = self.coefficient(0)
        if sign.upper() < 0 or (sign.is_zero() and self.series.length() <= 1):
            return otherwise
        return positive if sign.lower() > 0 else Taylor(arb_series([arb("nan")] * 4))

    def coefficient(self, order: int) -> arb:
        """That of ``t**order``."""
        found: arb = self.series[order]
        return found


def along(
    function: Any, start: npt.ArrayLike, direction: npt.ArrayLike, order: int
) -> Sequence[arb]:
    """The coefficient of ``t**order`` of each result of ``function`` on the segment.

    The segment goes from ``start`` to ``start + direction``, shape ``(n,)`` both.
    """
    with ball_arithmetic():
        x = []
        for a, d in zip(map(float, start), map(float, direction), strict=True):  # type: ignore[arg-type]
            middle, half = arb(a) + arb(d) / 2, abs(arb(d)) / 2
            x.append(Taylor(arb_series([arb(middle, half.abs_upper()), arb(d)], prec=order + 1)))
        return [each.coefficient(order) for each in function(x)]
