"""AdaGrad: a rate for each coordinate that falls with its accumulated squared gradients."""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import non_negative, positive
from optcheck.reference.functions import scaled_quotient, sqrt, where_positive
from optcheck.reference.registry import Dialect, Method, equation, method, statement


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


statement(
    "adagrad-algorithm-no-stabiliser",
    title="AdaGrad without a stabiliser",
    formula=(
        r"\mathbf r\leftarrow\mathbf r+\mathbf g^2,\quad"
        r"\Delta\theta=-\frac{\eta}{\delta+\sqrt{\mathbf r}}\odot\mathbf g;\qquad"
        r"\delta=0:\ \mathbf g\mapsto D\mathbf g\Rightarrow\Delta\theta\mapsto\Delta\theta,"
        r"\quad r_j=g_j=0\Rightarrow\Delta\theta_j=\tfrac00"
    ),
    sources=("goodfellow:Alg 8.4",),
    erratum=(
        "G12: printed without delta, so that a coordinate with no gradient so far gives 0/0. "
        "G16: the sum over a minibatch is not divided by its size. G17: indices are mixed."
    ),
)


@equation(
    "adagrad-larger-gradient-smaller-rate",
    title="AdaGrad's rates fall with the root of the accumulated squares",
    formula=(
        r"\alpha_i=\eta\Big(\sum_\tau g_i(\tau)^2\Big)^{-1/2}:\qquad"
        r"\sum g_i^2\ge\sum g_j^2\ \Rightarrow\ \alpha_i\le\alpha_j"
    ),
    sources=(
        *("goodfellow:sec 8.4.1", "bishop:sec 7.3.3", "trofimov:slide 'AdaGrad'"),
        "prince:Notes Adaptive training",
    ),
    erratum=(
        "G52: inversely proportional to the root of the sum, not to the sum. "
        "B20: it is gradients that lower a rate, whatever the curvature."
    ),
)
def effective_rates(learning_rate: Any, squares: Any) -> Any:
    """What a gradient is multiplied with; ``squares`` are the sums of squares so far."""
    return learning_rate / sqrt(squares)


@equation(
    "adaptive-rates-axis-alignment",
    title="Rates of their own equalise curvatures only along the axes",
    formula=(
        r"D\mathbf H\propto\mathbf I\ \text{for a diagonal}\ D\iff\mathbf H\ \text{diagonal};"
        r"\qquad\mathbf H=R_{45^\circ}\mathrm{diag}(\kappa\lambda,\lambda)R_{45^\circ}^T:\ "
        r"\frac{\mathrm{tr}(D\mathbf H)^2}{\det(D\mathbf H)}"
        r"=\frac{(d_1+d_2)^2}{4d_1d_2}\cdot\frac{(\kappa+1)^2}{\kappa}"
    ),
    sources=("bishop:sec 7.3.3",),
)
def rotated_spread(condition_number: Any, first_rate: Any, second_rate: Any) -> Any:
    """``tr(D H)**2 / det(D H)`` of a quadratic at 45 degrees.

    With the curvatures ``m`` and ``c m`` of ``D H`` it is ``(c + 1)**2 / c``: the least is that of
    equal rates, which leave the condition number as it is.
    """
    rates = (first_rate + second_rate) ** 2 / (4 * first_rate * second_rate)
    return rates * (condition_number + 1) ** 2 / condition_number


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
