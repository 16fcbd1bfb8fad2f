"""What conforms: the correctly rounded value does, what is a little beyond the budget does not."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from drawn_cases import PAIRS, as_vector, in_order, told
from exact_numbers import EXACT, contains, real, working
from flint import arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from optcheck.reference import CLIPPINGS, METHODS, SCHEDULES, Domain, DomainError
from optcheck.reference.balls import Balls
from optcheck.reference.oracle import (
    SAFETY,
    Bound,
    Position,
    Quantity,
    UpdateOracle,
    clipped,
    schedule_rates,
)

ADAM = METHODS["adam"]
USUAL = {name: domain.typical[0] for name, domain in ADAM.hyperparameters.items()}
KINDS = {"float32": np.float32, "float64": np.float64}


def adam(dtype: str, dialect: str = "epsilon-outside-root", **changed: float) -> UpdateOracle:
    return UpdateOracle(ADAM, dialect, {**USUAL, **changed}, working(dtype))


def quotients(dtype: str, numerators: list[float], denominators: list[float]) -> Quantity:
    exact, rounded = (
        arithmetic.array(numerators) / arithmetic.array(denominators)
        for arithmetic in (EXACT, working(dtype))
    )
    return Quantity(exact, rounded)


GRADIENT = st.floats(-100, 100, width=32).filter(lambda x: abs(x) > 1e-4)


@pytest.mark.parametrize("dtype", KINDS)
@given(gradient=GRADIENT, start=st.floats(-10, 10, width=32), factor=st.floats(1.01, 1e6))
def test_the_rounded_value_conforms_and_what_is_beyond_the_budget_does_not(
    dtype: str, gradient: float, start: float, factor: float
) -> None:
    oracle = adam(dtype)
    point = oracle.advance(oracle.start([start]), [gradient]).parameter
    correct = float(KINDS[dtype](point.expected()[0]))
    assert point.judge([correct]) <= 1
    (allowed,) = point.allowed()
    exact = real(point.exact.balls[0])
    for sign in (-1, 1):
        # The candidate itself is rounded to a double, which the budget must not drown in.
        beyond = float(exact + sign * factor * allowed)
        assume(abs(real(beyond) - exact) > 1.005 * allowed)
        assert point.judge([beyond]) > 1
        within = float(exact + sign * allowed / 2)
        assert point.judge([within]) <= 1


@given(gradient=GRADIENT, share=st.floats(-3, 3))
def test_the_ratio_is_the_share_of_the_budget(gradient: float, share: float) -> None:
    oracle = adam("float32")
    point = oracle.advance(oracle.start([0.0]), [gradient]).parameter
    computed = float(real(point.exact.balls[0]) + share * point.allowed()[0])
    assert point.judge([computed])[0] == pytest.approx(abs(share), rel=1e-6, abs=1e-6)


def test_allowed_is_twice_the_radius() -> None:
    point = quotients("float32", [1.0, 2.0], [3.0, 7.0])
    assert SAFETY == 2
    expected = [2 * float(real(ball.rad())) for ball in point.working.balls]
    assert point.allowed() == pytest.approx(expected, rel=1e-9)
    assert point.expected().tolist() == [1 / 3, 2 / 7]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_conforms(value: float) -> None:
    point = quotients("float32", [1.0, 2.0], [3.0, 7.0])
    assert point.judge([value, 2 / 7]).tolist()[0] == math.inf


def test_without_rounding_only_the_exact_value_conforms() -> None:
    point = quotients("float32", [1.0], [4.0])
    assert point.allowed().tolist() == [0.0]
    assert point.judge([0.25]).tolist() == [0.0]
    assert point.judge([np.nextafter(0.25, 1)]).tolist() == [math.inf]


def test_an_undefined_value_decides_nothing() -> None:
    oracle = adam("float32", epsilon=0.0)
    point = oracle.advance(oracle.start([1.0, 1.0]), [0.0, 1.0]).parameter
    ratios = point.judge([math.nan, 1.0 - 0.001])
    assert math.isnan(ratios[0])
    assert ratios[1] <= 1
    assert point.allowed()[0] == math.inf


def test_overflow_in_the_format_decides_nothing() -> None:
    # The square of 1e30 is above the largest float32, and below the largest double.
    for dtype, undecided in (("float32", True), ("float64", False)):
        oracle = adam(dtype)
        point = oracle.advance(oracle.start([1.0]), [1e30]).parameter
        assert bool(np.isnan(point.judge([1.0 - 0.001])[0])) is undecided
        assert bool(np.isnan(point.judge([math.inf])[0])) is undecided
        assert bool(np.isinf(point.allowed()[0])) is undecided


def test_shapes_are_flattened_and_sizes_compared() -> None:
    point = quotients("float64", [1.0, 2.0, 3.0, 4.0], [2.0] * 4)
    assert point.judge(np.array([[0.5, 1.0], [1.5, 2.0]])).tolist() == [0.0] * 4
    with pytest.raises(ValueError, match="3 computed values for 4 exact ones"):
        point.judge([0.5, 1.0, 1.5])


def test_an_empty_vector_conforms() -> None:
    oracle = adam("float32")
    point = oracle.advance(oracle.start([]), []).parameter
    assert point.judge([]).size == point.expected().size == point.allowed().size == 0


def test_a_deviation_beyond_every_double_is_infinite() -> None:
    tiny = Quantity(Balls([arb(0)], EXACT), Balls([arb(0, 1e-300)], EXACT))
    assert tiny.judge([1e300]).tolist() == [math.inf]


# Bounds given directly.


@given(
    value=st.floats(-1e6, 1e6),
    radius=st.floats(1e-6, 1e3),
    share=st.floats(0, 0.999) | st.floats(1.001, 1e3),
)
def test_a_bound_accepts_what_is_within_its_radius(
    value: float, radius: float, share: float
) -> None:
    bound = Bound(np.array([value]), np.array([radius]))
    for computed in (value - share * radius, value + share * radius):
        assert bool(bound.judge([computed])[0] <= 1) is (share < 1)
    assert bound.expected().tolist() == [value]
    assert bound.allowed().tolist() == [radius]


def test_a_bound_with_edges() -> None:
    inf, nan = math.inf, math.nan
    bound = Bound(np.zeros(7), np.array([0.0, 0.0, 1.0, 1.0, 1.0, inf, nan]))
    ratios = bound.judge([0.0, 1.0, nan, inf, -inf, 5.0, 0.0])
    assert ratios.tolist()[:5] == [0.0, inf, inf, inf, inf]
    assert np.isnan(ratios[5:]).all()


@pytest.mark.parametrize(
    ("value", "radius", "computed"),
    [(0.0, 1e-300, 1e300), (-1.5e308, 1.0, 1.5e308)],
    ids=["quotient", "difference"],
)
def test_a_bound_far_exceeded_gives_no_warning(
    value: float, radius: float, computed: float
) -> None:
    bound = Bound(np.array([value]), np.array([radius]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bound.judge([computed])[0] > 1


# Positions.


# State that has roots or quotients in it, which no double holds.
ROUNDED = {
    ("amsgrad", "maximum-of-corrected"),
    ("amsgrad", "maximum-of-corrected+epsilon-inside-root"),
    *((record, dialect) for record, dialect in PAIRS if record == "adadelta"),
    *(
        ("rmsprop", dialect)
        for dialect in METHODS["rmsprop"].dialects
        if "momentum" in METHODS["rmsprop"].domains(dialect)
    ),
}
DYADIC = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


def dyadic(domain: Domain) -> st.SearchStrategy[float]:
    values = [value for value in DYADIC if value in domain]
    return st.sampled_from(values or domain.typical)


def held(position: Position) -> bool:
    """Whether doubles hold all that is carried on beside the parameter, exactly."""
    return all(
        ball.is_exact() and real(ball) == float(ball.mid())
        for name, vector in position.vectors.items()
        for ball in as_vector(vector).exact.balls
        if name != "parameter"
    )


def in_doubles(position: Position) -> dict[str, Any]:
    """The exact vectors and numbers, one of each, as doubles."""
    return {name: as_vector(vector).expected() for name, vector in position.vectors.items()}


@pytest.mark.parametrize(
    ("method", "dialect"),
    # The phase of a rule that switches is no vector: it starts again from the start alone.
    [(method, dialect) for method, dialect in PAIRS if METHODS[method].elementwise],
)
@settings(max_examples=30)
@given(data=st.data())
def test_starting_again_at_the_exact_state_goes_on_the_same_way(
    method: str, dialect: str, data: st.DataObject
) -> None:
    """Dyadic gradients and hyper-parameters leave a state that doubles hold, for most rules."""
    record = METHODS[method]
    h = {
        name: data.draw(dyadic(domain), label=name)
        for name, domain in record.domains(dialect).items()
    }
    oracle = UpdateOracle(record, dialect, in_order(h), working("float64"))
    gradients = data.draw(st.lists(st.integers(-8, 8), min_size=3, max_size=3))
    random = np.random.default_rng(0)
    signals = [told(record, dialect, random, (1,)) for _ in gradients]
    position = oracle.advance(oracle.start([1.0]), [gradients[0]], signals=signals[0])
    position = oracle.advance(position, [gradients[1]], signals=signals[1])
    state = in_doubles(position)
    assume(all(np.isfinite(values).all() for values in state.values()))
    exactly = held(position)
    assert exactly or (method, dialect) in ROUNDED
    again = oracle.at(position.step, state)
    assert again.step == 2
    for name, vector in again.vectors.items():
        assert vector.allowed().tolist() == [0.0]
        assert vector.expected().tolist() == state[name].tolist()
    there = oracle.advance(position, [gradients[2]], signals=signals[2])
    here = oracle.advance(again, [gradients[2]], signals=signals[2])
    for name, value in in_doubles(here).items():
        ours, theirs = (as_vector(each.vectors[name]) for each in (here, there))
        if exactly:
            assert ours.allowed()[0] <= theirs.allowed()[0]
            assert name == "parameter" or value == theirs.expected()
        assert theirs.judge(value)[0] <= 1 or np.isnan(value)


def test_the_budget_grows_from_step_to_step_and_not_after_a_fresh_start() -> None:
    oracle = adam("float32")
    position = oracle.start([0.0])
    allowed = []
    for _ in range(10):
        position = oracle.advance(position, [0.3])
        allowed.append(position.parameter.allowed()[0])
    assert allowed == sorted(allowed)
    state = {
        name: vector.expected().astype(np.float32) for name, vector in position.vectors.items()
    }
    fresh = oracle.advance(oracle.at(position.step, state), [0.3]).parameter
    assert fresh.allowed()[0] < allowed[-1] / 2


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(DomainError, match=r"adam has no dialect 'hat'; it has epsilon-outside"):
        adam("float32", dialect="hat")


# Schedules and clippings in the working arithmetic.


@pytest.mark.parametrize("tau", [7, 20])
def test_rates_below_the_range_of_the_format_may_be_zero(tau: int) -> None:
    h = {"initial_rate": 0.1, "decay_factor": 1e-6, "decay_steps": 1}
    arithmetic = working("float32", scalar=24, step=24)
    rates = schedule_rates(SCHEDULES["exponential-schedule"], "closed-form", h, 21, arithmetic)
    computed = np.float32(0.1) * np.power(np.float32(1e-6), np.float32(tau))
    assert computed < np.finfo(np.float32).tiny
    values: Any = rates.expected()
    values[tau] = computed
    assert rates.judge(values)[tau] <= 1


def test_a_clipped_vector_obeys_the_budget_in_float32() -> None:
    gradient = np.array([3.0, -4.0, 0.1], dtype=np.float32)
    quantity = clipped(
        CLIPPINGS["clip-by-norm"], "exact", {"threshold": 1.0}, [gradient], working("float32")
    )
    computed = gradient * (np.float32(1) / np.linalg.norm(gradient))
    assert quantity.judge(computed).max() <= 1
    assert quantity.judge(computed * np.float32(1.00001)).max() > 1
    assert contains(quantity.working.balls[0], real(float(computed[0])))
