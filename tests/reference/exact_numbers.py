"""Numbers that decide what a ball must contain: mpmath with far more bits than the balls have."""

from __future__ import annotations

from typing import Any

from flint import arb
from mpmath import MPContext

from optcheck.reference import FORMATS, Format
from optcheck.reference.balls import Arithmetic

# A context of its own: mpmath's global precision stays what it was. 1100 bits hold every sum of
# doubles whose exponents differ by less than 1000, so most values below are exact.
MP = MPContext()
MP.prec = 1100

EXACT = Arithmetic.exact()


def real(value: Any) -> Any:
    """The mpmath number of a double, an integer or the midpoint of a ball, exactly."""
    if not isinstance(value, arb):
        return MP.mpf(value)
    mantissa, exponent = value.mid().man_exp()
    return MP.mpf(int(mantissa)) * MP.mpf(2) ** int(exponent)


def distance(ball: arb, value: Any) -> Any:
    """How far ``value`` is from the midpoint."""
    return abs(real(ball) - value)


def contains(ball: arb, value: Any) -> bool:
    """Whether the ball covers ``value``; a ball that is not finite covers everything.

    Powers and exponentials are off by some units of mpmath's own last place.
    """
    own_error = abs(value) * MP.mpf(2) ** (20 - MP.prec)
    return not ball.is_finite() or bool(distance(ball, value) <= real(ball.rad()) + own_error)


def tight(ball: arb, value: Any, bits: int = 150) -> bool:
    """Whether the ball covers ``value`` and is narrower than ``2**-bits`` of it."""
    narrow = real(ball.rad()) <= abs(value) * MP.mpf(2) ** -bits
    return ball.is_finite() and contains(ball, value) and bool(narrow)


def working(
    form: str | Format, *, scalar: int = 53, step: int = 53, flushes: bool = False
) -> Arithmetic:
    """The arithmetic of an implementation; scalars are doubles unless told otherwise."""
    return Arithmetic.working(
        FORMATS[form] if isinstance(form, str) else form,
        scalar_bits=scalar,
        step_bits=step,
        flushes_subnormals=flushes,
    )
