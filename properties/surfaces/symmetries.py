"""Laws of weight space: which parameters give the same network, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.surfaces.drawn_surfaces import losses, points
from optcheck.properties.surfaces.landscapes import Landscape, computes, worst
from optcheck.reference.oracle import Bound
from optcheck.reference.surfaces.networks import Network, NetworkLoss, NetworkOutput
from optcheck.reference.surfaces.symmetries import (
    Symmetry,
    permutation_count,
    permutations,
    rank,
    scale_directions,
    scaling,
    sign_permutation_count,
    signed_permutations,
)

_FLOAT64 = ("float64",)

# Each once for the libraries that compile; the deep ones have layers of equal width.
_UNITS = (2, 3)
_DEEP = ((2, 3), (3, 2))


def _require_distinct(
    landscape: Landscape, images: Iterable[Floats], point: Floats, count: int
) -> None:
    distinct = len({tuple(image.tolist()) for image in images})
    if distinct != count:
        raise landscape.deviation(f"{distinct} points are distinct, not {count}", point)


def _same_heights(landscape: Landscape, images: list[Floats], point: Floats) -> tuple[int, float]:
    """At how many of the images the computed value is that of the point, and the worst ratio."""
    here = landscape.quantity("value", point)
    expected, allowed = float(here.expected()[0]), float(here.allowed()[0])
    off = np.array([abs(landscape.value(image) - expected) for image in images])
    same = off <= allowed
    return int(same.sum()), float(np.max(off[same], initial=0.0) / allowed)


@law(
    id="hidden-units-swap-and-change-sign",
    title="M! 2^M points are equivalent with tanh units, and M! with rectified ones",
    statement=(
        "Of all M! 2^M orders and signs of the M hidden units of a network, which give as many "
        "distinct points, all have the output of the first to rounding where the units are tanh; "
        "where they are rectified the M! orders have it and no change of a sign does."
    ),
    oracle="identity",
    capability="derivative",
    equations=("weight-space-symmetry-sign-permutation-count", "equivalent-minima-equal-cost"),
    about=computes("value"),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def hidden_units_swap_and_change_sign(subject: Subject, data: st.DataObject) -> float:
    units = data.draw(st.sampled_from(_UNITS), label="units")
    given = (data.draw(st.sampled_from((0.5, 1.25, -0.75)), label="input"),)
    ratios = []
    for hidden in ("tanh", "relu"):
        network = Network((1, units, 1), hidden)
        landscape = Landscape(subject, NetworkOutput(network, given))
        point = data.draw(points(network.size, 1.5), label="parameters")
        if hidden == "relu":
            point = _all_active(network, point, given[0])
        images = [image.apply(point) for image in signed_permutations(network)]
        count = sign_permutation_count(units)
        _require_distinct(landscape, images, point, count)
        expected = count if hidden == "tanh" else permutation_count(units, 1)
        same, ratio = _same_heights(landscape, images, point)
        if same != expected:
            raise landscape.deviation(
                f"{same} of {count} points have the output of the first, not {expected}", point
            )
        ratios.append(ratio)
    return worst(ratios)


def _all_active(network: Network, point: Floats, given: float) -> Floats:
    """Weights and biases with the sign that makes all units active; outputs do not cancel."""
    point = np.abs(point)
    for weight, _ in network.places()[0]:
        point[weight] *= np.sign(given)
    return point


@law(
    id="hidden-units-of-each-layer-swap",
    title="m layers of n hidden units have (n!)^m equivalent orders",
    statement=(
        "All orders of the units of each hidden layer, their outgoing weights with them, give "
        "(n!)^m distinct points for m layers of n units, with the same loss to rounding."
    ),
    oracle="identity",
    capability="derivative",
    equations=("weight-space-symmetry-permutation-count", "equivalent-minima-equal-cost"),
    about=computes("value"),
    every_path=False,
    share=0.1,
    dtypes=_FLOAT64,
)
def hidden_units_of_each_layer_swap(subject: Subject, data: st.DataObject) -> float:
    units, layers = data.draw(st.sampled_from(_DEEP), label="units and layers")
    network = Network((1, *(units,) * layers, 1), "tanh")
    landscape = Landscape(subject, data.draw(losses(network), label="loss"))
    point = data.draw(points(network.size, 1.5), label="parameters")
    images = [image.apply(point) for image in permutations(network)]
    count = permutation_count(units, layers)
    _require_distinct(landscape, images, point, count)
    same, ratio = _same_heights(landscape, images, point)
    if same != count:
        raise landscape.deviation(f"{same} of {count} orders have the same loss", point)
    return ratio


_RECTIFIED = Network((1, 2, 2, 1), "relu")


def _active_point(data: st.DataObject) -> Floats:
    """Positive parameters: with positive inputs all units are active."""
    return np.abs(data.draw(points(_RECTIFIED.size, 1.5), label="parameters"))


def _positive(problem: NetworkLoss, penalty: float | None = None) -> NetworkLoss:
    inputs = tuple(tuple(abs(each) for each in row) for row in problem.inputs)
    return NetworkLoss(problem.network, inputs, problem.targets, problem.scale, penalty)


def _draw_unit(data: st.DataObject) -> tuple[int, int]:
    return data.draw(st.sampled_from(((0, 0), (0, 1), (1, 0), (1, 1))), label="layer and unit")


@law(
    id="rectified-units-may-be-rescaled",
    title="A rectified unit may be scaled by any positive factor, without a weight penalty",
    statement=(
        "The loss of a network of rectified units is the same, bit by bit, where what enters a "
        "unit is multiplied by a power of two and what leaves it divided by that, and to "
        "rounding for other positive factors; it is another one for negative factors. With a "
        "penalty on the squared weights it changes by exactly what that changes by."
    ),
    oracle="identity",
    capability="derivative",
    equations=("relu-rescaling-symmetry", "equivalent-minima-equal-cost"),
    about=computes("value"),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def rectified_units_may_be_rescaled(subject: Subject, data: st.DataObject) -> float:
    problem = _positive(data.draw(losses(_RECTIFIED), label="loss"))
    landscape, point = Landscape(subject, problem), _active_point(data)
    layer, unit = _draw_unit(data)

    def scaled(factor: float) -> Floats:
        return scaling(_RECTIFIED, layer, unit, factor, 1.0 / factor).apply(point)

    power = 2.0 ** data.draw(st.sampled_from((-3, -1, 1, 4)), label="log2 of the factor")
    here, there = landscape.value(point), landscape.value(scaled(power))
    if here != there:
        raise landscape.deviation(
            f"the loss is {there!r} with a unit scaled by {power}, and {here!r} without",
            scaled(power),
        )
    # Other factors are rounded into the point, which the exact value is taken at.
    other = scaled(data.draw(st.sampled_from((0.3, 2.5, 1.7)), label="factor"))
    ratio = landscape.require("value", other, _near(landscape, point, other), "scaled loss")
    _require_another(landscape, point, scaled(-power))
    return max(ratio, _require_penalty(subject, problem, point, scaled(power)))


def _require_another(landscape: Landscape, point: Floats, image: Floats) -> None:
    """That the computed loss is another one at ``image``, where the exact one is."""
    here, there = (landscape.quantity("value", each) for each in (point, image))
    gap = abs(float(here.expected()[0] - there.expected()[0]))
    slack = float(here.allowed()[0] + there.allowed()[0])
    if gap > 2.0 * slack and abs(landscape.value(image) - landscape.value(point)) <= slack:
        raise landscape.deviation("the loss is the same for a negative factor", image)


def _near(landscape: Landscape, point: Floats, image: Floats) -> Bound:
    """The value at ``point``, with the rounding of the value and of the coordinates of ``image``.

    What enters the unit is rounded once and what leaves it twice, so that the outputs, sums of
    positive products of both, are off by three units, and the loss by six of what it is where
    targets do not cancel outputs.
    """
    problem = landscape.problem
    assert isinstance(problem, NetworkLoss)
    here, slack = landscape.quantity("value", point), landscape.slack("value", image)
    signless = NetworkLoss(
        problem.network,
        problem.inputs,
        tuple(tuple(-abs(t) for t in row) for row in problem.targets),
        problem.scale,
    )
    moved = 2.0**-53 * 7.0 * float(signless.value(np.abs(point)))
    return Bound(here.expected(), here.allowed() + slack + moved)


def _require_penalty(
    subject: Subject, problem: NetworkLoss, point: Floats, image: Floats
) -> float:
    """With a penalty the loss at the image differs by the penalty's difference."""
    penalty = 0.5
    landscape = Landscape(subject, _positive(problem, penalty))
    values = [landscape.value(each) for each in (image, point)]
    slack = sum(float(landscape.slack("value", each)[0]) for each in (image, point))
    # Squares of short binary fractions: exact.
    change = penalty / 2.0 * float(image @ image - point @ point)
    off = abs(values[0] - values[1] - change)
    allowed = slack + 2.0**-52 * (abs(values[0]) + abs(values[1]))
    if off > allowed:
        raise landscape.deviation(
            f"the penalised loss changes by {values[0] - values[1]:.6g} and the penalty by "
            f"{change:.6g}",
            image,
        )
    return off / allowed


