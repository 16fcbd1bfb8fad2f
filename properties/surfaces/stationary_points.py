"""Laws of stationary points: what gradient, Hessian and values say there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.surfaces.drawn_surfaces import surfaces
from optcheck.properties.surfaces.landscapes import Landscape, computes, ratio_below, worst
from optcheck.reference.oracle import Bound
from optcheck.reference.problems import LOG_COSH, ROSENBROCK, SADDLE, Polynomial, Problem, hadamard
from optcheck.reference.surfaces.stationary_points import (
    DEGENERATE,
    Stationary,
    inertia,
    slice_of,
    strict_within,
    without_rounding,
)

_FLOAT64 = ("float64",)

# Stationary points of functions that are no turned pairs of valleys.
_KNOWN: tuple[tuple[Problem, tuple[float, ...]], ...] = (
    (ROSENBROCK, (1.0, 1.0)),
    (SADDLE, (0.0, 0.0)),
    (LOG_COSH, (0.0,)),
)


def _require_level(landscape: Landscape, point: Sequence[float], what: str) -> float:
    """That the gradient is 0: exactly where nothing rounds, else within its budget."""
    problem = landscape.problem
    bits = landscape.subject.working.bits
    if isinstance(problem, Polynomial) and without_rounding(problem, point, bits):
        zeros = np.zeros(problem.dimension)
        return landscape.require("gradient", point, Bound(zeros, zeros), what)
    return landscape.require("gradient", point, landscape.quantity("gradient", point), what)


@law(
    id="gradient-vanishes-at-stationary-points",
    title="The gradient is zero at stationary points and nowhere else",
    statement=(
        "On first(x + y) + second(x - y), two polynomials with known roots of their slopes, the "
        "gradient is exactly 0 at all nine stationary points, and not 0 at a point beside each; "
        "it is 0 to rounding at those of Rosenbrock's function, of a saddle and of log cosh."
    ),
    oracle="exact",
    capability="derivative",
    equations=("stationary-point-condition",),
    about=computes("gradient"),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def gradient_vanishes(subject: Subject, data: st.DataObject) -> float:
    surface = data.draw(surfaces(), label="surface")
    step = data.draw(st.sampled_from((0.0625, -0.125)), label="step beside")
    landscape = Landscape(subject, surface.problem)
    ratios = []
    for place in surface.stationary:
        ratios.append(_require_level(landscape, place.point, f"gradient at a {place.kind}"))
        beside = np.add(place.point, [step, 0.0])
        if not landscape.gradient(beside).any():
            raise landscape.deviation("the gradient is 0 where no point is stationary", beside)
    problem, point = data.draw(st.sampled_from(_KNOWN), label="known function")
    ratios.append(_require_level(Landscape(subject, problem), point, "gradient at its point"))
    return worst(ratios)


@law(
    id="slices-are-level-at-extrema",
    title="At an extremum every coordinate slice is level; a level slice is no extremum",
    statement=(
        "At each minimum and maximum of a polynomial the functions of one coordinate that go "
        "through it have the derivative 0. The converse fails: t^3 is level at 0, and has a "
        "positive derivative on either side."
    ),
    oracle="exact",
    capability="derivative",
    equations=("fermat-interior-extremum",),
    about=computes("gradient"),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def slices_are_level(subject: Subject, data: st.DataObject) -> float:
    surface = data.draw(surfaces(), label="surface")
    ratios = []
    for place in surface.stationary:
        if place.kind == "saddle":
            continue
        for index, coordinate in enumerate(place.point):
            part = slice_of(surface.problem, place.point, index)
            what = f"slope of slice {index} at a {place.kind}"
            ratios.append(_require_level(Landscape(subject, part), (coordinate,), what))
    cube = Landscape(subject, DEGENERATE["neither"])
    ratios.append(_require_level(cube, (0.0,), "slope of t^3 at 0"))
    size = data.draw(fractions(0.125, 2.0), label="beside 0")
    for side in (size, -size):
        if not cube.gradient([side])[0] > 0.0:
            raise cube.deviation("t^3 does not rise", [side])
    return worst(ratios)


def _one_of_each_kind(data: st.DataObject, stationary: Sequence[Stationary]) -> list[Stationary]:
    return [
        data.draw(st.sampled_from([each for each in stationary if each.kind == kind]), label=kind)
        for kind in ("minimum", "maximum", "saddle")
    ]


@law(
    id="hessian-classifies-stationary-points",
    title="The signs of the Hessian's eigenvalues tell minima, maxima and saddles",
    statement=(
        "At stationary points of a polynomial the computed Hessian has as many positive and "
        "negative eigenvalues as were prescribed (counted exactly, in its characteristic "
        "polynomial) and the prescribed eigenvectors; so has that of a quadratic with any "
        "spectrum, zeros included. At 0 it is 0 for t^4, -t^4 and t^3 alike, and decides nothing."
    ),
    oracle="exact",
    capability="derivative",
    equations=("stationary-point-classification", "local-minimum-second-order-condition"),
    about=computes("hessian"),
    every_path=False,
    share=0.15,
    dtypes=_FLOAT64,
)
def hessian_classifies(subject: Subject, data: st.DataObject) -> float:
    surface = data.draw(surfaces(), label="surface")
    landscape = Landscape(subject, surface.problem)
    ratios = []
    for place in _one_of_each_kind(data, surface.stationary):
        hessian = landscape.hessian(place.point)
        _require_inertia(landscape, place.point, hessian, place.eigenvalues)
        ratios.append(_require_axes(landscape, place, hessian))
    spectrum = data.draw(st.lists(_SIGNED, min_size=4, max_size=4), label="spectrum")
    quadratic = Landscape(subject, hadamard(spectrum))
    _require_inertia(quadratic, [0.0] * 4, quadratic.hessian([0.0] * 4), spectrum)
    degenerate = Landscape(subject, DEGENERATE[data.draw(_NATURES, label="degenerate")])
    none = Bound(np.zeros(1), np.zeros(1))
    ratios.append(degenerate.require("hessian", [0.0], none, "Hessian of a power at 0"))
    return worst(ratios)


_SIGNED = st.sampled_from((1.0, -1.0, 0.0, 4.0, -0.5, 0.25, -8.0))
_NATURES = st.sampled_from(tuple(DEGENERATE))


def _require_inertia(
    landscape: Landscape, point: Sequence[float], hessian: Floats, spectrum: Sequence[float]
) -> None:
    counted = inertia(hessian)
    signs = np.sign(spectrum)
    expected = tuple(int(np.sum(signs == sign)) for sign in (1.0, -1.0, 0.0))
    if counted != expected:
        raise landscape.deviation(
            f"the Hessian has {counted[0]} positive, {counted[1]} negative and {counted[2]} zero "
            f"eigenvalues, prescribed are {expected[0]}, {expected[1]} and {expected[2]}",
            point,
        )


def _require_axes(landscape: Landscape, place: Stationary, hessian: Floats) -> float:
    """``H u`` is ``lambda u`` for the prescribed eigenvectors, whose entries are 1 or -1."""
    allowed = landscape.slack("hessian", place.point).reshape(hessian.shape)
    ratios = []
    for eigenvalue, axis in zip(place.eigenvalues, place.axes, strict=True):
        off = np.abs(hessian @ axis - eigenvalue * np.array(axis))
        # Sums of two numbers that may be rounded themselves.
        budget = allowed.sum(axis=1) + 2.0**-52 * np.abs(hessian).sum(axis=1)
        if np.any(off > budget):
            raise landscape.deviation(
                f"{list(axis)} is no eigenvector of the Hessian with {eigenvalue}", place.point
            )
        ratios.append(float(np.max(off / budget)))
    return worst(ratios)


@law(
    id="definite-hessian-gives-a-strict-extremum",
    title="Within a proven radius a definite Hessian bounds the rise from both sides",
    statement=(
        "At a stationary point a with a definite Hessian of extreme eigenvalues l and L in size, "
        "the computed f(a + h) - f(a) lies beyond l/4 ||h||^2 and within (L/2 + l/4) ||h||^2, "
        "upwards at a minimum and downwards at a maximum, for 0 < ||h|| < delta, where the bound "
        "on the third derivative keeps the remainder under l/4 ||h||^2; at a saddle it rises "
        "and falls so along the eigenvectors; at h = 0 it is 0."
    ),
    oracle="exact",
    capability="derivative",
    equations=(
        "strict-extremum-definite-hessian-theorem",
        "local-minimum-second-order-condition",
        "stationary-point-classification",
    ),
    about=computes("value"),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def definite_hessian_gives_a_strict_extremum(subject: Subject, data: st.DataObject) -> float:
    surface = data.draw(surfaces(), label="surface")
    landscape = Landscape(subject, surface.problem)
    share = data.draw(fractions(0.25, 0.875), label="share of the radius")
    ratios = []
    for place in _one_of_each_kind(data, surface.stationary):
        sizes = np.abs(place.eigenvalues)
        delta = share * strict_within(surface.problem, place)
        if _rise(landscape, place.point, np.zeros(2)).computed != 0.0:
            raise landscape.deviation("the value rises without a step", place.point)
        for way, eigenvalues in _ways(place):
            rise = _rise(landscape, place.point, _step(way, delta))
            low = float(np.min(np.abs(eigenvalues)) / 2 - sizes.min() / 4)
            high = float(np.max(np.abs(eigenvalues)) / 2 + sizes.min() / 4)
            ratios.append(
                _require_rise(landscape, place, rise, float(np.sign(eigenvalues[0])), (low, high))
            )
    return worst(ratios)


def _ways(place: Stationary) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Directions with the eigenvalues that matter in them, which have one sign."""
    along: list[tuple[tuple[float, ...], tuple[float, ...]]] = [
        (tuple(sign * u for u in axis), (eigenvalue,))
        for eigenvalue, axis in zip(place.eigenvalues, place.axes, strict=True)
        for sign in (1.0, -1.0)
    ]
    between = [((1.0, 0.0), place.eigenvalues), ((0.25, -1.0), place.eigenvalues)]
    return along if place.kind == "saddle" else [*along, *between]


