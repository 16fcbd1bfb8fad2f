"""The adapters: they follow the interface, and their scripts compute what they compute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optcheck.backends import Backend, Case, FunctionBackend, load_backend
from optcheck.backends.interface import (
    HasClipping,
    HasLineSearches,
    HasMinimizers,
    HasSchedules,
    HasUpdateRules,
)
from optcheck.reference import CLIPPINGS, SCHEDULES

LIBRARIES = {"numpy": "numpy", "torch": "torch", "jax": "optax"}
CHECKOUT = Path(__file__).resolve().parents[2]

# One rule of each library that all three have, with two parameters, one of them a matrix.
HYPERPARAMETERS = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}


def case(dtype: str, rates: tuple[float, ...] | None = None) -> Case:
    rng = np.random.default_rng(3)

    def arrays() -> tuple[Any, ...]:
        drawn = (rng.normal(size=3), rng.normal(size=(2, 2)), rng.normal(size=()))
        return tuple(np.asarray(a, np.float32).astype(np.float64) for a in drawn)

    return Case(HYPERPARAMETERS, arrays(), tuple(arrays() for _ in range(3)), dtype, rates)


@pytest.fixture(params=LIBRARIES)
def backend(request: pytest.FixtureRequest) -> Any:
    library = LIBRARIES[request.param]
    pytest.importorskip(library, reason=f"{library} is not installed")
    return load_backend(request.param)


DRIVER = """\
import json, sys

for script in json.load(open("scripts.json")):
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", False)  # as in a new process
    names = {"__name__": "__main__"}
    exec(compile(script, "script.py", "exec"), names)
    print(*(float(x).hex() for x in names["computed"]))
