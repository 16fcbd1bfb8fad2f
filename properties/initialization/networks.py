"""Laws of layers as libraries compute them: what goes through, and how derivatives come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.surfaces.drawn_surfaces import losses, points
from optcheck.properties.surfaces.landscapes import Landscape, computes, worst
from optcheck.reference.balls import EXACT_BITS, Scalar
from optcheck.reference.initialization.propagation import Activation, Signals, deltas, passed
from optcheck.reference.oracle import Bound
from optcheck.reference.surfaces.networks import Network, NetworkLoss, NetworkOutput

_FLOAT64 = ("float64",)
# Few, for the libraries that compile; their hidden units have biases or none.
_DEEP: tuple[tuple[Activation, Network], ...] = tuple(
    (hidden, Network((1, 2, 2, 1), hidden)) for hidden in ("relu", "tanh")
)
_BARE: tuple[tuple[Activation, Network], ...] = (
    ("relu", Network((1, 2, 2, 1), "relu", biases=False)),
)


class _Layers:
    """The parameters of a network, exactly, by layers."""

    def __init__(self, hidden: Activation, network: Network, point: Floats) -> None:
        self.network = network
        places = network.places()
        self.activations: list[Activation] = [hidden] * (len(places) - 1) + ["linear"]
        self.weights = [
            [_exact(point[row[:width]]) for row in layer]
            for width, layer in zip(network.widths, places, strict=False)
        ]
        # A unit's bias is minus its threshold.
        self.thresholds = [
            [-each for row in layer for each in _exact(point[row[width:]])]
            for width, layer in zip(network.widths, places, strict=False)
        ]

    def passed(self, inputs: Sequence[float]) -> list[Signals]:
        """What goes through each layer."""
        given = _exact(np.array(inputs))
        return passed(self.weights, self.thresholds, self.activations, given)

    def gradient(self, inputs: Sequence[float], targets: Sequence[float]) -> Floats:
        """Of half the squared errors for one example: deltas times what arrives with them."""
        layers = self.passed(inputs)
        errors = [
            y - target
            for y, target in zip(layers[-1].after, _exact(np.array(targets)), strict=True)
        ]
        found = np.zeros(self.network.size)
        arriving = _exact(np.array(inputs))
        backwards = deltas(self.weights, layers, errors)
        for units, here, layer in zip(self.network.places(), backwards, layers, strict=True):
            for row, delta in zip(units, here, strict=True):
                slopes = [delta * y for y in arriving] + [delta]
                found[row] = [float(each.ball.mid()) for each in slopes[: len(row)]]
            arriving = layer.after
        return found


def _exact(values: Floats) -> list[Scalar]:
    return [Scalar(arb(float(each)), EXACT_BITS) for each in values]


@law(
    id="layers-weigh-add-and-activate",
    title="A layer weighs its inputs, subtracts a threshold and applies its activation",
    statement=(
        "The output of a network with two hidden layers is that of h = W y - b, y = f(h), layer "
        "by layer, where the library's bias is -b: for tanh and for rectified units. Without "
        "biases a rectified layer is ReLU(W z): with all its weights times a power of two the "
        "output is multiplied by it, bit for bit."
    ),
    oracle="exact",
    capability="derivative",
    equations=("multilayer-network-model", "he-layer-transformation"),
    about=computes("value"),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def layers_weigh_add_and_activate(subject: Subject, data: st.DataObject) -> float:
    given = (data.draw(st.sampled_from((0.5, 1.25, -0.75)), label="input"),)
    ratios = []
    for hidden, network in (*_DEEP, *_BARE):
        point = data.draw(points(network.size, 1.5), label="parameters")
        landscape = Landscape(subject, NetworkOutput(network, given))
        output = _Layers(hidden, network, point).passed(given)[-1].after[0]
        bound = Bound(np.array([float(output.ball.mid())]), landscape.slack("value", point))
        ratios.append(landscape.require("value", point, bound, f"output of {hidden} layers"))
    # The last network is the one without biases.
    power = 2.0 ** data.draw(st.sampled_from((-3, -1, 1, 4)), label="log2 of the factor")
    scaled = np.array(point)
    scaled[np.ravel(network.places()[0])] *= power
    here, there = landscape.value(point), landscape.value(scaled)
    if there != power * here:
        raise landscape.deviation(
            f"with its first weights times {power:g} the output is {there!r}, and {here!r} else",
            scaled,
        )
    return worst(ratios)


@law(
    id="deltas-come-back-through-the-weights",
    title="Derivatives come back through the same weights: the deltas of backpropagation",
    statement=(
        "The library's gradient of half the sum of squared errors of a network with two hidden "
        "layers, tanh or rectified, has for each weight the delta of its unit times what arrives "
        "at it, and for each bias the delta: Delta^L = error f', Delta^l = W' Delta^(l+1) f'."
    ),
    oracle="exact",
    capability="derivative",
    equations=("backpropagation-deltas", "multilayer-network-model"),
    about=computes("gradient"),
    every_path=False,
    share=0.1,
    dtypes=_FLOAT64,
)
def deltas_come_back_through_the_weights(subject: Subject, data: st.DataObject) -> float:
    hidden, network = data.draw(st.sampled_from(_DEEP), label="network")
    problem = data.draw(losses(network), label="loss")
    point = data.draw(points(network.size, 1.5), label="parameters")
    landscape = Landscape(subject, problem)
    bound = Bound(_gradient(hidden, problem, point), landscape.slack("gradient", point))
    return landscape.require("gradient", point, bound, f"gradient through {hidden} layers")


def _gradient(hidden: Activation, problem: NetworkLoss, point: Floats) -> Floats:
    layers = _Layers(hidden, problem.network, point)
    gradient: Floats = sum(
        (
            2.0 * problem.scale * layers.gradient(x, t)
            for x, t in zip(problem.inputs, problem.targets, strict=True)
        ),
        np.zeros(problem.dimension),
    )
    return gradient
