"""Refuting what is printed, and asking what is corrected: each erratum by its own cases."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import hypothesis
from flint import arb
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from optcheck.properties.strategies import hyperparameter
from optcheck.reference.domains import Domain
from optcheck.reference.errata import ERRATA
from optcheck.reference.errata.record import Claimed, Erratum, answer, decided, differs

Case = Mapping[str, int | Fraction]

# Cases that a corrected form must hold of.
EXAMPLES = 100
# What is smaller is 0: the sign of 1e-291 is nobody's counterexample.
_SMALLEST = 1e-9


class NotRefutedError(AssertionError):
    """The printed form holds, or the corrected one does not; the message is one line."""


@dataclass(frozen=True)
class Refutation:
    """The simplest case that was found, and what the printed form, the other and the fact say."""

    erratum: Erratum
    case: Case
    printed: Any
    corrected: Any
    fact: Any

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {_text(value)}" for name, value in self.case.items())
        printed, fact = _text(self.printed), _text(self.fact)
        return f"{given}{': ' if given else ''}printed {printed}, in truth {fact}"


@functools.cache
def refute(entry: Erratum, examples: int = 10 * EXAMPLES) -> Refutation:
    """The simplest case in which the printed form is wrong; the same in every run.

    Raises
    ------
    NotRefutedError
        There is none among those that are looked at.
    """
    claims = _claims(entry)
    asked = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def wrong(case: Case) -> bool:
        fact, printed = answer(claims["fact"], case), answer(claims["printed"], case)
        return printed is not None and decided(fact) and differs(printed, fact)

    try:
        case = hypothesis.find(_cases(entry), wrong, settings=asked)
    except hypothesis.errors.NoSuchExample:
        raise NotRefutedError(f"{entry.id}: no case refutes what is printed") from None
    return Refutation(entry, case, *(answer(claims[name], case) for name in _ANSWERS))


def confirm(entry: Erratum, examples: int = EXAMPLES) -> int:
    """Ask the corrected form of so many cases; return of how many it claims something.

    Raises
    ------
    NotRefutedError
        It is wrong in one of them, or claims nothing of any.
    """
    claims, claimed = _claims(entry), 0

    @settings(
        max_examples=examples,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(_cases(entry))
    def ask(case: Case) -> None:
        nonlocal claimed
        corrected, fact = answer(claims["corrected"], case), answer(claims["fact"], case)
        if corrected is None or not decided(fact):
            return
        claimed += 1
        if differs(corrected, fact):
            found = Refutation(entry, case, None, corrected, fact)
            raise NotRefutedError(
                f"{entry.id}: the corrected form says {_text(corrected)}, and not "
                f"{_text(fact)}, of {found.case}"
            )

    ask()
    if not claimed:
        raise NotRefutedError(f"{entry.id}: the corrected form claims nothing")
    return claimed


_ANSWERS = ("printed", "corrected", "fact")


def _claims(entry: Erratum) -> dict[str, Claimed]:
    found = {name: getattr(entry, name) for name in _ANSWERS}
    if None in found.values():
        raise NotRefutedError(f"{entry.id} cannot be computed: {entry.unchecked}")
    return found


def _cases(entry: Erratum) -> st.SearchStrategy[Case]:
    return st.fixed_dictionaries(
        {name: _exact(domain) for name, domain in entry.variables.items()}
    )


def _exact(domain: Domain) -> st.SearchStrategy[int | Fraction]:
    """Numbers of a few digits, so that a counterexample can be read."""
    if domain.integer:
        return hyperparameter(domain).map(int)
    return (
        hyperparameter(domain)
        .map(lambda value: Fraction(f"{value if abs(value) > _SMALLEST else 0.0:.3g}"))
        .filter(lambda value: float(value) in domain)
    )


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_text(each) for each in value)})"
    if isinstance(value, arb):
        return f"{float(value.mid()):.6g}"
    if isinstance(value, Fraction):
        return str(value) if value.denominator < 1000 else f"{float(value):.6g}"
    return "nothing" if value is None else str(value)


def rows() -> list[dict[str, str]]:
    """All errata as plain data, each with its counterexample.

    Raises
    ------
    NotRefutedError
        One is not refuted, or its correction does not hold.
    """
    return [_row(ERRATA[name]) for name in sorted(ERRATA)]


def _row(entry: Erratum) -> dict[str, str]:
    found = ""
    if entry.checkable:
        found = str(refute(entry))
        confirm(entry)
    return {
        "id": entry.id,
        "status": entry.status,
        "source": entry.source,
        "equations": ", ".join(entry.equations),
        "as_printed": entry.as_printed,
        "as_corrected": entry.as_corrected,
        "why": entry.why + (f" ({entry.doubt})" if entry.doubt else ""),
        "counterexample": found,
        "unchecked": entry.unchecked or "",
        "shown": found or f"none: {entry.unchecked}",
    }
