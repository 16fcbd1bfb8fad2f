"""Rules that read the signs of gradients: sign descent, the Rprop family, delta-bar-delta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optcheck.reference.domains import (
    above,
    non_negative,
    open_interval,
    positive,
    unit_interval,
)
from optcheck.reference.functions import by_sign, maximum, minimum, scaled_quotient, sign, sqrt
from optcheck.reference.momentum import exponential_average
from optcheck.reference.registry import Dialect, Method, equation, method, statement


@equation(
    "sign-normalised-gradient-update",
    title="Normalised gradients: every coordinate moves by the learning rate",
    formula=(
        r"\mathbf m\leftarrow\mathbf g,\ \mathbf v\leftarrow\mathbf g^2,\quad"
        r"\phi\leftarrow\phi-\alpha\frac{\mathbf m}{\sqrt{\mathbf v}+\epsilon}"
    ),
    sources=("prince:6.13", "prince:6.14"),
)
def normalised_step(g: Any, learning_rate: Any, epsilon: Any) -> Any:
    """``learning_rate * g / (sqrt(g**2) + epsilon)``."""
    return scaled_quotient(learning_rate, g, sqrt(g**2) + epsilon)


@equation(
    "sign-descent-fixed-distance",
    title="Sign descent moves by the learning rate, whatever the size of the gradient",
    formula=r"\Delta\phi_j=-\alpha\,\mathrm{sgn}(g_j),\qquad"
    r"|\Delta\phi_j|=\alpha\frac{|g_j|}{|g_j|+\epsilon}\to\alpha",
    sources=("prince:sec 6.4", "prince:Fig 6.9"),
    erratum="The distance is alpha only where the gradient is much larger than epsilon.",
)
def sign_step(g: Any, learning_rate: Any) -> Any:
    """``learning_rate * sign(g)``."""
    return learning_rate * sign(g)


@equation(
    "sign-descent-bounces",
    title="Sign descent ends in a cycle of two about the minimum",
    formula=(
        r"\phi_0-\phi^\star\notin\alpha\mathbb Z:\quad\phi_t-\phi^\star\ \text{alternates between}"
        r"\ \rho\ \text{and}\ \rho-\alpha,\quad\rho=(\phi_0-\phi^\star)\bmod\alpha"
    ),
    sources=("prince:sec 6.4", "prince:Fig 6.9"),
)
def resting_offsets(offset: Any, learning_rate: Any) -> tuple[Any, Any]:
    """Between which distances it alternates; both are 0 where it meets the minimum."""
    above = offset % learning_rate
    return (above, above - learning_rate) if above else (above, above)


SIGN_DESCENT = method(
    Method(
        id="sign-descent",
        title="Sign descent",
        family="sign-descent",
        source="prince:6.14",
        hyperparameters={"learning_rate": positive(0.1, 1.0, 0.001)},
        extra={"normalised": {"epsilon": non_negative(1e-8, 1e-3, 0.1, 0.0)}},
        dialects={
            "normalised": Dialect(
                update=lambda w, g, state, h: (
                    w - normalised_step(g, h.learning_rate, h.epsilon),
                    {},
                ),
                equations=("sign-normalised-gradient-update",),
                summary="w - alpha g / (sqrt(g^2) + epsilon)",
            ),
            "sign": Dialect(
                update=lambda w, g, state, h: (w - sign_step(g, h.learning_rate), {}),
                equations=("sign-descent-fixed-distance",),
                summary="w - alpha sign(g)",
            ),
        },
    )
)


@equation(
    "rprop-update",
    title="Rprop: the step grows while the sign persists and shrinks when it changes",
    formula=(
        r"\Delta_j(\tau)=\begin{cases}\min\{\eta^+\Delta_j(\tau-1),\Delta_{\max}\}"
        r"&g_j(\tau-1)g_j(\tau)>0\\\max\{\eta^-\Delta_j(\tau-1),\Delta_{\min}\}"
        r"&g_j(\tau-1)g_j(\tau)<0\\\Delta_j(\tau-1)&\text{otherwise}\end{cases}"
    ),
    sources=("trofimov:slide 'RProp (Resilient Propagation)'",),
)
def adapted_step_size(step_size: Any, product: Any, h: Any) -> Any:
    """The new step sizes; ``product`` is that of this gradient and the one before."""
    return by_sign(
        product,
        minimum(step_size * h.eta_plus, h.step_size_max),
        step_size,
        maximum(step_size * h.eta_minus, h.step_size_min),
    )


def _statement(identifier: str, title: str, formula: str) -> None:
    statement(
        identifier,
        title=title,
        formula=formula,
        sources=(
            "trofimov:slide 'RProp (Resilient Propagation)'",
            "igel-huesken:Improving the Rprop learning algorithm",
        ),
        erratum="T08: the names are Rprop+, Rprop-, iRprop+, iRprop-.",
    )


_statement(
    "rprop-minus",
    "Rprop-: no backtracking; the printed equations",
    r"w_j\leftarrow w_j-\mathrm{sgn}(g_j)\,\Delta_j",
)
_statement(
    "irprop-minus",
    "iRprop-: after a change of sign the gradient counts as zero",
    r"g_j(\tau-1)g_j(\tau)<0:\ g_j(\tau)\leftarrow0",
)
_statement(
    "rprop-plus",
    "Rprop+: a change of sign takes the last step back",
    r"g_j(\tau-1)g_j(\tau)<0:\ \Delta w_j(\tau)=-\Delta w_j(\tau-1),\ g_j(\tau)\leftarrow0",
)
_statement(
    "irprop-plus",
    "iRprop+: the last step is taken back only where the error rose",
    r"g_j(\tau-1)g_j(\tau)<0,\ E(\tau)>E(\tau-1):\ \Delta w_j(\tau)=-\Delta w_j(\tau-1)",
)


@equation(
    "rprop-minibatch-failure",
    title="Rprop drifts on minibatches whose gradients have a mean of zero",
    formula=(
        r"g=+a\ (n-1\ \text{times}),\ -(n-1)a\ \text{once}:\quad\bar g=0,\quad"
        r"\text{in each cycle}\ \Delta w=-"
        r"\Big(\sum_{k<n-1}\min\{s\,\eta_+^k,1\}-b\Big)\Delta_{\max}"
    ),
    sources=("trofimov:slide 'RProp (Resilient Propagation)'",),
)
def drift(dialect: str, h: Any, cycle: int) -> Any:
    """How far it goes against the sign of the many in a cycle, from steps at their largest.

    After the one of the other sign the steps start at a share ``s`` of the largest and grow
    again; that one itself goes back by a share ``b`` (Rprop+ by the whole of the step before).
    """
    shrunk, back = {
        "rprop-minus": (h.eta_minus**2, h.eta_minus),
        "irprop-minus": (h.eta_minus, 0),
        "rprop-plus": (h.eta_minus, 1),
    }[dialect]
    forth = sum(min(shrunk * h.eta_plus**k, 1) for k in range(cycle - 1))
    return (forth - back) * h.step_size_max


def _rprop_minus(w: Any, g: Any, state: Any, h: Any) -> Any:
    step_size = adapted_step_size(state["step_size"], g * state["previous_gradient"], h)
    return w - step_size * sign(g), {"step_size": step_size, "previous_gradient": g}


def _irprop_minus(w: Any, g: Any, state: Any, h: Any) -> Any:
    product = g * state["previous_gradient"]
    step_size = adapted_step_size(state["step_size"], product, h)
    kept = by_sign(product, g, g, 0)
    return w - step_size * sign(kept), {"step_size": step_size, "previous_gradient": kept}


def _backtracking(w: Any, g: Any, state: Any, h: Any, undone: Any) -> tuple[Any, dict[str, Any]]:
    product = g * state["previous_gradient"]
    step_size = adapted_step_size(state["step_size"], product, h)
    forward = -(step_size * sign(g))
    change = by_sign(product, forward, forward, undone)
    return w + change, {
        "step_size": step_size,
        "previous_gradient": by_sign(product, g, g, 0),
        "previous_update": change,
    }


def _rprop_plus(w: Any, g: Any, state: Any, h: Any) -> Any:
    return _backtracking(w, g, state, h, -state["previous_update"])


def _irprop_plus(w: Any, g: Any, state: Any, h: Any) -> Any:
    # Before the first update nothing can be undone, so that any earlier loss will do.
    rise = h.loss - state.get("previous_loss", h.loss)
    still = 0 * w
    undone = by_sign(still + rise, -state["previous_update"], still, still)
    new, after = _backtracking(w, g, state, h, undone)
    return new, {**after, "previous_loss": h.loss}


def _initial_steps(zeros: Any, h: Any) -> dict[str, Any]:
    return {"step_size": zeros + h.learning_rate, "previous_gradient": zeros}


def _initial_steps_and_update(zeros: Any, h: Any) -> dict[str, Any]:
    return {**_initial_steps(zeros, h), "previous_update": zeros}


def _within_bounds(h: Mapping[str, float]) -> str | None:
    if h["step_size_min"] <= h["learning_rate"] <= h["step_size_max"]:
        return None
    return "the initial step, learning_rate, must lie between step_size_min and step_size_max"


RPROP = method(
    Method(
        id="rprop",
        title="Resilient propagation",
        family="rprop",
        source="trofimov:slide 'RProp (Resilient Propagation)'",
        hyperparameters={
            "learning_rate": positive(0.01, 0.1, 1.0),
            "eta_minus": open_interval(0.5, 0.25, 0.75),
            "eta_plus": above(1.0, 1.2, 2.0, 1.5),
            "step_size_min": positive(1e-6, 1e-3, 0.01),
            "step_size_max": positive(50.0, 1.0, 2.0),
        },
        scheduled=False,
        constraint=_within_bounds,
        dialects={
            "rprop-minus": Dialect(
                update=_rprop_minus,
                equations=("rprop-update", "rprop-minus"),
                summary="the step adapts; w - sign(g) step, also after a change of sign",
                initial_state=_initial_steps,
            ),
            "irprop-minus": Dialect(
                update=_irprop_minus,
                equations=("rprop-update", "irprop-minus"),
                summary="as rprop-minus, but a change of sign zeroes the gradient: no move",
                initial_state=_initial_steps,
            ),
            "rprop-plus": Dialect(
                update=_rprop_plus,
                equations=("rprop-update", "rprop-plus"),
                summary="as irprop-minus, but a change of sign takes the last step back",
                initial_state=_initial_steps_and_update,
            ),
            "irprop-plus": Dialect(
                update=_irprop_plus,
                equations=("rprop-update", "irprop-plus"),
                summary="as rprop-plus, but it steps back only where the loss has risen",
                initial_state=_initial_steps_and_update,
                signals=("loss",),
            ),
        },
    )
)


@equation(
    "delta-bar-delta",
    title="Delta-bar-delta: rates grow by addition and fall by multiplication",
    formula=(
        r"\epsilon_j\leftarrow\begin{cases}\epsilon_j+\kappa&\bar\delta_j(t-1)\delta_j(t)>0\\"
        r"\epsilon_j(1-\phi)&\bar\delta_j(t-1)\delta_j(t)<0\\\epsilon_j&\text{otherwise}"
        r"\end{cases},\quad\bar\delta_j(t)=(1-\theta)\delta_j(t)+\theta\bar\delta_j(t-1)"
    ),
    sources=("goodfellow:sec 8.4",),
)
def adapted_rates(rates: Any, product: Any, h: Any) -> Any:
    """The new rates; ``product`` is that of the gradient and the average of those before."""
    return by_sign(product, rates + h.rate_increment, rates, rates * (1 - h.rate_reduction))


def _delta_bar_delta(w: Any, g: Any, state: Any, h: Any) -> Any:
    rates = adapted_rates(state["rates"], g * state["averaged_gradient"], h)
    averaged = exponential_average(state["averaged_gradient"], g, h.decay)
    return w - rates * g, {"rates": rates, "averaged_gradient": averaged}


DELTA_BAR_DELTA = method(
    Method(
        id="delta-bar-delta",
        title="Delta-bar-delta",
        family="rprop",
        source="goodfellow:sec 8.4",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.001),
            "rate_increment": non_negative(0.01, 0.1, 0.0),
            "rate_reduction": unit_interval(0.1, 0.5, 0.0),
            "decay": unit_interval(0.7, 0.5, 0.9, 0.0),
        },
        scheduled=False,
        dialects={
            "plain": Dialect(
                update=_delta_bar_delta,
                equations=("delta-bar-delta",),
                summary="rate + kappa while g agrees with its average, else rate (1 - phi); "
                "w - rate g",
                initial_state=lambda zeros, h: {
                    "rates": zeros + h.learning_rate,
                    "averaged_gradient": zeros,
                },
            )
        },
    )
)
