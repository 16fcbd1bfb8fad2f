"""The shapes of a plain backend: what conforms is found to, what cannot be shown is not asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optcheck.backends import BackendError, Case, FunctionBackend, discovery, load_backend
from optcheck.properties import PROFILES, Outcome, Unit, execute, units

LIBRARIES = {"numpy": "numpy", "torch": "torch", "jax": "jax.numpy"}
MOMENTUM = ("momentum", "learning-rate-outside")

# The state that the rules below keep: in a dictionary, in the state itself, in an attribute.
SHOWN = {"velocity": "state"}
HELD = {"velocity": "optimizer.velocity"}


def function(backend: FunctionBackend, library: Any) -> None:
    @backend.update_rule(MOMENTUM[0], dialect=MOMENTUM[1])
    def rule(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
        state["velocity"] = momentum * state.get("velocity", 0) + g
        return w - learning_rate * state["velocity"]


def transformation(backend: FunctionBackend, library: Any) -> None:
    @backend.transformation(MOMENTUM[0], dialect=MOMENTUM[1], state=SHOWN)
    def make(*, learning_rate: float, momentum: float) -> Any:
        def update(gradients: Any, state: Any, parameters: Any) -> Any:
            state = [momentum * v + g for v, g in zip(state, gradients, strict=True)]
            return [-learning_rate * v for v in state], state

        return lambda parameters: [library.zeros_like(w) for w in parameters], update


class Momentum:
    def __init__(self, parameters: Any, *, learning_rate: float, momentum: float) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.velocity = [np.zeros_like(w) for w in parameters]

    def step(self, gradients: Any) -> None:
        for w, g, v in zip(self.parameters, gradients, self.velocity, strict=True):
            v *= self.momentum
            v += g
            w -= self.learning_rate * v


class Resumed(Momentum):
    def state_dict(self) -> Any:
        return {"velocity": self.velocity}

    def load_state_dict(self, state: Any) -> None:
        self.velocity = state["velocity"]


def optimizer(backend: FunctionBackend, library: Any) -> None:
    if backend._arrays.name == "numpy":
        described: dict[str, Any] = {"state": HELD, "learning_rate": "learning_rate"}
        backend.optimizer(MOMENTUM[0], dialect=MOMENTUM[1], **described)(Resumed)
        return

    @backend.optimizer(MOMENTUM[0], dialect=MOMENTUM[1], state={"velocity": "momentum_buffer"})
    def make(parameters: Any, *, learning_rate: float, momentum: float) -> Any:
        return library.optim.SGD(parameters, lr=learning_rate, momentum=momentum)


SHAPES = (function, transformation, optimizer)
# Arrays of JAX cannot change in place.
PAIRS = [
    (arrays, shape)
    for arrays in LIBRARIES
    for shape in SHAPES
    if (arrays, shape) != ("jax", optimizer)
]
ASKED = ("exact-step", "exact-sequence", "contract", "resume", "permuting-and-splitting")


def outcomes(backend: Any, *laws: str) -> dict[str, Outcome]:
    return {
        f"{unit.law.id}/{unit.dtype}": execute(unit, PROFILES["quick"], 0)
        for unit in units([backend])
        if unit.subject is not None and unit.law.id in (laws or ASKED)
    }


@pytest.mark.parametrize(("arrays", "shape"), PAIRS)
def test_every_shape_conforms_on_every_library(arrays: str, shape: Any) -> None:
    library = pytest.importorskip(LIBRARIES[arrays])
    backend = FunctionBackend("mine", arrays=arrays)
    shape(backend, library)
    found = outcomes(backend)
    assert len(found) == 7
    assert {name: each.message for name, each in found.items() if each.verdict != "pass"} == {}
    assert type(backend.asarray(np.zeros(2), "float64")).__module__.startswith(
        arrays if arrays != "jax" else ("jax", "jaxlib")
    )


SLIPS = {
    "function": """
@backend.update_rule("momentum", dialect="learning-rate-outside")
def rule(w, g, state, *, learning_rate, momentum):
    state["velocity"] = momentum * state.get("velocity", 0) - g
    return w - learning_rate * state["velocity"]
""",
    "transformation": """
@backend.transformation("momentum", dialect="learning-rate-outside", state={"velocity": "state"})
def make(*, learning_rate, momentum):
    def update(gradients, state, parameters):
        state = [momentum * v - g for v, g in zip(state, gradients)]
        return [-learning_rate * v for v in state], state
    return lambda parameters: [0 * w for w in parameters], update
""",
    "optimizer": """
class Momentum:
    def __init__(self, parameters, *, learning_rate, momentum):
        self.parameters, self.rate, self.momentum = parameters, learning_rate, momentum
        self.velocity = [0 * w for w in parameters]
    def step(self, gradients):
        for i, g in enumerate(gradients):
            self.velocity[i] = self.momentum * self.velocity[i] - g
            self.parameters[i] -= self.rate * self.velocity[i]

