"""Laws of Newton's method as what it was before: a way to find roots, here of the gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions, quartics, starts
from optcheck.properties.minimizers.newton import (
    direction_of,
    first_step,
    is_newton,
    rounding_of,
    slack_of,
)
from optcheck.properties.minimizers.running import Task, minimize, moves, require_of, worst
from optcheck.reference.balls import EXACT_BITS, Scalar, ball_arithmetic
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Polynomial, diagonal

_FLOAT64 = ("float64",)
_ITERATIONS = 3


@law(
    id="newton-is-newton-raphson-on-the-gradient",
    title="Newton's method is Newton and Raphson's on the gradient",
    statement=(
        "The points are those of the search for a root of F = grad E with its own derivative, "
        "w - DF(w)^-1 F(w), from the same start: F is a polynomial, differentiated term by term, "
        "and its iteration runs in balls that hold what elimination and the sum may round in "
        "each step."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("newton-illustration-root-finding",),
    about=is_newton,
    share=0.1,
    every_path=False,
    dtypes=_FLOAT64,
)
def newton_is_newton_raphson(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, quartics(), iterations=_ITERATIONS)
    assert isinstance(task.objective, Polynomial)
    function = task.objective.derivatives
    with ball_arithmetic():
        place = [arb(float(each)) for each in task.start]
    ratios = []
    for index, (here, there) in enumerate(moves(minimize(subject, task)), start=1):
        slack = slack_of(subject, task, here, direction_of(here, there))
        inverse = np.abs(np.linalg.inv(task.objective.hessian(here.point)))
        off = inverse @ slack + rounding_of(subject, there.point)
        place = _raphson(function, place, off)
        bound = Bound(
            np.array([float(each.mid()) for each in place]),
            SAFETY * np.array([float(each.rad()) for each in place]),
        )
        what = f"point of the search for a root after step {index}"
        ratios.append(require_of(subject, task, bound, there.point, what))
    return worst(ratios)


def _raphson(function: Sequence[Polynomial], place: Sequence[arb], off: Floats) -> list[arb]:
    """``x - DF(x)^-1 F(x)`` for all ``x`` in the balls, and as much beside it as ``off``."""
    with ball_arithmetic():
        x = [Scalar(each, EXACT_BITS) for each in place]
        values = arb_mat([[each.value(x).ball] for each in function])
        slopes = arb_mat(
            [[slope.value(x).ball for slope in each.derivatives] for each in function]
        )
        step = (slopes.inv() * values).entries()
        return [
            each - move + arb(0, float(room))
            for each, move, room in zip(place, step, off, strict=True)
        ]


@law(
    id="newton-of-each-parameter-alone",
    title="Newton's step in one parameter is minus slope over curvature",
    statement=(
        "On a sum of parabolas, one for each parameter, some of them turned down, Newton's step "
        "in each is minus its slope over its curvature, so that minus step over slope is the "
        "inverse curvature with its sign; the value changes by minus the sum of half of slope "
        "squared over curvature: along a parameter it falls, to the minimum, exactly where the "
        "curvature is positive."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("adadelta-newton-step-single-parameter", "adadelta-inverse-curvature-estimate"),
    about=is_newton,
    share=0.1,
    every_path=False,
    dtypes=_FLOAT64,
)
def newton_of_each_parameter(subject: Subject, data: st.DataObject) -> float:
    sizes = st.tuples(fractions(0.25, 8.0), fractions(0.25, 8.0))
    signs = st.tuples(*[st.sampled_from((1.0, -1.0))] * 2)
    curvatures = np.multiply(data.draw(sizes, label="sizes"), data.draw(signs, label="signs"))
    start = data.draw(starts(2), label="start")
    task = Task(diagonal(*curvatures.tolist()), start, iterations=1)
    here, there = first_step(subject, task)
    slopes = curvatures * start
    slack = slack_of(subject, task, here, direction_of(here, there))
    allowed = slack / np.abs(curvatures) + rounding_of(subject, there.point)
    ratios = [
        require_of(
            subject,
            task,
            Bound(1.0 / curvatures, (allowed + rounding_of(subject, start)) / np.abs(slopes)),
            -(there.point - start) / slopes,
            "minus step over slope",
        )
    ]
    # At its end the slope is what the step has left, so that the value is off by its square.
    changes = -(slopes**2) / (2.0 * curvatures)
    left = float(np.abs(curvatures) @ allowed**2)
    rounding = SAFETY * 8 * 2.0**-53 * float(np.abs(curvatures) @ start**2)
    bound = Bound(np.array([changes.sum()]), np.array([left + rounding]))
    change = np.array([there.value - here.value])
    return worst([*ratios, require_of(subject, task, bound, change, "change of the value")])
