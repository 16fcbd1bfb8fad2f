"""Domains of hyper-parameters: what is legal, where the ends are, what is usual.

A domain is data. It refuses illegal values with one clear line, and generators read its fields to
draw legal ones on purpose near the ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


class DomainError(ValueError):
    """An input outside the domain of an equation; the message names value, domain and source."""


@dataclass(frozen=True)
class Domain:
    """An interval of the reals or of the integers.

    ``typical`` are the values that people use; the first one is the simplest.
    """

    low: float
    high: float
    typical: tuple[float, ...]
    low_included: bool = True
    high_included: bool = True
    integer: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not math.isfinite(value) or (self.integer and value != int(value)):
            return False
        above = value >= self.low if self.low_included else value > self.low
        below = value <= self.high if self.high_included else value < self.high
        return above and below

    def __str__(self) -> str:
        left = "[" if self.low_included and math.isfinite(self.low) else "("
        right = "]" if self.high_included and math.isfinite(self.high) else ")"
        kind = "the integers in " if self.integer else ""
        return f"{kind}{left}{self.low:g}, {self.high:g}{right}"


def positive(*typical: float) -> Domain:
    """Above zero: learning rates, thresholds, scales."""
    return Domain(0.0, math.inf, typical, low_included=False, high_included=False)


def non_negative(*typical: float) -> Domain:
    """Zero or above: stabilisers, initial accumulators."""
    return Domain(0.0, math.inf, typical, high_included=False)


def unit_interval(*typical: float) -> Domain:
    """At least 0 and below 1: decay rates and momentum coefficients."""
    return Domain(0.0, 1.0, typical, high_included=False)


def open_unit_interval(*typical: float) -> Domain:
    """Above 0 and at most 1: decay factors of a schedule."""
    return Domain(0.0, 1.0, typical, low_included=False)


def open_interval(*typical: float) -> Domain:
    """Strictly between 0 and 1: factors that shrink a step."""
    return Domain(0.0, 1.0, typical, low_included=False, high_included=False)


def above(low: float, *typical: float) -> Domain:
    """Above ``low``: factors that let a step grow."""
    return Domain(low, math.inf, typical, low_included=False, high_included=False)


def at_least(low: float, *typical: float) -> Domain:
    """From ``low`` on: thresholds below which an equation is not defined."""
    return Domain(low, math.inf, typical, high_included=False)


def negative(*typical: float) -> Domain:
    """Below zero: exponents of a decaying power law."""
    return Domain(-math.inf, 0.0, typical, low_included=False, high_included=False)


def count(*typical: int) -> Domain:
    """The integers from 1: numbers of steps."""
    return Domain(1, math.inf, typical, high_included=False, integer=True)


def constant(value: float) -> Domain:
    """A number that an implementation fixes."""
    return Domain(value, value, (value,))


def check_hyperparameters(
    owner: str,
    source: str,
    domains: Mapping[str, Domain],
    values: Mapping[str, float],
) -> None:
    """Refuse unknown, missing and illegal hyper-parameters.

    Raises
    ------
    DomainError
        One line: ``name=value``, the domain and the source.
    """
    for name in values:
        if name not in domains:
            known = ", ".join(domains)
            raise DomainError(
                f"{owner} has no hyper-parameter {name!r}; it has {known} ({source})"
            )
    for name, domain in domains.items():
        if name not in values:
            raise DomainError(f"{owner} needs {name} in {domain} ({source})")
        if values[name] not in domain:
            raise DomainError(f"{name}={values[name]!r} is outside {domain} ({owner}; {source})")
