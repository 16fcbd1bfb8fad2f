"""Gradient descent with a fixed or scheduled learning rate."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import positive
from optcheck.reference.functions import scaled_quotient
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "gradient-descent-update",
    title="Gradient descent",
    formula=r"\mathbf{w}^{(\tau)}=\mathbf{w}^{(\tau-1)}-\eta\,\nabla E(\mathbf{w}^{(\tau-1)})",
    sources=("bishop:7.16", "prince:6.3", "goodfellow:sec 8.2.1"),
)
def descend(w: Any, g: Any, learning_rate: Any) -> Any:
    """``w - learning_rate * g``; all of one shape."""
    return w - learning_rate * g


def descend_quotient(w: Any, numerator: Any, denominator: Any, learning_rate: Any) -> Any:
    """``w - learning_rate * (numerator / denominator)``: the step of the adaptive methods."""
    return w - scaled_quotient(learning_rate, numerator, denominator)


GRADIENT_DESCENT = method(
    Method(
        id="gradient-descent",
        title="Gradient descent",
        family="gradient-descent",
        source="bishop:7.16",
        hyperparameters={"learning_rate": positive(0.1, 1.0, 0.001)},
        dialects={
            "plain": Dialect(
                update=lambda w, g, state, h: (descend(w, g, h.learning_rate), {}),
                equations=("gradient-descent-update",),
                summary="w - learning_rate g",
            )
        },
    )
)
