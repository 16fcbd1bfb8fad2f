"""Adam with a look ahead (Nadam), with a careful start (RAdam), and one that turns into SGD."""

from __future__ import annotations

import math

import numpy as np

from optcheck.backends.functions import FunctionBackend
from optcheck.backends.numpy._parts import Array, State, next_step, outside_root
from optcheck.backends.numpy.adam import (
    Moments,
    correction,
    direction,
    moments_at,
    next_moments,
)
from optcheck.backends.numpy.momentum import momentum_outside

rules = FunctionBackend("numpy")


def _nesterov_first_hat(m: Moments, g: Array) -> Array:
    """The first moment as the next step will correct it, with this gradient counted once more."""
    ahead = m.beta1 / correction(m.beta1, m.step + 1)
    now = (1.0 - m.beta1) / correction(m.beta1, m.step)
    return ahead * m.first + now * g


@rules.update_rule("nadam", dialect="constant-momentum")
def nadam(
    w: Array, g: Array, state: State, *, learning_rate: float, epsilon: float, **betas: float
) -> None:
    """Adam that is already where the momentum of the next step will lead."""
    m = next_moments(g, state, **betas)
    w -= learning_rate * (_nesterov_first_hat(m, g) / outside_root(m.second_hat, epsilon))


@rules.update_rule("nadam", dialect="scheduled-momentum")
def nadam_scheduled(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    momentum_decay: float,
    momentum_base: float,
    **betas: float,
) -> None:
    """The momentum grows from beta1 / 2 to beta1; products of it stand where powers stood."""
    m = next_moments(g, state, **betas)

    def momentum(step: int) -> float:
        return float(m.beta1 * (1.0 - 0.5 * momentum_base ** (step * momentum_decay)))

    now, ahead = momentum(m.step), momentum(m.step + 1)
    product = state["momentum_product"] = state.get("momentum_product", 1.0) * now
    first = ahead / (1.0 - product * ahead) * m.first + (1.0 - now) / (1.0 - product) * g
    w -= learning_rate * (first / outside_root(m.second_hat, epsilon))


def _rectification(m: Moments, threshold: float) -> float | None:
    """The factor that makes the adaptive step vary as little as it will after many steps.

    The second moment varies like a simple average over ``length`` squares; None while these are
    too few for the step to have a variance.
    """
    longest = 2.0 / (1.0 - m.beta2) - 1.0
    length = longest - 2.0 * m.step * m.beta2**m.step / correction(m.beta2, m.step)
    if length <= threshold:
        return None
    squared = (length - 4.0) * (length - 2.0) * longest
    return math.sqrt(squared / ((longest - 4.0) * (longest - 2.0) * length))


@rules.update_rule("radam", dialect="epsilon-outside-root")
def radam(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    threshold: float,
    **betas: float,
) -> None:
    """Momentum at first; then Adam's step, shortened while its denominator is uncertain."""
    m = next_moments(g, state, **betas)
    rectification = _rectification(m, threshold)
    if rectification is None:
        w -= learning_rate * m.first_hat
    else:
        w -= learning_rate * rectification * direction(m, epsilon)


@rules.update_rule("radam", dialect="epsilon-hat")
def radam_epsilon_hat(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    threshold: float,
    **betas: float,
) -> None:
    """As epsilon-outside-root; the correction of the second moment is in the rate."""
    m = next_moments(g, state, **betas)
    rectification = _rectification(m, threshold)
    if rectification is None:
        w -= learning_rate * m.first_hat
    else:
        rate = learning_rate * rectification * math.sqrt(correction(m.beta2, m.step))
        w -= rate * (m.first_hat / outside_root(m.second, epsilon))


@rules.update_rule("radam", dialect="epsilon-outside-root+nesterov")
def radam_nesterov(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    epsilon: float,
    threshold: float,
    **betas: float,
) -> None:
    """As epsilon-outside-root, with the first moment of Nadam."""
    m = next_moments(g, state, **betas)
    first = _nesterov_first_hat(m, g)
    rectification = _rectification(m, threshold)
    if rectification is None:
        w -= learning_rate * first
    else:
        rate = learning_rate * rectification
        w -= rate * (first / outside_root(m.second_hat, epsilon))


@rules.update_rule("swats", dialect="plain")
def swats(
    w: Array,
    g: Array,
    state: State,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    switch_tolerance: float,
) -> None:
    """Adam, until the rate at which SGD would go as far along Adam's step has settled."""
    count = next_step(state)
    if "sgd_rate" in state:
        rate = (1.0 - beta1) * state["sgd_rate"]
        momentum_outside(w, g, state, learning_rate=rate, momentum=beta1)
        return
    m = moments_at(count, g, state, beta1=beta1, beta2=beta2)
    step = -learning_rate * direction(m, epsilon)
    w += step
    descent = -float(np.vdot(step, g))
    if descent == 0.0:
        return  # at right angles: no rate of SGD would do
    projected = float(np.vdot(step, step)) / descent
    state["averaged_rate"] = beta2 * state.get("averaged_rate", 0.0) + (1.0 - beta2) * projected
    settled = state["averaged_rate"] / correction(beta2, count)
    # The average of one rate is that rate, which says nothing.
    if count > 1 and abs(settled - projected) < switch_tolerance:
        state["sgd_rate"] = settled