@law(
    id="gradients-of-equivalent-points-correspond",
    title="Gradients at equivalent points are images of one another",
    statement=(
        "Where T leaves the loss as it is, the computed gradient at T w is T^-T times that at w: "
        "for orders and signs of tanh units, with the same length, and for rescaled rectified "
        "units. At a point that fits its data, all images are stationary. Along the one free "
        "scale of each of the m n rectified units, m n independent directions, the slope is 0."
    ),
    oracle="identity",
    capability="derivative",
    equations=("equivalent-minima-equal-cost", "relu-rescaling-symmetry"),
    about=computes("gradient"),
    every_path=False,
    share=0.1,
    dtypes=_FLOAT64,
)
def gradients_of_equivalent_points_correspond(subject: Subject, data: st.DataObject) -> float:
    network = Network((1, 3, 1), "tanh")
    problem = data.draw(losses(network), label="loss")
    point = data.draw(points(network.size, 1.5), label="parameters")
    images = list(signed_permutations(network))
    chosen = data.draw(st.lists(st.sampled_from(images), min_size=3, max_size=3), label="images")
    landscape = Landscape(subject, problem)
    ratios = [_require_image(landscape, point, image) for image in chosen]
    fitted = Landscape(subject, _fitted(problem, point))
    for image in chosen:
        there = image.apply(point)
        ratios.append(
            fitted.require("gradient", there, fitted.quantity("gradient", there), "at a fit")
        )
    return max(worst(ratios), _require_scales(subject, data))


