"""Laws of BFGS: the matrix of each step, its three forms, and what they lead to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Iteration, Trajectory
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions, quadratics, smooth
from optcheck.properties.minimizers.running import (
    Task,
    deviation,
    minimize,
    require_of,
    visits,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.matrices import Rows
from optcheck.reference.minimizers.quasi_newton import (
    Pair,
    expanded_form,
    pairs_of,
    product_form,
    updated,
)
from optcheck.reference.oracle import Bound, Quantity
from optcheck.reference.problems import Polynomial, Problem

_UPDATES: dict[str, Callable[[Rows, Balls, Balls], Rows]] = {
    "product-form": product_form,
    "expanded-form": expanded_form,
}


def is_bfgs(subject: Subject) -> bool:
    """Whether the subject keeps a full matrix."""
    return bool(subject.record.id == "bfgs")


def is_quasi_newton(subject: Subject) -> bool:
    """Whether the subject is BFGS with or without limited memory."""
    return subject.record.id in ("bfgs", "l-bfgs")


def _keeps_inverse(subject: Subject) -> bool:
    return is_bfgs(subject) and subject.claim.dialect in _UPDATES


def every_pair(subject: Subject) -> dict[str, float]:
    """Hyper-parameters under which all pairs of positive curvature are kept, where one may."""
    return {"curvature_threshold": 0.0, **subject.claim.fixed}


def pairs_along(
    subject: Subject, task: Task, trajectory: Trajectory, count: int
) -> tuple[list[Pair], list[Pair]]:
    """The pairs among the first ``count`` points, exactly and in the working arithmetic."""
    seen = visits(trajectory, count)
    exact, working = (
        pairs_of(trajectories.iterates(task.objective, seen, each))
        for each in (Arithmetic.exact(), subject.working)
    )
    return exact, working


def kept(subject: Subject, task: Task, pair: Pair) -> bool | None:
    """Whether the pair, in the working arithmetic, is kept; None where rounding decides."""
    excess = dot(*pair) - subject.working.scalar(task.hyperparameters["curvature_threshold"])
    with ball_arithmetic():
        if excess.ball > 0:
            return True
        return False if excess.ball <= 0 else None


class Change:
    """A matrix that is shown, the last one before it, and what follows from that by the pairs.

    ``allowed`` is the rounding of the updates by the pairs between, entry by entry.
    """

    def __init__(
        self,
        index: int,
        before: Floats,
        after: Floats,
        expected: Quantity,
        pairs: Sequence[Pair],
    ) -> None:
        self.index = index
        self.before = before
        self.after = after
        self.expected = expected.expected().reshape(before.shape)
        self.allowed = expected.allowed().reshape(before.shape)
        self.pairs = pairs


def changes(subject: Subject, task: Task, trajectory: Trajectory) -> Iterator[Change]:
    """Each matrix that is shown, with the one before it."""
    points = trajectory.iterations
    shown = [index for index, each in enumerate(points) if each.matrix is not None]
    if not shown:
        raise NotShown(f"{subject.claim.name} does not show its matrix")
    exact, working = pairs_along(subject, task, trajectory, shown[-1] + 1)
    n = len(task.start)
    start, matrix = 0, np.eye(n)
    for index in shown:
        after = points[index].matrix
        assert after is not None
        decisions = [kept(subject, task, pair) for pair in working[start:index]]
        if None not in decisions:
            chosen = [k for k, each in enumerate(decisions, start) if each]
            pairs = [[each[k] for k in chosen] for each in (exact, working)]
            follows = Quantity(*(_follows(subject, matrix, each) for each in pairs))
            if np.all(np.isfinite(follows.allowed())):
                yield Change(index, matrix, after, follows, pairs[0])
        start, matrix = index, after


def _follows(subject: Subject, matrix: Floats, pairs: list[Pair]) -> Balls:
    """``matrix`` updated by ``pairs`` in their arithmetic, as one vector."""
    arithmetic = pairs[0][0].arithmetic if pairs else Arithmetic.exact()
    rows = [arithmetic.array(row) for row in matrix]
    after = updated(_UPDATES[subject.claim.dialect], rows, pairs)
    return Balls([ball for row in after for ball in row.balls], arithmetic)


def _changes_of(
    subject: Subject, data: st.DataObject, problems: st.SearchStrategy | None = None
) -> tuple[Task, list[Change]]:
    task = draw_task(subject, data, problems)
    return task, list(changes(subject, task, minimize(subject, task)))


@law(
    id="bfgs-secant-condition",
    title="The matrix of BFGS maps the last change of the gradient to the last step",
    statement=(
        "The first matrix is the identity; after every pair that is kept, B y = s within the "
        "rounding of the updates; after one that is skipped the matrix is what it was."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("secant-condition",),
    about=_keeps_inverse,
    share=0.25,
)
def bfgs_secant_condition(subject: Subject, data: st.DataObject) -> float:
    task, found = _changes_of(subject, data)
    ratios = []
    for each in found:
        what = f"matrix of iteration {each.index}"
        if not each.pairs:
            bound = Bound(each.before.ravel(), np.zeros(each.before.size))
            ratios.append(require_of(subject, task, bound, each.after.ravel(), what))
            continue
        s, y = each.pairs[-1]
        rows = [Arithmetic.exact().array(row) for row in each.after]
        off = [
            float((dot(row, y).ball - ball).mid()) for row, ball in zip(rows, s.balls, strict=True)
        ]
        bound = Bound(np.zeros(len(off)), each.allowed @ np.abs(y.midpoints()))
        ratios.append(require_of(subject, task, bound, np.array(off), f"B y - s of the {what}"))
    return worst(ratios)


@law(
    id="bfgs-changes-by-rank-two",
    title="An update of BFGS is symmetric and has rank 2",
    statement=(
        "Every matrix is symmetric, and its change by one pair has rank 2 at most: all minors of "
        "order 3 are 0, within the rounding of the update."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("bfgs-cost-and-rank",),
    about=_keeps_inverse,
    share=0.25,
)
def bfgs_changes_by_rank_two(subject: Subject, data: st.DataObject) -> float:
    task, found = _changes_of(subject, data, quadratics((4,)))
    ratios = []
    for each in found:
        if not each.pairs:
            continue
        what = f"matrix of iteration {each.index}"
        # The asymmetry that rounding left before is carried along.
        inherited = np.abs(each.expected - each.expected.T)
        skew = Bound(np.zeros(inherited.size), (inherited + each.allowed + each.allowed.T).ravel())
        off = (each.after - each.after.T).ravel()
        ratios.append(require_of(subject, task, skew, off, f"asymmetry of the {what}"))
        if len(each.pairs) == 1:
            ratios += [
                require_of(subject, task, bound, minor, f"minor of the change of the {what}")
                for minor, bound in _minors(each)
            ]
    return worst(ratios)


def _minors(change: Change) -> Iterator[tuple[Floats, Bound]]:
    with ball_arithmetic():
        entries = [
            [arb(float(b)) - arb(float(a)) for a, b in zip(*rows, strict=True)]
            for rows in zip(change.before, change.after, strict=True)
        ]
        near = [
            [entry + arb(0, float(r)) for entry, r in zip(*rows, strict=True)]
            for rows in zip(entries, change.allowed, strict=True)
        ]
        choices = list(itertools.combinations(range(len(entries)), 3))
        for rows, columns in itertools.product(choices, choices):
            minor, around = (
                _determinant([[matrix[i][j] for j in columns] for i in rows])
                for matrix in (entries, near)
            )
            yield (
                np.array([float(minor.mid())]),
                Bound(np.zeros(1), np.array([float(around.rad())])),
            )


def _determinant(m: Sequence[Sequence[arb]]) -> arb:
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


@st.composite
def saddles(draw: st.DrawFn) -> Polynomial:
    """Functions with a ridge along the first axis, and a minimum on either side of it."""
    a, b = draw(fractions(0.125, 2.0)), draw(fractions(0.125, 1.0))
    mixed = draw(fractions(-0.125, 0.125, 0.0625))
    return Polynomial(2, ((a, (2, 0)), (-b, (0, 2)), (mixed, (1, 1)), (0.0625, (0, 4))))


@st.composite
def bowls(draw: st.DrawFn) -> Polynomial:
    """Strictly convex quartics of three variables that are all coupled."""
    a, b, c = (draw(fractions(0.25, 4.0)) for _ in range(3))
    q, r = (draw(fractions(0.25, 1.0)) for _ in range(2))
    mixed = min(a, b, c) / 4
    squares = ((a, (2, 0, 0)), (b, (0, 2, 0)), (c, (0, 0, 2)))
    products = ((mixed, (1, 1, 0)), (-mixed, (1, 0, 1)), (mixed, (0, 1, 1)))
    return Polynomial(3, (*squares, *products, (q, (4, 0, 0)), (r, (0, 4, 0))), minimum=0.0)


def spacious() -> st.SearchStrategy[Problem]:
    """Functions of more than two variables.

    In two, an exact search leaves one direction to any matrix with the secant condition: the one
    orthogonal to y.
    """
    return st.one_of(bowls(), quadratics((4,)))


@law(
    id="bfgs-stays-positive-definite",
    title="Positive curvature keeps the matrix of BFGS positive definite",
    statement=(
        "From the identity, and as long as only pairs with s'y > 0 are kept, every matrix is "
        "positive definite, on functions with ridges too: no vector makes v'B v negative by more "
        "than the rounding of the update."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("bfgs-inexact-line-search",),
    about=_keeps_inverse,
    share=0.25,
)
def bfgs_stays_positive_definite(subject: Subject, data: st.DataObject) -> float:
    ridge = data.draw(st.booleans(), label="ridge")
    task = draw_task(subject, data, saddles() if ridge else smooth(), reach=0.5 if ridge else 4.0)
    ratios = []
    for each in changes(subject, task, minimize(subject, task)):
        if np.array_equal(each.before, each.after):
            continue
        if np.linalg.eigvalsh(each.before)[0] <= 0.0:
            break
        vector = np.linalg.eigh((each.after + each.after.T) / 2)[1][:, 0]
        v = Arithmetic.exact().array(vector)
        bent = [dot(Arithmetic.exact().array(row), v).ball for row in each.after]
        size = float(dot(Balls(bent, v.arithmetic), v).ball.mid())
        allowed = float(np.abs(vector) @ each.allowed @ np.abs(vector))
        ratio = 0.0 if size > 0.0 else -size / allowed if allowed else np.inf
        if ratio > 1.0:
            raise deviation(
                subject,
                task,
                f"the matrix of iteration {each.index} is not positive definite: "
                f"v'B v = {size:.3g} for v = {vector.tolist()}",
                ratio,
            )
        ratios.append(ratio)
    return worst(ratios)


def shown(quantity: Quantity, here: Iteration, there: Iteration) -> tuple[Quantity, Floats]:
    """A direction as far as it is shown: itself, or the displacement that is a multiple of it."""
    if here.direction is not None:
        return quantity, here.direction
    moved = there.point - here.point
    return trajectories.along(quantity, moved, here.point)[0], moved


def agrees(
    subject: Subject,
    task: Task,
    own: Quantity,
    other: Quantity,
    here: Iteration,
    there: Iteration,
    what: str,
) -> float:
    """The direction taken is also ``other``, which equals ``own`` in exact arithmetic."""
    finite = [np.all(np.isfinite(each.allowed())) for each in (own, other)]
    if not all(finite) or np.array_equal(here.point, there.point):
        return float("nan")
    own, taken = shown(own, here, there)
    other, _ = shown(other, here, there)
    bound = Bound(other.expected(), own.allowed() + other.allowed())
    return require_of(subject, task, bound, taken, what)


@law(
    id="bfgs-forms-agree",
    title="The printed forms of BFGS are one method",
    statement=(
        "At every point, the directions by the product, by the sum and by the Hessian are the one "
        "that is taken, within the rounding of both ways to compute it."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("bfgs-form-equivalence",),
    about=is_bfgs,
    share=0.25,
)
def bfgs_forms_agree(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, spacious(), iterations=5)
    trajectory = minimize(subject, task)
    forms = subject.record.dialects
    ratios = []
    for index, pair in enumerate(itertools.pairwise(trajectory.iterations)):
        past = visits(trajectory, index + 1)
        directions = {
            name: trajectories.direction(
                form, task.objective, past, task.hyperparameters, subject.working
            )
            for name, form in forms.items()
        }
        own = directions.pop(subject.claim.dialect)
        for name, other in directions.items():
            what = f"direction of iteration {index}, by the {name}"
            ratios.append(agrees(subject, task, own, other, *pair, what))
    return worst(ratios)


@law(
    id="a-first-value-of-zero-is-no-end",
    title="A start where the function is 0 is a start like any other",
    statement="Where the value at the start is 0 and the gradient is not, the start is left.",
    oracle="exact",
    capability="minimizer",
    about=is_quasi_newton,
    share=0.25,
)
def a_first_value_of_zero_is_no_end(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, quadratics((2,), largest=2.0), reach=2.0)
    quadratic = task.objective
    height = -float(quadratic.value(task.start))
    coefficients = (*quadratic.coefficients[:-1], quadratic.coefficients[-1] + height)
    level = Task(
        quadratic.with_coefficients(coefficients),
        task.start,
        task.hyperparameters,
        task.iterations,
        task.tolerance,
    )
    if not np.any(quadratic.gradient(task.start)):
        return float("nan")
    if np.array_equal(minimize(subject, level).end.point, task.start):
        raise deviation(subject, level, "returns its start, where the value is 0")
    return 0.0
