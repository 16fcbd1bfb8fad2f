"""Equivalences between dialects, exact to 200 bits, and where they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, working
from exact_paths import gap, parameters
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import METHODS
from optcheck.reference.balls import Balls
from optcheck.reference.functions import sqrt
from optcheck.reference.oracle import UpdateOracle, namespace

# Complements of powers of two: eta / (1 - mu) is a double.
MOMENTUM = st.sampled_from([0.0, 0.5, 0.75, 0.9375])
DECAY = st.floats(0.0, 0.999).map(lambda x: x if x > 1e-6 else 0.0)
RATE = st.floats(1e-3, 1.0)
NUMBER = st.floats(-10, 10).map(lambda x: x if abs(x) > 1e-6 else 0.0)
GRADIENTS = st.lists(NUMBER, min_size=1, max_size=6)
# A rate that changes at the second step, and gradients that feel it.
CHANGING = (0.1, 0.05, 0.2)
FELT = [1.0, 2.0, -0.5]


# Momentum.


@given(gradients=GRADIENTS, start=NUMBER, rate=RATE, mu=MOMENTUM)
def test_momentum_dialects_are_one_at_a_constant_rate(
    gradients: list[float], start: float, rate: float, mu: float
) -> None:
    h = {"learning_rate": rate, "momentum": mu}
    inside = parameters("momentum", "learning-rate-inside", gradients, start, **h)
    outside = parameters("momentum", "learning-rate-outside", gradients, start, **h)
    assert gap(inside, outside) <= 0
    rescaled = {"learning_rate": rate / (1 - mu), "momentum": mu}
    assert gap(inside, parameters("momentum", "averaged", gradients, start, **rescaled)) <= 0
    undamped = {**h, "dampening": 0.0}
    assert gap(inside, parameters("momentum", "dampened", gradients, start, **undamped)) <= 0


@given(gradients=GRADIENTS, start=NUMBER, rate=RATE, mu=DECAY, dampening=MOMENTUM)
def test_dampening_rescales_all_gradients_but_the_first(
    gradients: list[float], start: float, rate: float, mu: float, dampening: float
) -> None:
    share = 1 - dampening
    h = {"learning_rate": rate, "momentum": mu, "dampening": dampening}
    damped = parameters("momentum", "dampened", gradients, start, **h)
    enlarged = [gradients[0] / share, *gradients[1:]]
    h = {"learning_rate": rate * share, "momentum": mu}
    assert gap(damped, parameters("momentum", "learning-rate-outside", enlarged, start, **h)) <= 0


@pytest.mark.parametrize("mu", [0.5, 0.75])
def test_momentum_dialects_part_when_the_rate_changes(mu: float) -> None:
    h = {"learning_rate": 1.0, "momentum": mu}
    inside = parameters("momentum", "learning-rate-inside", FELT, rates=CHANGING, **h)
    outside = parameters("momentum", "learning-rate-outside", FELT, rates=CHANGING, **h)
    assert gap(inside[:1], outside[:1]) <= 0
    assert gap(inside[1:2], outside[1:2]) > 0.01
    assert gap(inside[2:], outside[2:]) > 0.01
    # Those with the rate outside rescale the whole velocity alike.
    rescaled = tuple(rate / (1 - mu) for rate in CHANGING)
    averaged = parameters("momentum", "averaged", FELT, rates=rescaled, **h)
    assert gap(outside, averaged) <= 0
    undamped = parameters("momentum", "dampened", FELT, rates=CHANGING, dampening=0.0, **h)
    assert gap(outside, undamped) <= 0


@pytest.mark.parametrize(
    "dialect", [name for name in METHODS["momentum"].dialects if name != "dampened"]
)
@given(gradients=GRADIENTS, rate=RATE)
def test_without_momentum_it_is_gradient_descent(
    dialect: str, gradients: list[float], rate: float
) -> None:
    plain = parameters("gradient-descent", "plain", gradients, learning_rate=rate)
    moved = parameters("momentum", dialect, gradients, learning_rate=rate, momentum=0.0)
    assert gap(plain, moved) <= 0


# Nesterov.


def look_ahead_points(
    dialect: str, gradients: Sequence[float], start: float, h: dict[str, float], rates: Any
) -> list[arb]:
    """The point of the look-ahead form after each update: ``w + mu v``."""
    oracle = UpdateOracle(METHODS["nesterov"], dialect, h, EXACT)
    position = oracle.start([start])
    points = []
    for gradient, rate in zip(gradients, rates, strict=False):
        position = oracle.advance(position, [gradient], rate)
        points.append(oracle.evaluation_point(position, rate).exact.balls[0])
    return points


@given(gradients=GRADIENTS, start=NUMBER, rate=RATE, mu=MOMENTUM)
def test_the_shifted_parameter_is_the_look_ahead_point(
    gradients: list[float], start: float, rate: float, mu: float
) -> None:
    constant = (None,) * 6
    h = {"learning_rate": rate, "momentum": mu}
    shifted = parameters("nesterov", "shifted", gradients, start, **h)
    inside = parameters("nesterov", "shifted+learning-rate-inside", gradients, start, **h)
    points = look_ahead_points("look-ahead", gradients, start, h, constant)
    assert gap(shifted, points) <= 0
    assert gap(inside, points) <= 0
    h = {"learning_rate": rate / (1 - mu), "momentum": mu}
    points = look_ahead_points("look-ahead-averaged", gradients, start, h, constant)
    assert gap(shifted, points) <= 0


def test_nesterov_dialects_part_when_the_rate_changes() -> None:
    h = {"learning_rate": 1.0, "momentum": 0.5}
    shifted = parameters("nesterov", "shifted", FELT, rates=CHANGING, **h)
    points = look_ahead_points("look-ahead", FELT, 1.0, h, CHANGING)
    assert gap(shifted[:1], points[:1]) <= 0
    assert gap(shifted[1:2], points[1:2]) > 0.01
    # With the rate inside the velocity it is still the look-ahead point.
    inside = parameters("nesterov", "shifted+learning-rate-inside", FELT, rates=CHANGING, **h)
    assert gap(inside, points) <= 0


def test_on_a_quadratic_look_ahead_and_shifted_see_the_same_gradients() -> None:
    """Each takes its gradient where it says; dyadic numbers keep both exact in doubles."""
    h = {"learning_rate": 0.25, "momentum": 0.5}
    ahead, shifted = (
        UpdateOracle(METHODS["nesterov"], dialect, h, EXACT)
        for dialect in ("look-ahead", "shifted")
    )
    here, there = ahead.start([1.0]), shifted.start([1.0])
    for _ in range(6):
        point = ahead.evaluation_point(here).expected()
        assert point.tolist() == there.parameter.expected().tolist()
        here, there = ahead.advance(here, 2.0 * point), shifted.advance(there, 2.0 * point)
    assert here.parameter.expected() != there.parameter.expected()


ORDERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "move first": lambda w, ahead, step: w + (ahead - step),
    "ahead first": lambda w, ahead, step: (w + ahead) - step,
    "step first": lambda w, ahead, step: (w - step) + ahead,
}


@pytest.mark.parametrize("order", ORDERS)
def test_shifted_momentum_with_the_rate_inside_may_be_summed_in_any_order(order: str) -> None:
    """All is exact but the sums, of which the velocity and the step nearly cancel."""
    random = np.random.default_rng(0)
    w = random.normal(scale=0.01, size=100).astype(np.float32)
    g = (np.round(1024 * random.normal(4 / 3, 0.01, 100)) / 1024).astype(np.float32)
    v = np.full_like(w, 4.0)
    h = {"learning_rate": 0.5, "momentum": 0.5}
    oracle = UpdateOracle(
        METHODS["nesterov"], "shifted+learning-rate-inside", h, working("float32")
    )
    position = oracle.advance(oracle.at(1, {"parameter": w, "velocity": v}), g)
    half = np.float32(0.5)
    computed = ORDERS[order](w, half * (half * v - half * g), half * g)
    assert computed.dtype == np.float32
    assert np.all(position.parameter.judge(computed) <= 1.0)


# Adam.


@given(gradients=GRADIENTS, start=NUMBER, rate=RATE, decay=DECAY, epsilon=st.floats(1e-10, 1.0))
def test_adam_without_first_moment_and_correction_is_rmsprop(
    gradients: list[float], start: float, rate: float, decay: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "epsilon": epsilon}
    adam = parameters("adam", "uncorrected", gradients, start, beta1=0.0, beta2=decay, **h)
    rmsprop = parameters("rmsprop", "epsilon-outside-root", gradients, start, decay=decay, **h)
    assert gap(adam, rmsprop) <= 0


@given(gradients=GRADIENTS, rate=RATE, epsilon=st.floats(1e-10, 1.0))
def test_adam_without_any_decay_needs_no_correction(
    gradients: list[float], rate: float, epsilon: float
) -> None:
    h = {"learning_rate": rate, "beta1": 0.0, "beta2": 0.0, "epsilon": epsilon}
    paths = [
        parameters("adam", dialect, gradients, **h)
        for dialect in ("uncorrected", "epsilon-outside-root", "epsilon-hat")
    ]
    assert gap(paths[0], paths[1]) <= 0
    assert gap(paths[0], paths[2]) <= 0


@settings(max_examples=50)
@given(
    gradients=st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=5),
    beta1=DECAY,
    beta2=DECAY,
    rate=RATE,
    epsilon=st.floats(1e-10, 1.0),
)
def test_epsilon_hat_is_epsilon_scaled_by_the_root_of_the_correction(
    gradients: list[tuple[float, float]], beta1: float, beta2: float, rate: float, epsilon: float
) -> None:
    """``epsilon_hat = epsilon sqrt(1 - beta2**t)``: another number at every step."""
    record = METHODS["adam"]
    h = {"learning_rate": rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    w = hat = EXACT.array([1.0, -1.0])
    zeros = EXACT.array([0.0, 0.0])
    state: Any = {"first_moment": zeros, "second_moment": zeros}
    hat_state = state
    for step, gradient in enumerate(gradients, 1):
        g = EXACT.array(gradient)
        given_h, scaled_h = namespace(EXACT, h, step), namespace(EXACT, h, step)
        scaled_h.epsilon = given_h.epsilon * sqrt(1 - given_h.beta2**given_h.step)
        w, state = record.dialect("epsilon-outside-root").update(w, g, state, given_h)
        hat, hat_state = record.dialect("epsilon-hat").update(hat, g, hat_state, scaled_h)
        assert isinstance(w, Balls)
        assert gap(w.balls, hat.balls) <= 0


def test_epsilon_hat_with_the_same_epsilon_is_another_rule() -> None:
    h = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 0.1}
    paths = [
        parameters("adam", dialect, FELT, **h)
        for dialect in ("epsilon-outside-root", "epsilon-hat")
    ]
    assert gap(*paths) > 0.01


@given(gradient=st.floats(1e-3, 10), rate=RATE, squared=st.floats(1e-6, 1.0))
@pytest.mark.parametrize("method", ["adagrad", "rmsprop", "adam"])
def test_without_epsilon_it_does_not_matter_where_it_stands(
    method: str, gradient: float, rate: float, squared: float
) -> None:
    record = METHODS[method]
    h = {name: domain.typical[0] for name, domain in record.hyperparameters.items()}
    h |= {"learning_rate": rate}
    gradients = [gradient, -gradient * squared, 2 * gradient]
    paths = {
        epsilon: [
            parameters(method, dialect, gradients, **{**h, "epsilon": epsilon})
            for dialect in ("epsilon-outside-root", "epsilon-inside-root")
        ]
        for epsilon in (0.0, 0.1)
    }
    assert gap(*paths[0.0]) <= 0
    assert gap(*paths[0.1]) > 0
    assert np.isfinite([float(ball.mid()) for ball in paths[0.0][0]]).all()
