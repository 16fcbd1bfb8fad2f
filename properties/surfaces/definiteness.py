"""Laws of definiteness: eigenvalues, Cholesky's factor and quadratic forms agree."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.surfaces.running import (
    BOTH,
    Factored,
    column,
    draw_matrix,
    factored,
    form,
    matrix,
    of,
    vectors,
)


@law(
    id="cholesky-exists-iff-positive-definite",
    title="Cholesky's factor exists exactly where all eigenvalues are positive",
    statement=(
        "For matrices whose spectrum is known, a factor is found where the smallest eigenvalue is "
        "above n gamma(n + 1) / (1 - gamma(n + 1)) times the largest diagonal entry, and refused "
        "where it is below minus that (Demmel; Higham, Accuracy and Stability of Numerical "
        "Algorithms, theorem 10.7), or where a diagonal entry is not positive."
    ),
    oracle="exact",
    capability="factorization",
    equations=("positive-definite-iff-positive-eigenvalues",),
    about=of("cholesky"),
    share=0.6,
    dtypes=BOTH,
)
def cholesky_exists_iff_positive_definite(subject: Subject, data: st.DataObject) -> float:
    case = _factored(subject, data)
    smallest = float(case.given.eigenvalues[0])
    if np.min(np.diag(case.given.matrix)) > 0.0 and abs(smallest) <= case.indefiniteness:
        return math.nan
    if (case.factors is not None) == (smallest > 0.0):
        return 0.0
    raise case.deviation(f"{_verdict(case)} a matrix whose smallest eigenvalue is {smallest:.3g}")


def _factored(subject: Subject, data: st.DataObject) -> Factored:
    """Half of the matrices positive definite."""
    positive = data.draw(st.booleans(), label="positive definite")
    return factored(subject, draw_matrix(subject, data, positive=positive))


def _verdict(case: Factored) -> str:
    return "refuses" if case.factors is None else "finds a factor of"


@law(
    id="cholesky-exists-iff-forms-are-positive",
    title="Cholesky's factor exists exactly where v'Hv is positive for all v but 0",
    statement=(
        "Where a factor L is found, v'Hv = |L'v|^2 at drawn vectors, at the eigenvectors and at "
        "v = 0, and is positive but at 0; where it is refused, v'Hv is not positive at one of the "
        "eigenvectors. Rounding leaves the margin of theorem 10.7 of Higham open."
    ),
    oracle="exact",
    capability="factorization",
    equations=("positive-definite-definition",),
    about=of("cholesky"),
    every_path=False,
    share=0.6,
    dtypes=BOTH,
)
def cholesky_exists_iff_forms_are_positive(subject: Subject, data: st.DataObject) -> float:
    case = _factored(subject, data)
    tried = [*data.draw(vectors(case.given.order), label="v"), *case.axes]
    h = matrix(case.given.matrix)
    forms = [(v, form(h, column(v)), float(np.dot(v, v))) for v in tried]
    if any(abs(value) <= case.indefiniteness * square for _, value, square in forms if square):
        return math.nan
    if (case.factors is not None) != all(value > 0.0 for _, value, square in forms if square):
        v, value, _ = min(forms, key=lambda each: each[1] / (each[2] or math.inf))
        raise case.deviation(f"{_verdict(case)} a matrix with v'Hv = {value:.3g} at v = {v}")
    if case.factors is None:
        return 0.0
    return max(
        case.require(
            "|L'v|^2 - v'Hv", abs(form(case.rebuilt, column(v)) - value), case.rebuilding * square
        )
        for v, value, square in forms
    )


@law(
    id="eigenvalue-signs-are-definiteness",
    title="A matrix is positive definite exactly where its eigenvalues are positive",
    statement=(
        "At the exact eigenvectors v'Hv = lambda_i |v|^2, and has the sign of the eigenvalue "
        "found; where all that are found are positive, so is v'Hv at drawn vectors. An eigenvalue "
        "closer to 0 than its possible error decides nothing."
    ),
    oracle="exact",
    capability="factorization",
    equations=("positive-definite-iff-positive-eigenvalues",),
    about=of("eigendecomposition"),
    every_path=False,
    share=0.6,
    dtypes=BOTH,
)
def eigenvalue_signs_are_definiteness(subject: Subject, data: st.DataObject) -> float:
    case = _factored(subject, data)
    drawn = data.draw(vectors(case.given.order), label="v")
    h, eigenvalues = matrix(case.given.matrix), case.eigenvalues.tolist()
    ratios = []
    for v, eigenvalue in zip(case.axes, eigenvalues, strict=True):
        value, square = form(h, column(v)), float(np.dot(v, v))
        off = abs(value - eigenvalue * square)
        ratios.append(case.require("v'Hv - lambda |v|^2", off, case.error * square, v=v))
        if abs(eigenvalue) > case.error and (value > 0.0) != (eigenvalue > 0.0):
            raise case.deviation(
                f"the eigenvalue {eigenvalue:.3g}, but v'Hv = {value:.3g} at v = {v}"
            )
    if min(eigenvalues) > case.error:
        for v in drawn:
            value = form(h, column(v))
            if any(v) and not value > 0.0:
                raise case.deviation(f"positive eigenvalues, but v'Hv = {value:.3g} at v = {v}")
    return max(ratios)


@law(
    id="smallest-eigenvalue-bounds-the-form",
    title="The smallest eigenvalue times |v|^2 bounds v'Hv from below, and is reached",
    statement=(
        "v'Hv >= lambda_min |v|^2 for all v drawn, with equality at the exact eigenvector, and at "
        "the one found where there is one: to within the error of the smallest eigenvalue."
    ),
    oracle="exact",
    capability="factorization",
    equations=("rayleigh-quotient-lower-bound",),
    about=of("eigendecomposition"),
    every_path=False,
    share=0.6,
    dtypes=BOTH,
)
def smallest_eigenvalue_bounds_the_form(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data))
    h, smallest = matrix(case.given.matrix), float(case.eigenvalues[0])
    ratios = []
    for v in data.draw(vectors(case.given.order), label="v"):
        square = float(np.dot(v, v))
        short = max(0.0, smallest * square - form(h, column(v)))
        ratios.append(case.require("lambda_min |v|^2 - v'Hv", short, case.error * square, v=v))
    axis = case.axes[0]
    reached = [(axis, case.error * float(np.dot(axis, axis)))]
    if "eigenvectors" in (case.factors or {}):
        found = case.eigenvectors[:, 0]
        residual = case.allowed.residual(case.given.frobenius, case.given.norm)
        reached.append((found.tolist(), residual * float(np.linalg.norm(found))))
    for v, allowed in reached:
        off = abs(form(h, column(v)) - smallest * float(np.dot(v, v)))
        ratios.append(case.require("v'Hv - lambda_min |v|^2 at u_min", off, allowed, v=v))
    return max(ratios)
