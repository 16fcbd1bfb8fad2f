"""Rates of momentum, Nesterov momentum and Adam against fractions, eigenvalues and plain loops."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference import METHODS
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent import momentum as momentum_theory
from optcheck.reference.descent import nesterov as nesterov_theory
from optcheck.reference.descent.adam import largest_stable_curvature
from optcheck.reference.descent.recurrences import (
    Mode,
    exact_points,
    gradient_descent,
    momentum_mode,
    rounding,
    settings,
)

PAIRS = [
    (method, dialect)
    for method in ("momentum", "nesterov")
    for dialect in METHODS[method].dialects
]


def path(
    dialect: str, ahead: bool, h: dict[str, Any], curvature: Any, steps: int
) -> Iterator[Any]:
    """The textbook's rules on ``curvature w^2 / 2`` from 1, in any kind of number."""
    rate, mu = h["learning_rate"], h["momentum"]
    w, v = mu / mu, 0 * mu
    yield w
    for step in range(steps):
        if dialect in ("learning-rate-inside", "look-ahead"):
            v = mu * v - rate * curvature * (w + mu * v if ahead else w)
            w = w + v
        elif "averaged" in dialect:
            v = mu * v + (1 - mu) * curvature * (w - rate * mu * v if ahead else w)
            w = w - rate * v
        elif dialect == "dampened":
            v = curvature * w if step == 0 else mu * v + (1 - h["dampening"]) * curvature * w
            w = w - rate * v
        elif dialect == "shifted":
            g = curvature * w
            v = mu * v + g
            w = w - rate * (g + mu * v)
        elif dialect == "shifted+learning-rate-inside":
            g = curvature * w
            v = mu * v - rate * g
            w = w + mu * v - rate * g
        else:
            v = mu * v + curvature * w
            w = w - rate * v
        yield w


def modes(method: str, dialect: str, h: dict[str, float], curvature: float) -> Mode:
    with ball_arithmetic():
        mu, product = arb(h["momentum"]), arb(h["learning_rate"]) * arb(curvature)
        if "averaged" in dialect:
            product = product * (1 - mu)
        if dialect == "dampened":
            product = product / 2
        return momentum_mode(method, dialect, product, mu)


@pytest.mark.parametrize(("method", "dialect"), PAIRS)
@given(
    momentum=st.floats(0.05, 1.25).filter(lambda mu: mu != 1.0),
    rate=st.floats(1e-3, 2.0),
    curvature=st.floats(1e-3, 4.0),
)
def test_points_of_a_mode(
    method: str, dialect: str, momentum: float, rate: float, curvature: float
) -> None:
    steps = 40
    h = settings(method, dialect, rate, momentum)
    mode = modes(method, dialect, h, curvature)
    balls = [row[0] for row in exact_points([mode], steps)]
    exact = {name: Fraction(value) for name, value in h.items()}
    fractions = list(path(dialect, method == "nesterov", exact, Fraction(curvature), steps))
    plain = np.array(list(path(dialect, method == "nesterov", h, curvature, steps)))
    expected = np.array([float(ball.mid()) for ball in balls])
    with ball_arithmetic():
        for ball, fraction in zip(balls, fractions, strict=True):
            assert ball.overlaps(arb(fraction.numerator) / fraction.denominator)
            assert float(ball.rad()) <= 1e-20 * (1.0 + float(abs(ball.mid())))
    # The textbook's loop in doubles keeps to the bound, which is not wide.
    allowed = rounding([mode], expected[:, None])[:, 0]
    assert np.all(np.abs(plain - expected) <= allowed)
    assert allowed[-1] <= 1e-6 * np.max(np.abs(expected)) + 1e-300


def radius(*matrices: npt.ArrayLike) -> float:
    return max(float(np.max(np.abs(np.linalg.eigvals(np.array(each))))) for each in matrices)


def heavy_ball(product: float, mu: float) -> list[list[float]]:
    return [[1.0 + mu - product, -mu], [1.0, 0.0]]


def look_ahead(product: float, mu: float) -> list[list[float]]:
    return [[(1.0 + mu) * (1.0 - product), -mu * (1.0 - product)], [1.0, 0.0]]


def points(make: Callable[[arb], Mode], products: npt.NDArray[Any], steps: int) -> Any:
    with ball_arithmetic():
        every = [make(arb(float(each))) for each in products]
    return np.array([[float(p.mid()) for p in row] for row in exact_points(every, steps)])


