"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: quasi-Newton."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace

from optcheck.reference.errata.exact import (
    NUMBER,
    POSITIVE_DEFINITE,
    SIZE,
    Array,
    column,
    diagonal,
    entries,
    gradient,
    hessian,
    inverse,
    lower,
    matrix_sum,
    product,
    quadratic,
    vector,
    vertex,
)
from optcheck.reference.errata.record import Erratum, erratum
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.minimizers.matrices import times
from optcheck.reference.minimizers.quasi_newton import (
    expanded_form,
    memoryless_direction,
    quasi_newton_direction,
)

# A step on a quadratic.
_STEP = {**POSITIVE_DEFINITE, "step_x": NUMBER, "step_y": NUMBER}
_GRADIENT = {"g1": NUMBER, "g2": NUMBER}


def _pair(case: SimpleNamespace) -> tuple[Array, Array]:
    """A step, and the change of a quadratic's gradient along it, by differences."""
    cost, s = quadratic(hessian(case)), vector(case.step_x, case.step_y)
    return s, gradient(cost, s) - gradient(cost, vector(0, 0))


def _secant_step(case: SimpleNamespace, sign: int) -> tuple[Fraction, ...]:
    _, y = _pair(case)
    return entries(sign * inverse(hessian(case)) @ y)


erratum(
    Erratum(
        id="G25",
        status="confirmed",
        source="goodfellow:8.22",
        as_printed=(
            r"\theta_{t+1}-\theta_t=-\mathbf H^{-1}(\nabla J(\theta_{t+1})-\nabla J(\theta_t))"
        ),
        as_corrected=(
            r"\theta_{t+1}-\theta_t=\mathbf H^{-1}(\nabla J(\theta_{t+1})-\nabla J(\theta_t))"
        ),
        why="the gradient of a quadratic changes by H times the step",
        equations=("secant-condition",),
        variables=_STEP,
        fact=lambda case: (case.step_x, case.step_y),
        printed=lambda case: _secant_step(case, -1),
        corrected=lambda case: _secant_step(case, 1),
    )
)


