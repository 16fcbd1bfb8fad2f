"""Devices: what the parts make themselves is made where they are told, and graphs are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from optcheck.backends import UnavailableError, load_backend  # noqa: E402
from optcheck.backends.layers import Recurrence  # noqa: E402
from optcheck.backends.placement import placed  # noqa: E402
from optcheck.backends.torch.cuda_graphs import GraphedStep  # noqa: E402
from optcheck.properties import PROFILES, execute, units  # noqa: E402

# Numbers that were computed on torch's device without numbers cannot be copied out of it; what was
# made elsewhere could be, or would not go together with what was made there.
NO_NUMBERS = r"Cannot copy out of meta tensor|item\(\) cannot be called on meta tensors"


@dataclass(frozen=True)
class Started:
    """What a rule starts."""

    seen: list[str]

    def go(self) -> None:
        self.seen.append("run")


@dataclass(frozen=True)
class Frozen:
    """A rule with a method, a field that is a function, and a script."""

    seen: list[str]
    field: Callable[[], str] = lambda: "field"

    def start(self) -> Started:
        self.seen.append("started")
        return Started(self.seen)

    def script(self) -> str:
        return "print()"


def test_methods_and_runs_are_inside_and_scripts_say_so() -> None:
    seen: list[str] = []

    @contextmanager
    def place() -> Iterator[None]:
        seen.append("in")
        yield
        seen.append("out")

    rule = placed(Frozen(seen), place, "import here")
    rule.start().go()
    assert seen == ["in", "started", "out", "in", "run", "out"]
    assert rule.script() == "import here\nprint()"
    assert rule.field() == "field"


def derive(rule: Any) -> None:
    objective = SimpleNamespace(value=lambda x: (x**3).sum())
    rule.derivative(objective, np.ones(3), dtype="float32", direction=np.ones(3))


def lose(rule: Any) -> None:
    names = ("prediction", "target", "argument", "variance", "scale", "weights")
    told = {name: np.ones(3) for name in names}
    rule.value({"inputs": np.ones((3, 3)), **told}, {}, dtype="float32")


def factor(rule: Any) -> None:
    rule.factor(np.eye(3), dtype="float32")


def normalize(rule: Any) -> None:
    run = rule.start((4,), {"epsilon": 1e-5, "momentum": 0.1}, dtype="float32")
    run.train(np.ones((3, 4)))


def repeat(rule: Any) -> None:
    weights = np.ones((2, 3, 3) if rule.claim.method == "layer-chain" else (3, 3))
    rule.states(Recurrence(weights, np.ones((2, 3)), 2), dtype="float32")


CALLS: dict[str, Callable[[Any], None]] = {
    "derivatives": derive,
    "losses": lose,
    "factorizations": factor,
    "normalizers": normalize,
    "recurrences": repeat,
}


def on_meta() -> Iterator[Any]:
    backend = load_backend("torch")
    for capability, call in CALLS.items():
        for rule in getattr(backend, capability)():
            moved = placed(rule, lambda: torch.device("meta"), "")
            yield pytest.param(moved, call, id=f"{capability} {rule.claim.name}")


@pytest.mark.parametrize(("rule", "call"), list(on_meta()))
def test_parts_of_torch_compute_on_the_device(rule: Any, call: Callable[[Any], None]) -> None:
    with pytest.raises((NotImplementedError, RuntimeError), match=NO_NUMBERS):
        call(rule)


def test_laws_hold_for_parts_that_are_told_a_device() -> None:
    backend = load_backend("torch")
    backend.replace_parts(  # type: ignore[attr-defined]
        lambda rule: placed(rule, lambda: torch.device("cpu"), "import torch")
    )
    laws = (
        *("gradient-holds-the-partial-derivatives", "loss-gradient-is-exact"),
        *("normalised-batch-is-exact", "the-seed-decides-initial-values"),
    )
    every = [unit for unit in units([backend]) if unit.subject and unit.law.id in laws]
    assert len({unit.law.id for unit in every}) >= 3
    for unit in every[:: max(1, len(every) // 12)]:
        outcome = execute(unit, PROFILES["quick"], 0)
        assert outcome.verdict in ("pass", "unsupported"), f"{unit.key}: {outcome.message}"


@pytest.mark.parametrize(("name", "package"), [("torch", "torch"), ("jax", "optax")])
def test_a_device_that_is_not_there_is_said_so(name: str, package: str) -> None:
    pytest.importorskip(package)
    if name == "torch" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(UnavailableError, match=rf"^{name}: .* device; run with --device cpu$"):
        load_backend(name, "cuda")


class CountedGraph:
    """Stands for a CUDA graph: replaying it is a step of the optimizer that was captured."""

    captured = 0

    def __init__(self) -> None:
        type(self).captured += 1
        self.replay: Callable[[], None] = lambda: None


def graphed(monkeypatch: pytest.MonkeyPatch, optimizer: Any) -> GraphedStep:
    step = GraphedStep(optimizer)

    @contextmanager
    def capturing(graph: CountedGraph) -> Iterator[None]:
        # What is captured is not executed, and reads the gradients that are there now.
        tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
        kept, right = [tensor.grad for tensor in tensors], optimizer.step

        def replay() -> None:
            for tensor, gradient in zip(tensors, kept, strict=True):
                tensor.grad = gradient
            right()

        optimizer.step = lambda: None
        yield
        optimizer.step, graph.replay = right, replay

    CountedGraph.captured = 0
    monkeypatch.setattr(torch.cuda, "CUDAGraph", CountedGraph)
    monkeypatch.setattr(torch.cuda, "graph", capturing)
    return step


def test_a_graph_is_captured_once_and_again_where_it_would_be_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gradients = [torch.tensor([float(k), 1.0]) for k in range(1, 6)]
    ends = []
    for use_graph in (False, True):
        weight = torch.zeros(2, requires_grad=True)
        rate = torch.tensor(0.1, dtype=torch.float64)
        optimizer = torch.optim.Adam([weight], lr=rate, foreach=False)
        step: Any = graphed(monkeypatch, optimizer) if use_graph else optimizer.step
        for count, gradient in enumerate(gradients):
            weight.grad = gradient.clone()
            if count == 3:
                rate.fill_(0.05)
            if count == 4:
                optimizer.load_state_dict(optimizer.state_dict())
                optimizer.param_groups[0]["eps"] = 1e-3
            step()
        ends.append(weight.detach().tolist())
    assert ends[0] == ends[1]
    assert CountedGraph.captured == 2
