"""Laws of the trials that a line search makes on its way to a step."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.interpolation import rounding_of
from optcheck.properties.minimizers.lines import (
    Line,
    ask,
    deviation,
    downhill,
    of,
    parabola,
    polynomial,
    search,
    slope,
    usual,
)
from optcheck.properties.minimizers.running import claim_of
from optcheck.reference import trajectories
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.functions import dot
from optcheck.reference.minimizers.line_searches import exact_step
from optcheck.reference.oracle import SAFETY
from optcheck.reference.problems import Polynomial


def _interpolates(subject: Subject) -> bool:
    return subject.record.id == "wolfe" or subject.claim.dialect == "armijo-interpolation"


@law(
    id="second-trial-is-the-minimum",
    title="After a first trial that went too far, the minimum of the parabola is tried",
    statement=(
        "On a quadratic whose value at the first trial lies above that at the start, the second "
        "trial is the minimum along the line, as every interpolation has it, but for the rounding "
        "of values, slopes and formula."
    ),
    oracle="exact",
    capability="line-search",
    equations=("quadratic-interpolation", "cubic-interpolation-two-slopes"),
    about=_interpolates,
    share=0.25,
    dtypes=("float64",),
)
def second_trial_is_the_minimum(subject: Subject, data: st.DataObject) -> float:
    # The value at 1 is above the start where the minimum lies before 1/2; safeguards keep trials
    # away from the ends.
    line = parabola(data, 0.25, 0.4375)
    line = replace(line, hyperparameters=usual(subject, data))
    found = search(subject, line)
    if len(found.trials) < 2:
        raise deviation(subject, line, f"ends after the trials {list(found.trials)}")
    allowed, best = _interpolation(subject, line, found.trials[0])
    off = abs(found.trials[1] - best)
    if not off <= allowed:
        raise deviation(
            subject,
            line,
            f"tries {found.trials[1]!r} after {found.trials[0]!r}; the parabola has its minimum "
            f"at {best!r}",
            off / allowed,
        )
    return off / allowed


def _interpolation(subject: Subject, line: Line, first: float) -> tuple[float, float]:
    """What the second trial may be off by, and the exact minimum."""
    working = subject.working
    told = {"a": working.scalar(0.0), "b": working.scalar(first)}
    for name, step in (("a", 0.0), ("b", first)):
        point = line.after(step)
        d = working.array(line.direction)
        noise = _moved(line, step, working)
        value = trajectories.value_at(line.objective, point, working).working
        gradient = trajectories.gradient_at(line.objective, point, working)
        told[f"f{name}"] = _blurred(value.balls[0], gradient.expected(), noise, working)
        told[f"g{name}"] = dot(gradient.working, d)
    radius = rounding_of("cubic-two-slopes", told, ascending=True)
    parabola = {name: told[name] for name in ("a", "fa", "ga", "b", "fb")}
    radius = max(radius, rounding_of("quadratic", parabola, ascending=True))
    exact = Arithmetic.exact()
    start = trajectories.gradient_at(line.objective, line.start, exact).exact
    d = exact.array(line.direction)
    curved = exact.array(np.asarray(line.objective.hessian(line.start)) @ line.direction)
    best = float(exact_step(start, d, curved).ball.mid())
    # The trial is read off its point where only that is shown.
    size = np.abs(line.after(best)) + np.abs(best * line.direction)
    length = float(line.direction @ line.direction)
    shown = 2.0**-working.bits * float(size @ np.abs(line.direction)) / length
    return SAFETY * (radius + shown), best


def _moved(line: Line, step: float, working: Arithmetic) -> Floats:
    """The rounding of the point after ``step``."""
    size = np.abs(line.after(step)) + np.abs(step * line.direction)
    noise: Floats = 2.0**-working.bits * size
    return noise


def _blurred(value: arb, gradient: Floats, noise: Floats, working: Arithmetic) -> Scalar:
    """A value at a point that is off by ``noise``."""
    with ball_arithmetic():
        return Scalar(value + arb(0, float(np.abs(gradient) @ noise)), working.bits)


@law(
    id="backtracking-takes-the-first-sufficient-step",
    title="Backtracking takes the first step that descends enough",
    statement=(
        "The step is initial_step * decrease_factor**k, but for one rounding each time; k is the "
        "number of trials before it, and the last of those does not satisfy the condition."
    ),
    oracle="exact",
    capability="line-search",
    equations=("backtracking-step",),
    about=lambda subject: subject.claim.dialect == "armijo",
    dtypes=("float64",),
)
def backtracking_takes_the_first_sufficient_step(subject: Subject, data: st.DataObject) -> float:
    line = downhill(subject, data)
    found, h = search(subject, line), line.hyperparameters
    if found.step is None:
        return math.nan
    first, factor = h["initial_step"], h["decrease_factor"]
    k = round(math.log(found.step / first) / math.log(factor))
    off = abs(Fraction(found.step) / (Fraction(first) * Fraction(factor) ** k) - 1)
    # One rounding for each product, or those of a power.
    allowed = SAFETY * (k + 2) * 2.0**-subject.working.bits
    if not off <= allowed:
        message = f"the step {found.step!r} is no power of {factor!r} times {first!r}"
        raise deviation(subject, line, message, float(off) / allowed)
    if len(found.trials) != k + 1:
        message = f"the step {found.step!r} is the trial {k}, {len(found.trials)} were made"
        raise deviation(subject, line, message)
    if k:
        _require_insufficient(subject, line, found.trials[k - 1])
    return float(off) / allowed


def _require_insufficient(subject: Subject, line: Line, step: float) -> None:
    """The Armijo condition does not hold at ``step``, beyond what rounding explains."""

    def difference(arithmetic: Arithmetic) -> Scalar:
        start, direction = (arithmetic.array(each) for each in (line.start, line.direction))
        point = start + direction * arithmetic.scalar(step)
        there = [Scalar(ball, arithmetic.bits) for ball in point.balls]
        here = trajectories.scalars(line.start, arithmetic)
        gradient = trajectories.vector(line.objective.gradient(here), arithmetic)
        descent = arithmetic.scalar(line.hyperparameters["sufficient_decrease"])
        descent = descent * arithmetic.scalar(step) * dot(gradient, direction)
        result: Scalar = line.objective.value(there) - line.objective.value(here) - descent
        return result

    exact, near = difference(Arithmetic.exact()), difference(subject.working)
    with ball_arithmetic():
        if near.ball.is_finite() and exact.ball < -SAFETY * near.ball.rad():
            raise deviation(
                subject, line, f"the trial {step!r} descends enough, and it went on to a shorter"
            )


UNBOUNDED = polynomial({(1, 0): -1.0, (0, 1): -0.5})


@law(
    id="evaluations-are-bounded",
    title="A line search ends after so many trials",
    statement=(
        "No search makes more trials than one and the limit that it is given, or that the library "
        "fixes: not where it finds a step, not along a direction that ascends, and not where the "
        "function falls for ever."
    ),
    oracle="exact",
    capability="line-search",
    equations=("line-search-too-expensive",),
    about=of("backtracking", "wolfe"),
    excused=lambda subject: (
        None
        if claim_of(subject).counts_trials
        else "it is asked trial by trial: the loop around it is not the library's"
    ),
    share=0.5,
    dtypes=("float64",),
)
def evaluations_are_bounded(subject: Subject, data: st.DataObject) -> float:
    kind = data.draw(st.sampled_from(("bounded", "ascent", "unbounded")), label="function")
    line = downhill(subject, data, limit=None)
    if kind == "ascent":
        line = replace(line, direction=-line.direction)
    if kind == "unbounded":
        line = replace(line, objective=UNBOUNDED, direction=np.array([1.0, 1.0]))
    found = ask(subject, line)
    limit = line.hyperparameters["limit"]
    if len(found.trials) > limit + 1:
        raise deviation(subject, line, f"makes {len(found.trials)} trials, the limit is {limit:g}")
    return len(found.trials) / (limit + 1)


def _steep(second_value: Fraction, steep: Fraction) -> Polynomial:
    """Falls at 0, and steeply at 1; lies higher at 2, and falls steeply there too.

    The quintic with these values and slopes in the form of Newton: all its divided differences
    are short binary fractions.
    """
    nodes = (0, 0, 1, 1, 2, 2)
    values = {0: Fraction(0), 1: Fraction(-2), 2: second_value}
    slopes = {0: Fraction(-1), 1: steep, 2: steep}
    column = [values[z] for z in nodes]
    differences = [column[0]]
    for order in range(1, len(nodes)):
        column = [
            (column[i + 1] - column[i]) / (last - first) if last > first else slopes[first]
            for i, (first, last) in enumerate(zip(nodes, nodes[order:], strict=False))
        ]
        differences.append(column[0])
    powers = [differences[-1]]
    for node, difference in zip(reversed(nodes[:-1]), reversed(differences[:-1]), strict=True):
        pairs = zip([Fraction(0), *powers], [*powers, Fraction(0)], strict=True)
        powers = [up - node * down for up, down in pairs]
        powers[0] += difference
    return polynomial({(k, 0): float(power) for k, power in enumerate(powers)} | {(0, 2): 1.0})


@law(
    id="bracketing-goes-on-until-it-rises",
    title="Trials grow until they have bracketed a good step, and no longer",
    statement=(
        "While trials descend enough and the function still falls steeply, the next one is "
        "larger; in the search of Nocedal and Wright a trial that is no lower than the one before "
        "it ends that: the next one lies between the two."
    ),
    oracle="exact",
    capability="line-search",
    equations=("wolfe-bracketing",),
    about=of("wolfe"),
    share=0.5,
    dtypes=("float64",),
)
def bracketing_goes_on_until_it_rises(subject: Subject, data: st.DataObject) -> float:
    zooms = subject.claim.dialect == "strong-zoom"
    if zooms and data.draw(st.booleans(), label="rises"):
        return _ends_at_the_rise(subject, data)
    line = parabola(data, 6.0, 32.0)
    line = replace(line, hyperparameters=usual(subject, data))
    found = search(subject, line)
    best = float(-1 / _curvature_over_slope(line))
    for before, after in itertools.pairwise(found.trials):
        if before >= best:
            break
        if not after > before:
            raise deviation(
                subject, line, f"tries {after!r} after {before!r}, where the function still falls"
            )
    return 0.0


def _curvature_over_slope(line: Line) -> float:
    curved = np.asarray(line.objective.hessian(line.start)) @ line.direction
    return float(line.direction @ curved) / slope(line)


def _ends_at_the_rise(subject: Subject, data: st.DataObject) -> float:
    second = data.draw(st.integers(-15, -8), label="second value, in eighths")
    steep = data.draw(st.integers(-24, -8), label="slope at the trials, in eighths")
    problem = _steep(Fraction(second, 8), Fraction(steep, 8))
    h = usual(subject, data)
    line = Line(problem, np.array([0.0, 0.0]), np.array([1.0, 0.0]), h)
    found = search(subject, line)
    if found.trials[:2] != (1.0, 2.0):
        return math.nan
    third = found.trials[2] if len(found.trials) > 2 else math.nan
    if not 1.0 < third < 2.0:
        raise deviation(
            subject, line, f"tries {third!r} after 1 and 2, between which the function rises"
        )
    return 0.0
