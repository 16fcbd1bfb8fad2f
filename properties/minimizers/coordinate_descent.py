"""Laws of coordinate descent: each update is a minimum, and what that leads to."""

from __future__ import annotations

import itertools

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Trajectory
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, fractions, quadratics, starts
from optcheck.properties.minimizers.running import Task, deviation, minimize, require_of, worst
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.minimizers.coordinate_descent import (
    SADDLE_OF_AXES,
    Kink,
    blocks,
    coupled,
    sweep_contraction,
)
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import Quadratic


def _is_coordinate_descent(subject: Subject) -> bool:
    return bool(subject.record.id == "coordinate-descent")


def _has_blocks(subject: Subject) -> bool:
    return "block_size" in subject.record.domains(subject.claim.dialect)


def _turns(task: Task, count: int) -> list[list[int]]:
    """The coordinates of each of the first ``count`` updates."""
    size = int(task.hyperparameters.get("block_size", 1))
    every = blocks(task.objective.dimension, size)
    return [every[index % len(every)] for index in range(count)]


def _slope_left(
    subject: Subject, task: Task, before: Floats, after: Floats, block: list[int]
) -> Floats:
    """How far the slopes of a block may be from 0 at ``after``.

    The gradient is known to its rounding. The zero of the slope lies between two neighbouring
    steps and leads between two neighbouring points, any of which may be taken: what the gradient
    does in a box of that size follows in balls.
    """
    working = subject.working
    rounding = trajectories.gradient_at(task.objective, after, working).allowed()[block]
    spacing = 2.0 * 2.0**-working.bits
    reach = spacing * (np.abs(after) + np.abs(after - before))
    exact = Arithmetic.exact()
    box = [
        Scalar(arb(float(v), float(reach[i]) if i in block else 0.0), exact.bits)
        for i, v in enumerate(after)
    ]
    around = trajectories.vector(task.objective.gradient(box), exact).balls
    with ball_arithmetic():
        moved = np.array([float(around[i].rad()) for i in block])
    allowed: Floats = rounding + SAFETY * moved
    return allowed


