"""Drawing the arguments of a loss, evaluating it by a library, and judging what it says."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.strategies import representable
from optcheck.properties.trace import require, under_test
from optcheck.reference import FORMATS
from optcheck.reference.calculus.losses import LossForm, slope_of, value_of
from optcheck.reference.oracle import Bound, Quantity

Arguments = Mapping[str, Floats]

# One size for all, so that a library which compiles for each shape compiles once.
EXAMPLES = 8
WEIGHTS = 3

_REALS = (0.0, 1.0, 0.5, 2.0, 0.1, 3.7, 1e-3, 1e-6, 1e-12, 9.0, 15.0, 17.5, 25.0, 40.0, 80.0)
_SIGNED = tuple(sign * size for size in _REALS for sign in (1.0, -1.0))
_PROBABILITIES = (0.5, 0.25, 0.9, 1 / 3, 1e-3, 1e-6, 1e-10, 0.999, 1 - 2.0**-20)
_SPREADS = (1.0, 0.5, 2.0, 0.1, 1e-3, 30.0, 1e3)
_LABELS = (0.0, 1.0, 0.5, 0.25, 0.9)
_SIGNS = (1.0, -1.0)
# Where something overflows, or is lost against 1: every one of them in every example.
_FAR = (90.0, -90.0, 104.0, -104.0, 750.0, -750.0, 1e30, -1e30)
_CERTAIN = (0.0, 1.0, 0.0, 1.0, 1e-20, 1e-20, 1e-35, 1e-35)
_CERTAIN_LABELS = (0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0)


def form_of(subject: Subject) -> LossForm:
    """The dialect that the subject claims."""
    form: LossForm = subject.record.dialects[subject.claim.dialect]
    return form


def is_reduced(subject: Subject) -> bool:
    """Whether the loss is one number for a batch."""
    return form_of(subject).reduction != "none"


def takes_probabilities(subject: Subject) -> bool:
    """Whether the loss is of probabilities."""
    return subject.claim.dialect.startswith("probabilities")


def _sizes(subject: Subject, argument: str) -> tuple[float, ...]:
    if argument in ("precision", "variance", "scale"):
        return _SPREADS
    if argument == "prediction" and takes_probabilities(subject):
        return _PROBABILITIES
    if argument == "target" and subject.record.id == "binary-cross-entropy":
        return _LABELS
    if argument == "target" and subject.record.id == "zero-one-loss":
        return _SIGNS
    return _SIGNED


@functools.cache
def _elements(sizes: tuple[float, ...], count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.sampled_from(sizes), min_size=count, max_size=count)


def draw_arguments(subject: Subject, data: st.DataObject, first: str = "") -> dict[str, Floats]:
    """Arguments over many magnitudes, representable in the dtype; ``first`` comes first."""
    names = form_of(subject).arguments
    order = [first, *(name for name in names if name != first)] if first else list(names)
    # Sizes alone are round numbers, on which too little rounds.
    rough = data.draw(st.booleans(), label="with noise")
    random = np.random.default_rng(data.draw(st.integers(0, 2**16), label="noise"))
    drawn = {}
    for name in order:
        sizes = _sizes(subject, name)
        shape = _shape(name)
        values = np.array(data.draw(_elements(sizes, int(np.prod(shape))), label=name))
        if rough and sizes not in (_LABELS, _SIGNS):
            values = values * (1.0 - random.random(len(values)) / 64)
        drawn[name] = representable(values.reshape(shape), FORMATS[subject.dtype])
    return drawn


def _shape(argument: str) -> tuple[int, ...]:
    return {"weights": (WEIGHTS,), "inputs": (EXAMPLES, WEIGHTS)}.get(argument, (EXAMPLES,))


def draw_ends(subject: Subject, data: st.DataObject) -> dict[str, Floats]:
    """The arguments of ``_FAR`` or ``_CERTAIN``, in any order."""
    order = data.draw(st.permutations(range(EXAMPLES)), label="order")
    names = form_of(subject).arguments
    if takes_probabilities(subject):
        columns: list[Sequence[float]] = [_CERTAIN, _CERTAIN_LABELS]
    else:
        columns = [_FAR, data.draw(_elements((0.0, 1.0), EXAMPLES), label="target")]
    rows = zip(names, columns, strict=False)
    return {
        name: representable(np.array(column)[order], FORMATS[subject.dtype])
        for name, column in rows
    }


def describe(arguments: Arguments) -> dict[str, Any]:
    """A counterexample."""
    return {name: values.tolist() for name, values in arguments.items()}


def value(subject: Subject, arguments: Arguments) -> Floats:
    """What the library says: one number of a reduced loss, or one for each example."""
    with under_test(subject, lambda: describe(arguments)):
        found: Floats = subject.rule.value(arguments, {}, dtype=subject.dtype)
    shape = () if is_reduced(subject) else next(iter(arguments.values())).shape
    return _shaped(subject, arguments, "a value", found, shape)


def gradient(subject: Subject, arguments: Arguments) -> Floats:
    """The library's derivative in the first of ``arguments``."""
    with under_test(subject, lambda: describe(arguments)):
        found: Floats = subject.rule.gradient(arguments, {}, dtype=subject.dtype)
    first = next(iter(arguments.values()))
    return _shaped(subject, arguments, "a gradient", found, first.shape)


def _shaped(
    subject: Subject, arguments: Arguments, what: str, found: Floats, shape: tuple[int, ...]
) -> Floats:
    if found.shape != shape:
        raise deviation(
            subject, arguments, f"returns {what} of shape {found.shape}, expected {shape}"
        )
    return found


def deviation(
    subject: Subject, arguments: Arguments, message: str, ratio: float = float("inf")
) -> Deviation:
    """A deviation with its arguments and a script."""
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample=describe(arguments),
        script=lambda: f'"""{title}"""\n\n{_script(subject, arguments)}',
    )


def _script(subject: Subject, arguments: Arguments) -> str:
    text: str = subject.rule.script(arguments, {}, dtype=subject.dtype)
    return text


def judge(
    subject: Subject,
    arguments: Arguments,
    quantity: Quantity | Bound,
    computed: Floats,
    what: str,
) -> float:
    """As :func:`require`, for something that a loss computed."""
    try:
        return require(
            quantity,
            np.ravel(computed),
            what=f"{subject.name}: {what}",
            counterexample=lambda: describe(arguments),
        )
    except Deviation as found:
        title = str(found)
        found.script = lambda: f'"""{title}"""\n\n{_script(subject, arguments)}'
        raise


def exact_value(subject: Subject, arguments: Arguments) -> Quantity:
    """The value by the equation."""
    return value_of(form_of(subject), arguments, subject.working)


def exact_gradient(subject: Subject, arguments: Arguments) -> Quantity:
    """The gradient by the equation."""
    return slope_of(form_of(subject), arguments, subject.working)


def examples_of(arguments: Arguments, indices: Sequence[int]) -> dict[str, Floats]:
    """A part of the batch; weights belong to all examples."""
    return {
        name: values if name == "weights" else values[list(indices)]
        for name, values in arguments.items()
    }
