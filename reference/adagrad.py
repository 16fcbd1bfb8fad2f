"""AdaGrad: a rate for each coordinate that falls with its accumulated squared gradients."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import non_negative, positive
from optcheck.reference.functions import scaled_quotient, sqrt, where_positive
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "adagrad-update-epsilon-outside",
    title="AdaGrad, epsilon outside the root",
    formula=(
        r"r_i^{(\tau)}=r_i^{(\tau-1)}+g_i^2,\qquad "
        r"w_i^{(\tau)}=w_i^{(\tau-1)}-\frac{\eta}{\sqrt{r_i^{(\tau)}}+\delta}\,g_i"
    ),
    sources=("bishop:7.39", "bishop:7.40", "goodfellow:Alg 8.4"),
    erratum="G12: printed without a stabiliser, a coordinate with zero gradient gives 0/0.",
)
def epsilon_outside_root(squares: Any, epsilon: Any) -> Any:
    """The denominator ``sqrt(squares) + epsilon``."""
    return sqrt(squares) + epsilon


@equation(
    "adagrad-update-epsilon-inside",
    title="AdaGrad, epsilon inside the root",
    formula=(
        r"G_j(\tau)=G_j(\tau-1)+g_j^2,\qquad "
        r"w_j(\tau+1)=w_j(\tau)-\frac{\alpha}{\sqrt{G_j(\tau)+\varepsilon}}\,g_j"
    ),
    sources=("trofimov:slide 'AdaGrad'",),
    erratum="T12: a dialect; inside the root, 1e-8 acts like 1e-4 outside.",
)
def epsilon_inside_root(squares: Any, epsilon: Any) -> Any:
    """The denominator ``sqrt(squares + epsilon)``."""
    return sqrt(squares + epsilon)


def _update(denominator: Any) -> Any:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        squares = state["sum_of_squares"] + g**2
        step = scaled_quotient(h.learning_rate, g, denominator(squares, h.epsilon))
        if "zero-guard" in h.evaluation:
            step = where_positive(squares, step)
        return w - step, {"sum_of_squares": squares}

    return update


def _initial_accumulator(zeros: Any, h: Any) -> dict[str, Any]:
    return {"sum_of_squares": zeros + h.initial_accumulator}


ADAGRAD = method(
    Method(
        id="adagrad",
        title="AdaGrad",
        family="adagrad",
        source="bishop:7.40",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.01),
            "epsilon": non_negative(1e-7, 1e-10, 0.01, 0.0),
            "initial_accumulator": non_negative(0.0, 0.1, 1.0),
        },
        dialects={
            "epsilon-outside-root": Dialect(
                update=_update(epsilon_outside_root),
                equations=("adagrad-update-epsilon-outside",),
                summary="r = r + g^2; w - eta g / (sqrt(r) + epsilon)",
                initial_state=_initial_accumulator,
            ),
            "epsilon-inside-root": Dialect(
                update=_update(epsilon_inside_root),
                equations=("adagrad-update-epsilon-inside",),
                summary="r = r + g^2; w - eta g / sqrt(r + epsilon)",
                initial_state=_initial_accumulator,
            ),
        },
    )
)
