"""Families of distributions, as problems: the mean negative log likelihood of data.

The data enter by their distribution alone: the weight of each outcome, or two moments. Beside
value, gradient and Hessian a family gives what expectations over the model need:
``outcomes(x)`` are pairs of a weight and an observation such that the weighted sum is the
expectation, of any function for a discrete family, and of polynomials up to the fifth degree for
the Gaussian, which is more than scores and their products need.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from array_api_compat import array_namespace

from optcheck.reference.expressions import Expression, source_of
from optcheck.reference.functions import sqrt, total
from optcheck.reference.points import is_native, matrix_like, number, vector_like
from optcheck.reference.problems import Functions, Matrix, Problem, Sources


class Likelihood(Problem, Protocol):
    """The mean negative log likelihood of data under a family, as a function of parameters.

    ``natural`` says that the family is exponential and the parameters are its natural ones, so
    that the Hessian of the log likelihood does not depend on the observation.
    """

    @property
    def natural(self) -> bool:
        """Whether the parameters are natural."""

    def outcomes(self, x: Any) -> list[tuple[Any, Any]]:
        """Weights and observations whose weighted sum is the expectation under the model."""

    def log_probability(self, x: Any, observation: Any) -> Any:
        """The log probability of an observation, up to a constant."""

    def score(self, x: Any, observation: Any) -> Any:
        """Its gradient, shape ``(n,)``."""

    def score_hessian(self, x: Any, observation: Any) -> Any:
        """Its second derivatives, shape ``(n, n)``."""

    def fisher(self, x: Any) -> Any:
        """The Fisher matrix in closed form, shape ``(n, n)``."""


class _Family:
    """What all families have: their source, as they compute it."""

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        raise NotImplementedError

    def _at(self, function: str, *arguments: Any) -> Any:
        return getattr(self, function)(self._variables(), *arguments)

    def _variables(self) -> list[Expression]:
        return [Expression(f"x[{i}]") for i in range(self.dimension)]

    def sources(self) -> Sources:
        slopes, rows = self._at("gradient"), self._at("hessian")
        hessian = [[source_of(each) for each in row] for row in rows]
        return Sources(
            source_of(self._at("value")),
            [source_of(each) for each in slopes],
            hessian,
            functions=self._functions(),
        )

    def _functions(self) -> dict[str, str]:
        outcomes = self._at("outcomes")
        told = {"outcomes": f"lambda x: {source_of(outcomes)}"}
        for name in ("log_probability", "score", "score_hessian"):
            told[name] = f"lambda x, o: np.array({self._of_outcome(name, outcomes)})"
        return told

    def _of_outcome(self, name: str, outcomes: Sequence[tuple[Any, Any]]) -> str:
        if isinstance(outcomes[0][1], Expression):
            return source_of(self._at(name, Expression("o")))
        return f"{source_of([self._at(name, k) for _, k in outcomes])}[o]"


@dataclass(frozen=True)
class _Weighted(_Family):
    """A discrete family; ``weights`` are those of the data, the reference outcome 0 first."""

    weights: tuple[float, ...]

    @property
    def dimension(self) -> int:
        return len(self.weights) - 1

    @property
    def structure(self) -> Hashable:
        return type(self).__name__, self.dimension

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return self.weights

    def with_coefficients(self, coefficients: Sequence[Any]) -> Any:
        return type(self)(tuple(coefficients))

    def probabilities(self, x: Any) -> list[Any]:
        """Those of all outcomes."""
        raise NotImplementedError

    def outcomes(self, x: Any) -> list[tuple[Any, Any]]:
        return [(p, k) for k, p in enumerate(self.probabilities(x))]


@dataclass(frozen=True)
class Softmax(_Weighted):
    """Outcomes with free logits; that of outcome 0 is 0. Two outcomes: Bernoulli by its logit."""

    natural = True

    def _exponentials(self, x: Any) -> tuple[Any, list[Any]]:
        """The largest logit, and the exponentials of all beside it, which do not overflow."""
        if is_native(x):
            namespace = array_namespace(x)
            largest = namespace.max(x)
            largest = namespace.where(largest > 0, largest, namespace.zeros_like(largest))
        else:
            zero = number(x, 0.0)
            largest = functools.reduce(lambda a, b: a.pair(b, lambda p, q: p.max(q)), x, zero)
        exp = Functions(x).exp
        return largest, [exp(each - largest) for each in (number(x, 0.0), *self._free(x))]

    def _free(self, x: Any) -> list[Any]:
        return [x[i] for i in range(self.dimension)]

    def probabilities(self, x: Any) -> list[Any]:
        _, exponentials = self._exponentials(x)
        size = total(exponentials)
        return [each / size for each in exponentials]

    def _log_size(self, x: Any) -> Any:
        largest, exponentials = self._exponentials(x)
        return largest + Functions(x).log(total(exponentials))

    def log_probability(self, x: Any, observation: int) -> Any:
        logit = x[observation - 1] if observation else number(x, 0.0)
        return logit - self._log_size(x)

    def value(self, x: Any) -> Any:
        products = [number(x, q) * t for q, t in zip(self.weights[1:], self._free(x), strict=True)]
        return self._log_size(x) - total(products)

    def gradient(self, x: Any) -> Any:
        p = self.probabilities(x)
        pairs = zip(p[1:], self.weights[1:], strict=True)
        return vector_like(x, [each - number(x, q) for each, q in pairs])

    def hessian(self, x: Any) -> Any:
        return self._curvature(x, 1)

    def fisher(self, x: Any) -> Any:
        return self._curvature(x, 1)

    def score(self, x: Any, observation: int) -> Any:
        p = self.probabilities(x)
        here = [number(x, float(k == observation)) for k in range(1, len(p))]
        return vector_like(x, [one - each for one, each in zip(here, p[1:], strict=True)])

    def score_hessian(self, x: Any, observation: int) -> Any:
        return self._curvature(x, -1)

    def _curvature(self, x: Any, sign: int) -> Any:
        p = self.probabilities(x)[1:]
        rows = [
            [sign * (a - a * a) if i == j else -sign * (a * b) for j, b in enumerate(p)]
            for i, a in enumerate(p)
        ]
        return matrix_like(x, rows)


@dataclass(frozen=True)
class Categorical(_Weighted):
    """Outcomes with free probabilities; outcome 0 has the rest. Two outcomes: Bernoulli."""

    natural = False

    def probabilities(self, x: Any) -> list[Any]:
        free = [x[i] for i in range(self.dimension)]
        return [total([number(x, 1.0), *(-each for each in free)]), *free]

    def log_probability(self, x: Any, observation: int) -> Any:
        return Functions(x).log(self.probabilities(x)[observation])

    def value(self, x: Any) -> Any:
        log = Functions(x).log
        pairs = zip(self.weights, self.probabilities(x), strict=True)
        return -total([number(x, q) * log(p) for q, p in pairs])

    def _slopes(self, x: Any, weights: Sequence[float]) -> list[Any]:
        """The gradient of the weighted sum of log probabilities."""
        rest, *ratios = (
            number(x, q) / p for q, p in zip(weights, self.probabilities(x), strict=True)
        )
        return [each - rest for each in ratios]

    def _curvatures(self, x: Any, weights: Sequence[Any], power: int) -> list[list[Any]]:
        """The sum of ``weight / probability**power`` times the square of the score's parts."""
        ratios = [
            q / (p * p) if power == 2 else q / p
            for q, p in zip(weights, self.probabilities(x), strict=True)
        ]
        return [
            [ratios[0] + a if i == j else ratios[0] for j in range(self.dimension)]
            for i, a in enumerate(ratios[1:])
        ]

    def _here(self, x: Any, observation: int) -> list[float]:
        return [float(k == observation) for k in range(len(self.weights))]

    def gradient(self, x: Any) -> Any:
        return vector_like(x, [-each for each in self._slopes(x, self.weights)])

    def hessian(self, x: Any) -> Any:
        return matrix_like(x, self._curvatures(x, [number(x, q) for q in self.weights], 2))

    def fisher(self, x: Any) -> Any:
        return matrix_like(x, self._curvatures(x, [number(x, 1.0)] * len(self.weights), 1))

    def score(self, x: Any, observation: int) -> Any:
        return vector_like(x, self._slopes(x, self._here(x, observation)))

    def score_hessian(self, x: Any, observation: int) -> Any:
        here = [number(x, -each) for each in self._here(x, observation)]
        return matrix_like(x, self._curvatures(x, here, 2))


