"""Line searches: conditions on a step, brackets of a minimum, interpolation."""

from __future__ import annotations

from typing import Any

from optcheck.reference.functions import dot
from optcheck.reference.registry import equation, statement

statement(
    "line-search-problem",
    title="Line search: the best step along a direction",
    formula=r"\alpha=\arg\min_{\alpha>0}E(\mathbf w+\alpha\,\mathbf d)",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:Alg 8.10"),
    erratum="goodfellow omits the argument: the loss is taken at theta + eta rho (G24)",
)


@equation(
    "exact-step-on-a-quadratic",
    title="The best step on a quadratic",
    formula=r"\alpha=-\frac{\mathbf g^T\mathbf d}{\mathbf d^T\mathbf H\mathbf d}",
    sources=("trofimov:slide 'Steepest Gradient Descent'", "goodfellow:sec 4.3"),
)
def exact_step(gradient: Any, direction: Any, curved: Any) -> Any:
    """``-g'd / d'(H d)``; ``curved`` is ``H d``. For ``d = -g`` it is ``g'g / g'Hg``."""
    return -(dot(gradient, direction) / dot(direction, curved))


statement(
    "armijo-condition",
    title="Sufficient decrease (Armijo)",
    formula=(
        r"f(\mathbf x+\alpha\mathbf d)\le f(\mathbf x)"
        r"+c_1\alpha\,\nabla f(\mathbf x)^T\mathbf d"
    ),
    sources=("nocedal-wright:3.4",),
)

statement(
    "strong-wolfe-condition",
    title="Strong curvature condition (Wolfe)",
    formula=(
        r"|\nabla f(\mathbf x+\alpha\mathbf d)^T\mathbf d|\le c_2|\nabla f(\mathbf x)^T\mathbf d|"
    ),
    sources=("nocedal-wright:3.7b",),
)
