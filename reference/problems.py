"""Problems to minimise, written once for every number type and every array library.

A problem takes a point either as a native array of any library, shape ``(n,)``, or as a list of
:class:`~optcheck.reference.balls.Scalar`, and answers in kind: so the function that an
implementation minimises is the one whose exact value the laws know. Coefficients are meant to be
short binary fractions, which every format holds; then nothing but the arithmetic rounds.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from array_api_compat import array_namespace

from optcheck.reference.functions import total
from optcheck.reference.points import is_native, matrix_like, number, plain, vector_like

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Sources:
    """Python expressions for a function and its derivatives."""

    value: str
    gradient: list[str]
    hessian: list[list[str]]
    # of a sum of squares alone
    residual: list[str] = field(default_factory=list)
    jacobian: list[list[str]] = field(default_factory=list)
    # of a likelihood alone: what else it has, by name
    functions: dict[str, str] = field(default_factory=dict)


class Problem(Protocol):
    """A smooth function of ``dimension`` variables with its derivatives."""

    @property
    def dimension(self) -> int:
        """The number of variables."""

    def value(self, x: Any) -> Any:
        """The function at ``x``: a 0-d array, or a scalar ball."""

    def gradient(self, x: Any) -> Any:
        """The gradient, shape ``(n,)``."""

    def hessian(self, x: Any) -> Any:
        """The matrix of second derivatives, shape ``(n, n)``."""

    def sources(self) -> Sources:
        """The same as Python expressions in ``x[0]``, ``x[1]``, ..."""

    @property
    def structure(self) -> Hashable:
        """What problems that differ in their coefficients alone have in common."""

    @property
    def coefficients(self) -> tuple[Any, ...]:
        """The coefficients, one after the other."""

    def with_coefficients(self, coefficients: Sequence[Any]) -> Any:
        """The problem of the same structure with others, which may be native scalars."""


@dataclass(frozen=True)
class Quadratic:
    """``(x - center)' A (x - center) / 2 + minimum`` with a symmetric ``A`` (``bishop:7.7``)."""

    matrix: Matrix
    center: tuple[float, ...]
    minimum: float = 0.0

    @property
    def dimension(self) -> int:
        return len(self.matrix)

    @property
    def structure(self) -> Hashable:
        return "quadratic", self.dimension

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (*(a for row in self.matrix for a in row), *self.center, self.minimum)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Quadratic:
        n = self.dimension
        rows = tuple(tuple(coefficients[i * n : (i + 1) * n]) for i in range(n))
        return Quadratic(rows, tuple(coefficients[n * n : n * n + n]), coefficients[-1])

    def _displacement(self, x: Any) -> list[Any]:
        return [x[i] - number(x, c) for i, c in enumerate(self.center)]

    def _forces(self, x: Any) -> list[Any]:
        z = self._displacement(x)
        return [_combination(x, row, z) for row in self.matrix]

    def value(self, x: Any) -> Any:
        z, forces = self._displacement(x), self._forces(x)
        half = total([a * b for a, b in zip(z, forces, strict=True)]) * number(x, 0.5)
        return half + number(x, self.minimum)

    def gradient(self, x: Any) -> Any:
        return vector_like(x, self._forces(x))

    def hessian(self, x: Any) -> Any:
        return matrix_like(x, [[number(x, a) for a in row] for row in self.matrix])

    def sources(self) -> Sources:
        z = [f"(x[{i}] - {c!r})" for i, c in enumerate(self.center)]
        forces = [_sum_source(f"{a!r}*{z[j]}" for j, a in enumerate(row)) for row in self.matrix]
        value = _sum_source(f"{each}*({force})" for each, force in zip(z, forces, strict=True))
        hessian = [[repr(a) for a in row] for row in self.matrix]
        return Sources(f"({value})/2 + {self.minimum!r}", forces, hessian)


