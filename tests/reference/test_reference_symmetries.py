"""Small networks and their symmetries, against plain NumPy and counts from the texts."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from optcheck.reference.balls import Arithmetic
from optcheck.reference.surfaces.networks import (
    LINEAR_CHAIN,
    PLATEAU,
    SIGMOID_MINIMA,
    SIGMOID_UNIT,
    Network,
    NetworkLoss,
    NetworkOutput,
    dead_network,
    enclosed_minimum,
    linear_pair,
)
from optcheck.reference.surfaces.symmetries import (
    joined,
    permutation,
    permutation_count,
    permutations,
    rank,
    scale_directions,
    scaling,
    sign_permutation_count,
    signed_permutations,
)
from optcheck.reference.trajectories import gradient_at, value_at

RANDOM = np.random.default_rng(5)
ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
    "linear": lambda z: z,
}


def forward(network: Network, parameters: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The outputs by matrices; a row of parameters a unit, its bias last."""
    signals, left = inputs, list(parameters)
    for depth, width in enumerate(network.widths[1:], start=1):
        last = depth == len(network.widths) - 1
        more = int(network.biases and not last)
        size = width * (len(signals) + more)
        rows = np.array([left.pop(0) for _ in range(size)]).reshape(width, -1)
        heights = rows[:, : len(signals)] @ signals
        if more:
            heights = heights + rows[:, -1]
        signals = ACTIVATIONS[network.output if last else network.hidden](heights)
    return signals


def differences(function: object, x: np.ndarray) -> np.ndarray:
    step = 1e-5
    return np.array(
        [(function(x + e) - function(x - e)) / (2 * step) for e in step * np.eye(x.size)]
    )


