"""Levenberg-Marquardt: sums of squares, by damped normal equations.

The objective is half the sum of the squared residuals. The slides of trofimov take half the mean
over ``n`` examples instead: that scales gradient and ``J'J`` by ``1/n`` and leaves the damping as
it is, so the two conventions take different steps. Here an example is one residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optcheck.reference.domains import above, non_negative, open_interval, positive
from optcheck.reference.functions import dot, total
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation, statement

Vector = Sequence[Any]
Rows = Sequence[Sequence[Any]]

_SLIDE = "trofimov:slide 'Levenberg-Marquardt Method'"
_JACOBIAN = "trofimov:slide 'Jacobian Matrix of Errors'"
_DIAGONAL = "trofimov:slide 'Diagonal Approximation of Hessian Matrix'"


@equation(
    "least-squares-training-objective",
    title="Mean squared error",
    formula=r"E(w)=\frac1{2n}\sum_{i=1}^{n}e^{(i)}(w)^Te^{(i)}(w)",
    sources=(_SLIDE,),
)
def mean_squared_error(residual: Vector) -> Any:
    """Half the mean of the squares; SciPy's ``cost``, half their sum, is n times as large."""
    return total([e * e for e in residual]) / (2 * len(residual))


statement(
    "residual-jacobian-definition",
    title="Jacobian of the residuals",
    formula=r"J(w)=\Big[\frac{\partial e_k}{\partial w_j}\Big]=\frac{\partial e(w)}{\partial w^T}",
    sources=(_JACOBIAN,),
)


@equation(
    "gradient-of-squared-residual",
    title="Gradient of a sum of squared residuals",
    formula=r"\nabla(e(w)^Te(w))=2J(w)^Te(w)",
    sources=(_JACOBIAN,),
)
def gradient_of_squares(jacobian: Rows, residual: Vector) -> list[Any]:
    """``2 J'e``: twice the gradient of the objective here, which is half the sum."""
    return [2 * each for each in _transposed_product(jacobian, residual)]


@equation(
    "mean-squared-error-gradient",
    title="Gradient of the mean squared error",
    formula=r"\nabla E(w)=\frac1n\sum_{i=1}^{n}J^{(i)}(w)^Te^{(i)}(w)",
    sources=(_DIAGONAL,),
)
def mean_gradient(jacobian: Rows, residual: Vector) -> list[Any]:
    """``J'e / n``."""
    return [each / len(residual) for each in _transposed_product(jacobian, residual)]


@equation(
    "gauss-newton-hessian-decomposition",
    title="The Hessian is the Gauss-Newton term plus the curvature of the residuals",
    formula=r"H=R+J^TJ,\quad R=\sum_ke_k\nabla^2e_k",
    sources=("trofimov:slide 'Hessian Matrix for Quadratic Loss'", _DIAGONAL),
)
def hessian(jacobian: Rows, residual: Vector, curvatures: Sequence[Rows]) -> list[list[Any]]:
    """``J'J + sum of e_k times the Hessian of e_k``, for half the sum of squares."""
    squares = gauss_newton_term(jacobian)
    indices = range(len(squares))
    return [
        [
            squares[i][j]
            + total([e * each[i][j] for e, each in zip(residual, curvatures, strict=True)])
            for j in indices
        ]
        for i in indices
    ]


def gauss_newton_term(jacobian: Rows) -> list[list[Any]]:
    """``J'J``."""
    columns = list(zip(*jacobian, strict=True))
    return [
        [total([a * b for a, b in zip(left, right, strict=True)]) for right in columns]
        for left in columns
    ]


def _transposed_product(jacobian: Rows, residual: Vector) -> list[Any]:
    columns = zip(*jacobian, strict=True)
    return [total([a * e for a, e in zip(column, residual, strict=True)]) for column in columns]


@equation(
    "levenberg-marquardt-hessian-approximation",
    title="A multiple of the identity stands for the curvature of the residuals",
    formula=r"\tilde H=\mu I+\frac1n\sum_{i=1}^{n}J^{(i)T}J^{(i)}",
    sources=(_DIAGONAL,),
)
def damped_hessian(squares: Rows, damping: Any, weights: Vector) -> list[list[Any]]:
    """``J'J + mu W``; ``weights`` are the diagonal of W, all 1 but for scaled damping.

    ``squares`` is ``J'J``, or that over n.
    """
    return [
        [entry + damping * weights[i] if i == j else entry for j, entry in enumerate(row)]
        for i, row in enumerate(squares)
    ]


statement(
    "levenberg-marquardt-update",
    title="Levenberg-Marquardt step",
    formula=(
        r"w(\tau+1)=w(\tau)-\Big(\mu I+\frac1n\sum_iJ^{(i)T}J^{(i)}\Big)^{-1}"
        r"\Big(\frac1n\sum_iJ^{(i)T}e^{(i)}\Big)"
    ),
    sources=(_SLIDE,),
)

