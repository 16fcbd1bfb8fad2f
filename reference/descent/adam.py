"""What theory promises of Adam on a quadratic."""

from __future__ import annotations

from optcheck.reference.registry import equation


@equation(
    "adam-largest-stable-curvature",
    title="The largest stable preconditioned curvature of Adam",
    formula=(
        r"\lambda_{\max}(\mathbf P^{-1}\mathbf H)<\frac{2(1+\beta_1)}{(1-\beta_1)\,\eta}"
        r"=\frac{38}{\eta}\ \text{at}\ \beta_1=0.9,\qquad"
        r"\mathbf P=\operatorname{diag}(\sqrt{\hat{\mathbf v}}+\epsilon)\ \text{frozen}"
    ),
    sources=("cohen:Adaptive gradient methods at the edge of stability", "kingma-ba:Alg 1"),
)
def largest_stable_curvature(beta1: float, learning_rate: float) -> float:
    """In units of the preconditioner: above it averaged momentum diverges."""
    return 2.0 * (1.0 + beta1) / ((1.0 - beta1) * learning_rate)
