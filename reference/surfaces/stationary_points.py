"""Surfaces whose stationary points are all known, and what theory says of such points."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from flint import arb, fmpq, fmpq_mat

from optcheck.reference.balls import EXACT_BITS, Scalar, ball_arithmetic
from optcheck.reference.problems import Polynomial
from optcheck.reference.registry import statement

statement(
    "stationary-point-condition",
    title="A stationary point has no gradient",
    formula=r"\nabla E(\mathbf{w})=0\iff DE(\mathbf{w})=0",
    sources=("bishop:7.2", "prince:sec 6.1", "goodfellow:sec 8.2.4"),
)
statement(
    "fermat-interior-extremum",
    title="At an extremum every coordinate slice is level",
    formula=(
        r"g_j(t)=f(a_1,\dots,a_{j-1},t,a_{j+1},\dots,a_n),\quad g_j'(a_j)=D_jf(a)=0"
        r"\ (1\le j\le n)\Rightarrow\nabla f(a)=0"
    ),
    sources=("bishop:sec 7.1", "slides:slide 'Gradient and stationary points'"),
)
statement(
    "local-minimum-second-order-condition",
    title="What curvature says of a minimum, and what it does not",
    formula=(
        r"\nabla E(w^\star)=0,\ \mathbf{H}(w^\star)\succ0\Rightarrow\text{strict local minimum};"
        r"\quad\text{local minimum}\Rightarrow\nabla E(w^\star)=0,\ \mathbf{H}(w^\star)\succeq0"
    ),
    sources=("bishop:sec 7.1.1", "bishop:Ex 7.3"),
    erratum="B02: positive definite is sufficient and not necessary; see w^4 at 0.",
)
statement(
    "strict-extremum-definite-hessian-theorem",
    title="How far a definite Hessian keeps its word",
    formula=(
        r"f(a+h)-f(a)=\tfrac12h^THf(a)h+R_2(a,h)>\tfrac{\lambda}{4}\|h\|^2"
        r"\quad(0<\|h\|<\delta),\qquad|R_2(a,h)|<\tfrac{\lambda}{4}\|h\|^2"
    ),
    sources=("slides:slide 'Local quadratic approximation'",),
    erratum="S01: the inequality is strict for 0 < ||h|| alone; at h = 0 both sides are 0.",
)
statement(
    "stationary-point-classification",
    title="Minimum, maximum or saddle, by the signs of the eigenvalues",
    formula=(
        r"\text{all }\lambda_i>0:\ \text{minimum};\quad\text{all }\lambda_i<0:\ \text{maximum};"
        r"\quad\text{both signs}:\ \text{saddle};\quad\lambda_i=0:\ \text{undecided}"
    ),
    sources=("bishop:sec 7.1.1", "prince:sec 6.1.3", "goodfellow:sec 8.2.4"),
)
statement(
    "global-and-local-minima-definition",
    title="Global and local minima",
    formula=(
        r"E(\mathbf{w}_B)\le E(\mathbf{w})\ \forall\mathbf{w};\quad "
        r"E(\mathbf{w}_A)\le E(\mathbf{w})\ \text{near }\mathbf{w}_A,\ "
        r"E(\mathbf{w}_A)>E(\mathbf{w}_B)"
    ),
    sources=("bishop:sec 7.1", "bishop:Fig 7.1", "prince:sec 6.1.3"),
)
statement(
    "gradient-norm-diagnoses-local-minima",
    title="A gradient that does not shrink rules out a stationary point nearby",
    formula=(
        r"\|\nabla J(\theta_t)\|\not\to0\Rightarrow\theta_t\ \text{approaches no critical point};"
        r"\qquad\|\nabla J(\theta)\|\le L\|\theta-\theta^\star\|"
    ),
    sources=("goodfellow:sec 8.2.2", "goodfellow:sec 8.2.1"),
)

Floats = npt.NDArray[np.float64]

# The simplest functions of which a second derivative says nothing at 0, and what they have there.
DEGENERATE = {
    "minimum": Polynomial(1, ((1.0, (4,)),)),
    "maximum": Polynomial(1, ((-1.0, (4,)),)),
    "neither": Polynomial(1, ((1.0, (3,)),)),
}


@dataclass(frozen=True)
class Stationary:
    """A stationary point, with the eigenvalues of its Hessian along integer ``axes``."""

    point: tuple[float, ...]
    eigenvalues: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]

    @property
    def kind(self) -> str:
        """What it is; no eigenvalue is 0."""
        if min(self.eigenvalues) > 0.0:
            return "minimum"
        return "maximum" if max(self.eigenvalues) < 0.0 else "saddle"


@dataclass(frozen=True)
class Surface:
    """A polynomial with all its stationary points."""

    problem: Polynomial
    stationary: tuple[Stationary, ...]


@dataclass(frozen=True)
class Valley:
    """A function of one variable with the slope ``scale * (t - roots[0]) * (t - roots[1]) ...``.

    The number of roots is odd and ``scale`` positive, so that the first and the last are minima.
    """

    roots: tuple[float, ...]
    scale: float

    @functools.cached_property
    def powers(self) -> list[Fraction]:
        """The coefficients of 1, t, t**2 ..."""
        slope = [Fraction(self.scale)]
        for root in self.roots:
            pairs = zip([Fraction(0), *slope], [*slope, Fraction(0)], strict=True)
            slope = [a - Fraction(root) * b for a, b in pairs]
        return [Fraction(0), *(c / power for power, c in enumerate(slope, start=1))]

    @functools.cached_property
    def problem(self) -> Polynomial:
        """The function."""
        return Polynomial(1, tuple((float(c), (k,)) for k, c in enumerate(self.powers)))

    @property
    def minima(self) -> tuple[float, ...]:
        """Where the slope changes from down to up."""
        return self.roots[::2]

    def height(self, t: float) -> Fraction:
        """The value, exactly."""
        value: Fraction = sum(
            (c * Fraction(t) ** k for k, c in enumerate(self.powers)), Fraction()
        )
        return value

    def curvature(self, root: float) -> float:
        """The second derivative at one of the roots."""
        others = (Fraction(root) - Fraction(other) for other in self.roots if other != root)
        return float(math.prod(others, start=Fraction(self.scale)))

    def slope(self, t: Floats) -> Floats:
        """The first derivative of doubles, a product: no digits cancel."""
        found: Floats = np.prod([t - root for root in self.roots], axis=0) * self.scale
        return found

    def steepness(self, low: float, high: float, pieces: int = 32) -> float:
        """What the second derivative is at most in size between two points; a sum of products."""
        ends = np.linspace(low, high, pieces + 1)
        distances = [np.abs(ends - root) for root in self.roots]
        largest = np.array([np.maximum(each[1:], each[:-1]) for each in distances])
        without = [np.prod(np.delete(largest, k, axis=0), axis=0) for k in range(len(largest))]
        return float(self.scale * np.max(np.sum(without, axis=0)))

    def basin(self, t: float) -> float:
        """The minimum to which the slope leads from ``t``, which is no maximum."""
        borders = (-math.inf, *self.roots[1::2], math.inf)
        pairs = zip(self.minima, itertools.pairwise(borders), strict=True)
        return next(root for root, (low, high) in pairs if low < t < high)

    def pull(self, root: float, t: float) -> tuple[Fraction, Fraction]:
        """Between what the slope over ``t - root`` lies from ``t`` to ``root``."""
        ends = []
        for choose in (min, max):
            factors = (
                choose(abs(Fraction(x) - Fraction(other)) for x in (root, t))
                for other in self.roots
                if other != root
            )
            ends.append(math.prod(factors, start=Fraction(self.scale)))
        return ends[0], ends[1]


def whole_scale(roots: Sequence[float], factor: float) -> float:
    """A scale for which the integral has no denominators but powers of two."""
    return math.lcm(*range(1, len(roots) + 2)) * factor


def turned(first: Valley, second: Valley) -> Surface:
    """``first(x + y) + second(x - y)``: all pairs of roots are stationary."""
    degree = len(first.roots) + 1
    coefficients = {}
    for i, j in itertools.product(range(degree + 1), repeat=2):
        if i + j <= degree:
            ways = math.comb(i + j, i)
            sign = (-1) ** j
            both = first.powers[i + j] + sign * second.powers[i + j]
            coefficients[i, j] = float(ways * both)
    terms = tuple((c, powers) for powers, c in coefficients.items())
    return Surface(
        Polynomial(2, terms),
        tuple(
            Stationary(
                ((u + v) / 2, (u - v) / 2),
                (2 * first.curvature(u), 2 * second.curvature(v)),
                ((1.0, 1.0), (1.0, -1.0)),
            )
            for u in first.roots
            for v in second.roots
        ),
    )


def without_rounding(problem: Polynomial, point: Sequence[float], bits: int) -> bool:
    """Whether value, slopes and curvatures at ``point`` are computed exactly in any order.

    All products and sums are multiples of one power of two, and less than ``2**bits`` of it.
    """
    degree = max(sum(powers) for _, powers in problem.terms)
    finest = max(Fraction(c).denominator for c, _ in problem.terms)
    unit = finest * max(Fraction(x).denominator for x in point) ** degree
    reach = max(Fraction(1), *(abs(Fraction(x)) for x in point)) ** degree
    size = sum((abs(Fraction(c)) for c, _ in problem.terms), Fraction())
    return bool(degree**3 * reach * size * unit < 2**bits)


def slice_of(problem: Polynomial, point: Sequence[float], index: int) -> Polynomial:
    """The function of one coordinate, where the others stay at ``point``.

    Terms of one power are not gathered: all slices have one structure.
    """
    terms = []
    for c, powers in problem.terms:
        others = (
            Fraction(x) ** p
            for j, (x, p) in enumerate(zip(point, powers, strict=True))
            if j != index
        )
        terms.append((float(math.prod(others, start=Fraction(c))), (powers[index],)))
    return Polynomial(1, tuple(terms))


def third_derivative_bound(problem: Polynomial, point: Sequence[float], reach: float) -> float:
    """What the third derivative is at most, as a tensor, within ``reach`` of each coordinate."""
    x = [Scalar(arb(c, reach), EXACT_BITS) for c in point]
    entries = (
        third.value(x).ball.abs_upper()
        for slope in problem.derivatives
        for second in slope.derivatives
        for third in second.derivatives
    )
    with ball_arithmetic():
        return float(sum((each * each for each in entries), arb(0)).sqrt().upper()) * (
            1 + 2.0**-50
        )


def strict_within(problem: Polynomial, place: Stationary) -> float:
    """A radius within which the remainder is less than ``lambda ||h||**2 / 4``.

    The remainder of second order is at most a sixth of the third derivative times the cube of the
    step. ``lambda`` is the least of the eigenvalues in size.
    """
    least = min(abs(each) for each in place.eigenvalues)
    reach = 1.0
    third = third_derivative_bound(problem, place.point, reach)
    return min(reach, 1.5 * least / third) if third else reach


def inertia(matrix: Floats) -> tuple[int, int, int]:
    """How many eigenvalues of a symmetric matrix are positive, negative and 0, exactly.

    All roots of its characteristic polynomial are real: by Descartes' rule as many are positive
    as the coefficients change their sign.
    """
    n = len(matrix)
    rows = [
        [_rational(matrix[i, j]) + _rational(matrix[j, i]) for j in range(n)] for i in range(n)
    ]
    coefficients = [fmpq(c) for c in fmpq_mat(rows).charpoly()]
    zeros = next(k for k, c in enumerate(coefficients) if c != 0)
    signs = [c > 0 for c in coefficients if c != 0]
    positive = sum(a != b for a, b in itertools.pairwise(signs))
    return positive, n - zeros - positive, zeros


def _rational(value: float) -> fmpq:
    numerator, denominator = float(value).as_integer_ratio()
    return fmpq(numerator, denominator)
