"""Adam in its four dialects, which differ in where epsilon stands and in the bias correction."""

from __future__ import annotations

import math
from typing import Any

from optcheck.reference.adagrad import epsilon_inside_root, epsilon_outside_root
from optcheck.reference.domains import non_negative, positive, unit_interval
from optcheck.reference.functions import sqrt
from optcheck.reference.gradient_descent import descend_quotient
from optcheck.reference.momentum import exponential_average
from optcheck.reference.registry import Dialect, Method, equation, method, statement
from optcheck.reference.rmsprop import mean_square


@equation(
    "adam-bias-correction",
    title="Bias correction of an exponential average that starts at zero",
    formula=r"\hat m_t=\frac{m_t}{1-\beta^t},\qquad(1-\beta)\sum_{i=1}^{t}\beta^{t-i}=1-\beta^t",
    sources=("bishop:7.45", "bishop:7.46", "prince:6.16", "goodfellow:Alg 8.7"),
    erratum="G15: the exponent of the first correction is garbled in the transcription.",
)
def bias_correction(decay: Any, step: Any) -> Any:
    """``1 - decay**step``, the total weight of the gradients after ``step`` updates."""
    return 1 - decay**step


@equation(
    "adam-update-epsilon-outside",
    title="Adam, epsilon outside the root",
    formula=(
        r"\hat s_i=\frac{s_i^{(\tau)}}{1-\beta_1^\tau},\ "
        r"\hat r_i=\frac{r_i^{(\tau)}}{1-\beta_2^\tau},\ "
        r"w_i^{(\tau)}=w_i^{(\tau-1)}-\eta\frac{\hat s_i}{\sqrt{\hat r_i}+\delta}"
    ),
    sources=("bishop:7.47", "bishop:Alg 7.4", "goodfellow:Alg 8.7"),
    erratum=(
        "B15: two minus signs make Algorithm 7.4 ascend. "
        "G13, G14: the corrected moments are unused and a factor g is too many."
    ),
)
def corrected_update(w: Any, moments: Any, h: Any, denominator: Any) -> Any:
    """The new parameter from bias-corrected moments; ``denominator`` places epsilon."""
    first = moments["first_moment"] / bias_correction(h.beta1, h.step)
    second = moments["second_moment"] / bias_correction(h.beta2, h.step)
    return descend_quotient(w, first, denominator(second, h.epsilon), h.learning_rate)


@equation(
    "adam-bias-correction-vanishes",
    title="The bias correction fades",
    formula=r"\frac1{1-\beta^t}\downarrow1,\qquad\frac1{1-\beta^t}\le1+s\iff\beta^t\le\frac{s}{1+s}",
    sources=("bishop:sec 7.3.3", "prince:sec 6.4"),
)
def steps_until_within(decay: float, share: float) -> int:
    """The first step at which the correction is at most ``1 + share``."""
    return math.ceil(math.log(share / (1 + share)) / math.log(decay))


statement(
    "adam-algorithm-bishop",
    title="Adam on minibatches (Algorithm 7.4)",
    formula=(
        r"\tau\leftarrow\tau+1,\ \mathbf g=\nabla E_{n:n+B-1}(\mathbf w),\ "
        r"\hat{\mathbf s}=\frac{\mathbf s}{1-\beta_1^\tau},\ "
        r"\hat{\mathbf r}=\frac{\mathbf r}{1-\beta_2^\tau},\ "
        r"\Delta\mathbf w=-\eta\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\delta},\ "
        r"n\leftarrow n+B;\ n+B-1>N:\ \text{shuffle},\ n\leftarrow1"
    ),
    sources=("bishop:Alg 7.4",),
    erratum=(
        "B15: the gradient is printed with a minus sign, which ascends. B16: tau is neither set "
        "nor counted. B17: printed as n + B > N, which leaves out the last full block."
    ),
)
statement(
    "adam-algorithm-goodfellow",
    title="Adam (Algorithm 8.7)",
    formula=(
        r"t\leftarrow t+1,\ \hat{\mathbf s}=\frac{\mathbf s}{1-\rho_1^t},\ "
        r"\hat{\mathbf r}=\frac{\mathbf r}{1-\rho_2^t},\ "
        r"\Delta\theta=-\alpha\frac{\hat{\mathbf s}}{\sqrt{\hat{\mathbf r}}+\epsilon},\ "
        r"\theta\leftarrow\theta+\Delta\theta"
    ),
    sources=("goodfellow:Alg 8.7", "goodfellow:sec 8.4.3"),
    erratum=(
        "G13: the corrected moments are computed and not used. G14: a factor g too many. "
        "G15: the first correction is garbled. G16: the sum over a minibatch is not divided."
    ),
)
statement(
    "adam-default-robustness",
    title="Adam with its usual settings does not see the scale of the loss",
    formula=(
        r"\alpha=0.001,\ \beta_1=0.9,\ \beta_2=0.999,\ \varepsilon=10^{-8};\qquad"
        r"\varepsilon\to0:\ L\mapsto cL\Rightarrow\Delta\phi\mapsto\Delta\phi"
    ),
    sources=(
        *("prince:sec 6.4", "prince:Notes Adaptive training"),
        "trofimov:slide 'Adam (Adaptive Moment Estimation)'",
    ),
)
statement(
    "sgd-finds-lower-minima-than-adam",
    title="Momentum is reported to generalise better than Adam",
    formula=r"E_{\text{test}}(\text{SGD})<E_{\text{test}}(\text{Adam})",
    sources=("prince:Notes SGD vs. Adam",),
    unchecked="a report from the literature: no setting is given in which it could be repeated",
)
statement(
    "adaptive-method-comparisons",
    title="Adaptive methods compared on digits, Beale's function and a saddle",
    formula=(r"f(x,y)=(1.5-x+xy)^2+(2.25-x+xy^2)^2+(2.625-x+xy^3)^2,\quad f(3,\tfrac12)=0"),
    sources=(
        "trofimov:slide 'Comparison of GD Algorithms. Illustration 1'",
        "trofimov:slide 'Comparison of GD Algorithms. Illustration 2'",
        "goodfellow:sec 8.4.5",
    ),
    unchecked="which method is fastest is shown in pictures alone, without numbers or settings",
)


