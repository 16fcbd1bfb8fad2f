"""The floating-point formats under test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: significand bits (with the hidden one) and exponents."""

    name: str
    bits: int
    minimum_exponent: int
    maximum_exponent: int

    @property
    def smallest_normal(self) -> float:
        """Below this, a result loses significand bits."""
        return 2.0**self.minimum_exponent

    @property
    def smallest_subnormal(self) -> float:
        """The distance between neighbours below ``smallest_normal``."""
        return 2.0 ** (self.minimum_exponent - self.bits + 1)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.bits)) * 2.0**self.maximum_exponent


FORMATS = {
    form.name: form
    for form in (
        Format("float64", 53, -1022, 1023),
        Format("float32", 24, -126, 127),
        Format("float16", 11, -14, 15),
        Format("bfloat16", 8, -126, 127),
    )
}
