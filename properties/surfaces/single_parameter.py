"""A law of one parameter alone: the parabola along it, and where that is lowest."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.calculus.expansions import at_each_length, second_order
from optcheck.properties.calculus.questions import questions, require_of
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import quadratics, quartics
from optcheck.properties.surfaces.landscapes import Landscape, computes
from optcheck.reference.oracle import Bound

# What the law computes itself are products and additions of few numbers.
_OWN = 32 * 2.0**-53


@law(
    id="expansion-in-one-parameter",
    title="Along one parameter a parabola with half the curvature is left, and its lowest point",
    statement=(
        "E(w + d e_j) - E(w) - d dE/dw_j is half of the computed H_jj times d^2, and a remainder "
        "between a sixth of the smallest and of the largest third derivative on the way times "
        "d^3, for steps of three lengths. On a quadratic the step -g_j/H_jj, from the computed "
        "slope and curvature, lowers the computed value by g_j^2/(2 H_jj), and half of it, which "
        "is the best step without the factor 1/2, by 3/4 of that."
    ),
    oracle="exact",
    capability="derivative",
    equations=("adadelta-single-parameter-taylor",),
    about=computes("hessian"),
    every_path=False,
    dtypes=("float64",),
    share=0.1,
)
def expansion_in_one_parameter(subject: Subject, data: st.DataObject) -> float:
    drawn = data.draw(questions((quartics(), quadratics((2,)))), label="question")
    axis = np.eye(2)[data.draw(st.integers(0, 1), label="parameter")]
    ratio = at_each_length(subject, drawn.along(axis), second_order)
    quadratic = data.draw(quadratics((2,)), label="quadratic")
    landscape = Landscape(subject, quadratic)
    return float(np.fmax(ratio, _lowest_along(landscape, drawn.point, axis)))


def _lowest_along(landscape: Landscape, point: Floats, axis: Floats) -> float:
    """The step to the lowest point along an axis, and half of it."""
    slope, wrong = landscape.gradient(point) @ axis, landscape.slack("gradient", point) @ axis
    curvature = axis @ landscape.hessian(point) @ axis
    bent = landscape.slack("hessian", point) @ np.outer(axis, axis).ravel()
    step, height = -slope / curvature, landscape.value(point)
    drop, ratios = slope**2 / (2.0 * curvature), []
    for share, fall in ((1.0, drop), (0.5, 0.75 * drop)):
        there = point + share * step * axis
        room = landscape.slack("value", point)[0] + landscape.slack("value", there)[0]
        # What the slope and the curvature are off by, and where the point is for its rounding.
        moved = np.spacing(np.abs(there)) @ axis
        room += wrong * abs(step) + bent * step**2 + moved * abs(slope)
        bound = Bound(np.array([fall]), np.array([room + _OWN * (abs(height) + drop)]))
        found = np.array([height - landscape.value(there)])
        what = f"the value falls by another number over {share:g} of the step to the lowest point"
        question = landscape.question(point)
        ratios.append(require_of(landscape.subject, question, bound, found, what))
    return max(ratios)
