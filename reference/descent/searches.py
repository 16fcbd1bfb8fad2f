"""Searches around gradient descent: for a rate, for a start, for a place to stop."""

from __future__ import annotations

from collections.abc import Callable

from optcheck.reference.descent.gradient_descent import DoubleWell
from optcheck.reference.registry import equation, statement

statement(
    "continuous-limit-small-steps-descent",
    title="Small enough steps descend from everywhere",
    formula=(
        r"\exists\,\bar\epsilon>0:\ J(\theta-\epsilon\nabla J)<J(\theta)"
        r"\ \forall\,0<\epsilon<\bar\epsilon\quad(\nabla J\ne0)"
    ),
    sources=("goodfellow:sec 8.2.5", "bishop:sec 7.1"),
)
statement(
    "gradient-norm-stopping-rule",
    title="Stop when the gradient is small",
    formula=r"\text{stop when }\|\partial L/\partial\phi\|<\epsilon",
    sources=("prince:sec 6.1", "prince:sec 6.1.3"),
)
statement(
    "hyperparameter-search",
    title="Keep the hyper-parameters with the smallest validation error",
    formula=r"\hat h=\mathrm{argmin}_{h\in\mathcal H}E_{\text{val}}\big(\text{train}(h)\big)",
    sources=("prince:sec 6.5", "goodfellow:sec 8.7.2"),
)
statement(
    "exhaustive-quantised-search",
    title="Try all combinations of quantised values",
    formula=(
        r"\hat\phi=\mathrm{argmin}_{\phi\in\mathcal Q^N}L[\phi],\quad"
        r"|\mathcal Q|^N\ \text{candidates}"
    ),
    sources=("prince:Notes Exhaustive search", "prince:sec 6.2"),
)


@equation(
    "random-restart-selection",
    title="Descend from several random starts and keep the best end",
    formula=(
        r"\hat{\mathbf{w}}=\mathrm{argmin}_{r=1..R}E_{\text{val}}\big(\Phi(\mathbf{w}^{(0)}_r)\big),"
        r"\qquad\Pr[\text{success}]=1-(1-p)^R"
    ),
    sources=("bishop:sec 7.2", "bishop:sec 7.2.5", "prince:sec 6.2"),
)
def best_of(probability: float, restarts: int) -> float:
    """``1 - (1 - p)**R``: one at least of R independent descents succeeds."""
    return float(1.0 - (1.0 - probability) ** restarts)


def successful_starts(
    well: DoubleWell, rate: float, steps: int, reach: float
) -> tuple[float, float]:
    """From where in ``[0, reach]`` descent goes below the other valley's floor in ``steps``.

    The map of one step is increasing, so that these starts are an interval.
    """
    floor = well.value(well.left)

    def succeeds(start: float) -> bool:
        x = start
        for _ in range(steps):
            x -= rate * well.slope(x)
        return bool(well.value(x) < floor)

    return (
        _boundary(succeeds, inside=well.right, outside=0.0),
        reach if succeeds(reach) else _boundary(succeeds, inside=well.right, outside=reach),
    )


def _boundary(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a condition ceases to hold, to the last bits."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
