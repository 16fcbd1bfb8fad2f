"""Which formula a clipping rule or a schedule follows, as :mod:`identify` asks it of update rules.

These are plain functions of few inputs, so all inputs are tried. The forms of a schedule are one
function in several orders of operations; what tells schedules apart is what they are told, and
from which step they count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optcheck.backends.interface import Backend, Case, Claim, EndsSchedule, Floats
from optcheck.properties import Subject
from optcheck.properties.trace import flat, under_test
from optcheck.reference import CLIPPINGS, SCHEDULES, Domain
from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.oracle import Quantity, clipped, namespaces
from optcheck.reference.registry import Dialect
from optcheck.suites.candidates import Candidate
from optcheck.suites.identify import Identity, Refutation, UnidentifiableError, refuted_by
from optcheck.suites.inputs import draw, inputs

STEPS = 12
TRIALS = 4
Given = Mapping[str, float]


@dataclass(frozen=True)
class Form:
    """A candidate, and its exact value with its budget on an input."""

    candidate: Candidate
    value: Callable[[Case], Quantity]


def identify_clipping(backend: Backend, rule: Any, *, any_method: bool = False) -> Identity:
    """Decide among the dialects of the claimed clipping, or of all."""
    subject = _subject(backend, rule, "clipping", CLIPPINGS)
    names = CLIPPINGS if any_method else (rule.claim.method,)
    forms = [
        Form(_candidate(name, dialect, record), _clipped(subject, record, dialect))
        for name in names
        for record in (CLIPPINGS[name],)
        for dialect in record.dialects
    ]
    cases = []
    for seed, given in enumerate(inputs(subject.dtype)):
        h = _settings(subject, seed)
        if h is not None:
            # About the threshold: one array is cut, another is left alone.
            arrays = tuple(np.split(h["threshold"] * given.gradients.ravel()[:12] / 2, 3))
            cases.append(Case(h, (), ((arrays[0],), (arrays[1],), (arrays[2],)), subject.dtype))

    def observed(case: Case) -> Floats:
        arrays = [backend.asarray(array, subject.dtype) for (array,) in case.gradients]
        with under_test(subject, lambda: {"hyperparameters": dict(case.hyperparameters)}):
            found = rule.clip(arrays, case.hyperparameters)
        return flat([backend.to_numpy(array) for array in found])

    return _decide(subject, forms, cases[:TRIALS], observed)


def identify_schedule(backend: Backend, rule: Any, *, any_method: bool = False) -> Identity:
    """Decide among the readings of the claimed schedule, or of all that take what it takes."""
    subject = _subject(backend, rule, "schedule", SCHEDULES)
    exposed = set(subject.record.hyperparameters)
    names = [
        name
        for name, record in SCHEDULES.items()
        if name == rule.claim.method or (any_method and set(record.hyperparameters) <= exposed)
    ]
    forms = [
        Form(replace(_candidate(name, dialect, SCHEDULES[name]), reading=reading), value)
        for name in names
        for dialect in SCHEDULES[name].dialects
        for reading, value in _readings(subject, name, dialect)
    ]
    cases = [Case(h, (), (), subject.dtype) for h in _each_setting(subject)]

    def observed(case: Case) -> Floats:
        h = case.hyperparameters
        horizon = rule.horizon(h) if isinstance(rule, EndsSchedule) else None
        steps = STEPS if horizon is None else min(STEPS, horizon)
        with under_test(subject, lambda: {"hyperparameters": dict(h)}):
            return np.array(list(rule.rates(h, steps)), dtype=np.float64)

    return _decide(subject, forms, cases[:TRIALS], observed)


def _subject(backend: Backend, rule: Any, capability: Any, records: Mapping[str, Any]) -> Subject:
    dtypes = rule.claim.dtypes
    dtype = "float64" if "float64" in dtypes else dtypes[0]
    return Subject(backend, rule, capability, records[rule.claim.method], dtype, "cpu")


def _candidate(name: str, dialect: str, record: Any) -> Candidate:
    form = Dialect(lambda w, g, state, h: (w, dict(state)), record.equations, record.title)
    return Candidate(name, dialect, form)


def _clipped(subject: Subject, record: Any, dialect: str) -> Callable[[Case], Quantity]:
    domains: Mapping[str, Domain] = record.domains(dialect)

    def value(case: Case) -> Quantity:
        given = case.hyperparameters
        h = {name: given.get(name, domain.typical[0]) for name, domain in domains.items()}
        arrays = [array for (array,) in case.gradients]
        return clipped(record, dialect, h, arrays, subject.working)

    return value


def _readings(
    subject: Subject, name: str, dialect: str
) -> Iterator[tuple[str, Callable[[Case], Quantity]]]:
    """As written, counted from 1, and with an end that is a share of the start."""
    record = SCHEDULES[name]

    def value(offset: int, change: Callable[[Given], Given]) -> Callable[[Case], Quantity]:
        def rates(case: Case) -> Quantity:
            h = change(case.hyperparameters)
            both = []
            for arithmetic, form in (
                (Arithmetic.exact(), "closed-form"),
                (subject.working, dialect),
            ):
                at = namespaces(arithmetic, h)
                found = record.rates(form, STEPS + offset, at)[offset:]
                both.append(Balls([each.ball for each in found], arithmetic))
            return Quantity(*both)

        return rates

    yield "", value(0, lambda h: h)
    yield "step counted from 1", value(1, lambda h: h)
    if {"initial_rate", "final_rate"} <= set(record.hyperparameters):
        yield (
            "final_rate for a share of initial_rate",
            value(0, lambda h: {**h, "final_rate": h["final_rate"] * h["initial_rate"]}),
        )


def _each_setting(subject: Subject) -> Iterator[dict[str, float]]:
    for seed in range(10 * TRIALS):
        h = _settings(subject, seed)
        if h is not None:
            yield h


def _settings(subject: Subject, seed: int) -> dict[str, float] | None:
    claim: Claim = subject.claim
    record = subject.record
    domains = getattr(record, "domains", lambda dialect: record.hyperparameters)(claim.dialect)
    random = np.random.default_rng(2000 + seed)
    h = {name: draw(name, domain, random) for name, domain in domains.items()}
    h |= dict(claim.fixed)
    constraint = getattr(record, "constraint", lambda h: None)
    return h if constraint(h) is None and claim.limits(h) is None else None


def _decide(
    subject: Subject,
    forms: Sequence[Form],
    cases: Sequence[Case],
    observed: Callable[[Case], Floats],
) -> Identity:
    """Try all inputs; what an input refutes is refuted by it.

    A reading that no input tells from a form as it is written changes nothing here.
    """
    if not cases:
        raise UnidentifiableError(f"{subject.name} refuses all hyper-parameters that were tried")
    left, refuted = list(forms), list[Refutation]()
    for case in cases:
        values = observed(case)
        judged = []
        for form in left:
            quantity = form.value(case)
            n = values.size
            part = Quantity(
                *(
                    Balls(each.balls[:n], each.arithmetic)
                    for each in (quantity.exact, quantity.working)
                )
            )
            judged.append(refuted_by(form.candidate, case, 1, part, values))
        refuted += [each for each in judged if each is not None]
        left = [form for form, wrong in zip(left, judged, strict=True) if wrong is None]
    survivors = [form.candidate for form in left]
    written = [each for each in survivors if not each.reading]
    return Identity(
        subject.claim,
        subject.backend.name,
        subject.dtype,
        len(forms),
        written or survivors,
        refuted,
        len(cases),
    )
