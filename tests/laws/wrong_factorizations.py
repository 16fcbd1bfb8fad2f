"""Wrong factorisations of symmetric matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Family, Slip, fixed

from optcheck.backends.numpy.factorizations import (
    cholesky,
    condition_number,
    eigh,
    eigvalsh,
    upper_cholesky,
)

EQUATIONS = ("eigenvectors-are-orthonormal-and-rebuild",)
SPECTRUM = ("eigenvalues-are-those-prescribed",)
SIGNS = ("eigenvalue-signs-are-definiteness",)
RAYLEIGH = ("smallest-eigenvalue-bounds-the-form",)
EXPANSION = ("displacement-in-eigencoordinates",)
PROJECTION = ("eigencoordinate-is-the-distance-along-its-eigenvector",)
ERROR = ("error-is-a-sum-over-eigencoordinates",)
CONTOURS = ("contours-are-ellipses",)
NOISE = ("newton-amplifies-noise-by-the-condition-number",)
RARE = ("minima-are-rare-among-critical-points",)
HEIGHT = ("low-values-have-definite-hessians",)
REBUILDS = ("cholesky-rebuilds-the-matrix",)
EXISTS = ("cholesky-exists-iff-positive-definite",)
FORMS = ("cholesky-exists-iff-forms-are-positive",)
RATIO = ("condition-number-is-the-ratio-of-eigenvalues",)

Rule = Callable[[Any], Any]


def pairs(change: Callable[[Any, Any], tuple[Any, Any]]) -> Rule:
    """An eigendecomposition with changed eigenvalues or eigenvectors."""

    def wrong(matrix: Any) -> Any:
        found = eigh(matrix)
        eigenvalues, eigenvectors = change(found["eigenvalues"], found["eigenvectors"])
        return {"eigenvalues": eigenvalues, "eigenvectors": eigenvectors}

    return wrong


def spectrum(change: Callable[[Any], Any]) -> Rule:
    """Changed eigenvalues."""
    return lambda matrix: {"eigenvalues": change(eigvalsh(matrix)["eigenvalues"])}


def of_another(right: Rule, change: Callable[[Any], Any]) -> Rule:
    """The factors of another matrix."""
    return lambda matrix: right(change(matrix))


def _single(right: Rule) -> Rule:
    """In float32, after scaling by a power of two that keeps it in range."""

    def wrong(matrix: Any) -> Any:
        exponent = 2 * (int(np.frexp(np.max(np.abs(matrix)))[1]) // 2)
        found = right(np.ldexp(matrix, -exponent).astype(np.float32))
        powers = {"eigenvalues": exponent, "eigenvectors": 0, "factor": exponent // 2}
        return found and {
            name: np.ldexp(values.astype(np.float64), powers[name])
            for name, values in found.items()
        }

    return wrong


def _diagonal(matrix: Any) -> Any:
    return matrix * np.eye(matrix.shape[-1])


def _traceless(matrix: Any) -> Any:
    n = matrix.shape[-1]
    trace = np.trace(matrix, axis1=-2, axis2=-1)
    return matrix - trace[..., None, None] / n * np.eye(n)


def _damped(matrix: Any) -> Any:
    n = matrix.shape[-1]
    trace = np.trace(matrix, axis1=-2, axis2=-1)
    return matrix + 1e-3 * trace[..., None, None] / n * np.eye(n)


def _half_triangle(matrix: Any) -> Any:
    """The elements beside the diagonal halved, as where each was counted twice."""
    return (matrix + _diagonal(matrix)) / 2


def _turned(vectors: Any) -> Any:
    """The first two eigenvectors mixed, which leaves them orthonormal."""
    mixed = vectors.copy()
    if vectors.shape[1] > 1:
        first, second = vectors[:, 0], vectors[:, 1]
        mixed[:, 0], mixed[:, 1] = 0.8 * first - 0.6 * second, 0.6 * first + 0.8 * second
    return mixed


WITH_EIGENVECTORS = [
    Slip(
        "rows",
        "gives the eigenvectors as rows",
        (*EQUATIONS, *PROJECTION, *ERROR),
        fixed(pairs(lambda values, vectors: (values, vectors.T))),
    ),
    Slip(
        "descending",
        "gives the largest eigenvalue first",
        (*SPECTRUM, *RAYLEIGH),
        fixed(pairs(lambda values, vectors: (values[::-1], vectors[:, ::-1]))),
    ),
    Slip(
        "unsorted-vectors",
        "sorts the eigenvalues and leaves the eigenvectors as they were",
        (*EQUATIONS, *ERROR, *CONTOURS, *NOISE),
        fixed(pairs(lambda values, vectors: (values, vectors[:, ::-1]))),
    ),
    Slip(
        "unnormalised",
        "gives eigenvectors whose largest element is 1",
        (*EQUATIONS, *EXPANSION, *CONTOURS),
        fixed(pairs(lambda values, vectors: (values, vectors / np.abs(vectors).max(axis=0)))),
    ),
    Slip(
        "mixed",
        "mixes the first two eigenvectors",
        (*EQUATIONS, *PROJECTION),
        fixed(pairs(lambda values, vectors: (values, _turned(vectors)))),
    ),
    Slip(
        "absolute",
        "gives singular values and vectors",
        (*ERROR, *SIGNS),
        fixed(pairs(lambda values, vectors: (np.abs(values), vectors))),
    ),
    Slip(
        "of-the-form",
        "takes w'Hw for the error, and not its half",
        (*SPECTRUM, *CONTOURS, *ERROR),
        fixed(pairs(lambda values, vectors: (2 * values, vectors))),
    ),
    Slip(
        "damped",
        "adds a little to the diagonal",
        (*SPECTRUM, *RAYLEIGH, *SIGNS, *EQUATIONS),
        fixed(of_another(eigh, _damped)),
    ),
    Slip(
        "single",
        "computes in float32",
        (*EQUATIONS, *SPECTRUM, *EXPANSION, *ERROR, *CONTOURS, *NOISE),
        fixed(_single(eigh)),
    ),
]

EIGENVALUES_ALONE = [
    Slip(
        "descending",
        "gives the largest eigenvalue first",
        SPECTRUM,
        fixed(spectrum(lambda values: values[..., ::-1])),
        says="do not ascend",
    ),
    Slip(
        "absolute",
        "gives singular values",
        (*SPECTRUM, *SIGNS, *RAYLEIGH, *RARE),
        fixed(spectrum(lambda values: np.sort(np.abs(values)))),
    ),
    Slip(
        "clipped",
        "takes negative eigenvalues for rounding errors of 0",
        (*SPECTRUM, *SIGNS, *RAYLEIGH, *RARE),
        fixed(spectrum(lambda values: np.maximum(values, 0))),
    ),
    Slip(
        "diagonal",
        "takes the diagonal for the spectrum",
        (*SPECTRUM, *RAYLEIGH, *RARE),
        fixed(of_another(eigvalsh, _diagonal)),
    ),
    Slip(
        "half-triangle",
        "halves what is beside the diagonal",
        (*SPECTRUM, *RARE, *HEIGHT),
        fixed(of_another(eigvalsh, _half_triangle)),
    ),
    Slip(
        "traceless",
        "leaves the trace out",
        (*SPECTRUM, *HEIGHT),
        fixed(of_another(eigvalsh, _traceless)),
    ),
    Slip(
        "first-of-a-stack",
        "gives the spectrum of the first matrix for all of a stack",
        RARE,
        fixed(lambda matrix: eigvalsh(matrix[0] if matrix.ndim > 2 else matrix)),
        says="of shape",
    ),
    Slip("single", "computes in float32", SPECTRUM, fixed(_single(eigvalsh))),
]


def _square_root(matrix: Any) -> Any:
    """The symmetric square root, which rebuilds the matrix too."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if eigenvalues[0] <= 0:
        return None
    return {"factor": (vectors * np.sqrt(eigenvalues)) @ vectors.T}


