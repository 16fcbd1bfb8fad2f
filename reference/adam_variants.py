"""Descendants of Adam: AdamW, AMSGrad, Adamax, Yogi. Nadam and RAdam have a file of their own."""

from __future__ import annotations

from typing import Any

from optcheck.reference.adagrad import epsilon_inside_root, epsilon_outside_root
from optcheck.reference.adam import ADAM, bias_correction, moments, zero_moments
from optcheck.reference.decay import DECOUPLED, decoupled_decay, shrunk
from optcheck.reference.domains import non_negative
from optcheck.reference.functions import by_sign, maximum
from optcheck.reference.gradient_descent import descend_quotient
from optcheck.reference.momentum import exponential_average
from optcheck.reference.registry import Dialect, Method, equation, method, statement

_HYPERPARAMETERS = dict(ADAM.hyperparameters)

statement(
    "adamw",
    title="AdamW: Adam with decoupled weight decay",
    formula=(
        r"\theta_{t+1}=\theta_t-\eta\Big(\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon}"
        r"+\lambda\theta_t\Big)"
    ),
    sources=("prince:Notes SGD vs. Adam", "loshchilov-hutter:Alg 2"),
)
_adam = ADAM.dialects["epsilon-outside-root"]


def _unscaled_decay(w: Any, g: Any, state: Any, h: Any) -> Any:
    new, after = _adam.update(w, g, state, h)
    return shrunk(w, new, decoupled_decay(w, h.weight_decay, 1)), after


ADAMW = method(
    Method(
        id="adamw",
        title="AdamW",
        family="adam",
        source="prince:Notes SGD vs. Adam",
        hyperparameters={**_HYPERPARAMETERS, **DECOUPLED.hyperparameters},
        dialects={
            "decoupled": Dialect(
                update=DECOUPLED.wrap(_adam.update),
                equations=("adamw", "adam-bias-correction"),
                summary="w - eta (m_hat / (sqrt(v_hat) + epsilon) + lambda w)",
                initial_state=zero_moments,
            ),
            "decoupled-unscaled": Dialect(
                update=_unscaled_decay,
                equations=("adamw", "adam-bias-correction"),
                summary="w - eta m_hat / (sqrt(v_hat) + epsilon) - lambda w",
                initial_state=zero_moments,
            ),
        },
    )
)


@equation(
    "amsgrad",
    title="AMSGrad: the second moment never falls",
    formula=(
        r"\hat v_t=\max(\hat v_{t-1},v_t),\quad"
        r"\theta_{t+1}=\theta_t-\alpha_t\frac{m_t}{\sqrt{\hat v_t}}"
    ),
    sources=("prince:Notes Adaptive training", "reddi:Alg 2"),
)
def largest_so_far(largest: Any, second: Any) -> Any:
    """The larger of the two, element by element."""
    return maximum(largest, second)


def _amsgrad(of_corrected: bool, first: bool = True, second: bool = True, root: Any = None) -> Any:
    """Maximum of the corrected or of the raw second moment; which moments are corrected."""
    denominator = root or epsilon_outside_root

    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        after = moments(g, state, h)
        numerator, squares = after["first_moment"], after["second_moment"]
        if first:
            numerator = numerator / bias_correction(h.beta1, h.step)
        if of_corrected:
            squares = squares / bias_correction(h.beta2, h.step)
        largest = largest_so_far(state["largest_second_moment"], squares)
        after["largest_second_moment"] = largest
        if second and not of_corrected:
            largest = largest / bias_correction(h.beta2, h.step)
        bottom = denominator(largest, h.epsilon)
        return descend_quotient(w, numerator, bottom, h.learning_rate), after

    return update


def _zero_moments_and_largest(zeros: Any, h: Any) -> dict[str, Any]:
    return {**zero_moments(zeros, h), "largest_second_moment": zeros}


def _amsgrad_dialect(summary: str, *corrections: str, **form: Any) -> Dialect:
    return Dialect(
        update=_amsgrad(**form),
        equations=("amsgrad", *corrections),
        summary=summary,
        initial_state=_zero_moments_and_largest,
    )


AMSGRAD = method(
    Method(
        id="amsgrad",
        title="AMSGrad",
        family="adam",
        source="prince:Notes Adaptive training",
        hyperparameters=_HYPERPARAMETERS,
        dialects={
            "maximum-of-raw": _amsgrad_dialect(
                "u = max(u, v); w - eta m_hat / (sqrt(u / (1 - beta2^t)) + epsilon)",
                "adam-bias-correction",
                of_corrected=False,
            ),
            "maximum-of-corrected": _amsgrad_dialect(
                "u = max(u, v_hat); w - eta m_hat / (sqrt(u) + epsilon)",
                "adam-bias-correction",
                of_corrected=True,
            ),
            "maximum-of-corrected+epsilon-inside-root": _amsgrad_dialect(
                "u = max(u, v_hat); w - eta m_hat / sqrt(u + epsilon)",
                "adam-bias-correction",
                of_corrected=True,
                root=epsilon_inside_root,
            ),
            "first-corrected": _amsgrad_dialect(
                "u = max(u, v); w - eta m_hat / (sqrt(u) + epsilon)",
                "adam-bias-correction",
                of_corrected=False,
                second=False,
            ),
            "uncorrected": _amsgrad_dialect(
                "u = max(u, v); w - eta m / (sqrt(u) + epsilon)",
                of_corrected=False,
                first=False,
                second=False,
            ),
        },
    )
)


