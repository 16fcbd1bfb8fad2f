"""Nadam and RAdam: Adam with Nesterov momentum, and Adam with a rectified start."""

from __future__ import annotations

from typing import Any

from optcheck.reference.adagrad import epsilon_outside_root
from optcheck.reference.adam import ADAM, bias_correction, moments, zero_moments
from optcheck.reference.domains import at_least, constant, non_negative
from optcheck.reference.functions import choose, scaled_quotient, sqrt
from optcheck.reference.gradient_descent import descend, descend_quotient
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "nadam",
    title="Nadam: Adam with Nesterov momentum",
    formula=(
        r"\theta_{t+1}=\theta_t-\frac{\alpha}{\sqrt{\hat v_t}+\epsilon}"
        r"\Big(\frac{\beta_1m_t}{1-\beta_1^{t+1}}+\frac{(1-\beta_1)g_t}{1-\beta_1^t}\Big)"
    ),
    sources=("trofimov:slide 'Gradient Descent Algorithms for Mini-Batch Training'", "dozat"),
)
def nesterov_moment(first: Any, g: Any, h: Any) -> Any:
    """Of the moment after step t: what the next step would make of it, plus this gradient."""
    ahead = first / bias_correction(h.beta1, h.at(h.count + 1).step)
    return h.beta1 * ahead + (1 - h.beta1) * (g / bias_correction(h.beta1, h.step))


@equation(
    "nadam-scheduled-momentum",
    title="Nadam with Dozat's momentum schedule",
    formula=(
        r"\mu_t=\beta_1\big(1-\tfrac12\,0.96^{t\psi}\big),\quad"
        r"\theta_{t+1}=\theta_t-\frac{\alpha}{\sqrt{\hat v_t}+\epsilon}"
        r"\Big(\frac{\mu_{t+1}m_t}{1-\prod_{i\le t+1}\mu_i}"
        r"+\frac{(1-\mu_t)g_t}{1-\prod_{i\le t}\mu_i}\Big)"
    ),
    sources=("dozat:sec 3.2", "torch:optim.NAdam"),
)
def scheduled_momentum(h: Any, count: int) -> Any:
    """``mu`` of step ``count``."""
    now = h.at(count)
    return h.beta1 * (1 - now.momentum_base ** (now.step * h.momentum_decay) / 2)


def _constant_nadam(w: Any, g: Any, state: Any, h: Any) -> Any:
    after = moments(g, state, h)
    direction = nesterov_moment(after["first_moment"], g, h)
    second = after["second_moment"] / bias_correction(h.beta2, h.step)
    denominator = epsilon_outside_root(second, h.epsilon)
    return descend_quotient(w, direction, denominator, h.learning_rate), after


def _scheduled_nadam(w: Any, g: Any, state: Any, h: Any) -> Any:
    after = moments(g, state, h)
    product = scheduled_momentum(h, 1)
    for count in range(2, h.count + 1):
        product = product * scheduled_momentum(h, count)
    mu, mu_next = scheduled_momentum(h, h.count), scheduled_momentum(h, h.count + 1)
    of_gradient = h.learning_rate * (1 - mu) / (1 - product)
    of_moment = h.learning_rate * mu_next / (1 - product * mu_next)
    second = after["second_moment"] / bias_correction(h.beta2, h.step)
    denominator = epsilon_outside_root(second, h.epsilon)
    moved = w - scaled_quotient(of_gradient, g, denominator)
    return moved - scaled_quotient(of_moment, after["first_moment"], denominator), after


NADAM = method(
    Method(
        id="nadam",
        title="Nadam",
        family="adam",
        source="trofimov:slide 'Gradient Descent Algorithms for Mini-Batch Training'",
        hyperparameters=ADAM.hyperparameters,
        extra={
            "scheduled-momentum": {
                # torch and MXNet slow the schedule down by 0.004; 1 is Keras' reading
                "momentum_decay": non_negative(0.004, 1.0, 0.1),
                "momentum_base": constant(0.96),
            }
        },
        dialects={
            "constant-momentum": Dialect(
                update=_constant_nadam,
                equations=("nadam", "adam-bias-correction"),
                summary="beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t) for m_hat",
                initial_state=zero_moments,
            ),
            "scheduled-momentum": Dialect(
                update=_scheduled_nadam,
                equations=("nadam-scheduled-momentum", "adam-bias-correction"),
                summary="mu_t = beta1 (1 - 0.96^(t psi) / 2) and its products for beta1",
                initial_state=zero_moments,
            ),
        },
    )
)