@dataclass(frozen=True)
class Gaussian(_Family):
    """Mean and log standard deviation; ``mean`` and ``variance`` are those of the data."""

    mean: float
    variance: float
    natural = False
    dimension = 2

    @property
    def structure(self) -> Hashable:
        return "gaussian"

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return self.mean, self.variance

    def with_coefficients(self, coefficients: Sequence[Any]) -> Gaussian:
        return Gaussian(*coefficients)

    def _parts(self, x: Any) -> tuple[Any, Any, Any]:
        """Deviation of the data's mean, their second moment about the model's, and precision."""
        deviation = number(x, self.mean) - x[0]
        moment = number(x, self.variance) + deviation * deviation
        return deviation, moment, _precision(x)

    def value(self, x: Any) -> Any:
        _, moment, precision = self._parts(x)
        return x[1] + moment * precision / 2

    def gradient(self, x: Any) -> Any:
        deviation, moment, precision = self._parts(x)
        return vector_like(x, [-(deviation * precision), 1 - moment * precision])

    def hessian(self, x: Any) -> Any:
        deviation, moment, precision = self._parts(x)
        cross = 2 * (deviation * precision)
        return matrix_like(x, [[precision, cross], [cross, 2 * (moment * precision)]])

    def outcomes(self, x: Any) -> list[tuple[Any, Any]]:
        """The three nodes of the Gauss-Hermite rule."""
        reach = sqrt(number(x, 3.0)) * Functions(x).exp(x[1])
        sixth = number(x, 1.0) / 6
        return [(sixth, x[0] - reach), (4 * sixth, x[0]), (sixth, x[0] + reach)]

    def log_probability(self, x: Any, observation: Any) -> Any:
        deviation = observation - x[0]
        return -x[1] - deviation * deviation * _precision(x) / 2

    def score(self, x: Any, observation: Any) -> Any:
        deviation, precision = observation - x[0], _precision(x)
        return vector_like(x, [deviation * precision, deviation * deviation * precision - 1])

    def score_hessian(self, x: Any, observation: Any) -> Any:
        deviation, precision = observation - x[0], _precision(x)
        cross, last = deviation * precision, deviation * deviation * precision
        return matrix_like(x, [[-precision, -2 * cross], [-2 * cross, -2 * last]])

    def fisher(self, x: Any) -> Any:
        zero = number(x, 0.0)
        return matrix_like(x, [[_precision(x), zero], [zero, number(x, 2.0)]])


