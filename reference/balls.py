"""Real balls: exact values, and proven budgets for rounding error.

A ball is a midpoint and a radius that is proven to cover the true value (python-flint's ``arb``).
The same formula is evaluated twice: at 200 bits, where the radius is negligible and the result is
*the* value of the equation; and at the precision under test, where the radius bounds what rounding
may do to this very input.

Two kinds of number occur in an update rule and libraries treat them differently, so there are two
classes. :class:`Scalar` is a hyper-parameter or something made of hyper-parameters and the step
count (``1 - beta**t``); :class:`Balls` is a vector of array elements. A scalar is rounded to the
array's precision where the two meet, as a kernel does with its scalar arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

from optcheck.reference.formats import Format

# Balls are computed with these many bits; the rounding that they model is added explicitly.
EXACT_BITS = 200

# Scalars are kept in float32 or float64; below these they are subnormal, or flushed to zero.
_SMALLEST_NORMAL = {24: 2.0**-126, 53: 2.0**-1022}

# The smallest positive double: no radius is rounded to zero.
_SMALLEST = math.ulp(0.0)

# An integer that occurs in a formula (the 1 in 1 - beta) is exact at every precision.
_UNLIMITED = 1 << 20


class ball_arithmetic:  # noqa: N801 (used as a with statement, like contextlib's)
    """Set flint's precision, which is global to the process, inside the block."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        self.before = ctx.prec
        ctx.prec = EXACT_BITS

    def __exit__(self, *exception: object) -> None:
        ctx.prec = self.before


def rounded(ball: arb, bits: int) -> arb:
    """``ball`` widened by one rounding to nearest with ``bits`` significand bits.

    Half a unit in the last place of the largest number in the ball; a number that the format
    holds is not rounded. Call it inside :func:`ball_arithmetic`.
    """
    if bits >= EXACT_BITS or not ball.is_finite():
        return ball
    if ball.is_exact() and _representable(ball, bits):
        return ball
    _, exponent = math.frexp(float(ball.abs_upper()) or _SMALLEST)
    return ball + arb(0, math.ldexp(1.0, exponent - bits - 1) or _SMALLEST)


def _representable(ball: arb, bits: int) -> bool:
    before = ctx.prec
    ctx.prec = bits
    exact: bool = (+ball).is_exact()
    ctx.prec = before
    return exact


@dataclass(frozen=True)
class Arithmetic:
    """How numbers are rounded: the significand bits, and what happens at the ends of the range.

    ``smallest_normal`` and ``underflow`` describe the lower end: a result that may lie below
    ``smallest_normal`` may be off by ``underflow`` more. Above ``largest`` nothing is promised.
    """

    bits: int
    scalar_bits: int
    step_bits: int
    smallest_normal: float = 0.0
    underflow: float = 0.0
    largest: float = math.inf

    @classmethod
    def exact(cls) -> Arithmetic:
        """The arithmetic in which the radius is negligible."""
        return cls(EXACT_BITS, EXACT_BITS, EXACT_BITS)

    @classmethod
    def working(
        cls, form: Format, *, scalar_bits: int, step_bits: int, flushes_subnormals: bool
    ) -> Arithmetic:
        """The arithmetic of an implementation that computes arrays in ``form``."""
        return cls(
            form.bits,
            scalar_bits,
            step_bits,
            form.smallest_normal,
            form.smallest_normal if flushes_subnormals else form.smallest_subnormal,
            form.largest,
        )

    def scalar(self, value: float) -> Scalar:
        """A hyper-parameter: the given double, rounded to the scalar precision."""
        return Scalar(arb(value), self.scalar_bits)

    def step(self, count: int) -> Scalar:
        """A step count; what is computed from it has the precision of step-dependent scalars."""
        return Scalar(arb(count), self.step_bits)

    def array(self, values: npt.ArrayLike) -> Balls:
        """Array elements (float64, flattened), taken as they are: storage is exact."""
        flat = np.asarray(values, dtype=np.float64).ravel()
        with ball_arithmetic():
            return Balls([self._within_range(arb(float(value))) for value in flat], self)

    def result(self, ball: arb) -> arb:
        """One result of one array operation: rounded, and subject to the ends of the range."""
        return self._within_range(rounded(ball, self.bits))

    def _within_range(self, ball: arb) -> arb:
        if not self.underflow or ball.is_zero():
            return ball
        if ball.abs_lower() < self.smallest_normal:
            ball += arb(0, self.underflow)
        if not ball.abs_upper() <= self.largest:
            return arb("nan")
        return ball


