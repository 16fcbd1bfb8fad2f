"""The torch adapter: its table, its scripts, and what it passes on to torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from optcheck.backends import Case, load_backend  # noqa: E402
from optcheck.backends.interface import CountsSteps, HasGroups  # noqa: E402
from optcheck.backends.torch.table import ROWS, claims  # noqa: E402
from optcheck.reference import METHODS  # noqa: E402

BACKEND: Any = load_backend("torch")
RULES = {rule.claim.name: rule for rule in BACKEND.update_rules()}
ADAM = RULES["adam/epsilon-outside-root (foreach=False)"]
H = {"learning_rate": 0.125, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.01}

COMPILED = [name for name, rule in RULES.items() if "compiled" in rule.claim.options]


def typical(rule: Any) -> dict[str, float]:
    domains = METHODS[rule.claim.method].domains(rule.claim.dialect)
    return {name: domain.typical[0] for name, domain in domains.items()}


def arrays(seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-8, 9, shape) / 8 for shape in ((3,), (2, 2), ()))


def case_of(rule: Any, dtype: str) -> Case:
    rates = (0.5, 0.25, 0.125, 0.0625) if METHODS[rule.claim.method].scheduled else None
    gradients = tuple(arrays(seed) for seed in range(1, 5))
    return Case(typical(rule), arrays(0), gradients, dtype, rates, transposed=True)


def native(values: Sequence[Any], dtype: str = "float32") -> list[Any]:
    return [None if a is None else BACKEND.asarray(a, dtype, transposed=True) for a in values]


def flat(tensors: Sequence[Any]) -> list[float]:
    return [float(x) for tensor in tensors for x in BACKEND.to_numpy(tensor).ravel()]


def shown(rule: Any, case: Case) -> dict[str, list[float]]:
    """What the adapter shows at the end of ``case``."""
    parameters = native(case.parameters, case.dtype)
    run = rule.start(parameters, case.hyperparameters, case.learning_rates)
    for gradients in case.gradients:
        run.step(native(gradients, case.dtype))
    return {"parameter": flat(run.parameters()), **{k: flat(v) for k, v in run.state().items()}}


def computed(script: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(script, "script.py", "exec"), names)
    return names["computed"]


@pytest.mark.parametrize("name", [name for name in RULES if name not in COMPILED])
def test_the_script_of_every_path_computes_what_it_computes(name: str) -> None:
    rule = RULES[name]
    for dtype in rule.claim.dtypes:
        case = case_of(rule, dtype)
        for quantity, numbers in shown(rule, case).items():
            script = rule.script(case, quantity)
            assert "optcheck" not in script
            assert computed(script) == numbers, (quantity, dtype)


# torch's own compiler uses what torch has deprecated.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_step_is_torch_compile_and_no_other() -> None:
    rule = RULES["momentum/learning-rate-outside (compiled=True)"]
    case = case_of(rule, "float32")
    script = rule.script(case, "velocity")
    assert "step = torch.compile(optimizer.step)" in script
    assert ".fill_(" in script
    torch._dynamo.utils.counters.clear()
    run = rule.start(native(case.parameters), case.hyperparameters, case.learning_rates)
    run.step(native(case.gradients[0]))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert computed(script) == shown(rule, case)["velocity"]


def test_a_script_repeats_missing_gradients() -> None:
    first, *others = (arrays(seed) for seed in range(1, 4))
    given = ((first[0], None, first[2]), *others)
    case = Case(H, arrays(0), given, "float32")  # type: ignore[arg-type]
    assert computed(ADAM.script(case, "parameter")) == shown(ADAM, case)["parameter"]


def test_a_script_for_the_gpu_makes_its_tensors_there() -> None:
    from optcheck.backends.torch.update_rules import TorchRule

    row, claim = next(each for each in claims("cuda") if "capturable" in each[1].options)
    rule = TorchRule(claim, row, "cuda")
    script = rule.script(case_of(rule, "float32"), "parameter")
    tensors = script.count("torch.tensor(")
    assert tensors == script.count("device='cuda'") > 0


def test_capturable_paths_are_claimed_on_the_gpu_alone() -> None:
    assert not any("capturable" in claim.options for _, claim in claims("cpu"))
    capturable = {row.optimizer.name for row, c in claims("cuda") if "capturable" in c.options}
    without = {"SGD", "Adagrad"}
    assert capturable == {row.optimizer.name for row in ROWS} - without
    names = [claim.name for _, claim in claims("cuda")]
    assert len(set(names)) == len(names)


def test_each_class_is_claimed_with_autograd_recording_its_step() -> None:
    recorded = {row.optimizer.name for row, c in claims("cpu") if "differentiable" in c.options}
    assert recorded == {row.optimizer.name for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}/{row.dialect}")
def test_documented_defaults_are_those_of_the_class(row: Any) -> None:
    parameter = torch.zeros(1, requires_grad=True)
    given = getattr(torch.optim, row.optimizer.name)([parameter]).defaults
    for keyword, names in row.optimizer.keywords.items():
        ours = (names,) if isinstance(names, str) else names
        theirs = given[keyword] if isinstance(given[keyword], tuple) else (given[keyword],)
        for name, value in zip(ours, theirs, strict=True):
            if name in row.optimizer.defaults:
                assert row.optimizer.defaults[name] == value, keyword


def test_what_is_left_out_is_left_to_torch() -> None:
    run = ADAM.start(native(arrays(0)), {"learning_rate": 0.5})
    (group,) = run.optimizer.param_groups
    assert group["lr"] == 0.5
    assert group["betas"] == (0.9, 0.999)


def test_recorded_steps_run_on_what_autograd_has_computed() -> None:
    rule = next(r for r in RULES.values() if "differentiable" in r.claim.options)
    run = rule.start(native(arrays(0)), typical(rule))
    run.step(native(arrays(1)))
    assert all(not tensor.is_leaf for tensor in run.parameters())
    # The update itself is in the graph, and not the copy alone.
    assert "Clone" not in run.parameters()[0].grad_fn.name()


def test_hyperparameters_are_tensors_where_the_option_says_so() -> None:
    rule = RULES["adam/epsilon-outside-root (foreach=False, tensor_hyperparameters=True)"]
    run = rule.start(native(arrays(0)), H, (0.25, 0.0625))
    (group,) = run.optimizer.param_groups
    rate = group["lr"]
    assert isinstance(rate, torch.Tensor)
    assert all(isinstance(beta, torch.Tensor) for beta in group["betas"])
    run.step(native(arrays(1)))
    run.step(native(arrays(2)))
    assert group["lr"] is rate
    assert rate.item() == 0.0625


def test_a_missing_gradient_leaves_parameter_and_state_alone() -> None:
    run = ADAM.start(native(arrays(0)), H)
    gradients = arrays(1)
    run.step(native((gradients[0], None, gradients[2])))
    assert flat(run.parameters()[1:2]) == arrays(0)[1].ravel().tolist()
    assert run.state() == {}
    run.step(native(arrays(2)))
    assert set(run.state()) == {"first_moment", "second_moment"}
    assert run.count() == 2


def test_the_count_is_restored_and_goes_on() -> None:
    run = ADAM.start(native(arrays(0)), H)
    assert isinstance(run, CountsSteps)
    assert run.count() is None
    run.step(native(arrays(1)))
    run.set_count(2047)
    run.step(native(arrays(2)))
    assert run.count() == 2048
    assert {state["step"].dtype for state in run.optimizer.state.values()} == {torch.float32}


def test_gradient_descent_keeps_no_count() -> None:
    run = RULES["momentum/learning-rate-outside (foreach=False)"].start(
        native(arrays(0)), {"learning_rate": 0.5, "momentum": 0.5}
    )
    run.step(native(arrays(1)))
    assert run.count() is None


@pytest.mark.parametrize(
    "name", ["adam/epsilon-outside-root (foreach=True)", "nesterov/shifted (foreach=False)"]
)
def test_groups_have_hyperparameters_of_their_own(name: str) -> None:
    rule = RULES[name]
    assert isinstance(rule, HasGroups)
    h = typical(rule)
    others = {**h, "learning_rate": 7 * h["learning_rate"]}
    run = rule.start_groups([(native(arrays(0)), h), (native(arrays(3)), others)])
    run.step(native((*arrays(1), *arrays(2))))
    expected = []
    for start, gradient, each in ((0, 1, h), (3, 2, others)):
        alone = rule.start(native(arrays(start)), each)
        alone.step(native(arrays(gradient)))
        expected += flat(alone.parameters())
    assert flat(run.parameters()) == expected


def test_complex_arrays_cross_the_border() -> None:
    values = np.array([3 + 4j, 1 - 1j])
    tensor = BACKEND.asarray(values, "complex64")
    assert BACKEND.dtype(tensor) == "complex64"
    back = BACKEND.to_numpy(tensor)
    assert back.dtype == np.complex128
    assert np.array_equal(back, values)
