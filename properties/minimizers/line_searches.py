"""Laws of the step that a line search returns: its conditions hold, or it says that it failed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.minimization import LineResult
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import fractions, quadratics, starts
from optcheck.properties.minimizers.lines import (
    BARRIER,
    Line,
    deviation,
    downhill,
    drawn_h,
    of,
    parabola,
    polynomial,
    search,
    slope,
    usual,
)
from optcheck.properties.minimizers.running import Task, worst
from optcheck.properties.minimizers.steps import excess_of_armijo, excess_of_curvature
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Quadratic


@law(
    id="line-search-conditions-hold",
    title="An accepted step satisfies its conditions",
    statement=(
        "At the step that is returned the sufficient decrease (Armijo) holds, and for a Wolfe "
        "search the strong curvature condition too, with the constants that were asked for, "
        "evaluated exactly; only what the rounding of values and slopes leaves open is allowed."
    ),
    oracle="exact",
    capability="line-search",
    equations=("armijo-condition", "strong-wolfe-condition"),
    about=of("backtracking", "wolfe"),
    dtypes=("float64",),
)
def line_search_conditions_hold(subject: Subject, data: st.DataObject) -> float:
    # The simplest is the first in every run.
    kinds = ("demanding", "a little too far", "downhill")
    kind = data.draw(st.sampled_from(kinds), label="function")
    if kind == "downhill":
        line = downhill(subject, data)
    elif kind == "demanding":
        line, constants = _DEMANDING[subject.record.id]
        line = replace(line, hyperparameters=drawn_h(subject, data, **constants))
    else:
        parabolic = parabola(data, 0.5625, 0.75)
        line = replace(parabolic, hyperparameters=drawn_h(subject, data))
    return conditions(subject, line, search(subject, line))


_ALONG = np.array([1.0, 0.0])
# The minimum of a parabola does not satisfy a constant above 1/2, and from -0.06 its values round;
# a quartic that is flat at its minimum has steps that satisfy the curvature condition alone.
_DEMANDING: dict[str, tuple[Line, dict[str, float]]] = {
    "backtracking": (
        Line(polynomial({(2, 0): 1.0}), np.array([-0.06, 0.0]), _ALONG),
        {"sufficient_decrease": 0.75, "initial_step": 1.0},
    ),
    "wolfe": (
        Line(polynomial({(4, 0): 1.25**4}), np.array([-0.8, 0.0]), _ALONG),
        {"sufficient_decrease": 0.4, "curvature": 0.9},
    ),
}


def conditions(subject: Subject, line: Line, found: LineResult) -> float:
    """The worst excess over the conditions at the step, if there is one."""
    if found.step is None:
        return math.nan
    task, h = Task(line.objective, line.start), line.hyperparameters
    after = line.after(found.step)
    if np.array_equal(after, line.start):
        raise deviation(subject, line, f"the step {found.step!r} does not leave the start")
    ratios = {
        "sufficient decrease": excess_of_armijo(
            subject, task, line.start, after, h["sufficient_decrease"]
        )
    }
    if "curvature" in h:
        ratios["curvature condition"] = excess_of_curvature(
            subject, task, line.start, after, h["curvature"], strong=True
        )
    for name, ratio in ratios.items():
        if ratio > 1.0:
            raise deviation(
                subject,
                line,
                f"the step {found.step!r} breaks the {name} {ratio:.3g} times as far as "
                "rounding explains",
                ratio,
            )
    return worst(list(ratios.values()))


@law(
    id="line-search-finds-a-step",
    title="On a parabola a line search finds a step",
    statement=(
        "Where a quadratic falls along the direction and its minimum lies between 1/16 and 4 "
        "times the first trial, a search with usual constants finds a step and says so."
    ),
    oracle="exact",
    capability="line-search",
    equations=("line-search-problem",),
    about=of("exact-quadratic", "backtracking", "wolfe"),
    dtypes=("float64",),
)
def line_search_finds_a_step(subject: Subject, data: st.DataObject) -> float:
    # In two of them the first trial descends enough and yet goes too far. The simplest is the
    # first in every run.
    kind = data.draw(st.sampled_from(("fixed", "a little too far", "any")), label="function")
    h = usual(subject, data)
    if kind == "fixed":
        line, h = _TOO_FAR, {**h, **({"curvature": 0.5} if "curvature" in h else {})}
    else:
        line = parabola(data, *((1 / 16, 4.0) if kind == "any" else (0.5625, 0.75)))
    line = replace(line, hyperparameters=h)
    found = search(subject, line)
    if found.step is None:
        message = f" ({found.message})" if found.message else ""
        raise deviation(subject, line, f"finds no step on a parabola{message}")
    return 0.0


_TOO_FAR = Line(polynomial({(2, 0): 1.0, (1, 0): -1.25, (0, 2): 1.0}), np.zeros(2), _ALONG)


@law(
    id="exact-line-search-step",
    title="The exact step on a quadratic is -g'd / d'Hd",
    statement=(
        "On a positive definite quadratic the step along any direction of descent is "
        "-g'd / d'Hd, which is g'g / g'Hg for steepest descent, but for its rounding."
    ),
    oracle="exact",
    capability="line-search",
    equations=("exact-step-on-a-quadratic",),
    about=of("exact-quadratic"),
    dtypes=("float64",),
)
def exact_line_search_step(subject: Subject, data: st.DataObject) -> float:
    problem: Quadratic = data.draw(quadratics(), label="function")
    start = data.draw(starts(problem.dimension), label="start")
    gradient = np.asarray(problem.gradient(start))
    weights = [data.draw(st.sampled_from((1.0, 0.25, 2.0)), label="d") for _ in gradient]
    line = Line(problem, start, -np.array(weights) * gradient)
    ends = []
    for arithmetic in (Arithmetic.exact(), subject.working):
        d = arithmetic.array(line.direction)
        g = trajectories.vector(
            problem.gradient(trajectories.scalars(start, arithmetic)), arithmetic
        )
        curved = [dot(arithmetic.array(row), d) for row in problem.matrix]
        ends.append(exact_step(g, d, trajectories.vector(curved, arithmetic)))
    step, allowed = float(ends[0].ball.mid()), SAFETY * float(ends[1].ball.rad())
    found = search(subject, line)
    if found.step is None:
        raise deviation(subject, line, f"finds no step, the best one is {step!r}")
    off = abs(found.step - step)
    if not off <= allowed:
        raise deviation(
            subject, line, f"finds {found.step!r}, the best step is {step!r}", off / allowed
        )
    return off / allowed


@law(
    id="ascent-is-refused",
    title="A direction that ascends gets a failure, not a step",
    statement=(
        "Along a direction in which a convex function rises, a search reports that it found no "
        "step."
    ),
    oracle="exact",
    capability="line-search",
    about=of("exact-quadratic", "backtracking", "wolfe"),
    share=0.5,
    dtypes=("float64",),
)
def ascent_is_refused(subject: Subject, data: st.DataObject) -> float:
    line = downhill(subject, data)
    line = replace(line, direction=-line.direction)
    if not slope(line) > 0.0:
        return math.nan
    found = search(subject, line)
    if found.step is not None:
        raise deviation(
            subject, line, f"takes the step {found.step!r} uphill, where the slope is positive"
        )
    return 0.0


@law(
    id="undefined-trial-is-not-the-end",
    title="A trial where the function is undefined is not accepted",
    statement=(
        "Where the first trial meets NaN or infinity, the search ends with a step at which the "
        "function is defined and the conditions hold, or says that it found none."
    ),
    oracle="exact",
    capability="line-search",
    about=of("backtracking", "wolfe"),
    share=0.5,
    dtypes=("float64",),
)
def undefined_trial_is_not_the_end(subject: Subject, data: st.DataObject) -> float:
    start = data.draw(fractions(1.5, 4.0), label="start")
    h = usual(subject, data)
    # To the infinite value at 0, and beyond it.
    lines = [
        Line(BARRIER, np.array([start]), np.array([-reach * start]), h)
        for reach in (1.0, 1.5, 2.0, 4.0)
    ]
    return worst([_ends_where_it_is_defined(subject, line) for line in lines])


def _ends_where_it_is_defined(subject: Subject, line: Line) -> float:
    found = search(subject, line)
    if found.step is None:
        return 0.0
    after = line.after(found.step)
    if not after[0] > 0.0:
        message = f"accepts the step {found.step!r}, to {after[0]!r} where the function is"
        raise deviation(subject, line, f"{message} {'infinite' if not after[0] else 'undefined'}")
    return conditions(subject, line, found)
