"""Counting false alarms over many seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optcheck.backends import load_backend
from optcheck.properties import PROFILES, execute, units
from optcheck.properties.law import Deviation
from optcheck.suites import statistics
from optcheck.suites.statistics import Campaign, run

QUICK = Campaign(("numpy",), "quick", "law:noise-floor method:nesterov")


def test_a_campaign_sees_what_single_runs_see() -> None:
    every = [u for u in units([load_backend("numpy")]) if u.matches(QUICK.select) and u.subject]
    alone = [execute(unit, PROFILES["quick"], seed) for unit in every for seed in range(3)]
    ((block, tallies),) = run(QUICK, range(3), jobs=1)
    assert list(block) == [0, 1, 2]
    assert sum(each.asked for each in tallies) == len(alone) > 0
    assert max(each.worst for each in tallies) == max(each.worst_ratio or 0.0 for each in alone)
    assert not any(each.alarms for each in tallies)


def test_an_alarm_names_its_unit_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def deviates(subject: object, data: object) -> float:
        raise Deviation("is wrong")

    (key, unit), *_ = statistics._asked(QUICK).items()
    wrong = replace(unit, law=replace(unit.law, check=deviates))
    monkeypatch.setattr(statistics, "_asked", lambda campaign: {key: wrong})
    tally = statistics._ask(QUICK, (key, range(5, 7)))
    assert tally.alarms == (f"{key} with seed 5: is wrong", f"{key} with seed 6: is wrong")