@pytest.mark.parametrize("root", [2, 3, 7, 10, 20])
def test_the_best_momentum(root: int) -> None:
    with ball_arithmetic():
        best, plain = momentum_theory.best_momentum(root), momentum_theory.best_descent(root)
    product, mu, factor = (
        float(each.mid()) for each in (best.product, best.momentum, best.factor)
    )
    spectrum = product * np.geomspace(1.0 / root**2, 1.0, 30)
    # At double roots eigenvalues are known to half the digits.
    assert radius(*(heavy_ball(each, mu) for each in spectrum)) == pytest.approx(factor, abs=1e-6)
    assert factor == pytest.approx((root - 1) / (root + 1))
    assert float(plain.factor.mid()) == pytest.approx((root**2 - 1) / (root**2 + 1))
    assert factor < float(plain.factor.mid())
    for change, other in itertools.product((0.97, 1.0, 1.03), (0.97, 1.0, 1.03)):
        ends = (heavy_ball(change * each, other * mu) for each in (spectrum[0], spectrum[-1]))
        assert radius(*ends) >= factor - 1e-6
    steps = 60
    paths = points(
        lambda each: momentum_mode("momentum", "averaged", each, best.momentum), spectrum, steps
    )
    envelope = [float(momentum_theory.best_envelope(root, t).mid()) for t in range(steps + 1)]
    assert np.all(np.abs(paths) <= np.array(envelope)[:, None] * (1 + 1e-12))
    assert np.abs(paths[:, -1]) == pytest.approx(envelope, rel=1e-9)


@pytest.mark.parametrize("dialect", ["look-ahead", "shifted", "shifted+learning-rate-inside"])
@pytest.mark.parametrize("root", [2, 4, 10, 20])
def test_nesterov_on_strongly_convex_quadratics(dialect: str, root: int) -> None:
    with ball_arithmetic():
        tuned = nesterov_theory.strongly_convex(root)
    mu, factor = float(tuned.momentum.mid()), float(tuned.factor.mid())
    spectrum = np.geomspace(1.0 / root**2, 1.0, 50)
    assert radius(*(look_ahead(each, mu) for each in spectrum)) == pytest.approx(factor, abs=1e-6)
    if root == 20:  # erratum G08
        assert factor == pytest.approx(0.95)
        assert 1.0 - spectrum[0] == pytest.approx(0.9975)
    steps = 60
    paths = points(
        lambda each: momentum_mode("nesterov", dialect, each, tuned.momentum), spectrum, steps
    )
    envelope = np.array(
        [
            float(nesterov_theory.strongly_convex_envelope(dialect, root, t).mid())
            for t in range(steps + 1)
        ]
    )
    assert np.all(np.abs(paths) <= envelope[:, None] * (1 + 1e-12))
    assert paths[:, 0] == pytest.approx(envelope, rel=1e-9)


@pytest.mark.parametrize(("mu", "grows"), [(0.9, False), (1.0, None), (1.1, True)])
def test_the_range_of_momentum(mu: float, grows: bool | None) -> None:
    h = {"learning_rate": 0.1, "momentum": mu}
    w = np.array(list(path("learning-rate-inside", False, h, 1.0, 2000)))
    last = np.max(np.abs(w[-100:]))
    if grows is None:  # erratum B10
        assert last == pytest.approx(1.0127, abs=5e-5)
    else:
        assert last > 1e6 if grows else last < 1e-6
    areas = w[2:30] * w[:28] - w[1:29] ** 2
    assert areas[1:] == pytest.approx(mu * areas[:-1], rel=1e-9)


@given(
    gradients=st.lists(st.integers(-8, 8), min_size=1, max_size=10),
    rate=st.floats(1e-3, 2.0),
    momentum=st.floats(0.0, 1.0),
)
def test_the_algorithm(gradients: list[int], rate: float, momentum: float) -> None:
    weights, change = momentum_theory.algorithm(
        [1.0], [[float(g)] for g in gradients], arb(rate), arb(momentum)
    )
    w, d = Fraction(1), Fraction(0)
    for g in gradients:
        d = Fraction(momentum) * d - Fraction(rate) * g
        w += d
    for ball, value in ((weights.balls[0], w), (change.balls[0], d)):
        assert abs(float(ball.mid()) - float(value)) <= 1e-15 * (1.0 + abs(float(value)))
        assert float(ball.rad()) <= 1e-50


def test_the_printed_algorithm_of_nesterov_momentum_adds_its_momentum_twice() -> None:
    """Erratum G06: under a constant unit gradient, with eta = 1 and alpha = 0.9."""
    printed = corrected = velocity = 0.0
    for _ in range(500):
        before, velocity = velocity, 0.9 * velocity - 1.0
        printed += 0.9 * before + velocity
        corrected += velocity
    assert printed / 500 == pytest.approx(-18.64, abs=5e-3)
    assert corrected / 500 == pytest.approx(-9.82, abs=5e-3)
    assert 0.9 * before + velocity == pytest.approx(-(1 + 0.9) / (1 - 0.9))


