"""The bound on totals is a bound, and not a loose one."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from optcheck.properties.sampling.chances import excess_of_total
from optcheck.properties.statistics import FALSE_ALARM, excess


@pytest.mark.parametrize("count", [0, 5, 30, 61, 80, 130, 200])
def test_a_total_of_coins(count: int) -> None:
    coins = {0.0: 0.7, 1.0: 0.3}
    ratio = excess_of_total(float(count), [(coins, 200)])
    assert ratio == pytest.approx(excess(count, 200, 0.3), rel=1e-4, abs=1e-9)
    tail = min(stats.binom.logsf(count - 1, 200, 0.3), stats.binom.logcdf(count, 200, 0.3))
    bound = ratio * math.log(FALSE_ALARM / 2)
    assert tail <= bound + 1e-9
    assert bound <= tail / 2 + 5.0 if count != 61 else bound <= 0.0


def test_a_difference_of_totals() -> None:
    one, two = {0.0: 0.5, 1.0: 0.5}, {0.0: 0.5, -1.0: 0.5}
    assert excess_of_total(0.0, [(one, 400), (two, 400)]) == 0.0
    far = excess_of_total(200.0, [(one, 400), (two, 400)])
    assert far == pytest.approx(excess(600, 800, 0.5), rel=1e-4)
    assert far == pytest.approx(excess_of_total(-200.0, [(one, 400), (two, 400)]))


def test_what_cannot_be_is_far_beyond() -> None:
    assert excess_of_total(201.0, [({0.0: 0.5, 1.0: 0.5}, 200)]) > 1.0
