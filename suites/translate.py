"""The hyper-parameters that make one library's update rule another's.

Each form of a method is rewritten as a *canonical* one, where that is possible: an average is a
sum with another rate, decay that is not scaled by the rate is decay with another coefficient, a
stabiliser of 0 may stand anywhere. Two forms with one canonical form are the same update, and the
rewriting taken backwards gives the hyper-parameters. Of others it is said by how much they differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Backend, Claim, Floats, ShowsCall, UpdateRule
from optcheck.properties import Subject
from optcheck.properties.trace import end_of
from optcheck.properties.update_rules import final_position
from optcheck.reference import METHODS
from optcheck.suites.inputs import STEPS, inputs

Values = Mapping[str, float]
# Sizes of a constant gradient, and how long it stays, for the difference in the end.
SIZES = (1.0, 1e-3, 1e-6)
STEADY = 500
# Inputs on which both libraries are run.
TRIALS = 2


def _listed(values: Values) -> str:
    return ", ".join(f"{name} = {value:.9g}" for name, value in values.items())


class TranslationError(ValueError):
    """There is nothing to translate; the message is one line."""


@dataclass(frozen=True)
class Form:
    """A way to the canonical form ``name`` and back; a condition that fails raises ``Unlike``."""

    name: str
    to: Callable[[Values], Values] = dict
    back: Callable[[Values], Values] = dict


class Unlike(Exception):
    """These hyper-parameters have no such form; the message says which would."""


@dataclass(frozen=True)
class Translation:
    """What becomes of ``given`` in the target, and how well: ``worst`` is in units of rounding.

    ``exact`` says that both are one map. Where they are not, ``first`` and ``steady`` are the
    relative differences of the first update and of the last of many, by the size of the gradient.
    """

    source: str
    target: str
    given: Values
    found: Values
    exact: bool
    because: str
    worst: float
    first: Mapping[float, float]
    steady: Mapping[float, float]
    call: str = ""

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.source} with {_listed(self.given)}"
        yield f"{'is' if self.exact else 'is nearest to'} {self.target} with {_listed(self.found)}"
        if self.call:
            yield self.call
        if self.exact:
            yield f"the same update: {self.because}"
        else:
            yield f"no hyper-parameters make them the same update: {self.because}"
        for steps, off in ((1, self.first), (STEADY, self.steady)):
            for size, value in off.items():
                yield f"  update {steps} of a gradient of {size:g}: {value:.3g} off"
        yield (
            f"both were run for {STEPS} steps: they differ by {self.worst:.3g} of what rounding "
            "allows both"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **self.__dict__,
            "first": {str(size): value for size, value in self.first.items()},
            "steady": {str(size): value for size, value in self.steady.items()},
        }


def translate(
    source: Backend, target: Backend, method: str, given: Values, dialect: str = ""
) -> Translation:
    """The best rule of ``target`` for ``method`` of ``source`` with these hyper-parameters.

    What is not given has the default that the source documents.

    Raises
    ------
    TranslationError
        A library has nothing of the kind, or a hyper-parameter is unknown or missing.
    """
    rule = _chosen(source, method, given, dialect)
    values = _complete(rule.claim, given)
    offers = [
        offer
        for other in target.update_rules()  # type: ignore[attr-defined]
        if not other.claim.thorough_only and _is_kin(other.claim, rule.claim)
        for offer in _offers(rule.claim, values, other)
    ]
    if not offers:
        raise TranslationError(f"{target.name} has nothing like {method} that takes these values")
    # Libraries list the plain path first.
    exact = [offer for offer in offers if offer.exact]
    best = exact[0] if exact else _least_different(rule.claim, values, offers)
    claim = best.rule.claim
    first, steady = (
        {} if best.exact else _differences(rule.claim, values, claim, best.found, steps)
        for steps in (1, STEADY)
    )
    return Translation(
        source=f"{source.name} {rule.claim.name}",
        target=f"{target.name} {claim.name}",
        given=values,
        found=best.found,
        exact=best.exact,
        because=best.because,
        worst=_run_both((source, rule, values), (target, best.rule, best.found)),
        first=first,
        steady=steady,
        call=best.rule.call(best.found) if isinstance(best.rule, ShowsCall) else "",
    )


@dataclass(frozen=True)
class _Offer:
    """A rule of the target with hyper-parameters that it takes."""

    rule: UpdateRule
    found: Values
    because: str
    exact: bool


def _least_different(source: Claim, values: Values, offers: Sequence[_Offer]) -> _Offer:
    one_each = {(o.rule.claim.method, o.rule.claim.dialect): o for o in reversed(offers)}
    return min(
        reversed(one_each.values()),
        key=lambda o: sum(
            sum(_differences(source, values, o.rule.claim, o.found, steps).values())
            for steps in (1, 20)
        ),
    )


def _chosen(backend: Backend, method: str, given: Values, dialect: str) -> UpdateRule:
    """The plainest implementation of the method that takes all that is given."""
    rules: Sequence[UpdateRule] = backend.update_rules()  # type: ignore[attr-defined]
    named = [
        rule
        for rule in rules
        if rule.claim.method == method and dialect in ("", rule.claim.dialect)
    ]
    if not named:
        known = ", ".join(dict.fromkeys(rule.claim.method for rule in rules))
        wanted = f"{method}/{dialect}" if dialect else method
        raise TranslationError(f"{backend.name} has no {wanted}; it has {known}")
    fitting = [rule for rule in named if set(given) <= set(_domains(rule.claim))]
    if not fitting:
        takes = ", ".join(_domains(named[0].claim))
        unknown = ", ".join(sorted(set(given) - set(_domains(named[0].claim))))
        raise TranslationError(f"{backend.name}'s {method} has no {unknown}; it takes {takes}")
    return min(fitting, key=lambda rule: len(_domains(rule.claim)))


def _domains(claim: Claim) -> Mapping[str, Any]:
    return METHODS[claim.method].domains(claim.dialect)


def _complete(claim: Claim, given: Values) -> dict[str, float]:
    known = {**(claim.defaults or {}), **claim.fixed, **given}
    if told := METHODS[claim.method].dialect(claim.dialect).signals:
        raise TranslationError(f"{claim.name} is told more than gradients: {', '.join(told)}")
    missing = [name for name in _domains(claim) if name not in known]
    if missing:
        raise TranslationError(f"{claim.name} has no default for {', '.join(missing)}: give it")
    return {name: float(known[name]) for name in _domains(claim)}


# Methods that have forms in common.
_KIN = (
    {"gradient-descent", "momentum", "nesterov", "weight-decay", "maximize"},
    {"adam", "adamw"},
)


def _is_kin(one: Claim, other: Claim) -> bool:
    return one.method == other.method or any(
        {one.method, other.method} <= family for family in _KIN
    )


def _averaged(h: Values) -> Values:
    return {**h, "learning_rate": h["learning_rate"] * (1 - h["momentum"])}


def _summed(h: Values) -> Values:
    return {**h, "learning_rate": h["learning_rate"] / (1 - h["momentum"])}


def _only(
    name: str, value: float
) -> tuple[Callable[[Values], Values], Callable[[Values], Values]]:
    """A hyper-parameter that has to have this value, and is left out then."""

    def without(h: Values) -> Values:
        if h[name] != value:
            raise Unlike(f"{name} is {h[name]:g}; with {value:g} there would be the same update")
        return {key: each for key, each in h.items() if key != name}

    return without, lambda h: {**h, name: value}


def _unscaled(h: Values) -> Values:
    return {**h, "weight_decay": h["weight_decay"] * h["learning_rate"]}


def _scaled(h: Values) -> Values:
    return {**h, "weight_decay": h["weight_decay"] / h["learning_rate"]}


_without_momentum, _with_momentum_0 = _only("momentum", 0.0)
_without_dampening, _with_dampening_0 = _only("dampening", 0.0)
_without_epsilon, _with_epsilon_0 = _only("epsilon", 0.0)
_without_decay, _with_decay_0 = _only("weight_decay", 0.0)

_FORMS: Mapping[tuple[str, str], tuple[Form, ...]] = {
    ("gradient-descent", "plain"): (Form("momentum", _with_momentum_0, _without_momentum),),
    ("momentum", "learning-rate-inside"): (Form("momentum"),),
    ("momentum", "learning-rate-outside"): (Form("momentum"),),
    ("momentum", "averaged"): (Form("momentum", _averaged, _summed),),
    ("momentum", "dampened"): (Form("momentum", _without_dampening, _with_dampening_0),),
    ("nesterov", "look-ahead-averaged"): (Form("nesterov/look-ahead", _averaged, _summed),),
    ("nesterov", "shifted+learning-rate-inside"): (Form("nesterov/shifted"),),
    ("weight-decay", "coupled"): (
        Form("momentum+coupled"),
        Form("momentum", _without_decay, _with_decay_0),
    ),
    ("weight-decay", "decoupled"): (
        Form("momentum+decoupled"),
        Form("momentum", _without_decay, _with_decay_0),
    ),
    ("maximize", "plain"): (Form("momentum+maximize"),),
    ("maximize", "coupled"): (
        Form("momentum+coupled+maximize"),
        Form("momentum+maximize", _without_decay, _with_decay_0),
    ),
    ("adamw", "decoupled"): (
        Form("adam/epsilon-outside-root+decoupled"),
        Form("adam/epsilon-outside-root", _without_decay, _with_decay_0),
    ),
    ("adamw", "decoupled-unscaled"): (
        Form("adam/epsilon-outside-root+decoupled", _scaled, _unscaled),
        Form("adam/epsilon-outside-root", _without_decay, _with_decay_0),
    ),
}
# Dialects that are one where there is no stabiliser.
_STABILISED = {
    "adam": ("epsilon-outside-root", "epsilon-inside-root", "epsilon-hat"),
    "rmsprop": ("epsilon-outside-root", "epsilon-inside-root"),
    "adagrad": ("epsilon-outside-root", "epsilon-inside-root"),
}


def _forms(claim: Claim) -> Iterator[Form]:
    """All ways to a canonical form, the most general ones first."""
    method, dialect = claim.method, claim.dialect
    base, joined = dialect, ""
    while base not in METHODS[method].dialects:
        base, _, last = base.rpartition("+")
        joined = f"+{last}{joined}"
    if "+rate-decay" in joined:
        # Where the rate changes, it matters where it stands.
        yield Form(f"{method}/{base}{joined}")
        return
    for form in _FORMS.get((method, base), (Form(f"{method}/{base}"),)):
        yield Form(form.name + joined, form.to, form.back)
    for decay in ("+coupled", "+decoupled"):
        if decay in joined:
            name = f"{method}/{base}{joined.replace(decay, '')}"
            canonical = _FORMS.get((method, base), (Form(name),))[0]
            yield Form(canonical.name, _without_decay, _with_decay_0)
    if base in _STABILISED.get(method, ()):
        yield Form(f"{method} without epsilon{joined}", _without_epsilon, _with_epsilon_0)


def _offers(source: Claim, values: Values, rule: UpdateRule) -> Iterator[_Offer]:
    """The rule with its hyper-parameters, if it takes them and is told gradients alone."""
    claim = rule.claim
    if METHODS[claim.method].dialect(claim.dialect).signals:
        return
    try:
        found, because, exact = *_rewritten(source, values, claim), True
    except Unlike as reason:
        found, because, exact = _nearest(values, claim), str(reason), False
    legal = all(name in found and found[name] in each for name, each in _domains(claim).items())
    fixed = all(found.get(name) == value for name, value in claim.fixed.items())
    if legal and fixed and claim.limits(found) is None:
        yield _Offer(rule, found, because, exact)


def _rewritten(source: Claim, values: Values, target: Claim) -> tuple[Values, str]:
    """The target's hyper-parameters by way of a canonical form, and which one that was."""
    reasons = []
    for form in _forms(source):
        for other in _forms(target):
            if form.name == other.name:
                try:
                    return other.back(form.to(values)), f"both are {form.name}"
                except Unlike as reason:
                    reasons.append(str(reason))
    raise Unlike(reasons[0] if reasons else f"{source.dialect} is not {target.dialect}")


