"""Units of work: one law, one implementation, one dtype; each independent of all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from optcheck.backends.interface import (
    Backend,
    Claim,
    HasClipping,
    HasCurricula,
    HasDerivatives,
    HasDistribution,
    HasFactorizations,
    HasInitializers,
    HasInterpolations,
    HasLineSearches,
    HasLoaders,
    HasLosses,
    HasMetricSchedules,
    HasMinimizers,
    HasNormalizers,
    HasPretraining,
    HasRecurrences,
    HasSchedules,
    HasUpdateRules,
)
from optcheck.properties.law import LAWS, Capability, Law, Subject
from optcheck.reference import (
    CLIPPINGS,
    FORMATS,
    METHODS,
    SCHEDULES,
    DomainError,
    Method,
    procedures,
)
from optcheck.reference.procedures import Capability as Procedures


@dataclass(frozen=True)
class Unit:
    """A law asked of one subject, or the reason why it is not asked."""

    law: Law
    backend: str
    method: str
    dialect: str
    family: str
    options: Mapping[str, Any]
    dtype: str
    device: str
    equations: tuple[str, ...]
    subject: Subject | None
    unsupported: str | None = None

    @property
    def key(self) -> str:
        """Stable and unique: law, backend, method, dialect, options, dtype, device."""
        options = ",".join(f"{name}={self.options[name]}" for name in sorted(self.options))
        parts = (self.law.id, self.backend, self.method, self.dialect, options, self.dtype)
        return "/".join((*parts, self.device))

    def seed(self, base: int) -> int:
        """The unit's own seed: it depends on nothing but the base seed and the key."""
        digest = hashlib.blake2b(f"{base}:{self.key}".encode(), digest_size=8)
        return int.from_bytes(digest.digest(), "big")

    def matches(self, expression: str) -> bool:
        """Whether a selection such as ``method:adam dtype:float32`` or ``exact-step`` holds.

        Every word must hold. ``field:value`` compares one field; a bare word is looked for in
        the key.
        """
        return all(self._holds(word) for word in expression.split())

    def _holds(self, word: str) -> bool:
        name, separator, value = word.partition(":")
        fields = {
            "law": self.law.id,
            "backend": self.backend,
            "method": self.method,
            "dialect": self.dialect,
            "family": self.family,
            "dtype": self.dtype,
        }
        if separator and name in fields:
            return fields[name] == value
        return word in self.key


def units(backends: Iterable[Backend], device: str = "cpu") -> list[Unit]:
    """Every law for every implementation of ``backends``, and what they do not have."""
    return [unit for backend in backends for unit in _of_backend(backend, device)]


def implementations(backend: Backend) -> dict[Capability, Sequence[Any]]:
    """What a backend declares, by capability; a capability that it lacks is empty."""
    return {
        capability: getattr(backend, method)() if isinstance(backend, protocol) else ()
        for capability, (protocol, method) in _CAPABILITIES.items()
    }


# What a backend must have to be asked, and what it is asked for.
_CAPABILITIES: dict[Capability, tuple[type, str]] = {
    "update-rule": (HasUpdateRules, "update_rules"),
    "schedule": (HasSchedules, "schedules"),
    "clipping": (HasClipping, "clippings"),
    "minimizer": (HasMinimizers, "minimizers"),
    "line-search": (HasLineSearches, "line_searches"),
    "interpolation": (HasInterpolations, "interpolations"),
    "curriculum": (HasCurricula, "curricula"),
    "pretraining": (HasPretraining, "pretrainings"),
    "derivative": (HasDerivatives, "derivatives"),
    "loss": (HasLosses, "losses"),
    "factorization": (HasFactorizations, "factorizations"),
    "loader": (HasLoaders, "loaders"),
    "initializer": (HasInitializers, "initializers"),
    "normalizer": (HasNormalizers, "normalizers"),
    "recurrence": (HasRecurrences, "recurrences"),
    "metric-schedule": (HasMetricSchedules, "metric_schedules"),
    "distribution": (HasDistribution, "distributions"),
}

_RECORDS: dict[Capability, Mapping[str, Any]] = {
    "update-rule": METHODS,
    "schedule": SCHEDULES,
    "clipping": CLIPPINGS,
    **{capability: procedures(capability) for capability in get_args(Procedures)},
}


class ClaimError(ValueError):
    """A backend claims a method, dialect or dtype that the catalogue does not have."""