@equation(
    "rectified-adam",
    title="RAdam: the adaptive step is rectified, and not taken before its variance is finite",
    formula=(
        r"\rho_\infty=\tfrac{2}{1-\beta_2}-1,\quad "
        r"\rho_t=\rho_\infty-\tfrac{2t\beta_2^t}{1-\beta_2^t},\quad "
        r"r_t=\sqrt{\tfrac{(\rho_t-4)(\rho_t-2)\rho_\infty}"
        r"{(\rho_\infty-4)(\rho_\infty-2)\rho_t}};\quad "
        r"\theta_{t+1}=\theta_t-\alpha\begin{cases}r_t\hat m_t/(\sqrt{\hat v_t}+\epsilon)"
        r"&\rho_t>5\\\hat m_t&\text{otherwise}\end{cases}"
    ),
    sources=("prince:Notes Adaptive training", "liu:Alg 2"),
    erratum="P08: no time-varying momentum; the adaptive step is multiplied by r_t.",
)
def approximated_length(h: Any) -> tuple[Any, Any]:
    """``rho_infinity`` and ``rho_t``: the length of the simple average that has this variance."""
    longest = 2 / (1 - h.beta2) - 1
    power = h.beta2**h.step
    return longest, longest - 2 * h.step * power / (1 - power)


def rectification(longest: Any, length: Any) -> Any:
    """``r_t``; real for lengths above 4."""
    ratio = (length - 4) * (length - 2) * longest
    return sqrt(ratio / ((longest - 4) * (longest - 2) * length))


def _radam(hat: bool, nesterov: bool = False) -> Any:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        after = moments(g, state, h)
        correction = bias_correction(h.beta2, h.step)
        moment, first_correction = after["first_moment"], bias_correction(h.beta1, h.step)
        first = nesterov_moment(moment, g, h) if nesterov else moment / first_correction
        longest, length = approximated_length(h)

        def adaptive() -> Any:
            scale = h.learning_rate * rectification(longest, length)
            if hat:
                denominator = epsilon_outside_root(after["second_moment"], h.epsilon)
                return w - scaled_quotient(scale * sqrt(correction), first, denominator)
            second = after["second_moment"] / correction
            return descend_quotient(w, first, epsilon_outside_root(second, h.epsilon), scale)

        def plain() -> Any:
            if nesterov:
                return descend(w, first, h.learning_rate)
            return descend_quotient(w, moment, first_correction, h.learning_rate)

        return choose(length - h.threshold, adaptive, plain), after

    return update


def _radam_dialect(summary: str, **form: Any) -> Dialect:
    return Dialect(
        update=_radam(**form),
        equations=("rectified-adam", "adam-bias-correction"),
        summary=summary,
        initial_state=zero_moments,
    )


RADAM = method(
    Method(
        id="radam",
        title="RAdam",
        family="adam",
        source="prince:Notes Adaptive training",
        # 5 in the authors' code, torch and optax; 4 in the paper. Below 4 there is no root.
        hyperparameters={**ADAM.hyperparameters, "threshold": at_least(4.0, 5.0, 4.0, 6.0)},
        dialects={
            "epsilon-outside-root": _radam_dialect(
                "w - eta r_t m_hat / (sqrt(v_hat) + epsilon) from rho_t > threshold on, "
                "w - eta m_hat before",
                hat=False,
            ),
            "epsilon-hat": _radam_dialect(
                "as epsilon-outside-root, with sqrt(1 - beta2^t) / (sqrt(v) + epsilon)", hat=True
            ),
            "epsilon-outside-root+nesterov": _radam_dialect(
                "as epsilon-outside-root, with the moment of Nadam", hat=False, nesterov=True
            ),
        },
    )
)
