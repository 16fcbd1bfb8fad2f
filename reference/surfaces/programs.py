"""Functions that are written once, as a program, and differentiated by the reference itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from optcheck.reference.calculus import automatic
from optcheck.reference.expressions import Expression, source_of
from optcheck.reference.points import is_native, matrix_like, plain, vector_like
from optcheck.reference.problems import Sources


@dataclass(frozen=True)
class Native:
    """A double, or a scalar of a library, that can be asked what other numbers can."""

    value: Any

    def same(self, value: float) -> Native:
        """The number ``value``."""
        return Native(value)

    def function(self, name: str) -> Native:
        """An elementary function of it."""
        library = math if isinstance(self.value, float) else array_namespace(self.value)
        return Native(getattr(library, name)(self.value))

    def where_positive(self, positive: Native, otherwise: Native) -> Native:
        """One of two, by its sign."""
        if isinstance(self.value, float):
            return positive if self.value > 0.0 else otherwise
        choose = array_namespace(self.value).where
        return Native(choose(self.value > 0.0, positive.value, otherwise.value))

    def __add__(self, other: Any) -> Native:
        return Native(self.value + _bare(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Native:
        return Native(self.value - _bare(other))

    def __rsub__(self, other: Any) -> Native:
        return Native(_bare(other) - self.value)

    def __mul__(self, other: Any) -> Native:
        return Native(self.value * _bare(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Native:
        return Native(self.value / _bare(other))

    def __rtruediv__(self, other: Any) -> Native:
        return Native(_bare(other) / self.value)

    def __neg__(self) -> Native:
        return Native(-self.value)


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Native) else value


def tanh(z: Any) -> Any:
    """The hyperbolic tangent."""
    return z.function("tanh")


def sigmoid(z: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-z))``."""
    one = z.same(1.0)
    return one / (one + (-z).function("exp"))


def rectified(z: Any) -> Any:
    """A rectified linear unit: ``z`` where it is positive, else 0."""
    return z.where_positive(z, z.same(0.0))


def identity(z: Any) -> Any:
    """A linear unit."""
    return z


class Program:
    """A function of numbers of any kind, which has derivatives for being written in them."""

    @property
    def dimension(self) -> int:
        """The number of variables."""
        raise NotImplementedError

    def evaluate(self, x: Sequence[Any]) -> Any:
        """The function; coefficients are made with ``same``."""
        raise NotImplementedError

    def value(self, x: Any) -> Any:
        return _bare(self.evaluate(_numbers(x)))

    def gradient(self, x: Any) -> Any:
        slopes = automatic.gradient("reverse", self.evaluate, _numbers(x))
        return vector_like(x, [_bare(each) for each in slopes])

    def hessian(self, x: Any) -> Any:
        rows = automatic.hessian("forward", "reverse", self.evaluate, _numbers(x))
        return matrix_like(x, [[_bare(each) for each in row] for row in rows])

    def sources(self) -> Sources:
        x = [Expression(f"x[{i}]") for i in range(self.dimension)]
        return Sources(
            source_of(self.value(x)),
            [source_of(each) for each in self.gradient(x)],
            [[source_of(each) for each in row] for row in self.hessian(x)],
        )


def _numbers(x: Any) -> list[Any]:
    """The coordinates, as numbers that can be asked for functions of them."""
    native = is_native(x)
    coordinates = plain(x) if native else x
    return [Native(coordinates[i]) if native else each for i, each in enumerate(coordinates)]
