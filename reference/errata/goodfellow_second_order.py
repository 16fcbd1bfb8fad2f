"""Misprints of Goodfellow, Bengio and Courville, Deep Learning, chapter 8: second order."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np

from optcheck.reference.errata.exact import (
    NUMBER,
    POSITIVE_DEFINITE,
    SIZE,
    Array,
    diagonal,
    entries,
    gradient,
    hessian,
    inverse,
    quadratic,
    vector,
    vertex,
)
from optcheck.reference.errata.record import Erratum, erratum, whole
from optcheck.reference.minimizers.conjugate_gradients import (
    conjugacy,
    conjugate_direction,
    fletcher_reeves,
    initial_direction,
)
from optcheck.reference.minimizers.line_searches import exact_step

_POINT = {"x": NUMBER, "y": NUMBER}


def _newton(case: SimpleNamespace, sign: int) -> tuple[Fraction, ...]:
    H, theta = hessian(case), vector(case.x, case.y)
    return entries(theta + sign * inverse(H) @ gradient(quadratic(H), theta))


erratum(
    Erratum(
        id="G18",
        status="confirmed",
        source="goodfellow:Alg 8.9",
        as_printed=r"\Delta\theta=\mathbf H^{-1}\mathbf g",
        as_corrected=r"\Delta\theta=-\mathbf H^{-1}\mathbf g",
        why="(8.14) has the minus sign, with which one step reaches the minimum of a quadratic",
        equations=("newton-algorithm",),
        variables={**POSITIVE_DEFINITE, **_POINT},
        fact=lambda case: (0, 0),
        printed=lambda case: _newton(case, 1),
        corrected=lambda case: _newton(case, -1),
    )
)

# phi = L^(1/2) Q'theta: a rotation, given by the tangent of half its angle, and roots.
_WHITENING = {"half_turn": whole(0, 3, 0, 1, 2), "root1": whole(1, 3, 1, 2), "root2": SIZE}


def _rotation(case: SimpleNamespace) -> Array:
    t = Fraction(case.half_turn)
    cosine, sine = (1 - t**2) / (1 + t**2), 2 * t / (1 + t**2)
    return np.array([[cosine, -sine], [sine, cosine]], dtype=object)


def _roots(case: SimpleNamespace) -> Array:
    return diagonal(case.root1, case.root2)


def _whitening(case: SimpleNamespace) -> Array:
    whitening: Array = _roots(case) @ _rotation(case).T
    return whitening


def _slopes(case: SimpleNamespace) -> Array:
    return vector(case.x, case.y)


def _chained(case: SimpleNamespace, variables: Array) -> Array:
    """The gradient of a plane with the slopes ``x`` and ``y`` of ``variables`` times a point."""
    return gradient(lambda point: _slopes(case) @ variables @ point, vector(0, 0))


erratum(
    Erratum(
        id="G19",
        status="confirmed",
        source="goodfellow:8.15",
        as_printed=r"\nabla_\phi f=\mathbf Q\Lambda^{1/2}\nabla_\theta f",
        as_corrected=r"\nabla_\phi f=\Lambda^{-1/2}\mathbf Q^T\nabla_\theta f",
        why="the chain rule takes the transposed Jacobian of theta = Q L^(-1/2) phi",
        equations=("newton-whitening-change-of-variables",),
        variables={**_WHITENING, **_POINT},
        fact=lambda case: entries(_chained(case, inverse(_whitening(case)))),
        printed=lambda case: entries(_rotation(case) @ _roots(case) @ _slopes(case)),
        corrected=lambda case: entries(inverse(_roots(case)) @ _rotation(case).T @ _slopes(case)),
    )
)

erratum(
    Erratum(
        id="G20",
        status="confirmed",
        source="goodfellow:sec 8.5.1",
        as_printed=r"\nabla_\theta f=\Lambda^{1/2}\mathbf Q^T\nabla_\phi f",
        as_corrected=r"\nabla_\theta f=\mathbf Q\Lambda^{1/2}\nabla_\phi f",
        why="it is the inverse of the relation before it, and (8.16) uses it so",
        equations=("newton-whitening-change-of-variables",),
        variables={**_WHITENING, **_POINT},
        fact=lambda case: entries(_chained(case, _whitening(case))),
        printed=lambda case: entries(_roots(case) @ _rotation(case).T @ _slopes(case)),
        corrected=lambda case: entries(_rotation(case) @ _roots(case) @ _slopes(case)),
    )
)


def _curved(case: SimpleNamespace) -> Array:
    """The Hessian with these axes and roots of its curvatures, times the earlier direction."""
    rotation = _rotation(case)
    curved: Array = rotation @ _roots(case) ** 2 @ rotation.T @ _slopes(case)
    return curved


def _conjugate(case: SimpleNamespace) -> Array:
    """A quarter turn from the Hessian times the earlier direction."""
    first, second = _curved(case)
    return vector(-second, first)


def _whitened(case: SimpleNamespace, direction: Array) -> Array:
    whitened: Array = _whitening(case) @ direction
    return whitened


erratum(
    Erratum(
        id="G21",
        status="confirmed",
        source="goodfellow:sec 8.5.2",
        as_printed=(
            r"\mathbf d_t^T\mathbf H\mathbf d_{t-1}=(\Lambda^{1/2}\mathbf Q^T\mathbf d_{t-1})^T"
            r"(\Lambda^{1/2}\mathbf Q^T\mathbf d_{t-1})=0"
        ),
        as_corrected=(
            r"\mathbf d_t^T\mathbf H\mathbf d_{t-1}=(\Lambda^{1/2}\mathbf Q^T\mathbf d_t)^T"
            r"(\Lambda^{1/2}\mathbf Q^T\mathbf d_{t-1})=0"
        ),
        why=(
            "the first factor has the wrong index, and what is printed is a squared length; the "
            "definition of the second has d_t for d_{t-1}"
        ),
        equations=("conjugacy-as-orthogonality-in-whitened-space", "conjugacy-definition"),
        variables={**_WHITENING, **_POINT},
        fact=lambda case: conjugacy(_conjugate(case), _curved(case)),
        printed=lambda case: _whitened(case, _slopes(case)) @ _whitened(case, _slopes(case)),
        corrected=lambda case: _whitened(case, _conjugate(case)) @ _whitened(case, _slopes(case)),
    )
)


def _steps(curvatures: Array, theta: Array, beta: Callable[[Array, Array], Any]) -> int:
    """How many exact line searches lead to the minimum of a quadratic along its axes."""
    g, d, steps = curvatures * theta, -curvatures * theta, 0
    while any(g):
        theta = theta + exact_step(g, d, curvatures * d) * d
        before, g = g, curvatures * theta
        d, steps = conjugate_direction(g, beta(g, before), d), steps + 1
    return steps


def _curvatures(case: SimpleNamespace) -> Array:
    return vector(case.root1**2, case.root2**2)


def _descent_steps(case: SimpleNamespace) -> int:
    """Of steepest descent where the quadratic is round."""
    round_curvatures = vector(1, 1)
    phi = vector(case.root1, case.root2) * vector(case.x, case.y)
    return _steps(round_curvatures, phi, lambda g, before: 0)


erratum(
    Erratum(
        id="G22",
        status="confirmed",
        source="goodfellow:sec 8.5.2",
        as_printed=r"\text{conjugate gradients are steepest descent in }\phi\text{-space}",
        as_corrected=(
            r"\text{they search along orthogonal lines there, one for each distinct curvature}"
        ),
        why="the quadratic is round in phi-space, where steepest descent is Newton's single step",
        equations=("cg-versus-steepest-descent-in-whitened-space",),
        variables={"root1": whole(1, 3, 1, 2), "root2": SIZE, **_POINT},
        fact=lambda case: _steps(_curvatures(case), _slopes(case), fletcher_reeves),
        printed=_descent_steps,
        corrected=lambda case: len(
            {h for h, start in zip(_curvatures(case), _slopes(case), strict=True) if start}
        ),
    )
)


def _after_two(case: SimpleNamespace, direction: Callable[[Array, Any, Array], Array]) -> Fraction:
    """The value after two searches along lines, forwards alone."""
    H, theta = hessian(case), vector(case.x, case.y)
    g, d, beta = H @ theta, vector(0, 0), Fraction(0)
    for _ in range(2):
        if not any(g):
            break
        d = direction(g, beta, d)
        theta = theta + max(exact_step(g, d, H @ d), 0) * d
        before, g = g, H @ theta
        beta = fletcher_reeves(g, before)
    return quadratic(H)(theta)


erratum(
    Erratum(
        id="G23",
        status="confirmed",
        source="goodfellow:8.18, sec 8.5.2",
        as_printed=r"\mathbf d_t=\nabla_\theta J(\theta)+\beta_t\mathbf d_{t-1}",
        as_corrected=r"\mathbf d_t=-\nabla_\theta J(\theta)+\beta_t\mathbf d_{t-1}",
        why=(
            "the first direction goes uphill, so that a search with a positive step stays where "
            "it is; Algorithm 8.10 has the minus sign"
        ),
        equations=("cg-direction-update-positive-gradient", "cg-update"),
        variables={**POSITIVE_DEFINITE, **_POINT},
        fact=lambda case: 0,
        printed=lambda case: _after_two(case, lambda g, beta, d: g + beta * d),
        corrected=lambda case: _after_two(case, conjugate_direction),
    )
)


def _along(case: SimpleNamespace, eta: int) -> Fraction:
    """The loss at ``theta + eta rho``, where ``rho`` is the first direction."""
    cost, theta = quadratic(hessian(case)), vector(case.x, case.y)
    return cost(theta + eta * initial_direction(gradient(cost, theta)))


def _first_step(case: SimpleNamespace) -> Fraction:
    H = hessian(case)
    g = gradient(quadratic(H), vector(case.x, case.y))
    rho = initial_direction(g)
    return Fraction(exact_step(g, rho, H @ rho))


erratum(
    Erratum(
        id="G24",
        status="confirmed",
        source="goodfellow:Alg 8.10",
        as_printed=(
            r"\beta_t=\frac{(\mathbf g-\mathbf g_{-1})^T\mathbf g_t}{\mathbf g_{t-1}^T"
            r"\mathbf g_{t-1}},\quad\eta^*=\operatorname{argmin}_\eta\frac1m\sum_{i=1}^m"
            r"L(f(x^{(i)};\theta_t),y^{(i)})"
        ),
        as_corrected=(
            r"\beta_0=0,\ \beta_t=\frac{(\mathbf g_t-\mathbf g_{t-1})^T\mathbf g_t}"
            r"{\mathbf g_{t-1}^T\mathbf g_{t-1}},\quad\eta^*=\operatorname{argmin}_\eta"
            r"\frac1m\sum_{i=1}^mL(f(x^{(i)};\theta_t+\eta\rho_t),y^{(i)})"
        ),
        why=(
            "the loss does not contain eta, so that no step is the best one; at first there is no "
            "earlier gradient for beta"
        ),
        equations=(
            *("nonlinear-conjugate-gradient-algorithm", "polak-ribiere-beta"),
            "line-search-problem",
        ),
        variables={**POSITIVE_DEFINITE, **_POINT},
        fact=lambda case: vertex(lambda eta: _along(case, eta)),
        printed=lambda case: vertex(lambda eta: _along(case, 0)),
        corrected=_first_step,
        doubt="of the subscripts alone, which may be lost in the transcription",
    )
)
