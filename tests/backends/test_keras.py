"""The Keras adapter: its scripts, and what it passes on to Keras."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

# Importing Keras, without saying on what, would ask for TensorFlow.
if find_spec("keras") is None or find_spec("torch") is None:
    pytest.skip("keras or torch is not installed", allow_module_level=True)

from printed_numbers import printed_numbers

from optcheck.backends import Case, UnavailableError, load_backend
from optcheck.backends.keras import settings
from optcheck.backends.layers import Layer
from optcheck.reference import CLIPPINGS, METHODS, SCHEDULES

# Keras' own variables lack a keyword that NumPy 2 asks for.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BACKEND: Any = load_backend("keras")
RULES = {each.claim.name: each for each in BACKEND.update_rules()}
ADAM = next(
    rule for name, rule in RULES.items() if name.startswith("adam/epsilon-hat (class=Adam")
)
LAYERS = [
    Layer(6, 4),
    Layer(6, 4, "convolution", (3, 2)),
    Layer(6, 4, "convolution", (3,), 2),
    Layer(6, 4, "transposed-convolution", (3, 2)),
    Layer(6, 4, parameter="bias"),
]


@pytest.fixture(autouse=True)
def _floatx_as_it_was() -> Iterator[None]:
    before = settings.keras.config.floatx()
    yield
    settings.keras.config.set_floatx(before)


def usual(record: Any, claim: Any) -> dict[str, float]:
    domains = record.domains(claim.dialect) if record.id in METHODS else record.hyperparameters
    return {**{name: domain.typical[0] for name, domain in domains.items()}, **claim.fixed}


def case_of(rule: Any, dtype: str) -> Case:
    return Case(
        usual(METHODS[rule.claim.method], rule.claim),
        (np.array([[0.5, -0.25], [1.0, 2.0]]), np.zeros((0, 2))),
        tuple(
            (np.array([[1.0, 0.5], [value, 0.25]]) * value, np.zeros((0, 2)))
            for value in (0.25, -1.0, 2.0)
        ),
        dtype,
        (0.5, 0.25, 0.125),
    )


def native(arrays: Sequence[Any], dtype: str) -> list[Any]:
    return [None if each is None else BACKEND.asarray(each, dtype) for each in arrays]


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_a_script_computes_what_the_adapter_shows(name: str, dtype: str) -> None:
    rule = RULES[name]
    case = case_of(rule, dtype)
    run = run_of(rule, case)
    for quantity, arrays in {"parameter": run.parameters(), **run.state()}.items():
        assert computed(rule.script(case, quantity)) == flat(arrays), quantity


@pytest.mark.parametrize("rule", BACKEND.schedules(), ids=lambda rule: rule.claim.name)
def test_a_script_computes_the_rates_of_the_adapter(rule: Any) -> None:
    h = usual(SCHEDULES[rule.claim.method], rule.claim)
    rates = rule.rates(h, 12)
    assert computed(rule.script(h, 12)) == rates
    assert rule.resumed(h, 5, 3, "count") == rates[5:8]


@pytest.mark.parametrize("rule", BACKEND.clippings(), ids=lambda rule: rule.claim.name)
def test_a_script_clips_as_the_adapter_does(rule: Any) -> None:
    h = usual(CLIPPINGS[rule.claim.method], rule.claim)
    gradients = [np.array([[3.0, -0.5]]), np.array(4.0)]
    clipped = flat(rule.clip(native(gradients, "float32"), h))
    assert clipped != [3.0, -0.5, 4.0]
    assert computed(rule.script(gradients, h, "float32")) == clipped


@pytest.mark.parametrize("rule", BACKEND.initializers(), ids=lambda rule: rule.claim.name)
def test_draws_have_the_output_first(rule: Any, capsys: pytest.CaptureFixture[str]) -> None:
    h = {"scale": 0.5, "gain": 2.0, "value": 1.0}
    for layer in filter(rule.takes, LAYERS):
        drawn = rule.draw(layer, h, seed=3, count=2, dtype="float32")
        assert drawn.shape == (2, *layer.shape)
        script = rule.script(layer, h, seed=3, count=2, dtype="float32")
        assert sorted(printed_numbers(script, capsys, "float32")) == sorted(drawn.flat)


def test_an_initializer_draws_what_a_layer_starts_with() -> None:
    rule = next(each for each in BACKEND.initializers() if "GlorotUniform" in each.claim.name)
    drawn = rule.draw(Layer(6, 4, "transposed-convolution", (3, 2)), {}, seed=3, dtype="float32")
    keras = settings.keras
    layer = keras.layers.Conv2DTranspose(
        4, (3, 2), kernel_initializer=keras.initializers.GlorotUniform(3)
    )
    layer.build((None, 8, 8, 6))
    assert np.array_equal(np.moveaxis(drawn[0], (0, 1), (2, 3)), layer.get_weights()[0])


@pytest.mark.parametrize("rule", BACKEND.normalizers(), ids=lambda rule: rule.claim.name)
def test_a_normaliser_prints_what_the_adapter_computes(
    rule: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    h = {"epsilon": 0.5, "momentum": 0.75}
    batches = [np.array([[1.0, 2.0], [4.0, 8.0], [0.0, 1.0]]) * scale for scale in (1.0, 3.0)]
    learned: dict[str, Any] = {}
    if rule.claim.method != "data-normalization":
        learned = {"gain": np.array([2.0, 0.5]), "shift": np.array([1.0, -1.0])}
    run = rule.start((2,), h, dtype="float32", **learned)
    run.train(batches[0])
    shown = [run.evaluate(batches[1]), run.train(batches[1])]
    script = rule.script(batches, h, dtype="float32", **learned)
    assert printed_numbers(script, capsys, "float32") == [x for each in shown for x in each.flat]


def test_differentiating_leaves_a_normaliser_as_it_was() -> None:
    rule = next(each for each in BACKEND.normalizers() if "batch" in each.claim.method)
    ones = np.ones(2)
    run = rule.start(
        (2,), {"epsilon": 0.5, "momentum": 0.75}, dtype="float32", gain=ones, shift=ones
    )
    batch = np.array([[1.0, 2.0], [4.0, 8.0]])
    before = run.state()
    found = run.gradients(batch, np.ones((2, 2)))
    assert found["shift"].tolist() == [2.0, 2.0]
    assert all(np.array_equal(run.state()[name], value) for name, value in before.items())


def test_a_variable_without_gradient_is_left_alone() -> None:
    case = case_of(ADAM, "float32")
    run = ADAM.start(native((np.ones(1), np.ones(1)), "float32"), case.hyperparameters)
    run.step(native((np.ones(1), None), "float32"))
    first, second = flat(run.parameters())
    assert (first < 1.0, second) == (True, 1.0)


def test_a_count_can_be_restored() -> None:
    run = run_of(ADAM, case_of(ADAM, "float32"))
    assert run.count() == 3
    run.set_count(2**20)
    assert run.count() == 2**20


def test_a_run_goes_on_from_what_it_saved() -> None:
    case = case_of(ADAM, "float64")
    run = run_of(ADAM, case)
    copies = [BACKEND.asarray(BACKEND.to_numpy(each), "float64") for each in run.parameters()]
    resumed = ADAM.resume(run.save(), copies, case.hyperparameters)
    for each in (run, resumed):
        each.learning_rates = None
        each.step(native(case.gradients[0], "float64"))
    assert flat(resumed.parameters()) == flat(run.parameters())


def test_hyperparameters_change_in_the_middle_of_a_run() -> None:
    run = ADAM.start(native([np.zeros(1)], "float32"), case_of(ADAM, "float32").hyperparameters)
    ADAM.retune(run, {"learning_rate": 0.5, "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0})
    run.step(native([np.ones(1)], "float32"))
    assert flat(run.parameters()) == [-0.5]


def test_floatx_is_as_it_was() -> None:
    settings.keras.config.set_floatx("float16")
    run_of(ADAM, case_of(ADAM, "float64"))
    assert settings.keras.config.floatx() == "float16"


def test_other_backends_of_keras_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(UnavailableError, match="KERAS_BACKEND=torch or KERAS_BACKEND=jax"):
        runpy.run_path(str(settings.__file__))


def test_other_devices_are_refused() -> None:
    with pytest.raises(UnavailableError, match="run with --device cpu"):
        load_backend("keras", "cuda")


def test_the_environment_says_on_what_keras_runs() -> None:
    assert BACKEND.environment()["KERAS_BACKEND"] == settings.ON
