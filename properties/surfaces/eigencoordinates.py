"""Laws of the coordinates along the eigenvectors: displacements, errors, contours and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.surfaces.running import (
    BOTH,
    Factored,
    column,
    displacements,
    draw_matrix,
    factored,
    form,
    inner,
    matrix,
    norm,
    of,
)
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.surfaces.quadratics import condition_number, contour_axis


@law(
    id="displacement-in-eigencoordinates",
    title="The projections on the eigenvectors rebuild a displacement and keep its length",
    statement=(
        "With alpha = U'(w - w*) of the eigenvectors found, sum_i alpha_i u_i = w - w* and "
        "sum_i alpha_i^2 = |w - w*|^2, to within what U lacks of orthonormality."
    ),
    oracle="exact",
    capability="factorization",
    equations=("eigenbasis-expansion",),
    about=of("eigendecomposition", "with-eigenvectors"),
    every_path=False,
    share=0.4,
    dtypes=BOTH,
)
def displacement_in_eigencoordinates(subject: Subject, data: st.DataObject) -> float:
    case, z, alpha = _coordinates(subject, data)
    with ball_arithmetic():
        missing = norm(matrix(case.eigenvectors) * alpha - z)
    length, allowed = norm(z), case.allowed.orthonormality
    off = abs(inner(alpha, alpha) - inner(z, z))
    return max(
        case.require("sum_i alpha_i u_i - (w - w*)", missing, allowed * length),
        case.require("sum_i alpha_i^2 - |w - w*|^2", off, allowed * length**2),
    )


def _coordinates(subject: Subject, data: st.DataObject) -> tuple[Factored, arb_mat, arb_mat]:
    """A case, a displacement from the minimum, and ``alpha``."""
    case = factored(subject, draw_matrix(subject, data))
    z = column(data.draw(displacements(case.given.order), label="w - w*"))
    with ball_arithmetic():
        alpha = matrix(case.eigenvectors).transpose() * z
    return case, z, alpha


@law(
    id="eigencoordinate-is-the-distance-along-its-eigenvector",
    title="An eigen-coordinate is the signed distance along its eigenvector",
    statement=(
        "u_i'(w - w*) with the eigenvector found is the exact coordinate, up to the sign of u_i: "
        "to within sqrt(2) |E| / gap (Davis and Kahan) and the skew of U, where E is the backward "
        "error and the gap the distance from lambda_i to the others. Eigenvalues that |E| may "
        "join have no eigenvectors of their own and decide nothing."
    ),
    oracle="exact",
    capability="factorization",
    equations=("eigencoordinate-projection",),
    about=of("eigendecomposition", "with-eigenvectors"),
    every_path=False,
    share=0.4,
    dtypes=BOTH,
)
def eigencoordinate_is_a_distance(subject: Subject, data: st.DataObject) -> float:
    case, z, alpha = _coordinates(subject, data)
    length, ratios = norm(z), [math.nan]
    for i, axis in enumerate(case.axes):
        others = np.delete(case.given.eigenvalues, i) - case.given.eigenvalues[i]
        gap = float(np.min(np.abs(others), initial=math.inf)) - case.error
        if gap <= case.error:
            continue
        exact = inner(column(axis), z) / case.given.length
        sign = math.copysign(1.0, np.dot(case.eigenvectors[:, i], axis))
        off = abs(sign * float(alpha[i, 0].mid()) - exact)
        turned = math.sqrt(2.0) * case.error / gap + case.allowed.skew
        ratios.append(case.require("the error of a coordinate", off, turned * length))
    return float(np.fmax.reduce(ratios))


@law(
    id="error-is-a-sum-over-eigencoordinates",
    title="The error is half the sum of eigenvalues times squared eigen-coordinates",
    statement=(
        "E(w) - E* = (w - w*)'H(w - w*)/2 = sum_i lambda_i alpha_i^2 / 2 with the eigenvalues and "
        "eigenvectors found, to within half of what U Lambda U' lacks of H times |w - w*|^2; "
        "from w* the error rises along u_j where lambda_j > 0 and falls where lambda_j < 0."
    ),
    oracle="exact",
    capability="factorization",
    equations=("error-in-eigencoordinates", "quadratic-form-in-eigenbasis"),
    about=of("eigendecomposition", "with-eigenvectors"),
    every_path=False,
    share=0.4,
    dtypes=BOTH,
)
def error_is_a_sum_over_eigencoordinates(subject: Subject, data: st.DataObject) -> float:
    case, z, alpha = _coordinates(subject, data)
    h, eigenvalues = matrix(case.given.matrix), case.eigenvalues.tolist()
    with ball_arithmetic():
        terms = zip(eigenvalues, alpha.entries(), strict=True)
        total = sum((arb(eigenvalue) * a * a for eigenvalue, a in terms), arb(0))
        off = float(abs(total - (z.transpose() * h * z)[0, 0]).mid()) / 2.0
    ratio = case.require(
        "sum_i lambda_i alpha_i^2 / 2 - (E - E*)", off, case.rebuilding * norm(z) ** 2 / 2.0
    )
    residual = case.allowed.residual(case.given.frobenius, case.given.norm)
    for eigenvalue, u in zip(eigenvalues, case.eigenvectors.T.tolist(), strict=True):
        rise = form(h, column(u)) / 2.0
        if abs(eigenvalue) > 2.0 * residual and (rise > 0.0) != (eigenvalue > 0.0):
            raise case.deviation(
                f"the error changes by {rise:.3g} along u_j = {u}, whose "
                f"eigenvalue is {eigenvalue:.3g}"
            )
    return ratio


@law(
    id="contours-are-ellipses",
    title="A contour of the error has the semi-axes sqrt(2 (E - E*) / lambda_i)",
    statement=(
        "With the eigenvalues found, the length sqrt(2 (E - E*) / lambda_i) is that of the exact "
        "eigenvalue, and going so far from w* along the eigenvector found raises the error by "
        "E - E*: to within the relative error of lambda_i, and of H u_i = lambda_i u_i."
    ),
    oracle="exact",
    capability="factorization",
    equations=("error-contour-ellipse-axes",),
    about=of("eigendecomposition", "with-eigenvectors"),
    every_path=False,
    share=0.4,
    dtypes=BOTH,
)
def contours_are_ellipses(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data, positive=True))
    rise = data.draw(st.integers(1, 64), label="E - E*") * 0.125
    residual = case.allowed.residual(case.given.frobenius, case.given.norm)
    h, ratios = matrix(case.given.matrix), [math.nan]
    for i, exact in enumerate(case.given.eigenvalues.tolist()):
        if exact <= case.error:
            continue
        found, u = float(case.eigenvalues[i]), case.eigenvectors[:, i].tolist()
        if not found > 0.0:
            raise case.deviation(f"the eigenvalue {found:.3g} for {exact:.3g}")
        axis, right = contour_axis(rise, found), contour_axis(rise, exact)
        longest = contour_axis(rise, exact - case.error)
        walked = axis**2 * form(h, column(u)) / 2.0
        allowed = residual * (1.0 + case.allowed.skew) / found + case.allowed.orthonormality
        ratios += [
            case.require("the error of a semi-axis", abs(axis - right), longest - right),
            case.require("the error of E - E* at its end", abs(walked - rise), allowed * rise),
        ]
    return float(np.fmax.reduce(ratios))


def _solves(subject: Subject) -> bool:
    return subject.record.id == "cholesky" or subject.claim.dialect == "with-eigenvectors"


@law(
    id="newton-amplifies-noise-by-the-condition-number",
    title="Newton's update amplifies a relative error of the gradient by kappa at most",
    statement=(
        "With H^-1 of the factors found, the relative change of H^-1 g is at most kappa times "
        "that of g for all g and delta g drawn, and kappa times for g along the stiffest and "
        "delta g along the flattest eigenvector: to within what the factors lack of H."
    ),
    oracle="exact",
    capability="factorization",
    equations=("second-order-noise-amplification",),
    about=_solves,
    every_path=False,
    share=0.4,
    dtypes=BOTH,
)
def newton_amplifies_noise(subject: Subject, data: st.DataObject) -> float:
    case = factored(subject, draw_matrix(subject, data, positive=True))
    eigenvalues, axes = case.given.eigenvalues, case.axes
    kappa, share = condition_number(eigenvalues.tolist()), case.rebuilding / eigenvalues[0]
    if share >= 1.0:
        return math.nan
    g, noise = (data.draw(displacements(case.given.order), label=name) for name in ("g", "noise"))
    most = (1.0 + share) / (1.0 - share)
    reached = _amplification(case, axes[-1], axes[0])
    excess = max(0.0, _amplification(case, g, noise) - kappa) if any(g) and any(noise) else 0.0
    return max(
        case.require("what kappa is exceeded by", excess, kappa * (most - 1.0), g=g, noise=noise),
        case.require("the error of kappa", abs(reached - kappa), kappa * (most - 1.0)),
    )


def _amplification(case: Factored, gradient: Sequence[float], noise: Sequence[float]) -> float:
    """The relative change of the Newton step over that of the gradient."""
    with ball_arithmetic():
        g, changed = column(gradient), column(noise)
        try:
            step, wandered = (case.rebuilt.solve(each) for each in (g, changed))
        except ZeroDivisionError:
            raise case.deviation("the product of the factors is singular") from None
    return norm(wandered) / norm(step) / (norm(changed) / norm(g))
