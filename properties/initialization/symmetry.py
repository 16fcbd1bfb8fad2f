"""Laws of symmetry: units that start alike stay alike, and random ones part."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import Gradient, descend, told
from optcheck.properties.initialization.signals import (
    has_known_moments,
    is_orthogonal,
    narrowing,
)
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.minimizers.running import worst
from optcheck.properties.strategies import hyperparameters
from optcheck.properties.surfaces.descents import is_gradient_descent
from optcheck.properties.units import implementations
from optcheck.reference import METHODS
from optcheck.reference.initialization.symmetry import residuals, stretch, unit_gradient
from optcheck.reference.oracle import SAFETY

_FLOAT64 = ("float64",)
_UNIT = 2.0**-53

# The last input is that of the biases.
INPUTS = np.array([[0.5, -1.0, 1.0], [1.25, 0.25, 1.0], [-0.75, 0.5, 1.0]])
TARGETS = np.array([1.0, -0.5, 0.25])
STEPS = 4


def _quarters(data: st.DataObject, count: int, label: str) -> Floats:
    units = st.lists(fractions(-2.0, 2.0, 0.25), min_size=count, max_size=count)
    return np.array(data.draw(units, label=label))


def _trained(
    subject: Subject | None, hyperparameters: Mapping[str, float], units: Floats, inputs: Floats
) -> Floats:
    """The units at the start and after each step, shape ``(STEPS + 1, *units.shape)``.

    A rule sees them as one vector: all first weights, all second ones ... all that leave. Without
    a subject it is gradient descent.
    """

    def slopes(flat: Floats) -> Floats:
        rows = np.ascontiguousarray(flat.reshape(units.shape[::-1]).T)
        errors = residuals(rows, inputs, TARGETS)
        # Each unit by itself, so that equal ones have equal gradients to the last bit.
        gradients = [unit_gradient(np.array(row), inputs, errors) for row in rows]
        return np.array(gradients).T.ravel()

    start = units.T.ravel()
    if subject is None:
        path = _plain_path(start, slopes, hyperparameters["learning_rate"])
    else:
        with np.errstate(all="ignore"):
            path = descend(subject, hyperparameters, start, slopes, STEPS)
    return path.reshape(-1, *units.shape[::-1]).swapaxes(1, 2)


def _plain_path(start: Floats, slopes: Gradient, rate: float) -> Floats:
    path = [start]
    for _ in range(STEPS):
        path.append(path[-1] - rate * slopes(path[-1]))
    return np.array(path)


def _all_equal(units: Floats) -> bool:
    return np.array_equal(units, np.broadcast_to(units[0], units.shape), equal_nan=True)


def _trains(subject: Subject) -> bool:
    """Rules that treat all coordinates alike, and are told their gradients alone."""
    record = subject.record
    return bool(record.elementwise and not record.dialect(subject.claim.dialect).signals)


@law(
    id="equal-units-stay-equal",
    title="Units that start alike stay alike under every deterministic rule",
    statement=(
        "Three hidden units with the same incoming and the same outgoing weight, beside one that "
        "starts elsewhere, have the same gradient and are the same numbers, bit for bit, after "
        f"each of {STEPS} steps, whatever the hyper-parameters are."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("symmetry-breaking-identical-units",),
    about=_trains,
    every_path=False,
    one_dtype=True,
    dtypes=_FLOAT64,
    share=0.05,
)
def equal_units_stay_equal(subject: Subject, data: st.DataObject) -> float:
    record, claim = subject.record, subject.claim
    h = data.draw(
        hyperparameters(record.domains(claim.dialect), claim, constraint=record.constraint),
        label="hyperparameters",
    )
    units = np.tile(_quarters(data, 2, "unit") + 0.125, (4, 1))
    units[-1] += 0.625
    for step, row in enumerate(_trained(subject, h, units, INPUTS[:, :1])):
        if not _all_equal(row[:-1]):
            raise Deviation(
                f"{subject.name}: after {step} steps units that started alike are "
                f"{row[:-1].tolist()}",
                counterexample=told(h, units.ravel(), units=units),
            )
    return 0.0


@law(
    id="different-units-stay-different",
    title="A step of gradient descent changes the distance of two units by a bounded factor",
    statement=(
        "Of two hidden units of one network the distance after a step is between 1 - eta K and "
        "1 + eta K times that before, where K bounds the difference of their gradients by their "
        "distance: units that start apart are apart after every step with eta K < 1, and units "
        "that start together never part."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("symmetry-breaking-identical-units",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def different_units_stay_different(subject: Subject, data: st.DataObject) -> float:
    units = np.array([_quarters(data, INPUTS.shape[1] + 1, "unit") for _ in range(4)])
    # The nearer two units start, the less what is not in their own gradients counts.
    gap = 2.0 ** -data.draw(st.integers(1, 24), label="-log2 of the gap")
    units = np.vstack([units, units[0] + gap])
    rate = data.draw(st.floats(0.05, 0.95), label="eta K") / _largest(units, INPUTS)
    path = _trained(subject, {"learning_rate": rate}, units, INPUTS)
    return _require_distances(subject, path, INPUTS, rate)


def _largest(units: Floats, inputs: Floats) -> float:
    """The bound K of the first step, for the first unit and any other."""
    errors = residuals(units, inputs, TARGETS)
    return max(stretch(units[0], other, inputs, errors) for other in units[1:])


def _require_distances(subject: Subject, path: Floats, inputs: Floats, rate: float) -> float:
    """That the first unit comes no nearer to the others, and goes no further, than is possible."""
    ratios = []
    for old, new in itertools.pairwise(path):
        errors = residuals(old, inputs, TARGETS)
        for other in range(1, len(old)):
            factor = rate * stretch(old[0], old[other], inputs, errors)
            apart, found = (float(np.linalg.norm(each[0] - each[other])) for each in (old, new))
            pair = (old[[0, other]], new[[0, other]])
            allowed = apart * factor + _rounding(*pair, inputs, errors, rate)
            if not abs(found - apart) <= allowed:
                raise Deviation(
                    f"{subject.name}: two units at a distance of {apart:.6g} are {found:.6g} "
                    f"apart after a step, which can change that by {allowed:.6g}",
                    ratio=abs(found - apart) / allowed,
                    counterexample=told({"learning_rate": rate}, path[0].ravel(), units=old),
                )
            ratios.append(abs(found - apart) / allowed)
    return worst(ratios)


def _rounding(old: Floats, new: Floats, inputs: Floats, errors: Floats, rate: float) -> float:
    """What rounding does to the distance of two units in a step.

    A hidden output is off by its argument's error, a rounding for each input and one more, and two
    of its own; its slope ``1 - y**2`` by three times that. Then come three products and a sum over
    the examples, the step's product and sum, and both differences. The errors are the same for
    both units.
    """
    count = inputs.shape[1]
    sizes = np.sum(np.abs(inputs), axis=1)
    hidden = 3.0 * ((count + 1.0) * float(np.max(np.abs(old[:, :-1]))) * sizes + 2.0)
    terms = np.abs(errors) * (1.0 + sizes) * (1.0 + float(np.max(np.abs(old[:, -1]))))
    gradient = float(np.sum(terms * (hidden + 3.0 + len(errors))))
    steps = rate * (gradient + float(np.sum(terms))) + 2.0 * float(np.abs(new).sum())
    return SAFETY * 2.0 * _UNIT * (steps + float(np.abs(old).sum()))


# Hidden units whose incoming weights are drawn, of a layer that has more of them.
DRAWN = 8


def _draws_weights(subject: Subject) -> bool:
    return has_known_moments(subject) or is_orthogonal(subject)


@law(
    id="random-units-part-and-stay-apart",
    title="Random initial weights break the symmetry of units, and only what is random does",
    statement=(
        f"{DRAWN} units with incoming weights of the initializer and one outgoing weight are all "
        "different, and under gradient descent of the same library each step changes a distance "
        "by a bounded factor, so that they stay apart; with the weights of the first unit for "
        "all, they stay equal bit for bit. Two equal rows have a probability below 1e-15."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("symmetry-breaking-identical-units",),
    about=_draws_weights,
    every_path=False,
    one_dtype=True,
    dtypes=_FLOAT64,
    share=0.02,
    false_alarm=1e-9,
    alternative="one row of weights that all units share; zeros",
)
def random_units_part(subject: Subject, data: st.DataObject) -> float:
    stack = narrowing(subject, data)
    weights = stack.weights[0, :DRAWN]
    units = np.hstack([weights, np.full((DRAWN, 1), 0.5)])
    for first, second in itertools.combinations(range(DRAWN), 2):
        if np.array_equal(units[first], units[second]):
            raise stack.deviation(f"units {first} and {second} start equal")
    # Three examples that no unit sees alike.
    inputs = np.cos(np.outer(np.arange(1.0, 4.0), np.arange(weights.shape[1])))
    trainer = _trainer(subject)
    rate = data.draw(st.floats(0.05, 0.5), label="eta K") / _largest(units, inputs)
    path = _trained(trainer, {"learning_rate": rate}, units, inputs)
    alike = np.tile(units[0], (DRAWN, 1))
    ends = _trained(trainer, {"learning_rate": rate}, alike, inputs)[-1]
    if not _all_equal(ends):
        raise stack.deviation(f"equal units end as {ends.tolist()}")
    return _require_distances(trainer or subject, path, inputs, rate)


def _trainer(subject: Subject) -> Subject | None:
    """Gradient descent of the same library, if it has any."""
    for rule in implementations(subject.backend)["update-rule"]:
        claim = rule.claim
        if (claim.method, claim.dialect) == ("gradient-descent", "plain"):
            record = METHODS[claim.method]
            return replace(subject, rule=rule, capability="update-rule", record=record)
    return None