def _unrooted(factor: Any, *, upper: bool) -> Any:
    """The factor with a unit diagonal of ``L D L'``."""
    return factor / np.diag(factor)[:, None] if upper else factor / np.diag(factor)


def _cholesky_slips(right: Rule, *, upper: bool) -> list[Slip]:
    def changed(change: Callable[[Any], Any]) -> Rule:
        def wrong(matrix: Any) -> Any:
            found = right(matrix)
            return None if found is None else {"factor": change(found["factor"])}

        return wrong

    def by_diagonal(matrix: Any) -> Any:
        """Finds something wherever the diagonal is positive."""
        if np.min(np.diag(matrix)) <= 0:
            return None
        lowest = float(np.linalg.eigvalsh(matrix)[0])
        lift = max(0.0, -2.0 * lowest) + 1e-6 * np.max(np.abs(matrix))
        return right(matrix) or right(matrix + lift * np.eye(len(matrix)).astype(matrix.dtype))

    def cautious(matrix: Any) -> Any:
        """Refuses what is not well conditioned."""
        return None if np.linalg.cond(matrix, 2) > 4 else right(matrix)

    def lenient(matrix: Any) -> Any:
        """Lifts the spectrum until there is a factor."""
        lowest = min(0.0, float(np.linalg.eigvalsh(matrix)[0]))
        lift = -2.0 * lowest + 1e-3 * np.max(np.abs(matrix)) + np.finfo(matrix.dtype).tiny
        return right(matrix) or right(matrix + lift * np.eye(len(matrix)).astype(matrix.dtype))

    return [
        Slip("transposed", "gives the other factor", REBUILDS, fixed(changed(lambda f: f.T))),
        Slip("square-root", "gives the symmetric root", REBUILDS, fixed(_square_root)),
        Slip(
            "unit-diagonal",
            "leaves the roots of the pivots out",
            (*REBUILDS, *FORMS, *NOISE),
            fixed(changed(lambda factor: _unrooted(factor, upper=upper))),
        ),
        Slip(
            "damped",
            "adds a little to the diagonal",
            (*REBUILDS, *FORMS),
            fixed(of_another(right, _damped)),
        ),
        Slip(
            "lenient",
            "adds to the diagonal until there is a factor",
            (*EXISTS, *FORMS),
            fixed(lenient),
            says="finds a factor",
        ),
        Slip(
            "by-the-diagonal",
            "refuses by the signs of the diagonal alone",
            EXISTS,
            fixed(by_diagonal),
            says="finds a factor",
        ),
        Slip(
            "cautious",
            "refuses ill-conditioned matrices",
            (*EXISTS, *FORMS),
            fixed(cautious),
            says="refuses",
        ),
        Slip("single", "computes in float32", (*REBUILDS, *FORMS, *NOISE), fixed(_single(right))),
    ]


