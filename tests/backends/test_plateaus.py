"""Schedules that follow a metric: what their scripts compute, and what optax is not told."""

from __future__ import annotations

import math
from typing import Any

import pytest

from optcheck.backends import FunctionBackend, load_backend
from optcheck.backends.training import ReducesGroups

METRICS = [4.0, 2.0, 2.0, 2.0, math.nan, 2.0, 1.0, 1.0, -math.inf, 1.0]
GIVEN = {
    "initial_rate": 1.0,
    "factor": 0.5,
    "patience": 1.0,
    "cooldown": 1.0,
    "minimal_rate": 0.1875,
}
THRESHOLDS = {"threshold": 0.25, "minimal_change": 1e-8}
MEANS = {"relative_threshold": 0.25, "absolute_threshold": 0.0, "averaged_metrics": 1.0}


def given(rule: Any) -> dict[str, float]:
    return {**GIVEN, **(MEANS if "averaged" in rule.claim.dialect else THRESHOLDS)}


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_scripts_compute_the_rates(name: str) -> None:
    pytest.importorskip(name)
    rules = list(load_backend(name).metric_schedules())
    assert rules
    for rule in rules:
        for dtype in rule.claim.dtypes:
            names: dict[str, Any] = {}
            exec(rule.script(given(rule), METRICS, dtype=dtype), names)
            rates = list(rule.rates(given(rule), METRICS, dtype=dtype))
            assert names["computed"] == rates
            assert rates[0] == 1.0
            # Of two that fall: reduced once, or down to the minimum, as the dialect waits.
            if rule.claim.dialect.startswith("minimum"):
                patient = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
                hasty = [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.1875, 0.1875, 0.1875]
                expected = hasty if "at-patience" in rule.claim.dialect else patient
                assert rates == expected


def test_torch_reduces_each_group_to_its_own_minimum() -> None:
    pytest.importorskip("torch")
    for rule in load_backend("torch").metric_schedules():
        assert isinstance(rule, ReducesGroups)
        groups = [{**given(rule), "minimal_rate": minimum} for minimum in (0.0, 0.4)]
        rates = rule.group_rates(groups, [1.0] * 7, dtype="float64")
        assert [list(each) for each in rates] == [
            [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25],
            [1.0, 1.0, 0.5, 0.5, 0.5, 0.4, 0.4],
        ]


def test_optax_refuses_two_thresholds_of_0() -> None:
    optax = pytest.importorskip("optax")
    (rule,) = load_backend("jax").metric_schedules()
    none = {**given(rule), "relative_threshold": 0.0}
    assert rule.claim.limits(none)
    assert not rule.claim.limits(given(rule))
    with pytest.raises(ValueError, match="At least one"):
        optax.contrib.reduce_on_plateau(rtol=0.0, atol=0.0)


def test_a_plain_function_keeps_what_it_needs_in_its_state() -> None:
    backend = FunctionBackend("mine")

    @backend.metric_schedule("reduce-on-plateau", dialect="minimum+absolute")
    def halve(metric: float, state: dict[str, Any], *, initial_rate: float) -> float:
        state["rate"] = state.get("rate", 2 * initial_rate) / 2
        return float(state["rate"])

    (rule,) = backend.metric_schedules()
    rates = rule.rates({"initial_rate": 1.0}, [1.0] * 3, dtype="float64", saved_after=1)
    assert rates == [1.0, 0.5, 0.25]
