"""Numbers as source text: what is computed with them says how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expression:
    """A number as Python source: a function of such numbers tells its own source."""

    text: str

    def same(self, value: float) -> Expression:
        """The number ``value``."""
        return Expression(repr(value))

    def _with(self, other: Any, symbol: str, *, turned: bool = False) -> Expression:
        texts = [self.text, other.text if isinstance(other, Expression) else repr(other)]
        return Expression(f"({f' {symbol} '.join(reversed(texts) if turned else texts)})")

    def __add__(self, other: Any) -> Expression:
        return self._with(other, "+")

    def __radd__(self, other: Any) -> Expression:
        return self._with(other, "+", turned=True)

    def __sub__(self, other: Any) -> Expression:
        return self._with(other, "-")

    def __rsub__(self, other: Any) -> Expression:
        return self._with(other, "-", turned=True)

    def __mul__(self, other: Any) -> Expression:
        return self._with(other, "*")

    def __rmul__(self, other: Any) -> Expression:
        return self._with(other, "*", turned=True)

    def __truediv__(self, other: Any) -> Expression:
        return self._with(other, "/")

    def __neg__(self) -> Expression:
        return Expression(f"(-{self.text})")

    def sqrt(self) -> Expression:
        """Its root."""
        return Expression(f"({self.text})**0.5")

    def exp(self) -> Expression:
        """Its exponential."""
        return Expression(f"exp({self.text})")

    def log(self) -> Expression:
        """Its logarithm."""
        return Expression(f"log({self.text})")

    def function(self, name: str) -> Expression:
        """An elementary function of it."""
        return Expression(f"{name}({self.text})")

    def where_positive(self, positive: Expression, otherwise: Expression) -> Expression:
        """One of two, by its sign."""
        return Expression(f"where({self.text} > 0, {positive.text}, {otherwise.text})")

    def max(self, other: Expression) -> Expression:
        """The larger one."""
        return Expression(f"max({self.text}, {other.text})")

    def pair(self, other: Expression, function: Callable[[Any, Any], Any]) -> Any:
        """A function of two numbers."""
        return function(self, other)

    def apply(self, function: Callable[[Any], Any]) -> Any:
        """A function of the number."""
        return function(self)

    def elementary(self) -> Expression:
        """The number itself."""
        return self


def source_of(value: Any) -> str:
    """A number, or nested lists of numbers, as Python source."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(source_of(each) for each in value)}]"
    return value.text if isinstance(value, Expression) else repr(value)
