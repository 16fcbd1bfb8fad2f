"""Balls and scalars in the exact arithmetic: every operation covers the value, tightly."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_numbers import EXACT, MP, contains, real, tight
from flint import arb, ctx
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from optcheck.reference import functions
from optcheck.reference.balls import Balls, Scalar, ball_arithmetic

DOUBLES = st.floats(-1e100, 1e100, allow_subnormal=False).map(lambda x: x if x else 0.0)
INTEGERS = st.integers(-1000, 1000)
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "minimum": functions.minimum,
    "maximum": functions.maximum,
}
TEXTBOOK = {**OPERATORS, "minimum": min, "maximum": max}


def vector(value: float) -> Any:
    return EXACT.array([value])


def ball_of(result: Any) -> arb:
    if isinstance(result, Scalar):
        return result.ball
    assert isinstance(result, Balls)
    assert len(result) == 1
    return result.balls[0]


PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "vector, vector": (vector, vector),
    "vector, scalar": (vector, EXACT.scalar),
    "scalar, vector": (EXACT.scalar, vector),
    "vector, integer": (vector, int),
    "integer, vector": (int, vector),
    "scalar, scalar": (EXACT.scalar, EXACT.scalar),
    "scalar, integer": (EXACT.scalar, int),
    "integer, scalar": (int, EXACT.scalar),
}
# A minimum or maximum takes its type from its first argument, which is a ball in every formula.
CASES = [
    (name, pair)
    for name in OPERATORS
    for pair in PAIRS
    if name in "+-*/" or pair.startswith("vector") or pair == "scalar, scalar"
]


@pytest.mark.parametrize(("name", "pair"), CASES)
@settings(max_examples=40)
@given(data=st.data())
def test_operators_cover_the_value(name: str, pair: str, data: st.DataObject) -> None:
    left, right = (INTEGERS if kind == "integer" else DOUBLES for kind in pair.split(", "))
    a, b = data.draw(left), data.draw(right)
    assume(name != "/" or b != 0)
    first, second = PAIRS[pair]
    ball = ball_of(OPERATORS[name](first(a), second(b)))
    assert tight(ball, TEXTBOOK[name](real(a), real(b)))


# Their operand is a quotient, so that it is not exact.
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "negative": (operator.neg, operator.neg),
    "absolute": (abs, abs),
    "square root of the square": (lambda x: functions.sqrt(x * x), lambda x: MP.sqrt(x * x)),
    "floor": (functions.floor, MP.floor),
}


@pytest.mark.parametrize("kind", [vector, EXACT.scalar])
@pytest.mark.parametrize("name", UNARY)
@given(a=st.floats(-600, 600), b=st.integers(1, 99))
@example(a=1.0, b=3)
def test_functions_cover_the_value(name: str, kind: Any, a: float, b: int) -> None:
    ours, textbook = UNARY[name]
    value = real(a) / b
    if name == "floor":
        assume(value != MP.floor(value))
    assert tight(ball_of(ours(kind(a) / b)), textbook(value))


@given(a=st.floats(-600, 600), b=st.integers(1, 99))
def test_exponential_of_scalars(a: float, b: int) -> None:
    assert tight(ball_of(functions.exp(EXACT.scalar(a) / b)), MP.exp(real(a) / b))


@given(a=DOUBLES)
def test_square(a: float) -> None:
    assert tight(ball_of(vector(a) ** 2), real(a) ** 2)


@given(base=st.floats(2.0**-40, 1.0), exponent=st.floats(-300, 300))
def test_real_powers_of_scalars(base: float, exponent: float) -> None:
    ball = ball_of(EXACT.scalar(base) ** EXACT.scalar(exponent))
    assert tight(ball, MP.power(real(base), real(exponent)))


@given(base=st.floats(-1, 1).map(lambda x: x if abs(x) > 1e-10 else 0.0), step=st.integers(1, 99))
@example(base=0.0, step=1)
def test_integer_powers_of_scalars(base: float, step: int) -> None:
    assert tight(ball_of(EXACT.scalar(base) ** EXACT.step(step)), real(base) ** step)


def test_only_squares_are_defined_for_vectors() -> None:
    with pytest.raises(ValueError, match=r"only squares .* power 3"):
        vector(1.0) ** 3


@given(values=st.lists(DOUBLES, max_size=9))
def test_norm(values: list[float]) -> None:
    value = MP.sqrt(sum((real(each) ** 2 for each in values), MP.mpf(0)))
    assert tight(functions.norm(EXACT.array(values)).ball, value)


@given(values=st.lists(DOUBLES, max_size=9))
def test_total_covers_the_sum(values: list[float]) -> None:
    ball = EXACT.array(values).total().ball
    assert contains(ball, sum(map(real, values), MP.mpf(0)))
    magnitude = sum((abs(real(each)) for each in values), MP.mpf(0))
    assert real(ball.rad()) <= magnitude * MP.mpf(2) ** -150


@given(scale=DOUBLES, numerator=DOUBLES, denominator=DOUBLES.filter(bool))
def test_scaled_quotient(scale: float, numerator: float, denominator: float) -> None:
    result = functions.scaled_quotient(EXACT.scalar(scale), vector(numerator), vector(denominator))
    assert tight(ball_of(result), real(scale) * real(numerator) / real(denominator))


@given(below=st.floats(0, 4), above=st.floats(0, 4))
def test_an_undecided_comparison_covers_both_branches(below: float, above: float) -> None:
    wide = Balls([arb((above - below) / 2, (above + below) / 2)], EXACT)
    zero = vector(0.0)
    for value in (-below, above):
        assert contains(ball_of(functions.minimum(wide, zero)), min(real(value), 0))
        assert contains(ball_of(functions.maximum(wide, zero)), max(real(value), 0))
        assert contains(ball_of(functions.floor(wide)), MP.floor(real(value)))


@given(below=st.floats(2.0**-900, 9.0), above=st.floats(2.0**-900, 9.0))
@example(below=1.0, above=2.0)
def test_the_root_of_a_ball_across_zero_covers_the_roots_of_its_positive_part(
    below: float, above: float
) -> None:
    with ball_arithmetic():
        wide = (arb(above) - arb(below)) / 2 + arb(0, 1) * ((arb(above) + arb(below)) / 2)
        highest = real(wide.mid()) + real(wide.rad())
    root = functions.sqrt(Balls([wide], EXACT)).balls[0]
    for value in (MP.mpf(0), highest / 3, highest):
        assert contains(root, MP.sqrt(value))
    assert real(root.mid()) + real(root.rad()) <= MP.sqrt(highest) * (1 + MP.mpf(2) ** -20)


def test_the_root_of_a_negative_number_is_undefined() -> None:
    assert not functions.sqrt(vector(-1.0)).balls[0].is_finite()


@given(values=st.lists(DOUBLES, min_size=1, max_size=4))
def test_functions_of_floats_are_numpys(values: list[float]) -> None:
    array = np.array(values)
    np.testing.assert_array_equal(functions.minimum(array, 1.0), np.minimum(array, 1.0))
    np.testing.assert_array_equal(functions.maximum(array, 1.0), np.maximum(array, 1.0))
    np.testing.assert_array_equal(functions.sqrt(abs(array)), np.sqrt(abs(array)))
    np.testing.assert_array_equal(functions.floor(array), np.floor(array))
    np.testing.assert_allclose(functions.norm(array), np.linalg.norm(array), rtol=1e-14)


@given(values=st.lists(st.floats(-1e300, 1e300, allow_subnormal=False), max_size=5))
def test_midpoints_are_the_nearest_doubles(values: list[float]) -> None:
    thirds = (EXACT.array(values) / 3).midpoints()
    assert thirds.tolist() == [float(Fraction(value) / 3) for value in values]


def test_vectors_of_different_lengths_do_not_mix() -> None:
    with pytest.raises(ValueError, match="vectors of 2 and 3 elements"):
        EXACT.array([1.0, 2.0]) + EXACT.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("number", [vector(1.0), EXACT.scalar(1.0)])
@pytest.mark.parametrize("name", ["+", "-", "*", "/"])
def test_plain_floats_are_refused(name: str, number: Any) -> None:
    # A float in a formula would have no declared precision.
    with pytest.raises(TypeError):
        OPERATORS[name](number, 0.5)
    with pytest.raises(TypeError):
        OPERATORS[name](0.5, number)


@pytest.mark.parametrize("number", [vector(1.0), EXACT.scalar(1.0)])
def test_functions_refuse_other_types(number: Any) -> None:
    with pytest.raises(TypeError, match=r"no function of a .* and a float"):
        functions.maximum(number, 0.5)
    with pytest.raises(TypeError):
        np.ones(1) * number


def test_the_precision_of_flint_is_given_back() -> None:
    before = ctx.prec
    with ball_arithmetic():
        assert ctx.prec == 200
    assert ctx.prec == before
    with pytest.raises(ZeroDivisionError), ball_arithmetic():
        raise ZeroDivisionError
    assert ctx.prec == before
    functions.sqrt(vector(2.0) / 3 + EXACT.scalar(0.1))
    assert ctx.prec == before