def _step(way: Sequence[float], delta: float) -> Floats:
    """A step in the direction ``way``, shorter than ``delta``, in short binary fractions."""
    length = 2.0 ** math.floor(math.log2(delta / float(np.linalg.norm(way))))
    return length * np.array(way)


@dataclass(frozen=True)
class _Rise:
    """``f(a + h) - f(a)`` as computed, with what rounding may do to it."""

    computed: float
    slack: float
    point: Floats
    square: float


def _rise(landscape: Landscape, point: Sequence[float], step: Floats) -> _Rise:
    there = np.array(point) + step
    heights = [landscape.value(each) for each in (there, point)]
    slack = sum(float(landscape.slack("value", each)[0]) for each in (there, point))
    rounding = 2.0**-53 * (abs(heights[0]) + abs(heights[1]))
    return _Rise(heights[0] - heights[1], slack + rounding, there, float(step @ step))


def _require_rise(
    landscape: Landscape,
    place: Stationary,
    rise: _Rise,
    sign: float,
    factors: tuple[float, float],
) -> float:
    rises = sign * rise.computed
    low, high = (factor * rise.square for factor in factors)
    if low - rise.slack < rises < high + rise.slack:
        return max(ratio_below(low, rises, rise.slack), ratio_below(rises, high, rise.slack))
    raise landscape.deviation(
        f"{'up' if sign > 0 else 'down'} from a {place.kind} the value changes by {rises:.6g}, "
        f"which is not between {low:.6g} and {high:.6g}",
        rise.point,
        stationary=place.point,
    )


