"""The oracle's exact values are those of the textbook formulas, evaluated independently."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import textbook_rules as textbook
from drawn_cases import JOINED, PAIRS, draw, in_order, told, usual
from exact_numbers import EXACT, MP, contains, real, tight, working
from flint import arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from optcheck.reference import CLIPPINGS, METHODS, MODIFIERS, SCHEDULES
from optcheck.reference.balls import Balls, Scalar
from optcheck.reference.oracle import Position, UpdateOracle, clipped, schedule_rates

GRADIENTS = st.floats(-1e4, 1e4).map(lambda x: x if abs(x) > 1e-12 else 0.0)
STEPS = 5


def numbers(h: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [real(float(each)) for each in value] if np.ndim(value) else real(value)
        for name, value in h.items()
    }


class Path:
    """One dialect from one start, by the oracle and by the textbook."""

    def __init__(self, method: str, dialect: str, h: dict[str, float], start: Any) -> None:
        self.key, self.h, self.scheduled = (method, dialect), h, METHODS[method].scheduled
        self.oracle = UpdateOracle(METHODS[method], dialect, h, working("float64"))
        self.position = self.oracle.start(start)
        self.w = [real(value) for value in start]
        self.states: list[dict[str, Any]] = [{} for _ in start]
        self.t = 0

    def advance(self, gradient: Any, signals: dict[str, Any], rate: float | None = None) -> bool:
        """One update of both, compared; whether the textbook has a value everywhere."""
        self.t += 1
        rate = rate if self.scheduled else None
        h = numbers(self.h if rate is None else {**self.h, "learning_rate": rate})
        self._compare_points(h, rate)
        self.position = self.oracle.advance(self.position, gradient, rate, signals)
        g = [real(float(each)) for each in gradient]
        self.w, self.states = textbook.advance(
            self.key, self.w, g, self.states, h, numbers(signals), self.t
        )
        assert self.position.step == self.t
        for i, (value, state) in enumerate(zip(self.w, self.states, strict=True)):
            if value is None:
                self._undefined(i)
                continue
            check(self.position, "parameter", i, value)
            for name, each in state.items():
                check(self.position, name, i, each)
            assert set(self.position.vectors) == {"parameter", *state}
        return None not in self.w

    def _compare_points(self, h: dict[str, Any], rate: float | None) -> None:
        if self.key not in textbook.POINTS:
            return
        points = self.oracle.evaluation_point(self.position, rate)
        for i, (w, state) in enumerate(zip(self.w, self.states, strict=True)):
            point = textbook.POINTS[self.key](w, state, SimpleNamespace(**h))
            assert contains(points.exact.balls[i], point)
            assert contains(points.working.balls[i], point)

    def _undefined(self, index: int) -> None:
        parameter = self.position.parameter
        assert not parameter.exact.balls[index].is_finite()
        assert np.isnan(parameter.judge(np.zeros(len(self.w)))[index])


def ball(vector: Any, index: int) -> arb:
    return vector.balls[index] if isinstance(vector, Balls) else vector.ball


def check(position: Position, name: str, index: int, value: Any) -> None:
    """The exact ball covers ``value`` and is negligible beside what led to it."""
    quantity, parameter = position.vectors[name], position.parameter
    if isinstance(value, str):
        # Which branch a rule has taken; where that is not decided, the parameter is not either.
        assert quantity.exact == value or not ball(parameter.exact, index).is_finite()
        assert quantity.working == value or not ball(parameter.working, index).is_finite()
        return
    exact, rounded = ball(quantity.exact, index), ball(quantity.working, index)
    assert contains(exact, value)
    if exact.is_finite():
        assert real(exact.rad()) <= MP.mpf(2) ** -120 * max(1, abs(value))
    # One number beside the vectors says nothing once the branch is not decided.
    branch = isinstance(quantity.exact, Scalar) and not ball(parameter.working, index).is_finite()
    assert contains(rounded, value) or branch


@pytest.mark.parametrize(("method", "dialect"), [*PAIRS, *JOINED])
@settings(max_examples=25)
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
    random = np.random.default_rng(data.draw(st.integers(0, 99), label="seed"))
    path = Path(method, dialect, h, start)
    for t, gradient in enumerate(gradients):
        signals = told(record, dialect, random, (2,))
        if not path.advance(gradient, signals, None if rates is None else rates[t]):
            return


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("method", "dialect"), [*PAIRS, *JOINED])
def test_usual_steps_have_one_value(method: str, dialect: str, which: int) -> None:
    """Balls that are not finite cover everything: here none is."""
    record = METHODS[method]
    h = {
        name: domain.typical[min(which, len(domain.typical) - 1)]
        for name, domain in record.domains(dialect).items()
    }
    random = np.random.default_rng(1)
    path = Path(method, dialect, in_order(h), random.normal(size=3))
    for _ in range(8):
        assert path.advance(random.normal(size=3), told(record, dialect, random, (3,)))
        for i, value in enumerate(path.w):
            assert tight(path.position.parameter.exact.balls[i], value)


def test_a_switch_is_taken_when_the_textbook_takes_it() -> None:
    h = {**usual(METHODS["swats"], "plain"), "beta2": 0.5, "switch_tolerance": 1e-3}
    random = np.random.default_rng(0)
    path = Path("swats", "plain", h, random.normal(size=3))
    phases = []
    for _ in range(12):
        assert path.advance(random.normal(size=3), {})
        phases.append(path.states[0]["phase"])
        assert path.position.vectors["phase"].exact == phases[-1]
    assert phases == sorted(phases)
    assert phases[0] == "adam"
    assert phases[-1] == "sgd"


def test_the_corrected_variance_is_decided_once_gradients_differ() -> None:
    """The first is g^2 - g^2: the step is g / sqrt(epsilon), and rounding may make it anything."""
    method, dialect = "rmsprop", "epsilon-inside-root+centered+corrected"
    h = {**usual(METHODS[method], dialect), "epsilon": 1e-20}
    path = Path(method, dialect, h, [0.0])
    assert path.advance([3.3], {})
    assert path.w[0] == -real(h["learning_rate"]) * real(3.3) / MP.sqrt(real(h["epsilon"]))
    assert not path.position.parameter.working.balls[0].is_finite()
    before = {"parameter": 1.0, "second_moment": 0.625, "first_moment": 0.25}
    path.position = path.oracle.at(3, {name: [value] for name, value in before.items()})
    path.t, path.states = 3, [{name: real(value) for name, value in before.items()}]
    path.w = [path.states[0].pop("parameter")]
    assert path.advance([0.75], {})
    assert path.position.parameter.working.balls[0].is_finite()


def test_every_dialect_has_a_textbook_rule() -> None:
    assert {*PAIRS, *JOINED} == {*textbook.RULES, *textbook.WHOLE_RULES}
    assert not set(textbook.RULES) & set(textbook.WHOLE_RULES)
    whole = {pair for pair in PAIRS if not METHODS[pair[0]].elementwise}
    assert whole == set(textbook.WHOLE_RULES)
    ahead = [pair for pair in PAIRS if METHODS[pair[0]].dialect(pair[1]).evaluation_point]
    assert set(ahead) == set(textbook.POINTS)
    assert set(SCHEDULES) == set(textbook.SCHEDULES)
    clippings = {(each.id, dialect) for each in CLIPPINGS.values() for dialect in each.dialects}
    assert clippings == set(textbook.CLIPPINGS)


def test_every_modifier_is_joined_to_some_dialect() -> None:
    assert {name for _, dialect in JOINED for name in dialect.split("+")} >= set(MODIFIERS)


@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_where_no_rule_looks_ahead_the_gradient_is_taken_at_the_parameter(
    method: str, dialect: str
) -> None:
    record = METHODS[method]
    oracle = UpdateOracle(record, dialect, usual(record, dialect), working("float32"))
    signals = told(record, dialect, np.random.default_rng(0), (2,))
    position = oracle.advance(oracle.start([1.0, -2.0]), [0.5, 0.25], signals=signals)
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
    assume(record.constraint(h) is None)
    steps = 13
    for arithmetic in (working("float64"), EXACT):
        rates = schedule_rates(record, dialect, h, steps, arithmetic)
        assert len(rates.exact) == steps
        for tau in range(steps):
            value = textbook.SCHEDULES[schedule](SimpleNamespace(**numbers(h)), tau)
            assert contains(rates.exact.balls[tau], value)
            assert contains(rates.working.balls[tau], value)
            assert real(rates.exact.balls[tau].rad()) <= abs(value) * MP.mpf(2) ** -150
        if arithmetic is EXACT:
            assert max(real(ball.rad()) for ball in rates.working.balls) <= MP.mpf(2) ** -150


@pytest.mark.parametrize(
    ("clipping", "dialect"),
    [(record.id, dialect) for record in CLIPPINGS.values() for dialect in record.dialects],
)
@given(
    data=st.data(),
    arrays=st.lists(st.lists(GRADIENTS, max_size=4), min_size=1, max_size=3),
)
def test_clippings(
    clipping: str, dialect: str, data: st.DataObject, arrays: list[list[float]]
) -> None:
    record = CLIPPINGS[clipping]
    h = draw(data, record.domains(dialect))
    quantity = clipped(record, dialect, h, arrays, working("float32"))
    numbered = [[real(each) for each in array] for array in arrays]
    values = textbook.clipped(clipping, dialect, numbered, SimpleNamespace(**numbers(h)))
    assert len(quantity.exact) == sum(len(array) for array in arrays)
    for exact, rounded, value in zip(
        quantity.exact.balls, quantity.working.balls, values, strict=True
    ):
        assert contains(exact, value)
        assert contains(rounded, value)
        assert real(exact.rad()) <= abs(value) * MP.mpf(2) ** -150


# What a dialect computes in another order, if an implementation says so.
EVALUATIONS = [
    *[("adam", dialect, "lerp") for dialect in METHODS["adam"].dialects],
    ("rmsprop", "epsilon-outside-root+centered", "lerp"),
    ("adamax", "epsilon-in-maximum", "lerp"),
    ("adamw", "decoupled", "decay-factor"),
    ("nadam", "scheduled-momentum+decoupled+maximize", "decay-factor"),
]


@pytest.mark.parametrize(("method", "dialect", "evaluation"), EVALUATIONS)
@settings(max_examples=40)
@given(data=st.data())
def test_another_order_of_evaluation_is_the_same_map(
    method: str, dialect: str, evaluation: str, data: st.DataObject
) -> None:
    record = METHODS[method]
    h = draw(data, record.domains(dialect))
    gradients = data.draw(st.lists(GRADIENTS, min_size=2, max_size=4))
    plain, other = (
        UpdateOracle(record, dialect, h, working("float32"), frozenset(names))
        for names in ((), (evaluation,))
    )
    here, there = plain.start([0.75]), other.start([0.75])
    for gradient in gradients:
        here, there = plain.advance(here, [gradient]), other.advance(there, [gradient])
        for name in here.vectors:
            ours, theirs = (each.vectors[name].exact.balls[0] for each in (here, there))
            if ours.is_finite():
                assert abs(real(ours) - real(theirs)) <= real(ours.rad()) + real(theirs.rad())


@pytest.mark.parametrize(("method", "dialect", "evaluation"), EVALUATIONS)
def test_another_order_of_evaluation_rounds_differently(
    method: str, dialect: str, evaluation: str
) -> None:
    record = METHODS[method]
    h = {**usual(record, dialect), "learning_rate": 0.1}
    budgets = []
    for names in (frozenset[str](), frozenset({evaluation})):
        oracle = UpdateOracle(record, dialect, h, working("float32"), names)
        position = oracle.start([0.75])
        for gradient in (1.0, 1.1, 0.9):
            position = oracle.advance(position, [gradient])
        budgets.append({name: each.allowed()[0] for name, each in position.vectors.items()})
    assert budgets[0] != budgets[1]
