"""Continuation, annealing, curricula and pre-training against formulas straight from the texts."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference import PROCEDURES, procedures
from optcheck.reference.balls import EXACT_BITS, Scalar
from optcheck.reference.minimizers.annealing import (
    ANNEALINGS,
    generalized_acceptance,
    generalized_temperature,
    metropolis_acceptance,
)
from optcheck.reference.minimizers.continuation import (
    blurred,
    blurred_wave_slope,
    convex_from,
    damping,
    wave,
    widths,
)
from optcheck.reference.minimizers.curriculum import weighted
from optcheck.reference.minimizers.pretraining import loss
from optcheck.reference.problems import Polynomial, hadamard

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / math.sqrt(2 * math.pi)


def expectation(function, x: float, width: float) -> float:
    """By Gauss and Hermite, in one variable."""
    return float(WEIGHTS @ [function(x + width * z) for z in NODES])


def normal_moment(power: int) -> int:
    """(p - 1)!! for even powers."""
    return 0 if power % 2 else math.prod(range(1, power, 2))


def binomial_blur(power: int, x: Fraction, width: Fraction) -> Fraction:
    """E (x + width z)**power by the binomial theorem."""
    return sum(
        (
            math.comb(power, k) * x ** (power - k) * width**k * normal_moment(k)
            for k in range(power + 1)
        ),
        Fraction(0),
    )


@given(st.integers(0, 7), st.integers(0, 7), st.integers(-8, 8), st.integers(0, 8))
def test_the_heat_equation_blurs_monomials(p: int, q: int, x: int, width: int) -> None:
    x, y, sigma = Fraction(x, 4), Fraction(3, 2), Fraction(width, 4)
    result = blurred(Polynomial(2, ((Fraction(1), (p, q)),)), sigma)
    value = sum(c * x**a * y**b for c, (a, b) in result.terms)
    assert value == binomial_blur(p, x, sigma) * binomial_blur(q, y, sigma)


def test_a_blurred_quadratic_gains_half_the_trace_of_its_hessian() -> None:
    quadratic = hadamard((1.0, 4.0), (0.5, -1.0))
    (a, b), (_, c) = quadratic.matrix
    terms = ((a / 2, (2, 0)), (b, (1, 1)), (c / 2, (0, 2)))
    problem = Polynomial(2, terms)
    x = np.array([0.25, -2.0])
    gain = blurred(problem, 1.5).value(x) - problem.value(x)
    assert gain == pytest.approx(1.5**2 * (a + c) / 2, rel=1e-15)


def test_width_zero_changes_nothing_and_widths_add_in_squares() -> None:
    problem = Polynomial(1, ((0.25, (6,)), (-1.0, (4,)), (1.25, (3,))))
    x = np.array([0.75])
    assert blurred(problem, 0.0).value(x) == problem.value(x)
    twice, once = blurred(blurred(problem, 3.0), 4.0), blurred(problem, 5.0)
    assert twice.value(x) == pytest.approx(once.value(x), rel=1e-14)


@pytest.mark.parametrize("width", [0.0, 0.5, 3.0])
def test_a_concave_quadratic_only_sinks(width: float) -> None:
    concave = Polynomial(3, tuple((-1.0, tuple(2 * (i == j) for j in range(3))) for i in range(3)))
    x = np.array([1.0, -2.0, 0.5])
    result = blurred(concave, width)
    assert result.value(x) == concave.value(x) - 3 * width**2
    assert np.array_equal(result.hessian(x), -2 * np.eye(3))


@pytest.mark.parametrize(("a", "k", "width"), [(1, 1, 0.5), (2, 3, 0.75), (4, 2, 1.0)])
def test_a_blurred_wave_is_damped(a: int, k: int, width: float) -> None:
    for x in (-2.0, 0.3, 1.7):
        slope = expectation(lambda y: float(wave(a, k).gradient(np.array([y]))[0]), x, width)
        assert blurred_wave_slope(a, k, width, x) == pytest.approx(slope, abs=1e-12)
    value = expectation(lambda y: float(wave(a, k).value(np.array([y]))), 0.3, width)
    closed = 0.3**2 / 2 + width**2 / 2 + a * damping(k, width) * math.cos(k * 0.3)
    assert value == pytest.approx(closed, abs=1e-12)


@pytest.mark.parametrize(("a", "k"), [(1, 2), (3, 1), (4, 3)])
def test_a_wave_is_convex_from_the_computed_width_on(a: int, k: int) -> None:
    least = convex_from(a, k)
    assert 1 - a * k**2 * damping(k, least * 1.001) > 0
    assert 1 - a * k**2 * damping(k, least * 0.999) < 0
    assert convex_from(0.5, 1) == 0.0


def test_the_derivatives_of_a_wave() -> None:
    problem, x = wave(2, 3), 0.7
    assert problem.gradient([_exact(x)])[0].ball.overlaps(
        arb(x) - 6 * (3 * arb(x)).sin() + arb(0, 1e-30)
    )
    slope, curvature = (
        mpmath.diff(lambda t: t**2 / 2 + 2 * mpmath.cos(3 * t), x, order) for order in (1, 2)
    )
    assert float(problem.gradient(np.array([x]))[0]) == pytest.approx(float(slope))
    assert float(problem.hessian(np.array([x]))[0, 0]) == pytest.approx(float(curvature))


def blurred_hole(width: float, x: float) -> tuple[float, float]:
    """``1 - exp(-x**2 / 2)`` blurred: its value and its curvature."""
    spread = 1 + width**2
    hole = math.exp(-(x**2) / (2 * spread)) / math.sqrt(spread)
    return 1 - hole, hole * (1 - x**2 / spread) / spread


@pytest.mark.parametrize("width", [0.0, 1.0, 5.0, 50.0])
def test_a_hole_in_a_plain_is_convex_at_no_width(width: float) -> None:
    # G40 as printed: with its global minimum at a finite value it should become convex.
    x = math.sqrt(3 * (1 + width**2))
    value, curvature = blurred_hole(width, x)
    assert curvature < 0
    if width <= 1.0:
        assert value == pytest.approx(
            expectation(lambda y: 1 - math.exp(-(y**2) / 2), x, width), abs=1e-6
        )
        second = mpmath.diff(
            lambda t: 1 - mpmath.exp(-(t**2) / (2 * (1 + width**2))) / math.sqrt(1 + width**2),
            x,
            2,
        )
        assert curvature == pytest.approx(float(second), rel=1e-6)


@pytest.mark.parametrize(("width", "least"), [(0.0, -0.45), (1.0, -0.16), (5.0, -0.0034)])
def test_the_least_curvature_of_the_hole(width: float, least: float) -> None:
    grid = np.linspace(-40, 40, 8001)
    assert min(blurred_hole(width, x)[1] for x in grid) == pytest.approx(least, rel=0.03)


def test_widths_fall_by_a_factor_to_nothing() -> None:
    assert widths(2.0, 0.25, 4) == [2.0, 0.5, 0.125, 0.0]
    assert widths(2.0, 0.25, 1) == [0.0]


def _follow(problem: Polynomial, series: list[float]) -> float:
    """Downhill from the minimum of the widest blur, to the stationary point next to it."""
    x = 0.0
    for width in series:
        terms = blurred(problem, width).derivatives[0].terms
        coefficients = np.zeros(8)
        for c, (power,) in terms:
            coefficients[power] += c
        slope = np.polynomial.Polynomial(coefficients).trim()
        roots = sorted(float(r.real) for r in slope.roots() if abs(r.imag) < 1e-9)
        rises = [root for root in roots if (root > x) == (slope(x) < 0)]
        x = min(rises, key=lambda root: abs(root - x))
    return x


def test_the_tracked_minimum_may_be_local() -> None:
    problem = Polynomial(
        1, ((0.25, (6,)), (-0.25, (5,)), (-1.0, (4,)), (1.25, (3,)), (-1.0, (1,)))
    )
    grid = np.linspace(-20, 20, 4001)
    widest = blurred(problem, 4.0)
    assert min(float(widest.hessian(np.array([x]))[0, 0]) for x in grid) > 0
    end = _follow(problem, [4 * 0.9**k for k in range(40)] + [0.0])
    assert end == pytest.approx(1.6233531107, abs=1e-8)
    assert float(problem.value(np.array([-1.6366]))) < float(problem.value(np.array([end]))) - 1


@given(st.integers(1, 8), st.integers(1, 32), st.integers(1, 16), st.booleans())
def test_a_quartic_is_tracked_to_its_lower_well(q: int, a: int, b: int, left: bool) -> None:
    q, a, b = q / 8, a / 8, (b if left else -b) / 8
    problem = Polynomial(1, ((q, (4,)), (-a, (2,)), (b, (1,))))
    first = math.sqrt(a / (6 * q)) + 0.25
    assert _follow(problem, widths(first, 0.5, 5)) * b < 0


def test_acceptance_of_metropolis() -> None:
    assert metropolis_acceptance(2.0, 4.0) == pytest.approx(float(mpmath.exp(-0.5)))
    assert metropolis_acceptance(-1.0, 4.0) == metropolis_acceptance(0.0, 4.0) == 1.0
    assert metropolis_acceptance(1.0, 1e-9) == 0.0


@given(st.floats(0.0, 5.0), st.floats(0.25, 4.0))
def test_the_generalized_acceptance_tends_to_that_of_metropolis(rise: float, t: float) -> None:
    near = generalized_acceptance(rise, t, 1 - 1e-6)
    assert near == pytest.approx(metropolis_acceptance(rise, t), abs=1e-4)


def test_generalized_annealing() -> None:
    assert generalized_acceptance(1.0, 6.0 / (1 - 2.0**-6), -5.0) == pytest.approx(0.5)
    assert generalized_acceptance(1.0, 5.9, -5.0) == 0.0
    assert generalized_acceptance(-1.0, 1.0, -5.0) == 1.0
    # q = 2 cools as fast annealing does, T(1)/t; the acceptance has another t in its denominator.
    assert generalized_temperature(8.0, 2.0, 4) == pytest.approx(8.0 / 4 / 4)


@pytest.mark.parametrize("annealing", ANNEALINGS.values(), ids=ANNEALINGS)
def test_temperatures_fall(annealing) -> None:
    h = {"initial_temperature": 2.0, "factor": 0.5, "visit": 2.62, "acceptance": -5.0}
    temperatures = [annealing.temperature(k, 3, h) for k in range(24)]
    assert temperatures[0] == pytest.approx(2.0)
    assert all(after <= before for before, after in pairwise(temperatures))
    assert temperatures[-1] < 1.0
    assert annealing.proposals(3) in (1, 6)


def test_the_weighted_gradient_is_the_expected_one() -> None:
    gradients = np.arange(12.0).reshape(4, 3)
    weights = np.array([0.5, 0.25, 0.125, 0.125])
    sampled = sum(weight * gradient for weight, gradient in zip(weights, gradients, strict=True))
    assert np.array_equal(weighted(weights, gradients), sampled)
    assert np.array_equal(weighted(np.full(4, 0.25), gradients), gradients.mean(axis=0))


def _exact(value: float) -> Scalar:
    return Scalar(arb(value), EXACT_BITS)


def test_the_loss_of_a_network() -> None:
    random = np.random.default_rng(0)
    weights = [random.normal(size=shape) for shape in ((3, 4), (5, 2), (3, 1))]
    inputs, targets = random.normal(size=(5, 2)), random.normal(size=(5, 1))
    layer = inputs
    for depth, matrix in enumerate(weights):
        layer = layer @ matrix[:-1] + matrix[-1]
        layer = np.tanh(layer) if depth < 2 else layer
    exact = loss(*_as_scalars(weights, inputs, targets))
    assert float(exact.ball.mid()) == pytest.approx(np.mean((layer - targets) ** 2) / 2)


def _as_scalars(weights, *matrices):
    def convert(matrix):
        return [[_exact(float(v)) for v in row] for row in matrix]

    return [convert(matrix) for matrix in weights], *(convert(matrix) for matrix in matrices)


def test_the_records() -> None:
    assert {"continuation", "simulated-annealing"} <= set(procedures("minimizer"))
    assert list(procedures("curriculum")) == ["curriculum"]
    assert list(procedures("pretraining")) == ["greedy-pretraining"]
    domains = PROCEDURES["continuation"].domains("sampled")
    assert set(domains) == {"initial_width", "factor", "stages", "samples", "seed"}
    assert 0.0 in domains["seed"]
    assert 9.0 not in domains["stages"]
