"""BFGS and L-BFGS: an inverse Hessian from the steps taken and the changes of the gradient.

A *pair* is a step and the change of the gradient along it, oldest
pair first wherever there are several.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from optcheck.reference.domains import Domain, unit_interval
from optcheck.reference.functions import choose, dot, minimum, norm
from optcheck.reference.minimizers.matrices import (
    Rows,
    identity,
    matrix_difference,
    matrix_product,
    matrix_sum,
    outer,
    solved,
    times,
    transposed,
)
from optcheck.reference.procedures import Direction, Form, Iterate, Procedure, procedure
from optcheck.reference.registry import equation, statement

Pair = tuple[Any, Any]

statement(
    "quasi-newton-update",
    title="Quasi-Newton step with an approximate inverse Hessian",
    formula=(
        r"\mathbf w(\tau+1)=\mathbf w(\tau)-\alpha(\tau)\mathbf B(\tau)\nabla E(\mathbf w(\tau)),"
        r"\quad\mathbf B(\tau)\approx\mathbf H(\mathbf w(\tau))^{-1}"
    ),
    sources=("trofimov:slide 'BFGS'", "goodfellow:sec 8.5.3"),
    erratum="goodfellow has the matrix approximate H; it approximates its inverse (G29)",
)

statement(
    "secant-condition",
    title="Secant condition",
    formula=r"\mathbf B(\tau)\,\mathbf y=\mathbf s",
    sources=("goodfellow:8.22", "trofimov:slide 'BFGS'"),
    erratum="goodfellow has -H^{-1}; on a quadratic y = H s, so the sign is + (G25)",
)


@equation(
    "bfgs-inverse-update-product-form",
    title="BFGS update of the inverse Hessian, as a product",
    formula=(
        r"\mathbf B'=\Big(\mathbf I-\frac{\mathbf s\mathbf y^T}{\mathbf y^T\mathbf s}\Big)"
        r"\mathbf B\Big(\mathbf I-\frac{\mathbf y\mathbf s^T}{\mathbf y^T\mathbf s}\Big)"
        r"+\frac{\mathbf s\mathbf s^T}{\mathbf y^T\mathbf s}"
    ),
    sources=("trofimov:slide 'BFGS'",),
    erratum="the slide dates the method to 1983; its four papers are of 1970 (T07)",
)
def product_form(matrix: Rows, s: Any, y: Any) -> Rows:
    """The next inverse Hessian, shape ``(n, n)``."""
    curvature = dot(y, s)
    left = matrix_difference(identity(s), outer(s, y / curvature))
    inner = matrix_product(left, matrix)
    return matrix_sum(matrix_product(inner, transposed(left)), outer(s, s / curvature))


@equation(
    "bfgs-inverse-update-expanded-form",
    title="BFGS update of the inverse Hessian, as a sum",
    formula=(
        r"\mathbf M_t=\mathbf M_{t-1}+\Big(1+\frac{\boldsymbol\phi^T\mathbf M_{t-1}"
        r"\boldsymbol\phi}{\boldsymbol\Delta^T\boldsymbol\phi}\Big)\frac{\boldsymbol\Delta"
        r"\boldsymbol\Delta^T}{\boldsymbol\Delta^T\boldsymbol\phi}-\frac{\boldsymbol\Delta"
        r"\boldsymbol\phi^T\mathbf M_{t-1}+\mathbf M_{t-1}\boldsymbol\phi\boldsymbol\Delta^T}"
        r"{\boldsymbol\Delta^T\boldsymbol\phi}"
    ),
    sources=("goodfellow:8.23", "goodfellow:Alg 8.11"),
    erratum="printed with phi' phi, a number, where the matrix Delta Delta' belongs (G26)",
)
def expanded_form(matrix: Rows, s: Any, y: Any) -> Rows:
    """The next inverse Hessian, shape ``(n, n)``."""
    curvature = dot(s, y)
    changed = times(matrix, y)
    grown = outer(s, s * ((1 + dot(y, changed) / curvature) / curvature))
    mixed = matrix_sum(outer(s, changed / curvature), outer(changed, s / curvature))
    return matrix_difference(matrix_sum(matrix, grown), mixed)


statement(
    "bfgs-form-equivalence",
    title="The product and the sum are the same update",
    formula=(
        r"\Big(\mathbf I-\tfrac{\mathbf s\mathbf y^T}{\mathbf y^T\mathbf s}\Big)\mathbf B\Big("
        r"\mathbf I-\tfrac{\mathbf y\mathbf s^T}{\mathbf y^T\mathbf s}\Big)+\tfrac{\mathbf s"
        r"\mathbf s^T}{\mathbf y^T\mathbf s}=\mathbf B+\Big(1+\tfrac{\mathbf y^T\mathbf B"
        r"\mathbf y}{\mathbf s^T\mathbf y}\Big)\tfrac{\mathbf s\mathbf s^T}{\mathbf s^T\mathbf y}"
        r"-\tfrac{\mathbf s\mathbf y^T\mathbf B+\mathbf B\mathbf y\mathbf s^T}"
        r"{\mathbf s^T\mathbf y}"
    ),
    sources=("trofimov:slide 'BFGS'", "goodfellow:8.23"),
)


@equation(
    "bfgs-hessian-update",
    title="BFGS update of the Hessian itself",
    formula=(
        r"\mathbf A'=\mathbf A+\frac{\mathbf y\mathbf y^T}{\mathbf y^T\mathbf s}"
        r"-\frac{\mathbf A\mathbf s\mathbf s^T\mathbf A}{\mathbf s^T\mathbf A\mathbf s}"
    ),
    sources=("nocedal-wright:6.19",),
)
def hessian_form(matrix: Rows, s: Any, y: Any) -> Rows:
    """The next Hessian, shape ``(n, n)``; its inverse is that of the other two forms."""
    curved = times(matrix, s)
    lost = outer(curved, curved / dot(s, curved))
    return matrix_difference(matrix_sum(matrix, outer(y, y / dot(y, s))), lost)


@equation(
    "bfgs-search-direction",
    title="Quasi-Newton direction",
    formula=r"\boldsymbol\rho_t=-\mathbf M_t\mathbf g_t",
    sources=("goodfellow:sec 8.5.3", "goodfellow:Alg 8.11", "trofimov:slide 'BFGS'"),
    erratum="goodfellow's M g ascends (G27)",
)
def quasi_newton_direction(matrix: Rows, gradient: Any) -> Any:
    """``-M g``."""
    return -times(matrix, gradient)


statement(
    "bfgs-algorithm",
    title="BFGS: direction, line search, update",
    formula=(
        r"\mathbf M_0=\mathbf I;\quad\boldsymbol\rho_t=-\mathbf M_t\mathbf g_t;\quad\eta^*="
        r"\mathrm{argmin}_\eta J(\boldsymbol\theta_t+\eta\boldsymbol\rho_t);\quad\boldsymbol"
        r"\theta_{t+1}=\boldsymbol\theta_t+\eta^*\boldsymbol\rho_t;\quad\mathbf M_{t+1}"
        r"\text{ from }\mathbf M_t"
    ),
    sources=("goodfellow:Alg 8.11", "trofimov:slide 'BFGS'"),
    erratum="goodfellow updates before there is a pair, and never advances t (G50); G26, G27, G29",
)

statement(
    "bfgs-identity-start",
    title="From the identity, the first step of BFGS is one of gradient descent",
    formula=(
        r"\mathbf B(0)=\mathbf I\Rightarrow"
        r"\mathbf w(1)=\mathbf w(0)-\alpha(0)\nabla E(\mathbf w(0))"
    ),
    sources=("trofimov:slide 'BFGS'",),
)

statement(
    "bfgs-cost-and-rank",
    title="An update of BFGS has at most rank 2",
    formula=r"\mathrm{rank}(\mathbf M_t-\mathbf M_{t-1})\le2",
    sources=("goodfellow:sec 8.5.3", "trofimov:slide 'BFGS'"),
)

statement(
    "bfgs-inexact-line-search",
    title="Positive curvature is enough for a positive definite matrix",
    formula=r"\mathbf y^T\mathbf s>0,\ \mathbf M_{t-1}\succ0\Rightarrow\mathbf M_t\succ0",
    sources=("goodfellow:sec 8.5.3", "nocedal-wright:sec 6.1"),
)

statement(
    "bfgs-ravines-and-dimension",
    title="BFGS converges superlinearly (Dennis and Moré)",
    formula=(
        r"\frac{\|(\mathbf B_k^{-1}-\mathbf H(\mathbf w^\star))\mathbf s_k\|}{\|\mathbf s_k\|}"
        r"\to0,\quad\frac{\|\mathbf w_{k+1}-\mathbf w^\star\|}{\|\mathbf w_k-\mathbf w^\star\|}"
        r"\to0"
    ),
    sources=("trofimov:slide 'BFGS'", "nocedal-wright:thm 6.6"),
)


@equation(
    "memoryless-bfgs-direction",
    title="Memoryless BFGS",
    formula=(
        r"\boldsymbol\rho_t=-\mathbf g_t+a\boldsymbol\Delta+b\boldsymbol\phi,\quad a=-\Big(1+"
        r"\frac{\boldsymbol\phi^T\boldsymbol\phi}{\boldsymbol\Delta^T\boldsymbol\phi}\Big)\frac"
        r"{\boldsymbol\Delta^T\mathbf g_t}{\boldsymbol\Delta^T\boldsymbol\phi}+\frac{\boldsymbol"
        r"\phi^T\mathbf g_t}{\boldsymbol\Delta^T\boldsymbol\phi},\quad b=\frac{\boldsymbol\Delta"
        r"^T\mathbf g_t}{\boldsymbol\Delta^T\boldsymbol\phi}"
    ),
    sources=("goodfellow:8.24", "goodfellow:sec 8.5.3"),
    erratum="printed with a and b exchanged (G28)",
)
def memoryless_direction(gradient: Any, s: Any, y: Any) -> Any:
    """``-M g`` with the update ``M`` of the identity by one pair."""
    curvature = dot(s, y)
    share = dot(s, gradient) / curvature
    a = -((1 + dot(y, y) / curvature) * share) + dot(y, gradient) / curvature
    return -gradient + s * a + y * share


statement(
    "memoryless-bfgs-conjugacy",
    title="Directions of memoryless BFGS with exact searches are conjugate",
    formula=r"\boldsymbol\rho_s^T\mathbf H\boldsymbol\rho_t=0\quad(s\ne t)",
    sources=("goodfellow:sec 8.5.3",),
)


@equation(
    "l-bfgs-two-loop",
    title="L-BFGS, the two loops over the pairs kept",
    formula=(
        r"\mathbf q=\mathbf g;\ i=t..t-m+1:\ \alpha_i=\rho_i\mathbf s_i^T\mathbf q,\ \mathbf q"
        r"\leftarrow\mathbf q-\alpha_i\mathbf y_i;\quad\mathbf r=\gamma\mathbf q;\ i=t-m+1..t:\ "
        r"\mathbf r\leftarrow\mathbf r+(\alpha_i-\rho_i\mathbf y_i^T\mathbf r)\mathbf s_i;\quad"
        r"\boldsymbol\rho=-\mathbf r"
    ),
    sources=("goodfellow:sec 8.5.3", "nocedal-wright:alg 7.4"),
)
def two_loop_direction(gradient: Any, pairs: Sequence[Pair], scale: Any) -> Any:
    """``-M g`` with ``M`` the updates of ``scale I`` by ``pairs``."""
    q = gradient
    weights = []
    for s, y in reversed(pairs):
        weights.append(dot(s, q) / dot(s, y))
        q = q - y * weights[-1]
    r = q * scale
    for (s, y), weight in zip(pairs, reversed(weights), strict=True):
        r = r + s * (weight - dot(y, r) / dot(s, y))
    return -r


def pairs_of(path: Sequence[Iterate]) -> list[Pair]:
    """Steps and changes of the gradient along ``path``."""
    return [
        (here.displacement, there.gradient - here.gradient)
        for here, there in itertools.pairwise(path)
    ]


def updated(update: Callable[[Rows, Any, Any], Rows], matrix: Rows, pairs: Sequence[Pair]) -> Rows:
    """``matrix`` after an ``update`` by each of ``pairs``."""
    return functools.reduce(lambda rows, pair: update(rows, *pair), pairs, matrix)


def scale_of(pairs: Sequence[Pair]) -> Any:
    """``s'y / y'y`` of the last of ``pairs``."""
    s, y = pairs[-1]
    return dot(s, y) / dot(y, y)


def _kept(
    pairs: Sequence[Pair], threshold: Any, then: Callable[[list[Pair]], Any], *kept: Pair
) -> Any:
    """``then`` of those pairs whose ``s'y`` exceeds ``threshold``.

    Where balls do not decide that, the result covers both what is kept and what is skipped.
    """
    if not pairs:
        return then(list(kept))
    (first, *rest) = pairs
    return choose(
        dot(*first) - threshold,
        lambda: _kept(rest, threshold, then, *kept, first),
        lambda: _kept(rest, threshold, then, *kept),
    )


def _along(then: Callable[[Any, list[Pair], SimpleNamespace], Any]) -> Direction:
    """A direction from the gradient and the pairs that are not skipped."""

    def direction(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
        gradient = path[-1].gradient
        return _kept(pairs_of(path), h.curvature_threshold, lambda pairs: then(gradient, pairs, h))

    return direction


def _by_matrix(update: Callable[[Rows, Any, Any], Rows]) -> Direction:
    def direction(gradient: Any, pairs: list[Pair], h: SimpleNamespace) -> Any:
        matrix = updated(update, identity(gradient), pairs)
        return quasi_newton_direction(matrix, gradient)

    return _along(direction)


def _by_hessian(gradient: Any, pairs: list[Pair], h: SimpleNamespace) -> Any:
    return -solved(updated(hessian_form, identity(gradient), pairs), gradient)


def _remembered(pairs: list[Pair], h: SimpleNamespace) -> list[Pair]:
    return pairs[-int(h.given["history"]) :]


def _two_loop(gradient: Any, pairs: list[Pair], h: SimpleNamespace) -> Any:
    if not pairs:
        return -gradient
    return two_loop_direction(gradient, _remembered(pairs, h), scale_of(pairs))


def _unscaled(gradient: Any, pairs: list[Pair], h: SimpleNamespace) -> Any:
    return two_loop_direction(gradient, _remembered(pairs, h), 1)


def _capped(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
    if len(path) > 1:
        return _along(_two_loop)(path, h)
    g = path[0].gradient
    return -(g * minimum(1 / norm(g), 1))


def _memoryless(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
    def direction(gradient: Any, pairs: list[Pair], h: SimpleNamespace) -> Any:
        return memoryless_direction(gradient, *pairs[-1]) if pairs else -gradient

    return _along(direction)(path[-2:], h)


_ALGORITHM = (
    "quasi-newton-update",
    "bfgs-search-direction",
    "bfgs-algorithm",
    "bfgs-identity-start",
)
_CURVATURE = {"curvature_threshold": unit_interval(0.0, 1e-10)}
_HISTORY = {"history": Domain(1, float("inf"), (3, 1, 2, 10), high_included=False, integer=True)}

BFGS = procedure(
    Procedure(
        id="bfgs",
        title="BFGS",
        source="trofimov:slide 'BFGS'",
        capability="minimizer",
        # A pair with s'y at or below the threshold is skipped.
        hyperparameters=_CURVATURE,
        dialects={
            "product-form": Form(
                summary="the inverse Hessian, from the identity, updated as a product",
                equations=(*_ALGORITHM, "bfgs-inverse-update-product-form"),
                direction=_by_matrix(product_form),
            ),
            "expanded-form": Form(
                summary="the inverse Hessian, from the identity, updated as a sum",
                equations=(*_ALGORITHM, "bfgs-inverse-update-expanded-form"),
                direction=_by_matrix(expanded_form),
            ),
            "hessian-form": Form(
                summary="the Hessian, from the identity; a linear system gives the direction",
                equations=(*_ALGORITHM, "bfgs-hessian-update"),
                direction=_along(_by_hessian),
            ),
        },
    )
)

L_BFGS = procedure(
    Procedure(
        id="l-bfgs",
        title="L-BFGS",
        source="goodfellow:sec 8.5.3",
        capability="minimizer",
        hyperparameters=_CURVATURE,
        extra={
            "two-loop": _HISTORY,
            "two-loop+capped": _HISTORY,
            "two-loop+unscaled": _HISTORY,
        },
        dialects={
            "two-loop": Form(
                summary="from s'y / y'y of the last pair times the identity",
                equations=("quasi-newton-update", "l-bfgs-two-loop"),
                direction=_along(_two_loop),
            ),
            "two-loop+capped": Form(
                summary="as two-loop; the first direction is at most 1 long",
                equations=("quasi-newton-update", "l-bfgs-two-loop"),
                direction=_capped,
            ),
            "two-loop+unscaled": Form(
                summary="from the identity",
                equations=("quasi-newton-update", "l-bfgs-two-loop"),
                direction=_along(_unscaled),
            ),
            "memoryless": Form(
                summary="the update of the identity by the last pair alone",
                equations=("quasi-newton-update", "memoryless-bfgs-direction"),
                direction=_memoryless,
            ),
        },
    )
)
