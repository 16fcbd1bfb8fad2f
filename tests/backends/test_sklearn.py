"""The scikit-learn adapter: its tables, its scripts, and what scikit-learn itself does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from optcheck.backends import Case, load_backend
from optcheck.backends.layers import Layer

BACKEND: Any = load_backend("sklearn")
RULES = {rule.claim.name: rule for rule in BACKEND.update_rules()}
SCHEDULES = {rule.claim.options["class"]: rule for rule in BACKEND.schedules()}
ADAM = RULES["adam/epsilon-hat"]
H = {"learning_rate": 0.125, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.01, "momentum": 0.5}
POWER = {"initial_rate": 0.25, "decay_steps": 1.0, "exponent": -0.5}


def run_of(rule: Any, rates: tuple[float, ...] | None = None) -> tuple[Any, Case]:
    names = rule.row.keywords.values()
    draws = np.random.default_rng(0).integers(-8, 9, (4, 2, 2)) / 8
    case = Case(
        {name: H[name] for name in names}, (draws[0],), tuple((g,) for g in draws[1:]), "float32"
    )
    case = Case(case.hyperparameters, case.parameters, case.gradients, "float32", rates)
    run = rule.start([BACKEND.asarray(draws[0], "float32")], case.hyperparameters, rates)
    for (gradient,) in case.gradients:
        run.step([BACKEND.asarray(gradient, "float32")])
    return run, case


def computed(source: str) -> Any:
    assert "optcheck" not in source
    names: dict[str, Any] = {}
    exec(source, names)
    return names["computed"]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rates", [None, (0.5, 0.25, 0.125)])
def test_scripts_compute_what_the_adapter_computes(name: str, rates: Any) -> None:
    run, case = run_of(RULES[name], rates)
    shown = {"parameter": run.parameters(), **run.state()}
    for quantity, arrays in shown.items():
        script = computed(RULES[name].script(case, quantity))
        assert script == [float(x) for array in arrays for x in array.ravel()]


@pytest.mark.parametrize("name", RULES)
def test_scheduled_rates_are_heeded(name: str) -> None:
    constant, falling = (run_of(RULES[name], rates)[0] for rates in ((0.5,) * 3, (0.5, 0.25, 0.1)))
    assert not np.array_equal(constant.parameters()[0], falling.parameters()[0])


def test_a_resumed_run_has_the_hyperparameters_that_it_is_told() -> None:
    run, case = run_of(ADAM)
    other = {**case.hyperparameters, "epsilon": 0.5, "learning_rate": 0.25}
    resumed = ADAM.resume(run.save(), run.parameters(), other)
    assert (resumed.optimizer.epsilon, resumed.optimizer.learning_rate_init) == (0.5, 0.25)
    assert resumed.count() == 3


def test_inverse_scaling_counts_the_samples_of_each_epoch() -> None:
    """Five epochs of one sample by MLPRegressor itself."""
    network = MLPRegressor(
        hidden_layer_sizes=(1,), solver="sgd", learning_rate="invscaling", learning_rate_init=0.25
    )
    rates = []
    for _ in range(5):
        rates.append(network.partial_fit([[1.0]], [1.0])._optimizer.learning_rate)
    assert SCHEDULES["SGDOptimizer"].rates(POWER, 6)[1:] == rates


def test_the_rate_of_sgd_regressor_is_the_step_that_it_takes() -> None:
    settings = {"learning_rate": "invscaling", "eta0": 0.25, "penalty": None, "power_t": 0.5}
    model = SGDRegressor(fit_intercept=False, max_iter=1, tol=None, **settings)
    model.fit([[1.0]], [1.0])
    rule = SCHEDULES["SGDRegressor"]
    assert rule.rates(POWER, 3)[0] == model.coef_[0]
    assert rule.resumed(POWER, 2, 3, "count") == rule.rates(POWER, 5)[2:]
    assert computed(rule.script(POWER, 4)) == rule.rates(POWER, 4)


@pytest.mark.parametrize("rule", BACKEND.initializers(), ids=lambda rule: rule.claim.name)
def test_weights_are_those_that_a_network_starts_with(rule: Any) -> None:
    activation = rule.claim.options["activation"]
    network = MLPRegressor(
        hidden_layer_sizes=(4,), activation=activation, random_state=3, learning_rate_init=1e-300
    )
    network.partial_fit(np.zeros((1, 3)), [0.0])
    (drawn,) = rule.draw(Layer(3, 4), {"gain": rule.claim.fixed["gain"]}, seed=3, dtype="float64")
    np.testing.assert_array_equal(drawn, network.coefs_[0].T)


def test_masked_examples_are_left_out_of_a_scaler() -> None:
    (rule,) = BACKEND.normalizers()
    batch = np.array([[1.0, 2.0], [3.0, 6.0], [100.0, -100.0]])
    run = rule.start((2,), {"epsilon": 0.0}, dtype="float64")
    masked = run.train_masked(batch, [True, True, False])
    np.testing.assert_allclose(masked[:2], run.train(batch[:2]), rtol=1e-15)


def test_other_devices_are_refused() -> None:
    with pytest.raises(LookupError, match="--device cpu"):
        type(BACKEND)("cuda")
