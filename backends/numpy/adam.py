"""Adam, and its relatives that change the denominator or add to the step.

AdamW, AMSGrad, Adamax and Yogi; gradient accumulation, which feeds Adam. What a rule only hands on
is collected: ``**betas`` are beta1 and beta2, ``**adam`` is all that Adam takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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

rules = FunctionBackend("numpy")


@dataclass(frozen=True)
class Moments:
    """The averages of the gradient and of its square after ``step`` steps; both start at zero.

    The weights of the gradients in them add up to 1 - beta**step. Divided by that
    (``first_hat``, ``second_hat``) they are means of what has been seen.
    """

    first: Array
    second: Array
    beta1: float
    beta2: float
    step: int

    @property
    def first_hat(self) -> Array:
        """The mean of the gradients."""
        return self.first / correction(self.beta1, self.step)

    @property
    def second_hat(self) -> Array:
        """The mean of their squares."""
        return self.second / correction(self.beta2, self.step)


def correction(beta: float, step: int) -> float:
    """The total weight of ``step`` gradients in an average that starts at zero."""
    return float(1.0 - beta**step)


def moments_at(step: int, g: Array, state: State, *, beta1: float, beta2: float) -> Moments:
    """The moments in ``state`` with the gradient of ``step`` averaged in."""
    first = average(state, "first_moment", g.copy(), beta1)
    second = average(state, "second_moment", g * g, beta2)
    return Moments(first, second, beta1, beta2, step)


def next_moments(g: Array, state: State, **betas: float) -> Moments:
    """The moments of the next step, which is counted."""
    return moments_at(next_step(state), g, state, **betas)


def direction(m: Moments, epsilon: float) -> Array:
    """What Adam moves against: ``m_hat / (sqrt(v_hat) + epsilon)``."""
    return m.first_hat / outside_root(m.second_hat, epsilon)


def adam_at(
    step: int,
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    **betas: float,
) -> None:
    """Adam's step of that number."""
    w -= learning_rate * direction(moments_at(step, g, state, **betas), epsilon)


@rules.update_rule("adam", dialect="epsilon-outside-root")
def adam_outside(w: Array, g: Array, state: State, **adam: float) -> None:
    """Both moments corrected, then epsilon: the form of most texts."""
    adam_at(next_step(state), w, g, state, **adam)


@rules.update_rule("adam", dialect="epsilon-inside-root")
def adam_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """As epsilon-outside-root, with the other denominator."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first_hat / inside_root(m.second_hat, epsilon))


@rules.update_rule("adam", dialect="epsilon-hat")
def adam_epsilon_hat(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """Both corrections are in the rate, so that early on epsilon weighs more."""
    m = next_moments(g, state, **betas)
    rate = learning_rate * math.sqrt(correction(m.beta2, m.step)) / correction(m.beta1, m.step)
    w -= rate * (m.first / outside_root(m.second, epsilon))


@rules.update_rule("adam", dialect="uncorrected")
def adam_uncorrected(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """The moments as they are: with the usual betas the first steps are too long."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first / outside_root(m.second, epsilon))


@rules.update_rule("adamw", dialect="decoupled")
def adamw(
    w: Array, g: Array, state: State, *, learning_rate: float, weight_decay: float, **adam: float
) -> None:
    """The decay stands beside Adam's step, where the second moment does not scale it."""
    decay = learning_rate * weight_decay * w
    adam_outside(w, g, state, learning_rate=learning_rate, **adam)
    w -= decay


@rules.update_rule("adamw", dialect="decoupled-unscaled")
def adamw_unscaled(
    w: Array, g: Array, state: State, *, weight_decay: float, **adam: float
) -> None:
    """As decoupled; the learning rate does not scale the decay either."""
    decay = weight_decay * w
    adam_outside(w, g, state, **adam)
    w -= decay


def _largest(state: State, squares: Array) -> Array:
    """The largest that each of ``squares`` has been."""
    largest = buffer(state, "largest_second_moment", squares)
    np.maximum(largest, squares, out=largest)
    return largest


