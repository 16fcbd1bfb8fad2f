"""Laws of gradient clipping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import (
    ONE,
    SEVERAL,
    Gradients,
    gradient_sequence,
    hyperparameters,
    split,
)
from optcheck.properties.trace import flat, require, under_test
from optcheck.reference import FORMATS
from optcheck.reference.oracle import Quantity, clipped

_GRADIENTS = st.tuples(st.just(ONE), Gradients(("constant",)).strategy(1)) | st.tuples(
    st.just(SEVERAL), Gradients(("constant",)).strategy(8)
)


class _Input:
    """A drawn gradient, what the library makes of it, and the oracle's answer."""

    def __init__(self, subject: Subject, data: st.DataObject) -> None:
        self.subject = subject
        form = FORMATS[subject.dtype]
        domains = subject.record.domains(subject.claim.dialect)
        self.h = data.draw(hyperparameters(domains, subject.claim), label="hyperparameters")
        layout, drawn = data.draw(_GRADIENTS, label="gradient")
        # Magnitudes about the threshold, so that both branches are taken.
        rows = gradient_sequence(drawn, 1, self.h["threshold"], form)
        self.gradients = split(rows[0], layout)
        self.quantity: Quantity = clipped(
            subject.record, subject.claim.dialect, self.h, self.gradients, subject.working
        )
        self.computed = self._clip()

    def _clip(self) -> Floats:
        backend, dtype = self.subject.backend, self.subject.dtype
        native = [backend.asarray(gradient, dtype) for gradient in self.gradients]
        with under_test(self.subject, self.describe):
            answer = list(self.subject.rule.clip(native, self.h))
            arrays = [backend.to_numpy(array) for array in answer]
            dtypes = [backend.dtype(array) for array in answer]
        forms = [(array.shape, name) for array, name in zip(arrays, dtypes, strict=True)]
        if forms != [(gradient.shape, dtype) for gradient in self.gradients]:
            raise Deviation(
                f"{self.subject.name} returns gradients of shapes and dtypes {forms}",
                counterexample=self.describe(),
            )
        return flat(arrays)

    def describe(self) -> dict[str, Any]:
        return {
            "hyperparameters": dict(self.h),
            "dtype": self.subject.dtype,
            "gradients": [gradient.tolist() for gradient in self.gradients],
        }

    def script(self) -> str:
        body: str = self.subject.rule.script(self.gradients, self.h, self.subject.dtype)
        return body


@law(
    id="clip-values",
    title="The clipped gradient is the equation",
    statement=(
        "Above the threshold the gradient is scaled to it, below it is left alone, within the "
        "rounding budget of one norm and one scaling."
    ),
    oracle="exact",
    capability="clipping",
)
def clip_values(subject: Subject, data: st.DataObject) -> float:
    drawn = _Input(subject, data)
    return require(
        drawn.quantity,
        drawn.computed,
        what=f"{subject.name}: clipped gradient",
        counterexample=drawn.describe,
        body=drawn.script,
    )


@law(
    id="clip-bounds-the-norm",
    title="What is limited does not exceed the threshold",
    statement=(
        "The norm after clipping (of each array, or of all together; the largest magnitude, where "
        "values are clipped) exceeds neither the threshold nor what it was before, by more than "
        "the rounding that each element may suffer (triangle inequality)."
    ),
    oracle="identity",
    capability="clipping",
)
def clip_bounds_the_norm(subject: Subject, data: st.DataObject) -> float:
    drawn = _Input(subject, data)
    allowed = drawn.quantity.allowed()
    if not np.all(np.isfinite(allowed)):
        return float("nan")
    vectors = [flat(drawn.gradients), drawn.computed, allowed]
    ends = np.cumsum([gradient.size for gradient in drawn.gradients])[:-1]
    parts = [vectors] if subject.record.joint else list(_parts(vectors, ends))
    return max(_excess(drawn, *part) for part in parts)


def _parts(vectors: list[Floats], ends: Any) -> Iterator[list[Floats]]:
    return (list(each) for each in zip(*(np.split(v, ends) for v in vectors), strict=True))


def _excess(drawn: _Input, before: Floats, after: Floats, allowed: Floats) -> float:
    """How far one vector is above its bound, in units of what rounding explains."""
    subject, threshold = drawn.subject, drawn.h["threshold"]
    if subject.claim.dialect == "root-mean-square":
        threshold *= float(np.sqrt(before.size))
    measure = _norm if subject.record.measure == "norm" else _largest
    bound = min(threshold, measure(before))
    # n roundings of at most one unit each are far below the allowance of a float32 element.
    room = measure(allowed) + bound * 2.0**-50
    reached = measure(after)
    if reached <= bound:
        return 0.0
    excess = (reached - bound) / room if room else float("inf")
    if not excess <= 1.0:
        raise Deviation(
            f"{subject.name}: the clipped {subject.record.measure} is {reached:.17g}, above "
            f"{bound:.17g} by {excess:.3g} times what rounding explains",
            ratio=excess,
            counterexample=drawn.describe(),
        )
    return excess


def _norm(vector: Floats) -> float:
    # hypot scales, so that neither huge nor tiny gradients overflow or vanish in the square.
    return float(np.hypot.reduce(vector)) if vector.size else 0.0


def _largest(vector: Floats) -> float:
    return float(np.max(np.abs(vector))) if vector.size else 0.0
