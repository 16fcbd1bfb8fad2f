"""The MLX adapter: its scripts, and what it passes on to MLX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

mx = pytest.importorskip("mlx.core", reason="mlx is not installed")

from optcheck.backends import Case, UnavailableError, load_backend  # noqa: E402
from optcheck.backends.layers import Layer  # noqa: E402
from optcheck.reference import CLIPPINGS, METHODS, SCHEDULES  # noqa: E402

BACKEND: Any = load_backend("mlx")
# What is compiled waits for a C++ compiler, and is asked in the profile thorough.
RULES = {each.claim.name: each for each in BACKEND.update_rules() if not each.claim.options}
ADAM = RULES["adam/epsilon-outside-root"]
INITIALIZERS = {each.claim.name: each for each in BACKEND.initializers()}


def usual(record: Any, claim: Any) -> dict[str, float]:
    domains = record.domains(claim.dialect) if record.id in METHODS else record.hyperparameters
    return {**{name: domain.typical[0] for name, domain in domains.items()}, **claim.fixed}


def case_of(rule: Any, dtype: str) -> Case:
    nothing = np.zeros((0, 2))
    return Case(
        usual(METHODS[rule.claim.method], rule.claim),
        (np.array([[0.5, -0.25], [1.0, 2.0]]), nothing),
        tuple((np.array([[1.0, 0.5], [v, 0.25]]) * v, nothing) for v in (0.25, -1.0, 2.0)),
        dtype,
        (0.5, 0.25, 0.125),
        transposed=True,
    )


def native(arrays: Sequence[Any], dtype: str) -> list[Any]:
    return [BACKEND.asarray(each, dtype, transposed=True) for each in arrays]


def run_of(rule: Any, case: Case) -> Any:
    run = rule.start(
        native(case.parameters, case.dtype), case.hyperparameters, case.learning_rates
    )
    for gradients in case.gradients:
        run.step(native(gradients, case.dtype))
    return run


def flat(arrays: Sequence[Any]) -> list[float]:
    return [float(x) for array in arrays for x in BACKEND.to_numpy(array).ravel()]


def computed(script: str) -> Any:
    names: dict[str, Any] = {}
    exec(script, names)
    return names["computed"]


@pytest.mark.parametrize("name", RULES)
def test_a_script_computes_what_the_adapter_shows(name: str) -> None:
    rule = RULES[name]
    for dtype in rule.claim.dtypes:
        case = case_of(rule, dtype)
        run = run_of(rule, case)
        for quantity, arrays in {"parameter": run.parameters(), **run.state()}.items():
            assert computed(rule.script(case, quantity)) == flat(arrays)


def test_a_compiled_step_is_printed_as_one() -> None:
    compiled = next(each for each in BACKEND.update_rules() if each.claim.options)
    case = case_of(compiled, "float32")
    wrapped = "mx.compile(optimizer.apply_gradients, optimizer.state, optimizer.state)"
    printed = compiled.script(case, "parameter")
    assert wrapped in printed
    plain = printed.replace(wrapped, "optimizer.apply_gradients")
    assert plain == ADAM.script(case, "parameter")


@pytest.mark.parametrize("rule", BACKEND.schedules(), ids=lambda rule: rule.claim.method)
def test_a_schedule_computes_what_its_script_computes(rule: Any) -> None:
    h = usual(SCHEDULES[rule.claim.method], rule.claim)
    assert computed(rule.script(h, 5)) == rule.rates(h, 5)
    assert rule.resumed(h, 2, 3, "count") == rule.rates(h, 5)[2:]


@pytest.mark.parametrize("rule", BACKEND.clippings(), ids=lambda rule: rule.claim.method)
def test_clipping_computes_what_its_script_computes(rule: Any) -> None:
    h = usual(CLIPPINGS[rule.claim.method], rule.claim)
    gradients = [np.array([3.0, -4.0]), np.array([[0.5]]), np.zeros((0, 2))]
    clipped = rule.clip([BACKEND.asarray(each, "float32") for each in gradients], h)
    assert computed(rule.script(gradients, h, "float32")) == flat(clipped)


@pytest.mark.parametrize("name", ["adagrad/epsilon-outside-root", "nesterov/shifted"])
def test_what_is_refused_is_refused_by_mlx(name: str) -> None:
    rule = RULES[name]
    key = "epsilon" if "adagrad" in name else "momentum"
    h = {**usual(METHODS[rule.claim.method], rule.claim), key: 0.0}
    assert "MLX refuses" in rule.claim.limits(h)
    with pytest.raises(ValueError, match=r"(?i)epsilon|momentum"):
        rule.start([mx.zeros(1)], h)


def test_a_count_is_that_of_the_next_correction() -> None:
    case = replace(case_of(ADAM, "float32"), learning_rates=None)
    run = run_of(ADAM, case)
    assert run.count() == 3
    run.set_count(2**24)
    run.step(native(case.gradients[0], "float32"))
    assert run.count() == 2**24 + 1


def test_without_momentum_no_velocity_is_shown() -> None:
    rule = RULES["momentum/learning-rate-outside"]
    case = case_of(rule, "float32")
    still = replace(case, hyperparameters={**case.hyperparameters, "momentum": 0.0})
    assert set(run_of(rule, case).state()) == {"velocity"}
    assert not run_of(rule, still).state()


def test_initial_weights_come_with_the_output_first() -> None:
    rule = INITIALIZERS["he-normal/fan-in"]
    kept = Layer(3, 5, "convolution", (2, 4))
    assert rule.draw(kept, {"gain": 1.0}, seed=1, count=2, dtype="float32").shape == (
        2,
        *kept.shape,
    )
    assert rule.fans(kept) == (24, 40)
    embedding = Layer(7, 2, "embedding")
    names: dict[str, Any] = {"print": lambda drawn: names.update(shown=np.array(mx.stack(drawn)))}
    exec(rule.script(embedding, {"gain": 1.0}, seed=3, dtype="float32"), names)
    drawn = rule.draw(embedding, {"gain": 1.0}, seed=3, dtype="float32")
    np.testing.assert_array_equal(drawn, names["shown"].swapaxes(1, 2))


@pytest.mark.parametrize("rule", BACKEND.normalizers(), ids=lambda rule: rule.claim.method)
def test_a_normaliser_prints_what_it_computes(rule: Any) -> None:
    batches = [np.linspace(-1.0, 2.0, 12).reshape(2, 2, 3) ** power for power in (1, 2)]
    last = rule.claim.method == "layer-normalization"
    learned = np.array([2.0, -1.0, 0.5][: 3 if last else 2])
    h = {"epsilon": 0.01, "momentum": 0.25}
    run = rule.start((2, 3), h, dtype="float32", gain=learned, shift=learned)
    run.train(batches[0])
    expected = [run.evaluate(batches[1]), run.train(batches[1])]
    shown: list[Any] = []
    script = rule.script(batches, h, dtype="float32", gain=learned, shift=learned)
    exec(script, {"print": shown.append})
    found = [np.array(each) if last else np.moveaxis(np.array(each), -1, 1) for each in shown]
    np.testing.assert_array_equal(found, expected)


def test_there_is_the_cpu_alone() -> None:
    with pytest.raises(UnavailableError, match="--device cpu"):
        load_backend("mlx", "cuda")