def _precision(x: Any) -> Any:
    return Functions(x).exp(-2 * x[1])


@dataclass(frozen=True)
class Reparametrised(_Family):
    """A family in other coordinates: its parameters are ``matrix`` times the variables."""

    family: Any
    matrix: Matrix

    @property
    def natural(self) -> bool:
        natural: bool = self.family.natural
        return natural

    @property
    def dimension(self) -> int:
        return len(self.matrix)

    @property
    def structure(self) -> Hashable:
        return "reparametrised", self.family.structure

    @property
    def coefficients(self) -> tuple[Any, ...]:
        return (*(a for row in self.matrix for a in row), *self.family.coefficients)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Reparametrised:
        n = self.dimension
        rows = tuple(tuple(coefficients[i * n : (i + 1) * n]) for i in range(n))
        return Reparametrised(self.family.with_coefficients(coefficients[n * n :]), rows)

    def parameters(self, x: Any) -> Any:
        """The parameters of the family."""
        n = range(self.dimension)
        return vector_like(x, [total([number(x, r[i]) * x[i] for i in n]) for r in self.matrix])

    def _pulled(self, x: Any, gradient: Any) -> Any:
        n = range(self.dimension)
        columns = list(zip(*self.matrix, strict=True))
        return vector_like(x, [total([number(x, c[i]) * gradient[i] for i in n]) for c in columns])

    def _pulled_twice(self, x: Any, hessian: Any) -> Any:
        # Symmetric: its rows may be taken for its columns.
        rows = [self._pulled(x, [row[i] for i in range(self.dimension)]) for row in hessian]
        columns = [[row[i] for row in rows] for i in range(self.dimension)]
        return matrix_like(x, [self._pulled(x, column) for column in columns])

    def value(self, x: Any) -> Any:
        return self.family.value(self.parameters(x))

    def gradient(self, x: Any) -> Any:
        return self._pulled(x, self.family.gradient(self.parameters(x)))

    def hessian(self, x: Any) -> Any:
        return self._pulled_twice(x, self.family.hessian(self.parameters(x)))

    def outcomes(self, x: Any) -> Any:
        return self.family.outcomes(self.parameters(x))

    def log_probability(self, x: Any, observation: Any) -> Any:
        return self.family.log_probability(self.parameters(x), observation)

    def score(self, x: Any, observation: Any) -> Any:
        return self._pulled(x, self.family.score(self.parameters(x), observation))

    def score_hessian(self, x: Any, observation: Any) -> Any:
        return self._pulled_twice(x, self.family.score_hessian(self.parameters(x), observation))

    def fisher(self, x: Any) -> Any:
        return self._pulled_twice(x, self.family.fisher(self.parameters(x)))
