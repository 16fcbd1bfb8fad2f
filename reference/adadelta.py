"""AdaDelta: steps in the units of the parameters, from two exponential averages."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import positive, unit_interval
from optcheck.reference.functions import scaled_quotient, sqrt
from optcheck.reference.momentum import exponential_average
from optcheck.reference.registry import Dialect, Method, equation, method, statement
from optcheck.reference.rmsprop import mean_square


@equation(
    "adadelta-algorithm",
    title="AdaDelta",
    formula=(
        r"\mathbf r\leftarrow\rho\mathbf r+(1-\rho)\mathbf g^2,\quad"
        r"\Delta\theta=-\frac{\sqrt{\mathbf s+\epsilon}}{\sqrt{\mathbf r+\epsilon}}\odot\mathbf g,"
        r"\quad\mathbf s\leftarrow\rho\mathbf s+(1-\rho)(\Delta\theta)^2"
    ),
    sources=("goodfellow:Alg 8.8", "goodfellow:sec 8.4.4"),
)
def unit_correct_step(squares: Any, updates: Any, g: Any, epsilon: Any) -> Any:
    """``sqrt(updates + epsilon) / sqrt(squares + epsilon) * g``."""
    return scaled_quotient(1, sqrt(updates + epsilon) * g, sqrt(squares + epsilon))


statement(
    "adadelta-update-indexed",
    title="AdaDelta with a given first update",
    formula=(
        r"D_j(\tau)=\rho D_j(\tau-1)+(1-\rho)\Delta w_j(\tau)^2,\quad "
        r"D_j(-1)=0,\ \Delta w_j(0)=\Delta_{0j}"
    ),
    sources=("trofimov:slide 'AdaDelta'",),
)


statement(
    "adadelta-newton-step-single-parameter",
    title="Newton's step in a single parameter",
    formula=(
        r"\Delta\theta_j=-\Big(\frac{\partial^2L}{\partial\theta_j^2}\Big)^{-1}"
        r"\frac{\partial L}{\partial\theta_j}"
    ),
    sources=("goodfellow:sec 8.4.4",),
)
statement(
    "adadelta-inverse-curvature-estimate",
    title="The inverse curvature is minus the ratio of step and slope",
    formula=(
        r"\Big(\frac{\partial^2L}{\partial\theta_j^2}\Big)^{-1}"
        r"=-\frac{\Delta\theta_j}{\partial L/\partial\theta_j}"
    ),
    sources=("goodfellow:sec 8.4.4",),
    erratum="G10: printed without the minus sign, which Newton's step has.",
)
statement(
    "adadelta-single-parameter-taylor",
    title="The expansion in one parameter, and its extremum",
    formula=(
        r"L(\theta+\mathbf e_j\Delta)=L(\theta)+\frac{\partial L}{\partial\theta_j}\Delta"
        r"+\tfrac12\frac{\partial^2L}{\partial\theta_j^2}\Delta^2+R_3,\qquad"
        r"\Delta^\star=-\frac{\partial L/\partial\theta_j}{\partial^2L/\partial\theta_j^2}"
    ),
    sources=("goodfellow:sec 8.4.4",),
    erratum=(
        "G11: printed without the half, so that its extremum is half of Newton's step, and with "
        "the second derivative for the first in that."
    ),
)


def _update(w: Any, g: Any, state: Any, h: Any) -> Any:
    squares = mean_square(state["second_moment"], g, h.decay)
    step = unit_correct_step(squares, state["update_second_moment"], g, h.epsilon)
    updates = exponential_average(state["update_second_moment"], step**2, h.decay)
    after = {"second_moment": squares, "update_second_moment": updates}
    return w - h.learning_rate * step, after


def _zero_averages(zeros: Any, h: Any) -> dict[str, Any]:
    return {"second_moment": zeros, "update_second_moment": zeros}


def _given_update(zeros: Any, h: Any) -> dict[str, Any]:
    given = (1 - h.decay) * (h.initial_update * h.initial_update)
    return {"second_moment": zeros, "update_second_moment": zeros + given}


ADADELTA = method(
    Method(
        id="adadelta",
        title="AdaDelta",
        family="adadelta",
        source="goodfellow:Alg 8.8",
        hyperparameters={
            # 1 in the texts, which have no learning rate
            "learning_rate": positive(1.0, 0.1, 0.001),
            "decay": unit_interval(0.9, 0.95, 0.5, 0.0),
            "epsilon": positive(1e-6, 1e-3, 0.1),
        },
        extra={"initial-update": {"initial_update": positive(0.01, 0.1, 1.0)}},
        dialects={
            "epsilon-inside-roots": Dialect(
                update=_update,
                equations=("adadelta-algorithm",),
                summary="w - eta sqrt(s + epsilon) / sqrt(r + epsilon) g",
                initial_state=_zero_averages,
            ),
            "initial-update": Dialect(
                update=_update,
                equations=("adadelta-algorithm", "adadelta-update-indexed"),
                summary="as epsilon-inside-roots; s starts at (1 - rho) Delta_0^2",
                initial_state=_given_update,
            ),
        },
    )
)
