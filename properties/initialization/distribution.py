"""Laws of chance: the distribution function of initial values, their support and their tails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from scipy import special

from optcheck.backends.interface import Floats
from optcheck.properties.initialization.drawing import (
    Plan,
    deviation,
    distribution,
    draw,
    draw_plan,
    is_random,
    ordinary,
    require,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import (
    excess,
    excess_of_distribution,
    excess_of_joint,
    excess_of_union,
)
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.initialization.distributions import Gaussian, Truncated
from optcheck.reference.oracle import SAFETY


def _has_ordinary(subject: Subject) -> bool:
    return is_random(subject) and bool(ordinary(subject))


@law(
    id="initial-values-have-their-distribution",
    title="Initial values have their distribution function",
    statement=(
        "The empirical distribution function of 4096 or 8192 values is nowhere further from the "
        "exact one than the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart allows; that "
        "is refused with probability below 1e-15. A format of p bits draws on a grid of "
        "probabilities of 2^(1-p) and rounds: 2^(2-p) is taken off the distance."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("weight-init-distributions", "truncated-normal-distribution"),
    about=_has_ordinary,
    dtypes=("float32", "float64"),
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "a uniform distribution for a Gaussian one of the same variance, one around zero for one "
        "from zero, a mean that is multiplied by the scale"
    ),
)
def initial_values_have_their_distribution(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, ordinary(subject))
    values = np.sort(draw(subject, plan).ravel())
    below = distribution(subject, plan).below(values)
    places = np.arange(values.size + 1) / values.size
    distance = float(max(np.max(places[1:] - below), np.max(below - places[:-1])))
    distance = max(0.0, distance - 2.0 ** (2 - subject.working.bits))
    message = f"the distribution function of {values.size} values is off by {distance:.3g}"
    return require(subject, plan, excess_of_distribution(distance, values.size), message)


@law(
    id="initial-values-fill-their-support",
    title="Initial values stay in their support, and fill it",
    statement=(
        "None of 4096 or 8192 values is outside the bounds, within the rounding budget of the "
        "bound and of one linear map of the draw; none is so far from the mean of a Gaussian, cut "
        "or not, that one in 1e15 samples has such a value; the largest and the smallest come as "
        "close to the bounds, or as far, as all but one in 1e15 do; and in a format of p bits "
        "no more are within a probability of 2^(2-p) of an end than chance explains (Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=(
        "weight-init-distributions",
        "glorot-initialisation-uniform-goodfellow",
        "glorot-initialisation-linear-tanh",
        "glorot-initialisation-relu",
        "glorot-initialisation-logistic",
        "fan-in-uniform-heuristic",
        "truncated-normal-distribution",
    ),
    about=_has_ordinary,
    dtypes=("float32", "float64"),
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "a bound without the root of 3, or with a root too few; a Gaussian without a cut; values "
        "that are clamped to the bounds"
    ),
)
def initial_values_fill_their_support(subject: Subject, data: st.DataObject) -> float:
    plan = draw_plan(subject, data, ordinary(subject))
    values = draw(subject, plan).ravel()
    return max(
        _inside(subject, plan, values),
        _tails(subject, plan, values),
        _filled(subject, plan, values),
    )


def _inside(subject: Subject, plan: Plan, values: Floats) -> float:
    bits = subject.working.bits
    working = replace(subject.working, scalar_bits=bits)
    exact = distribution(subject, plan, Arithmetic.exact()).support
    budget = distribution(subject, plan, working).support
    ratios = [0.0]
    for bound, rough, sign, end in zip(exact, budget, (-1, 1), (min, max), strict=True):
        if not isinstance(bound, Scalar):
            continue
        value = float(end(values))
        with ball_arithmetic():
            # Half the width times the draw, and moved: two operations more.
            beyond = sign * (value - float(bound.ball.mid()))
            allowed = SAFETY * float(rough.elementary().elementary().ball.rad().abs_upper())
            width = abs(float((exact[1].ball - exact[0].ball).mid())) * 2.0**-bits
        ratio = max(0.0, beyond) / (allowed + width)
        if ratio > 1.0:
            message = f"draws {value:.9g}, beyond {float(bound.ball.mid()):.9g}"
            raise deviation(subject, plan, message, ratio)
        ratios.append(ratio)
    return max(ratios)


def _tails(subject: Subject, plan: Plan, values: Floats) -> float:
    expected = distribution(subject, plan)
    if isinstance(expected, Gaussian):
        centre, scale, inside = 0.0, expected.deviation, 1.0
    elif isinstance(expected, Truncated):
        centre, scale = expected.centre, expected.scale
        inside = expected.inside
    else:
        return 0.0
    farthest = float(np.max(np.abs(values - centre))) / scale
    chance = min(1.0, 2.0 * float(special.ndtr(-farthest)) / inside)
    message = f"one of {values.size} values is {farthest:.4g} standard deviations off"
    return require(subject, plan, excess_of_union(chance, values.size), message)


def _filled(subject: Subject, plan: Plan, values: Floats) -> float:
    """Neither far from the ends nor heaped up there."""
    below = distribution(subject, plan).below(values)
    step = 2.0 ** (2 - subject.working.bits)
    ratios = []
    for end, chances in ((np.max(values), below), (np.min(values), 1.0 - below)):
        reached = excess_of_joint(float(np.max(chances)), values.size)
        heap = int(np.sum(chances >= 1.0 - step))
        ratios += [
            require(subject, plan, reached, f"no value is beyond {end:.6g}"),
            require(
                subject,
                plan,
                # The probability itself, and one step of the grid.
                excess(heap, values.size, 2 * step) if heap else 0.0,
                f"{heap} of {values.size} values are heaped up at {end:.6g}",
            ),
        ]
    return max(ratios)