@given(momentum=st.floats(0.0, 0.999), steps=st.integers(1, 30))
def test_the_share_of_the_past(momentum: float, steps: int) -> None:
    alpha = Fraction(momentum)
    terms = [alpha**k for k in range(steps)]
    share = float(momentum_theory.share_of_the_past(momentum, steps).mid())
    assert share == pytest.approx(float(sum(terms[1:]) / sum(terms)), rel=1e-14, abs=1e-300)


@given(rate=st.floats(1e-3, 2.0), decay=st.floats(0.0, 0.999), ratio=st.sampled_from([1, -1]))
def test_rates_of_averaged_momentum(rate: float, decay: float, ratio: int) -> None:
    found = momentum_theory.averaged_rates(rate, decay, 12, ratio).midpoints()
    m, expected = Fraction(0), []
    for step in range(12):
        m = Fraction(decay) * m + (1 - Fraction(decay)) * ratio**step
        expected.append(float(Fraction(rate) * m * ratio**step))
    assert found == pytest.approx(expected, rel=1e-14)
    if ratio == 1:
        assert np.all(np.diff(found) >= 0.0)
        assert np.all(found <= rate)


def test_the_rate_of_averaged_momentum_in_a_ravine() -> None:
    assert momentum_theory.averaged_rates(1.0, 0.9, 400, -1).midpoints()[-1] == pytest.approx(
        0.0526, abs=5e-5
    )


def test_the_chain() -> None:
    chain, rows = nesterov_theory.Chain(9, 2.0), np.arange(9)
    matrix = 2.0 * np.eye(9) - np.eye(9, k=1) - np.eye(9, k=-1)
    x = np.linspace(-1.0, 2.0, 9) ** 2
    assert chain.gradient(x) == pytest.approx(0.5 * (matrix @ x - (rows == 0)))
    assert chain.minimum == pytest.approx(np.linalg.solve(matrix, (rows == 0).astype(float)))

    def value(w: Any) -> float:
        return float(0.5 * (w @ matrix @ w / 2.0 - w[0]))

    difference = value(x) - value(chain.minimum)
    assert chain.excess(np.array([x, chain.minimum])) == pytest.approx([difference, 0.0])
    assert np.max(np.linalg.eigvalsh(0.5 * matrix)) <= 2.0
    assert chain.distance_squared <= (9 + 1) / 3.0


def test_the_momenta_of_the_convex_rate() -> None:
    momenta = nesterov_theory.convex_momenta(200)
    assert momenta[:3] == pytest.approx([0.0, 0.0, 0.281], abs=1e-3)
    # They come near k/(k + 3) and keep above 1 - 3/(k + 1).
    k = np.arange(1, 201)
    assert np.all(np.diff(momenta[1:]) > 0.0)
    assert np.all(np.array(momenta) > 1.0 - 3.0 / (k + 1.0) - 1e-12)


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9, 0.95])
def test_the_largest_stable_curvature_of_adam(beta1: float) -> None:
    rate = 0.125
    largest = largest_stable_curvature(beta1, rate)
    for share, stable in ((0.999, True), (1.001, False)):
        product = rate * (1.0 - beta1) * share * largest
        assert (radius(heavy_ball(product, beta1)) < 1.0) is stable
    if beta1 == 0.9:
        assert largest == pytest.approx(38.0 / rate)


def sign_changes(w: npt.NDArray[Any], visible: float) -> int:
    signs = np.sign(w[np.abs(w) >= visible * abs(w[0])])
    return int(np.sum(signs[1:] != signs[:-1]))


@pytest.mark.parametrize("product", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("kappa", [30.0, 50.0, 80.0])
def test_the_oblong_quadratic(kappa: float, product: float) -> None:
    mu, products = arb(0.95), np.array([product / kappa, product])
    nesterov, momentum, descent = (
        points(make, products, 120)
        for make in (
            lambda each: momentum_mode("nesterov", "look-ahead", each, mu),
            lambda each: momentum_mode("momentum", "learning-rate-inside", each, mu),
            gradient_descent,
        )
    )
    assert sign_changes(nesterov[:, 1], 0.01) < sign_changes(momentum[:, 1], 0.01)
    # It swings less, not slower: the sign alone changes as often, or more often.
    assert sign_changes(nesterov[:, 1], 0.0) >= sign_changes(momentum[:, 1], 0.0)
    ends = np.abs([nesterov[-1, 0], momentum[-1, 0], descent[-1, 0]])
    assert np.argmax(ends) == 2