def _require_image(landscape: Landscape, point: Floats, image: Symmetry) -> float:
    there = image.apply(point)
    quantity = landscape.quantity("gradient", point)
    expected = image.apply_to_gradient(quantity.expected())
    allowed = np.abs(image.apply_to_gradient(quantity.allowed()))
    bound = Bound(expected, allowed + landscape.slack("gradient", there))
    return landscape.require("gradient", there, bound, "gradient at an equivalent point")


def _fitted(problem: NetworkLoss, point: Floats) -> NetworkLoss:
    """The loss with the network's own outputs at ``point`` as targets, rounded."""
    outputs = [NetworkOutput(problem.network, row).value(point) for row in problem.inputs]
    return NetworkLoss(
        problem.network, problem.inputs, tuple((float(each),) for each in outputs), problem.scale
    )


def _require_scales(subject: Subject, data: st.DataObject) -> float:
    problem = _positive(data.draw(losses(_RECTIFIED), label="loss of rectified units"))
    landscape, point = Landscape(subject, problem), _active_point(data)
    layer, unit = _draw_unit(data)
    image = scaling(_RECTIFIED, layer, unit, 4.0, 0.25)
    ratios = [_require_image(landscape, point, image)]
    directions = scale_directions(_RECTIFIED, point)
    gradient, slack = landscape.gradient(point), landscape.slack("gradient", point)
    slopes = np.abs(directions @ gradient)
    allowed = np.abs(directions) @ (slack + 2.0**-50 * np.abs(gradient))
    if rank(directions) != len(directions) or np.any(slopes > allowed):
        raise landscape.deviation(
            f"along the scales of its units the loss has the slopes {slopes.tolist()}", point
        )
    return max(*ratios, float(np.max(slopes / allowed)))
