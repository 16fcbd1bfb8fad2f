"""The laws as tests: ``pytest --pyargs optcheck.properties --backend torch``."""

from __future__ import annotations

import json

import pytest

from optcheck.properties.gate import Gate, failure_text
from optcheck.properties.units import Unit


def test_law(unit: Unit, optcheck_gate: Gate, request: pytest.FixtureRequest) -> None:
    """One law, asked of one implementation in one dtype."""
    outcome = optcheck_gate.ask(unit)
    request.node.user_properties.append(("optcheck", json.dumps(outcome.to_dict())))
    if outcome.verdict == "unsupported":
        pytest.skip(outcome.message)
    if outcome.verdict not in ("pass", "known"):
        pytest.fail(failure_text(outcome), pytrace=False)
