"""Initializers: moments against integrals and fractions, fans against counting, misprints."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

from optcheck.reference.balls import Arithmetic, Scalar
from optcheck.reference.initialization.biases import softmax
from optcheck.reference.initialization.distributions import (
    DISTRIBUTIONS,
    Counts,
    Gaussian,
    Truncated,
    Uniform,
    cut_variance,
    uniform_variance,
)
from optcheck.reference.initialization.fans import (
    fans,
    glorot_variance,
    harmonic_mean_of_variances,
    he_variance,
    heuristic_variance,
)
from optcheck.reference.procedures import procedures

H = SimpleNamespace(scale=0.5, gain=1.5, mean=0.25, lower=-0.5, upper=1.5, one=1.0)
COUNTS = Counts(300, 500, 40)


def counted(inputs: int, outputs: int, places: int, groups: int) -> tuple[int, int]:
    """By listing the connections (input channel, output channel, place in the window)."""
    connections = [
        (i, o, p)
        for i, o, p in itertools.product(range(inputs), range(outputs), range(places))
        if i * groups // inputs == o * groups // outputs
    ]
    into = sum(o == 0 for _, o, _ in connections)
    out_of = sum(i == 0 for i, _, _ in connections)
    return into, out_of


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "groups"),
    [(3, 5, (), 1), (4, 6, (3,), 1), (4, 6, (3, 2), 2), (6, 6, (2, 2, 2), 6), (2, 8, (5,), 2)],
)
def test_fans_are_numbers_of_connections(
    inputs: int, outputs: int, kernel: tuple[int, ...], groups: int
) -> None:
    expected = counted(inputs, outputs, math.prod(kernel), groups)
    assert fans(inputs, outputs, kernel, groups) == expected


def test_the_compromise_is_the_harmonic_mean_of_the_variances() -> None:
    one, other = Fraction(1, 300), Fraction(1, 500)
    mean = 2 / (1 / one + 1 / other)
    assert harmonic_mean_of_variances(300, 500) == mean == Fraction(1, 400)
    assert glorot_variance(300, 500, Fraction(1)) == mean
    # Of the numbers of units, as the sentence says, it is something else.
    assert Fraction(2) / (one + other) == 375


def test_gains_of_the_slide() -> None:
    assert glorot_variance(3, 5, Fraction(4)) == Fraction(32, 8)
    assert he_variance(7, math.sqrt(2.0)) == pytest.approx(2 / 7)
    # For rectifiers Glorot's variance is He's where both fans are equal.
    assert glorot_variance(6, 6, math.sqrt(2.0)) == pytest.approx(he_variance(6, math.sqrt(2.0)))
    slope = mpmath.diff(lambda x: 1 / (1 + mpmath.exp(-x)), 0)
    assert 1 / slope == pytest.approx(4.0)


def test_uniform_bounds_and_their_misprints() -> None:
    m, n = 30, 70
    assert uniform_variance(math.sqrt(6 / (m + n))) == pytest.approx(2 / (m + n))
    assert uniform_variance(6 / math.sqrt(m + n)) == pytest.approx(12 / (m + n))
    assert heuristic_variance(m, Fraction(1)) == Fraction(1, 3 * m)
    printed = Uniform(-1 / math.sqrt(m), 1 / math.sqrt(n))
    assert printed.mean == pytest.approx((1 / math.sqrt(n) - 1 / math.sqrt(m)) / 2)
    assert abs(printed.mean) > 0.03


def test_a_cut_leaves_less_variance() -> None:
    with mpmath.workdps(40):
        density = lambda x: x**2 * mpmath.npdf(x)  # noqa: E731
        inside = mpmath.ncdf(2) - mpmath.ncdf(-2)
        expected = mpmath.quad(density, [-2, 0, 2]) / inside
    assert cut_variance() == pytest.approx(float(expected), rel=1e-14)
    assert float(cut_variance(Arithmetic.exact().scalar(2.0)).ball) == cut_variance()
    assert math.sqrt(cut_variance()) == pytest.approx(0.87962566103423978, rel=1e-15)


@pytest.mark.parametrize(
    "bounds", [(-2.0, 2.0), (-0.5, 1.5), (0.5, 2.0), (1.5, 4.0), (-3.0, -1.0)]
)
def test_truncated_moments_are_integrals(bounds: tuple[float, float]) -> None:
    centre, scale = 0.25, 0.75
    distribution = Truncated(centre, scale, *bounds)

    def integral(function: object) -> float:
        return float(
            mpmath.quad(lambda x: function(x) * mpmath.npdf(x, centre, scale), bounds)  # type: ignore[operator]
        )

    inside = integral(lambda x: 1)
    mean = integral(lambda x: x) / inside
    assert distribution.inside == pytest.approx(inside, rel=1e-12)
    assert distribution.mean == pytest.approx(mean, rel=1e-12)
    spread = integral(lambda x: (x - mean) ** 2) / inside
    assert distribution.variance == pytest.approx(spread, rel=1e-9)
    middle = sum(bounds) / 2
    below = float(mpmath.quad(lambda x: mpmath.npdf(x, centre, scale), [bounds[0], middle]))
    found = distribution.below(np.array([bounds[0] - 1, middle, bounds[1] + 1]))
    assert found == pytest.approx([0.0, below / inside, 1.0], rel=1e-12)


def test_tails_are_not_lost() -> None:
    far = Truncated(0.0, 1.0, 9.0, 11.0)
    inside = mpmath.quad(mpmath.npdf, [9, 10, 11])
    assert far.inside == pytest.approx(float(inside), rel=1e-12)
    assert 9.0 < far.mean < 9.2


@pytest.mark.parametrize("key", DISTRIBUTIONS, ids="-".join)
def test_distributions_are_what_their_functions_say(key: tuple[str, str]) -> None:
    distribution = DISTRIBUTIONS[key](COUNTS, H)
    deviation = math.sqrt(distribution.variance)
    low, high = distribution.support
    ends = max(low, -12 * deviation), min(high, 12 * deviation)
    edges = np.linspace(*ends, 20001)
    steps = np.diff(distribution.below(edges))
    middles = (edges[1:] + edges[:-1]) / 2
    mean = float(np.sum(middles * steps))
    assert float(np.sum(steps)) == pytest.approx(1.0)
    assert mean == pytest.approx(distribution.mean, abs=1e-6 * deviation)
    variance = float(np.sum((middles - mean) ** 2 * steps))
    assert variance == pytest.approx(distribution.variance, rel=1e-5)


def test_variances_by_the_texts() -> None:
    def variance(method: str, dialect: str) -> float:
        return DISTRIBUTIONS[method, dialect](COUNTS, H).variance

    assert variance("uniform", "symmetric") == pytest.approx(0.25 / 3)
    assert variance("uniform", "from-zero") == pytest.approx(0.25 / 12)
    assert variance("truncated-normal", "two-deviations") == pytest.approx(0.25 * 0.7737413035)
    for method, dialect, expected in (
        ("he-normal", "fan-in", 2.25 / 300),
        ("he-normal", "fan-out", 2.25 / 500),
        ("he-normal", "fan-in+truncated", 2.25 / 300),
        ("he-uniform", "fan-in", 2.25 / 300),
        ("he-uniform", "fan-out", 2.25 / 500),
        ("glorot-normal", "harmonic-mean", 2.25 * 0.0025),
        ("glorot-normal", "harmonic-mean+truncated", 2.25 * 0.0025),
        ("glorot-uniform", "harmonic-mean", 2.25 * 0.0025),
        ("glorot-uniform", "geometric-mean", 2.25 / math.sqrt(150_000)),
        ("fan-scaled-uniform", "fan-in", 1 / 900),
        ("fan-scaled-uniform", "hidden-units", 1 / 120),
    ):
        assert variance(method, dialect) == pytest.approx(expected), (method, dialect)


def test_every_random_dialect_has_a_distribution() -> None:
    structured = {"orthogonal", "sparse", "constant-bias", "marginal-bias"}
    random = {
        (record.id, dialect)
        for record in procedures("initializer").values()
        for dialect in record.dialects
        if record.id not in structured
    }
    assert random == set(DISTRIBUTIONS)


def test_gaussians_have_no_ends() -> None:
    assert Gaussian(2.0).support == (-math.inf, math.inf)


def test_softmax_of_logarithms_is_the_frequencies() -> None:
    frequencies = (0.7, 0.2, 0.1)
    exact = Arithmetic.exact()
    biases: list[Scalar] = [exact.scalar(each).function("log") for each in frequencies]
    shifted = [each + exact.scalar(3.0) for each in biases]
    for found in (softmax(biases), softmax(shifted)):
        assert [float(each.ball) for each in found] == pytest.approx(frequencies, rel=1e-15)
