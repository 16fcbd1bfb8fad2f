"""Quadratics and factorisations in rational numbers, and the constants of their rounding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference.surfaces.factorizations import Allowed, gamma
from optcheck.reference.surfaces.quadratics import (
    Prescribed,
    condition_number,
    contour_axis,
    independent_elements,
    monomials,
)

Vector = list[Fraction]
SINGLE = 2.0**-24

normals = st.lists(st.integers(-2, 2), min_size=1, max_size=8).filter(any).map(tuple)


@st.composite
def prescribed(draw: st.DrawFn, lowest: int = -64) -> Prescribed:
    normal = draw(normals)
    multiples = st.lists(st.integers(lowest, 64), min_size=len(normal), max_size=len(normal))
    return Prescribed(tuple(sorted(draw(multiples))), normal, draw(st.integers(-20, 20)))


def fractions(values: Sequence[float]) -> Vector:
    return [Fraction(value) for value in values]


def inner(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def rows(each: Prescribed) -> list[Vector]:
    return [fractions(row) for row in each.matrix]


def times(matrix: Sequence[Vector], v: Sequence[Fraction]) -> Vector:
    return [inner(row, v) for row in matrix]


def unit_axes(each: Prescribed) -> list[Vector]:
    return [[Fraction(element, each.length) for element in axis] for axis in each.axes]


def drawn(seed: int, count: int) -> Vector:
    return fractions(np.random.default_rng(seed).integers(-40, 40, count) / 8)


# Matrices with a known spectrum.


@given(prescribed())
@settings(max_examples=50)
def test_the_spectrum_is_the_prescribed_one(each: Prescribed) -> None:
    axes, eigenvalues = unit_axes(each), fractions(each.eigenvalues)
    indices = range(each.order)
    assert all(inner(axes[i], axes[j]) == (i == j) for i in indices for j in indices)
    for axis, eigenvalue in zip(axes, eigenvalues, strict=True):
        assert times(rows(each), axis) == [eigenvalue * element for element in axis]
    assert eigenvalues == sorted(eigenvalues)


@given(prescribed())
@settings(max_examples=50)
def test_entries_are_integers_of_few_bits(each: Prescribed) -> None:
    whole = np.ldexp(each.matrix, -each.exponent)
    assert np.array_equal(whole, np.rint(whole))
    assert np.max(np.abs(whole)) <= each.length**2 * max(map(abs, each.multiples))


def test_the_largest_ones_fit_a_format() -> None:
    normal = (1,) * 7 + (2,)
    for bits, multiple in ((24, 2**16), (53, 2**45)):
        largest = Prescribed((-multiple, *range(1, 7), multiple), normal)
        assert largest.length**2 * multiple < 2**bits


# Identities.


@given(prescribed(), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_an_error_in_eigencoordinates(each: Prescribed, seed: int) -> None:
    z, h = drawn(seed, each.order), rows(each)
    alpha = [inner(axis, z) for axis in unit_axes(each)]
    squares = zip(fractions(each.eigenvalues), alpha, strict=True)
    assert inner(z, times(h, z)) == sum(eigenvalue * a**2 for eigenvalue, a in squares)
    assert inner(alpha, alpha) == inner(z, z)
    parts = zip(alpha, unit_axes(each), strict=True)
    expansion = [[a * element for element in axis] for a, axis in parts]
    assert [sum(column) for column in zip(*expansion, strict=True)] == z
    assert inner(z, times(h, z)) >= Fraction(each.eigenvalues[0]) * inner(z, z)


@given(prescribed(lowest=1), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_a_quadratic_about_its_minimum(each: Prescribed, seed: int) -> None:
    h, center, w = rows(each), drawn(seed, each.order), drawn(seed + 1, each.order)
    b = [-element for element in times(h, center)]
    z = [x - c for x, c in zip(w, center, strict=True)]

    def error(x: Vector) -> Fraction:
        return inner(b, x) + inner(x, times(h, x)) / 2

    assert error(w) == error(center) + inner(z, times(h, z)) / 2


@pytest.mark.parametrize("multiples", [(1, 2), (-3, 2), (0, 0)])
def test_no_matrix_is_positive_definite_as_printed(multiples: tuple[int, int]) -> None:
    each = Prescribed(multiples, (1, 2))
    nothing = [Fraction(0)] * 2
    assert inner(nothing, times(rows(each), nothing)) == 0


def test_a_contour_is_reached_along_each_axis() -> None:
    each = Prescribed((1, 4, 9), (1, 1, 1))
    for eigenvalue in each.eigenvalues:
        reached = contour_axis(2.0, eigenvalue)
        assert eigenvalue * reached**2 / 2.0 == pytest.approx(2.0, rel=1e-15)
    first, *_, last = (contour_axis(2.0, eigenvalue) for eigenvalue in each.eigenvalues)
    assert first / last == pytest.approx(3.0, rel=1e-15)


def test_a_condition_number_is_of_absolute_eigenvalues() -> None:
    assert condition_number([-8.0, 2.0, 4.0]) == 4.0
    assert condition_number([0.0, 1.0]) == math.inf
    matrix = Prescribed((-7, 1, 3), (1, 2, 0)).matrix
    assert condition_number([-7.0, 1.0, 3.0]) == pytest.approx(np.linalg.cond(matrix, 2))


@given(prescribed(lowest=1), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_noise_is_amplified_by_the_condition_number(each: Prescribed, seed: int) -> None:
    inverse = np.linalg.inv(each.matrix)
    kappa = condition_number(each.eigenvalues.tolist())

    def amplification(g: npt.ArrayLike, noise: npt.ArrayLike) -> float:
        size = np.linalg.norm
        return float(size(inverse @ noise) / size(inverse @ g) / (size(noise) / size(g)))

    g, noise = np.random.default_rng(seed).standard_normal((2, each.order))
    assert amplification(g, noise) <= kappa * (1.0 + 1e-9)
    assert amplification(each.axes[-1], each.axes[0]) == pytest.approx(kappa)


# What is needed to know a quadratic.


@pytest.mark.parametrize("variables", range(1, 21))
def test_independent_elements_are_counted(variables: int) -> None:
    pairs = {tuple(sorted(pair)) for pair in itertools.product(range(variables), repeat=2)}
    assert independent_elements(variables) == variables + len(pairs)
    assert len(monomials(variables)) == independent_elements(variables) + 1


def rank(points: Sequence[Sequence[int]]) -> int:
    """Of the values at ``points`` of all monomials."""
    powers = monomials(len(points[0]))
    table = [
        [fmpq(math.prod(x**p for x, p in zip(point, each, strict=True))) for each in powers]
        for point in points
    ]
    return int(fmpq_mat(table).rank())


@pytest.mark.parametrize("variables", range(1, 6))
def test_so_many_values_and_not_one_fewer(variables: int) -> None:
    random = np.random.default_rng(variables)
    needed = independent_elements(variables) + 1
    points = random.integers(-50, 50, (2 * needed, variables)).tolist()
    assert rank(points[:needed]) == needed
    assert rank(points[: needed - 1]) == needed - 1
    assert rank(points) == needed


@pytest.mark.parametrize("variables", range(1, 6))
def test_so_many_gradients_and_not_one_fewer(variables: int) -> None:
    random = np.random.default_rng(variables)
    points = random.integers(-50, 50, (variables + 1, variables)).tolist()
    unknowns = monomials(variables)[1:]

    def slope(point: Sequence[int], powers: Sequence[int], i: int) -> int:
        """The derivative of a monomial in variable ``i``."""
        lowered = [p - (j == i) for j, p in enumerate(powers)]
        if powers[i] == 0:
            return 0
        return powers[i] * math.prod(x**p for x, p in zip(point, lowered, strict=True))

    def known(count: int) -> int:
        equations = itertools.product(points[:count], range(variables))
        table = [[fmpq(slope(point, p, i)) for p in unknowns] for point, i in equations]
        return int(fmpq_mat(table).rank())

    assert known(variables + 1) == independent_elements(variables)
    assert known(variables) == independent_elements(variables) - 1


# Rounding.


def test_a_rotation_rounds_no_more_than_its_theorem_says() -> None:
    random = np.random.default_rng(0)
    worst = 0.0
    for a, b, x, y in random.standard_normal((2000, 4)).astype(np.float32):
        hypotenuse = np.sqrt(a * a + b * b)
        c, s = a / hypotenuse, b / hypotenuse
        rotated = np.array([c * x + s * y, c * y - s * x], np.float64)
        exact = float(np.hypot(np.float64(a), np.float64(b)))
        p, q = float(a) / exact, float(b) / exact
        right = np.array([p * float(x) + q * float(y), p * float(y) - q * float(x)])
        worst = max(worst, float(np.linalg.norm(rotated - right) / np.hypot(float(x), float(y))))
    assert SINGLE < worst <= math.sqrt(2.0) * gamma(6, SINGLE)


@pytest.mark.parametrize("order", [2, 5, 8])
def test_a_reflection_rounds_no_more_than_its_theorem_says(order: int) -> None:
    random = np.random.default_rng(order)

    def reflected(x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> npt.NDArray:
        beta = -np.copysign(np.sqrt(np.sum(x * x)), x[0])
        tau, v = (beta - x[0]) / beta, x / (x[0] - beta)
        v[0] = 1
        return y - tau * v * np.sum(v * y)

    worst = 0.0
    for x, y in random.standard_normal((500, 2, order)).astype(np.float32):
        exact = reflected(x.astype(np.float64), y.astype(np.float64))
        off = np.linalg.norm(reflected(x, y) - exact) / np.linalg.norm(exact)
        worst = max(worst, float(off))
    assert SINGLE < worst <= gamma(8 * order + 30, SINGLE)


def textbook_cholesky(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    lower = np.zeros_like(matrix)
    for j in range(len(matrix)):
        pivot = matrix[j, j] - np.sum(lower[j, :j] ** 2)
        if not pivot > 0:
            return None
        lower[j, j] = np.sqrt(pivot)
        for i in range(j + 1, len(matrix)):
            lower[i, j] = (matrix[i, j] - np.sum(lower[i, :j] * lower[j, :j])) / lower[j, j]
    return lower


@given(prescribed(lowest=1))
@settings(max_examples=50)
def test_cholesky_rounds_no_more_than_its_theorem_says(each: Prescribed) -> None:
    lower = textbook_cholesky(each.matrix.astype(np.float32))
    assert lower is not None
    exact = lower.astype(np.float64)
    size = np.abs(exact) @ np.abs(exact).T
    allowed = Allowed(each.order, SINGLE)
    assert np.all(np.abs(exact @ exact.T - each.matrix) <= allowed.cholesky * size)


def test_cholesky_is_sure_beyond_its_margin() -> None:
    # The smallest eigenvalue is 2**-k of the largest, of either sign.
    undecided = 0
    for k in range(4, 24):
        for sign in (-1, 1):
            largest = np.ldexp(1.0, k)
            half = (largest + sign) / 2.0
            matrix = np.array([[half, (largest - sign) / 2.0], [(largest - sign) / 2.0, half]])
            found = textbook_cholesky(matrix.astype(np.float32)) is not None
            if Allowed(2, SINGLE).definiteness * half < 1.0:
                assert found == (sign > 0)
            else:
                undecided += 1
    assert undecided


def test_a_whole_decomposition_stays_far_below_its_bound() -> None:
    each = Prescribed((-40, -3, 1, 1, 17, 60, 61, 64), (1, -1, 1, 1, -1, 1, 1, 1))
    allowed = Allowed(8, 2.0**-53)
    eigenvalues, vectors = np.linalg.eigh(each.matrix)
    off = np.max(np.abs(eigenvalues - each.eigenvalues))
    assert off <= allowed.backward * each.frobenius
    skewed = np.linalg.norm(vectors.T @ vectors - np.eye(8))
    assert skewed <= allowed.orthonormality
    # Single precision is above it.
    assert allowed.orthonormality < SINGLE
