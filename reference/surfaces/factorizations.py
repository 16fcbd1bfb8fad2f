"""Factorisations of symmetric matrices, and what rounding may leave of their equations."""

from __future__ import annotations

import math
from dataclasses import dataclass

from optcheck.reference.oracle import SAFETY
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import statement

FAMILY = "error-surface"

statement(
    "hessian-eigendecomposition",
    title="Eigenvalues and orthonormal eigenvectors of the Hessian",
    formula=(
        r"\mathbf{H}\mathbf{u}_i=\lambda_i\mathbf{u}_i,\quad"
        r"\mathbf{u}_i^T\mathbf{u}_j=\delta_{ij};\qquad"
        r"\mathbf{H}=\mathbf{Q}\boldsymbol\Lambda\mathbf{Q}^T,\quad"
        r"\mathbf{Q}^T\mathbf{Q}=\mathbf{Q}\mathbf{Q}^T=\mathbf{I}"
    ),
    sources=("bishop:7.8", "bishop:7.9", "goodfellow:sec 8.5.1"),
)

EIGENDECOMPOSITION = procedure(
    Procedure(
        id="eigendecomposition",
        title="Eigendecomposition of a symmetric matrix",
        source="bishop:sec 7.1",
        capability="factorization",
        family=FAMILY,
        dialects={
            "with-eigenvectors": Form(
                summary="eigenvalues in ascending order, eigenvectors as columns",
                equations=("hessian-eigendecomposition",),
            ),
            "eigenvalues-alone": Form(
                summary="eigenvalues in ascending order",
                equations=("hessian-eigendecomposition",),
            ),
        },
    )
)

_DEFINITE = ("positive-definite-definition", "positive-definite-iff-positive-eigenvalues")

CHOLESKY = procedure(
    Procedure(
        id="cholesky",
        title="Cholesky's factor of a positive definite matrix",
        source="bishop:sec 7.1.1",
        capability="factorization",
        family=FAMILY,
        dialects={
            "lower": Form(summary="H = L L', L lower triangular", equations=_DEFINITE),
            "upper": Form(summary="H = R'R, R upper triangular", equations=_DEFINITE),
        },
    )
)

CONDITION_NUMBER = procedure(
    Procedure(
        id="condition-number",
        title="Condition number of a symmetric matrix",
        source="bishop:sec 7.3",
        capability="factorization",
        family=FAMILY,
        dialects={
            "spectral": Form(
                summary="the ratio of the extreme absolute eigenvalues",
                equations=("condition-number-hessian",),
            )
        },
    )
)


def gamma(roundings: int, unit: float) -> float:
    """What so many roundings do to a product, relative to it (Higham, lemma 3.1)."""
    return roundings * unit / (1.0 - roundings * unit)


@dataclass(frozen=True)
class Allowed:
    """What a backward stable algorithm leaves at most, for a matrix of ``order`` rows.

    An orthogonal similarity is applied by reflections and rotations (Higham, Accuracy and
    Stability of Numerical Algorithms, sections 19.3 and 19.6). One rotation is off by
    ``sqrt(2) gamma(6)`` of what it is applied to (lemma 19.8). A reflection ``I - tau v v'`` of
    order n has ``v`` off by n + 4 roundings, as ``tau`` is; with the products that makes 4 n + 14
    in ``tau v v'``, whose norm is 2, and one subtraction: ``gamma(8 n + 30)``. Tridiagonalising
    takes n - 1 reflections, and LAPACK gives up after 30 n sweeps of n - 1 rotations; scaling to
    and fro rounds four times. The errors of orthogonal transformations add up (lemma 3.7): the
    eigenvalues found are those of a matrix within :attr:`backward` of the given one, and the
    eigenvectors found lie within :attr:`skew` of its own, both in Frobenius's norm. Other
    algorithms are held to what this one keeps.
    """

    order: int
    unit: float

    @property
    def _turned(self) -> float:
        n = self.order
        reflections = (n - 1) * gamma(8 * n + 30, self.unit)
        return reflections + 30 * n * (n - 1) * math.sqrt(2.0) * gamma(6, self.unit)

    @property
    def backward(self) -> float:
        """Of the matrix, relative to its norm; each side of it is transformed."""
        return SAFETY * math.expm1(2.0 * self._turned + gamma(4, self.unit))

    @property
    def skew(self) -> float:
        """Of the matrix of eigenvectors."""
        return SAFETY * math.sqrt(self.order) * math.expm1(self._turned + self.unit)

    @property
    def orthonormality(self) -> float:
        """Of ``U'U - I`` and ``U U' - I``."""
        return 2.0 * self.skew + self.skew**2

    def residual(self, frobenius: float, norm: float) -> float:
        """Of ``H U - U Lambda``; ``U = Q + D`` with ``(H + E) Q = Q Lambda``."""
        return self.backward * frobenius * (1.0 + self.skew) + 2.0 * self.skew * norm

    def rebuilding(self, frobenius: float, norm: float) -> float:
        """Of ``U Lambda U' - H``."""
        error = self.backward * frobenius
        return error + self.orthonormality * (norm + error)

    @property
    def singular_values(self) -> float:
        """Of each singular value, relative to Frobenius's norm.

        Bidiagonalising takes n reflections from each side, and LAPACK gives up after 6 n**2
        rotations from each.
        """
        n = self.order
        turned = n * gamma(8 * n + 30, self.unit)
        turned += 6 * n * n * math.sqrt(2.0) * gamma(6, self.unit)
        return SAFETY * math.expm1(2.0 * turned + gamma(4, self.unit))

    @property
    def cholesky(self) -> float:
        """Of ``R'R - H``, entry by entry, relative to ``|R|'|R|`` (Higham, theorem 10.3)."""
        return SAFETY * gamma(self.order + 1, self.unit)

    @property
    def definiteness(self) -> float:
        """The margin of Cholesky's test, relative to the largest entry of the diagonal.

        With the diagonal scaled to 1, it succeeds where the smallest eigenvalue is above the
        margin and fails where it is below minus the margin (Demmel; Higham, theorem 10.7). The
        smallest eigenvalue of the scaled matrix is that of the matrix, or further from 0, over
        the largest entry of its diagonal.
        """
        return self.order * self.cholesky / (1.0 - self.cholesky)
