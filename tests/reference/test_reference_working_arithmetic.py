"""The working ball covers the exact value and what floating-point arithmetic computes."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from emulated_floats import Emulated, nearest
from exact_numbers import EXACT, MP, contains, real, working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import FORMATS, Format, functions
from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.gradient_descent import descend_quotient
from optcheck.reference.oracle import Quantity

NUMPY = {"float16": np.float16, "float32": np.float32, "float64": np.float64}

# One step of a chain: the operation, and an operand: an array element, a hyper-parameter, an
# integer of a formula, or an earlier result (which correlates the rounding errors).
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "x + y": operator.add,
    "x - y": operator.sub,
    "y - x": lambda x, y: y - x,
    "x * y": operator.mul,
    "x / y": operator.truediv,
    "y / x": lambda x, y: y / x,
}
UNARY = ("square", "root", "negative", "absolute", "maximum")
Chain = list[tuple[str, str, float]]


def chains(magnitudes: st.SearchStrategy[float]) -> st.SearchStrategy[Chain]:
    operand = st.one_of(
        st.tuples(st.just("array"), magnitudes),
        st.tuples(st.just("scalar"), magnitudes),
        st.tuples(st.just("integer"), st.integers(-3, 3).map(float)),
        st.tuples(st.just("earlier"), st.integers(0, 5).map(float)),
    )
    name = st.sampled_from([*BINARY, *UNARY])
    step = st.tuples(name, operand).map(lambda pair: (pair[0], *pair[1]))
    return st.lists(step, min_size=1, max_size=6)


def evaluate(
    start: float,
    chain: Chain,
    array: Callable[[float], Any],
    scalar: Callable[[float], Any],
    root: Callable[[Any], Any],
    larger: Callable[[Any, Any], Any],
) -> Iterator[Any]:
    """Every result of the chain in one number type."""
    results = [array(start)]
    for name, kind, value in chain:
        x = results[-1]
        y = {
            "array": lambda value=value: array(value),
            "scalar": lambda value=value: scalar(value),
            "integer": lambda value=value: int(value),
            "earlier": lambda value=value: results[int(value) % len(results)],
        }[kind]()
        if name in BINARY:
            result = BINARY[name](x, y)
        elif name == "square":
            result = x**2
        elif name == "root":
            result = root(x * x)
        elif name == "maximum":
            result = larger(x, results[0])
        else:
            result = -x if name == "negative" else abs(x)
        results.append(result)
        yield result


def in_format(value: float, form: Format) -> float:
    return nearest(Fraction(value), form)


def exactly(start: float, chain: Chain) -> Iterator[Any]:
    """In mpmath; ends where a division by zero leaves no value."""
    try:
        yield from evaluate(start, chain, real, real, MP.sqrt, max)
    except ZeroDivisionError:
        return


def computed(start: float, chain: Chain, form: Format, flushes: bool) -> Iterator[float]:
    if form.name in NUMPY and not flushes:
        kind = NUMPY[form.name]
        with np.errstate(all="ignore"):
            for result in evaluate(
                start,
                chain,
                lambda value: np.array([value], dtype=kind),
                lambda value: np.array([value], dtype=kind),
                np.sqrt,
                np.maximum,
            ):
                assert result.dtype == kind
                yield float(result[0])
        return

    def number(value: float) -> Emulated:
        return Emulated(value, form, flushes)

    for result in evaluate(start, chain, number, number, Emulated.sqrt, Emulated.maximum):
        yield result.value


def check(start: float, chain: Chain, form: Format, *, flushes: bool = False) -> None:
    chain = [
        (name, kind, in_format(value, form) if kind == "array" else value)
        for name, kind, value in chain
    ]
    start = in_format(start, form)
    arithmetic = working(form, flushes=flushes)
    balls = evaluate(
        start,
        chain,
        lambda value: arithmetic.array([value]),
        arithmetic.scalar,
        functions.sqrt,
        functions.maximum,
    )
    exact = exactly(start, chain)
    for ball, value in zip(balls, computed(start, chain, form, flushes), strict=True):
        truth = next(exact, None)
        result = ball.balls[0]
        if truth is None or not math.isfinite(value):
            assert not result.is_finite()
            return
        assert contains(result, truth)
        assert contains(result, real(value))


MODERATE = st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3)


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
@given(start=MODERATE, chain=chains(MODERATE))
def test_chains_of_moderate_numbers(form: Format, start: float, chain: Chain) -> None:
    check(start, chain, form)


@pytest.mark.parametrize("flushes", [False, True], ids=["gradual", "flushing"])
@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
@settings(max_examples=60)
@given(data=st.data())
def test_chains_near_the_ends_of_the_range(name: str, flushes: bool, data: st.DataObject) -> None:
    form = FORMATS[name]
    low, high = form.minimum_exponent - form.bits, form.maximum_exponent
    magnitudes = st.builds(
        lambda sign, significand, exponent: sign * math.ldexp(significand, exponent),
        st.sampled_from([-1, 1]),
        st.floats(0.5, 1.0),
        st.one_of(st.integers(low, low + 8), st.integers(-8, 8), st.integers(high - 8, high)),
    )
    check(data.draw(magnitudes), data.draw(chains(magnitudes)), form, flushes=flushes)


# Sums: in every order.

ELEMENTS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=5)


def pairwise(values: list[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return pairwise(values[:half]) + pairwise(values[half:])


def sequential(values: list[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


def total(values: list[float], arithmetic: Arithmetic) -> Any:
    return arithmetic.array(values).total().ball


@settings(max_examples=30)
@given(values=ELEMENTS)
def test_a_total_covers_every_order_of_summation(values: list[float]) -> None:
    ball = total(values, working("float32"))
    assert contains(ball, sum(map(real, values), MP.mpf(0)))
    for order in itertools.permutations([np.float32(value) for value in values]):
        assert contains(ball, real(float(sequential(list(order)))))
        assert contains(ball, real(float(pairwise(list(order)))))


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 300), decades=st.integers(0, 12))
def test_a_total_covers_numpys_sum(seed: int, size: int, decades: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=size) * 10.0 ** random.uniform(0, decades or 1, size)
    values = values.astype(np.float32)
    ball = total(values.tolist(), working("float32"))
    assert contains(ball, real(float(np.sum(values))))
    assert contains(ball, real(float(sequential(list(values)))))
    assert contains(ball, real(float(sequential(sorted(values)))))


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=6))
def test_a_norm_covers_every_order_of_summation_in_bfloat16(values: list[float]) -> None:
    form = FORMATS["bfloat16"]
    values = [in_format(value, form) for value in values]
    ball = functions.norm(working(form).array(values)).ball
    squares = [Emulated(value, form) ** 2 for value in values]
    for order in itertools.islice(itertools.permutations(squares), 24):
        for result in (sequential(list(order)), pairwise(list(order))):
            assert contains(ball, real(result.sqrt().value))


SMALLEST = FORMATS["float32"].smallest_normal
LARGEST = FORMATS["float32"].largest


def test_a_total_covers_partial_sums_that_are_flushed() -> None:
    # Each pair leaves a quarter of the smallest normal number, which is flushed to zero.
    pairs = [1.5 * SMALLEST, -1.25 * SMALLEST] * 16
    numbers = [Emulated(value, FORMATS["float32"], flushes=True) for value in pairs]
    assert pairwise(numbers).value == 0.0
    assert contains(total(pairs, working("float32", flushes=True)), MP.mpf(0))


def test_a_total_is_undecided_where_a_partial_sum_overflows() -> None:
    values = [LARGEST, LARGEST, -LARGEST, -LARGEST]
    with np.errstate(all="ignore"):
        assert np.isnan(pairwise([np.float32(value) for value in values]))
    assert not total(values, working("float32")).is_finite()


ORDERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "s (n / d)": lambda s, n, d: s * (n / d),
    "(s n) / d": lambda s, n, d: (s * n) / d,
    "(s / d) n": lambda s, n, d: (s / d) * n,
    "(s n) (1 / d)": lambda s, n, d: (s * n) * (1 / d),
}


def step_ratio(kind: type[Any], order: str, drawn: tuple[float, float, float]) -> float:
    """``0 - scale * (numerator / denominator)``, computed in one order, in units of the budget."""
    scale, numerator, denominator = drawn
    quantity = Quantity(
        *(
            descend_quotient(
                arithmetic.array([0.0]),
                arithmetic.array([numerator]),
                arithmetic.array([denominator]),
                arithmetic.scalar(scale),
            )
            for arithmetic in (EXACT, working(kind.__name__))
        )
    )
    with np.errstate(all="ignore"):
        result = kind(0) - ORDERS[order](*(kind(value) for value in drawn))
    return float(quantity.judge([result])[0])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@given(data=st.data(), moderate=st.booleans())
def test_a_scaled_quotient_allows_every_order_of_its_operations(
    kind: type[Any], order: str, data: st.DataObject, moderate: bool
) -> None:
    form = FORMATS[kind.__name__]
    low, high = form.minimum_exponent - form.bits, form.maximum_exponent
    exponents = st.integers(-8, 8) if moderate else st.integers(low, high)
    number = st.tuples(st.floats(0.5, 1.0), exponents).map(
        lambda parts: in_format(math.ldexp(*parts), form)
    )
    ratio = step_ratio(kind, order, data.draw(st.tuples(number, number, number)))
    assert math.isnan(ratio) or ratio <= 1


@pytest.mark.parametrize("order", ORDERS)
def test_an_exact_quotient_still_allows_every_order(order: str) -> None:
    # 49 / 49 is exact, 49 * (1 / 49) is not.
    assert step_ratio(np.float64, order, (1.0, 49.0, 49.0)) <= 1


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_that_overflows_on_the_way_is_not_refused(order: str) -> None:
    # 2**126 / 0.25 is above the largest float32; the quotient comes first in other orders.
    ratio = step_ratio(np.float32, order, (2.0**126, 0.5, 0.25))
    assert math.isnan(ratio) or ratio <= 1


def test_vectors_are_evaluated_element_by_element() -> None:
    arithmetic = working("float32")
    whole = arithmetic.array([1.0, 2.0, 3.0]) / arithmetic.array([3.0, 7.0, 9.0])
    for ball, a, b in zip(whole.balls, (1.0, 2.0, 3.0), (3.0, 7.0, 9.0), strict=True):
        (alone,) = (arithmetic.array([a]) / arithmetic.array([b])).balls
        assert (real(alone), real(alone.rad())) == (real(ball), real(ball.rad()))
    assert isinstance(whole, Balls)
    assert len(whole) == 3