class Scalar:
    """A ball with its own precision; an operation takes the lower precision of its operands."""

    __array_ufunc__ = None  # numpy defers to the methods below
    __slots__ = ("ball", "bits")

    def __init__(self, ball: arb, bits: int) -> None:
        self.bits = bits
        if bits >= EXACT_BITS:
            self.ball = ball
            return
        with ball_arithmetic():
            ball = rounded(ball, bits)
            tiny = _SMALLEST_NORMAL.get(bits, 0.0)
            subnormal = tiny and not ball.is_zero() and ball.abs_lower() < tiny
            self.ball = ball + arb(0, tiny) if subnormal else ball

    def _with(self, other: Any, operation: Callable[[arb, arb], arb]) -> Any:
        if isinstance(other, int):
            other = Scalar(arb(other), _UNLIMITED)
        elif not isinstance(other, Scalar):
            return NotImplemented
        bits = min(self.bits, other.bits)
        with ball_arithmetic():
            return Scalar(operation(self._at(bits), other._at(bits)), bits)

    def _at(self, bits: int) -> arb:
        return self.ball if bits == self.bits else rounded(self.ball, bits)

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    def __pow__(self, other: Any) -> Any:
        power = self._with(other, lambda a, b: a**b)
        return power.elementary() if isinstance(power, Scalar) else power

    def elementary(self) -> Scalar:
        """Rounded once more: math libraries promise one unit for exp and pow, and not half."""
        return Scalar(self.ball, self.bits)

    def __neg__(self) -> Scalar:
        return self.apply(lambda a: -a)

    def __abs__(self) -> Scalar:
        return self.apply(abs)

    def same(self, value: float) -> Scalar:
        """The double ``value`` at this scalar's precision."""
        return Scalar(arb(value), self.bits)

    @staticmethod
    def total(terms: Sequence[Scalar]) -> Scalar:
        """The sum, with a bound that holds for every order of summation (as Balls.total)."""
        bits = min(term.bits for term in terms)
        with ball_arithmetic():
            balls = [term._at(bits) for term in terms]
            total = sum(balls, arb(0))
            if bits < EXACT_BITS:
                magnitude = sum((abs(ball) for ball in balls), arb(0)).abs_upper()
                total += arb(0, 1) * ((len(balls) - 1) * magnitude * arb(2) ** -bits)
            # Not rounded again: the last addition is among those counted.
            result = Scalar(arb(0), bits)
            result.ball = total
            return result

    def apply(self, function: Callable[[arb], arb]) -> Scalar:
        """``function`` of the ball, at this scalar's precision."""
        with ball_arithmetic():
            return Scalar(function(self.ball), self.bits)

    def function(self, name: str) -> Scalar:
        """``exp``, ``log``, ``sin`` ... of the ball, rounded as vectorised kernels may round it.

        NumPy holds its own, in float32, to four units. With what SAFETY adds, that is four
        roundings to nearest.
        """
        result = self.apply(lambda ball: getattr(ball, name)())
        return result.elementary().elementary().elementary()

    def where_positive(self, positive: Scalar, otherwise: Scalar) -> Scalar:
        """One of two, by the sign; an undecided ball covers both."""
        with ball_arithmetic():
            low, high = self.ball.lower(), self.ball.upper()
        if high <= 0:
            return otherwise
        return positive if low > 0 else positive.pair(otherwise, lambda a, b: a.union(b))

    def pair(self, other: Any, function: Callable[[arb, arb], arb]) -> Scalar:
        """A function of two scalars, at the lower precision of the two."""
        result = self._with(other, function)
        if not isinstance(result, Scalar):
            raise TypeError(f"no function of a scalar and a {type(other).__name__}")
        return result