@pytest.mark.parametrize("hidden", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("widths", [(1, 3, 1), (2, 2, 2, 1), (1, 2, 3, 2)])
def test_networks_are_what_matrices_make_them(widths: tuple[int, ...], hidden: str) -> None:
    network = Network(widths, hidden)
    x = RANDOM.normal(size=network.size)
    inputs = RANDOM.normal(size=(2, widths[0]))
    targets = RANDOM.normal(size=(2, widths[-1]))
    outputs = [forward(network, x, row) for row in inputs]
    output = NetworkOutput(network, tuple(inputs[0]))
    assert output.value(x) == pytest.approx(outputs[0][0])
    loss = NetworkLoss(
        network, tuple(map(tuple, inputs)), tuple(map(tuple, targets)), 0.5, penalty=0.25
    )
    plain = 0.5 * sum(np.sum((y - t) ** 2) for y, t in zip(outputs, targets, strict=True))
    assert loss.value(x) == pytest.approx(plain + 0.125 * x @ x)
    again = loss.with_coefficients(loss.coefficients)
    assert again == loss
    assert loss.gradient(x) == pytest.approx(differences(loss.value, x), abs=1e-6)
    assert loss.hessian(x) == pytest.approx(differences(loss.gradient, x), abs=1e-6)
    value = value_at(loss, x, Arithmetic.exact()).expected()[0]
    assert loss.value(x) == pytest.approx(value, rel=1e-14)
    exact = gradient_at(loss, x, Arithmetic.exact()).expected()
    assert loss.gradient(x) == pytest.approx(exact, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("units", [1, 2, 3, 4])
def test_signs_and_orders_are_counted(units: int) -> None:
    network, given = Network((1, units, 1), "tanh"), np.array([0.7])
    x = RANDOM.normal(size=network.size)
    images = [image.apply(x) for image in signed_permutations(network)]
    count = math.factorial(units) * 2**units
    assert sign_permutation_count(units) == len({tuple(each) for each in images}) == count
    here = forward(network, x, given)
    assert all(forward(network, each, given) == pytest.approx(here) for each in images)
    # B21: of rectified units no change of a sign keeps the output.
    rectified = Network((1, units, 1), "relu")
    x = np.linspace(0.5, 1.5, network.size)
    heights = [
        forward(rectified, image.apply(x), given) for image in signed_permutations(rectified)
    ]
    same = np.isclose(heights, forward(rectified, x, given))
    assert same.sum() == math.factorial(units)


@pytest.mark.parametrize(("units", "layers"), [(2, 1), (2, 3), (3, 2)])
def test_orders_of_layers_are_counted(units: int, layers: int) -> None:
    network, given = Network((2, *(units,) * layers, 1), "tanh"), np.array([0.7, -0.2])
    x = RANDOM.normal(size=network.size)
    images = [image.apply(x) for image in permutations(network)]
    assert permutation_count(units, layers) == len({tuple(each) for each in images})
    assert len(images) == math.factorial(units) ** layers
    here = forward(network, x, given)
    assert all(forward(network, each, given) == pytest.approx(here) for each in images)


def test_a_positive_factor_keeps_the_output_and_a_negative_one_does_not() -> None:
    network, given = Network((1, 2, 2, 1), "relu"), np.array([0.7])
    x = np.abs(RANDOM.normal(size=network.size))
    for layer in (0, 1):
        kept, turned = (scaling(network, layer, 1, a, 1 / a).apply(x) for a in (2.5, -2.5))
        assert forward(network, kept, given) == pytest.approx(forward(network, x, given))
        assert abs(forward(network, turned, given) - forward(network, x, given))[0] > 1e-3
    directions = scale_directions(network, x)
    assert rank(directions) == 4
    output = NetworkOutput(network, tuple(given))
    assert directions @ output.gradient(x) == pytest.approx(np.zeros(4), abs=1e-12)
    tiny = 1e-6
    moved = scaling(network, 1, 0, 1 + tiny, 1 / (1 + tiny)).apply(x)
    assert (moved - x) / tiny == pytest.approx(directions[2], abs=1e-5)


def test_gradients_transform_contragrediently() -> None:
    network = Network((1, 3, 1), "relu")
    loss = NetworkLoss(network, ((0.5,), (1.5,)), ((1.0,), (-1.0,)))
    x = np.abs(RANDOM.normal(size=network.size))
    image = joined(permutation(network, [(2, 0, 1)]), scaling(network, 0, 1, 4.0, 0.25))
    assert loss.value(image.apply(x)) == pytest.approx(loss.value(x))
    there = loss.gradient(image.apply(x))
    assert there == pytest.approx(image.apply_to_gradient(loss.gradient(x)), abs=1e-12)


def test_the_sigmoid_unit_has_the_minima_of_the_catalogue() -> None:
    inputs, targets = (-3.796, -1.87, 0.124), (0.857, 0.034, 0.73)

    def loss(w: mpmath.mpf) -> mpmath.mpf:
        pairs = zip(inputs, targets, strict=True)
        return sum((1 / (1 + mpmath.exp(-w * x)) - t) ** 2 for x, t in pairs)

    places = [enclosed_minimum(SIGMOID_UNIT, *bracket) for bracket in SIGMOID_MINIMA]
    assert places == pytest.approx([-0.0968, 8.0211], abs=1e-4)
    for place in places:
        assert mpmath.findroot(lambda w: mpmath.diff(loss, w), place) == pytest.approx(place)
        assert mpmath.diff(loss, place, 2) > 0
    assert [float(loss(place)) for place in places] == pytest.approx([0.3864, 0.7356], abs=5e-5)
    with pytest.raises(ValueError, match=r"no minimum is proved between 0.5 and 1.0"):
        enclosed_minimum(SIGMOID_UNIT, 0.5, 1.0)
    with pytest.raises(ValueError, match="no minimum is proved"):
        enclosed_minimum(SIGMOID_UNIT, -0.05, 0.0)


def test_flat_regions_and_chains() -> None:
    dead = np.array([1.0, -3.0, 2.0, -5.0, 0.5, 0.5])
    network = dead_network((0.5, 1.0), (1.0, 2.0), 2)
    assert network.value(dead) == 2.5
    assert not network.gradient(dead).any()
    assert not network.hessian(dead).any()
    assert [PLATEAU.value(np.array([x])) for x in (-2.0, -0.5, 1.5)] == [1.0, 0.0, 0.25]
    origin = np.zeros(2)
    assert LINEAR_CHAIN.hessian(origin).tolist() == [[0.0, -2.0], [-2.0, 0.0]]
    assert LINEAR_CHAIN.value(np.array([4.0, 0.25])) == 0.0
    pair = linear_pair((4.0, 1.0))
    assert pair.value(np.array([2.0, 0.0, 0.0, 0.0] * 2)) == 0.5
    assert pair.value(np.array([2.0, 0.0, 0.0, 1.0] * 2)) == 0.0
