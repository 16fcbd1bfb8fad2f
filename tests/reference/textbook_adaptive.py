"""AdaGrad, RMSProp and AdaDelta from the texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from exact_numbers import MP
from textbook_registry import POINTS, ZERO, State, rule


@rule("adagrad", "epsilon-outside-root")
def _adagrad(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = state.get("sum_of_squares", h.initial_accumulator) + g * g
    return w - h.learning_rate / (MP.sqrt(r) + h.epsilon) * g, {"sum_of_squares": r}


@rule("adagrad", "epsilon-inside-root")
def _adagrad_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = state.get("sum_of_squares", h.initial_accumulator) + g * g
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"sum_of_squares": r}


# RMSProp: bishop 7.41 and 7.42, goodfellow Alg 8.5 and 8.6, trofimov's slide, Graves (38).


def _squares(state: State, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * state.get("second_moment", ZERO) + (1 - h.decay) * g * g


def _mean(state: State, g: Any, h: SimpleNamespace) -> Any:
    return h.decay * state.get("first_moment", ZERO) + (1 - h.decay) * g


def _deviation(variance: Any) -> Any:
    """The root of what is not negative; mpmath's own last place may say otherwise."""
    return MP.sqrt(max(variance, ZERO))


@rule("rmsprop", "epsilon-outside-root")
def _rmsprop(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    return w - h.learning_rate / (MP.sqrt(r) + h.epsilon) * g, {"second_moment": r}


@rule("rmsprop", "epsilon-inside-root")
def _rmsprop_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"second_moment": r}


@rule("rmsprop", "epsilon-inside-root+first-square")
def _first_square(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = g * g if t == 1 else _squares(state, g, h)
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"second_moment": r}


@rule("rmsprop", "epsilon-inside-root+initial-mean-square")
def _initial_mean_square(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = h.decay * state.get("second_moment", h.initial_mean_square) + (1 - h.decay) * g * g
    return w - h.learning_rate / MP.sqrt(r + h.epsilon) * g, {"second_moment": r}


@rule("rmsprop", "epsilon-inside-root+corrected")
def _corrected(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    bottom = MP.sqrt(r / (1 - h.decay**t) + h.epsilon)
    return w - h.learning_rate / bottom * g, {"second_moment": r}


@rule("rmsprop", "epsilon-outside-root+centered")
def _centered(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r, m = _squares(state, g, h), _mean(state, g, h)
    bottom = _deviation(r - m * m) + h.epsilon
    return w - h.learning_rate * g / bottom, {"second_moment": r, "first_moment": m}


@rule("rmsprop", "epsilon-inside-root+centered")
def _centered_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r, m = _squares(state, g, h), _mean(state, g, h)
    bottom = _deviation(r - m * m + h.epsilon)
    return w - h.learning_rate * g / bottom, {"second_moment": r, "first_moment": m}


@rule("rmsprop", "epsilon-inside-root+centered+corrected")
def _centered_corrected(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r, m = _squares(state, g, h), _mean(state, g, h)
    weight = 1 - h.decay**t
    bottom = _deviation(r / weight - (m / weight) ** 2 + h.epsilon)
    return w - h.learning_rate * g / bottom, {"second_moment": r, "first_moment": m}


@rule("rmsprop", "epsilon-outside-root+learning-rate-outside")
def _velocity(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    v = h.momentum * state.get("velocity", ZERO) + g / (MP.sqrt(r) + h.epsilon)
    return w - h.learning_rate * v, {"second_moment": r, "velocity": v}


@rule("rmsprop", "epsilon-outside-root+centered+learning-rate-outside")
def _centered_velocity(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r, m = _squares(state, g, h), _mean(state, g, h)
    v = h.momentum * state.get("velocity", ZERO) + g / (_deviation(r - m * m) + h.epsilon)
    return w - h.learning_rate * v, {"second_moment": r, "first_moment": m, "velocity": v}


@rule("rmsprop", "epsilon-inside-root+learning-rate-inside")
def _heavy_ball(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    v = h.momentum * state.get("velocity", ZERO) - h.learning_rate * g / MP.sqrt(r + h.epsilon)
    return w + v, {"second_moment": r, "velocity": v}


@rule("rmsprop", "epsilon-inside-root+centered+learning-rate-inside")
def _centered_heavy_ball(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r, m = _squares(state, g, h), _mean(state, g, h)
    step = h.learning_rate * g / _deviation(r - m * m + h.epsilon)
    v = h.momentum * state.get("velocity", ZERO) - step
    return w + v, {"second_moment": r, "first_moment": m, "velocity": v}


@rule("rmsprop", "epsilon-inside-root+learning-rate-inside+nesterov")
def _nesterov(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """The velocity of the heavy ball, applied once more, as in the shifted form of Nesterov."""
    r = _squares(state, g, h)
    step = h.learning_rate * g / MP.sqrt(r + h.epsilon)
    v = h.momentum * state.get("velocity", ZERO) - step
    return w + h.momentum * v - step, {"second_moment": r, "velocity": v}


@rule("rmsprop", "epsilon-outside-root+look-ahead")
def _look_ahead(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    r = _squares(state, g, h)
    step = h.learning_rate * g / (MP.sqrt(r) + h.epsilon)
    v = h.momentum * state.get("velocity", ZERO) - step
    return w + v, {"second_moment": r, "velocity": v}


POINTS["rmsprop", "epsilon-outside-root+look-ahead"] = lambda w, s, h: (
    w + h.momentum * s.get("velocity", ZERO)
)


def _adadelta(w: Any, g: Any, state: State, h: SimpleNamespace, initial: Any) -> Any:
    """goodfellow Alg 8.8; the learning rate is one in the texts."""
    r = h.decay * state.get("second_moment", ZERO) + (1 - h.decay) * g * g
    s = state.get("update_second_moment", initial)
    step = MP.sqrt(s + h.epsilon) / MP.sqrt(r + h.epsilon) * g
    s = h.decay * s + (1 - h.decay) * step * step
    return w - h.learning_rate * step, {"second_moment": r, "update_second_moment": s}


@rule("adadelta", "epsilon-inside-roots")
def _adadelta_from_zero(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    return _adadelta(w, g, state, h, ZERO)


@rule("adadelta", "initial-update")
def _adadelta_given(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """trofimov: D(-1) = 0 and the first change is given."""
    return _adadelta(w, g, state, h, (1 - h.decay) * h.initial_update**2)
