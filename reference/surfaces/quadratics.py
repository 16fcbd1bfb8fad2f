"""Quadratic error surfaces, and symmetric matrices whose eigenvectors are known exactly."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optcheck.reference.registry import equation, statement

Floats = npt.NDArray[np.float64]

statement(
    "quadratic-about-minimum",
    title="A quadratic about its minimum has no linear term",
    formula=(
        r"E(\mathbf{w})=E(\mathbf{w}^\star)"
        r"+\tfrac12(\mathbf{w}-\mathbf{w}^\star)^T\mathbf{H}(\mathbf{w}-\mathbf{w}^\star)"
    ),
    sources=("bishop:7.7",),
)
statement(
    "eigenbasis-expansion",
    title="A displacement expanded in the eigenvectors of the Hessian",
    formula=(
        r"\mathbf{w}-\mathbf{w}^\star=\sum_i\alpha_i\mathbf{u}_i,"
        r"\qquad\mathbf{v}=\sum_ic_i\mathbf{u}_i"
    ),
    sources=("bishop:7.10", "bishop:7.13"),
)
statement(
    "eigencoordinate-projection",
    title="An eigen-coordinate is a projection of the displacement",
    formula=r"\mathbf{u}_i^T(\mathbf{w}-\mathbf{w}^\star)=\alpha_i",
    sources=("bishop:7.28",),
)
statement(
    "error-in-eigencoordinates",
    title="The error is a weighted sum of squared eigen-coordinates",
    formula=r"E(\mathbf{w})=E(\mathbf{w}^\star)+\tfrac12\sum_i\lambda_i\alpha_i^2",
    sources=("bishop:7.11", "bishop:Ex 7.1"),
)
statement(
    "positive-definite-definition",
    title="Positive definite matrix",
    formula=r"\mathbf{v}^T\mathbf{H}\mathbf{v}>0\quad\text{for all }\mathbf{v}\ne\mathbf{0}",
    sources=("bishop:7.12",),
    erratum="B01: for all v other than 0; at v = 0 the form is 0 whatever H is.",
)
statement(
    "quadratic-form-in-eigenbasis",
    title="A quadratic form in the eigenbasis",
    formula=r"\mathbf{v}^T\mathbf{H}\mathbf{v}=\sum_ic_i^2\lambda_i",
    sources=("bishop:7.14",),
)
statement(
    "positive-definite-iff-positive-eigenvalues",
    title="Positive definite means that all eigenvalues are positive",
    formula=r"\mathbf{H}\succ0\iff\lambda_i>0\ \forall i",
    sources=("bishop:sec 7.1.1", "bishop:Ex 7.2"),
)
statement(
    "rayleigh-quotient-lower-bound",
    title="The smallest eigenvalue bounds the quadratic form from below",
    formula=r"h^T\mathbf{H}h\ge\lambda_{\min}\|h\|^2",
    sources=("slides:slide 'Local quadratic approximation'",),
)
statement(
    "gradient-information-cost",
    title="Cost of locating a quadratic's minimum with and without gradients",
    formula=(
        r"\text{values}:\ \tfrac{W(W+3)}{2}+1\text{ evaluations of cost }O(W);"
        r"\qquad\text{gradients}:\ W+1\text{ of cost }O(W)"
    ),
    sources=("bishop:sec 7.2.1", "slides:slide 'Use of gradient information'"),
)
statement(
    "second-order-noise-amplification",
    title="Newton's update amplifies an error of the gradient by the condition number at most",
    formula=(
        r"\frac{\|\mathbf{H}^{-1}\delta\mathbf{g}\|/\|\mathbf{H}^{-1}\mathbf{g}\|}"
        r"{\|\delta\mathbf{g}\|/\|\mathbf{g}\|}\le\kappa(\mathbf{H})"
    ),
    sources=("goodfellow:sec 8.1.3",),
)
statement(
    "ill-conditioning-diagnosis-curvature-term",
    title="A growing curvature term at a steady gradient norm shows ill-conditioning",
    formula=(
        r"\mathbf{g}^T\mathbf{g}\approx\text{const},"
        r"\quad\mathbf{g}^T\mathbf{H}\mathbf{g}\text{ grows more than tenfold}"
    ),
    sources=("goodfellow:sec 8.2.1",),
    unchecked=(
        "it reports what was seen in training networks that are not specified; the two numbers "
        "to watch can be computed, how they grow depends on the network"
    ),
)


@equation(
    "error-contour-ellipse-axes",
    title="The axes of an ellipse of constant error",
    formula=r"\ell_i=\sqrt{\frac{2(E-E^\star)}{\lambda_i}}\propto\lambda_i^{-1/2}",
    sources=("bishop:Fig 7.2",),
)
def contour_axis(rise: float, eigenvalue: float) -> float:
    """How far along an eigenvector of a positive ``eigenvalue`` the error rises by ``rise``."""
    return math.sqrt(2.0 * rise / eigenvalue)


@equation(
    "condition-number-hessian",
    title="Condition number of the Hessian",
    formula=r"\kappa=\frac{|\lambda|_{\max}}{|\lambda|_{\min}}",
    sources=("bishop:sec 7.3", "goodfellow:sec 8.2.3"),
)
def condition_number(eigenvalues: Sequence[float]) -> float:
    """Infinite where an eigenvalue is 0."""
    sizes = [abs(each) for each in eigenvalues]
    return max(sizes) / min(sizes) if min(sizes) > 0.0 else math.inf


@equation(
    "quadratic-independent-parameter-count",
    title="Independent elements of a quadratic model",
    formula=r"W+\frac{W(W+1)}{2}=\frac{W(W+3)}{2}",
    sources=("bishop:sec 7.2.1", "slides:slide 'Use of gradient information'"),
)
def independent_elements(variables: int) -> int:
    """Of the gradient and the symmetric Hessian; the constant is one more."""
    return variables * (variables + 3) // 2


@functools.cache
def monomials(variables: int) -> tuple[tuple[int, ...], ...]:
    """The powers of 1, of each variable, and of each product of two."""
    indices = range(variables)
    sets = [(), *((i,) for i in indices), *itertools.combinations_with_replacement(indices, 2)]
    return tuple(tuple(chosen.count(i) for i in indices) for chosen in sets)


@dataclass(frozen=True)
class Prescribed:
    """A symmetric matrix whose eigenvalues and eigenvectors are known exactly.

    Its eigenvectors are the columns of the reflection ``I - 2 v v' / v'v`` with a ``normal`` v of
    small integers, which couples all variables where v is not 0. Its eigenvalues are ``multiples``
    of one unit, in ascending order; the entries are integers times ``2**exponent``, so a format
    holds the matrix if it holds these integers.
    """

    multiples: tuple[int, ...]
    normal: tuple[int, ...]
    exponent: int = 0

    @property
    def order(self) -> int:
        """The number of rows."""
        return len(self.normal)

    @functools.cached_property
    def length(self) -> int:
        """The length of the vectors of :attr:`axes`; its square is the unit of the eigenvalues."""
        square = sum(each * each for each in self.normal)
        return square if square % 2 else square // 2

    @functools.cached_property
    def eigenvalues(self) -> Floats:
        """Exactly, in ascending order."""
        return np.array([math.ldexp(k * self.length**2, self.exponent) for k in self.multiples])

    @functools.cached_property
    def axes(self) -> list[list[int]]:
        """Eigenvectors with integer elements, in the order of the eigenvalues."""
        v, q = self.normal, self.length
        twice = 2 * q // sum(each * each for each in v)
        indices = range(self.order)
        return [[q * (i == j) - twice * v[i] * v[j] for j in indices] for i in indices]

    @functools.cached_property
    def matrix(self) -> Floats:
        """Exactly, shape ``(n, n)``."""
        indices = range(self.order)

        def entry(i: int, j: int) -> int:
            terms = zip(self.multiples, self.axes, strict=True)
            return sum(k * axis[i] * axis[j] for k, axis in terms)

        return np.array(
            [[math.ldexp(entry(i, j), self.exponent) for j in indices] for i in indices]
        )

    @property
    def norm(self) -> float:
        """The largest absolute eigenvalue."""
        return float(np.max(np.abs(self.eigenvalues)))

    @property
    def frobenius(self) -> float:
        """The root of the sum of the squares of all entries."""
        return float(np.linalg.norm(self.eigenvalues))