@dataclass(frozen=True)
class Polynomial:
    """A sum of ``coefficient * product of x[i]**powers[i]``."""

    dimension: int
    terms: tuple[tuple[float, tuple[int, ...]], ...]
    minimum: float | None = None

    @property
    def structure(self) -> Hashable:
        return "polynomial", self.dimension, tuple(powers for _, powers in self.terms)

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return tuple(c for c, _ in self.terms)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Polynomial:
        powers = (each for _, each in self.terms)
        return replace(self, terms=tuple(zip(coefficients, powers, strict=True)))

    def value(self, x: Any) -> Any:
        coordinates = plain(x)
        terms = [_monomial(coordinates, c, powers) for c, powers in self.terms]
        return total(terms or [number(x, 0.0)])

    @functools.cached_property
    def derivatives(self) -> list[Polynomial]:
        """The partial derivatives."""
        return [self._derivative(i) for i in range(self.dimension)]

    def _derivative(self, i: int) -> Polynomial:
        terms = tuple((c * p[i], (*p[:i], p[i] - 1, *p[i + 1 :])) for c, p in self.terms if p[i])
        return Polynomial(self.dimension, terms)

    def gradient(self, x: Any) -> Any:
        return vector_like(x, [slope.value(x) for slope in self.derivatives])

    def hessian(self, x: Any) -> Any:
        rows = [[each.value(x) for each in slope.derivatives] for slope in self.derivatives]
        return matrix_like(x, rows)

    def source(self) -> str:
        """The function as a Python expression."""
        factors = [
            [f"x[{i}]" for i, p in enumerate(powers) for _ in range(p)] for _, powers in self.terms
        ]
        return _sum_source(
            "*".join([repr(c), *each]) for (c, _), each in zip(self.terms, factors, strict=True)
        )

    def sources(self) -> Sources:
        slopes = self.derivatives
        hessian = [[each.source() for each in slope.derivatives] for slope in slopes]
        return Sources(self.source(), [slope.source() for slope in slopes], hessian)


@dataclass(frozen=True)
class LeastSquares:
    """Half the sum of squares of ``residuals`` (``trofimov``, as e(w))."""

    residuals: tuple[Polynomial | Elementary, ...]
    minimum: float | None = 0.0

    @property
    def dimension(self) -> int:
        return self.residuals[0].dimension

    @property
    def structure(self) -> Hashable:
        return "least-squares", tuple(each.structure for each in self.residuals)

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return tuple(c for each in self.residuals for c in each.coefficients)

    def with_coefficients(self, coefficients: Sequence[Any]) -> LeastSquares:
        left = iter(coefficients)
        parts = [list(itertools.islice(left, len(each.coefficients))) for each in self.residuals]
        pairs = zip(self.residuals, parts, strict=True)
        return LeastSquares(tuple(each.with_coefficients(part) for each, part in pairs))

    def residual(self, x: Any) -> Any:
        """The residuals, shape ``(k,)``."""
        return vector_like(x, [each.value(x) for each in self.residuals])

    def jacobian(self, x: Any) -> Any:
        """The derivatives of the residuals, shape ``(k, n)``."""
        return matrix_like(x, self._slopes(x))

    def _slopes(self, x: Any) -> list[list[Any]]:
        return [[slope.value(x) for slope in each.derivatives] for each in self.residuals]

    def value(self, x: Any) -> Any:
        e = [each.value(x) for each in self.residuals]
        return total([each * each for each in e]) * number(x, 0.5)

    def gradient(self, x: Any) -> Any:
        e, J = [each.value(x) for each in self.residuals], self._slopes(x)
        indices = range(self.dimension)
        return vector_like(x, [total([J[k][i] * e[k] for k in range(len(e))]) for i in indices])

    def hessian(self, x: Any) -> Any:
        e, J = [each.value(x) for each in self.residuals], self._slopes(x)

        def entry(i: int, j: int) -> Any:
            curvatures = [each.derivatives[i].derivatives[j].value(x) for each in self.residuals]
            products = [J[k][i] * J[k][j] for k in range(len(e))]
            return total([*products, *(a * b for a, b in zip(e, curvatures, strict=True))])

        indices = range(self.dimension)
        return matrix_like(x, [[entry(i, j) for j in indices] for i in indices])

    def sources(self) -> Sources:
        indices = range(self.dimension)
        e = [f"({each.source()})" for each in self.residuals]
        J = [[f"({slope.source()})" for slope in each.derivatives] for each in self.residuals]
        H = [
            [
                [f"({second.source()})" for second in slope.derivatives]
                for slope in each.derivatives
            ]
            for each in self.residuals
        ]
        value = _sum_source(f"{each}**2" for each in e)
        gradient = [_sum_source(f"{J[k][i]}*{e[k]}" for k in range(len(e))) for i in indices]
        hessian = [
            [
                _sum_source(f"{J[k][i]}*{J[k][j]} + {e[k]}*{H[k][i][j]}" for k in range(len(e)))
                for j in indices
            ]
            for i in indices
        ]
        return Sources(f"({value})/2", gradient, hessian, e, J)


