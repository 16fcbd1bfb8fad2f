"""The pytorch_optimizer adapter: its table, its scripts, and how the library keeps its state."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

library = pytest.importorskip(
    "pytorch_optimizer", reason="pytorch_optimizer is not installed", exc_type=ImportError
)

from optcheck.backends import Case, load_backend  # noqa: E402
from optcheck.backends.pytorch_optimizer import ROWS  # noqa: E402
from optcheck.reference import METHODS, SCHEDULES  # noqa: E402

BACKEND: Any = load_backend("pytorch_optimizer")
RULES = {rule.claim.name: rule for rule in BACKEND.update_rules()}
ADAMAX = RULES["adamax/epsilon-in-maximum (foreach=False)"]


def case_of(rule: Any) -> Case:
    domains = METHODS[rule.claim.method].domains(rule.claim.dialect)
    draws = np.random.default_rng(0).integers(-8, 9, (4, 2, 2)) / 8
    gradients = tuple((each,) for each in draws[1:])
    typical = {name: domain.typical[0] for name, domain in domains.items()}
    return Case(typical, (draws[0],), gradients, "float32", (0.5, 0.25, 0.125))


def run_of(rule: Any, case: Case) -> Any:
    start = [BACKEND.asarray(array, "float32") for array in case.parameters]
    run = rule.start(start, case.hyperparameters, case.learning_rates)
    for (gradient,) in case.gradients:
        run.step([BACKEND.asarray(gradient, "float32")])
    return run


def computed(source: str) -> Any:
    assert "optcheck" not in source
    names: dict[str, Any] = {}
    exec(source, names)
    return names["computed"]


@pytest.mark.parametrize("name", RULES)
def test_scripts_compute_what_the_adapter_computes(name: str) -> None:
    case = case_of(RULES[name])
    run = run_of(RULES[name], case)
    for quantity, tensors in {"parameter": run.parameters(), **run.state()}.items():
        shown = [float(x) for tensor in tensors for x in BACKEND.to_numpy(tensor).ravel()]
        assert computed(RULES[name].script(case, quantity)) == shown


@pytest.mark.parametrize("rule", BACKEND.schedules(), ids=lambda rule: rule.claim.name)
def test_scripts_of_schedules_compute_their_rates(rule: Any) -> None:
    domains = SCHEDULES[rule.claim.method].hyperparameters
    h = {name: domain.typical[-1] for name, domain in domains.items()} | rule.claim.fixed
    assert computed(rule.script(h, 5)) == list(rule.rates(h, 5))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}/{row.dialect}")
def test_documented_defaults_are_those_of_the_class(row: Any) -> None:
    signature = inspect.signature(getattr(library, row.optimizer.name))
    assert set(row.given) <= set(signature.parameters)
    for keyword, names in row.optimizer.keywords.items():
        default = signature.parameters[keyword].default
        pairs = [(names, default)] if isinstance(names, str) else zip(names, default, strict=True)
        for name, value in pairs:
            assert row.optimizer.defaults.get(name, value) == value


def test_the_count_of_a_group_is_restored_and_goes_on() -> None:
    run = run_of(ADAMAX, case_of(ADAMAX))
    assert run.count() == 3
    run.set_count(41)
    run.learning_rates = None
    run.step([BACKEND.asarray(np.ones((2, 2)), "float32")])
    assert run.count() == 42


def test_keywords_that_are_no_options_of_groups_go_to_the_class() -> None:
    rule = RULES["adamax/epsilon-in-maximum+maximize (foreach=False)"]
    h = {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.5, "epsilon": 0.0}
    run = rule.start_groups([([BACKEND.asarray(np.zeros(1), "float32")], h)])
    run.step([BACKEND.asarray(np.ones(1), "float32")])
    assert BACKEND.to_numpy(run.parameters()[0]).tolist() == [0.5]


def test_both_paths_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(
        library.AdaMax, "_step_foreach", lambda *args, **given: taken.append("lists")
    )
    monkeypatch.setattr(
        library.AdaMax, "_step_per_param", lambda *args, **given: taken.append("one by one")
    )
    for name in ("foreach=False", "foreach=True"):
        rule = RULES[f"adamax/epsilon-in-maximum ({name})"]
        run_of(rule, case_of(rule))
    assert taken == ["one by one"] * 3 + ["lists"] * 3