backend.optimizer("momentum", dialect="learning-rate-outside", learning_rate="rate",
                  state={"velocity": "optimizer.velocity"})(Momentum)
""",
    "torch": """
class Momentum(torch.optim.SGD):
    def __init__(self, parameters, *, learning_rate, momentum):
        super().__init__(parameters, lr=learning_rate, momentum=momentum, maximize=True)

backend.optimizer("momentum", dialect="learning-rate-outside",
                  state={"velocity": "momentum_buffer"})(Momentum)
""",
}


@pytest.mark.parametrize("slip", SLIPS)
def test_the_script_of_a_failure_shows_it_alone(slip: str, tmp_path: Path) -> None:
    arrays, heading = "numpy", ""
    if slip == "torch":
        pytest.importorskip("torch")
        arrays, heading = "torch", "import torch\n"
    path = tmp_path / f"{slip}.py"
    source = f"from optcheck.backends import FunctionBackend\n{heading}"
    source += f"backend = FunctionBackend('mine', arrays='{arrays}')\n{SLIPS[slip]}"
    path.write_text(source, encoding="utf-8")
    found = outcomes(load_backend(f"{path}:backend"), "exact-step", "exact-sequence")
    assert {each.verdict for each in found.values()} == {"fail"}
    script = found["exact-sequence/float64"].reproduce or ""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "DEVIATES" in done.stdout


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rate_that_changes_is_in_the_script(shape: Any) -> None:
    backend = FunctionBackend("mine")
    shape(backend, np)
    ones = (np.ones(1),)
    h = {"learning_rate": 0.5, "momentum": 0.0}
    case = Case(h, ones, (ones, ones), "float64", learning_rates=(0.5, 0.25))
    run = backend.update_rules()[0].start([np.ones(1)], h, case.learning_rates)
    for gradients in case.gradients:
        run.step(gradients)
    assert run.parameters()[0].tolist() == [0.25]
    assert "[0.5, 0.25][t]" in backend.update_rules()[0].script(case, "parameter")


def plain(**described: Any) -> FunctionBackend:
    """Momentum as an object that says nothing of itself but what is ``described``."""
    backend = FunctionBackend("mine")
    backend.optimizer(MOMENTUM[0], dialect=MOMENTUM[1], **described)(Momentum)
    return backend


def test_what_an_object_does_not_show_is_unsupported_with_the_reason() -> None:
    found = outcomes(
        plain(),
        *("exact-sequence", "resume", "step-count-past-2048"),
        "momentum-forms-part-when-the-rate-changes",
    )
    messages = {name: each.message for name, each in found.items() if each.verdict != "pass"}
    assert messages == {
        "resume/float32": "Momentum has no state_dict to resume from",
        "step-count-past-2048/float32": "mine does not show its step count",
        **{
            f"momentum-forms-part-when-the-rate-changes/{dtype}": "the learning rate of "
            "momentum/learning-rate-outside cannot change in a run"
            for dtype in ("float32", "float64")
        },
    }
    assert {found[name].verdict for name in messages} == {"unsupported"}
    groups: list[Unit] = [u for u in units([plain()]) if u.law.id == "parameter-groups"]
    assert "mine takes no groups of parameters here" in [u.unsupported for u in groups]


def test_a_state_that_cannot_be_saved_is_unsupported_with_the_reason() -> None:
    backend = FunctionBackend("mine")

    @backend.transformation("gradient-descent", dialect="plain")
    def make(*, learning_rate: float) -> Any:
        def update(gradients: Any, state: Any, parameters: Any) -> Any:
            return [-learning_rate * g for g in gradients], state

        return lambda parameters: lambda: None, update

    (outcome,) = outcomes(backend, "resume").values()
    assert outcome.verdict == "unsupported"
    assert outcome.message.startswith("its state cannot be saved: ")


def test_keywords_are_fields_of_the_claim_or_options() -> None:
    backend = plain(fused=True, dtypes=("float64",), missing_gradients=True)
    claim = backend.update_rules()[0].claim
    assert claim.options == {"fused": True}
    assert (claim.dtypes, claim.missing_gradients, claim.scheduled) == (("float64",), True, False)


def test_libraries_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match=r"^arrays='cupy' is not numpy, torch or jax$"):
        FunctionBackend("mine", arrays="cupy")
    missing = {**discovery.SHIPPED, "jax": ("optcheck.backends.jax", "X", "no_such", "jax")}
    monkeypatch.setattr(discovery, "SHIPPED", missing)
    with pytest.raises(BackendError, match=r'not installed: pip install "optcheck\[jax\]"$'):
        FunctionBackend("mine", arrays="jax")


def test_objects_cannot_change_arrays_of_jax_in_place() -> None:
    pytest.importorskip("optax")
    with pytest.raises(ValueError, match=r"cannot change in place: use backend\.transformation"):
        FunctionBackend("mine", arrays="jax").optimizer("adam", dialect="epsilon-hat")
