"""Momentum in its four dialects.

With a constant learning rate all four follow the same path after a change of hyper-parameters.
They part when the learning rate changes: ``learning-rate-inside`` keeps old rates in its
velocity, the others rescale the whole velocity.
"""

from __future__ import annotations

from typing import Any

from optcheck.reference.domains import positive, unit_interval
from optcheck.reference.gradient_descent import descend
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "momentum-update-heavy-ball",
    title="Momentum: the weight change remembers the previous one",
    formula=(
        r"\Delta\mathbf{w}^{(\tau-1)}=-\eta\nabla E(\mathbf{w}^{(\tau-1)})"
        r"+\mu\,\Delta\mathbf{w}^{(\tau-2)}"
    ),
    sources=("bishop:7.31", "goodfellow:Alg 8.2", "trofimov:slide 'Momentum. Implementations'"),
    erratum="B10: 0 <= mu < 1, not mu <= 1. G04: the opening bracket and the minus sign are lost.",
)
def heavy_ball_velocity(velocity: Any, g: Any, momentum: Any, learning_rate: Any) -> Any:
    """``momentum * velocity - learning_rate * g``."""
    return momentum * velocity - learning_rate * g


@equation(
    "momentum-update-velocity",
    title="Momentum: the velocity accumulates gradients",
    formula=r"\mathbf{v}\leftarrow\mu\mathbf{v}+\mathbf{g},\quad\mathbf{w}\leftarrow\mathbf{w}-\eta\mathbf{v}",
    sources=("goodfellow:sec 8.3.3", "prince:6.11"),
)
def gradient_velocity(velocity: Any, g: Any, momentum: Any) -> Any:
    """``momentum * velocity + g``."""
    return momentum * velocity + g


@equation(
    "momentum-update-ema",
    title="Momentum as an exponential moving average of gradients",
    formula=(
        r"\mathbf{m}_{t+1}\leftarrow\beta\,\mathbf{m}_t+(1-\beta)\,\mathbf{g}_t,"
        r"\quad\phi_{t+1}\leftarrow\phi_t-\alpha\,\mathbf{m}_{t+1}"
    ),
    sources=("prince:6.11", "trofimov:slide 'Momentum. Implementations'"),
)
def exponential_average(
    average: Any, value: Any, decay: Any, *, interpolated: bool = False
) -> Any:
    """``decay * average + (1 - decay) * value``.

    ``interpolated`` takes the same map in the order ``average + (1 - decay) (value - average)``.
    """
    if interpolated:
        return average + (1 - decay) * (value - average)
    return decay * average + (1 - decay) * value


def zero_velocity(zeros: Any, h: Any) -> dict[str, Any]:
    """The velocity before the first step, shape of the parameter."""
    return {"velocity": zeros}


def learning_rate_inside(w: Any, g: Any, state: Any, h: Any) -> Any:
    """Heavy ball: ``w + velocity`` with the rate inside the velocity."""
    velocity = heavy_ball_velocity(state["velocity"], g, h.momentum, h.learning_rate)
    return w + velocity, {"velocity": velocity}


def _learning_rate_outside(w: Any, g: Any, state: Any, h: Any) -> Any:
    velocity = gradient_velocity(state["velocity"], g, h.momentum)
    return descend(w, velocity, h.learning_rate), {"velocity": velocity}


def averaged(w: Any, g: Any, state: Any, h: Any) -> Any:
    """Descend along an exponential moving average of the gradients."""
    moment = exponential_average(state["first_moment"], g, h.momentum)
    return descend(w, moment, h.learning_rate), {"first_moment": moment}


def _dampened(w: Any, g: Any, state: Any, h: Any) -> Any:
    # Libraries start the buffer at the first gradient, undamped, and document it.
    velocity = (
        g if h.first else gradient_velocity(state["velocity"], (1 - h.dampening) * g, h.momentum)
    )
    return descend(w, velocity, h.learning_rate), {"velocity": velocity}


MOMENTUM = method(
    Method(
        id="momentum",
        title="Gradient descent with momentum",
        family="momentum",
        source="bishop:7.31",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.001),
            "momentum": unit_interval(0.9, 0.5, 0.99, 0.0),
        },
        extra={"dampened": {"dampening": unit_interval(0.1, 0.5, 0.9, 0.0)}},
        dialects={
            "learning-rate-inside": Dialect(
                update=learning_rate_inside,
                equations=("momentum-update-heavy-ball",),
                summary="v = mu v - eta g; w + v",
                initial_state=zero_velocity,
            ),
            "learning-rate-outside": Dialect(
                update=_learning_rate_outside,
                equations=("momentum-update-velocity",),
                summary="v = mu v + g; w - eta v",
                initial_state=zero_velocity,
            ),
            "averaged": Dialect(
                update=averaged,
                equations=("momentum-update-ema",),
                summary="m = mu m + (1 - mu) g; w - eta m",
                initial_state=lambda zeros, h: {"first_moment": zeros},
            ),
            "dampened": Dialect(
                update=_dampened,
                equations=("momentum-update-velocity",),
                summary="v = g at first, then mu v + (1 - tau) g; w - eta v",
                initial_state=zero_velocity,
            ),
        },
    )
)