def _printed_update(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """(8.23) times the change of the gradient, with columns for vectors."""
    delta, phi = map(column, _pair(case))
    M, curved = diagonal(case.m, 1), product(delta.T, phi).item()
    growth = 1 + product(phi.T, M, phi).item() / curved
    mixed = matrix_sum(product(delta, phi.T, M), product(M, phi, delta.T))
    added = growth * product(phi.T, phi) / curved
    return entries(product(matrix_sum(M, added, -mixed / curved), phi))


def _corrected_update(case: SimpleNamespace) -> tuple[Fraction, ...] | None:
    s, y = _pair(case)
    return entries(times(expanded_form([*diagonal(case.m, 1)], s, y), y)) if any(s) else None


erratum(
    Erratum(
        id="G26",
        status="confirmed",
        source="goodfellow:8.23, Alg 8.11",
        as_printed=(
            r"\mathbf M_t=\mathbf M_{t-1}+\Big(1+\frac{\phi^T\mathbf M_{t-1}\phi}{\Delta^T\phi}"
            r"\Big)\frac{\phi^T\phi}{\Delta^T\phi}-\frac{\Delta\phi^T\mathbf M_{t-1}"
            r"+\mathbf M_{t-1}\phi\Delta^T}{\Delta^T\phi}"
        ),
        as_corrected=(
            r"\mathbf M_t=\mathbf M_{t-1}+\Big(1+\frac{\phi^T\mathbf M_{t-1}\phi}{\Delta^T\phi}"
            r"\Big)\frac{\Delta\Delta^T}{\Delta^T\phi}-\frac{\Delta\phi^T\mathbf M_{t-1}"
            r"+\mathbf M_{t-1}\phi\Delta^T}{\Delta^T\phi}"
        ),
        why="a number cannot be added to a matrix, and the next one must take phi to Delta",
        equations=("bfgs-inverse-update-expanded-form", "bfgs-algorithm"),
        variables={**_STEP, "m": SIZE},
        fact=lambda case: (case.step_x, case.step_y),
        printed=_printed_update,
        corrected=_corrected_update,
    )
)


def _downhill(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """Of ``M g`` and its opposite, the one that a plane with the gradient ``g`` falls along."""
    g = vector(case.g1, case.g2)
    ascent = hessian(case) @ g
    return entries(lower(lambda d: g @ d, ascent, -ascent))


erratum(
    Erratum(
        id="G27",
        status="confirmed",
        source="goodfellow:sec 8.5.3, Alg 8.11",
        as_printed=r"\rho_t=\mathbf M_t\mathbf g_t",
        as_corrected=r"\rho_t=-\mathbf M_t\mathbf g_t",
        why="M is positive definite, so that M g leads uphill; (8.24) has the minus sign",
        equations=("bfgs-search-direction", "bfgs-algorithm"),
        variables={**POSITIVE_DEFINITE, **_GRADIENT},
        fact=_downhill,
        printed=lambda case: entries(hessian(case) @ vector(case.g1, case.g2)),
        corrected=lambda case: entries(
            quasi_newton_direction([*hessian(case)], vector(case.g1, case.g2))
        ),
    )
)


def _next_matrix(matrix: Array, s: Array, y: Array) -> Array:
    """The update as a product, which maps ``y`` to ``s`` and keeps what is conjugate to it."""
    kept = diagonal(1, 1) - column(s) @ column(y).T / (s @ y)
    updated: Array = kept @ matrix @ kept.T + column(s) @ column(s).T / (s @ y)
    return updated


def _from_identity(case: SimpleNamespace) -> tuple[Fraction, ...]:
    matrix = _next_matrix(diagonal(1, 1), *_pair(case))
    return entries(-matrix @ vector(case.g1, case.g2))


def _exchanged(case: SimpleNamespace) -> tuple[Fraction, ...]:
    (s, y), g = _pair(case), vector(case.g1, case.g2)
    curved, share = dot(s, y), dot(s, g) / dot(s, y)
    a = -(1 + dot(y, y) / curved) * share + dot(y, g) / curved
    return entries(-g + share * s + a * y)


erratum(
    Erratum(
        id="G28",
        status="confirmed",
        source="goodfellow:8.24",
        as_printed=r"\rho_t=-\mathbf g_t+b\Delta+a\phi",
        as_corrected=r"\rho_t=-\mathbf g_t+a\Delta+b\phi",
        why="with the a and b that are given, those of -M g where M is the update of the identity",
        equations=("memoryless-bfgs-direction",),
        variables={**_STEP, **_GRADIENT},
        fact=_from_identity,
        printed=_exchanged,
        corrected=lambda case: entries(
            memoryless_direction(vector(case.g1, case.g2), *_pair(case))
        ),
    )
)


def _searched(case: SimpleNamespace) -> Iterator[Array]:
    """The matrices of BFGS on a quadratic, with exact line searches, up to the minimum."""
    H, theta, matrix = hessian(case), vector(case.x, case.y), diagonal(1, 1)
    g = H @ theta
    while any(g):
        direction = -matrix @ g
        s = exact_step(g, direction, H @ direction) * direction
        matrix = _next_matrix(matrix, s, H @ s)
        theta = theta + s
        g = H @ theta
        yield matrix


def _last_of_two(case: SimpleNamespace) -> tuple[Fraction, ...] | None:
    """Entries of the matrix after two steps; None where one step is enough."""
    matrices = list(_searched(case))
    return entries(matrices[1]) if len(matrices) == 2 else None


def _claimed(case: SimpleNamespace, matrix: Array) -> tuple[Fraction, ...] | None:
    return None if _last_of_two(case) is None else entries(matrix)


erratum(
    Erratum(
        id="G29",
        status="confirmed",
        source="goodfellow:sec 8.5.3",
        as_printed=r"\mathbf M_t\text{ becomes a better approximation of }\mathbf H(J)",
        as_corrected=r"\mathbf M_t\text{ becomes a better approximation of }\mathbf H(J)^{-1}",
        why="it replaces the inverse in (8.21), and on a quadratic is the inverse after n steps",
        equations=("quasi-newton-update", "bfgs-algorithm"),
        variables={**POSITIVE_DEFINITE, "x": NUMBER, "y": NUMBER},
        fact=_last_of_two,
        printed=lambda case: _claimed(case, hessian(case)),
        corrected=lambda case: _claimed(case, inverse(hessian(case))),
    )
)


def _lowest_along_gradient(case: SimpleNamespace) -> tuple[Fraction, ...]:
    cost, theta = quadratic(hessian(case)), vector(case.x, case.y)
    g = gradient(cost, theta)
    return entries(theta + vertex(lambda step: cost(theta + step * g)) * g)


def _first_iterate(case: SimpleNamespace, matrix: Array) -> tuple[Fraction, ...]:
    H, theta = hessian(case), vector(case.x, case.y)
    g = H @ theta
    direction = quasi_newton_direction([*matrix], g)
    return entries(theta + exact_step(g, direction, H @ direction) * direction)


def _updated_before_a_step(case: SimpleNamespace) -> tuple[Fraction, ...]:
    """As printed: the first thing is an update, by a step and a change that there are not."""
    nothing = vector(0, 0)
    matrix = expanded_form([*diagonal(1, 1)], nothing, nothing)
    return _first_iterate(case, vector(*matrix[0], *matrix[1]).reshape(2, 2))


erratum(
    Erratum(
        id="G50",
        status="confirmed",
        source="goodfellow:Alg 8.11, Alg 8.10",
        as_printed=(
            r"t=0:\ \phi=\mathbf g_0-\mathbf g_{-1},\ \Delta=\theta_0-\theta_{-1},\ "
            r"\mathbf M_0\text{ from }\mathbf M_{-1}"
        ),
        as_corrected=r"\mathbf M_0=\mathbf I,\text{ no update at }t=0,\ t\leftarrow t+1",
        why=(
            "there is neither a point nor a gradient before the first, and without a step the "
            "update is 0/0; the counter is never advanced"
        ),
        equations=("bfgs-algorithm",),
        variables={**POSITIVE_DEFINITE, "x": NUMBER, "y": NUMBER},
        fact=_lowest_along_gradient,
        printed=_updated_before_a_step,
        corrected=lambda case: _first_iterate(case, diagonal(1, 1)),
    )
)
