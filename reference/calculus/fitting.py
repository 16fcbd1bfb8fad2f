"""Models with the data that they are fitted to, as problems.

A model maps an input to an output and knows the derivatives of the output in its parameters; the
loss adds up examples. On native arrays all examples are one vector, on other numbers they are
taken one by one. Inputs and targets are meant to be short binary fractions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from array_api_compat import array_namespace

from optcheck.reference.expressions import Expression, source_of
from optcheck.reference.functions import total
from optcheck.reference.points import is_native, matrix_like, number, vector_like
from optcheck.reference.problems import Sources


class _Function:
    """What a model and its output have in common: their source, as they compute it."""

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        raise NotImplementedError

    def sources(self) -> Sources:
        x = [Expression(f"x[{i}]") for i in range(self.dimension)]
        value, gradient, hessian = (
            getattr(self, name)(x) for name in ("value", "gradient", "hessian")
        )
        return Sources(
            source_of(value),
            [source_of(each) for each in gradient],
            [[source_of(each) for each in row] for row in hessian],
        )


@dataclass(frozen=True)
class Model(_Function):
    """A model with the data that it is fitted to; its value is the loss.

    In the methods below ``x`` are the parameters, and an ``input`` or ``target`` is one number, or
    a vector of all of them.
    """

    inputs: tuple[float, ...]
    targets: tuple[float, ...]
    parameters: ClassVar[int] = 2

    @property
    def dimension(self) -> int:
        return self.parameters

    @property
    def structure(self) -> Hashable:
        return type(self).__name__, len(self.inputs)

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (*self.inputs, *self.targets)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Self:
        count = len(coefficients) // 2
        return type(self)(tuple(coefficients[:count]), tuple(coefficients[count:]))

    def output(self, x: Any, input: Any) -> Any:
        """The model at ``input``."""
        raise NotImplementedError

    def slopes(self, x: Any, input: Any) -> list[Any]:
        """The derivatives of the output in the parameters."""
        raise NotImplementedError

    def curvatures(self, x: Any, input: Any) -> list[list[Any]]:
        """The second derivatives of the output."""
        raise NotImplementedError

    def loss(self, x: Any, input: Any, target: Any) -> Any:
        """The loss of one example."""
        raise NotImplementedError

    def loss_slopes(self, x: Any, input: Any, target: Any) -> list[Any]:
        """The derivatives of the loss of one example."""
        raise NotImplementedError

    def loss_curvatures(self, x: Any, input: Any, target: Any) -> list[list[Any]]:
        """The second derivatives of the loss of one example."""
        raise NotImplementedError

    def at(self, input: float) -> Output:
        """The output at ``input`` as a function of the parameters."""
        return Output(self, input)

    def value(self, x: Any) -> Any:
        return self._sum(x, self.loss)

    def gradient(self, x: Any) -> Any:
        indices = range(self.dimension)
        slopes = _each(self.loss_slopes)
        return vector_like(x, [self._sum(x, functools.partial(slopes, (i,))) for i in indices])

    def hessian(self, x: Any) -> Any:
        indices = range(self.dimension)
        curvatures = _each(self.loss_curvatures)
        return matrix_like(
            x,
            [
                [self._sum(x, functools.partial(curvatures, (i, j))) for j in indices]
                for i in indices
            ],
        )

    def _sum(self, x: Any, term: Callable[[Any, Any, Any], Any]) -> Any:
        """The sum of ``term(x, input, target)`` over the examples."""
        if is_native(x):
            inputs, targets = vector_like(x, self.inputs), vector_like(x, self.targets)
            # What is the same for all examples counts once for each.
            return array_namespace(x).sum(term(x, inputs, targets) + 0.0 * inputs)
        pairs = zip(self.inputs, self.targets, strict=True)
        return total([term(x, number(x, i), number(x, t)) for i, t in pairs])


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """One entry of what ``function`` returns, by its place."""

    def entry(place: tuple[int, ...], *arguments: Any) -> Any:
        found = function(*arguments)
        for index in place:
            found = found[index]
        return found

    return entry


@dataclass(frozen=True)
class Output(_Function):
    """The output of a model at one input, as a function of the parameters."""

    model: Model
    input: float

    @property
    def dimension(self) -> int:
        return self.model.dimension

    @property
    def structure(self) -> Hashable:
        return type(self.model).__name__, "output"

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (self.input,)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Output:
        return Output(self.model, coefficients[0])

    def value(self, x: Any) -> Any:
        return self.model.output(x, number(x, self.input))

    def gradient(self, x: Any) -> Any:
        return vector_like(x, self.model.slopes(x, number(x, self.input)))

    def hessian(self, x: Any) -> Any:
        return matrix_like(x, self.model.curvatures(x, number(x, self.input)))
