"""Laws of what keeps Newton from saddle points, and of where its full step leads without that."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.minimizers.newton import (
    below,
    bowl_task,
    bowls,
    direction_of,
    draw_shift,
    first_step,
    gradient_of,
    is_newton,
    slack_of,
    solves_a_system,
)
from optcheck.properties.minimizers.running import Task, deviation, minimize, worst
from optcheck.reference import trajectories
from optcheck.reference.problems import LOG_COSH, Polynomial


def _is_regularized(subject: Subject) -> bool:
    return bool(subject.record.id == "regularized-newton")


def _leaves_saddles(subject: Subject) -> bool:
    return subject.record.id in ("regularized-newton", "saddle-free-newton")


@law(
    id="saddle-point-is-left",
    title="Absolute eigenvalues, and enough of a shift, lead away from a saddle point",
    statement=(
        "From near the saddle point of a u^2 - b v^2 + c v^4, where v^2 <= b / 48 c and u^2 <= "
        "v^2, with u and v the sum and the difference of the variables, a step makes v at least "
        "1.8 times as large and leads below the value of the saddle point; the shift is twice the "
        "negative curvature. Newton's method is attracted there."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("saddle-free-newton", "regularised-newton-step"),
    about=_leaves_saddles,
    share=0.5,
    dtypes=("float64",),
)
def saddle_point_is_left(subject: Subject, data: st.DataObject) -> float:
    a, b, c = (data.draw(fractions(0.25, 4.0, 0.25), label=name) for name in "abc")
    unit = below(math.sqrt(b / (48 * c))) / 8
    i = data.draw(st.integers(1, 8), label="start along v")
    j = data.draw(st.integers(-i, i), label="start along u")
    sign = data.draw(st.sampled_from((1, -1)), label="side")
    u, v = unit * j, unit * i * sign
    # (x, y) to u = x + y and v = x - y.
    terms = [(a - b, (2, 0)), (2 * (a + b), (1, 1)), (a - b, (0, 2))]
    terms += [(c * math.comb(4, k) * (-1) ** k, (4 - k, k)) for k in range(5)]
    # The curvature along v is -4 b in x and y.
    h = {"shift": 8 * b} if _is_regularized(subject) else {}
    start = np.array([u + v, u - v]) / 2
    task = Task(Polynomial(2, tuple(terms)), start, h, iterations=1)
    _, there = first_step(subject, task)
    end = float(there.point[0] - there.point[1])
    value = trajectories.value_at(task.objective, there.point, subject.working).expected()[0]
    if not (end / v >= 1.8 and value < 0.0):
        raise deviation(
            subject,
            task,
            f"goes from {v:g} to {end:g} along the negative curvature of a saddle point, where "
            f"it should go out to at least {1.8 * v:g}, and has then the value {value:g}, not "
            "below that of the saddle point, 0",
        )
    return 1.8 * v / end


@law(
    id="newton-descends-where-curvature-is-positive",
    title="The direction descends where the matrix is positive definite",
    statement=(
        "On a quadratic g'd < 0 wherever all curvatures of the matrix of the method (H, H + shift "
        "I, abs(H)) are positive; along an axis of negative curvature Newton goes uphill."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("newton-indefinite-hessian-wrong-direction", "regularised-newton-step"),
    about=solves_a_system,
    share=0.25,
)
def newton_descends_where_curvature_is_positive(subject: Subject, data: st.DataObject) -> float:
    bowl = data.draw(bowls(), label="quadratic")
    h = draw_shift(subject, data)
    task, curvatures = bowl_task(subject, data, bowl, **h), bowl.treated(subject, **h)
    along = data.draw(st.booleans(), label="start on an axis") or not np.all(curvatures > 0.0)
    concerned = curvatures
    if along:
        index = data.draw(st.integers(0, len(curvatures) - 1), label="axis")
        start = np.array(bowl.problem.center) + bowl.axes[index] / 2
        task = Task(task.objective, start, h, iterations=1)
        concerned = curvatures[index : index + 1]
    here, there = first_step(subject, task)
    direction = direction_of(here, there)
    slack = slack_of(subject, task, here, direction)
    # g'd = -d'M d but for the residual.
    size = float(np.min(np.abs(concerned)) * (direction @ direction))
    loss = float(slack @ np.abs(direction))
    if loss >= size:
        return float("nan")
    slope = float(gradient_of(subject, task, here.point) @ direction)
    if not slope * np.sign(concerned[0]) < 0.0:
        raise deviation(
            subject,
            task,
            f"g'd is {slope:g}, where the curvatures of the matrix are {curvatures.tolist()}"
            + (" and the start lies on an axis" if along else ""),
        )
    return loss / size


@law(
    id="regularized-newton-limits",
    title="A large shift gives a small gradient step, a small one Newton's",
    statement=(
        "On any quadratic the direction has abs(shift d + g) <= abs(H) abs(d), so it differs from "
        "-g/shift by abs(H)/shift of itself, and abs(H d + g) <= shift abs(d), so with a shift of "
        "0 it is Newton's; the residual of the linear system is added."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("regularised-newton-limits",),
    about=_is_regularized,
    share=0.5,
    dtypes=("float64",),
)
def regularized_newton_limits(subject: Subject, data: st.DataObject) -> float:
    bowl = data.draw(bowls(), label="quadratic")
    exponent = data.draw(st.one_of(st.integers(6, 20), st.integers(-20, -6)), label="exponent")
    shift = data.draw(st.sampled_from((2.0**exponent, 0.0)), label="shift")
    task = bowl_task(subject, data, bowl, shift=shift)
    here, there = first_step(subject, task)
    d = direction_of(here, there)
    slack = float(np.linalg.norm(slack_of(subject, task, here, d)))
    g = gradient_of(subject, task, here.point)
    length = float(np.linalg.norm(d))
    ratios = []
    for what, left, factor in (
        ("shift d + g", shift * d + g, np.max(np.abs(bowl.curvatures))),
        ("H d + g", np.array(bowl.problem.matrix) @ d + g, shift),
    ):
        size, allowed = float(np.linalg.norm(left)), float(factor * length + slack)
        if size > allowed:
            raise deviation(
                subject,
                task,
                f"{what} has the length {size:.3g}, and at most {allowed:.3g} is explained",
                size / allowed,
            )
        ratios.append(size / allowed)
    return worst(ratios)


@law(
    id="regularized-newton-steps-shrink",
    title="A larger shift never makes the step longer",
    statement=(
        "On a quadratic, among shifts for which H + shift I is positive definite, the length of "
        "the direction does not increase with the shift; residuals over the least curvature are "
        "added."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("regularised-newton-step",),
    about=_is_regularized,
    share=0.25,
    dtypes=("float64",),
)
def regularized_newton_steps_shrink(subject: Subject, data: st.DataObject) -> float:
    bowl = data.draw(bowls(), label="quadratic")
    lowest = float(max(-bowl.curvatures.min(), 0.0))
    more = data.draw(st.tuples(fractions(0.125, 4.0), fractions(0.125, 4.0)), label="shifts")
    shifts = lowest + more[0], lowest + more[0] + more[1]
    task = bowl_task(subject, data, bowl, shift=shifts[0])
    lengths, error = [], 0.0
    for shift in shifts:
        task = Task(task.objective, task.start, {"shift": shift}, iterations=1)
        here, there = first_step(subject, task)
        d = direction_of(here, there)
        slack = slack_of(subject, task, here, d)
        error += float(np.linalg.norm(slack) / (bowl.curvatures.min() + shift))
        lengths.append(float(np.linalg.norm(d)))
    if lengths[1] > lengths[0] + error:
        raise deviation(
            subject,
            task,
            f"the step has the length {lengths[0]:g} with a shift of {shifts[0]}, and "
            f"{lengths[1]:g} with {shifts[1]}",
            lengths[1] / (lengths[0] + error),
        )
    return lengths[1] / (lengths[0] + error)


# Where sinh(2 x) = 4 x: from there Newton's full step on log cosh goes to and fro.
CRITICAL_START = 1.0887


@law(
    id="newton-diverges-from-a-distant-start",
    title="Newton's full step on log cosh converges only from within 1.0887",
    statement=(
        "On the convex function log cosh Newton's map is x - sinh(2 x)/2: from a start within "
        "1.0887, where sinh(2 x) = 4 x, every step leads closer to the minimum, and from beyond "
        "the first steps lead ever farther away and success is not reported."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("newton-convergence-far-start",),
    about=is_newton,
    share=0.25,
    every_path=False,
    dtypes=("float64",),
)
def newton_diverges_from_a_distant_start(subject: Subject, data: st.DataObject) -> float:
    size = data.draw(fractions(0.125, 2.0, 0.0625), label="start")
    sign = data.draw(st.sampled_from((1.0, -1.0)), label="side")
    task = Task(LOG_COSH, np.array([size * sign]), iterations=10, tolerance=1e-4)
    trajectory = minimize(subject, task)
    sizes = [abs(float(each.point[0])) for each in trajectory.iterations]
    if size < CRITICAL_START:
        # Below the tolerance rounding may lead anywhere.
        pairs = [pair for pair in itertools.pairwise(sizes) if pair[0] > task.tolerance]
        closer = all(after < before for before, after in pairs)
        if not (closer and trajectory.success is not False):
            raise deviation(subject, task, f"does not converge from {size}: {sizes}")
        return max(after / before for before, after in pairs)
    if len(sizes) < 2 or not sizes[1] > sizes[0] or trajectory.success:
        raise deviation(subject, task, f"does not diverge from {size}: {sizes}")
    return sizes[0] / sizes[1]
