"""Factorisations of symmetric matrices by ``numpy.linalg`` and ``scipy.linalg``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from optcheck.backends.function_training import FunctionTraining

Array = npt.NDArray[np.floating[Any]]
Factors = dict[str, Array]

FULL = "with-eigenvectors"
ALONE = "eigenvalues-alone"

rules = FunctionTraining()


@rules.factorization("eigendecomposition", dialect=FULL)
def eigh(matrix: Array) -> Factors:
    """By divide and conquer, from the lower triangle."""
    return _pair(np.linalg.eigh(matrix))


@rules.factorization("eigendecomposition", dialect=FULL, options={"UPLO": "U"})
def eigh_of_upper_triangle(matrix: Array) -> Factors:
    """From the upper triangle."""
    return _pair(np.linalg.eigh(matrix, UPLO="U"))


@rules.factorization("eigendecomposition", dialect=FULL, options={"scipy": "ev"})
def scipy_ev(matrix: Array) -> Factors:
    """By QR sweeps."""
    return _pair(scipy.linalg.eigh(matrix, driver="ev"))


@rules.factorization("eigendecomposition", dialect=FULL, options={"scipy": "evd"})
def scipy_evd(matrix: Array) -> Factors:
    """By divide and conquer."""
    return _pair(scipy.linalg.eigh(matrix, driver="evd"))


@rules.factorization("eigendecomposition", dialect=FULL, options={"scipy": "evr"})
def scipy_evr(matrix: Array) -> Factors:
    """By relatively robust representations; SciPy's default."""
    return _pair(scipy.linalg.eigh(matrix, driver="evr"))


@rules.factorization("eigendecomposition", dialect=FULL, options={"scipy": "evx"})
def scipy_evx(matrix: Array) -> Factors:
    """By bisection and inverse iteration."""
    return _pair(scipy.linalg.eigh(matrix, driver="evx"))


@rules.factorization("eigendecomposition", dialect=ALONE)
def eigvalsh(matrix: Array) -> Factors:
    """By square-root-free QR sweeps."""
    return {"eigenvalues": np.linalg.eigvalsh(matrix)}


@rules.factorization("eigendecomposition", dialect=ALONE, options={"scipy": "evr"})
def scipy_eigvalsh(matrix: Array) -> Factors:
    """SciPy's default."""
    return {"eigenvalues": scipy.linalg.eigvalsh(matrix)}


@rules.factorization("cholesky", dialect="lower")
def cholesky(matrix: Array) -> Factors | None:
    """NumPy's, from the lower triangle."""
    try:
        return {"factor": np.linalg.cholesky(matrix)}
    except np.linalg.LinAlgError:
        return None


@rules.factorization("cholesky", dialect="upper")
def upper_cholesky(matrix: Array) -> Factors | None:
    """NumPy's, from the upper triangle."""
    try:
        return {"factor": np.linalg.cholesky(matrix, upper=True)}
    except np.linalg.LinAlgError:
        return None


@rules.factorization("cholesky", dialect="upper", options={"scipy": "cholesky"})
def scipy_cholesky(matrix: Array) -> Factors | None:
    """SciPy's default."""
    try:
        return {"factor": scipy.linalg.cholesky(matrix)}
    except np.linalg.LinAlgError:
        return None


@rules.factorization("condition-number", dialect="spectral")
def condition_number(matrix: Array) -> Factors:
    """From the singular values."""
    return {"condition_number": np.asarray(np.linalg.cond(matrix, 2))}


@rules.factorization("condition-number", dialect="spectral", options={"from": "eigenvalues"})
def condition_number_from_eigenvalues(matrix: Array) -> Factors:
    """From the eigenvalues."""
    sizes = np.abs(np.linalg.eigvalsh(matrix))
    return {"condition_number": np.asarray(sizes.max() / sizes.min())}


def _pair(found: tuple[Array, Array]) -> Factors:
    eigenvalues, eigenvectors = found
    return {"eigenvalues": eigenvalues, "eigenvectors": eigenvectors}
