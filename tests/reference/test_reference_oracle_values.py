"""The oracle's exact values are those of the textbook formulas, evaluated independently."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import textbook_rules as textbook
from exact_numbers import EXACT, MP, contains, real, working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import CLIPPINGS, METHODS, SCHEDULES, Domain
from optcheck.reference.oracle import Position, UpdateOracle, clipped, schedule_rates

PAIRS = [(record.id, dialect) for record in METHODS.values() for dialect in record.dialects]
GRADIENTS = st.floats(-1e4, 1e4).map(lambda x: x if abs(x) > 1e-12 else 0.0)
STEPS = 5


def within(domain: Domain) -> st.SearchStrategy[float]:
    """Usual values, and others of the domain."""
    usual = st.sampled_from(domain.typical)
    if domain.low == domain.high:
        return usual
    if domain.integer:
        return usual | st.integers(1, 20).map(float)
    low, high = max(domain.low, -3.0), min(domain.high, 3.0)
    return usual | st.floats(low, high).filter(
        lambda x: x in domain and (x == 0 or abs(x) > 1e-6) and (domain.high != 1 or x < 0.9999)
    )


def draw(data: st.DataObject, domains: Mapping[str, Domain]) -> dict[str, float]:
    return {name: data.draw(within(domain), label=name) for name, domain in domains.items()}


def numbers(h: Mapping[str, float]) -> SimpleNamespace:
    return SimpleNamespace(**{name: real(value) for name, value in h.items()})


def check(position: Position, name: str, index: int, value: Any) -> None:
    """The exact ball covers ``value`` and is negligible beside what led to it."""
    quantity = position.vectors[name]
    assert contains(quantity.exact.balls[index], value)
    if quantity.exact.balls[index].is_finite():
        assert real(quantity.exact.balls[index].rad()) <= MP.mpf(2) ** -120
    assert contains(quantity.working.balls[index], value)


@pytest.mark.parametrize(("method", "dialect"), PAIRS)
@settings(max_examples=40)
@given(data=st.data())
def test_update_rules(method: str, dialect: str, data: st.DataObject) -> None:
    """Two coordinates, five updates, with constant and with changing learning rates."""
    record = METHODS[method]
    h = draw(data, record.domains(dialect))
    start = data.draw(st.tuples(GRADIENTS, GRADIENTS), label="start")
    gradients = data.draw(
        st.lists(st.tuples(GRADIENTS, GRADIENTS), min_size=1, max_size=STEPS), label="gradients"
    )
    rates = data.draw(
        st.none() | st.lists(st.floats(1e-3, 2), min_size=STEPS, max_size=STEPS), label="rates"
    )
    oracle = UpdateOracle(record, dialect, h, working("float64"))
    position = oracle.start(start)
    w = [real(value) for value in start]
    states: list[dict[str, Any]] = [{}, {}]
    for t, gradient in enumerate(gradients, 1):
        rate = None if rates is None else rates[t - 1]
        changed = h if rate is None else {**h, "learning_rate": rate}
        if (method, dialect) in textbook.POINTS:
            points = oracle.evaluation_point(position, rate)
            for i in range(2):
                point = textbook.POINTS[method, dialect](w[i], states[i], numbers(changed))
                assert contains(points.exact.balls[i], point)
                assert contains(points.working.balls[i], point)
        position = oracle.advance(position, gradient, rate)
        for i in range(2):
            try:
                w[i], states[i] = textbook.RULES[method, dialect](
                    w[i], real(gradient[i]), states[i], numbers(changed), t
                )
            except ZeroDivisionError:
                assert not position.parameter.exact.balls[i].is_finite()
                assert np.isnan(position.parameter.judge([0.0, 0.0])[i])
                return
            check(position, "parameter", i, w[i])
            for name, value in states[i].items():
                check(position, name, i, value)
        assert position.step == t
        assert set(position.vectors) == {"parameter", *states[0]}


def test_every_dialect_has_a_textbook_rule() -> None:
    assert set(PAIRS) == set(textbook.RULES)
    ahead = [pair for pair in PAIRS if METHODS[pair[0]].dialect(pair[1]).evaluation_point]
    assert set(ahead) == set(textbook.POINTS)
    assert set(SCHEDULES) == set(textbook.SCHEDULES)


@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_where_no_rule_looks_ahead_the_gradient_is_taken_at_the_parameter(
    method: str, dialect: str
) -> None:
    record = METHODS[method]
    h = {name: domain.typical[0] for name, domain in record.domains(dialect).items()}
    oracle = UpdateOracle(record, dialect, h, working("float32"))
    position = oracle.advance(oracle.start([1.0, -2.0]), [0.5, 0.25])
    looks_ahead = (method, dialect) in textbook.POINTS
    assert (oracle.evaluation_point(position) is position.parameter) is not looks_ahead
    # Before the first update there is no velocity yet.
    first = oracle.evaluation_point(oracle.start([1.0, -2.0]))
    assert first.expected().tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("schedule", "dialect"),
    [(record.id, dialect) for record in SCHEDULES.values() for dialect in record.dialects],
)
@settings(max_examples=25)
@given(data=st.data())
def test_schedules(schedule: str, dialect: str, data: st.DataObject) -> None:
    """Every form of a schedule has the exact values of its closed form."""
    record = SCHEDULES[schedule]
    h = draw(data, record.hyperparameters)
    steps = 13
    for arithmetic in (working("float64"), EXACT):
        rates = schedule_rates(record, dialect, h, steps, arithmetic)
        assert len(rates.exact) == steps
        for tau in range(steps):
            value = textbook.SCHEDULES[schedule](numbers(h), tau)
            assert contains(rates.exact.balls[tau], value)
            assert contains(rates.working.balls[tau], value)
            assert real(rates.exact.balls[tau].rad()) <= abs(value) * MP.mpf(2) ** -150
        if arithmetic is EXACT:
            assert max(real(ball.rad()) for ball in rates.working.balls) <= MP.mpf(2) ** -150


@pytest.mark.parametrize(
    ("clipping", "dialect"),
    [(record.id, dialect) for record in CLIPPINGS.values() for dialect in record.dialects],
)
@given(data=st.data(), gradient=st.lists(GRADIENTS, max_size=5))
def test_clippings(
    clipping: str, dialect: str, data: st.DataObject, gradient: list[float]
) -> None:
    record = CLIPPINGS[clipping]
    h = draw(data, record.domains(dialect))
    quantity = clipped(record, dialect, h, gradient, working("float32"))
    values = textbook.clipped([real(each) for each in gradient], **vars(numbers(h)))
    assert len(quantity.exact) == len(gradient)
    for exact, rounded, value in zip(
        quantity.exact.balls, quantity.working.balls, values, strict=True
    ):
        assert contains(exact, value)
        assert contains(rounded, value)
        assert real(exact.rad()) <= abs(value) * MP.mpf(2) ** -150


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("dialect", METHODS["adam"].dialects)
def test_an_interpolated_average_is_the_same_map(dialect: str, data: st.DataObject) -> None:
    record = METHODS["adam"]
    h = draw(data, record.domains(dialect))
    gradients = data.draw(st.lists(GRADIENTS, min_size=2, max_size=4))
    plain, other = (
        UpdateOracle(record, dialect, h, working("float32"), frozenset(names))
        for names in ((), ("lerp",))
    )
    here, there = plain.start([0.0]), other.start([0.0])
    for gradient in gradients:
        here, there = plain.advance(here, [gradient]), other.advance(there, [gradient])
        for name in here.vectors:
            ours, theirs = (each.vectors[name].exact.balls[0] for each in (here, there))
            if ours.is_finite():
                assert abs(real(ours) - real(theirs)) <= real(ours.rad()) + real(theirs.rad())


def test_an_interpolated_average_rounds_differently() -> None:
    record = METHODS["adam"]
    h = {name: domain.typical[0] for name, domain in record.hyperparameters.items()}
    budgets = []
    for names in (frozenset[str](), frozenset({"lerp"})):
        oracle = UpdateOracle(record, "epsilon-outside-root", h, working("float32"), names)
        position = oracle.start([0.0])
        for gradient in (1.0, 1.1, 0.9):
            position = oracle.advance(position, [gradient])
        budgets.append(position.vectors["first_moment"].allowed()[0])
    assert budgets[0] != budgets[1]
