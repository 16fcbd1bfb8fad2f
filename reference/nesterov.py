"""Nesterov momentum: the textbook look-ahead, its average, and the shifted form of libraries.

The look-ahead dialects take the gradient at ``evaluation_point`` and not at the parameter. The
shifted forms store the look-ahead point itself, so that the gradient is taken where the parameter
is: with a constant learning rate their parameter equals ``w + mu v`` of the look-ahead form, and
with the rate inside the velocity it does so whatever the rates.
"""

from __future__ import annotations

from typing import Any

from optcheck.reference.balls import Balls
from optcheck.reference.domains import positive, unit_interval
from optcheck.reference.gradient_descent import descend
from optcheck.reference.momentum import (
    averaged,
    gradient_velocity,
    heavy_ball_velocity,
    learning_rate_inside,
    zero_velocity,
)
from optcheck.reference.registry import Dialect, Method, equation, method


@equation(
    "nesterov-update-heavy-ball",
    title="Nesterov momentum: the gradient is taken after the momentum step",
    formula=(
        r"\Delta\mathbf{w}^{(\tau-1)}=-\eta\nabla E\big(\mathbf{w}^{(\tau-1)}"
        r"+\mu\Delta\mathbf{w}^{(\tau-2)}\big)+\mu\Delta\mathbf{w}^{(\tau-2)}"
    ),
    sources=(
        "bishop:7.34",
        "goodfellow:Alg 8.3",
        "trofimov:slide 'Nesterov Accelerated Gradient'",
    ),
    erratum="G05: the bracket and the minus sign are lost. G06: alpha v is added twice.",
)
def look_ahead_point(w: Any, velocity: Any, momentum: Any) -> Any:
    """``w + momentum * velocity``."""
    return w + momentum * velocity


@equation(
    "nesterov-update-ema",
    title="Nesterov momentum with an exponential moving average",
    formula=(
        r"\mathbf{m}_{t+1}\leftarrow\beta\mathbf{m}_t+(1-\beta)\,"
        r"\mathbf{g}[\phi_t-\alpha\beta\,\mathbf{m}_t],\quad"
        r"\phi_{t+1}\leftarrow\phi_t-\alpha\,\mathbf{m}_{t+1}"
    ),
    sources=("prince:6.12",),
)
def averaged_look_ahead_point(w: Any, moment: Any, momentum: Any, learning_rate: Any) -> Any:
    """``w - learning_rate * momentum * moment``."""
    return w - learning_rate * momentum * moment


@equation(
    "nesterov-update-velocity",
    title="Nesterov momentum, shifted to the look-ahead point",
    formula=(
        r"\mathbf{v}\leftarrow\mu\mathbf{v}+\mathbf{g},\quad"
        r"\mathbf{w}\leftarrow\mathbf{w}-\eta(\mathbf{g}+\mu\mathbf{v})"
    ),
    sources=("goodfellow:sec 8.3.4",),
    erratum="G05: as printed, with the lost minus sign, it diverges on any convex quadratic.",
)
def shifted_direction(velocity: Any, g: Any, momentum: Any) -> Any:
    """``g + momentum * velocity``."""
    return g + momentum * velocity


def _shifted(w: Any, g: Any, state: Any, h: Any) -> Any:
    velocity = gradient_velocity(state["velocity"], g, h.momentum)
    direction = shifted_direction(velocity, g, h.momentum)
    return descend(w, direction, h.learning_rate), {"velocity": velocity}


def _shifted_inside(w: Any, g: Any, state: Any, h: Any) -> Any:
    velocity = heavy_ball_velocity(state["velocity"], g, h.momentum, h.learning_rate)
    new = w + heavy_ball_velocity(velocity, g, h.momentum, h.learning_rate)
    if isinstance(new, Balls):
        # Or from left to right: on the way it is where one of the two terms alone leads.
        ahead = look_ahead_point(w, velocity, h.momentum)
        new = new.reordered(ahead, descend(w, g, h.learning_rate))
    return new, {"velocity": velocity}


NESTEROV = method(
    Method(
        id="nesterov",
        title="Nesterov momentum",
        family="nesterov",
        source="bishop:7.34",
        hyperparameters={
            "learning_rate": positive(0.1, 1.0, 0.001),
            "momentum": unit_interval(0.9, 0.5, 0.99, 0.0),
        },
        dialects={
            "look-ahead": Dialect(
                update=learning_rate_inside,
                equations=("nesterov-update-heavy-ball",),
                summary="v = mu v - eta g(w + mu v); w + v",
                initial_state=zero_velocity,
                evaluation_point=lambda w, state, h: look_ahead_point(
                    w, state["velocity"], h.momentum
                ),
            ),
            "look-ahead-averaged": Dialect(
                update=averaged,
                equations=("nesterov-update-ema",),
                summary="m = mu m + (1 - mu) g(w - eta mu m); w - eta m",
                initial_state=lambda zeros, h: {"first_moment": zeros},
                evaluation_point=lambda w, state, h: averaged_look_ahead_point(
                    w, state["first_moment"], h.momentum, h.learning_rate
                ),
            ),
            "shifted": Dialect(
                update=_shifted,
                equations=("nesterov-update-velocity",),
                summary="v = mu v + g; w - eta (g + mu v)",
                initial_state=zero_velocity,
            ),
            "shifted+learning-rate-inside": Dialect(
                update=_shifted_inside,
                equations=("nesterov-update-heavy-ball", "nesterov-change-of-variables"),
                summary="v = mu v - eta g; w + mu v - eta g",
                initial_state=zero_velocity,
            ),
        },
    )
)
