"""Floating-point numbers of any format, each operation rounded to nearest even.

One operation in double and a second rounding give the correctly rounded result where the double
has at least 2 p + 2 bits (Figueroa, 1995), so this is a real implementation of float32, float16
and bfloat16 arithmetic that shares nothing with the balls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from optcheck.reference import Format


def nearest(value: Fraction, form: Format, *, flushes: bool = False) -> float:
    """``value`` rounded to nearest even in ``form``, its subnormals and overflow included."""
    if value == 0:
        return 0.0
    if flushes and abs(value) < Fraction(form.smallest_normal):
        return 0.0
    exponent = abs(value).numerator.bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    quantum = Fraction(2) ** (max(exponent, form.minimum_exponent) - form.bits + 1)
    result = round(value / quantum) * quantum
    if abs(result) > Fraction(form.largest):
        return math.copysign(math.inf, value)
    return float(result)


@dataclass(frozen=True)
class Emulated:
    """One number, rounded to its format."""

    value: float
    form: Format
    flushes: bool = False

    def __post_init__(self) -> None:
        if math.isfinite(self.value):
            value = nearest(Fraction(self.value), self.form, flushes=self.flushes)
            object.__setattr__(self, "value", value)

    def _new(self, value: float) -> Emulated:
        return Emulated(value, self.form, self.flushes)

    def _with(self, other: Any, operation: Callable[[float, float], float]) -> Emulated:
        right = other.value if isinstance(other, Emulated) else self._new(float(other)).value
        with np.errstate(all="ignore"):
            return self._new(float(operation(np.float64(self.value), np.float64(right))))

    def __add__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Emulated:
        return self._with(other, lambda a, b: b / a)

    def __pow__(self, exponent: int) -> Emulated:
        return self._with(self, lambda a, b: a * b)

    def __neg__(self) -> Emulated:
        return self._new(-self.value)

    def __abs__(self) -> Emulated:
        return self._new(abs(self.value))

    def sqrt(self) -> Emulated:
        """The root; NaN of a negative number."""
        return self._new(math.sqrt(self.value) if self.value >= 0 else math.nan)

    def maximum(self, other: Any) -> Emulated:
        """The larger one."""
        return self._with(other, lambda a, b: max(a, b))