statement(
    "levenberg-marquardt-damping-limits",
    title="Between Gauss-Newton and gradient descent",
    formula=(
        r"\|d(\mu)-d(0)\|\le\mu\,\|(J^TJ)^{-1}\|\,\|d(0)\|;\qquad"
        r"\|d(\mu)+\tfrac1\mu\nabla E\|\le\tfrac1\mu\|J^TJ\|\,\|\tfrac1\mu\nabla E\|"
    ),
    sources=(_SLIDE,),
)

statement(
    "levenberg-marquardt-adaptive-damping",
    title="Adaptive damping",
    formula=(
        r"E(w+d)<E(w):\ \text{accept},\ \mu\leftarrow\mu/\nu;\qquad"
        r"\text{else reject},\ \mu\leftarrow\nu\mu"
    ),
    sources=(_SLIDE,),
)

statement(
    "levenberg-marquardt-ravines-and-cost",
    title="Levenberg-Marquardt is fast in ravines",
    formula=(
        r"e\text{ linear}:\ \nabla E(w(\tau+1))=\mu(J^TJ+\mu I)^{-1}\nabla E(w(\tau));\quad"
        r"\frac{\mu}{\mu+\lambda_{\min}}<\frac{\kappa-1}{\kappa+1}\iff"
        r"\mu<\tfrac12\lambda_{\min}(\kappa-1)"
    ),
    sources=(_SLIDE, "trofimov:slide 'Levenberg-Marquardt Method. Illustration'"),
)


@equation(
    "least-squares-gain-ratio",
    title="The gain ratio: the decrease over what the linear model of the residuals predicts",
    formula=r"\rho=\frac{E(w)-E(w+d)}{\tfrac12\|e\|^2-\tfrac12\|e+Jd\|^2}",
    sources=("nocedal-wright:4.4", "nocedal-wright:10.31"),
)
def predicted_decrease(gradient: Any, moved: Any, direction: Any) -> Any:
    """The denominator, ``-(g'd + |Jd|**2 / 2)``; ``moved`` is ``J d``."""
    return -(dot(gradient, direction) + dot(moved, moved) / 2)


statement(
    "scaled-damping",
    title="Damping in units of the columns of the Jacobian",
    formula=(
        r"(J^TJ+\mu D^2)d=-J^Te,\quad D_{jj}=\max_{\text{points so far}}\|J_{\cdot j}\|,\quad"
        r"\mu\ge0"
    ),
    sources=("nocedal-wright:10.36", "scipy:optimize.leastsq (MINPACK lmder, diag=None)"),
)


LEVENBERG_MARQUARDT = procedure(
    Procedure(
        id="levenberg-marquardt",
        title="Levenberg-Marquardt",
        source=_SLIDE,
        capability="minimizer",
        objective="least-squares",
        dialects={
            "fixed-damping": Form(
                summary="(J'J + mu I) d = -J'e at every point, sums over the residuals",
                equations=("gradient-of-squared-residual", "residual-jacobian-definition"),
            ),
            "fixed-damping-of-means": Form(
                summary="(J'J/n + mu I) d = -J'e/n at every point, means over n residuals",
                equations=(
                    "least-squares-training-objective",
                    "mean-squared-error-gradient",
                    "levenberg-marquardt-hessian-approximation",
                    "levenberg-marquardt-update",
                ),
            ),
            "adaptive-damping": Form(
                summary="mu falls by a factor where the value falls, else rises by it",
                equations=("levenberg-marquardt-adaptive-damping",),
            ),
            "gain-ratio-damping": Form(
                summary="mu falls above one gain ratio and rises below another",
                equations=("least-squares-gain-ratio",),
            ),
            "trust-region": Form(
                summary="the mu >= 0 that keeps the step within a region; accepted by its gain",
                equations=("least-squares-gain-ratio",),
            ),
            "scaled-damping": Form(
                summary="the region and the damping in units of the columns of the Jacobian",
                equations=("scaled-damping", "least-squares-gain-ratio"),
            ),
        },
        extra={
            "fixed-damping": {"damping": non_negative(1.0, 0.0, 0.01, 100.0)},
            "fixed-damping-of-means": {"damping": non_negative(1.0, 0.0, 0.01, 100.0)},
            "adaptive-damping": {
                "initial_damping": positive(1.0, 0.01, 100.0),
                "factor": above(1.0, 10.0, 2.0),
            },
            "gain-ratio-damping": {
                "initial_damping": positive(1.0, 0.01, 100.0),
                "low_cutoff": open_interval(0.01, 0.25),
                "high_cutoff": open_interval(0.99, 0.75),
                "decrease": above(1.0, 3.5, 2.0),
                "increase": above(1.0, 4.0, 2.0),
            },
        },
    )
)