statement(
    "adam-update-epsilon-inside",
    title="Adam, epsilon inside the root",
    formula=(
        r"\phi_{t+1}\leftarrow\phi_t-\alpha"
        r"\frac{\tilde{\mathbf m}_{t+1}}{\sqrt{\tilde{\mathbf v}_{t+1}+\epsilon}}"
    ),
    sources=("prince:6.17", "trofimov:slide 'Adam (Adaptive Moment Estimation)'"),
    erratum="P04: the text says 'as before', and there epsilon stands outside. A dialect.",
)


@equation(
    "adam-update-epsilon-hat",
    title="Adam, epsilon-hat: epsilon added before the second correction",
    formula=(
        r"\alpha_t=\alpha\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t},\quad"
        r"\theta_t=\theta_{t-1}-\alpha_t\frac{m_t}{\sqrt{v_t}+\hat\epsilon}"
    ),
    sources=("kingma-ba:sec 2",),
)
def epsilon_hat_rate(h: Any) -> Any:
    """The learning rate with both corrections folded into it."""
    corrected = h.learning_rate * sqrt(bias_correction(h.beta2, h.step))
    return corrected / bias_correction(h.beta1, h.step)


statement(
    "adam-update-uncorrected",
    title="Adam without bias correction",
    formula=r"\theta_t=\theta_{t-1}-\alpha\frac{m_t}{\sqrt{v_t}+\epsilon}",
    sources=("goodfellow:Alg 8.7 as printed, without the surplus factor g",),
    erratum="G13: the printed algorithm computes the corrected moments and does not use them.",
)


def moments(g: Any, state: Any, h: Any) -> dict[str, Any]:
    """The first two moments after this gradient, by name."""
    return {
        "first_moment": exponential_average(
            state["first_moment"], g, h.beta1, interpolated="lerp" in h.evaluation
        ),
        "second_moment": mean_square(state["second_moment"], g, h.beta2),
    }


def _corrected(denominator: Any) -> Any:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        after = moments(g, state, h)
        return corrected_update(w, after, h, denominator), after

    return update


def _plain_update(w: Any, moments: Any, epsilon: Any, learning_rate: Any) -> Any:
    denominator = epsilon_outside_root(moments["second_moment"], epsilon)
    return descend_quotient(w, moments["first_moment"], denominator, learning_rate)


def _epsilon_hat(w: Any, g: Any, state: Any, h: Any) -> Any:
    after = moments(g, state, h)
    return _plain_update(w, after, h.epsilon, epsilon_hat_rate(h)), after


def _uncorrected(w: Any, g: Any, state: Any, h: Any) -> Any:
    after = moments(g, state, h)
    return _plain_update(w, after, h.epsilon, h.learning_rate), after


def zero_moments(zeros: Any, h: Any) -> dict[str, Any]:
    """Both moments before the first update."""
    return {"first_moment": zeros, "second_moment": zeros}


ADAM = method(
    Method(
        id="adam",
        title="Adam",
        family="adam",
        source="bishop:7.47",
        hyperparameters={
            "learning_rate": positive(0.001, 0.1, 1.0),
            "beta1": unit_interval(0.9, 0.5, 0.0, 0.99),
            "beta2": unit_interval(0.999, 0.9, 0.5, 0.0),
            "epsilon": non_negative(1e-8, 1e-3, 0.1, 0.0),
        },
        dialects={
            "epsilon-outside-root": Dialect(
                update=_corrected(epsilon_outside_root),
                equations=("adam-update-epsilon-outside", "adam-bias-correction"),
                summary="w - eta m_hat / (sqrt(v_hat) + epsilon)",
                initial_state=zero_moments,
            ),
            "epsilon-inside-root": Dialect(
                update=_corrected(epsilon_inside_root),
                equations=("adam-update-epsilon-inside", "adam-bias-correction"),
                summary="w - eta m_hat / sqrt(v_hat + epsilon)",
                initial_state=zero_moments,
            ),
            "epsilon-hat": Dialect(
                update=_epsilon_hat,
                equations=("adam-update-epsilon-hat", "adam-bias-correction"),
                summary="w - eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)",
                initial_state=zero_moments,
            ),
            "uncorrected": Dialect(
                update=_uncorrected,
                equations=("adam-update-uncorrected",),
                summary="w - eta m / (sqrt(v) + epsilon)",
                initial_state=zero_moments,
            ),
        },
    )
)
