"""Which formula an implementation follows, whatever it claims.

All candidates are run in floating point on a pool of inputs, which is cheap, to find the one that
tells most of those apart that are left. The implementation is run on that one alone, and each
candidate judged by its exact value within its own rounding budget, until nothing is left or
nothing tells the rest apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optcheck.backends import FunctionBackend
from optcheck.backends.function_rules import FunctionUpdateRule
from optcheck.backends.interface import Backend, Case, Claim, Floats, UpdateRule
from optcheck.properties import Subject
from optcheck.properties.trace import Tracer
from optcheck.reference import METHODS, SCHEDULES, DomainError, Method
from optcheck.reference.oracle import Quantity, UpdateOracle
from optcheck.reference.registry import MODIFIERS, Dialect, float_namespace
from optcheck.suites.candidates import Candidate, candidates
from optcheck.suites.inputs import STEPS, Input, inputs, settings

# Refuted forms that are shown to people.
SHOWN = 12
# Values of one coordinate are told apart in floating point where they differ by more than this.
_APART = 1e-9


@dataclass(frozen=True, eq=False)
class Trial:
    """An input with hyper-parameters, as the implementation takes it, and all that it holds."""

    case: Case
    input: Input


@dataclass(frozen=True)
class Refutation:
    """A candidate that an input refutes: where, and by how many times what rounding allows."""

    candidate: Candidate
    case: Case
    step: int
    coordinate: int
    expected: float
    computed: float
    factor: float

    def __str__(self) -> str:
        return (
            f"{self.candidate}: step {self.step}, coordinate {self.coordinate}, expected "
            f"{self.expected:.9g}, computed {self.computed:.9g}, {self.factor:.3g} times what "
            "rounding allows"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "candidate": str(self.candidate),
            "factor": self.factor,
            "step": self.step,
            "coordinate": self.coordinate,
            "expected": self.expected,
            "computed": self.computed,
            "hyperparameters": dict(self.case.hyperparameters),
            "gradients": [array.tolist() for (array,) in self.case.gradients],
        }


@dataclass
class Identity:
    """What an implementation turned out to be.

    ``survivors`` agree with it on every input that was tried. Where there are several,
    ``same_map`` says that no input of the pool tells them apart.
    """

    claim: Claim
    backend: str
    dtype: str
    known: int
    survivors: list[Candidate]
    refuted: list[Refutation]
    evaluations: int
    assumed: Mapping[str, float] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether the claim is among the survivors; what claims nothing is to be known."""
        if not self.claim.method:
            return bool(self.survivors)
        return any(
            (each.method, each.dialect, each.reading)
            == (self.claim.method, self.claim.dialect, "")
            for each in self.survivors
        )

    @property
    def closest(self) -> Refutation | None:
        """Of the refuted candidates the one that is off by least; None where one survives."""
        if self.survivors or not self.refuted:
            return None
        return min(self.refuted, key=lambda each: (-each.step, each.factor))

    @property
    def name(self) -> str:
        """The implementation; a plain function has its own name alone."""
        return f"{self.backend} {self.claim.name}" if self.claim.method else self.claim.dialect

    def lines(self) -> Iterator[str]:
        """For people: what it is, and what it is not, with the input that says so."""
        yield f"{self.name} in {self.dtype}"
        if not self.survivors:
            yield f"is none of the {self.known} known forms"
        for each in self.survivors:
            yield f"is {each}: {each.form.summary}"
        if len(self.survivors) > 1:
            yield f"indistinguishable: {self.same_map}"
        if self.claim.method and not self.agrees:
            yield f"is not {self.claim.method}/{self.claim.dialect}, which it claims to be"
        if self.assumed:
            given = ", ".join(f"{name} = {value:g}" for name, value in self.assumed.items())
            yield f"taken for granted, since it lets nobody choose: {given}"
        inputs = (
            "one input refutes" if self.evaluations == 1 else f"{self.evaluations} inputs refute"
        )
        shown = f"; the nearest {SHOWN}, --json has all" if len(self.refuted) > SHOWN else ""
        yield f"{inputs} {len(self.refuted)} of {self.known} forms{shown}:"
        nearest = sorted(self.refuted, key=lambda each: (-each.step, each.factor))
        yield from (f"  {each}" for each in nearest[:SHOWN])

    @property
    def same_map(self) -> str:
        """Why several survive: what they share, or that no input was found."""
        if len({(each.method, each.reading) for each in self.survivors}) == 1 and all(
            each.method in SCHEDULES for each in self.survivors
        ):
            return "equal by law schedule-values: orders of operations of one function"
        shared = set.intersection(*({*each.form.equations} for each in self.survivors))
        joined = {name for record in MODIFIERS.values() for name in record.equations}
        equal = sorted(shared & joined)
        if equal:
            return f"equal by {', '.join(equal)}"
        return f"no input of {STEPS} steps that was tried tells them apart"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        closest = self.closest
        return {
            "backend": self.backend,
            "claimed": self.claim.name,
            "options": dict(self.claim.options),
            "dtype": self.dtype,
            "agrees": self.agrees,
            "candidates": self.known,
            "survivors": [str(each) for each in self.survivors],
            "indistinguishable": self.same_map if len(self.survivors) > 1 else None,
            "evaluations": self.evaluations,
            "assumed": dict(self.assumed),
            "closest": None if closest is None else closest.to_dict(),
            "refuted": [each.to_dict() for each in self.refuted],
        }


