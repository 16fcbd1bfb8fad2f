"""What layers of random weights do to signals, against enumeration, quadrature and NumPy."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb

from optcheck.properties.initialization import walks
from optcheck.reference.balls import EXACT_BITS, Scalar
from optcheck.reference.initialization.propagation import (
    Growth,
    deltas,
    output_moments,
    passed,
    product_variance,
    scale_search,
    spread,
)
from optcheck.reference.initialization.symmetry import (
    descent_share,
    equal_penalty,
    matching_penalty,
    residuals,
    ridge_share,
    stretch,
    unit_gradient,
)


def exact(values: object) -> list[Scalar]:
    return [Scalar(arb(float(each)), EXACT_BITS) for each in np.ravel(np.asarray(values))]


def plain(scalars: list[Scalar]) -> np.ndarray:
    return np.array([float(each.ball.mid()) for each in scalars])


RANDOM = np.random.default_rng(5)
WEIGHTS = [RANDOM.standard_normal(shape) for shape in ((3, 2), (4, 3), (2, 4))]
LIMITS = [RANDOM.standard_normal(size) for size in (3, 4, 2)]
KINDS = ("tanh", "relu", "sigmoid")
INPUTS, TARGETS = np.array([0.5, -1.25]), np.array([1.0, 0.25])
FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda h: np.maximum(h, 0.0),
    "sigmoid": lambda h: 1.0 / (1.0 + np.exp(-h)),
}


def loss(added: dict[int, np.ndarray] | None = None) -> float:
    """Half the squared errors, with something added to the pre-activations of layers."""
    y = INPUTS
    for layer, (w, b, kind) in enumerate(zip(WEIGHTS, LIMITS, KINDS, strict=True)):
        y = FUNCTIONS[kind](w @ y - b + (added or {}).get(layer, 0.0))
    return float(np.sum((y - TARGETS) ** 2) / 2)


def layers() -> tuple[list[list[list[Scalar]]], list[object]]:
    matrices = [[exact(row) for row in w] for w in WEIGHTS]
    return matrices, passed(matrices, [exact(b) for b in LIMITS], KINDS, exact(INPUTS))


def test_layers_are_those_of_numpy() -> None:
    y = INPUTS
    for w, b, kind, layer in zip(WEIGHTS, LIMITS, KINDS, layers()[1], strict=True):
        y = FUNCTIONS[kind](w @ y - b)
        assert plain(layer.after) == pytest.approx(y, rel=1e-14)


def test_deltas_are_derivatives_in_the_pre_activations() -> None:
    matrices, found = layers()
    slopes = [y - t for y, t in zip(found[-1].after, exact(TARGETS), strict=True)]
    for layer, delta in enumerate(deltas(matrices, found, slopes)):
        steps = 1e-6 * np.eye(len(delta))
        differences = [(loss({layer: e}) - loss({layer: -e})) / 2e-6 for e in steps]
        assert plain(delta) == pytest.approx(np.array(differences), abs=1e-9)


def test_variance_of_products_by_enumeration() -> None:
    x = {Fraction(-1): Fraction(1, 4), Fraction(2): Fraction(3, 4)}
    y = {Fraction(1): Fraction(1, 3), Fraction(5, 2): Fraction(2, 3)}

    def moments(of: dict[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
        mean = sum(v * p for v, p in of.items())
        return mean, sum((v - mean) ** 2 * p for v, p in of.items())

    products: dict[Fraction, Fraction] = {}
    for (a, p), (b, q) in itertools.product(x.items(), y.items()):
        products[a * b] = products.get(a * b, Fraction(0)) + p * q
    assert moments(products)[1] == product_variance(*moments(x), *moments(y))
    # What the text multiplies is not it: the means count.
    assert moments(products)[1] != moments(x)[1] * moments(y)[1]


def test_moments_of_rectified_outputs_by_quadrature() -> None:
    second, mean = output_moments(8, 0.25, 1.5)
    deviation = math.sqrt(8 * 0.25 * 1.5)

    def moment(power: int) -> float:
        return float(
            mpmath.quad(
                lambda g: (deviation * g) ** power * mpmath.npdf(g), [0, 1, 3, 8, mpmath.inf]
            )
        )

    assert second == pytest.approx(moment(2), rel=1e-12)
    assert mean == pytest.approx(moment(1), rel=1e-12)
    assert (second - mean**2) / second == pytest.approx(1 - 1 / math.pi, rel=1e-12)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("orthogonal", [False, True])
def test_growth_against_quadrature(rectified: bool, orthogonal: bool) -> None:
    n, variance = 3, 0.4
    growth = Growth(n, variance, rectified, orthogonal)
    active = range(1, n + 1) if rectified else [n]
    chances = [math.comb(n, k) / (2**n - 1) if rectified else 1.0 for k in active]

    def mean(function: object) -> float:
        total = 0.0
        for k, chance in zip(active, chances, strict=True):
            if orthogonal and k == n:
                total += chance * function(math.log(n * variance))
            elif orthogonal:
                a, b = k / 2, (n - k) / 2
                total += chance * float(
                    mpmath.quad(
                        lambda s, a=a, b=b: (
                            s ** (a - 1)
                            * (1 - s) ** (b - 1)
                            / mpmath.beta(a, b)
                            * function(mpmath.log(n * variance * s))
                        ),
                        [0, 0.5, 1],
                    )
                )
            else:
                total += chance * float(
                    mpmath.quad(
                        lambda c, k=k: (
                            c ** (k / 2 - 1)
                            * mpmath.exp(-c / 2)
                            / (2 ** (k / 2) * mpmath.gamma(k / 2))
                            * function(mpmath.log(variance * c))
                        ),
                        [0, 0.1, 1, 4, 16, 64, 256],
                    )
                )
        return total

    centre = mean(lambda g: g)
    assert growth.mean == pytest.approx(centre, abs=1e-5)
    assert growth.variance_of_step == pytest.approx(mean(lambda g: (g - centre) ** 2), abs=1e-4)
    for t in (0.5, 1.0):
        assert growth.cumulants(t) == pytest.approx(
            math.log(mean(lambda g, t=t: mpmath.exp(t * g))), abs=1e-6
        )
    assert growth.cumulants(0.0) == pytest.approx(0.0, abs=1e-12)
    assert growth.cumulants(-2.0) == math.inf


def test_the_mean_square_is_kept_where_the_logarithm_drifts() -> None:
    growth = Growth(4, 1 / 4)
    assert growth.cumulants(1.0) == pytest.approx(0.0, abs=1e-12)
    assert growth.mean == pytest.approx(-0.2703628455, rel=1e-9)
    he = Growth(64, 2 / 64, rectified=True)
    assert he.cumulants(1.0) == pytest.approx(0.0, abs=1e-12)
    assert -0.05 < he.mean < -0.03
    # An orthogonal matrix with a gain near the root of 2 keeps the logarithm in rectified layers.
    gains = [Growth(64, g**2 / 64, rectified=True, orthogonal=True).mean for g in (1.4, 1.44)]
    assert gains[0] < 0.0 < gains[1]


def test_cumulants_of_rectified_gaussians_by_quadrature() -> None:
    m = walks.RECTIFIED_MEAN

    def mean(function: object) -> float:
        parts = [0, 0.5, 1, 2, 4, 8, 16]
        return 0.5 * float(function(0.0)) + float(
            mpmath.quad(lambda g: function(g) * mpmath.npdf(g), parts)
        )

    assert m == pytest.approx(mean(lambda z: z), rel=1e-12)
    for t in (-2.0, -0.25, 0.125, 0.25):
        expected = mean(lambda z, t=t: mpmath.exp(t * z))
        assert walks.rectified(t) == pytest.approx(math.log(expected), abs=1e-12)
        expected = mean(lambda z, t=t: mpmath.exp(t * (z - m) ** 2))
        assert walks.rectified_deviation(t) == pytest.approx(math.log(expected), abs=1e-9)
    assert walks.rectified_deviation(0.5) == math.inf


def test_chernoff_finds_the_rate_of_gaussians() -> None:
    for total in (-30.0, -3.0, 0.0, 3.0, 30.0):
        found = walks.excess_of_sum(total, [(lambda t: t * t / 2, 10)])
        assert found == pytest.approx(walks.excess_of_balance(total, 10), abs=1e-6)


def test_energy_bounds_allow_what_chi_square_does() -> None:
    for total in (40.0, 90.0, 130.0, 260.0):
        loose = walks.excess_of_energy(total, 100, gaussian=False)
        assert loose <= walks.excess_of_energy(total, 100, gaussian=True) + 1e-9


def test_scale_search_raises_every_spread_just_above_the_threshold() -> None:
    random = np.random.default_rng(2)
    weights = [0.05 * random.standard_normal((16, 16)) for _ in range(6)]
    minibatch = random.standard_normal((4, 16))
    search = scale_search(weights, minibatch, 1.0, 1.25, 200)
    signals = minibatch
    for given, scaled, times, found in zip(
        weights, search.weights, search.scalings, search.spreads, strict=True
    ):
        assert scaled == pytest.approx(1.25**times * given, rel=1e-13)
        assert spread(signals @ scaled.T) == pytest.approx(found)
        assert 1.0 <= found < 1.25 * (1 + 1e-12)
        assert times > 0
        signals = np.maximum(signals @ scaled.T, 0.0)
    with pytest.raises(ValueError, match="layer 0"):
        scale_search([np.zeros((2, 16))], minibatch, 1.0, 2.0, 10)


def test_unit_gradients_are_those_of_the_loss() -> None:
    random = np.random.default_rng(3)
    units, inputs = random.standard_normal((3, 4)), random.standard_normal((5, 3))
    targets = random.standard_normal(5)

    def half_square(at: np.ndarray) -> float:
        return float(np.sum(residuals(at, inputs, targets) ** 2) / 2)

    errors = residuals(units, inputs, targets)
    for k, place in itertools.product(range(3), range(4)):
        step = np.zeros_like(units)
        step[k, place] = 1e-6
        difference = (half_square(units + step) - half_square(units - step)) / 2e-6
        assert unit_gradient(units[k], inputs, errors)[place] == pytest.approx(
            difference, abs=1e-7
        )


def test_stretch_bounds_differences_of_gradients() -> None:
    random = np.random.default_rng(4)
    inputs, errors = random.standard_normal((5, 3)), random.standard_normal(5)
    for scale in (1e-3, 0.1, 1.0, 3.0):
        for _ in range(20):
            first = random.standard_normal(4)
            second = first + scale * random.standard_normal(4)
            apart = unit_gradient(first, inputs, errors) - unit_gradient(second, inputs, errors)
            bound = stretch(first, second, inputs, errors) * np.linalg.norm(first - second)
            assert np.linalg.norm(apart) <= bound


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_shares_of_descent_and_ridge(steps: int) -> None:
    rate, curvatures = Fraction(1, 8), [Fraction(k, 4) for k in (1, 3, 8, 32)]
    shares = []
    for curvature in curvatures:
        way = Fraction(0)
        for _ in range(steps):
            way -= rate * curvature * (way - 1)
        found = float(descent_share(float(rate), float(curvature), steps))
        assert found == pytest.approx(float(way), rel=1e-12)
        shares.append(found)
        if rate * curvature < 1:
            alike = equal_penalty(float(rate), float(curvature), steps)
            assert float(ridge_share(float(curvature), alike)) == pytest.approx(found, rel=1e-12)
        penalty = matching_penalty(float(rate), steps)
        ratio = found / float(ridge_share(float(curvature), penalty))
        assert 1.0 <= ratio <= 2.0
    assert shares == sorted(shares)
