"""Laws of Newton's method under a change of variables: the path does not see it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions, quartics, starts
from optcheck.properties.minimizers.newton import (
    direction_of,
    first_step,
    gradient_of,
    is_newton,
    rounding_of,
    slack_of,
)
from optcheck.properties.minimizers.running import Task, require_of
from optcheck.reference.oracle import Bound
from optcheck.reference.problems import Polynomial, Problem, Quadratic, diagonal, hadamard

Matrix = Sequence[Sequence[float]]


def step_with_error(
    subject: Subject, problem: Problem, start: Floats
) -> tuple[Task, Floats, Floats]:
    """The task, where its first step leads, and how far rounding may lead away from there."""
    task = Task(problem, start, iterations=1)
    here, there = first_step(subject, task)
    slack = slack_of(subject, task, here, direction_of(here, there))
    inverse = np.abs(np.linalg.inv(problem.hessian(start)))
    return task, there.point, inverse @ slack + rounding_of(subject, there.point)


@law(
    id="newton-is-affinely-invariant",
    title="Newton does not see a change of variables",
    statement=(
        "From z, on z -> f(A z) with any invertible A, a step leads to the point that A maps to "
        "where a step from A z leads on f, but for the inverse Hessians times the backward errors "
        "of elimination."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("newton-step",),
    about=is_newton,
    share=0.25,
    every_path=False,
    dtypes=("float64",),
)
def newton_is_affinely_invariant(subject: Subject, data: st.DataObject) -> float:
    problem = data.draw(quartics(), label="problem")
    row = st.tuples(fractions(-2.0, 2.0, 0.5), fractions(-2.0, 2.0, 0.5))
    A = data.draw(st.tuples(row, row).filter(_is_invertible), label="A")
    z = data.draw(starts(2, 2.0), label="start")
    matrix = np.array(A)
    _, x, error = step_with_error(subject, problem, matrix @ z)
    task, other, its_error = step_with_error(subject, substituted(problem, A), z)
    bound = Bound(x, error + np.abs(matrix) @ its_error)
    return require_of(subject, task, bound, matrix @ other, "A times the point after a step")


def _is_invertible(A: Matrix) -> bool:
    return bool(A[0][0] * A[1][1] != A[0][1] * A[1][0])


@law(
    id="newton-is-a-gradient-step-in-whitened-variables",
    title="In whitened variables Newton takes the unit gradient step",
    statement=(
        "With phi = L^(1/2) Q' theta the Hessian is the unit matrix: a step on f(Q L^(-1/2) phi) "
        "leads to phi - L^(-1/2) Q' g, and Q L^(-1/2) maps that to where a step on f leads from "
        "theta; the quadratics have known axes Q and curvatures L."
    ),
    oracle="identity",
    capability="minimizer",
    equations=(
        "newton-whitening-change-of-variables",
        "newton-whitened-quadratic",
        "newton-step-in-whitened-space",
    ),
    about=is_newton,
    share=0.25,
    every_path=False,
    dtypes=("float64",),
)
def newton_is_a_gradient_step_in_whitened_variables(
    subject: Subject, data: st.DataObject
) -> float:
    count = data.draw(st.sampled_from((2, 4)), label="dimension")
    powers = st.lists(st.integers(-1, 2), min_size=count, max_size=count)
    roots = 2.0 ** np.array(data.draw(powers, label="exponents of the roots of the curvatures"))
    axes = np.array([[(-1.0) ** (i & j).bit_count() for j in range(count)] for i in range(count)])
    # Q = axes / sqrt(n), and with curvatures of 4 roots^2 / n this is Q L^(-1/2).
    unwhitening = axes / roots / 2
    coordinates = data.draw(
        st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count), label="center"
    )
    center = unwhitening @ coordinates
    problem = hadamard((4 * roots**2 / count).tolist(), center.tolist())
    phi = data.draw(starts(count, 2.0), label="start")
    task, theta, error = step_with_error(subject, problem, unwhitening @ phi)
    unit = diagonal(*[1.0] * count)
    whitened = Quadratic(unit.matrix, tuple(coordinates))
    other, end, its_error = step_with_error(subject, whitened, phi)
    # Powers of two and sums of short fractions: nothing is rounded here.
    slope = unwhitening.T @ gradient_of(subject, task, task.start)
    what = "point after a step in whitened variables"
    ratio = require_of(subject, other, Bound(phi - slope, its_error), end, what)
    bound = Bound(unwhitening @ end, error + np.abs(unwhitening) @ its_error)
    return max(ratio, require_of(subject, task, bound, theta, "point after a step"))


def substituted(polynomial: Polynomial, matrix: Sequence[Sequence[float]]) -> Polynomial:
    """``z -> f(A z)``, expanded; up to the degree of ``f`` no monomial is left out."""
    count = len(matrix)
    degree = max(sum(powers) for _, powers in polynomial.terms)
    every = [powers for powers in np.ndindex(*(degree + 1,) * count) if 0 < sum(powers) <= degree]
    found = dict.fromkeys(every, 0.0)
    for coefficient, powers in polynomial.terms:
        product = {(0,) * count: coefficient}
        for row, power in zip(matrix, powers, strict=True):
            for _ in range(power):
                product = _times_linear(product, row)
        for each, value in product.items():
            found[each] += value
    return Polynomial(count, tuple((found[each], each) for each in every), polynomial.minimum)


def _times_linear(
    terms: dict[tuple[int, ...], float], row: Sequence[float]
) -> dict[tuple[int, ...], float]:
    product: dict[tuple[int, ...], float] = {}
    for powers, coefficient in terms.items():
        for j, a in enumerate(row):
            raised = (*powers[:j], powers[j] + 1, *powers[j + 1 :])
            product[raised] = product.get(raised, 0.0) + a * coefficient
    return product