def ratio(measure: Callable[[Any], Any]) -> Rule:
    """A condition number by another measure."""
    return lambda matrix: {"condition_number": np.asarray(measure(matrix))}


def _signed(matrix: Any) -> Any:
    eigenvalues = np.linalg.eigvalsh(matrix)
    return eigenvalues[-1] / eigenvalues[0]


CONDITION_NUMBERS = [
    Slip("signed", "takes the eigenvalues with their signs", RATIO, fixed(ratio(_signed))),
    Slip(
        "frobenius",
        "takes Frobenius's norm",
        RATIO,
        fixed(ratio(lambda matrix: np.linalg.cond(matrix, "fro"))),
    ),
    Slip(
        "row-sums",
        "takes the norm of row sums",
        RATIO,
        fixed(ratio(lambda matrix: np.linalg.cond(matrix, np.inf))),
    ),
    Slip(
        "reciprocal",
        "gives the reciprocal",
        RATIO,
        fixed(ratio(lambda matrix: np.linalg.cond(matrix, -2))),
    ),
    Slip(
        "squared",
        "gives that of H'H",
        RATIO,
        fixed(ratio(lambda matrix: np.linalg.cond(matrix, 2) ** 2)),
    ),
    Slip(
        "of-the-diagonal",
        "preconditions with the diagonal",
        RATIO,
        fixed(ratio(lambda matrix: np.linalg.cond(_diagonal(matrix), 2))),
    ),
]


FAMILIES = [
    Family(
        "eigendecomposition",
        "with-eigenvectors",
        eigh,
        WITH_EIGENVECTORS,
        capability="factorization",
    ),
    Family(
        "eigendecomposition",
        "eigenvalues-alone",
        eigvalsh,
        EIGENVALUES_ALONE,
        capability="factorization",
    ),
    Family(
        "cholesky",
        "lower",
        cholesky,
        _cholesky_slips(cholesky, upper=False),
        capability="factorization",
    ),
    Family(
        "cholesky",
        "upper",
        upper_cholesky,
        _cholesky_slips(upper_cholesky, upper=True),
        capability="factorization",
    ),
    Family(
        "condition-number",
        "spectral",
        condition_number,
        CONDITION_NUMBERS,
        capability="factorization",
    ),
]
