"""Laws of gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import (
    ONE,
    SEVERAL,
    Gradients,
    Layout,
    gradient_sequence,
    hyperparameters,
    representable,
    split,
)
from optcheck.properties.trace import flat, require, under_test
from optcheck.reference import FORMATS, Format
from optcheck.reference.oracle import Quantity, clipped

# As many arrays as a network has; libraries that work on all at once form the norm of norms.
MANY: Layout = ((2,), (3, 2), ()) * 20

# Some libraries know no largest magnitude of an array without elements; a law of its own asks.
FILLED: Layout = ((3,), (2, 2), ())

_ONE, _EIGHT = (Gradients(("constant",)).strategy(count) for count in (1, 8))


def _several(subject: Subject) -> Layout:
    largest = subject.record.measures.get(subject.claim.dialect) == "largest"
    return FILLED if largest and subject.record.joint else SEVERAL


def draw_settings(subject: Subject, data: st.DataObject) -> dict[str, float]:
    """Hyper-parameters of the rule."""
    domains = subject.record.domains(subject.claim.dialect)
    return data.draw(hyperparameters(domains, subject.claim), label="hyperparameters")


class _Input:
    """A drawn gradient, what the library makes of it, and the oracle's answer."""

    def __init__(self, subject: Subject, data: st.DataObject) -> None:
        form = FORMATS[subject.dtype]
        h = draw_settings(subject, data)
        several = st.tuples(st.just(_several(subject)), _EIGHT)
        layout, drawn = data.draw(st.tuples(st.just(ONE), _ONE) | several, label="gradient")
        # Magnitudes about the threshold, so that both branches are taken.
        rows = gradient_sequence(drawn, 1, h["threshold"], form)
        self._ask(subject, h, split(rows[0], layout))

    @classmethod
    def of(cls, subject: Subject, h: dict[str, float], gradients: tuple[Floats, ...]) -> _Input:
        """The same for gradients that are given."""
        given = cls.__new__(cls)
        given._ask(subject, h, gradients)
        return given

    def _ask(self, subject: Subject, h: dict[str, float], gradients: tuple[Floats, ...]) -> None:
        self.subject, self.h, self.gradients = subject, h, gradients
        dialect = subject.claim.dialect
        with np.errstate(all="ignore"):
            self.quantity: Quantity = clipped(
                subject.record, dialect, h, gradients, subject.working
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
    return _as_the_equation(_Input(subject, data))


def _as_the_equation(drawn: _Input) -> float:
    return require(
        drawn.quantity,
        drawn.computed,
        what=f"{drawn.subject.name}: clipped gradient",
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
    parts = _vectors(drawn, flat(drawn.gradients), drawn.computed, allowed)
    return max(_excess(drawn, *part) for part in parts)


def _excess(drawn: _Input, before: Floats, after: Floats, allowed: Floats) -> float:
    """How far one vector is above its bound, in units of what rounding explains."""
    subject = drawn.subject
    name = subject.record.measures.get(subject.claim.dialect, "norm")
    measure = _MEASURES[name]
    bound = min(drawn.h["threshold"], measure(before))
    # n roundings of at most one unit each are far below the allowance of a float32 element.
    room = measure(allowed) + bound * 2.0**-50
    reached = measure(after)
    if reached <= bound:
        return 0.0
    excess = (reached - bound) / room if room else float("inf")
    if not excess <= 1.0:
        raise Deviation(
            f"{subject.name}: the clipped {name} is {reached:.17g}, above {bound:.17g} by "
            f"{excess:.3g} times what rounding explains",
            ratio=excess,
            counterexample=drawn.describe(),
        )
    return excess


def _norm(vector: Floats) -> float:
    # hypot scales, so that neither huge nor tiny gradients overflow or vanish in the square.
    return float(np.hypot.reduce(vector)) if vector.size else 0.0


def _largest(vector: Floats) -> float:
    return float(np.max(np.abs(vector))) if vector.size else 0.0


_MEASURES: dict[str, Callable[[Floats], float]] = {
    "norm": _norm,
    "largest": _largest,
    "magnitudes": lambda vector: float(np.sum(np.abs(vector))),
    "root-mean-square": lambda vector: _norm(vector) / float(np.sqrt(max(vector.size, 1))),
}


def _vectors(drawn: _Input, *flattened: Floats) -> list[list[Floats]]:
    """Several flat vectors, cut into what is limited together."""
    ends = np.cumsum([gradient.size for gradient in drawn.gradients])[:-1]
    return [list(flattened)] if drawn.subject.record.joint else list(_parts(flattened, ends))


def _parts(vectors: Iterable[Floats], ends: Any) -> Iterator[list[Floats]]:
    return (list(each) for each in zip(*(np.split(v, ends) for v in vectors), strict=True))


def _scales(subject: Subject) -> bool:
    return bool(subject.record.id != "clip-by-value")


@law(
    id="clipping-keeps-the-direction",
    title="A clipped gradient has the direction of the gradient",
    statement=(
        "What is clipped together is multiplied by one number between 0 and 1: each element is to "
        "the largest one as it was before, within the rounding of both."
    ),
    oracle="identity",
    capability="clipping",
    equations=("gradient-clipping-by-norm",),
    about=_scales,
    every_path=False,
    dtypes=("float32", "float64"),
    share=0.2,
)
def clipping_keeps_the_direction(subject: Subject, data: st.DataObject) -> float:
    drawn = _Input(subject, data)
    allowed = drawn.quantity.allowed()
    if not np.all(np.isfinite(allowed)):
        return float("nan")
    parts = _vectors(drawn, flat(drawn.gradients), drawn.computed, allowed)
    return max(_turned(drawn, *part) for part in parts)


def _turned(drawn: _Input, before: Floats, after: Floats, allowed: Floats) -> float:
    """How far one vector has left its direction, in units of what rounding explains."""
    top = int(np.argmax(np.abs(before))) if before.size else 0
    if not before.size or before[top] == 0.0:
        return 0.0
    shares = before / before[top]
    off = np.abs(after - shares * after[top])
    room = allowed + np.abs(shares) * allowed[top] + 2.0**-50 * np.abs(shares * after[top])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(off > 0.0, off / room, 0.0)
    worst = int(np.argmax(ratios))
    # One sign, and no longer than before.
    inside = 0.0 <= after[top] / before[top] <= 1.0 + allowed[top] / abs(before[top])
    if not (ratios[worst] <= 1.0 and inside):
        raise Deviation(
            f"{drawn.subject.name}: element {worst} is {after[worst]:.17g} where the largest one "
            f"is {after[top]:.17g}; they were {before[worst]:.17g} and {before[top]:.17g}",
            ratio=float(ratios[worst]),
            counterexample=drawn.describe(),
        )
    return float(ratios[worst])


def _is_not_compiled(subject: Subject) -> bool:
    # Each case would be compiled by itself; that the compiled rule is the equation is asked above.
    return subject.claim.compilation != "programs"


@law(
    id="clipping-leaves-what-is-short",
    title="A gradient below the threshold is not touched",
    statement=(
        "A gradient whose norm, with the stabiliser, is at most half of the threshold comes back "
        "bit for bit, and so does a gradient of zeros: nothing is divided by a norm of 0."
    ),
    oracle="identity",
    capability="clipping",
    about=_is_not_compiled,
    dtypes=("float32", "float64"),
    share=0.1,
)
def clipping_leaves_what_is_short(subject: Subject, data: st.DataObject) -> float:
    h = draw_settings(subject, data)
    values = data.draw(
        st.sampled_from((_SHORT, np.zeros(8), -np.zeros(8), np.eye(8)[3])), label="gradient"
    )
    # Its 1-norm is at most 4, and so is every other measure of it.
    size = 2.0 ** np.floor(np.log2(h["threshold"])) / 16.0
    drawn = _Input.of(
        subject, h, split(representable(size * values, _form(subject)), _several(subject))
    )
    before = flat(drawn.gradients)
    # A subnormal may be flushed.
    same = (drawn.computed == before) | (np.abs(before) < _form(subject).smallest_normal)
    if not np.all(same):
        raise Deviation(
            f"{subject.name}: a gradient of norm {_norm(before):.6g} comes back as "
            f"{drawn.computed.tolist()}, and the threshold is {h['threshold']:.6g}",
            counterexample=drawn.describe(),
        )
    return 0.0


_SHORT = np.array([1.0, -0.5, 0.25, 0.75, -0.25, 0.125, 0.5, -0.625])


def _form(subject: Subject) -> Format:
    return FORMATS[subject.dtype]


@law(
    id="clipping-many-arrays",
    title="Many arrays are clipped as few are",
    statement=(
        f"{len(MANY)} arrays, which libraries work on at once and whose norm they form from the "
        "norms of each, come back as the equation says, within the budget of one sum over all."
    ),
    oracle="exact",
    capability="clipping",
    about=_is_not_compiled,
    one_dtype=True,
    share=0.05,
)
def clipping_many_arrays(subject: Subject, data: st.DataObject) -> float:
    h = draw_settings(subject, data)
    seed = data.draw(st.integers(0, 2**16), label="seed of the gradients")
    count = sum(int(np.prod(shape)) for shape in MANY)
    size = h["threshold"] * data.draw(st.sampled_from((1.0, 1e-3, 1e3)), label="size")
    values = size * np.random.default_rng(seed).normal(size=count)
    drawn = _Input.of(subject, h, split(representable(values, _form(subject)), MANY))
    return _as_the_equation(drawn)


@law(
    id="clipping-does-not-hide-infinity",
    title="An infinite gradient is refused, or stays visible",
    statement=(
        "With an infinite element the clipped gradient is not finite, or the library refuses it; "
        "where values are clipped it is the threshold."
    ),
    oracle="identity",
    capability="clipping",
    about=_is_not_compiled,
    one_dtype=True,
    share=0.05,
)
def clipping_does_not_hide_infinity(subject: Subject, data: st.DataObject) -> float:
    h = draw_settings(subject, data)
    values = _SHORT.copy()
    place, sign = data.draw(st.tuples(st.integers(0, 7), st.sampled_from((1.0, -1.0))))
    values[place] = sign * np.inf
    drawn = _Input.of(subject, h, split(values, _several(subject)))
    found = drawn.computed[place]
    threshold = float(representable(np.array([h["threshold"]]), _form(subject))[0])
    visible = not np.isfinite(found) if _scales(subject) else found == sign * threshold
    if not visible:
        raise Deviation(
            f"{subject.name}: an infinite element comes back as {found:.6g}",
            counterexample=drawn.describe(),
        )
    return 0.0


@law(
    id="clipping-takes-empty-arrays",
    title="An array without elements does not matter to the clipping of the others",
    statement=(
        "With an empty array among them gradients are clipped as the equation says, within the "
        "budget: it has the norm 0."
    ),
    oracle="exact",
    capability="clipping",
    about=_is_not_compiled,
    one_dtype=True,
    share=0.05,
)
def clipping_takes_empty_arrays(subject: Subject, data: st.DataObject) -> float:
    h = draw_settings(subject, data)
    values = representable(16.0 * h["threshold"] * _SHORT, _form(subject))
    return _as_the_equation(_Input.of(subject, h, split(values, SEVERAL)))
