"""Minibatches against counting: every batch that can be drawn, and the misprints refuted."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcheck.reference.sampling.loaders import (
    DIVISIONS,
    MINIBATCHES,
    blocks,
    epochs_after,
    next_example,
)
from optcheck.reference.sampling.minibatches import (
    batch_sums,
    change,
    expected_mean,
    expected_sum,
    of_mean,
    of_one,
    of_parts,
    of_sum,
    spread_of_blocks,
    squared_error,
)

VALUES = st.lists(st.integers(-9, 9).map(Fraction), min_size=2, max_size=6)


def ends(examples: int, size: int) -> list[tuple[int, int]]:
    return [(block[0], block[-1]) for block in blocks(examples, size)]


def test_the_last_block_ends_with_the_data() -> None:
    assert ends(10, 4) == [(1, 4), (5, 8), (9, 10)]
    printed = [(n, n + 4 - 1) for n in range(1, 11, 4)]
    assert printed[-1] == (9, 12)
    assert ends(100, 10)[-1] == (91, 100)


def test_the_cycle_visits_every_example() -> None:
    corrected, printed = [1], [1]
    for _ in range(6):
        corrected.append(next_example(corrected[-1], 5))
        printed.append((printed[-1] + 1) % 5)
    assert corrected == [1, 2, 3, 4, 5, 1, 2]
    assert printed == [1, 2, 3, 4, 0, 1, 2]


@given(st.integers(1, 40), st.integers(1, 45))
def test_blocks_divide_the_examples(examples: int, size: int) -> None:
    assert [n for block in blocks(examples, size) for n in block] == [*range(1, examples + 1)]
    assert len(blocks(examples, size)) == math.ceil(examples / size)
    assert all(len(block) == size for block in blocks(examples, size)[:-1])


def test_one_batch_of_all_is_batch_descent_and_n_of_one_are_stochastic() -> None:
    assert [len(b) for b in blocks(12, 12)] == [12]
    assert [len(b) for b in blocks(12, 1)] == [1] * 12


def test_problem_6_9() -> None:
    assert epochs_after(1000, 20, 100) == 200
    assert epochs_after(3, 4, 10) == Fraction(6, 5)


@pytest.mark.parametrize(
    ("dialect", "sizes"),
    [
        ("in-order", [4, 4, 3]),
        ("in-order+dropped", [4, 4]),
        ("shuffled", [4, 4, 3]),
        ("shuffled+dropped", [4, 4]),
        ("shuffled+padded", [4, 4, 4]),
        ("with-replacement", [4, 4, 3]),
    ],
)
def test_what_becomes_of_eleven_examples(dialect: str, sizes: list[int]) -> None:
    assert DIVISIONS[dialect].sizes(11, 4) == sizes
    assert DIVISIONS[dialect].drawn(11, 4) == sum(sizes)
    assert set(DIVISIONS) == set(MINIBATCHES.dialects)


def test_parts_of_unequal_size_weigh_differently() -> None:
    values = [Fraction(n) for n in range(10)]
    parts = [values[:4], values[4:8], values[8:]]
    means = [of_mean(part) for part in parts]
    assert of_parts(means, [4, 4, 2]) == of_mean(values) == Fraction(9, 2)
    assert float(of_mean(means)) == pytest.approx(5.167, abs=5e-4)


@given(VALUES, st.fractions(0, 1))
def test_the_sum_is_the_mean_at_a_larger_rate(values: list[Fraction], rate: Fraction) -> None:
    assert rate * of_sum(values) == rate * len(values) * of_mean(values)
    assert of_one(values[:1]) == of_mean(values[:1]) == values[0]


def test_estimates_are_generic() -> None:
    vectors = [np.array([1.0, 2.0]), np.array([3.0, 6.0])]
    assert of_mean(vectors).tolist() == [2.0, 4.0]
    assert of_sum(vectors).tolist() == [4.0, 8.0]


def test_the_expected_sum_is_a_quarter_for_three_of_twelve() -> None:
    values = [Fraction(n * n) for n in range(12)]
    sums = [sum(batch) for batch in combinations(values, 3)]
    assert len(sums) == 220
    assert Fraction(sum(sums), 220) == expected_sum(values, 3) == sum(values) / 4


@given(VALUES, st.data())
def test_errors_are_those_of_all_batches(values: list[Fraction], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, min(3, len(values))))
    full = expected_mean(values)
    for replacement, batches in (
        (False, list(combinations(values, size))),
        (True, list(product(values, repeat=size))),
    ):
        means = [of_mean(batch) for batch in batches]
        assert expected_mean(means) == full
        squares = [(mean - full) ** 2 for mean in means]
        assert expected_mean(squares) == squared_error(values, size, replacement=replacement)


def test_the_finite_population_factor() -> None:
    values = [Fraction(n) for n in (3, -1, 4, 1, -5, 9, 2, 6)]
    without, with_it = (squared_error(values, 4, replacement=r) for r in (False, True))
    assert without / with_it == Fraction(8 - 4, 8 - 1)
    assert squared_error(values, 8, replacement=False) == 0
    hundredfold = squared_error(values, 300, replacement=True)
    assert hundredfold * 100 == squared_error(values, 3, replacement=True)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=5), st.data())
def test_chances_of_sums(values: list[int], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, min(3, len(values))))
    for replacement, batches in (
        (False, list(combinations(values, size))),
        (True, list(product(values, repeat=size))),
    ):
        counted = Counter(map(sum, batches))
        expected = {total: Fraction(n, len(batches)) for total, n in counted.items()}
        assert batch_sums(values, size, replacement=replacement) == expected


@given(st.integers(1, 8), st.integers(2, 8))
def test_blocks_of_sorted_data(size: int, count: int) -> None:
    values = [Fraction(n) for n in range(1, size * count + 1)]
    means = [of_mean([values[n - 1] for n in block]) for block in blocks(len(values), size)]
    full = expected_mean(values)
    spread = expected_mean([(mean - full) ** 2 for mean in means])
    assert spread == spread_of_blocks(len(values), size)
    random = squared_error(values, size, replacement=False)
    assert spread == random * Fraction(size * (len(values) + size), len(values) + 1)
    assert spread > random if size > 1 else spread == random


def test_a_step_may_raise_the_loss_of_all() -> None:
    curvatures = [Fraction(2), Fraction(1), Fraction(3)]
    centres = [Fraction(1), Fraction(-4), Fraction(-2)]
    rate = Fraction(1, 10)

    def loss(w: Fraction, batch: range) -> Fraction:
        return sum((curvatures[i] * (w - centres[i]) ** 2 / 2 for i in batch), Fraction(0))

    own, everyone = range(1), range(3)
    slope, full = (
        -curvatures[0] * centres[0],
        -sum(a * b for a, b in zip(curvatures, centres, strict=True)),
    )
    w = -rate * slope
    falls = change(slope, slope, curvatures[0], rate)
    assert falls == loss(w, own) - loss(Fraction(0), own) == -rate * (1 - rate) * slope**2
    rises = change(slope, full, sum(curvatures), rate)
    assert rises == loss(w, everyone) - loss(Fraction(0), everyone)
    assert falls < 0 < rises
