"""Closed forms of the rates against brute force: rational arithmetic, and spectral radii."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, MP, contains, real
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st

from optcheck.reference import METHODS, identities, rates
from optcheck.reference.balls import Balls, ball_arithmetic

FINE = MP.mpf(2) ** -150
MU = st.sampled_from([0.0, 0.5, 0.9, 0.99]) | st.floats(0, 0.999)
RATE = st.floats(1e-3, 10)
# The dialects that have a velocity.
PAIRS = [
    (method, dialect)
    for method in ("momentum", "nesterov")
    for dialect in METHODS[method].dialects
]


def check(balls: Balls, values: list[Fraction]) -> None:
    assert len(balls) == len(values)
    for ball, value in zip(balls.balls, values, strict=True):
        exact = MP.mpf(value.numerator) / value.denominator
        assert contains(ball, exact)
        assert real(ball.rad()) <= FINE * (1 + abs(exact))


# Displacements on a slope and in a ravine.

Advance = Callable[..., tuple[Fraction, Fraction]]
# (w, memory, g, rate, mu, damp, first) to (w, memory)
UPDATES: dict[str, Advance] = {
    "learning-rate-inside": lambda w, v, g, rate, mu, damp, first: (
        w + mu * v - rate * g,
        mu * v - rate * g,
    ),
    "learning-rate-outside": lambda w, v, g, rate, mu, damp, first: (
        w - rate * (mu * v + g),
        mu * v + g,
    ),
    "averaged": lambda w, m, g, rate, mu, damp, first: (
        w - rate * (mu * m + (1 - mu) * g),
        mu * m + (1 - mu) * g,
    ),
    "dampened": lambda w, v, g, rate, mu, damp, first: (
        (w - rate * g, g)
        if first
        else (w - rate * (mu * v + (1 - damp) * g), mu * v + (1 - damp) * g)
    ),
    "shifted": lambda w, v, g, rate, mu, damp, first: (
        w - rate * (g + mu * (mu * v + g)),
        mu * v + g,
    ),
    "shifted+learning-rate-inside": lambda w, v, g, rate, mu, damp, first: (
        w + mu * (mu * v - rate * g) - rate * g,
        mu * v - rate * g,
    ),
}
UPDATES["look-ahead"] = UPDATES["learning-rate-inside"]
UPDATES["look-ahead-averaged"] = UPDATES["averaged"]


@pytest.mark.parametrize("ratio", [1, -1], ids=["slope", "ravine"])
@pytest.mark.parametrize("dialect", [dialect for _, dialect in PAIRS])
@given(mu=MU, damp=MU, rate=RATE, gradient=st.floats(-10, 10), steps=st.integers(1, 12))
@example(mu=0.9, damp=0.5, rate=0.1, gradient=1.0, steps=1)
def test_displacement_under_constant_and_alternating_gradients(
    dialect: str, ratio: int, mu: float, damp: float, rate: float, gradient: float, steps: int
) -> None:
    w = memory = Fraction(0)
    eta, momentum, tau = Fraction(rate), Fraction(mu), Fraction(damp)
    for step in range(steps):
        g = Fraction(gradient) * ratio**step
        w, memory = UPDATES[dialect](w, memory, g, eta, momentum, tau, step == 0)
    h = {"learning_rate": rate, "momentum": mu, "dampening": damp}
    check(rates.slope_displacement(dialect, steps, h, [gradient, 0.0], ratio), [w, Fraction(0)])


@given(mu=MU, damp=MU, gradient=st.floats(-9, 9), steps=st.integers(1, 40))
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_the_last_step_tends_to_the_effective_rate(
    method: str, dialect: str, mu: float, damp: float, gradient: float, steps: int
) -> None:
    """On a slope the step tends to eta / (1 - mu) and in a ravine to eta / (1 + mu)."""
    gain = {"dampened": 1 - real(damp)}.get(dialect, MP.mpf(1))
    if dialect.endswith("averaged"):
        gain = 1 - real(mu)
    for ratio in (1, -1):
        with ball_arithmetic():
            weight = rates.velocity_weight(
                dialect, steps, {"momentum": mu, "dampening": damp}, ratio
            )
        limit = gain / (1 - real(mu) * ratio)
        if "shifted" in dialect:
            limit = 1 + real(mu) * limit
        # What is left is at most mu**(steps - 1) of a weight of at most 2 / (1 - mu).
        assert abs(real(weight) - limit) <= real(mu) ** (steps - 1) * 2 / (1 - real(mu)) + FINE


# Modes of a quadratic and corrected averages.


@given(
    start=st.lists(st.floats(-100, 100), min_size=1, max_size=3),
    curvature=st.floats(0, 100),
    rate=st.floats(1e-4, 2),
    steps=st.integers(0, 20),
)
def test_contracted_modes(start: list[float], curvature: float, rate: float, steps: int) -> None:
    curvatures = [curvature * (i + 1) for i in range(len(start))]
    modes = [Fraction(value) for value in start]
    for _ in range(steps):
        modes = [
            w - Fraction(rate) * (Fraction(each) * w)
            for w, each in zip(modes, curvatures, strict=True)
        ]
    balls = rates.contracted_modes(start, curvatures, rate, steps)
    for ball, mode in zip(balls.balls, modes, strict=True):
        exact = MP.mpf(mode.numerator) / mode.denominator
        assert contains(ball, exact)
        assert real(ball.rad()) <= FINE * (1 + abs(exact)) * 1000**steps


def test_modes_and_curvatures_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        rates.contracted_modes([1.0, 2.0], [1.0], 0.1, 1)


@given(
    decay=MU,
    step=st.integers(1, 12),
    gradient=st.lists(st.floats(-100, 100), min_size=1, max_size=3),
    power=st.sampled_from([1, 2]),
)
def test_an_average_under_a_constant_gradient(
    decay: float, step: int, gradient: list[float], power: int
) -> None:
    averages = [Fraction(0)] * len(gradient)
    beta = Fraction(decay)
    for _ in range(step):
        averages = [
            beta * average + (1 - beta) * Fraction(g) ** power
            for average, g in zip(averages, gradient, strict=True)
        ]
    check(rates.corrected_constant_gradient(decay, step, gradient, power), averages)


@given(rate=RATE, gradient=st.lists(st.floats(-9, 9), min_size=1, max_size=3))
@example(rate=0.1, gradient=[0.0, -0.0, 1e-300])
def test_signed_steps(rate: float, gradient: list[float]) -> None:
    expected = [-Fraction(rate) * ((g > 0) - (g < 0)) for g in gradient]
    check(rates.signed_steps(rate, gradient), expected)
    assert rates.signed_steps(rate, gradient).arithmetic == EXACT


@given(
    rate=RATE, gradient=st.lists(st.floats(-9, 9), min_size=1, max_size=3), epsilon=st.floats(0, 1)
)
@example(rate=0.1, gradient=[0.0, -0.0, 1e-300], epsilon=0.0)
@example(rate=1.0, gradient=[0.5], epsilon=0.5)
def test_normalised_distances(rate: float, gradient: list[float], epsilon: float) -> None:
    expected = [
        -Fraction(rate) * Fraction(g) / (abs(Fraction(g)) + Fraction(epsilon))
        if g
        else Fraction(0)
        for g in gradient
    ]
    check(rates.normalised_distances(rate, gradient, epsilon), expected)


@given(
    mu=MU,
    terms=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=8),
)
def test_a_weighted_sum_of_all_gradients(mu: float, terms: list[tuple[float, float]]) -> None:
    """Term by term, with the powers of the momentum written out."""
    last = len(terms) - 1
    expected = sum(
        Fraction(mu) ** (last - k) * Fraction(weight) * Fraction(gradient)
        for k, (weight, gradient) in enumerate(terms)
    )
    weights = [EXACT.scalar(weight) for weight, _ in terms]
    gradients = [[gradient, 0.0] for _, gradient in terms]
    check(identities.weighted_sum(gradients, mu, weights), [Fraction(expected), Fraction(0)])


def quotient_of_moments(beta1: float, beta2: float, gradients: list[Any]) -> Any:
    """``abs(m_hat) / sqrt(v_hat)`` after all gradients."""
    m = v = MP.mpf(0)
    for g in gradients:
        m, v = real(beta1) * m + (1 - real(beta1)) * g, real(beta2) * v + (1 - real(beta2)) * g * g
    t = len(gradients)
    return abs(m) / (1 - real(beta1) ** t) / MP.sqrt(v / (1 - real(beta2) ** t))


BETA = st.floats(0.01, 0.999)


@given(
    beta1=MU,
    beta2=BETA,
    gradients=st.lists(st.floats(-9, 9).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=8),
)
def test_no_step_of_adam_is_longer_than_its_bound(
    beta1: float, beta2: float, gradients: list[float]
) -> None:
    longest = quotient_of_moments(beta1, beta2, [real(g) for g in gradients])
    assert longest <= identities.adam_step_bound(beta1, beta2, len(gradients)) * (1 + FINE)


@given(beta1=st.floats(0.01, 0.99), beta2=BETA, steps=st.integers(1, 8))
@example(beta1=0.9, beta2=0.999, steps=8)
def test_the_bound_on_a_step_of_adam_is_attained(beta1: float, beta2: float, steps: int) -> None:
    """Equality in Cauchy-Schwarz: each gradient is beta1 / beta2 times the next one."""
    ratio = real(beta1) / real(beta2)
    gradients = [ratio ** (steps - k) for k in range(steps)]
    longest = quotient_of_moments(beta1, beta2, gradients)
    # The bound is a double, computed with flint's 53 bits.
    assert float(longest) == pytest.approx(
        identities.adam_step_bound(beta1, beta2, steps), rel=1e-12
    )


def test_without_decays_the_bound_on_a_step_of_adam_is_one() -> None:
    assert identities.adam_step_bound(0.0, 0.0, 5) == 1.0


# The largest stable learning rate: the spectral radius of the map (w, memory) crosses 1 there.


def transition(
    method: str, dialect: str, h: dict[str, float], rate: float, curvature: float
) -> np.ndarray:
    """The matrix of one later update on ``curvature * w**2 / 2``, column by column."""
    columns = []
    mu = h["momentum"]
    for w, memory in ((1.0, 0.0), (0.0, 1.0)):
        if method == "gradient-descent":
            columns.append((w - rate * curvature * w, 0.0))
            continue
        point = w
        if dialect == "look-ahead":
            point = w + mu * memory
        elif dialect == "look-ahead-averaged":
            point = w - rate * mu * memory
        update = UPDATES[dialect]
        columns.append(
            update(w, memory, curvature * point, rate, mu, h.get("dampening", 0.0), False)
        )
    return np.array(columns, dtype=np.float64).T


@pytest.mark.parametrize(("method", "dialect"), [("gradient-descent", "plain"), *PAIRS])
@given(mu=MU, damp=st.floats(0, 0.99), curvature=st.floats(1e-3, 1e3))
@example(mu=0.0, damp=0.0, curvature=1.0)
@example(mu=0.9, damp=0.1, curvature=2.0)
def test_the_spectral_radius_crosses_one_at_the_largest_stable_rate(
    method: str, dialect: str, mu: float, damp: float, curvature: float
) -> None:
    h = {"momentum": mu, "dampening": damp}
    rate = rates.largest_stable_rate(method, dialect, h, curvature)
    radius = [
        max(abs(np.linalg.eigvals(transition(method, dialect, h, rate * factor, curvature))))
        for factor in (1e-3, 0.3, 0.9, 0.999, 1.001, 1.1, 3.0)
    ]
    assert max(radius[:4]) < 1
    assert min(radius[4:]) > 1


def test_geometric_sums_at_one_count_their_terms() -> None:
    # velocity_weight never divides 0 by 0, though no momentum in [0, 1) gets there.
    with ball_arithmetic():
        weight = rates.velocity_weight("learning-rate-outside", 7, {"momentum": 1.0}, 1)
    assert weight == arb(7)
