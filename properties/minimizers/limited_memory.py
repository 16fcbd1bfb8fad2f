"""Laws of L-BFGS, and of both methods on quadratics and across ridges."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions, spectra
from optcheck.properties.minimizers.quasi_newton import (
    agrees,
    every_pair,
    is_bfgs,
    is_quasi_newton,
    kept,
    pairs_along,
    saddles,
    shown,
    spacious,
)
from optcheck.properties.minimizers.running import (
    ITERATIONS,
    Task,
    claim_of,
    minimize,
    require_of,
    visits,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.functions import dot, minimum, norm
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.minimizers.matrices import identity
from optcheck.reference.minimizers.quasi_newton import (
    Pair,
    pairs_of,
    product_form,
    quasi_newton_direction,
    scale_of,
    updated,
)
from optcheck.reference.oracle import SAFETY, Bound, Quantity, namespace
from optcheck.reference.problems import Quadratic, hadamard
from optcheck.reference.procedures import Iterate


def is_limited(subject: Subject) -> bool:
    """Whether the subject is L-BFGS."""
    return bool(subject.record.id == "l-bfgs")


def _has_history(subject: Subject) -> bool:
    return is_limited(subject) and subject.claim.dialect != "memoryless"


def _dense(subject: Subject, gradient: Balls, pairs: list[Pair]) -> Balls:
    """``-B g`` with the full matrix ``B`` that ``pairs`` make of the first one of the dialect."""
    rows = identity(gradient)
    if subject.claim.dialect in ("two-loop", "two-loop+capped"):
        rows = [row * scale_of(pairs) for row in rows]
    direction: Balls = quasi_newton_direction(updated(product_form, rows, pairs), gradient)
    return direction


def _is_bfgs_of_the_pairs_kept(
    subject: Subject, task: Task, history: int, *, more_than: int = 0
) -> float:
    """Each direction is that of the full matrix made of the last pairs, if there are more."""
    trajectory = minimize(subject, task)
    points = trajectory.iterations
    both = pairs_along(subject, task, trajectory, len(points))
    form = subject.record.dialects[subject.claim.dialect]
    decisions = [kept(subject, task, pair) for pair in both[1]]
    ratios = []
    for index in range(1, len(points) - 1):
        if None in decisions[:index]:
            break
        chosen = [k for k, each in enumerate(decisions[:index]) if each]
        if len(chosen) <= more_than or (history == 1 and not decisions[index - 1]):
            continue
        here, there = points[index : index + 2]
        gradient = trajectories.gradient_at(task.objective, here.point, subject.working)
        dense = Quantity(
            *(
                _dense(subject, g, [pairs[k] for k in chosen[-history:]])
                for g, pairs in zip((gradient.exact, gradient.working), both, strict=True)
            )
        )
        own = trajectories.direction(
            form,
            task.objective,
            visits(trajectory, index + 1),
            task.hyperparameters,
            subject.working,
        )
        what = (
            f"direction of iteration {index}, by the full matrix of {len(chosen[-history:])} pairs"
        )
        ratios.append(agrees(subject, task, own, dense, here, there, what))
    return worst(ratios)


@law(
    id="l-bfgs-with-all-pairs-is-bfgs",
    title="L-BFGS that remembers every pair is BFGS",
    statement=(
        "With a history longer than the path, every direction is that of BFGS from the same first "
        "matrix, s'y / y'y of the last pair times the identity or the identity itself."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("l-bfgs-two-loop",),
    about=_has_history,
    share=0.25,
)
def l_bfgs_with_all_pairs_is_bfgs(subject: Subject, data: st.DataObject) -> float:
    fixed = {"history": 10.0, **subject.claim.fixed}
    iterations = min(ITERATIONS, int(fixed["history"]) + 1)
    task = draw_task(subject, data, spacious(), fixed=fixed, iterations=iterations)
    return _is_bfgs_of_the_pairs_kept(subject, task, ITERATIONS)


@law(
    id="l-bfgs-drops-the-oldest-pair",
    title="L-BFGS drops its oldest pair, and no other",
    statement=(
        "On a path longer than the history m, every direction is that of BFGS by the last m pairs "
        "alone, from the same first matrix."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("l-bfgs-two-loop",),
    about=_has_history,
    share=0.25,
)
def l_bfgs_drops_the_oldest_pair(subject: Subject, data: st.DataObject) -> float:
    drawn = float(data.draw(st.sampled_from((2, 1)), label="history"))
    fixed = {"history": drawn, **every_pair(subject)}
    history = int(fixed["history"])
    task = draw_task(subject, data, spacious(), fixed=fixed)
    return _is_bfgs_of_the_pairs_kept(subject, task, history, more_than=history)


@law(
    id="memoryless-bfgs-is-one-update",
    title="Memoryless BFGS is one update of the identity",
    statement=(
        "Every direction is -B g with the BFGS update B of the identity by the last pair, within "
        "the rounding of both ways to compute it."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("memoryless-bfgs-direction",),
    about=lambda subject: is_limited(subject) and not _has_history(subject),
    share=0.25,
)
def memoryless_bfgs_is_one_update(subject: Subject, data: st.DataObject) -> float:
    return _is_bfgs_of_the_pairs_kept(subject, draw_task(subject, data, spacious()), 1)


@law(
    id="first-direction-is-the-gradient",
    title="From the identity, the first step is one of gradient descent",
    statement=(
        "Where the gradient is long and where it is short, the first direction is the negative "
        "gradient; where the dialect caps it, times min(1, 1 / length)."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("bfgs-identity-start",),
    about=is_quasi_newton,
    share=0.25,
)
def first_direction_is_the_gradient(subject: Subject, data: st.DataObject) -> float:
    reach = data.draw(st.sampled_from((4.0, 0.25)), label="reach")
    spectrum = data.draw(spectra(2, 2.0), label="spectrum")
    task = draw_task(subject, data, st.just(hadamard(spectrum)), iterations=1, reach=reach)
    here, there = minimize(subject, task).iterations[:2]
    gradient = trajectories.gradient_at(task.objective, here.point, subject.working)
    capped = subject.claim.dialect.endswith("+capped")
    own = Quantity(*(-_capped(g) if capped else -g for g in (gradient.exact, gradient.working)))
    quantity, taken = shown(own, here, there)
    return require_of(subject, task, quantity, taken, "first direction")


def _capped(gradient: Balls) -> Balls:
    capped: Balls = gradient * minimum(1 / norm(gradient), 1)
    return capped


@st.composite
def _round(draw: st.DrawFn) -> Quadratic:
    """Quadratics with a condition number of at most 8 whose curvatures all differ."""
    count = draw(st.sampled_from((2, 4)))
    curvature = fractions(0.5, 4.0, 0.25)
    spectrum = draw(st.lists(curvature, min_size=count, max_size=count, unique=True))
    return hadamard(spectrum, draw(st.lists(fractions(-2.0, 2.0), min_size=count, max_size=count)))


def _searches_exactly(subject: Subject) -> bool:
    return is_quasi_newton(subject) and claim_of(subject).search == "exact"


def _forward(subject: Subject, task: Task, arithmetic: Arithmetic) -> list[Iterate]:
    """The path of ``n`` steps in one arithmetic, with all errors carried forward."""
    assert isinstance(task.objective, Quadratic)
    rows = [arithmetic.array(row) for row in task.objective.matrix]
    center = arithmetic.array(task.objective.center)
    form = subject.record.dialects[subject.claim.dialect]
    assert form.direction is not None

    def curved(v: Balls) -> Balls:
        return Balls([dot(row, v).ball for row in rows], arithmetic)

    x = arithmetic.array(task.start)
    path: list[Iterate] = []
    for index in range(len(task.start)):
        g = curved(x - center)
        path.append(Iterate(x, g))
        d = form.direction(path, namespace(arithmetic, task.hyperparameters, index))
        s = d * exact_step(g, d, curved(d))
        x = x + s
        path[-1] = Iterate(path[-1].point, g, d, s.reordered(x))
    return [*path, Iterate(x, curved(x - center))]


def allowed_radii(vector: Balls) -> np.ndarray:
    """What rounding may add to each coordinate."""
    return SAFETY * np.array([float(ball.rad()) for ball in vector.balls])


@law(
    id="quasi-newton-ends-in-n-steps",
    title="With exact searches, n steps minimise a quadratic of n variables",
    statement=(
        "BFGS and L-BFGS reach the minimum after n steps, and the matrix of BFGS is the inverse "
        "Hessian there, within the forward error: all rounding along the path, carried through "
        "balls."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("quasi-newton-update", "bfgs-algorithm"),
    about=_searches_exactly,
    share=0.5,
)
def quasi_newton_ends_in_n_steps(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(
        subject, data, _round(), fixed=every_pair(subject), iterations=5, tolerance=0.0
    )
    assert isinstance(task.objective, Quadratic)
    trajectory = minimize(subject, task)
    n = len(task.start)
    path = _forward(subject, task, subject.working)
    if not np.all(np.isfinite(allowed_radii(path[-1].point))):
        return float("nan")
    end = trajectory.iterations[min(n, len(trajectory.iterations) - 1)]
    bound = Bound(np.array(task.objective.center), allowed_radii(path[-1].point))
    ratios = [require_of(subject, task, bound, end.point, f"point after {n} steps")]
    if is_bfgs(subject) and end.matrix is not None:
        near = updated(product_form, identity(path[0].point), pairs_of(path))
        radii = np.array([allowed_radii(row) for row in near])
        hessian = np.array(task.objective.matrix)
        # The product in doubles is off by less than n + 1 units of its terms.
        allowed = np.abs(hessian) @ (radii + (n + 1) * 2.0**-53 * np.abs(end.matrix))
        off = (hessian @ end.matrix - np.eye(n)).ravel()
        inverse = Bound(np.zeros(n * n), allowed.ravel())
        ratios.append(require_of(subject, task, inverse, off, f"H B - I after {n} steps"))
    return worst(ratios)


@law(
    id="quasi-newton-directions-are-conjugate",
    title="With exact searches, the steps on a quadratic are conjugate",
    statement=(
        "Any two of the first n steps satisfy s'H t = 0, within the forward error: all rounding "
        "along the path, carried through balls. For memoryless BFGS this makes it a method of "
        "conjugate gradients."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("memoryless-bfgs-conjugacy",),
    about=_searches_exactly,
    share=0.25,
)
def quasi_newton_directions_are_conjugate(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, _round(), fixed=every_pair(subject), iterations=4)
    assert isinstance(task.objective, Quadratic)
    trajectory = minimize(subject, task)
    exact, _ = pairs_along(subject, task, trajectory, len(task.start) + 1)
    near = pairs_of(_forward(subject, task, subject.working))
    ratios = []
    for i, j in itertools.combinations(range(min(len(exact), len(near))), 2):
        product = dot(exact[i][0], exact[j][1]).ball
        radius = dot(near[i][0], near[j][1]).ball.rad()
        bound = Bound(np.zeros(1), np.array([SAFETY * float(radius)]))
        what = f"product s'H t of steps {i} and {j}"
        ratios.append(require_of(subject, task, bound, np.array([float(product.mid())]), what))
    return worst(ratios)


@law(
    id="negative-curvature-is-skipped",
    title="Across a ridge, pairs of negative curvature are skipped and every direction descends",
    statement=(
        "On a function with a ridge, where steps have s'y <= 0, each direction is that of the "
        "method without those pairs, which descends because its matrix is positive definite."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("bfgs-inexact-line-search",),
    about=lambda subject: (
        is_quasi_newton(subject) and claim_of(subject).search not in ("exact", "wolfe")
    ),
    share=0.5,
)
def negative_curvature_is_skipped(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, saddles(), fixed=every_pair(subject), reach=0.5)
    trajectory = minimize(subject, task)
    points = trajectory.iterations
    _, working = pairs_along(subject, task, trajectory, len(points))
    decisions = [kept(subject, task, pair) for pair in working]
    form = subject.record.dialects[subject.claim.dialect]
    ratios = []
    for index in range(1, len(points) - 1):
        here, there = points[index : index + 2]
        if False not in decisions[:index] or np.array_equal(here.point, there.point):
            continue
        own = trajectories.direction(
            form,
            task.objective,
            visits(trajectory, index + 1),
            task.hyperparameters,
            subject.working,
        )
        own, taken = shown(own, here, there)
        what = f"direction of iteration {index}, after a pair of negative curvature"
        ratios.append(require_of(subject, task, own, taken, what))
    return worst(ratios)