@equation(
    "adamax",
    title="Adamax: Adam with the infinity norm",
    formula=(
        r"u_t=\max(\beta_2u_{t-1},|g_t|),\quad"
        r"\theta_{t+1}=\theta_t-\frac{\alpha}{1-\beta_1^t}\frac{m_t}{u_t}"
    ),
    sources=("trofimov:slide 'Gradient Descent Algorithms for Mini-Batch Training'",),
)
def infinity_norm(norm: Any, magnitude: Any, decay: Any) -> Any:
    """``max(decay * norm, magnitude)``."""
    return maximum(decay * norm, magnitude)


def _adamax(inside: bool, added: bool) -> Any:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        lerp = "lerp" in h.evaluation
        first = exponential_average(state["first_moment"], g, h.beta1, interpolated=lerp)
        magnitude = abs(g) + h.epsilon if inside else abs(g)
        norm = infinity_norm(state["infinity_norm"], magnitude, h.beta2)
        after = {"first_moment": first, "infinity_norm": norm}
        rate = h.learning_rate / bias_correction(h.beta1, h.step)
        return descend_quotient(w, first, norm + h.epsilon if added else norm, rate), after

    return update


def _adamax_dialect(summary: str, *, inside: bool, added: bool) -> Dialect:
    return Dialect(
        update=_adamax(inside, added),
        equations=("adamax", "adam-bias-correction"),
        summary=summary,
        initial_state=lambda zeros, h: {"first_moment": zeros, "infinity_norm": zeros},
    )


ADAMAX = method(
    Method(
        id="adamax",
        title="Adamax",
        family="adam",
        source="trofimov:slide 'Gradient Descent Algorithms for Mini-Batch Training'",
        hyperparameters=_HYPERPARAMETERS,
        dialects={
            "epsilon-in-maximum": _adamax_dialect(
                "u = max(beta2 u, |g| + epsilon); w - eta m_hat / u", inside=True, added=False
            ),
            "epsilon-added": _adamax_dialect(
                "u = max(beta2 u, |g|); w - eta m_hat / (u + epsilon)", inside=False, added=True
            ),
        },
    )
)


@equation(
    "yogi",
    title="Yogi: the second moment changes by at most the new square",
    formula=(
        r"v_t=v_{t-1}-(1-\beta_2)\,\mathrm{sign}(v_{t-1}-g_t^2)\,g_t^2,\quad"
        r"\theta_{t+1}=\theta_t-\alpha\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon}"
    ),
    sources=("prince:Notes Adaptive training", "zaheer:Alg 2"),
)
def controlled_second_moment(second: Any, g: Any, decay: Any) -> Any:
    """``second - (1 - decay) * sign(second - g**2) * g**2``."""
    square = g**2
    increment = (1 - decay) * square
    return second - by_sign(second - square, increment, 0, -increment)


def _yogi(w: Any, g: Any, state: Any, h: Any) -> Any:
    after = {
        "first_moment": exponential_average(
            state["first_moment"], g, h.beta1, interpolated="lerp" in h.evaluation
        ),
        "second_moment": controlled_second_moment(state["second_moment"], g, h.beta2),
    }
    first = after["first_moment"] / bias_correction(h.beta1, h.step)
    second = after["second_moment"] / bias_correction(h.beta2, h.step)
    denominator = epsilon_outside_root(second, h.epsilon)
    return descend_quotient(w, first, denominator, h.learning_rate), after


YOGI = method(
    Method(
        id="yogi",
        title="Yogi",
        family="adam",
        source="prince:Notes Adaptive training",
        hyperparameters={
            **_HYPERPARAMETERS,
            "epsilon": non_negative(1e-3, 1e-8, 0.1, 0.0),
            "initial_accumulator": non_negative(1e-6, 0.1, 0.0),
        },
        dialects={
            "both-moments-given": Dialect(
                update=_yogi,
                equations=("yogi", "adam-bias-correction"),
                summary="Adam with v - (1 - beta2) sign(v - g^2) g^2; m and v start at a value",
                initial_state=lambda zeros, h: {
                    "first_moment": zeros + h.initial_accumulator,
                    "second_moment": zeros + h.initial_accumulator,
                },
            ),
            "second-moment-given": Dialect(
                update=_yogi,
                equations=("yogi", "adam-bias-correction"),
                summary="as both-moments-given, but m starts at zero",
                initial_state=lambda zeros, h: {
                    "first_moment": zeros,
                    "second_moment": zeros + h.initial_accumulator,
                },
            ),
        },
    )
)
