"""Laws of sparse initial weights: how many there are, where, and what they add up to."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer
from optcheck.properties.initialization.drawing import (
    Plan,
    deviation,
    draw,
    draw_plan,
    require,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import excess, excess_of_variance

# Narrow and wide, in both directions.
_LAYERS = (Layer(16, 256), Layer(256, 16), Layer(256, 24), Layer(24, 256), Layer(64, 64))


def _is_sparse(subject: Subject) -> bool:
    return bool(subject.record.id == "sparse")


def _drawn(subject: Subject, data: st.DataObject) -> tuple[Plan, Floats]:
    """The plan and the weights, the vectors that have so many in rows."""
    plan = draw_plan(subject, data, _LAYERS)
    weights = draw(subject, plan)[0]
    return plan, weights if subject.claim.dialect == "per-unit" else weights.T


@law(
    id="sparse-weights-have-their-number",
    title="Every unit, or every input, has exactly so many weights",
    statement=(
        "Each row has exactly k weights that are not zero where k a unit are said, however many "
        "inputs there are; each column has, where k an input are."
    ),
    oracle="exact",
    capability="initializer",
    equations=("sparse-initialisation",),
    about=_is_sparse,
    share=0.3,
)
def sparse_weights_have_their_number(subject: Subject, data: st.DataObject) -> float:
    plan, weights = _drawn(subject, data)
    counts = np.unique(np.count_nonzero(weights, axis=1)).tolist()
    if counts != [int(plan.hyperparameters["nonzeros"])]:
        wanted = plan.hyperparameters["nonzeros"]
        message = f"the numbers of weights that are not zero are {counts} for {wanted:.0f}"
        raise deviation(subject, plan, message)
    return 0.0


@law(
    id="sparse-weights-keep-the-variance",
    title="What sparse weights add up to does not depend on the number of inputs",
    statement=(
        "The weights that are not zero have the variance sigma^2, and the sum of those of a unit "
        "k sigma^2, of 16 inputs as of 256 (chi-squared). They are in the first half of the "
        "places half of the time, and where the unit before has one k/m of the time (Hoeffding, "
        "for drawing without replacement). A measurement that is refused has a probability below "
        "1e-15."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("sparse-initialisation",),
    about=_is_sparse,
    dtypes=("float32", "float64"),
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "a variance that is divided by the number of inputs; the first k places; the same places "
        "for every unit"
    ),
)
def sparse_weights_keep_the_variance(subject: Subject, data: st.DataObject) -> float:
    plan, weights = _drawn(subject, data)
    count, variance = int(plan.hyperparameters["nonzeros"]), plan.hyperparameters["scale"] ** 2
    units, places = weights.shape
    there = weights != 0
    first = int(np.sum(there[:, : places // 2]))
    shared = int(np.sum(there[1:] & there[:-1]))
    squares = float(np.sum(weights**2))
    sums = float(np.sum(np.sum(weights, axis=1) ** 2))
    ratios = (
        (
            excess_of_variance(squares, units * count, variance),
            f"the mean square of {units * count} weights is {squares / (units * count):.3g}",
        ),
        (
            excess_of_variance(sums, units, count * variance),
            f"the mean square of {units} sums is {sums / units:.3g}",
        ),
        (
            excess(first, units * count, 0.5),
            f"{first} of {units * count} weights are in the first half",
        ),
        (
            excess(shared, (units - 1) * count, count / places),
            f"{shared} of {(units - 1) * count} weights are where the unit before has one",
        ),
    )
    return max(require(subject, plan, *each) for each in ratios)