def _of_backend(backend: Backend, device: str) -> Iterator[Unit]:
    try:
        declared = implementations(backend)
    except Exception as error:
        raise ClaimError(
            f"{backend.name} cannot say what it implements: {type(error).__name__}: {error}"
        ) from error
    for capability, rules in declared.items():
        records = _RECORDS[capability]
        laws = [law for law in LAWS.values() if law.capability == capability]
        claimed = {_known(backend, rule.claim, records) for rule in rules}
        _refuse_twins(backend, [rule.claim.name for rule in rules])
        seen: set[tuple[str, str]] = set()
        for rule in rules:
            claim = rule.claim
            plain = (claim.method, claim.dialect) not in seen
            seen.add((claim.method, claim.dialect))
            for law in laws:
                yield from _of_rule(backend, rule, capability, law, device, plain=plain)
        for method in records:
            if method not in claimed and laws:
                yield _missing(backend, laws[0], records[method], device)


def _refuse_twins(backend: Backend, names: Sequence[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ClaimError(
            f"{backend.name} claims {', '.join(twins)} twice; options tell them apart"
        )


def _known(backend: Backend, claim: Claim, records: Mapping[str, Any]) -> str:
    if claim.method not in records:
        raise ClaimError(
            f"{backend.name} claims the method {claim.method!r}; known: {', '.join(records)}"
        )
    record = records[claim.method]
    try:
        known = isinstance(record, Method) and bool(record.dialect(claim.dialect))
    except DomainError as error:
        raise ClaimError(f"{backend.name} claims {claim.name}: {error}") from error
    if not known and claim.dialect not in record.dialects:
        raise ClaimError(
            f"{backend.name} claims {claim.method}/{claim.dialect}; "
            f"dialects of {claim.method}: {', '.join(record.dialects)}"
        )
    unknown = [dtype for dtype in claim.dtypes if dtype not in FORMATS]
    if unknown:
        raise ClaimError(
            f"{backend.name} claims {claim.name} in {', '.join(unknown)}; "
            f"dtypes: {', '.join(FORMATS)}"
        )
    return claim.method


def _of_rule(
    backend: Backend, rule: Any, capability: Capability, law: Law, device: str, *, plain: bool
) -> Iterator[Unit]:
    claim: Claim = rule.claim
    record = _RECORDS[capability][claim.method]
    if not (plain or law.every_path):
        return
    asked = [dtype for dtype in law.dtypes if dtype in claim.dtypes]
    for dtype in asked[:1] if law.one_dtype else asked:
        subject = Subject(backend, rule, capability, record, dtype, device)
        if not (subject.plain_dialect or law.with_modifiers) or not law.about(subject):
            continue
        reason = law.excused(subject)
        yield Unit(
            law=law,
            backend=backend.name,
            method=claim.method,
            dialect=claim.dialect,
            family=record.family,
            options=claim.options,
            dtype=dtype,
            device=device,
            equations=_equations(record, claim.dialect, law),
            subject=None if reason else subject,
            unsupported=reason,
        )


def _equations(record: Any, dialect: str, law: Law) -> tuple[str, ...]:
    if isinstance(record, Method):
        form: Any = record.dialect(dialect)
    else:
        form = record.dialects[dialect] if isinstance(record.dialects, Mapping) else None
    own: tuple[str, ...] = getattr(form, "equations", None) or record.equations
    return tuple(dict.fromkeys((*own, *law.equations)))


def first_asked(unit: Unit) -> Unit:
    """What the implementation of ``unit`` is asked before all else: to keep its contract.

    Where that is not asked of it, the first law that is.
    """
    subject = unit.subject
    assert subject is not None
    laws = [law for law in LAWS.values() if law.capability == subject.capability]
    laws.sort(key=lambda law: law.id != "contract")
    for law in laws:
        for first in _of_rule(
            subject.backend, subject.rule, subject.capability, law, subject.device, plain=False
        ):
            if first.subject is not None:
                return first
    return unit


def _missing(backend: Backend, law: Law, record: Any, device: str) -> Unit:
    absent: Mapping[str, str] = getattr(backend, "absent", {})
    return Unit(
        law=law,
        backend=backend.name,
        method=record.id,
        dialect="",
        family=record.family,
        options={},
        dtype="",
        device=device,
        equations=law.equations,
        subject=None,
        unsupported=absent.get(record.id, f"{backend.name} has no {record.id}"),
    )
