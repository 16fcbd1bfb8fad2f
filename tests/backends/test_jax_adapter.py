"""The optax adapter: its table, its scripts, and what it passes on to optax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="jax is not installed")
pytest.importorskip("optax", reason="optax is not installed")

from optcheck.backends import Case, load_backend  # noqa: E402
from optcheck.backends.interface import CountsSteps, HasGroups  # noqa: E402
from optcheck.backends.jax.table import ROWS  # noqa: E402
from optcheck.reference import METHODS  # noqa: E402

BACKEND: Any = load_backend("jax")
RULES = {rule.claim.name: rule for rule in BACKEND.update_rules()}
ADAM = RULES["adam/epsilon-outside-root (jit=False)"]
INJECTED = RULES["adam/epsilon-outside-root (jit=True, wrapper=inject_hyperparams)"]
ACCUMULATION = RULES["gradient-accumulation/mean (jit=True)"]
H = {"learning_rate": 0.125, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.01}

# The first path of every dialect, and every way to build or run Adam.
SCRIPTED = {
    **{(rule.claim.method, rule.claim.dialect): name for name, rule in reversed(RULES.items())},
    **{name: name for name in RULES if name.startswith("adam/epsilon-outside-root")},
}


@pytest.fixture(autouse=True)
def _x64_as_it_was() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    yield
    jax.config.update("jax_enable_x64", before)


def native(values: Sequence[Any], dtype: str = "float32") -> list[Any]:
    return [BACKEND.asarray(np.asarray(value), dtype) for value in values]


def flat(arrays: Sequence[Any]) -> list[float]:
    return [float(x) for array in arrays for x in BACKEND.to_numpy(array).ravel()]


def case_of(rule: Any, dtype: str) -> Case:
    method = METHODS[rule.claim.method]
    domains = method.domains(rule.claim.dialect)
    return Case(
        {name: domain.typical[0] for name, domain in domains.items()},
        (np.array([0.5, -0.25]),),
        tuple((value * np.array([1.0, 0.5]),) for value in (0.25, -1.0, 2.0, 0.125)),
        dtype,
        (0.5, 0.25, 0.125, 0.0625) if method.scheduled else None,
    )


def run_of(rule: Any, case: Case) -> Any:
    parameters = native(case.parameters, case.dtype)
    run = rule.start(parameters, case.hyperparameters, case.learning_rates)
    for gradients in case.gradients:
        run.step(native(gradients, case.dtype))
    return run


def computed(script: str) -> Any:
    names: dict[str, Any] = {}
    exec(script, names)
    return names["computed"]


@pytest.mark.parametrize("name", SCRIPTED.values())
def test_a_script_computes_what_the_adapter_shows(name: str) -> None:
    rule = RULES[name]
    case = case_of(rule, "float32")
    run = run_of(rule, case)
    for quantity, arrays in {"parameter": run.parameters(), **run.state()}.items():
        assert computed(rule.script(case, quantity)) == flat(arrays), quantity


@pytest.mark.parametrize("rule", [ADAM, ACCUMULATION], ids=["adam", "accumulation"])
def test_a_script_in_float64_runs_with_x64(rule: Any) -> None:
    case = case_of(rule, "float64")
    assert computed(rule.script(case, "parameter")) == flat(run_of(rule, case).parameters())


def test_a_script_leaves_out_what_the_run_leaves_out() -> None:
    script = ADAM.script(Case({"learning_rate": 0.1}, (), (), "float32"), "parameter")
    assert "optimizer = optax.adam(learning_rate)\n" in script


def test_every_expression_uses_the_hyperparameters_of_its_dialect() -> None:
    for row in ROWS:
        names = set(METHODS[row.method].domains(row.dialect))
        assert names <= set(re.findall(r"\w+", row.expression)), row
        assert set(row.defaults) <= names, row
        if row.short is not None:
            needed = names - set(row.defaults)
            assert needed <= set(re.findall(r"\w+", row.short)), row


def test_defaults_are_left_out_together() -> None:
    with pytest.raises(TypeError, match="leave out all of beta1, beta2, epsilon or none"):
        ADAM.start(native([1.0]), {"learning_rate": 0.1, "beta1": 0.5})


def test_a_schedule_of_accumulation_is_read_when_an_update_is_due() -> None:
    h = {**H, "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0, "accumulation_steps": 2.0}
    run = ACCUMULATION.start(native([0.0]), h, (9.0, 0.5, 9.0, 0.25))
    seen = []
    for _ in range(4):
        run.step(native([1.0]))
        seen += flat(run.parameters())
    assert seen == [0.0, -0.5, -0.5, -0.75]


def test_groups_show_their_state_in_the_order_of_their_parameters() -> None:
    assert isinstance(ADAM, HasGroups)
    one, two, three = native([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    run = ADAM.start_groups([([one], H), ([two, three], {**H, "beta1": 0.75})])
    run.step([one, two, three])
    assert flat(run.state()["first_moment"]) == [0.5, 0.5, 0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize("rule", [ADAM, INJECTED], ids=["plain", "injected"])
def test_every_count_is_restored(rule: Any) -> None:
    ends = []
    for count in (1, 300):
        run = rule.start(native([0.0]), H | {"beta2": 0.999})
        run.step(native([1.0]))
        assert isinstance(run, CountsSteps)
        run.set_count(count)
        run.step(native([0.5]))
        assert run.count() == count + 1
        ends.append(flat(run.parameters()))
    # The corrections of step 301 are other than those of step 2.
    assert ends[0] != ends[1]


def test_what_is_not_the_number_of_steps_is_not_shown_as_a_count() -> None:
    run = ACCUMULATION.start(native([0.0]), {**H, "accumulation_steps": 2.0})
    assert run.count() is None
    assert (
        RULES["rprop/irprop-minus (jit=False)"]
        .start(native([0.0]), {"learning_rate": 0.1})
        .count()
        is None
    )


def test_ascent_does_not_show_the_trace_whose_sign_is_another() -> None:
    rule = RULES["maximize/plain (jit=False)"]
    run = rule.start(native([0.0]), {"learning_rate": 0.5, "momentum": 0.5})
    run.step(native([1.0]))
    assert flat(run.parameters()) == [0.5]
    assert run.state() == {}


def test_complex_arrays_cross_the_border() -> None:
    values: Any = np.array([3 + 4j, 1 - 1j])
    array = BACKEND.asarray(values, "complex64")
    assert BACKEND.dtype(array) == "complex64"
    back = BACKEND.to_numpy(array)
    assert back.dtype == np.complex128
    assert np.array_equal(back, values)
