"""Running a class of torch.optim: the rows of the table as update rules."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import torch

from optcheck.backends.interface import Case, Claim, Hyperparameters
from optcheck.backends.rows import written
from optcheck.backends.torch.cuda_graphs import GraphedStep
from optcheck.backends.torch.scripts import step_script, tensor_source
from optcheck.backends.torch.table import Row

Arguments = dict[str, Any]

# torch's names of the state, and ours
STATE = {
    "momentum_buffer": "velocity",
    "exp_avg": "first_moment",
    "grad_avg": "first_moment",
    "exp_avg_sq": "second_moment",
    "square_avg": "second_moment",
    "max_exp_avg_sq": "largest_second_moment",
    "acc_delta": "update_second_moment",
    "exp_inf": "infinity_norm",
    "sum": "sum_of_squares",
    "prev": "previous_gradient",
    "step_size": "step_size",
}

# Options that are no keywords of torch, and the keywords whose numbers they make tensors. A
# compiled step is compiled anew for each learning rate that is a number.
AS_TENSORS = {
    "tensor_hyperparameters": ("lr", "betas"),
    "compiled": ("lr",),
    "cuda_graph": ("lr",),
}


class TorchRun:
    """One optimization by a torch optimizer; ``update`` is its step, or what is compiled of it."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[torch.Tensor],
        update: Callable[[], Any],
        learning_rates: Sequence[float] | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.tensors = list(parameters)
        self.update = update
        self.learning_rates = learning_rates
        self.steps = 0

    def step(self, gradients: Sequence[torch.Tensor | None], **signals: Any) -> None:
        if self.learning_rates is not None:
            for group in self.optimizer.param_groups:
                _set_rate(group, self.learning_rates[self.steps])
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = gradient
        self.update()
        self.steps += 1

    def parameters(self) -> Sequence[torch.Tensor]:
        return self.tensors

    def evaluation_point(self) -> Sequence[torch.Tensor]:
        return self.tensors

    def state(self) -> Mapping[str, Sequence[torch.Tensor]]:
        states = self._states()
        return {
            ours: [state[theirs] for state in states]
            for theirs, ours in STATE.items()
            if all(isinstance(state.get(theirs), torch.Tensor) for state in states)
        }

    def save(self) -> bytes:
        stream = io.BytesIO()
        torch.save(self.optimizer.state_dict(), stream)
        return stream.getvalue()

    def count(self) -> int | None:
        counts = [int(state["step"]) for state in self._states() if "step" in state]
        return max(counts, default=None)

    def set_count(self, count: int) -> None:
        saved = self.optimizer.state_dict()
        saved["state"] = {
            index: {**state, "step": torch.full_like(state["step"], count)}
            for index, state in saved["state"].items()
        }
        self.optimizer.load_state_dict(saved)

    def _states(self) -> list[Mapping[str, Any]]:
        return [self.optimizer.state.get(tensor, {}) for tensor in self.tensors]


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