@dataclass(frozen=True)
class Elementary:
    """A function of one variable that is not a polynomial, with its two derivatives.

    ``functions`` are value, slope and curvature as functions of ``(library, x[0])``; the library
    has ``exp``, ``cos``, ... for the number type at hand.
    """

    functions: tuple[Callable[[Any, Any], Any], ...] = field(compare=False)
    texts: tuple[str, ...]
    minimum: float | None = None
    dimension: int = 1

    @property
    def structure(self) -> Hashable:
        return self.texts

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return ()

    def with_coefficients(self, coefficients: Sequence[Any]) -> Elementary:
        return self

    @property
    def derivatives(self) -> list[Elementary]:
        """The slope, as far as it is known a function of the same kind."""
        return [Elementary(self.functions[1:], self.texts[1:])]

    def source(self) -> str:
        """The function as a Python expression."""
        return self.texts[0]

    def _at(self, order: int, x: Any) -> Any:
        return self.functions[order](Functions(x), x[0])

    def value(self, x: Any) -> Any:
        return self._at(0, x)

    def gradient(self, x: Any) -> Any:
        return vector_like(x, [self._at(1, x)])

    def hessian(self, x: Any) -> Any:
        return matrix_like(x, [[self._at(2, x)]])

    def sources(self) -> Sources:
        value, slope, curvature = self.texts
        return Sources(value, [slope], [[curvature]])


class Functions:
    """``exp``, ``cos``, ``log`` ... of the library of a point, or of balls."""

    def __init__(self, x: Any) -> None:
        self._namespace = array_namespace(x) if is_native(x) else None

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if self._namespace is not None:
            function: Callable[[Any], Any] = getattr(self._namespace, name)
            return function
        return lambda scalar: scalar.function(name)

    def where_positive(self, condition: Any, positive: Any, otherwise: Any) -> Any:
        """``positive`` where ``condition`` is above 0, else ``otherwise``."""
        if self._namespace is None:
            return condition.where_positive(positive, otherwise)
        return self._namespace.where(condition > 0, positive, otherwise)


def _combination(x: Any, row: Sequence[float], z: Sequence[Any]) -> Any:
    return total([number(x, a) * each for a, each in zip(row, z, strict=True)])


def _monomial(x: Any, coefficient: float, powers: tuple[int, ...]) -> Any:
    product = number(x, coefficient)
    for i, power in enumerate(powers):
        for _ in range(power):
            product = product * x[i]
    return product


def _sum_source(terms: Iterable[str]) -> str:
    return " + ".join(terms) or "0.0*x[0]"


def diagonal(*curvatures: float) -> Quadratic:
    """A quadratic in its own axes."""
    indices = range(len(curvatures))
    rows = tuple(tuple(c if i == j else 0.0 for j in indices) for i, c in enumerate(curvatures))
    return Quadratic(rows, (0.0,) * len(curvatures))


def hadamard(curvatures: Sequence[float], center: Sequence[float] = ()) -> Quadratic:
    """A quadratic with a known spectrum and full coupling: its axes are a Hadamard matrix.

    The number of ``curvatures`` is a power of two. The entries are sums of the curvatures over
    that power, so short binary fractions stay short.
    """
    count = len(curvatures)
    signs = [[(-1) ** (i & j).bit_count() for j in range(count)] for i in range(count)]
    rows = tuple(
        tuple(
            math.fsum(signs[k][i] * signs[k][j] * c for k, c in enumerate(curvatures)) / count
            for j in range(count)
        )
        for i in range(count)
    )
    return Quadratic(rows, tuple(center) or (0.0,) * count)


def _rosenbrock() -> LeastSquares:
    first = Polynomial(2, ((1.0, (0, 0)), (-1.0, (1, 0))))
    second = Polynomial(2, ((10.0, (0, 1)), (-10.0, (2, 0))))
    return LeastSquares((first, second))


ROSENBROCK = _rosenbrock()
LOG_COSH = Elementary(
    (
        lambda f, x: f.log(f.cosh(x)),
        lambda f, x: f.tanh(x),
        lambda f, x: 1 / (f.cosh(x) * f.cosh(x)),
    ),
    ("log(cosh(x[0]))", "tanh(x[0])", "1/cosh(x[0])**2"),
    minimum=0.0,
)
# Its stationary point 0 is a saddle, between two minima at y**2 = 8 (errata P12).
SADDLE = Polynomial(2, ((1.0, (2, 0)), (-1.0, (0, 2)), (0.0625, (0, 4))), minimum=-4.0)
