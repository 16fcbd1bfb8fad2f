"""The dialects under test, and what is drawn for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import textbook_rules as textbook
from exact_numbers import EXACT
from hypothesis import strategies as st

from optcheck.reference import METHODS, Domain, Method
from optcheck.reference.balls import Balls
from optcheck.reference.oracle import Quantity

# Every dialect that a method lists, and those joined with a modifier that are tested with them.
PAIRS = [(record.id, dialect) for record in METHODS.values() for dialect in record.dialects]
JOINED = list(textbook.JOINED)


def usual(record: Method, dialect: str) -> dict[str, float]:
    """The simplest hyper-parameters."""
    return {name: domain.typical[0] for name, domain in record.domains(dialect).items()}


def in_order(h: dict[str, float]) -> dict[str, float]:
    """The initial step of Rprop must lie between its bounds: the three sizes are sorted."""
    if "step_size_min" not in h:
        return h
    sizes = ("step_size_min", "learning_rate", "step_size_max")
    return {**h, **dict(zip(sizes, sorted(h[name] for name in sizes), strict=True))}


def within(domain: Domain) -> st.SearchStrategy[float]:
    """Usual values, and others of the domain."""
    values = st.sampled_from(domain.typical)
    if domain.low == domain.high:
        return values
    if domain.integer:
        return values | st.integers(1, 20).map(float)
    low = max(domain.low, -3.0)
    high = min(domain.high, low + 6.0)
    return values | st.floats(low, high).filter(
        lambda x: x in domain and (x == 0 or abs(x) > 1e-6) and (domain.high != 1 or x < 0.9999)
    )


def draw(data: st.DataObject, domains: Mapping[str, Domain]) -> dict[str, float]:
    """Hyper-parameters that go together."""
    return in_order(
        {name: data.draw(within(domain), label=name) for name, domain in domains.items()}
    )


def typical(data: st.DataObject, domains: Mapping[str, Domain]) -> dict[str, float]:
    """Usual hyper-parameters that go together."""
    return in_order(
        {
            name: data.draw(st.sampled_from(domain.typical), label=name)
            for name, domain in domains.items()
        }
    )


def told(
    record: Method, dialect: str, random: np.random.Generator, shape: tuple[int, ...]
) -> dict[str, Any]:
    """What one update is told beside its gradient: a small whole loss, gradients of size 1."""
    return {
        name: float(random.integers(0, 3)) if name == "loss" else random.normal(size=shape)
        for name in record.dialect(dialect).signals
    }


def as_vector(quantity: Quantity) -> Quantity:
    """One number that a rule keeps beside its vectors, as a vector of one element."""
    if isinstance(quantity.exact, Balls):
        return quantity
    return Quantity(*(Balls([each.ball], EXACT) for each in (quantity.exact, quantity.working)))