class Balls:
    """A flat vector of balls that obeys one :class:`Arithmetic`."""

    __array_ufunc__ = None
    __slots__ = ("arithmetic", "balls")

    def __init__(self, balls: Sequence[arb], arithmetic: Arithmetic) -> None:
        self.balls = list(balls)
        self.arithmetic = arithmetic

    def __len__(self) -> int:
        return len(self.balls)

    def _operands(self, other: Any) -> Sequence[arb] | None:
        if isinstance(other, Balls):
            if len(other) != len(self):
                raise ValueError(f"vectors of {len(self)} and {len(other)} elements do not match")
            return other.balls
        if isinstance(other, Scalar):
            if self.arithmetic.bits >= EXACT_BITS:
                return [other.ball] * len(self)
            with ball_arithmetic():
                return [self.arithmetic.result(other.ball)] * len(self)
        if isinstance(other, int):
            return [arb(other)] * len(self)
        return None

    def _with(self, other: Any, operation: Callable[[arb, arb], arb]) -> Any:
        operands = self._operands(other)
        if operands is None:
            return NotImplemented
        return self._result(operation, self.balls, operands)

    def _result(self, operation: Callable[..., arb], *operands: Sequence[arb]) -> Self:
        with ball_arithmetic():
            balls = [operation(*each) for each in zip(*operands, strict=True)]
            if self.arithmetic.bits < EXACT_BITS:
                balls = [self.arithmetic.result(ball) for ball in balls]
        return type(self)(balls, self.arithmetic)

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    def __pow__(self, exponent: int) -> Self:
        if exponent != 2:
            raise ValueError(f"only squares are defined for arrays, not the power {exponent}")
        return self._result(lambda a: a * a, self.balls)

    def __neg__(self) -> Self:
        return self.apply(lambda a: -a)

    def __abs__(self) -> Self:
        return self.apply(abs)

    def widened(self, amplification: Balls) -> Self:
        """Allow for one underflow, amplified by so much, in each element."""
        underflow = self.arithmetic.underflow
        with ball_arithmetic():
            return type(self)(
                [
                    ball if ball.is_zero() else ball + arb(0, 1) * (by.abs_upper() * underflow)
                    for ball, by in zip(self.balls, amplification.balls, strict=True)
                ],
                self.arithmetic,
            )

    def reordered(self, *terms: Balls) -> Self:
        """Allow for one more rounding of sums of ``terms``, and of their product with a scalar."""
        if self.arithmetic.bits >= EXACT_BITS:
            return self
        with ball_arithmetic():
            unit = arb(2) ** -self.arithmetic.bits
            balls = []
            for ball, *more in zip(self.balls, *(term.balls for term in terms), strict=True):
                size = sum((abs(each) for each in more), arb(0)).abs_upper()
                balls.append(ball + arb(0, 1) * (unit * size))
        return type(self)(balls, self.arithmetic)

    def apply(self, function: Callable[[arb], arb]) -> Self:
        """``function`` of each element, at the array's precision."""
        return self._result(function, self.balls)

    def pair(self, other: Any, function: Callable[[arb, arb], arb]) -> Self:
        """A function of two vectors, or of a vector and a scalar, element by element."""
        result = self._with(other, function)
        if not isinstance(result, Balls):
            raise TypeError(f"no function of a vector and a {type(other).__name__}")
        return result  # type: ignore[return-value]

    def choose(self, function: Callable[..., arb], *others: Any) -> Balls:
        """``function`` of each element and of those of ``others``, without a rounding."""
        operands = [self._operands(other) for other in others]
        if None in operands:
            raise TypeError("others are vectors, scalars or integers")
        with ball_arithmetic():
            balls = [function(*each) for each in zip(self.balls, *operands, strict=True)]
        return Balls(balls, self.arithmetic)

    def total(self) -> Scalar:
        """The sum of the elements, with a bound that holds for every order of summation.

        n - 1 additions, each off by at most 2**-bits of the sum of magnitudes, or by one underflow
        (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
        """
        with ball_arithmetic():
            magnitude = sum((abs(ball) for ball in self.balls), arb(0)).abs_upper()
            if magnitude.is_zero():
                return Scalar(arb(0), self.arithmetic.bits)
            if not magnitude <= self.arithmetic.largest:
                return Scalar(arb("nan"), self.arithmetic.bits)
            additions = max(len(self) - 1, 0)
            rounding = additions * (magnitude * arb(2) ** -self.arithmetic.bits)
            rounding += additions * self.arithmetic.underflow
            total = sum(self.balls, arb(0)) + arb(0, rounding)
            return Scalar(self.arithmetic._within_range(total), self.arithmetic.bits)

    def midpoints(self) -> npt.NDArray[np.float64]:
        """The midpoints as doubles (rounded), shape ``(n,)``."""
        return np.array([float(ball.mid()) for ball in self.balls], dtype=np.float64)