def _nearest(values: Values, target: Claim) -> Values:
    """The same hyper-parameters by name; what is missing has the target's default."""
    known = {**(target.defaults or {}), **target.fixed}
    return {
        name: values.get(name, known.get(name, domain.typical[0]))
        for name, domain in _domains(target).items()
    }


_Party = tuple[Backend, UpdateRule, Values]


def _run_both(one: _Party, other: _Party) -> float:
    """Run both libraries; the largest difference of parameters, by what rounding allows both."""
    common = set(one[1].claim.dtypes) & set(other[1].claim.dtypes)
    dtype = "float64" if "float64" in common else "float32"
    worst = 0.0
    for given in itertools.islice(inputs(dtype), TRIALS):
        ends, allowed = [], np.zeros(given.start.size)
        for backend, rule, h in (one, other):
            record = METHODS[rule.claim.method]
            subject = Subject(backend, rule, "update-rule", record, dtype, "cpu")
            case = given.case(h)
            ends.append(end_of(subject, case).parameter)
            allowed = allowed + final_position(subject, case).parameter.allowed()
        with np.errstate(all="ignore"):
            ratios = np.abs(ends[0] - ends[1]) / allowed
        worst = max(worst, float(np.nanmax(ratios, initial=0.0)))
    return worst


def _differences(
    source: Claim, values: Values, target: Claim, found: Values, steps: int
) -> dict[float, float]:
    """How the update number ``steps`` of a constant gradient differs, relative to the source's."""
    sizes = np.array(SIZES)
    one, other = (
        _last_update(claim, h, sizes, steps) for claim, h in ((source, values), (target, found))
    )
    with np.errstate(all="ignore"):
        off = np.where(one == other, 0.0, np.abs(other - one) / np.abs(one))
    return dict(zip(SIZES, off.tolist(), strict=True))


def _last_update(claim: Claim, h: Values, gradient: Floats, steps: int) -> Floats:
    """From 0, so that nothing is lost in the parameter; decay then has nothing to shrink."""
    method, state = METHODS[claim.method], None
    start = moved = np.zeros_like(gradient)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            found, state = method.step(claim.dialect, start, gradient, state, None, **h)
            moved = np.asarray(found, dtype=np.float64)
    return moved