@law(
    id="degenerate-points-are-what-values-make-them",
    title="Where the Hessian is zero a point may be a minimum, a maximum or neither",
    statement=(
        "The computed values of t^4 rise on both sides of 0, those of -t^4 fall and those of t^3 "
        "do both, by exactly that power of the step. So a strict minimum needs no positive "
        "definite Hessian, and a zero one decides nothing."
    ),
    oracle="exact",
    capability="derivative",
    equations=("local-minimum-second-order-condition", "stationary-point-classification"),
    about=computes("value"),
    every_path=False,
    share=0.25,
    dtypes=_FLOAT64,
)
def degenerate_points(subject: Subject, data: st.DataObject) -> float:
    size = 2.0 ** -data.draw(st.integers(0, 12), label="log2 of the step")
    signs = {"minimum": (1.0, 1.0), "maximum": (-1.0, -1.0), "neither": (1.0, -1.0)}
    for nature, problem in DEGENERATE.items():
        landscape = Landscape(subject, problem)
        power = problem.terms[0][1][0]
        for side, sign in zip((size, -size), signs[nature], strict=True):
            rise = landscape.value([side]) - landscape.value([0.0])
            # Powers of two: nothing rounds.
            if rise != sign * size**power:
                raise landscape.deviation(
                    f"the value changes by {rise:.6g} from 0 to {side:g}, of a power of {power} "
                    f"with the factor {problem.terms[0][0]:g}",
                    [side],
                )
    return 0.0
