"""A rate for each coordinate from its squared gradients: AdaGrad, RMSProp, AdaDelta."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import (
    Array,
    State,
    average,
    buffer,
    inside_root,
    next_step,
    outside_root,
)
from optcheck.backends.numpy.momentum import ahead, momentum_inside, momentum_outside

rules = FunctionBackend("numpy")

Root = Callable[[Array, float], Array]


def _sum_of_squares(g: Array, state: State, initial: float) -> Array:
    total = buffer(state, "sum_of_squares", g, initial)
    total += g * g
    return total


@rules.update_rule("adagrad", dialect="epsilon-outside-root")
def adagrad_outside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    initial_accumulator: float,
) -> None:
    """The squares are summed and never forgotten: the rates can only fall."""
    squares = _sum_of_squares(g, state, initial_accumulator)
    w -= learning_rate * (g / outside_root(squares, epsilon))


@rules.update_rule("adagrad", dialect="epsilon-inside-root")
def adagrad_inside(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    initial_accumulator: float,
) -> None:
    """As epsilon-outside-root; inside it, epsilon acts like its own root outside."""
    squares = _sum_of_squares(g, state, initial_accumulator)
    w -= learning_rate * (g / inside_root(squares, epsilon))


def _scaled(g: Array, state: State, decay: float, epsilon: float, root: Root) -> Array:
    """The gradient, divided by its root mean square; ``root`` places epsilon."""
    return g / root(average(state, "second_moment", g * g, decay), epsilon)


def _centered(g: Array, state: State, decay: float, epsilon: float, root: Root) -> Array:
    """The gradient, divided by its standard deviation."""
    squares = average(state, "second_moment", g * g, decay)
    mean = average(state, "first_moment", g.copy(), decay)
    return g / root(_variance(squares, mean), epsilon)


def _variance(squares: Array, mean: Array) -> Array:
    """``squares - mean**2`` as a product of two factors, since a large mean has no square.

    Rounding may take the first one below zero, where the variance has no root.
    """
    root, size = np.sqrt(squares), np.abs(mean)
    variance: Array = np.maximum(root - size, 0.0) * (root + size)
    return variance


@rules.update_rule("rmsprop", dialect="epsilon-outside-root")
def rmsprop_outside(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """AdaGrad that forgets: an average stands in place of the sum."""
    w -= learning_rate * _scaled(g, state, decay, epsilon, outside_root)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root")
def rmsprop_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """As epsilon-outside-root, with the other denominator."""
    w -= learning_rate * _scaled(g, state, decay, epsilon, inside_root)


@rules.update_rule("rmsprop", dialect="epsilon-outside-root+centered")
def rmsprop_outside_centered(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """Divided by the standard deviation: a steady gradient makes long steps."""
    w -= learning_rate * _centered(g, state, decay, epsilon, outside_root)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+centered")
def rmsprop_inside_centered(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """As epsilon-outside-root+centered, with the other denominator."""
    w -= learning_rate * _centered(g, state, decay, epsilon, inside_root)


# RMSProp with momentum is momentum that takes scaled gradients for gradients.


@rules.update_rule("rmsprop", dialect="epsilon-outside-root+learning-rate-outside")
def rmsprop_outside_momentum(
    w: Array, g: Array, state: State, *, decay: float, epsilon: float, **momentum: float
) -> None:
    """The velocity sums scaled gradients."""
    momentum_outside(w, _scaled(g, state, decay, epsilon, outside_root), state, **momentum)


@rules.update_rule("rmsprop", dialect="epsilon-outside-root+centered+learning-rate-outside")
def rmsprop_outside_centered_momentum(
    w: Array, g: Array, state: State, *, decay: float, epsilon: float, **momentum: float
) -> None:
    """As epsilon-outside-root+learning-rate-outside, centred."""
    momentum_outside(w, _centered(g, state, decay, epsilon, outside_root), state, **momentum)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+learning-rate-inside")
def rmsprop_inside_momentum(
    w: Array, g: Array, state: State, *, decay: float, epsilon: float, **momentum: float
) -> None:
    """The velocity is a step."""
    momentum_inside(w, _scaled(g, state, decay, epsilon, inside_root), state, **momentum)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+centered+learning-rate-inside")
def rmsprop_inside_centered_momentum(
    w: Array, g: Array, state: State, *, decay: float, epsilon: float, **momentum: float
) -> None:
    """As epsilon-inside-root+learning-rate-inside, centred."""
    momentum_inside(w, _centered(g, state, decay, epsilon, inside_root), state, **momentum)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+learning-rate-inside+nesterov")
def rmsprop_inside_nesterov(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    decay: float,
    epsilon: float,
    momentum: float,
) -> None:
    """The velocity is a step, and what it will be worth at the next one is taken at once."""
    step = learning_rate * _scaled(g, state, decay, epsilon, inside_root)
    velocity = buffer(state, "velocity", w)
    velocity *= momentum
    velocity -= step
    w += momentum * velocity - step


@rules.update_rule("rmsprop", dialect="epsilon-outside-root+look-ahead", evaluation_point=ahead)
def rmsprop_look_ahead(
    w: Array, g: Array, state: State, *, decay: float, epsilon: float, **momentum: float
) -> None:
    """The velocity is a step; the gradient is that of the look-ahead point."""
    momentum_inside(w, _scaled(g, state, decay, epsilon, outside_root), state, **momentum)


# Where the mean square starts decides the size of the first steps.


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+first-square")
def rmsprop_first_square(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """The first square is the first average: nothing is averaged with zero."""
    decay = decay if "second_moment" in state else 0.0
    w -= learning_rate * _scaled(g, state, decay, epsilon, inside_root)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+initial-mean-square")
def rmsprop_initial_mean_square(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    decay: float,
    epsilon: float,
    initial_mean_square: float,
) -> None:
    """The mean square starts at a given value."""
    buffer(state, "second_moment", w, initial_mean_square)
    w -= learning_rate * _scaled(g, state, decay, epsilon, inside_root)


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+corrected")
def rmsprop_inside_corrected(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """The mean square starts at zero, and is divided by the weight of what it has seen."""
    seen = 1.0 - decay ** next_step(state)
    squares = average(state, "second_moment", g * g, decay)
    w -= learning_rate * (g / inside_root(squares / seen, epsilon))


@rules.update_rule("rmsprop", dialect="epsilon-inside-root+centered+corrected")
def rmsprop_inside_centered_corrected(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """Both averages are corrected before the variance is made of them."""
    seen = 1.0 - decay ** next_step(state)
    squares = average(state, "second_moment", g * g, decay)
    mean = average(state, "first_moment", g.copy(), decay)
    w -= learning_rate * (g / inside_root(_variance(squares / seen, mean / seen), epsilon))


@rules.update_rule("adadelta", dialect="epsilon-inside-roots")
def adadelta(
    w: Array, g: Array, state: State, *, learning_rate: float, decay: float, epsilon: float
) -> None:
    """The root mean square of earlier steps gives the step the unit of the parameter."""
    squares = average(state, "second_moment", g * g, decay)
    updates = buffer(state, "update_second_moment", w)
    step = inside_root(updates, epsilon) / inside_root(squares, epsilon) * g
    w -= learning_rate * step
    average(state, "update_second_moment", step * step, decay)


@rules.update_rule("adadelta", dialect="initial-update")
def adadelta_initial_update(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    decay: float,
    epsilon: float,
    initial_update: float,
) -> None:
    """As if one update of a given size had gone before."""
    buffer(state, "update_second_moment", w, (1.0 - decay) * initial_update**2)
    adadelta(w, g, state, learning_rate=learning_rate, decay=decay, epsilon=epsilon)
