"""The formulas of line searches against rational arithmetic written straight from the texts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from optcheck.reference import PROCEDURES
from optcheck.reference.balls import Arithmetic
from optcheck.reference.minimizers.line_searches import (
    RATIOS,
    cubic_minimum_of_slopes,
    cubic_minimum_of_values,
    exact_step,
    inner_points,
    quadratic_minimum,
)

CUBICS = [(1, 2, -3), (-1, 2, 1), (3, 1, -2), (-2, 5, 0)]


def cubic(alpha: int, beta: int, center: int):
    """alpha (x - center)**3 + beta (x - center)**2 and its slope: a minimum at the center."""
    return (
        lambda x: alpha * (x - center) ** 3 + beta * (x - center) ** 2,
        lambda x: 3 * alpha * (x - center) ** 2 + 2 * beta * (x - center),
    )


@pytest.mark.parametrize(("alpha", "beta", "center"), CUBICS)
@pytest.mark.parametrize("offsets", [(-0.25, 0.5, 1.0), (0.5, -0.25, -0.75)])
def test_a_cubic_has_its_minimum_where_interpolation_says(alpha, beta, center, offsets) -> None:
    f, g = cubic(alpha, beta, center)
    a, b, c = (center + offset for offset in offsets)
    slopes = cubic_minimum_of_slopes(a, f(a), g(a), b, f(b), g(b), ascending=a < b)
    values = cubic_minimum_of_values(a, f(a), g(a), b, f(b), c, f(c))
    assert slopes == pytest.approx(center, abs=1e-12)
    assert values == pytest.approx(center, abs=1e-12)


def test_the_other_sign_of_the_root_is_the_maximum() -> None:
    f, g = cubic(1, 2, 0)
    maximum = cubic_minimum_of_slopes(-0.5, f(-0.5), g(-0.5), 1.0, f(1.0), g(1.0), ascending=False)
    assert g(maximum) == pytest.approx(0.0, abs=1e-12)
    assert maximum == pytest.approx(-4 / 3)


def test_a_parabola_is_flat_where_interpolation_says() -> None:
    a, b, center = Fraction(-3, 7), Fraction(5, 3), Fraction(2, 9)
    f, g = (lambda x: 3 * (x - center) ** 2 + 1), (lambda x: 6 * (x - center))
    assert quadratic_minimum(a, f(a), g(a), b, f(b)) == center
    assert quadratic_minimum(b, f(b), g(b), a, f(a)) == center


def test_both_formulas_agree_on_a_parabola() -> None:
    f, g = (lambda x: 2 * (x - 0.375) ** 2), (lambda x: 4 * (x - 0.375))
    slopes = cubic_minimum_of_slopes(0.0, f(0.0), g(0.0), 1.0, f(1.0), g(1.0), ascending=True)
    assert slopes == pytest.approx(quadratic_minimum(0.0, f(0.0), g(0.0), 1.0, f(1.0)))


def test_the_exact_step_is_the_minimum_along_the_line() -> None:
    matrix, center = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, -2.0])
    x, d = np.array([4.0, 1.0]), np.array([-1.0, -0.5])
    gradient = matrix @ (x - center)
    best = minimize_scalar(lambda a: (x + a * d - center) @ matrix @ (x + a * d - center))
    assert exact_step(gradient, d, matrix @ d) == pytest.approx(best.x, rel=1e-6)
    steepest = exact_step(gradient, -gradient, -matrix @ gradient)
    assert steepest == pytest.approx((gradient @ gradient) / (gradient @ matrix @ gradient))


def test_ratios_are_those_of_the_figure_and_of_the_golden_section() -> None:
    one = Arithmetic.exact().scalar(1.0)
    thirds, golden = (float(RATIOS[name](one).ball.mid()) for name in RATIOS)
    assert thirds == 2 / 3
    assert golden == (math.sqrt(5) - 1) / 2
    # One of two inner points of the golden section is an inner point of what is kept.
    assert golden**2 == pytest.approx(1 - golden)


def test_what_is_kept_is_the_ratio_of_the_bracket() -> None:
    a, d, ratio = Fraction(1, 3), Fraction(7, 2), Fraction(2, 3)
    b, c = inner_points(a, d, ratio)
    assert (c - a, d - b) == (ratio * (d - a), ratio * (d - a))
    assert (b, c) == (a + (d - a) / 3, d - (d - a) / 3)


def test_the_claimed_dialects_are_there() -> None:
    assert set(PROCEDURES["bracketing"].dialects) == set(RATIOS)
    assert "decrease_factor" not in PROCEDURES["backtracking"].domains("armijo-interpolation")
    assert "decrease_factor" in PROCEDURES["backtracking"].domains("armijo")