@dataclass(frozen=True)
class TorchRule:
    """A row of the table on one path and one device."""

    claim: Claim
    row: Row
    device: str

    # What a library that is built on torch has of its own.
    library: ClassVar[ModuleType] = torch.optim
    run: ClassVar[type[TorchRun]] = TorchRun

    @property
    def implementation(self) -> str:
        """The class and its library."""
        return f"{self.library.__name__}.{self.row.optimizer.name}"

    def start(
        self,
        parameters: Sequence[torch.Tensor],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> TorchRun:
        placed = self._placed(parameters)
        optimizer = self._optimizer(placed, self._arguments(hyperparameters))
        return self.run(optimizer, placed, self._step(optimizer), learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[torch.Tensor], hyperparameters: Hyperparameters
    ) -> TorchRun:
        run = self.start(parameters, hyperparameters)
        run.optimizer.load_state_dict(torch.load(io.BytesIO(saved)))
        return run

    def retune(self, run: TorchRun, hyperparameters: Hyperparameters) -> None:
        # What is loaded brings the hyper-parameters with which it was saved.
        for group in run.optimizer.param_groups:
            group.update(self._arguments(hyperparameters))

    def start_groups(
        self, groups: Sequence[tuple[Sequence[torch.Tensor], Hyperparameters]]
    ) -> TorchRun:
        placed = [(self._placed(tensors), self._arguments(h)) for tensors, h in groups]
        optimizer = self._optimizer([{"params": tensors, **each} for tensors, each in placed], {})
        flat = [tensor for tensors, _ in placed for tensor in tensors]
        return self.run(optimizer, flat, self._step(optimizer))

    def script(self, case: Case, quantity: str) -> str:
        wrapped = self._as_tensors()
        keywords = {
            keyword: tensor_source(value, self._home) if keyword in wrapped else repr(value)
            for keyword, value in self.keywords(case.hyperparameters).items()
        }
        return step_script(
            case,
            optimizer=self.implementation,
            keywords=", ".join(f"{keyword}={source}" for keyword, source in keywords.items()),
            device=self.device,
            state=[key for key, name in STATE.items() if name == quantity],
            recorded="differentiable" in self.claim.options,
            compiled="compiled" in self.claim.options,
            graphed="cuda_graph" in self.claim.options,
            rate_is_tensor="lr" in wrapped,
        )

    def keywords(self, hyperparameters: Hyperparameters) -> Arguments:
        """What the class is told, as numbers."""
        return {**self._numbers(hyperparameters), **self._path()}

    def call(self, hyperparameters: Hyperparameters) -> str:
        return written(self.implementation, {**self._numbers(hyperparameters), **self._path()})

    def _placed(self, parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Leaves of autograd's graph, or what it has computed if the step is to be recorded."""
        leaves = [tensor.requires_grad_() for tensor in parameters]
        if "differentiable" not in self.claim.options:
            return leaves
        computed = [leaf.clone() for leaf in leaves]
        for tensor in computed:
            tensor.retain_grad()  # or torch warns when the optimizer reads .grad
        return computed

    def _optimizer(self, parameters: Sequence[Any], arguments: Arguments) -> torch.optim.Optimizer:
        make = getattr(self.library, self.row.optimizer.name)
        made: torch.optim.Optimizer = make(parameters, **arguments, **self._path())
        return made

    def _step(self, optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
        if "cuda_graph" in self.claim.options:
            return GraphedStep(optimizer)
        if "compiled" not in self.claim.options:
            return optimizer.step
        # What was compiled for other hyper-parameters counts against a limit, past which torch
        # runs the plain path and does not say so.
        torch.compiler.reset()
        compiled: Callable[[], Any] = torch.compile(optimizer.step)
        return compiled

    def _path(self) -> Arguments:
        """The options that are keywords of torch."""
        options = self.claim.options
        return {name: value for name, value in options.items() if name not in AS_TENSORS}

    def _numbers(self, hyperparameters: Hyperparameters) -> Arguments:
        """Keywords for the hyper-parameters that are given; for the others torch has defaults."""
        arguments: Arguments = dict(self.row.given)
        for keyword, names in self.row.optimizer.keywords.items():
            wanted = (names,) if isinstance(names, str) else names
            if all(name in hyperparameters for name in wanted):
                values = tuple(hyperparameters[name] for name in wanted)
                arguments[keyword] = values[0] if isinstance(names, str) else values
        return arguments

    def _as_tensors(self) -> tuple[str, ...]:
        return next((AS_TENSORS[name] for name in self.claim.options if name in AS_TENSORS), ())

    def _arguments(self, hyperparameters: Hyperparameters) -> Arguments:
        wrapped = self._as_tensors()
        return {
            keyword: self._tensor(value) if keyword in wrapped else value
            for keyword, value in self._numbers(hyperparameters).items()
        }

    def _tensor(self, value: float | tuple[float, ...]) -> Any:
        """A tensor that holds all digits of the number, or a pair of them."""
        if isinstance(value, tuple):
            return tuple(self._tensor(each) for each in value)
        return torch.tensor(value, dtype=torch.float64, device=self._home)

    @property
    def _home(self) -> str:
        """Where such tensors lie: a graph reads them on the device, other steps on the host."""
        return self.device if "cuda_graph" in self.claim.options else "cpu"
