"""Rates that follow a metric: the courses of the reference against the rule in fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest

from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic
from optcheck.reference.schedules.plateau import MOST_COURSES, WATCHES, courses

GIVEN = {
    "initial_rate": 1.0,
    "factor": 0.5,
    "patience": 1.0,
    "cooldown": 1.0,
    "minimal_rate": 0.125,
    "threshold": 0.25,
    "minimal_change": 0.0,
    "relative_threshold": 0.25,
    "absolute_threshold": 0.5,
    "averaged_metrics": 2.0,
}


def working(dtype: str) -> Arithmetic:
    bits = FORMATS[dtype].bits
    return Arithmetic.working(
        FORMATS[dtype], scalar_bits=53, step_bits=bits, flushes_subnormals=False
    )


def given(dialect: str, **changed: float) -> dict[str, float]:
    values = {**GIVEN, **changed}
    if "averaged" in dialect:
        del values["minimal_change"]
    return values


def followed(
    dialect: str, metrics: Sequence[float], dtype: str, **changed: float
) -> list[list[float]]:
    every = courses(WATCHES[dialect], given(dialect, **changed), metrics, working(dtype))
    return [course.expected().tolist() for course in every]


def textbook(dialect: str, metrics: Sequence[float], h: Mapping[str, float]) -> list[Fraction]:
    """The rule in words: each metric with the best before it, in exact numbers."""
    sign = 1 if dialect.startswith("minimum") else -1
    rate, best, waited, resting = Fraction(h["initial_rate"]), None, 0, 0
    size = int(h["averaged_metrics"]) if "averaged" in dialect else 1
    rates = []
    for i in range(len(metrics)):
        if (i + 1) % size == 0:
            m = sum(map(Fraction, metrics[i + 1 - size : i + 1])) / size
            relative, absolute = {
                "relative": (h["threshold"], 0.0),
                "absolute": (0.0, h["threshold"]),
                "both": (h["relative_threshold"], h["absolute_threshold"]),
            }[dialect.split("+")[1]]
            better = best is None or sign * (best - m) > Fraction(relative) * abs(best) + Fraction(
                absolute
            )
            best = m if better else best
            waited = 0 if better or resting else waited + 1
            wait = h["patience"] + (0 if "at-patience" in dialect else 1)
            if resting:
                resting -= 1
            elif not better and waited >= wait:
                rate = max(rate * Fraction(h["factor"]), Fraction(h["minimal_rate"]))
                waited, resting = 0, int(h["cooldown"])
        rates.append(rate)
    return rates


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dialect", WATCHES)
def test_the_only_course_is_the_rule_where_all_is_exact(dialect: str, dtype: str) -> None:
    random = np.random.default_rng(3)
    for _ in range(40):
        metrics = random.integers(-8, 9, size=16) / 4
        h = given(dialect, patience=float(random.integers(1, 3)))
        (course,) = courses(WATCHES[dialect], h, metrics.tolist(), working(dtype))
        assert course.expected().tolist() == [float(r) for r in textbook(dialect, metrics, h)]
        assert not np.any(course.allowed())


def test_a_metric_on_the_bar_is_not_better() -> None:
    for metric, reduces in ((0.75, True), (math.nextafter(0.75, 0.0), False)):
        (rates,) = followed("minimum+relative", [1.0, metric], "float64", patience=0.0)
        assert (rates[-1] == 0.5) is reduces


@pytest.mark.parametrize("beyond", [0, 1])
def test_what_rounding_leaves_open_goes_both_ways(beyond: int) -> None:
    """Whichever side of 0.9 a library's own 1 - 0.1 is on, the metric may be better or not."""
    metric = math.nextafter(1.0 - 0.1, 2.0) if beyond else 1.0 - 0.1
    rates = followed("minimum+relative", [1.0, metric], "float64", threshold=0.1, patience=0.0)
    assert sorted(rates) == [[1.0, 0.5], [1.0, 1.0]]
    exact = Fraction(metric) < 1 - Fraction(0.1)
    assert (rates[0] == [1.0, 1.0]) is exact


def test_a_reduction_that_may_be_too_small_goes_both_ways() -> None:
    fall = 0.1 - 0.1 * 0.9
    h = {"factor": 0.9, "initial_rate": 0.1, "patience": 0.0, "minimal_rate": 0.0}
    h["minimal_change"] = fall
    rates = followed("minimum+absolute", [1.0, 1.0], "float64", **h)
    assert sorted(rates) == [[0.1, pytest.approx(0.09)], [0.1, 0.1]]


def test_infinities_are_compared_as_they_are_and_nan_is_never_better() -> None:
    metrics = [math.nan, math.inf, 1.0, math.nan, -math.inf, -math.inf]
    (rates,) = followed("minimum+relative", metrics, "float64", patience=0.0, cooldown=0.0)
    assert rates == [0.5, 0.25, 0.25, 0.125, 0.125, 0.125]
    (rates,) = followed("maximum+relative", metrics, "float64", patience=0.0, cooldown=0.0)
    assert rates == [0.5, 0.5, 0.25, 0.125, 0.125, 0.125]


def test_means_of_infinities_are_not_numbers() -> None:
    dialect = "minimum+both+at-patience+averaged"
    metrics = [math.inf, -math.inf, 1.0, 1.0, math.inf, 0.0]
    (rates,) = followed(dialect, metrics, "float32", cooldown=0.0)
    assert rates == [1.0, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_nothing_is_decided_where_too_much_is_left_open() -> None:
    """A metric at the bar of the best opens a course; one that took it for worse has the next."""
    metrics = [0.9**k for k in range(10)]
    h = {"threshold": 0.1, "patience": 0.0, "cooldown": 0.0, "minimal_rate": 0.0}
    numbers = [len(followed("minimum+relative", metrics[:n], "float32", **h)) for n in range(1, 9)]
    assert numbers == [1, 2, 3, 5, 8, 13, 21, 0]
    assert MOST_COURSES == 32
