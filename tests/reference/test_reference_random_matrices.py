"""Random symmetric matrices: exact probabilities against integrals and samples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import sympy
from scipy import integrate, special, stats

from optcheck.reference.surfaces.random_matrices import (
    coin_toss_probability,
    conditional_probability,
    gaussian_probability,
)


def integral_over_positive_eigenvalues(order: int, nodes: int = 20, reach: float = 9.0) -> float:
    """Of the density by Gauss and Legendre: over the smallest one, and the gaps above it."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    places, weights = (places + 1.0) * reach / 2.0, weights * reach / 2.0
    gaps = np.array(list(itertools.product(places, repeat=order)))
    weight = np.array([math.prod(each) for each in itertools.product(weights, repeat=order)])
    eigenvalues = np.cumsum(gaps, axis=1)
    density = np.exp(-np.sum(eigenvalues**2, axis=1) / 2.0)
    for i, j in itertools.combinations(range(order), 2):
        density *= eigenvalues[:, j] - eigenvalues[:, i]
    # The integral over all ordered eigenvalues is Mehta's.
    whole = (2.0 * math.pi) ** (order / 2.0) / math.factorial(order)
    whole *= math.prod(math.gamma(1.0 + j / 2.0) / math.gamma(1.5) for j in range(1, order + 1))
    return float(np.sum(weight * density)) / whole


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_probability_is_an_integral_of_the_density(order: int) -> None:
    found = integral_over_positive_eigenvalues(order)
    assert gaussian_probability(order) == pytest.approx(found, rel=1e-6)


def test_the_probability_in_closed_form() -> None:
    assert gaussian_probability(1) == 0.5
    assert gaussian_probability(2) == pytest.approx((2.0 - math.sqrt(2.0)) / 4.0, rel=1e-15)
    three = (math.pi - 2.0 * math.sqrt(2.0)) / (4.0 * math.pi)
    assert gaussian_probability(3) == pytest.approx(three, rel=1e-14)


def gaussian(random: np.random.Generator, count: int, order: int) -> npt.NDArray[np.float64]:
    """Variance 1 on the diagonal and 1/2 beside it, entry by entry."""
    matrices = np.zeros((count, order, order))
    for i in range(order):
        matrices[:, i, i] = random.standard_normal(count)
        for j in range(i):
            matrices[:, i, j] = random.standard_normal(count) / math.sqrt(2.0)
            matrices[:, j, i] = matrices[:, i, j]
    return matrices


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_probability_is_that_of_samples(order: int) -> None:
    count = 100_000
    spectra = np.linalg.eigvalsh(gaussian(np.random.default_rng(order), count, order))
    positive = int(np.sum(spectra[:, 0] > 0.0))
    assert stats.binomtest(positive, count, gaussian_probability(order)).pvalue > 1e-3
    assert stats.binomtest(positive, count, coin_toss_probability(order)).pvalue < 1e-9


def test_repelling_eigenvalues_are_rarer_than_coins() -> None:
    assert [coin_toss_probability(order) for order in (1, 2, 3)] == [0.5, 0.25, 0.125]
    assert all(gaussian_probability(n) < coin_toss_probability(n) for n in range(2, 6))


def test_a_hessian_given_its_value_is_a_shifted_gaussian_matrix() -> None:
    """The covariances of f and of its second derivatives, of ``exp(-r**2 / 2)`` at r = 0."""
    x, y = sympy.symbols("x:2"), sympy.symbols("y:2")
    covariance = sympy.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / 2)
    here = dict.fromkeys([*x, *y], 0)
    pairs = list(itertools.product(range(2), repeat=2))

    def delta(i: int, j: int) -> int:
        return int(i == j)

    for i, j in pairs:
        with_value = sympy.diff(covariance, x[i], x[j]).subs(here)
        assert with_value == -delta(i, j)
        for k, m in pairs:
            together = sympy.diff(covariance, x[i], x[j], y[k], y[m]).subs(here)
            given_value = together - delta(i, j) * delta(k, m)
            # Twice that of the ensemble, whose entries have this half.
            assert given_value == delta(i, k) * delta(j, m) + delta(i, m) * delta(j, k)
        # The gradient says nothing of either.
        assert all(sympy.diff(covariance, x[i], y[k], y[m]).subs(here) == 0 for k, m in pairs)


@pytest.mark.parametrize("value", [-1.5, -0.5, 0.0, 0.25, 1.5])
def test_the_conditional_probability_is_an_integral(value: float) -> None:
    one, _ = integrate.quad(lambda h: stats.norm.pdf(h, -value, math.sqrt(2.0)), 0.0, 20.0)
    assert conditional_probability(1, value) == pytest.approx(one, rel=1e-8)
    # The mean of both eigenvalues exceeds half their difference.
    two, _ = integrate.quad(
        lambda r: r * math.exp(-r * r / 2.0) * special.ndtr(-value - r), 0.0, 20.0
    )
    assert conditional_probability(2, value) == pytest.approx(two, rel=1e-8)


def test_the_lower_the_value_the_more_minima() -> None:
    for order in (1, 2):
        shares = [conditional_probability(order, value) for value in np.linspace(-3.0, 3.0, 25)]
        assert all(low > high for low, high in itertools.pairwise(shares))
        assert shares[12] == pytest.approx(gaussian_probability(order), rel=1e-14)
    with pytest.raises(ValueError, match="not for 3"):
        conditional_probability(3, 0.0)
