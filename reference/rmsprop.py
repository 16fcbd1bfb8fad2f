"""RMSProp: AdaGrad with an exponential average in place of the sum."""

from __future__ import annotations

from typing import Any

from optcheck.reference.adagrad import epsilon_inside_root, epsilon_outside_root
from optcheck.reference.domains import non_negative, positive, unit_interval
from optcheck.reference.gradient_descent import descend_quotient
from optcheck.reference.momentum import exponential_average
from optcheck.reference.registry import Dialect, Method, equation, method, statement


@equation(
    "rmsprop-update-epsilon-outside",
    title="RMSProp, epsilon outside the root",
    formula=(
        r"r_i^{(\tau)}=\beta r_i^{(\tau-1)}+(1-\beta)g_i^2,\qquad "
        r"w_i^{(\tau)}=w_i^{(\tau-1)}-\frac{\eta}{\sqrt{r_i^{(\tau)}}+\delta}\,g_i"
    ),
    sources=("bishop:7.41", "bishop:7.42", "goodfellow:Alg 8.5"),
    erratum="G12: printed without a stabiliser, a coordinate with zero gradient gives 0/0.",
)
def mean_square(average: Any, g: Any, decay: Any) -> Any:
    """``decay * average + (1 - decay) * g**2``."""
    return exponential_average(average, g**2, decay)


statement(
    "rmsprop-update-epsilon-inside",
    title="RMSProp, epsilon inside the root, mean square from zero",
    formula=(
        r"r\leftarrow\beta r+(1-\beta)g^2,\qquad "
        r"w\leftarrow w-\frac{\alpha}{\sqrt{r+\varepsilon}}\,g"
    ),
    sources=("trofimov:slide 'RMSProp (Root Mean Square Propagation)'",),
    erratum="T12: a dialect. T13: the slide starts the mean square at the first squared gradient.",
)


def _update(denominator: Any) -> Any:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        average = mean_square(state["second_moment"], g, h.decay)
        new = descend_quotient(w, g, denominator(average, h.epsilon), h.learning_rate)
        return new, {"second_moment": average}

    return update


def _zero_moment(zeros: Any, h: Any) -> dict[str, Any]:
    return {"second_moment": zeros}


RMSPROP = method(
    Method(
        id="rmsprop",
        title="RMSProp",
        family="rmsprop",
        source="bishop:7.42",
        hyperparameters={
            "learning_rate": positive(0.01, 1.0, 0.001),
            "decay": unit_interval(0.9, 0.99, 0.5, 0.0),
            "epsilon": non_negative(1e-8, 1e-3, 0.1, 0.0),
        },
        dialects={
            "epsilon-outside-root": Dialect(
                update=_update(epsilon_outside_root),
                equations=("rmsprop-update-epsilon-outside",),
                summary="r = beta r + (1 - beta) g^2; w - eta g / (sqrt(r) + epsilon)",
                initial_state=_zero_moment,
            ),
            "epsilon-inside-root": Dialect(
                update=_update(epsilon_inside_root),
                equations=("rmsprop-update-epsilon-inside",),
                summary="r = beta r + (1 - beta) g^2; w - eta g / sqrt(r + epsilon)",
                initial_state=_zero_moment,
            ),
        },
    )
)