class UnidentifiableError(ValueError):
    """The implementation cannot be run on any input; the message is one line."""


def identify(
    backend: Backend,
    rule: UpdateRule,
    methods: Sequence[str] = (),
    record: Method | None = None,
) -> Identity:
    """Decide among all candidates of ``methods`` (of the claimed one if there are none).

    ``record`` has the hyper-parameters of an implementation that claims no method of ours.

    Raises
    ------
    UnidentifiableError
        The library refuses every setting.
    """
    claim = rule.claim
    known = record or METHODS[claim.method]
    dtype = "float64" if "float64" in claim.dtypes else claim.dtypes[0]
    subject = Subject(backend, rule, "update-rule", known, dtype, "cpu")
    exposed = set(known.domains(claim.dialect))
    left = candidates(tuple(methods or (claim.method,)), exposed)
    found = Identity(claim, backend.name, dtype, len(left), left, [], 0)
    untried = list(_trials(subject))
    if not untried:
        raise UnidentifiableError(f"{subject.name} refuses all hyper-parameters that were tried")
    chosen: Trial | None = untried[0]
    while left and chosen is not None:
        untried.remove(chosen)
        observed = _observed(subject, chosen.case)
        found.evaluations += 1
        judged = [_judge(each, subject, chosen, observed) for each in left]
        found.refuted += [each for each in judged if each is not None]
        left = [each for each, wrong in zip(left, judged, strict=True) if wrong is None]
        chosen = _most_telling(left, untried)
    found.survivors = list(_different(left, untried))
    found.assumed = _assumed(found.survivors or left, exposed)
    return found


def of_function(function: Callable[..., Any]) -> Identity:
    """Identify a plain function ``(parameter, gradient, state, *, hyper-parameters)``.

    Raises
    ------
    UnidentifiableError
        It takes no keywords, or one that no method has.
    """
    keywords = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    known = {
        name: domain
        for method in METHODS.values()
        for dialect in method.dialects
        for name, domain in method.domains(dialect).items()
    }
    unknown = [name for name in keywords if name not in known]
    if unknown or not keywords:
        what = f"takes {', '.join(unknown)}" if unknown else "takes no hyper-parameters by keyword"
        raise UnidentifiableError(
            f"{function.__name__} {what}; hyper-parameters are called {', '.join(sorted(known))}"
        )
    backend = FunctionBackend(function.__module__)
    domains = {name: known[name] for name in keywords}
    form = Dialect(lambda w, g, state, h: (w, dict(state)), (), "unknown")
    record = replace(
        METHODS["gradient-descent"], hyperparameters=domains, dialects={function.__name__: form}
    )
    rule = FunctionUpdateRule(function, Claim("", function.__name__))
    return identify(backend, rule, tuple(METHODS), record)


def _trials(subject: Subject) -> Iterator[Trial]:
    record, claim = subject.record, subject.claim
    signals = record.dialect(claim.dialect).signals
    changes = record.scheduled and claim.scheduled
    for seed, given in enumerate(inputs(subject.dtype)):
        h = settings(record, claim, seed)
        if h is not None:
            yield Trial(given.case(h, signals, scheduled=changes), given)


def _most_telling(left: Sequence[Candidate], untried: Sequence[Trial]) -> Trial | None:
    """The input on which most candidates differ; None where none tells any apart."""
    kinds = {
        index: len({_rounded(_path(each, given)) for each in left})
        for index, given in enumerate(untried)
        if len(left) > 1
    }
    best = max(kinds, key=lambda index: (kinds[index], -index), default=None)
    return None if best is None or kinds[best] < 2 else untried[best]


def _rounded(path: Floats) -> bytes:
    significand, exponent = np.frexp(path)
    return bytes(np.ldexp(np.round(significand * 2**28), exponent).data)


def _different(left: Sequence[Candidate], trials: Sequence[Trial]) -> Iterator[Candidate]:
    """All but the readings that change nothing, or make another dialect that has a name."""
    if len(left) < 2:
        yield from left
        return
    paths = {each: [_path(each, given) for given in trials] for each in left}
    named = [each for each in left if not each.reading]
    for each in left:
        if not each.reading or not any(_is_same(paths[each], paths[other]) for other in named):
            yield each


def _is_same(some: Sequence[Floats], others: Sequence[Floats]) -> bool:
    return not any(_apart(one, other) for one, other in zip(some, others, strict=True))