@law(
    id="each-update-is-a-minimum-over-its-block",
    title="Each update is a minimum over its coordinates",
    statement=(
        "An update changes the coordinates of its block alone, in turn, and where it ends the "
        "partial derivatives in these coordinates are 0, but for the rounding of gradient, step "
        "and point."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("coordinate-descent", "block-coordinate-descent"),
    about=_is_coordinate_descent,
    share=0.5,
)
def each_update_is_a_minimum(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    points = [each.point for each in minimize(subject, task).iterations]
    ratios = []
    for index, (block, before, after) in enumerate(_updates(task, points)):
        changed = set(np.flatnonzero(after != before).tolist())
        if not changed <= set(block):
            message = f"update {index} changes the coordinates {sorted(changed)}, its turn has"
            raise deviation(subject, task, f"{message} {block}")
        slopes = trajectories.gradient_at(task.objective, after, subject.working).expected()[block]
        allowed = _slope_left(subject, task, before, after, block)
        bound = Bound(np.zeros(len(block)), allowed)
        what = f"slopes left in the coordinates {block} by update {index}"
        ratios.append(require_of(subject, task, bound, slopes, what))
    return worst(ratios)


def _updates(task: Task, points: list[Floats]) -> list[tuple[list[int], Floats, Floats]]:
    pairs = list(itertools.pairwise(points))
    turns = _turns(task, len(pairs))
    return [(block, *pair) for block, pair in zip(turns, pairs, strict=True)]


def _gauss_seidel(
    subject: Subject, task: Task, trajectory: Trajectory
) -> list[tuple[list[int], Floats, Floats]]:
    """The blocks, the exact path from the start and how far the computed one may be from it.

    What an update leaves of the slopes moves its block by their multiple with the inverse of the
    block's curvatures; what the other coordinates were off by comes in as the update itself has
    it.
    """
    assert isinstance(task.objective, Quadratic)
    matrix, center = task.objective.matrix, task.objective.center
    points = [each.point for each in trajectory.iterations]
    with ball_arithmetic():
        exact = [arb(float(v)) - arb(c) for v, c in zip(task.start, center, strict=True)]
    off = np.zeros(len(center))
    path = []
    for block, before, after in _updates(task, points):
        others = [i for i in range(len(center)) if i not in block]
        allowed = _slope_left(subject, task, before, after, block)
        with ball_arithmetic():
            inverse = arb_mat([[arb(matrix[i][j]) for j in block] for i in block]).inv()
            coupling = arb_mat([[-arb(matrix[i][j]) for j in others] or [arb(0)] for i in block])
            rest = arb_mat([[exact[j]] for j in others] or [[arb(0)]])
            for i, value in zip(block, (inverse * coupling * rest).entries(), strict=True):
                exact[i] = value
            here = [float((value + arb(c)).mid()) for value, c in zip(exact, center, strict=True)]
            sizes = np.abs(_doubles(inverse))
            passed_on = np.abs(_doubles(inverse * coupling)) @ (off[others] if others else [0.0])
        off[block] = passed_on + sizes @ allowed
        path.append((block, np.array(here), off.copy()))
    return path


def _doubles(matrix: arb_mat) -> Floats:
    rows, columns = matrix.nrows(), matrix.ncols()
    return np.array([[float(matrix[i, j].mid()) for j in range(columns)] for i in range(rows)])


@law(
    id="coordinate-descent-is-gauss-seidel",
    title="On quadratics coordinate descent is the iteration of Gauss and Seidel",
    statement=(
        "On a positive definite quadratic every point is that of the Gauss-Seidel iteration from "
        "the same start, x_B = A_BB^-1 (b_B - A_BR x_R) with the newest values of all others, but "
        "for the rounding of all updates so far, passed on from each to the next."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("coordinate-descent",),
    about=_is_coordinate_descent,
    every_path=False,
    share=0.5,
)
def coordinate_descent_is_gauss_seidel(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, quadratics())
    trajectory = minimize(subject, task)
    ratios = []
    path = _gauss_seidel(subject, task, trajectory)
    for index, (each, (_, expected, off)) in enumerate(
        zip(trajectory.iterations[1:], path, strict=True)
    ):
        what = f"point after update {index}"
        ratios.append(require_of(subject, task, Bound(expected, off), each.point, what))
    return worst(ratios)


@law(
    id="coordinate-descent-crawls-where-variables-are-coupled",
    title="A sweep over two coupled variables leaves 1/(1 + alpha)^2",
    statement=(
        "On (x1 - x2)^2 + alpha (x1^2 + x2^2) a sweep multiplies the second coordinate by "
        "1/(1 + alpha)^2, which tends to 1 as alpha falls; one update over both ends in 0. Only "
        "rounding is allowed."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("coordinate-descent-coupled-quadratic",),
    about=_is_coordinate_descent,
    every_path=False,
    share=0.5,
)
def coordinate_descent_crawls(subject: Subject, data: st.DataObject) -> float:
    alpha = 2.0 ** -data.draw(st.integers(0, 12), label="minus log2 of alpha")
    size = data.draw(st.integers(1, 2), label="block size") if _has_blocks(subject) else 1
    fixed = {"block_size": float(size)} if _has_blocks(subject) else {}
    task = Task(coupled(alpha), data.draw(starts(2), label="start"), fixed)
    trajectory = minimize(subject, task)
    factor = sweep_contraction(Arithmetic.exact().scalar(alpha))
    left, ratios = Arithmetic.exact().scalar(float(task.start[1])), []
    path = _gauss_seidel(subject, task, trajectory)
    for each, (block, _, off) in zip(trajectory.iterations[1:], path, strict=True):
        if 1 in block:
            left = left * factor if size == 1 else left * 0
        bound = Bound(np.array([float(left.ball.mid())]), off[1:])
        ratios.append(require_of(subject, task, bound, each.point[1:], "second coordinate"))
    return worst(ratios)


@law(
    id="coordinate-descent-stays-at-kinks-and-saddles",
    title="No coordinate alone leads away from a kink or from a saddle of the axes",
    statement=(
        "abs(x1 - x2) + w |x|^2 is convex and has its minimum at 0, but from (c, c) with "
        "2 w abs(c) <= 1 no coordinate alone descends: every update stays where it is, or goes to "
        "a neighbouring number. So it is at 0 with x^2 + y^2 - 3 x y, which has no minimum."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("coordinate-descent-guarantee",),
    about=_is_coordinate_descent,
    every_path=False,
    share=0.5,
)
def coordinate_descent_stays(subject: Subject, data: st.DataObject) -> float:
    fixed = {"block_size": 1.0} if _has_blocks(subject) else {}
    if data.draw(st.integers(0, 3), label="at the saddle where 0") == 0:
        task = Task(SADDLE_OF_AXES, np.zeros(2), fixed)
    else:
        weight = data.draw(fractions(0.0625, 0.5, 0.0625), label="weight")
        place = data.draw(st.integers(1, 8), label="eighths of the farthest place") / 8
        sign = data.draw(st.sampled_from((1.0, -1.0)), label="sign")
        task = Task(Kink(weight), np.full(2, sign * place / (2 * weight)), fixed)
    spacing = 2.0 * 2.0**-subject.working.bits * np.abs(task.start)
    ratios = []
    for index, each in enumerate(minimize(subject, task).iterations):
        bound = Bound(task.start, SAFETY * index * spacing)
        ratios.append(require_of(subject, task, bound, each.point, "point that is held"))
    return worst(ratios)
