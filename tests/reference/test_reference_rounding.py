"""One rounding to nearest: what ``rounded`` and the ends of the range promise, and no more."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from emulated_floats import nearest
from exact_numbers import EXACT, MP, contains, distance, real, working
from flint import arb
from hypothesis import assume, example, given
from hypothesis import strategies as st

from optcheck.reference import FORMATS, Format
from optcheck.reference.balls import ball_arithmetic, rounded

BITS = st.sampled_from([form.bits for form in FORMATS.values()])
FORMAT = st.sampled_from(list(FORMATS.values()))
# Radii have 30 bits and are rounded up in every operation.
RADIUS_SLACK = 1 + MP.mpf(2) ** -26


def ball(value: Fraction | float, radius: float = 0.0) -> arb:
    exact = Fraction(value)
    with ball_arithmetic():
        return arb(exact.numerator) / arb(exact.denominator) + arb(0, radius)


def once(value: Fraction, bits: int) -> Fraction:
    """Rounded to nearest even with ``bits`` bits and no limit to the exponent."""
    return Fraction(nearest(value, Format("wide", bits, -1000, 1000)))


def after(value: arb, bits: int) -> arb:
    with ball_arithmetic():
        return rounded(value, bits)


def mp(value: Fraction) -> object:
    return MP.mpf(value.numerator) / value.denominator


def half_ulp(value: Fraction, bits: int) -> object:
    """Of the binade in which the number lies as a double: one just below 2**k counts as 2**k."""
    value = once(value, 53)
    # mpmath's significand is in [0.5, 1), like C's.
    return MP.mpf(2) ** (MP.frexp(mp(value))[1] - bits - 1)


@given(
    mantissa=st.integers(1, 2**120),
    exponent=st.integers(-150, 0),
    sign=st.sampled_from([-1, 1]),
    bits=BITS,
)
@example(mantissa=2**24 + 1, exponent=0, sign=1, bits=24)  # a tie that goes down
@example(mantissa=2**24 + 3, exponent=0, sign=1, bits=24)  # a tie that goes up
@example(mantissa=2**25 - 1, exponent=0, sign=-1, bits=24)  # a tie that goes up to a power of 2
@example(mantissa=2**60 + 1, exponent=-60, sign=1, bits=8)  # just above a power of 2
@example(mantissa=2**60 - 1, exponent=-60, sign=1, bits=53)  # just below one
def test_covers_the_value_and_its_rounding_within_half_an_ulp(
    mantissa: int, exponent: int, sign: int, bits: int
) -> None:
    value = Fraction(sign * mantissa) * Fraction(2) ** exponent
    result = after(ball(value), bits)
    target = once(value, bits)
    assert contains(result, mp(value))
    assert contains(result, mp(target))
    if target == value:
        assert result.is_exact()
    else:
        assert real(result.rad()) <= half_ulp(value, bits) * RADIUS_SLACK


@given(numerator=st.integers(1, 10**30), denominator=st.integers(1, 10**30), bits=BITS)
def test_covers_the_rounding_of_a_quotient(numerator: int, denominator: int, bits: int) -> None:
    value = Fraction(numerator, denominator)
    assert contains(after(ball(value), bits), mp(once(value, bits)))


@given(
    center=st.floats(-1e6, 1e6),
    radius=st.just(0.0) | st.floats(1e-50, 1e3),
    eighths=st.integers(-8, 8),
    bits=BITS,
)
@example(center=1.0, radius=2.0**-30, eighths=8, bits=24)
@example(center=1.0 - 2.0**-30, radius=2.0**-29, eighths=8, bits=24)
def test_covers_the_rounding_of_every_number_in_the_ball(
    center: float, radius: float, eighths: int, bits: int
) -> None:
    assume(center == 0 or abs(center) > 1e-100)
    value = Fraction(center) + Fraction(eighths, 8) * Fraction(radius)
    result = after(ball(center, radius), bits)
    assert contains(result, mp(value))
    assert contains(result, mp(once(value, bits)))


@given(data=st.data(), form=FORMAT)
def test_representable_numbers_stay_exact(data: st.DataObject, form: Format) -> None:
    mantissa = data.draw(st.integers(-(2**form.bits), 2**form.bits))
    exponent = data.draw(st.integers(-60, 60))
    assert after(ball(Fraction(mantissa) * Fraction(2) ** exponent), form.bits).is_exact()


def test_more_bits_than_balls_have_round_nothing() -> None:
    third = ball(Fraction(1, 3))
    assert real(after(third, 200).rad()) == real(third.rad())


def test_what_is_not_finite_stays_so() -> None:
    assert not after(arb("nan"), 24).is_finite()
    assert not after(arb("inf"), 24).is_finite()


def test_a_radius_below_the_smallest_double_is_not_lost() -> None:
    with ball_arithmetic():
        tiny = arb(3) * arb(2) ** -1074 / 7
        result = rounded(tiny, 53)
    assert contains(result, real(tiny.mid()) * (1 + MP.mpf(2) ** -53))


@given(data=st.data(), form=FORMAT, flushes=st.booleans())
def test_results_below_the_normal_range(data: st.DataObject, form: Format, flushes: bool) -> None:
    # 100 extra bits: most of these lie between two subnormal numbers, some are ties.
    bound = 2 ** (form.bits - 1 + 100) - 1
    mantissa = data.draw(st.integers(-bound, bound))
    value = Fraction(mantissa) * Fraction(form.smallest_subnormal) / 2**100
    arithmetic = working(form, flushes=flushes)
    with ball_arithmetic():
        result = arithmetic.result(arb(mantissa) * arb(2) ** -100 * arb(form.smallest_subnormal))
    assert contains(result, mp(value))
    assert contains(result, mp(Fraction(nearest(value, form, flushes=flushes))))
    if flushes:
        assert contains(result, 0)
    else:
        assert real(result.rad()) <= real(form.smallest_subnormal) * 2


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_zero_is_exact_even_where_subnormals_are_flushed(form: Format) -> None:
    assert working(form, flushes=True).array([0.0]).balls[0].is_zero()


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_subnormal_inputs_may_be_flushed(form: Format) -> None:
    stored = form.smallest_subnormal
    assert contains(working(form, flushes=True).array([stored]).balls[0], 0)
    assert not contains(working(form).array([3 * stored]).balls[0], 0)


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_above_the_range_nothing_is_promised(form: Format) -> None:
    largest = working(form).array([form.largest, -form.largest])
    assert [each.is_exact() for each in largest.balls] == [True, True]
    assert not any(each.is_finite() for each in (largest * 2).balls)
    assert all(each.is_finite() for each in (largest / 2).balls)
    assert not any(each.is_finite() for each in (largest * 2 / 2).balls)


def test_the_exact_arithmetic_has_no_ends() -> None:
    huge = EXACT.array([math.ldexp(1.0, 1023)]) * 4
    tiny = EXACT.array([math.ulp(0.0)]) / 4
    assert huge.balls[0].is_exact()
    assert tiny.balls[0].is_exact()
    assert not tiny.balls[0].is_zero()


@given(value=st.floats(1e-30, 1e30), bits=st.sampled_from([8, 24]))
def test_a_scalar_is_rounded_to_its_own_precision(value: float, bits: int) -> None:
    rough = working("float32", scalar=bits).scalar(value)
    assert contains(rough.ball, mp(once(Fraction(value), bits)))
    assert working("float32").scalar(value).ball.is_exact()


@given(beta=st.floats(0.5, 0.9999), step=st.integers(1, 50))
def test_step_dependent_scalars_have_the_lower_precision(beta: float, step: int) -> None:
    """``beta**t`` of doubles is not what ``beta**t`` of float32 numbers is."""
    fine, rough = working("float32"), working("float32", step=24)
    precise = (1 - fine.scalar(beta) ** fine.step(step)).ball
    coarse = (1 - rough.scalar(beta) ** rough.step(step)).ball
    exact = 1 - real(beta) ** step
    assert contains(precise, exact)
    assert contains(coarse, exact)
    assert real(precise.rad()) < MP.mpf(2) ** -50
    # In float32 beta is rounded first, then the power, then the difference.
    power = once(once(Fraction(beta), 24) ** step, 24)
    computed = once(1 - power, 24)
    assert contains(coarse, mp(computed))
    assume(abs(mp(computed) - exact) > MP.mpf(2) ** -40)
    assert distance(precise, mp(computed)) > real(precise.rad())


def test_a_scalar_meets_an_array_at_the_arrays_precision() -> None:
    arithmetic = working("float32")
    product = (arithmetic.scalar(0.1) * arithmetic.array([1.0])).balls[0]
    assert contains(product, real(0.1))
    assert contains(product, mp(once(Fraction(0.1), 24)))
    # Two roundings, of the scalar and of the product, though this product is exact.
    assert real(product.rad()) <= MP.mpf(2) ** -27 * RADIUS_SLACK


def test_an_integer_in_a_formula_is_exact_at_every_precision() -> None:
    one = 1 - working("bfloat16", scalar=8, step=8).scalar(0.5)
    assert one.ball.is_exact()
