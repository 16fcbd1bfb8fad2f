"""Steepest descent with the best step along its line."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from optcheck.reference.procedures import Form, Iterate, Procedure, procedure
from optcheck.reference.registry import equation, statement


@equation(
    "steepest-descent-update",
    title="Steepest descent",
    formula=r"\mathbf d(\tau)=-\nabla E(\mathbf w(\tau))",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "prince:sec 6.1"),
)
def steepest_descent_direction(gradient: Any) -> Any:
    """``-g``."""
    return -gradient


statement(
    "steepest-descent-orthogonality",
    title="Successive gradients of steepest descent are orthogonal",
    formula=r"\nabla E(\mathbf w(\tau+1))^T\nabla E(\mathbf w(\tau))=0",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:sec 8.5.2"),
)

statement(
    "steepest-descent-slow-in-ravines",
    title="The rate of steepest descent on a quadratic (Kantorovich)",
    formula=r"E_{k+1}-E^\star\le\Big(\frac{\kappa-1}{\kappa+1}\Big)^2(E_k-E^\star)",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:sec 8.5.2"),
)


def _direction(path: Sequence[Iterate], h: SimpleNamespace) -> Any:
    return steepest_descent_direction(path[-1].gradient)


STEEPEST_DESCENT = procedure(
    Procedure(
        id="steepest-descent",
        title="Steepest descent",
        source="trofimov:slide 'Steepest Gradient Descent'",
        capability="minimizer",
        dialects={
            "exact-search": Form(
                summary="to the minimum along the negative gradient",
                equations=("steepest-descent-update",),
                direction=_direction,
            ),
        },
    )
)