def _apart(one: Floats, other: Floats) -> bool:
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(one), np.abs(other))
        same = (np.abs(one - other) <= _APART * size) | (np.isnan(one) & np.isnan(other))
    return not bool(np.all(same))


def _observed(subject: Subject, case: Case) -> Floats:
    """The parameters after each step, and where the next gradient is to be taken."""
    tracer = Tracer(subject, case)
    rows = []
    for gradients in case.gradients:
        tracer.advance(gradients)
        rows.append(np.concatenate([tracer.parameter(), _point(tracer)]))
    return np.array(rows)


def _point(tracer: Tracer) -> Floats:
    # A schedule has no rate for the step after the last.
    if tracer.steps == tracer.case.steps:
        return tracer.parameter()
    return tracer.evaluation_point()


def _judge(
    candidate: Candidate, subject: Subject, given: Trial, observed: Floats
) -> Refutation | None:
    """The first step at which the candidate is not what was observed."""
    for step, quantities in enumerate(_quantities(candidate, subject, given)):
        computed = np.split(observed[step], 2)
        for quantity, values in zip(quantities, computed, strict=True):
            found = refuted_by(candidate, given.case, step + 1, quantity, values)
            if found is not None:
                return found
    return None


def refuted_by(
    candidate: Candidate, case: Case, step: int, quantity: Quantity, values: Floats
) -> Refutation | None:
    """The worst of ``values`` where rounding does not explain it."""
    ratios = _ratios(quantity, values)
    worst = int(np.argmax(ratios))
    if not ratios[worst] > 1.0:
        return None
    expected, computed = float(quantity.expected()[worst]), float(values[worst])
    return Refutation(candidate, case, step, worst, expected, computed, float(ratios[worst]))


def _ratios(quantity: Quantity, values: Floats) -> Floats:
    """As the quantity judges; a number where the candidate has 0/0 refutes it."""
    ratios = quantity.judge(values)
    undefined = np.array([not ball.is_finite() for ball in quantity.exact.balls])
    ratios[undefined & np.isfinite(values)] = np.inf
    return np.nan_to_num(ratios, nan=0.0, posinf=np.inf)


def _quantities(
    candidate: Candidate, subject: Subject, given: Trial
) -> Iterator[tuple[Quantity, Quantity]]:
    claim, case = subject.claim, given.case
    oracle = UpdateOracle(
        candidate.record,
        candidate.name,
        _settings(candidate, case.hyperparameters),
        subject.working,
        claim.evaluation,
    )
    position = oracle.start(case.parameters[0])
    for step, (gradient,) in enumerate(case.gradients):
        told = given.input.signals(candidate.form.signals, step)
        position = oracle.advance(position, gradient, case.rate(step), told)
        last = step + 1 == case.steps
        point = position.parameter
        if not last:
            point = oracle.evaluation_point(position, case.rate(step + 1))
        yield position.parameter, point


def _path(candidate: Candidate, given: Trial) -> Floats:
    """What :func:`_observed` would see of the candidate in floating point; NaN where undefined."""
    record, form, case = candidate.record, candidate.form, given.case
    h = _settings(candidate, case.hyperparameters)
    w: Any = case.parameters[0]
    state, rows = None, []
    with np.errstate(all="ignore"):
        for step, (gradient,) in enumerate(case.gradients):
            try:
                now = _at_rate(h, case.rate(step))
                told = given.input.signals(form.signals, step)
                w, state = record.step(candidate.name, w, gradient, state, told, **now)
                point = w
                if form.evaluation_point is not None and step + 1 < case.steps:
                    later = float_namespace(_at_rate(h, case.rate(step + 1)), step + 2, {})
                    point = form.evaluation_point(w, state, later)
            except (ZeroDivisionError, DomainError):
                w = point = np.full_like(case.parameters[0], np.nan)
            rows.append(np.concatenate([w, point]))
    return np.array(rows)


def _at_rate(h: dict[str, float], rate: float | None) -> dict[str, float]:
    return h if rate is None else {**h, "learning_rate": rate}


# What one method calls by another name: the weight of the old in an average of the same kind.
_ALSO = {"decay": "beta2", "beta2": "decay", "momentum": "beta1", "beta1": "momentum"}


def _settings(candidate: Candidate, given: Mapping[str, float]) -> dict[str, float]:
    """The hyper-parameters of the candidate: what is given, and else what is usual."""
    domains = METHODS[candidate.method].domains(candidate.dialect)
    return {
        name: given.get(name, given.get(_ALSO.get(name, name), domain.typical[0]))
        for name, domain in domains.items()
    }


def _assumed(left: Sequence[Candidate], exposed: set[str]) -> dict[str, float]:
    """What the implementation does not expose, and candidates need."""
    exposed = exposed | {_ALSO[name] for name in exposed if name in _ALSO}
    return {
        name: domain.typical[0]
        for each in left
        for name, domain in METHODS[each.method].domains(each.dialect).items()
        if name not in exposed
    }
