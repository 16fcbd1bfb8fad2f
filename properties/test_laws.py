"""The laws as tests: ``pytest --pyargs optcheck.properties --backend torch``."""

from __future__ import annotations

import json

import pytest

from optcheck.properties.execute import Profile, execute
from optcheck.properties.known import KnownDeviation, judge
from optcheck.properties.units import Unit


def test_law(
    unit: Unit,
    optcheck_profile: Profile,
    optcheck_seed: int,
    optcheck_known: list[KnownDeviation],
    request: pytest.FixtureRequest,
) -> None:
    """One law, asked of one implementation in one dtype."""
    outcome = judge(unit, execute(unit, optcheck_profile, optcheck_seed), optcheck_known)
    request.node.user_properties.append(("optcheck", json.dumps(outcome.to_dict())))
    if outcome.verdict == "unsupported":
        pytest.skip(outcome.message)
    if outcome.verdict not in ("pass", "known"):
        report = f"{outcome.verdict}: {outcome.message}"
        if outcome.counterexample is not None:
            report += f"\n\ncounterexample: {outcome.counterexample}"
        if outcome.reproduce is not None:
            report += f"\n\nreproduce with:\n\n{outcome.reproduce}"
        pytest.fail(report, pytrace=False)
