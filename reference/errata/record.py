"""Printed formulas that are wrong: as printed, as corrected, and the fact that decides.

Each erratum is three functions of one case. ``fact`` computes what is true without either formula:
by enumeration, by exact differences, by running the recursion, from the definition. ``printed``
and ``corrected`` say what the two forms claim of the case. The printed form is refuted by one case
of which it claims something else; the corrected one must hold of every case. Numbers are exact:
fractions, or balls of 200 bits where there are roots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Literal

from flint import arb

from optcheck.reference.balls import EXACT_BITS, Scalar, ball_arithmetic
from optcheck.reference.domains import Domain

Status = Literal[
    "confirmed", "qualification", "notation", "transcription-doubtful", "dialect", "history"
]
# A number, a truth value, a word, several of them; None, of all or of one of several, where
# nothing is claimed of the case.
Answer = Any
Claimed = Callable[[SimpleNamespace], Answer]

# What a formula says where it is not defined: a quotient by zero, the sum of a matrix and a row.
UNDEFINED = "undefined"
# Balls of exact answers are this narrow, or the case decides nothing.
NARROW = 2.0**-100


class ShapeError(ValueError):
    """A sum or a product of matrices that do not fit."""


@dataclass(frozen=True, eq=False)
class Erratum:
    """One misprint.

    ``printed`` and ``corrected`` are called with the variables of a case as exact numbers:
    integers where their domain has integers, fractions elsewhere. ``unchecked`` says why there
    is nothing to compute, for slips of notation and of history. ``doubt`` says why the slip may
    come from the transcription and not from the text.
    """

    id: str
    status: Status
    source: str
    as_printed: str
    as_corrected: str
    why: str
    equations: tuple[str, ...] = ()
    variables: Mapping[str, Domain] = field(default_factory=dict)
    fact: Claimed | None = None
    printed: Claimed | None = None
    corrected: Claimed | None = None
    unchecked: str | None = None
    doubt: str | None = None

    @property
    def checkable(self) -> bool:
        """Whether there is something to compute."""
        return self.fact is not None


ERRATA: dict[str, Erratum] = {}


def erratum(entry: Erratum) -> Erratum:
    """Register an erratum and return it.

    Raises
    ------
    ValueError
        The id is taken, or it neither computes anything nor says why it does not.
    """
    parts = (entry.fact, entry.printed, entry.corrected)
    if entry.id in ERRATA:
        raise ValueError(f"erratum {entry.id} is registered twice")
    if any(part is None for part in parts) != (entry.unchecked is not None):
        raise ValueError(f"erratum {entry.id} needs all three functions, or a reason for none")
    ERRATA[entry.id] = entry
    return entry


def answer(claimed: Claimed, case: Mapping[str, int | Fraction]) -> Answer:
    """What is claimed of ``case``; :data:`UNDEFINED` where a formula is not defined."""
    with ball_arithmetic():
        try:
            return _defined(claimed(SimpleNamespace(**case)))
        except (ZeroDivisionError, ShapeError):
            return UNDEFINED


def _defined(value: Answer) -> Answer:
    if isinstance(value, tuple):
        return tuple(_defined(each) for each in value)
    return UNDEFINED if isinstance(value, arb) and not value.is_finite() else value


def differs(one: Answer, other: Answer) -> bool:
    """Whether two answers cannot be the same; where one claims nothing, they can."""
    if one is None or other is None:
        return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) != len(other) or any(map(differs, one, other))
    balls = any(isinstance(each, arb) for each in (one, other))
    if balls and all(isinstance(each, (arb, int, Fraction)) for each in (one, other)):
        with ball_arithmetic():
            return not real(one).overlaps(real(other))
    return bool(one != other)


def decided(value: Answer) -> bool:
    """Whether an answer is known well enough to compare with it."""
    if isinstance(value, tuple):
        return all(decided(each) for each in value)
    if isinstance(value, arb):
        with ball_arithmetic():
            return bool(value.rad() <= NARROW * (1 + abs(value.mid())))
    return True


def real(value: int | Fraction | arb) -> arb:
    """An exact number as a ball; to be called inside :func:`ball_arithmetic`."""
    if isinstance(value, Fraction):
        return arb(value.numerator) / arb(value.denominator)
    return arb(value)


def scalar(value: int | Fraction | arb) -> Scalar:
    """An exact number as what the reference's functions take."""
    return Scalar(real(value), EXACT_BITS)


def whether(holds: Any, what: str) -> str:
    """``what``, or that it is not so; of balls, a comparison holds where it is proved."""
    return what if holds else f"not {what}"


def whole(low: int, high: int, *typical: int) -> Domain:
    """The integers from ``low`` to ``high``."""
    return Domain(low, high, typical, integer=True)
