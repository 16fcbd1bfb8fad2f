"""Laws of orthogonal initial weights: lengths, right angles, and no preferred direction."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer
from optcheck.properties.initialization.drawing import (
    Plan,
    draw,
    draw_plan,
    repeated,
    require,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.statistics import excess, excess_of_distribution

_LAYERS = (
    Layer(8, 6),
    Layer(5, 5),
    Layer(4, 1),
    Layer(3, 4, "convolution", (2, 2)),
)
_WIDE = (Layer(6, 8), Layer(1, 3), Layer(2, 7, "convolution", (3,)))
_DRAWS = 200


def _is_orthogonal(subject: Subject) -> bool:
    return bool(subject.record.id == "orthogonal")


@law(
    id="orthogonal-weights-are-orthonormal",
    title="Orthogonal weights keep lengths, times the gain",
    statement=(
        "Rows or columns, whichever are fewer (the units, if there are no more of them than "
        "inputs), are orthogonal and have the length of the gain; so all singular values are the "
        "gain, and of more units than inputs the projection onto their span has the trace of the "
        "number of inputs. A product of n Householder reflections of length m, each formed and "
        "applied with relative errors of (4 m + 15) u (Higham, section 19.3, with the constants "
        "of the inner products), is off by n (4 m + 15) u a column; the gain, and this law's own "
        "sums, are rounded too."
    ),
    oracle="exact",
    capability="initializer",
    equations=("orthogonal-initialisation", "gram-schmidt-initialisation"),
    about=_is_orthogonal,
    dtypes=("float32", "float64"),
    share=0.25,
)
def orthogonal_weights_are_orthonormal(subject: Subject, data: st.DataObject) -> float:
    wide = data.draw(st.booleans(), label="more units than inputs")
    plan = draw_plan(subject, data, _WIDE if wide else _LAYERS)
    gain = plan.hyperparameters["gain"]
    weights = draw(subject, plan)[0].reshape(plan.layer.outputs, -1)
    rows, columns = weights.shape
    thin = weights if rows <= columns else weights.T
    gram = np.array([[math.fsum(a * b) for b in thin] for a in thin])
    off = float(np.max(np.abs(gram - gain**2 * np.eye(len(thin)))))
    allowed = _allowed(subject, *thin.shape) * gain**2
    message = f"the products of {len(thin)} vectors are {off:.3g} off {gain**2:.4g} and 0"
    return require(subject, plan, off / allowed, message, weights=weights.tolist())


def _allowed(subject: Subject, count: int, length: int) -> float:
    """Of an inner product of two of ``count`` columns of that length."""
    unit = 2.0**-subject.working.bits
    # Of the column; then the gain, twice, and the products of this law.
    column = count * (4 * length + 15) * unit
    return (1.0 + column) ** 2 * (1.0 + unit) ** 4 * (1.0 + length * 2.0**-53) - 1.0


@law(
    id="orthogonal-weights-have-no-preferred-direction",
    title="Orthogonal weights are distributed evenly",
    statement=(
        f"Of {_DRAWS} matrices of Haar's measure on O(3) the first and the last entry are uniform "
        "on [-1, 1] (Archimedes), each entry is positive half of the time, and so is the "
        "determinant. A distance that is refused has a probability below 1e-15 (Massart; "
        "Chernoff)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("orthogonal-initialisation",),
    about=_is_orthogonal,
    dtypes=("float32", "float64"),
    one_dtype=True,
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "the signs of the reflections as they come, or a diagonal that is made positive; "
        "reflections of positive numbers alone; rotations alone"
    ),
)
def orthogonal_weights_have_no_preferred_direction(subject: Subject, data: st.DataObject) -> float:
    plan = repeated(draw_plan(subject, data, (Layer(3, 3),), gain=1.0), _DRAWS)
    drawn = draw(subject, plan) / plan.hyperparameters["gain"]
    ratios = [
        _uniform(subject, plan, drawn[:, 0, 0], "first"),
        _uniform(subject, plan, drawn[:, 2, 2], "last"),
        _balanced(subject, plan, np.linalg.det(drawn), "determinant"),
    ]
    for i in range(3):
        ratios += [_balanced(subject, plan, drawn[:, i, j], f"entry {i}, {j}") for j in range(3)]
    return worst(ratios)


def _uniform(subject: Subject, plan: Plan, entries: Floats, which: str) -> float:
    below = np.sort(entries) / 2 + 0.5
    places = np.arange(len(below) + 1) / len(below)
    distance = float(max(np.max(places[1:] - below), np.max(below - places[:-1])))
    message = f"the distribution function of the {which} entry is off by {distance:.3g}"
    ratio = excess_of_distribution(distance, len(below))
    return require(subject, plan, ratio, message)


def _balanced(subject: Subject, plan: Plan, numbers: Floats, what: str) -> float:
    positive = int(np.sum(numbers > 0))
    message = f"the {what} is positive {positive} of {len(numbers)} times"
    return require(subject, plan, excess(positive, len(numbers), 0.5), message)
