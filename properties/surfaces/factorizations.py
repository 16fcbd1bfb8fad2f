"""Laws of factorisations: each equation, to within what a backward stable algorithm leaves."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.surfaces.running import (
    BOTH,
    diagonal,
    draw_matrix,
    factored,
    matrix,
    norm,
    of,
)
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.surfaces.quadratics import condition_number


@law(
    id="eigenvectors-are-orthonormal-and-rebuild",
    title="Eigenvalues and eigenvectors satisfy their equations",
    statement=(
        "H u_i = lambda_i u_i; columns and rows of U are orthonormal; U Lambda U' = H. Each holds "
        "to within what tridiagonalising by reflections and LAPACK's largest number of QR sweeps "
        "leave (Higham, Accuracy and Stability of Numerical Algorithms, chapter 19)."
    ),
    oracle="exact",
    capability="factorization",
    equations=("hessian-eigendecomposition",),
    about=of("eigendecomposition", "with-eigenvectors"),
    share=0.4,
    dtypes=BOTH,
)
def eigenvectors_are_orthonormal_and_rebuild(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data))
    given, allowed = case.given, case.allowed
    u, eigenvalues = matrix(case.eigenvectors), diagonal(case.eigenvalues)
    with ball_arithmetic():
        h, unit = matrix(given.matrix), diagonal(np.ones(given.order))
        equation = h * u - u * eigenvalues
        columns, rows = u.transpose() * u - unit, u * u.transpose() - unit
        rebuilding = case.rebuilt - h
    residual = allowed.residual(given.frobenius, given.norm)
    return max(
        case.require("H U - U Lambda", norm(equation), residual),
        case.require("U'U - I", norm(columns), allowed.orthonormality),
        case.require("U U' - I", norm(rows), allowed.orthonormality),
        case.require("U Lambda U' - H", norm(rebuilding), case.rebuilding),
    )


@law(
    id="eigenvalues-are-those-prescribed",
    title="The eigenvalues are those of the matrix, in ascending order",
    statement=(
        "For matrices whose spectrum is known, with repeated, zero, negative, large and small "
        "eigenvalues, each one found is within the backward error of the algorithm of the exact "
        "one (Weyl), and they ascend."
    ),
    oracle="exact",
    capability="factorization",
    equations=("hessian-eigendecomposition",),
    about=of("eigendecomposition"),
    share=0.4,
    dtypes=BOTH,
)
def eigenvalues_are_those_prescribed(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data))
    eigenvalues = case.eigenvalues
    if not np.all(eigenvalues[:-1] <= eigenvalues[1:]):
        raise case.deviation(f"the eigenvalues {eigenvalues.tolist()} do not ascend")
    off = float(np.max(np.abs(eigenvalues - case.given.eigenvalues)))
    return case.require("the error of an eigenvalue", off, case.error)


@law(
    id="cholesky-rebuilds-the-matrix",
    title="Cholesky's factor is triangular and rebuilds the matrix",
    statement=(
        "R is triangular with a positive diagonal, and |R'R - H| <= gamma(n + 1) |R|'|R| entry by "
        "entry (Higham, Accuracy and Stability of Numerical Algorithms, theorem 10.3)."
    ),
    oracle="exact",
    capability="factorization",
    equations=("positive-definite-definition",),
    about=of("cholesky"),
    share=0.4,
    dtypes=BOTH,
)
def cholesky_rebuilds_the_matrix(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data, positive=True))
    lower = case.lower
    if np.any(np.triu(lower, 1) != 0.0) or not np.all(np.diag(lower) > 0.0):
        raise case.deviation("the factor is not triangular with a positive diagonal")
    with ball_arithmetic():
        error = case.rebuilt - matrix(case.given.matrix)
    sizes = case.allowed.cholesky * (np.abs(lower) @ np.abs(lower).T)
    return max(
        case.require("an entry of R'R - H", abs(float(off.mid())), size)
        for off, size in zip(error.entries(), sizes.ravel().tolist(), strict=True)
    )


@law(
    id="condition-number-is-the-ratio-of-eigenvalues",
    title="The condition number is the ratio of the extreme absolute eigenvalues",
    statement=(
        "For matrices whose spectrum is known: the largest absolute eigenvalue over the smallest, "
        "each to within the backward error of a singular value or eigenvalue."
    ),
    oracle="exact",
    capability="factorization",
    equations=("condition-number-hessian",),
    about=of("condition-number"),
    share=0.4,
    dtypes=BOTH,
)
def condition_number_is_the_ratio(subject: Subject, data: st.DataObject) -> float:
    positive = data.draw(st.booleans(), label="positive definite")
    case = factored(subject, draw_matrix(subject, data, positive=positive))
    sizes = np.abs(case.given.eigenvalues)
    error = max(case.allowed.singular_values, case.allowed.backward) * case.given.frobenius
    smallest, largest = float(sizes.min()), float(sizes.max())
    if smallest <= error:
        return math.nan
    exact = condition_number(sizes.tolist())
    allowed = (largest + error) / (smallest - error) * (1.0 + 2.0 * case.allowed.unit) - exact
    return case.require(
        "the error of the condition number", abs(case.condition_number - exact), allowed
    )