"""


def computed(scripts: Sequence[str], folder: Path) -> list[list[float]]:
    """What each script leaves in ``computed``, in one other process: torch is slow to import."""
    (folder / "scripts.json").write_text(json.dumps(scripts))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [[float.fromhex(word) for word in line.split()] for line in done.stdout.splitlines()]


def flat(backend: Any, arrays: Any) -> list[float]:
    return [float(x) for array in arrays for x in backend.to_numpy(array).ravel()]


def adam(backend: Any) -> Any:
    """The first Adam of a backend, with epsilon outside the root."""
    wanted = ("adam", "epsilon-outside-root")
    rules = backend.update_rules()
    return next(rule for rule in rules if (rule.claim.method, rule.claim.dialect) == wanted)


Scripted = dict[str, tuple[str, list[float]]]


def steps(backend: Any, given: Case) -> Scripted:
    """Scripts of Adam, with the numbers that the adapter computes."""
    rule = adam(backend)
    native = [backend.asarray(a, given.dtype) for a in given.parameters]
    run = rule.start(native, given.hyperparameters, given.learning_rates)
    for gradients in given.gradients:
        run.step([backend.asarray(g, given.dtype) for g in gradients])
    shown = {"parameter": run.parameters(), **run.state()}
    rates = "constant" if given.learning_rates is None else "changing"
    return {
        f"adam {quantity} {given.dtype} {rates}": (
            rule.script(given, quantity),
            flat(backend, shown[quantity]),
        )
        for quantity in ("parameter", "first_moment", "second_moment")
    }


RATES = {
    "initial_rate": 0.1,
    "final_rate": 0.01,
    "decay_steps": 4.0,
    "decay_factor": 0.3,
    "exponent": -0.75,
    "decay_rate": 0.2,
    "learning_rate": 0.1,
    "start_factor": 0.25,
    "warm_up_steps": 4.0,
    "first_milestone": 2.0,
    "second_milestone": 4.0,
    "hold_steps": 1.0,
    "first_period": 2.0,
    "period_factor": 2.0,
    "first_steps": 3.0,
    "first_scale": 4.0,
    "second_steps": 2.0,
    "second_scale": 0.5,
    "base_rate": 0.01,
    "peak_rate": 0.1,
    "rising_steps": 3.0,
    "falling_steps": 2.0,
    "final_steps": 2.0,
    "cycle_factor": 0.5,
    "step_factor": 0.9,
    "total_steps": 10.0,
    "rising_share": 0.3,
    "start_divisor": 25.0,
    "end_divisor": 10.0,
    "peak_factor": 0.5,
}


def schedules(backend: Any) -> Scripted:
    """Scripts of every schedule."""
    scripted = {}
    for rule in backend.schedules():
        domains = SCHEDULES[rule.claim.method].hyperparameters
        # An exponent is negative in one schedule and positive in the next.
        usual = {
            name: RATES[name] if RATES[name] in domain else domain.typical[0]
            for name, domain in domains.items()
        }
        h = {**usual, **{name: rule.claim.fixed[name] for name in usual.keys() & rule.claim.fixed}}
        scripted[rule.claim.name] = (rule.script(h, 7), list(rule.rates(h, 7)))
    return scripted


def clippings(backend: Any) -> Scripted:
    """Scripts of clipping, above the threshold and below."""
    rule = backend.clippings()[0]
    gradients = case("float32").parameters
    scripted = {}
    for threshold in (0.5, 100.0):
        h = {"threshold": threshold, "stabiliser": 1e-6}
        domains = CLIPPINGS[rule.claim.method].domains(rule.claim.dialect)
        h = {name: h[name] for name in domains}
        clipped = rule.clip([backend.asarray(g, "float32") for g in gradients], h)
        script = rule.script(gradients, h, "float32")
        scripted[f"{rule.claim.name} at {threshold}"] = (script, flat(backend, clipped))
    return scripted


def test_scripts_compute_what_the_adapter_computes(backend: Any, tmp_path: Path) -> None:
    scripted = {
        **steps(backend, case("float32")),
        **steps(backend, case("float64")),
        **steps(backend, case("float32", (0.5, 0.25, 0.125))),
        **schedules(backend),
        **clippings(backend),
    }
    found = computed([script for script, _ in scripted.values()], tmp_path)
    by_script = dict(zip(scripted, found, strict=True))
    assert by_script == {name: numbers for name, (_, numbers) in scripted.items()}
    for script, _ in scripted.values():
        assert "optcheck" not in script.replace("optcheck.backends.numpy", "")


def test_an_adapter_follows_the_interface(backend: Any) -> None:
    assert isinstance(backend, Backend)
    assert isinstance(backend, HasUpdateRules)
    assert isinstance(backend, HasSchedules)
    assert isinstance(backend, HasClipping)
    assert isinstance(backend, HasMinimizers)
    assert isinstance(backend, HasLineSearches)
    library, version = backend.library()
    assert library
    assert version
    names = [(str(rule.claim.name), rule.claim.options) for rule in backend.update_rules()]
    assert len({repr(name) for name in names}) == len(names)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True])
def test_arrays_cross_the_border_unchanged(backend: Any, dtype: str, transposed: bool) -> None:
    values = [
        np.array(0.5),
        np.zeros((0,)),
        np.arange(6.0).reshape(2, 3),
        np.array([-0.0, 1e-30, 3e38]).astype(dtype).astype(np.float64),
    ]
    x64: Any = nullcontext()
    if backend.name == "jax":
        from optcheck.backends.jax import x64 as mode

        x64 = mode(dtype)
    with x64:
        for value in values:
            native = backend.asarray(value, dtype, transposed=transposed)
            back = backend.to_numpy(native)
            assert back.dtype == np.float64
            assert back.shape == value.shape
            assert np.array_equal(back, value)
            assert np.array_equal(np.signbit(back), np.signbit(value))
            assert backend.dtype(native) == dtype


def test_what_crosses_the_border_is_a_copy(backend: Any) -> None:
    values = np.ones(3)
    native = backend.asarray(values, "float64" if backend.name != "jax" else "float32")
    values[0] = 5.0
    seen = backend.to_numpy(native)
    assert seen.tolist() == [1.0, 1.0, 1.0]
    seen[0] = 7.0
    assert backend.to_numpy(native).tolist() == [1.0, 1.0, 1.0]


def test_function_backend_is_complete() -> None:
    backend = FunctionBackend("mine", library="theirs", version="1.2")
    assert backend.library() == ("theirs", "1.2")
    assert isinstance(backend, HasUpdateRules)
    assert isinstance(backend, HasSchedules)
    assert isinstance(backend, HasClipping)
    assert list(backend.update_rules()) == []
    assert "numpy" in backend.environment()


def test_function_rules_may_return_or_update_in_place() -> None:
    backend = FunctionBackend("mine")

    @backend.update_rule("gradient-descent", dialect="plain", path="returns")
    def returning(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * g

    @backend.update_rule("gradient-descent", dialect="plain", path="in place")
    def in_place(w: Any, g: Any, state: Any, *, learning_rate: float) -> None:
        w -= learning_rate * g

    ends = []
    for rule in backend.update_rules():
        run = rule.start([np.ones(2), np.array(2.0)], {"learning_rate": 0.5})
        run.step([np.ones(2), np.array(2.0)])
        ends.append(flat(backend, run.parameters()))
    assert ends == [[0.5, 0.5, 1.0], [0.5, 0.5, 1.0]]
    assert [rule.claim.name for rule in backend.update_rules()] == [
        "gradient-descent/plain (path=returns)",
        "gradient-descent/plain (path=in place)",
    ]


def _counting() -> FunctionBackend:
    backend = FunctionBackend("mine")

    @backend.update_rule("momentum", dialect="learning-rate-outside")
    def rule(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
        state["step"] = state.get("step", 0) + 1
        state["note"] = "warm"
        state["velocity"] = momentum * state.get("velocity", np.zeros_like(w)) + g
        return w - learning_rate * state["velocity"]

    return backend


def test_each_parameter_has_its_own_state_and_each_run_begins_anew() -> None:
    (rule,) = _counting().update_rules()
    h = {"learning_rate": 0.5, "momentum": 0.5}
    for _ in range(2):
        run = rule.start([np.zeros(2), np.zeros((2, 2))], h)
        run.step([np.ones(2), 3.0 * np.ones((2, 2))])
        velocities = run.state()["velocity"]
        assert [v.tolist() for v in velocities] == [[1.0, 1.0], [[3.0, 3.0], [3.0, 3.0]]]
        # Neither the count nor the note has the shape of the parameters.
        assert set(run.state()) == {"velocity"}


def test_only_numbers_of_a_0d_parameter_are_shown() -> None:
    (rule,) = _counting().update_rules()
    run = rule.start([np.array(0.0)], {"learning_rate": 0.5, "momentum": 0.5})
    run.step([np.array(1.0)])
    assert all(np.issubdtype(np.asarray(v[0]).dtype, np.number) for v in run.state().values())


def test_a_resumed_run_goes_on() -> None:
    (rule,) = _counting().update_rules()
    h = {"learning_rate": 0.5, "momentum": 0.5}
    run = rule.start([np.zeros(2)], h)
    run.step([np.ones(2)])
    resumed = rule.resume(run.save(), [w.copy() for w in run.parameters()], h)
    for each in (run, resumed):
        each.step([np.ones(2)])
    assert flat(FunctionBackend("x"), run.parameters()) == flat(
        FunctionBackend("x"), resumed.parameters()
    )


def test_scheduled_rates_are_used_in_order() -> None:
    backend = FunctionBackend("mine")

    @backend.update_rule("gradient-descent", dialect="plain")
    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * g

    (claimed,) = backend.update_rules()
    run = claimed.start([np.array(0.0)], {"learning_rate": 9.0}, (1.0, 0.5))
    for expected in (-1.0, -1.5):
        run.step([np.array(1.0)])
        assert flat(backend, run.parameters()) == [expected]


def test_a_rule_that_looks_ahead_says_where() -> None:
    backend = FunctionBackend("mine")

    def point(w: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
        return w + momentum * state.get("velocity", 0.0 * w)

    @backend.update_rule("nesterov", dialect="look-ahead", evaluation_point=point)
    def rule(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
        before = state.get("velocity", 0.0 * w)
        state["velocity"] = momentum * before - learning_rate * g
        return w + state["velocity"]

    (claimed,) = backend.update_rules()
    run = claimed.start([np.array([1.0])], {"learning_rate": 0.5, "momentum": 0.5})
    assert flat(backend, run.evaluation_point()) == [1.0]
    run.step([np.array([1.0])])
    assert flat(backend, run.evaluation_point()) == [0.25]
