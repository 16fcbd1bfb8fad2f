"""The tinygrad adapter: its scripts, its devices, and what it passes on to tinygrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tinygrad", reason="tinygrad is not installed")

from tinygrad.helpers import Context

from optcheck.backends import Case, UnavailableError, load_backend
from optcheck.backends import tinygrad as adapter
from optcheck.reference import METHODS

BACKEND: Any = load_backend("tinygrad")
RULES = {each.claim.name: each for each in BACKEND.update_rules()}


def native(arrays: Sequence[Any]) -> list[Any]:
    return [BACKEND.asarray(each, "float32") for each in arrays]


def flat(arrays: Sequence[Any]) -> list[float]:
    return [float(x) for array in arrays for x in BACKEND.to_numpy(array).ravel()]


def case_of(rule: Any) -> Case:
    domains = METHODS[rule.claim.method].domains(rule.claim.dialect)
    return Case(
        {name: domain.typical[0] for name, domain in domains.items()},
        (np.array([0.5, -0.25]), np.array(1.0), np.zeros((0, 2))),
        tuple((v * np.array([1.0, 0.5]), np.array(v), np.zeros((0, 2))) for v in (0.25, -1.0)),
        "float32",
        (0.5, 0.125),
    )


def run_of(rule: Any, case: Case) -> Any:
    run = rule.start(native(case.parameters), case.hyperparameters, case.learning_rates)
    for gradients in case.gradients:
        run.step(native(gradients))
    return run


@pytest.mark.parametrize("name", RULES)
def test_a_script_computes_what_the_adapter_shows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEV", BACKEND.device)  # which the script sets
    rule = RULES[name]
    case = case_of(rule)
    run = run_of(rule, case)
    for quantity, arrays in {"parameter": run.parameters(), **run.state()}.items():
        names: dict[str, Any] = {}
        exec(rule.script(case, quantity), names)
        assert names["computed"] == flat(arrays)
        assert [array.shape for array in arrays] == [each.shape for each in case.parameters]


def test_the_rate_inside_adds_its_velocity() -> None:
    rule = RULES["momentum/learning-rate-inside"]
    case = case_of(rule).until(1)
    run = run_of(rule, case)
    moved = np.array(flat(run.parameters())) - np.array([0.5, -0.25, 1.0])
    np.testing.assert_allclose(flat(run.state()["velocity"]), moved, rtol=1e-6)


def test_powers_of_the_betas_are_saved() -> None:
    rule = RULES["adam/epsilon-outside-root"]
    case = case_of(rule)
    run = run_of(rule, case)
    copies = native([BACKEND.to_numpy(each) for each in run.parameters()])
    other = rule.resume(run.save(), copies, case.hyperparameters)
    assert flat([other.optimizer.b1_t]) == pytest.approx([0.9**2])
    for each in (run, other):
        each.rates = None
        each.step(native(case.gradients[0]))
    assert flat(run.parameters()) == flat(other.parameters())


def test_a_device_that_does_not_open_is_left_out() -> None:
    assert adapter._usable(("NOWHERE", BACKEND.device), "cpu") == BACKEND.device
    with pytest.raises(LookupError, match="NOWHERE here: install clang"):
        adapter._usable(("NOWHERE",), "cpu")
    with pytest.raises(UnavailableError, match="run with --device cpu"):
        load_backend("tinygrad", "nowhere")


def test_the_device_that_the_user_wants_is_taken() -> None:
    with Context(DEV="PYTHON"):
        assert load_backend("tinygrad").environment() == {"device name": "PYTHON"}
