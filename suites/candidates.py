"""What an update rule may be: every dialect of its method, read in every way that is met.

A *reading* is a way in which hyper-parameters or counts are taken otherwise than the equation has
them: a decay for its complement, epsilon for its square, a count from 0. A *misprint* is a form
that one of the texts prints and that is wrong. Each is a dialect made of a dialect, so that the
same oracle judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from optcheck.reference import METHODS, Method
from optcheck.reference.registry import Dialect

# What a candidate that is built of a dialect is called in the record that the oracle is given.
_OWN = "candidate"


@dataclass(frozen=True)
class Candidate:
    """A dialect of a method in one reading; ``reading`` is empty where it is read as written."""

    method: str
    dialect: str
    form: Dialect
    reading: str = ""

    def __str__(self) -> str:
        return f"{self.method}/{self.dialect}" + (f", {self.reading}" if self.reading else "")

    @property
    def record(self) -> Method:
        """The method with this form as its only dialect, called ``candidate``."""
        method = METHODS[self.method]
        return replace(
            method,
            hyperparameters=method.domains(self.dialect),
            extra={},
            dialects={_OWN: self.form},
        )

    @property
    def name(self) -> str:
        """What the form is called in :attr:`record`."""
        return _OWN


@dataclass(frozen=True)
class Reading:
    """One way to read a dialect otherwise; ``about`` says of which hyper-parameters or states."""

    name: str
    about: Callable[[Mapping[str, Any], Dialect, set[str]], bool]
    apply: Callable[[Dialect], Dialect]


def candidates(methods: tuple[str, ...], exposed: set[str]) -> list[Candidate]:
    """All that an implementation of one of ``methods`` with these hyper-parameters may be."""
    return [each for method in methods for each in _of_method(METHODS[method], exposed)]


def _of_method(method: Method, exposed: set[str]) -> Iterator[Candidate]:
    for dialect in method.dialects:
        for name in (dialect, *_joined(method, dialect, exposed)):
            form = method.dialect(name)
            plain = Candidate(method.id, name, form)
            yield plain
            for reading in () if name.endswith("+maximize") else READINGS:
                if reading.about(method.domains(name), form, exposed):
                    yield replace(plain, form=reading.apply(form), reading=reading.name)


def _joined(method: Method, dialect: str, exposed: set[str]) -> Iterator[str]:
    """The dialect with weight decay or a falling rate, where the implementation has them.

    Each ascends, too, as one does that has a wrong sign (printed so: B15, G01, G04).
    """
    form, domains = method.dialects[dialect], method.domains(dialect)
    if form.evaluation_point or form.signals:
        return
    names = [dialect]
    if "weight_decay" in exposed and "weight_decay" not in domains:
        names += [f"{dialect}+decoupled", f"{dialect}+coupled"]
    if "rate_decay" in exposed and "rate_decay" not in domains:
        names += [f"{name}+rate-decay" for name in names]
    yield from names[1:]
    yield from (f"{name}+maximize" for name in names)


def _has(name: str) -> Callable[[Mapping[str, Any], Dialect, set[str]], bool]:
    return lambda domains, form, exposed: name in domains and name in exposed


def _has_state(name: str) -> Callable[[Mapping[str, Any], Dialect, set[str]], bool]:
    return lambda domains, form, exposed: name in _states(form)


def _states(form: Dialect) -> set[str]:
    """The arrays that a form starts with; a form whose start needs its settings has none here."""
    try:
        return set(form.initial_state(np.zeros(1), SimpleNamespace()))
    except AttributeError:
        return set()


def _with(name: str, change: Callable[[Any], Any]) -> Callable[[Dialect], Dialect]:
    """The hyper-parameter ``name`` is changed before the form sees it."""

    def apply(form: Dialect) -> Dialect:
        def read(h: Any) -> Any:
            changed = copy(h)
            setattr(changed, name, change(getattr(h, name)))
            changed.at = lambda other: read(h.at(other))
            return changed

        return _told(form, read)

    return apply


def _count_from(offset: int) -> Callable[[Dialect], Dialect]:
    def apply(form: Dialect) -> Dialect:
        def read(h: Any) -> Any:
            shifted = h.at(h.count + offset)
            shifted.__dict__.update({name: getattr(h, name) for name in ("first", *form.signals)})
            shifted.learning_rate = h.learning_rate
            return shifted

        return replace(form, update=lambda w, g, state, h: form.update(w, g, state, read(h)))

    return apply


def _told(form: Dialect, read: Callable[[Any], Any]) -> Dialect:
    point = form.evaluation_point
    return replace(
        form,
        update=lambda w, g, state, h: form.update(w, g, state, read(h)),
        initial_state=lambda zeros, h: form.initial_state(zeros, read(h)),
        evaluation_point=point and (lambda w, state, h: point(w, state, read(h))),
    )


def _ascends(form: Dialect) -> Dialect:
    return replace(form, update=lambda w, g, state, h: form.update(w, -g, state, h))


def _late(form: Dialect) -> Dialect:
    """What each call computes is applied by the next one."""

    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        pending = state["pending"]
        kept = {name: value for name, value in state.items() if name != "pending"}
        new, after = form.update(w, g, kept, h)
        return w + pending, {**after, "pending": new - w}

    return replace(
        form,
        update=update,
        initial_state=lambda zeros, h: {**form.initial_state(zeros, h), "pending": zeros},
    )


def _starts_at_one(name: str) -> Callable[[Dialect], Dialect]:
    def apply(form: Dialect) -> Dialect:
        def start(zeros: Any, h: Any) -> dict[str, Any]:
            return {**form.initial_state(zeros, h), name: zeros + 1}

        return replace(form, initial_state=start)

    return apply


def _starts_at_first(name: str, power: int) -> Callable[[Dialect], Dialect]:
    """The state starts at the first gradient, or at its square, and not at 0."""

    def apply(form: Dialect) -> Dialect:
        def update(w: Any, g: Any, state: Any, h: Any) -> Any:
            start = {**state, name: g * g if power == 2 else g} if h.first else state
            return form.update(w, g, start, h)

        return replace(form, update=update)

    return apply


def _times_gradient(form: Dialect) -> Dialect:
    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        new, after = form.update(w, g, state, h)
        return w + (new - w) * g, after

    return replace(form, update=update)


def _interim_twice(form: Dialect) -> Dialect:
    """The point of evaluation overwrites the parameter, and the step is added to that."""
    point = form.evaluation_point
    assert point is not None

    def update(w: Any, g: Any, state: Any, h: Any) -> Any:
        new, after = form.update(w, g, state, h)
        return new + (point(w, state, h) - w), after

    return replace(form, update=update)


_DECAYS = ("beta1", "beta2", "decay", "momentum")
_MOMENTS = {"first_moment": 1, "second_moment": 2, "sum_of_squares": 2}

READINGS: tuple[Reading, ...] = (
    *(
        Reading(f"1 - {name} for {name}", _has(name), _with(name, lambda value: 1 - value))
        for name in _DECAYS
    ),
    Reading("epsilon^2 for epsilon", _has("epsilon"), _with("epsilon", lambda e: e * e)),
    Reading("no epsilon (as printed: G12)", _has("epsilon"), _with("epsilon", lambda e: 0 * e)),
    Reading(
        "2 weight_decay for weight_decay",
        _has("weight_decay"),
        _with("weight_decay", lambda decay: 2 * decay),
    ),
    Reading("step counted from 0", _has("beta2"), _count_from(-1)),
    Reading("step counted from 2", _has("beta2"), _count_from(1)),
    *(
        Reading(f"{name} from 1", _has_state(name), _starts_at_one(name))
        for name in _MOMENTS
        if name != "first_moment"
    ),
    *(
        Reading(
            f"{name} from the first {'gradient' if power == 1 else 'square'}",
            _has_state(name),
            _starts_at_first(name, power),
        )
        for name, power in _MOMENTS.items()
    ),
    Reading(
        "ascending (as printed: G05)",
        lambda domains, form, exposed: form.evaluation_point is not None or bool(form.signals),
        _ascends,
    ),
    Reading(
        "one call late",
        lambda domains, form, exposed: form.evaluation_point is None,
        _late,
    ),
    Reading("times the gradient (as printed: G14)", _has("beta1"), _times_gradient),
    Reading(
        "interim point added twice (as printed: G06)",
        lambda domains, form, exposed: form.evaluation_point is not None,
        _interim_twice,
    ),
)
