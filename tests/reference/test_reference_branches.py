"""Rules with branches: signs, choices, switches; an undecided ball covers every branch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from drawn_cases import usual
from exact_numbers import EXACT, MP, contains, real, tight, working
from flint import arb
from hypothesis import assume, example, given
from hypothesis import strategies as st

from optcheck.reference import METHODS, functions
from optcheck.reference.balls import Arithmetic, Balls, Scalar
from optcheck.reference.oracle import UpdateOracle

NUMBER = st.floats(-1e6, 1e6).map(lambda x: x if abs(x) > 1e-12 else 0.0)
NAN = arb("nan")


def vector(*balls: arb | float, arithmetic: Arithmetic = EXACT) -> Balls:
    return Balls([each if isinstance(each, arb) else arb(each) for each in balls], arithmetic)


def by_the_text(condition: Any, positive: Any, zero: Any, negative: Any) -> Any:
    if condition == 0:
        return zero
    return positive if condition > 0 else negative


# Signs.


@given(value=NUMBER)
@example(value=0.0)
@example(value=5e-324)
def test_the_sign_of_a_number(value: float) -> None:
    expected = by_the_text(value, 1, 0, -1)
    result = functions.sign(vector(value)).balls[0]
    assert result.is_exact()
    assert result == expected
    assert functions.sign(np.array([value])).tolist() == [expected]
    assert functions.sign(value) == expected


@given(middle=st.floats(-2, 2), radius=st.floats(0, 2), share=st.floats(-1, 1))
@example(middle=1.0, radius=1.0, share=-1.0)
@example(middle=-1.0, radius=1.0, share=1.0)
@example(middle=0.0, radius=1.0, share=0.0)
def test_the_sign_of_a_ball_covers_those_of_its_numbers(
    middle: float, radius: float, share: float
) -> None:
    value = real(middle) + real(share) * real(radius)
    result = functions.sign(vector(arb(middle, radius))).balls[0]
    assert contains(result, MP.sign(value))
    if abs(middle) > radius * (1 + 1e-9):
        assert result == MP.sign(value)


@given(
    middle=st.floats(-2, 2),
    radius=st.floats(0, 2),
    share=st.floats(-1, 1),
    branches=st.tuples(NUMBER, NUMBER, NUMBER),
)
@example(middle=0.0, radius=0.0, share=0.0, branches=(1.0, 2.0, 3.0))
@example(middle=0.0, radius=1.0, share=0.0, branches=(1.0, 9.0, 3.0))
def test_a_choice_by_sign_covers_that_of_every_number_in_the_ball(
    middle: float, radius: float, share: float, branches: tuple[float, float, float]
) -> None:
    condition = vector(arb(middle, radius))
    value = real(middle) + real(share) * real(radius)
    expected = real(by_the_text(value, *branches))
    for kind in (vector, EXACT.scalar):
        result = functions.by_sign(condition, *(kind(each) for each in branches)).balls[0]
        assert contains(result, expected)
    if not radius:
        assert tight(result, expected)


def test_a_choice_by_sign_is_made_element_by_element() -> None:
    condition = vector(3.0, 0.0, -2.0, arb(0, 1))
    positive, zero, negative = (vector(*(base + i for i in range(4))) for base in (10, 20, 30))
    chosen = functions.by_sign(condition, positive, zero, negative)
    assert [ball.is_exact() for ball in chosen.balls] == [True, True, True, False]
    assert chosen.midpoints()[:3].tolist() == [10.0, 21.0, 32.0]
    for value in (13, 23, 33):
        assert contains(chosen.balls[3], real(value))
    arrays = (np.array([1.0, 0.0, -1.0]), np.array([10.0, 11.0, 12.0]), 0.5, -1)
    assert functions.by_sign(*arrays).tolist() == [10.0, 0.5, -1.0]


def test_what_is_not_known_chooses_nothing() -> None:
    assert not functions.sign(vector(NAN)).balls[0].is_finite()
    chosen = functions.by_sign(vector(NAN, 1.0, 0.0, -1.0), vector(*[1.0] * 4), 2, 3)
    assert [ball.is_finite() for ball in chosen.balls] == [False, True, True, True]
    # A branch that is not taken may be undefined; one that may be taken may not.
    chosen = functions.by_sign(vector(1.0, -1.0, arb(0, 1)), 1, 2, vector(*[NAN] * 3))
    assert [ball.is_finite() for ball in chosen.balls] == [True, False, False]


@pytest.mark.parametrize("form", ["bfloat16", "float32"])
def test_a_choice_rounds_nothing(form: str) -> None:
    arithmetic = working(form)
    third = arithmetic.array([1.0]) / arithmetic.array([3.0])
    chosen = functions.by_sign(arithmetic.array([1.0]), third, 0, -third)
    assert (real(chosen.balls[0]), real(chosen.balls[0].rad())) == (
        real(third.balls[0]),
        real(third.balls[0].rad()),
    )
    assert chosen.arithmetic == arithmetic


def test_balls_choose_among_vectors_scalars_and_integers() -> None:
    condition = vector(1.0, -1.0)

    def larger(*balls: arb) -> arb:
        return max(balls, key=lambda ball: float(ball.mid()))

    chosen = condition.choose(larger, vector(0.5, 0.25), EXACT.scalar(-0.5), 0)
    assert chosen.midpoints().tolist() == [1.0, 0.25]
    with pytest.raises(TypeError, match="others are vectors, scalars or integers"):
        condition.choose(larger, 0.5)
    with pytest.raises(ValueError, match="vectors of 2 and 3 elements"):
        condition.choose(larger, vector(1.0, 2.0, 3.0))


# One choice for a whole vector.


def never() -> Any:
    raise AssertionError


@given(value=NUMBER)
@example(value=0.0)
def test_a_decided_choice_evaluates_one_branch(value: float) -> None:
    for condition in (value, EXACT.scalar(value)):
        if value > 0:
            assert functions.choose(condition, lambda: "positive", never) == "positive"
        else:
            assert functions.choose(condition, never, lambda: "otherwise") == "otherwise"


@pytest.mark.parametrize(
    "condition", [arb(0, 1), arb(1, 1), arb(-1, 2), NAN], ids=["0", "touching", "across", "nan"]
)
def test_an_undecided_choice_covers_both_vectors(condition: arb) -> None:
    first, second = vector(1.0, -3.0), vector(2.0, 5.0)
    chosen = functions.choose(Scalar(condition, 200), lambda: first, lambda: second)
    for branch in (first, second):
        for result, ball in zip(chosen.balls, branch.balls, strict=True):
            assert contains(result, real(ball))
    if condition.is_finite():
        assert real(chosen.balls[0].rad()) < 0.51


def test_a_ball_below_zero_that_touches_it_is_decided() -> None:
    touching = Scalar(arb(-1, 1), 200)
    exactly = Scalar(arb(0), 200)
    assert functions.choose(exactly, never, lambda: 1) == 1
    first, second = vector(1.0), vector(2.0)
    chosen = functions.choose(touching, lambda: first, lambda: second)
    assert contains(chosen.balls[0], real(2.0))


# Differences that are not negative, and inner products.


@given(value=st.floats(0, 1e6))
def test_the_root_of_a_difference(value: float) -> None:
    assert tight(functions.root_of_difference(vector(value)).balls[0], MP.sqrt(real(value)))
    assert tight(functions.root_of_difference(EXACT.scalar(value)).ball, MP.sqrt(real(value)))
    assert functions.root_of_difference(np.array([value])).tolist() == [math.sqrt(value)]


@given(middle=st.floats(-1, 1), radius=st.floats(1e-6, 1))
def test_the_root_of_a_difference_that_may_be_negative_is_not_decided(
    middle: float, radius: float
) -> None:
    # Radii have 30 bits and are rounded up.
    assume(abs(middle - radius) > 1e-8 * radius)
    ball = functions.root_of_difference(vector(arb(middle, radius))).balls[0]
    assert ball.is_finite() == (middle > radius)


def test_a_variance_that_rounding_may_make_negative_is_not_decided() -> None:
    """Exactly it is zero; in float32 either square may be the larger one."""
    exact, rounded = (
        functions.root_of_difference(square - square).balls[0]
        for square in (arithmetic.array([0.1]) ** 2 for arithmetic in (EXACT, working("float32")))
    )
    assert exact == 0
    assert not rounded.is_finite()


@given(pairs=st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=6))
def test_an_inner_product(pairs: list[tuple[float, float]]) -> None:
    first, second = (EXACT.array(each) for each in zip(*pairs, strict=True))
    value = sum((real(a) * real(b) for a, b in pairs), MP.mpf(0))
    result = functions.dot(first, second)
    assert isinstance(result, Scalar)
    assert contains(result.ball, value)
    magnitude = sum((abs(real(a) * real(b)) for a, b in pairs), MP.mpf(0))
    assert real(result.ball.rad()) <= magnitude * MP.mpf(2) ** -150


@given(pairs=st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=4))
def test_an_inner_product_covers_every_order_of_summation(
    pairs: list[tuple[float, float]],
) -> None:
    first, second = (np.array(each, np.float32) for each in zip(*pairs, strict=True))
    ball = functions.dot(working("float32").array(first), working("float32").array(second)).ball
    for order in itertools.permutations(first * second):
        total = order[0]
        for value in order[1:]:
            total = total + value
        assert contains(ball, real(float(total)))
    assert contains(ball, real(float(functions.dot(first, second))))
    assert functions.dot(first, second).dtype == np.float32


# Rules whose branch is not decided.


def rprop(dialect: str, gradients: tuple[float, ...]) -> Any:
    record = METHODS["rprop"]
    oracle = UpdateOracle(record, dialect, usual(record, dialect), working("float32"))
    position = oracle.start([0.0])
    for gradient in gradients:
        position = oracle.advance(position, [gradient])
    return position.parameter


def test_a_product_of_gradients_that_underflows_allows_every_step_size() -> None:
    """1e-30 squared is zero in float32: such an implementation keeps its step."""
    after_underflow, decided = (
        rprop("rprop-minus", (size, size)) for size in (np.float32(1e-30), 1.0)
    )
    grown, kept = -(0.01 + 0.012), -(0.01 + 0.01)
    assert after_underflow.expected() == pytest.approx([grown])
    assert after_underflow.judge([grown])[0] <= 1
    assert after_underflow.judge([kept])[0] <= 1
    assert after_underflow.judge([-0.05])[0] > 1
    assert decided.judge([np.float32(grown)])[0] <= 1
    assert decided.judge([kept])[0] > 1000


def test_a_switch_that_is_not_decided_decides_nothing_after_it() -> None:
    """Under a constant gradient the two rates that SWATS compares are one, but for rounding."""
    record = METHODS["swats"]
    h = {**usual(record, "plain"), "switch_tolerance": 1e-17, "beta1": 0.0, "epsilon": 0.0}
    oracle = UpdateOracle(record, "plain", h, working("float64"))
    position = oracle.advance(oracle.start([1.0]), [0.3])
    assert np.isfinite(position.parameter.allowed()).all()
    position = oracle.advance(position, [0.3])
    assert position.vectors["phase"].exact == "sgd"
    assert not np.isfinite(position.parameter.allowed()).any()
    assert np.isnan(position.parameter.judge([1.0])).all()
