"""The law of a matrix that L-BFGS shows, though it does not keep one."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.minimizers.drawing import draw_task
from optcheck.properties.minimizers.limited_memory import allowed_radii, is_limited
from optcheck.properties.minimizers.quasi_newton import every_pair, pairs_along
from optcheck.properties.minimizers.running import Task, minimize, require_of, worst
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.matrices import identity
from optcheck.reference.minimizers.quasi_newton import (
    Pair,
    product_form,
    scale_of,
    two_loop_direction,
    updated,
)
from optcheck.reference.oracle import Bound
from optcheck.reference.problems import Polynomial

# No quadratic: after exact searches on one the order of the pairs would not matter.
_BOWL = Polynomial(
    2, ((1.0, (2, 0)), (4.0, (0, 2)), (0.25, (1, 1)), (0.5, (4, 0)), (0.25, (0, 4))), minimum=0.0
)


@law(
    id="l-bfgs-matrix-maps-the-last-pair",
    title="A matrix that L-BFGS shows maps the last change of the gradient to the last step",
    statement=(
        "On one convex quartic, after more steps than the history holds, B y = s for the last "
        "pair of each matrix that is shown, whatever multiple of the identity it starts from, "
        "within the rounding of the updates and of the loops."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("secant-condition",),
    about=is_limited,
    share=0.01,
    one_dtype=True,
)
def l_bfgs_matrix_maps_the_last_pair(subject: Subject, data: st.DataObject) -> float:
    fixed = {"history": 2.0, **every_pair(subject)}
    iterations = 2 * int(fixed["history"]) + 2
    drawn = draw_task(subject, data, st.just(_BOWL), fixed=fixed)
    task = Task(_BOWL, np.array([3.0, 2.0]), drawn.hyperparameters, iterations)
    trajectory = minimize(subject, task)
    ratios = []
    for index, each in enumerate(trajectory.iterations):
        if each.matrix is None or not index:
            continue
        exact, working = pairs_along(subject, task, trajectory, index + 1)
        s, y = exact[-1]
        bound = _rounding_of_matrix(working[-int(fixed["history"]) :]) @ np.abs(y.midpoints())
        rows = [Arithmetic.exact().array(row) for row in each.matrix]
        off = [
            float((dot(row, y).ball - ball).mid()) for row, ball in zip(rows, s.balls, strict=True)
        ]
        what = f"B y - s of the matrix of iteration {index}"
        ratios.append(
            require_of(subject, task, Bound(np.zeros(len(off)), bound), np.array(off), what)
        )
    if not ratios:
        raise NotShown(f"{subject.claim.name} does not show its matrix")
    return worst(ratios)


def _rounding_of_matrix(pairs: list[Pair]) -> Floats:
    """The radius of each entry, by updates or by loops, from the identity or a multiple of it."""
    axes = identity(pairs[-1][0])
    every = []
    for scale in (pairs[-1][0].arithmetic.scalar(1.0), scale_of(pairs)):
        scaled = [row * scale for row in axes]
        every.append([allowed_radii(row) for row in updated(product_form, scaled, pairs)])
        every.append([allowed_radii(two_loop_direction(row, pairs, scale)) for row in axes])
    largest: Floats = np.max(np.array(every), axis=0)
    return largest