@rules.update_rule("amsgrad", dialect="maximum-of-raw")
def amsgrad_of_raw(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """The correction divides the maximum, so that the denominator can still fall."""
    m = next_moments(g, state, **betas)
    largest = _largest(state, m.second) / correction(m.beta2, m.step)
    w -= learning_rate * (m.first_hat / outside_root(largest, epsilon))


@rules.update_rule("amsgrad", dialect="maximum-of-corrected")
def amsgrad_of_corrected(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """The maximum is of what Adam divides by: the denominator never falls."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first_hat / outside_root(_largest(state, m.second_hat), epsilon))


@rules.update_rule("amsgrad", dialect="maximum-of-corrected+epsilon-inside-root")
def amsgrad_of_corrected_inside(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """As maximum-of-corrected, with the other denominator."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first_hat / inside_root(_largest(state, m.second_hat), epsilon))


@rules.update_rule("amsgrad", dialect="first-corrected")
def amsgrad_first_corrected(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """The maximum of the raw second moment, which is not corrected at all."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first_hat / outside_root(_largest(state, m.second), epsilon))


@rules.update_rule("amsgrad", dialect="uncorrected")
def amsgrad_uncorrected(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """The algorithm as it was published: nothing is corrected."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (m.first / outside_root(_largest(state, m.second), epsilon))


def _norm(state: State, magnitude: Array, beta2: float) -> Array:
    """The largest magnitude so far, each one faded by its age."""
    norm = buffer(state, "infinity_norm", magnitude)
    norm *= beta2
    np.maximum(norm, magnitude, out=norm)
    return norm


@rules.update_rule("adamax", dialect="epsilon-in-maximum")
def adamax_in_maximum(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """Adam with a maximum for the average of squares; epsilon keeps it above zero."""
    rate = learning_rate / correction(beta1, next_step(state))
    first = average(state, "first_moment", g.copy(), beta1)
    w -= rate * (first / _norm(state, np.abs(g) + epsilon, beta2))


@rules.update_rule("adamax", dialect="epsilon-added")
def adamax_added(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """As epsilon-in-maximum, but epsilon is added to the maximum and not kept in it."""
    rate = learning_rate / correction(beta1, next_step(state))
    first = average(state, "first_moment", g.copy(), beta1)
    w -= rate * (first / (_norm(state, np.abs(g), beta2) + epsilon))


def _follow(second: Array, square: Array, beta2: float) -> None:
    """Move ``second`` towards ``square``, by a share of the square and not of the difference."""
    below, above = second < square, second > square
    square *= 1.0 - beta2
    np.add(second, square, out=second, where=below)
    np.subtract(second, square, out=second, where=above)


@rules.update_rule("yogi", dialect="second-moment-given")
def yogi(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    initial_accumulator: float,
) -> None:
    """Adam whose second moment forgets a large gradient as slowly as it learns small ones."""
    step = next_step(state)
    first = average(state, "first_moment", g.copy(), beta1)
    second = buffer(state, "second_moment", w, initial_accumulator)
    _follow(second, g * g, beta2)
    w -= learning_rate * direction(Moments(first, second, beta1, beta2, step), epsilon)


@rules.update_rule("yogi", dialect="both-moments-given")
def yogi_both_given(
    w: Array, g: Array, state: State, *, initial_accumulator: float, **adam: float
) -> None:
    """As second-moment-given; the first moment starts at the same value."""
    buffer(state, "first_moment", w, initial_accumulator)
    yogi(w, g, state, initial_accumulator=initial_accumulator, **adam)


def _spend(gathered: Array, every: int, w: Array, state: State, **adam: float) -> None:
    """Every so many steps, Adam's step with what has been ``gathered``, which starts anew."""
    updates, missing = divmod(state["step"], every)
    if not missing:
        adam_at(updates, w, gathered, state, **adam)
        gathered[...] = 0.0


@rules.update_rule("gradient-accumulation", dialect="mean")
def accumulated_mean(
    w: Array, g: Array, state: State, *, accumulation_steps: float, **adam: float
) -> None:
    """Adam sees the mean of the last gradients, which is kept as a mean all along."""
    every = int(accumulation_steps)
    position = (next_step(state) - 1) % every + 1
    mean = buffer(state, "accumulated_gradient", w)
    mean += (g - mean) / position
    _spend(mean, every, w, state, **adam)


@rules.update_rule("gradient-accumulation", dialect="sum")
def accumulated_sum(
    w: Array, g: Array, state: State, *, accumulation_steps: float, **adam: float
) -> None:
    """Adam sees the sum of the last gradients, and does not mind the factor; epsilon does."""
    next_step(state)
    total = buffer(state, "accumulated_gradient", w)
    total += g
    _spend(total, int(accumulation_steps), w, state, **adam)
