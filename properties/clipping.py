"""Laws of gradient clipping."""

from __future__ import annotations

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
            subject.record, subject.claim.dialect, self.h, flat(self.gradients), subject.working
        )
        self.computed = self._clip()

    def _clip(self) -> Floats:
        backend, dtype = self.subject.backend, self.subject.dtype
        native = [backend.asarray(gradient, dtype) for gradient in self.gradients]
        with under_test(self.subject, self.describe()):
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
    title="The clipped norm does not exceed the threshold",
    statement=(
        "The norm after clipping exceeds neither the threshold nor the norm before, by more than "
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
    # hypot scales, so that neither huge nor tiny gradients overflow or vanish in the square; n
    # roundings of at most one unit each are far below the allowance of a float32 element.
    before, after = _norm(flat(drawn.gradients)), _norm(drawn.computed)
    bound = min(drawn.h["threshold"], before)
    room = _norm(allowed) + bound * 2.0**-50
    if after <= bound:
        return 0.0
    excess = (after - bound) / room if room else float("inf")
    if not excess <= 1.0:
        raise Deviation(
            f"{subject.name}: the clipped norm is {after:.17g}, above {bound:.17g} by "
            f"{excess:.3g} times what rounding explains",
            ratio=excess,
            counterexample=drawn.describe(),
        )
    return excess


def _norm(vector: Floats) -> float:
    return float(np.hypot.reduce(vector)) if vector.size else 0.0
