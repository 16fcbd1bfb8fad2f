"""Automatic differentiation of a program in any numbers, forwards and in reverse.

The numbers below compute with any other numbers, balls or one another: so both modes nest. In
balls the exact derivative of a program comes out, and in the working arithmetic the rounding that
a library makes which differentiates the same program in the same mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

from optcheck.reference.functions import total

Mode = Literal["forward", "reverse"]
# A linear map: of a change of the argument to one of the result, and of adjoints the other way.
Linear = Callable[[Any], Any]
Vector = Callable[[Sequence[Any]], Sequence[Any]]

# The derivative of each elementary function, given its argument and its result.
_SLOPES: dict[str, Callable[[Any, Any], Linear]] = {
    "exp": lambda x, y: lambda t: t * y,
    "log": lambda x, y: lambda t: t / x,
    "log1p": lambda x, y: lambda t: t / (x + 1),
    "sqrt": lambda x, y: lambda t: t / (y + y),
    "sin": lambda x, y: lambda t: t * x.function("cos"),
    "cos": lambda x, y: lambda t: -(t * x.function("sin")),
    "sinh": lambda x, y: lambda t: t * x.function("cosh"),
    "cosh": lambda x, y: lambda t: t * x.function("sinh"),
    "tanh": lambda x, y: lambda t: t * (1 - y * y),
}


class Differentiated:
    """A number that knows how it changes: the operators, for both modes.

    ``value`` is the number itself. A mode says what becomes of a result: ``_result`` takes its
    value and, for each operand, the linear map from a change of the operand.
    """

    __array_ufunc__ = None
    value: Any

    def _result(self, value: Any, *parts: tuple[Any, Linear]) -> Self:
        raise NotImplementedError

    def constant(self, value: Any) -> Self:
        """A number of those underneath that does not change."""
        return self._result(value)

    def same(self, value: float) -> Self:
        """The constant ``value``."""
        return self.constant(self.value.same(value))

    def _lifted(self, other: Any) -> Any:
        return other if isinstance(other, Differentiated) else self.same(float(other))

    def __add__(self, other: Any) -> Self:
        b = self._lifted(other)
        return self._result(self.value + b.value, (self, _identity), (b, _identity))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        b = self._lifted(other)
        return self._result(self.value - b.value, (self, _identity), (b, _negated))

    def __rsub__(self, other: Any) -> Any:
        return self._lifted(other) - self

    def __mul__(self, other: Any) -> Self:
        a, b = self.value, self._lifted(other)
        return self._result(a * b.value, (self, lambda t: t * b.value), (b, lambda t: a * t))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        b = self._lifted(other)
        quotient = self.value / b.value
        return self._result(
            quotient, (self, lambda t: t / b.value), (b, lambda t: -(t * quotient) / b.value)
        )

    def __rtruediv__(self, other: Any) -> Any:
        return self._lifted(other) / self

    def __neg__(self) -> Self:
        return self._result(-self.value, (self, _negated))

    def function(self, name: str) -> Self:
        """The elementary function called ``name``."""
        result = self.value.function(name)
        return self._result(result, (self, _SLOPES[name](self.value, result)))

    def where_positive(self, positive: Self, otherwise: Self) -> Self:
        """One of two, by the sign of the value; where it is undecided, both and both slopes."""
        chosen = self.value.where_positive(positive.value, otherwise.value)
        for each in (positive, otherwise):
            if chosen is each.value:
                return each
        one, zero = self.value.same(1.0), self.value.same(0.0)
        first = self.value.where_positive(one, zero)
        second = self.value.where_positive(zero, one)
        return self._result(
            chosen, (positive, lambda t: t * first), (otherwise, lambda t: t * second)
        )

    @staticmethod
    def total(terms: Sequence[Any]) -> Any:
        """The sum, and with it that of the slopes, in any order."""
        value = total([term.value for term in terms])
        return terms[0]._result(value, *((term, _identity) for term in terms))


class Dual(Differentiated):
    """A number with its change along one direction; ``change`` is None for a constant."""

    __slots__ = ("change", "value")

    def __init__(self, value: Any, change: Any = None) -> None:
        self.value = value
        self.change = change

    def _result(self, value: Any, *parts: tuple[Any, Linear]) -> Dual:
        changes = [linear(each.change) for each, linear in parts if each.change is not None]
        return Dual(value, total(changes) if changes else None)


class Node(Differentiated):
    """A number on a tape; ``parts`` are the numbers that it was made of."""

    __slots__ = ("parts", "place", "tape", "value")

    def __init__(
        self, tape: list[Node], value: Any, parts: Sequence[tuple[Node, Linear]] = ()
    ) -> None:
        self.tape = tape
        self.value = value
        self.parts = parts
        self.place = len(tape)
        tape.append(self)

    def _result(self, value: Any, *parts: tuple[Any, Linear]) -> Node:
        return Node(self.tape, value, parts)

    def adjoints(self, variables: Sequence[Node]) -> list[Any]:
        """The derivative of this number in each of ``variables``."""
        received: dict[int, list[Any]] = {self.place: [self.value.same(1.0)]}
        wanted = {variable.place for variable in variables}
        for node in reversed(self.tape[: self.place + 1]):
            if node.place not in received or node.place in wanted:
                continue
            adjoint = total(received.pop(node.place))
            for part, linear in node.parts:
                received.setdefault(part.place, []).append(linear(adjoint))
        zero = self.value.same(0.0)
        return [total(received.get(variable.place, [zero])) for variable in variables]


def _identity(change: Any) -> Any:
    return change


def _negated(change: Any) -> Any:
    return -change


def push(function: Vector, x: Sequence[Any], direction: Sequence[Any]) -> list[Any]:
    """The derivative of ``function`` along ``direction``, forwards; None is 0 in a direction."""
    results = function([Dual(value, change) for value, change in zip(x, direction, strict=True)])
    zero = x[0].same(0.0)
    return [zero if each.change is None else each.change for each in results]


def jacobian(mode: Mode, function: Vector, x: Sequence[Any]) -> list[list[Any]]:
    """The derivatives of ``function``, a row for each of its results."""
    if mode == "forward":
        one = x[0].same(1.0)
        indices = range(len(x))
        columns = [push(function, x, [one if i == j else None for i in indices]) for j in indices]
        return [list(row) for row in zip(*columns, strict=True)]
    tape: list[Node] = []
    variables = [Node(tape, value) for value in x]
    return [each.adjoints(variables) for each in function(variables)]


def gradient(mode: Mode, function: Callable[[Any], Any], x: Sequence[Any]) -> list[Any]:
    """The gradient of a function with one result."""
    return jacobian(mode, lambda y: [function(y)], x)[0]


def hessian(
    outer: Mode, inner: Mode, function: Callable[[Any], Any], x: Sequence[Any]
) -> list[list[Any]]:
    """The second derivatives: the ``outer`` mode applied to the gradient by the ``inner`` one."""
    return jacobian(outer, lambda y: gradient(inner, function, y), x)
