"""Laws of seeds: they decide what is drawn, and nothing that is drawn depends on the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer
from optcheck.properties.initialization.drawing import (
    ORDINARY,
    TRANSPOSED,
    Plan,
    deviation,
    distribution,
    draw,
    draw_plan,
    is_random,
    repeated,
    require,
    taken,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import excess
from optcheck.reference.initialization.distributions import Distribution, Truncated

# Of matrices with a structure, which take longer.
_SMALL = (Layer(8, 6), Layer(4, 6, "convolution", (2,)))


def _layers(subject: Subject) -> list[Layer]:
    return taken(subject, (*ORDINARY, *TRANSPOSED) if is_random(subject) else _SMALL)


def _is_drawn(subject: Subject) -> bool:
    return subject.record.id not in ("constant-bias", "marginal-bias")


@law(
    id="the-seed-decides-initial-values",
    title="The same seed gives the same initial values",
    statement=(
        "Two draws from one seed are repeated bit for bit when the seed is used again, although "
        "others were drawn in between, and differ from those of another seed."
    ),
    oracle="exact",
    capability="initializer",
    equations=("weight-init-distributions", "sparse-initialisation", "orthogonal-initialisation"),
    about=lambda subject: _is_drawn(subject) and bool(_layers(subject)),
    one_dtype=True,
    share=0.1,
)
def the_seed_decides_initial_values(subject: Subject, data: st.DataObject) -> float:
    plan = repeated(draw_plan(subject, data, _layers(subject)), 2)
    first = draw(subject, plan)
    other = draw(subject, replace(plan, seed=plan.seed + 1))
    if not np.array_equal(first, draw(subject, plan)):
        raise deviation(subject, plan, "draws other values for the same seed")
    if np.array_equal(first, other):
        raise deviation(subject, plan, "draws the same values for another seed")
    return 0.0


@law(
    id="initial-values-are-independent",
    title="Initial values know nothing of each other",
    statement=(
        "Neighbours, the values at one place in two draws from one seed, and those of a seed and "
        "of the next one, the second draw of the one against the first of the other too, are on "
        "the same side of the median half of the time; a count that is refused has a probability "
        "below 1e-15 (Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("weight-init-distributions",),
    about=lambda subject: is_random(subject) and bool(_layers(subject)),
    one_dtype=True,
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "the same values in every draw; a seed that is ignored, or counted up from draw to draw; "
        "each value drawn for two weights"
    ),
)
def initial_values_are_independent(subject: Subject, data: st.DataObject) -> float:
    plan = repeated(draw_plan(subject, data, _layers(subject)), 2)
    median = _median(distribution(subject, plan))
    first, second = _sides(draw(subject, plan), median)
    next_first, _ = _sides(draw(subject, replace(plan, seed=plan.seed + 1)), median)
    return max(
        _unrelated(subject, plan, *pair)
        for pair in (
            (first[1:], first[:-1], "neighbours"),
            (first, second, "two draws from one seed"),
            (first, next_first, "draws from a seed and from the next one"),
            (second, next_first, "the second draw of a seed and the first of the next one"),
        )
    )


def _median(expected: Distribution) -> float:
    """Of a truncated Gaussian by bisection of its distribution function."""
    if not isinstance(expected, Truncated):
        return expected.mean
    low, high = expected.support
    for _ in range(60):
        middle = (low + high) / 2
        if expected.below(np.array(middle)) < 0.5:
            low = middle
        else:
            high = middle
    return float(low)


def _sides(drawn: Floats, median: float) -> tuple[Floats, Floats]:
    above = drawn.reshape(2, -1) > median
    return above[0], above[1]


def _unrelated(subject: Subject, plan: Plan, one: Floats, other: Floats, what: str) -> float:
    same = int(np.sum(one == other))
    message = f"{same} of {one.size} times {what} are on the same side of the median"
    return require(subject, plan, excess(same, one.size, 0.5), message)
