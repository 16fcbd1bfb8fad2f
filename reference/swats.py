"""SWATS: Adam that switches to SGD with a learning rate that it has estimated."""

from __future__ import annotations

from typing import Any

from optcheck.reference.adam import ADAM, bias_correction, zero_moments
from optcheck.reference.balls import Scalar
from optcheck.reference.domains import positive
from optcheck.reference.functions import dot
from optcheck.reference.gradient_descent import descend
from optcheck.reference.momentum import gradient_velocity
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "swats",
    title="SWATS: the rate of SGD whose step, projected on Adam's, is Adam's",
    formula=(
        r"\gamma_t=\frac{p_t^Tp_t}{-p_t^Tg_t},\ "
        r"\lambda_t=\beta_2\lambda_{t-1}+(1-\beta_2)\gamma_t;\quad\text{switch to SGD with rate }"
        r"\Lambda=\tfrac{\lambda_t}{1-\beta_2^t}\text{ when }"
        r"\big|\tfrac{\lambda_t}{1-\beta_2^t}-\gamma_t\big|<\varepsilon"
    ),
    sources=("prince:Notes SGD vs. Adam", "keskar-socher:Alg 1"),
)
def projected_rate(step: Any, g: Any) -> Any:
    """``step . step / -(step . g)``, a scalar."""
    return dot(step, step) / -dot(step, g)


def _is_below(value: Any, limit: Any) -> bool | None:
    """Whether ``value < limit``; None where the balls do not decide."""
    difference = value - limit
    if not isinstance(difference, Scalar):
        return bool(difference < 0)
    if difference.ball < 0:
        return True
    return False if difference.ball >= 0 else None


def _is_zero(value: Any) -> bool | None:
    if not isinstance(value, Scalar):
        return bool(value == 0)
    if value.ball.is_zero():
        return True
    return None if value.ball.contains(0) or not value.ball.is_finite() else False


def _undecided(w: Any, state: Any) -> Any:
    """NaN everywhere: which phase follows is not known, and so nothing is decided from here on."""
    numbers = ("first_moment", "second_moment", "velocity", "rate")
    nothing = {name: state[name] / (state[name] * 0) for name in numbers}
    return w / (w * 0), {**state, **nothing}


def _update(w: Any, g: Any, state: Any, h: Any) -> Any:
    if state["phase"] == "sgd":
        return _descend(w, g, state, h)
    new, after = ADAM.dialects["epsilon-outside-root"].update(w, g, state, h)
    # Adam's step from zero, so that it is not rounded into the parameter first.
    step = ADAM.dialects["epsilon-outside-root"].update(w * 0, g, state, h)[0]
    after = {**after, "velocity": state["velocity"], "phase": "adam", "rate": state["rate"]}
    still = _is_zero(dot(step, g))
    if still:
        return new, after
    if still is None:
        return _undecided(w, after)
    projected = projected_rate(step, g)
    rate = h.beta2 * state["rate"] + (1 - h.beta2) * projected
    corrected = rate / bias_correction(h.beta2, h.step)
    after["rate"] = rate
    switches = not h.first and _is_below(abs(corrected - projected), h.switch_tolerance)
    if switches is None:
        return _undecided(w, after)
    return new, ({**after, "phase": "sgd", "rate": corrected} if switches else after)


def _descend(w: Any, g: Any, state: Any, h: Any) -> Any:
    velocity = gradient_velocity(state["velocity"], g, h.beta1)
    rate = (1 - h.beta1) * state["rate"]
    return descend(w, velocity, rate), {**state, "velocity": velocity}


SWATS = method(
    Method(
        id="swats",
        title="SWATS",
        family="adam",
        source="prince:Notes SGD vs. Adam",
        # The tolerance is 1e-9 in the paper; larger ones let the switch be seen.
        hyperparameters={**ADAM.hyperparameters, "switch_tolerance": positive(1e-9, 1e-3, 0.1)},
        elementwise=False,
        dialects={
            "plain": Dialect(
                update=_update,
                equations=("swats", "adam-bias-correction"),
                summary="Adam until the projected rate settles, then momentum with that rate; "
                "each array by itself",
                initial_state=lambda zeros, h: {
                    **zero_moments(zeros, h),
                    "velocity": zeros,
                    "rate": 0 * h.learning_rate,
                    "phase": "adam",
                },
            )
        },
    )
)
