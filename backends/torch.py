"""torch.optim, its schedulers and ``clip_grad_norm_``: a table of claims."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from optcheck.backends.interface import (
    INTERFACE_VERSION,
    Case,
    Claim,
    Evaluation,
    Floats,
    Hyperparameters,
    Option,
    no_limits,
)
from optcheck.backends.scripts import literal

Arguments = dict[str, Any]

_FLOAT64 = ("float64",)  # torch's schedulers compute in Python floats

DTYPES = ("float32", "float64", "bfloat16")
SINGLE: dict[str, Option] = {"foreach": False}
FOREACH: dict[str, Option] = {"foreach": True}
FUSED: dict[str, Option] = {"fused": True}

# torch's names of the state, and ours
STATE = {
    "momentum_buffer": "velocity",
    "exp_avg": "first_moment",
    "exp_avg_sq": "second_moment",
    "square_avg": "second_moment",
    "sum": "sum_of_squares",
}


def _sgd(h: Hyperparameters) -> Arguments:
    return {"lr": h["learning_rate"]}


def _momentum(h: Hyperparameters) -> Arguments:
    return {"lr": h["learning_rate"], "momentum": h["momentum"]}


def _dampened(h: Hyperparameters) -> Arguments:
    return {**_momentum(h), "dampening": h["dampening"]}


def _nesterov(h: Hyperparameters) -> Arguments:
    return {**_momentum(h), "nesterov": True}


def _adagrad(h: Hyperparameters) -> Arguments:
    return {
        "lr": h["learning_rate"],
        "eps": h["epsilon"],
        "initial_accumulator_value": h["initial_accumulator"],
    }


def _rmsprop(h: Hyperparameters) -> Arguments:
    return {"lr": h["learning_rate"], "alpha": h["decay"], "eps": h["epsilon"]}


def _adam(h: Hyperparameters) -> Arguments:
    return {"lr": h["learning_rate"], "betas": (h["beta1"], h["beta2"]), "eps": h["epsilon"]}


def _needs_momentum(h: Hyperparameters) -> str | None:
    if h["momentum"] > 0:
        return None
    return "torch refuses Nesterov momentum of 0, and ignores dampening without momentum"


LIMITS = {"shifted": _needs_momentum, "dampened": _needs_momentum}

# Adam's first moment is torch.lerp: m + (1 - beta1) (g - m).
EVALUATION: dict[str, frozenset[Evaluation]] = {"adam": frozenset({"lerp"})}


Row = tuple[str, str, str, Callable[[Hyperparameters], Arguments], tuple[dict[str, Option], ...]]

RULES: tuple[Row, ...] = (
    ("gradient-descent", "plain", "SGD", _sgd, (SINGLE, FOREACH, FUSED)),
    ("momentum", "learning-rate-outside", "SGD", _momentum, (SINGLE, FOREACH, FUSED)),
    ("momentum", "dampened", "SGD", _dampened, (SINGLE, FOREACH, FUSED)),
    ("nesterov", "shifted", "SGD", _nesterov, (SINGLE, FOREACH, FUSED)),
    ("adagrad", "epsilon-outside-root", "Adagrad", _adagrad, (SINGLE, FOREACH, FUSED)),
    ("rmsprop", "epsilon-outside-root", "RMSprop", _rmsprop, (SINGLE, FOREACH)),
    ("adam", "epsilon-outside-root", "Adam", _adam, (SINGLE, FOREACH, FUSED)),
)


class TorchRun:
    """One optimization by a torch optimizer."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[torch.Tensor],
        learning_rates: Sequence[float] | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.tensors = list(parameters)
        self.learning_rates = learning_rates
        self.steps = 0

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        if self.learning_rates is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rates[self.steps]
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = gradient
        self.optimizer.step()
        self.steps += 1

    def parameters(self) -> Sequence[torch.Tensor]:
        return self.tensors

    def evaluation_point(self) -> Sequence[torch.Tensor]:
        return self.tensors

    def state(self) -> Mapping[str, Sequence[torch.Tensor]]:
        states = [self.optimizer.state[tensor] for tensor in self.tensors]
        return {
            ours: [state[theirs] for state in states]
            for theirs, ours in STATE.items()
            if all(isinstance(state.get(theirs), torch.Tensor) for state in states)
        }

    def save(self) -> bytes:
        stream = io.BytesIO()
        torch.save(self.optimizer.state_dict(), stream)
        return stream.getvalue()


@dataclass(frozen=True)
class TorchRule:
    """A class of torch.optim in one option set."""

    claim: Claim
    optimizer: str
    arguments: Callable[[Hyperparameters], Arguments]

    def _make(
        self, parameters: Sequence[torch.Tensor], hyperparameters: Hyperparameters
    ) -> torch.optim.Optimizer:
        tensors = [tensor.requires_grad_() for tensor in parameters]
        make = getattr(torch.optim, self.optimizer)
        made: torch.optim.Optimizer = make(
            tensors, **self.arguments(hyperparameters), **self.claim.options
        )
        return made

    def start(
        self,
        parameters: Sequence[torch.Tensor],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> TorchRun:
        return TorchRun(self._make(parameters, hyperparameters), parameters, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[torch.Tensor], hyperparameters: Hyperparameters
    ) -> TorchRun:
        optimizer = self._make(parameters, hyperparameters)
        optimizer.load_state_dict(torch.load(io.BytesIO(saved)))
        return TorchRun(optimizer, parameters)

    def script(self, case: Case, quantity: str) -> str:
        arguments = {**self.arguments(case.hyperparameters), **self.claim.options}
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        theirs = [key for key, name in STATE.items() if name == quantity]
        collect = (
            "parameters"
            if quantity == "parameter"
            else f"[optimizer.state[p][key] for p in parameters for key in {theirs!r} "
            "if key in optimizer.state[p]]"
        )
        rates = None if case.learning_rates is None else list(case.learning_rates)
        write = functools.partial(_tensors, dtype=case.dtype, transposed=case.transposed)
        return f"""import torch

parameters = {write(case.parameters)}
gradients = [
{"".join(f"    {write(each)},{chr(10)}" for each in case.gradients)}]
learning_rates = {rates}
optimizer = torch.optim.{self.optimizer}([p.requires_grad_() for p in parameters], {keywords})
for t, step_gradients in enumerate(gradients):
    for parameter, gradient in zip(parameters, step_gradients):
        parameter.grad = gradient
    if learning_rates is not None:
        optimizer.param_groups[0]["lr"] = learning_rates[t]
    optimizer.step()
computed = [x for tensor in {collect} for x in tensor.detach().double().flatten().tolist()]
"""


def _tensors(arrays: Sequence[Floats], dtype: str, *, transposed: bool = False) -> str:
    tensors = []
    for array in arrays:
        storage = ".T.contiguous().T" if transposed and array.ndim > 1 else ""
        tensors.append(f"torch.tensor({literal(array)}, dtype=torch.{dtype}){storage}")
    return "[" + ", ".join(tensors) + "]"


def _linear(h: Hyperparameters) -> Arguments:
    end = h["final_rate"] / h["initial_rate"]
    return {"start_factor": 1.0, "end_factor": end, "total_iters": int(h["decay_steps"])}


def _exponential(h: Hyperparameters) -> Arguments:
    return {"gamma": h["decay_factor"] ** (1 / h["decay_steps"])}


def _exponential_rate(h: Hyperparameters) -> Arguments:
    return {"gamma": math.exp(-h["decay_rate"])}


def _step(h: Hyperparameters) -> Arguments:
    return {"step_size": int(h["decay_steps"]), "gamma": h["decay_factor"]}


def _falling(h: Hyperparameters) -> str | None:
    falls = h["final_rate"] <= h["initial_rate"]
    return None if falls else "torch's LinearLR refuses an end factor above 1"


@dataclass(frozen=True)
class TorchSchedule:
    """A class of torch.optim.lr_scheduler, run as users run it: after each optimizer step."""

    claim: Claim
    scheduler: str
    arguments: Callable[[Hyperparameters], Arguments]

    def rates(self, hyperparameters: Hyperparameters, steps: int) -> Sequence[float]:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=hyperparameters["initial_rate"])
        make = getattr(torch.optim.lr_scheduler, self.scheduler)
        scheduler = make(optimizer, **self.arguments(hyperparameters))
        rates = []
        for _ in range(steps):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        return rates

    def script(self, hyperparameters: Hyperparameters, steps: int) -> str:
        arguments = self.arguments(hyperparameters)
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        return f"""import torch

optimizer = torch.optim.SGD([torch.zeros(1)], lr={hyperparameters["initial_rate"]!r})
scheduler = torch.optim.lr_scheduler.{self.scheduler}(optimizer, {keywords})
computed = []
for _ in range({steps}):
    computed.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
"""


SCHEDULES = (
    TorchSchedule(
        Claim(
            "linear-schedule",
            "recursive",
            {"scheduler": "LinearLR"},
            _FLOAT64,
            limits=_falling,
        ),
        "LinearLR",
        _linear,
    ),
    TorchSchedule(
        Claim("exponential-schedule", "recursive", {"scheduler": "ExponentialLR"}, _FLOAT64),
        "ExponentialLR",
        _exponential,
    ),
    TorchSchedule(
        Claim("exponential-rate-schedule", "recursive", {"scheduler": "ExponentialLR"}, _FLOAT64),
        "ExponentialLR",
        _exponential_rate,
    ),
    TorchSchedule(
        Claim("step-schedule", "recursive", {"scheduler": "StepLR"}, _FLOAT64), "StepLR", _step
    ),
)


@dataclass(frozen=True)
class TorchClipping:
    """``torch.nn.utils.clip_grad_norm_``."""

    claim: Claim

    def clip(
        self, gradients: Sequence[torch.Tensor], hyperparameters: Hyperparameters
    ) -> Sequence[torch.Tensor]:
        parameters = [torch.zeros_like(gradient) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        foreach = bool(self.claim.options["foreach"])
        torch.nn.utils.clip_grad_norm_(parameters, hyperparameters["threshold"], foreach=foreach)
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def script(
        self, gradients: Sequence[Floats], hyperparameters: Hyperparameters, dtype: str
    ) -> str:
        return f"""import torch

gradients = {_tensors(gradients, dtype)}
parameters = [torch.zeros_like(gradient) for gradient in gradients]
for parameter, gradient in zip(parameters, gradients):
    parameter.grad = gradient
torch.nn.utils.clip_grad_norm_(
    parameters, {hyperparameters["threshold"]!r}, foreach={self.claim.options["foreach"]}
)
computed = [x for p in parameters for x in p.grad.double().flatten().tolist()]
"""


class TorchBackend:
    """torch on one device."""

    name = "torch"
    interface_version = INTERFACE_VERSION

    def __init__(self, device: str = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise LookupError("torch sees no CUDA device; run with --device cpu")
        self.device = torch.device(device)
        # TF32 would round to 11 bits what the laws budget at 24.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def library(self) -> tuple[str, str]:
        return "torch", torch.__version__

    def environment(self) -> Mapping[str, str]:
        return {
            "threads": str(torch.get_num_threads()),
            "TF32": "on" if torch.backends.cuda.matmul.allow_tf32 else "off",
            "device name": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
        }

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> torch.Tensor:
        tensor = torch.tensor(values, dtype=getattr(torch, dtype), device=self.device)
        if transposed and tensor.ndim > 1:
            tensor = tensor.T.contiguous().T
        return tensor

    def to_numpy(self, array: torch.Tensor) -> Floats:
        return np.array(array.detach().to("cpu", torch.float64).numpy(), dtype=np.float64)

    def dtype(self, array: torch.Tensor) -> str:
        return str(array.dtype).removeprefix("torch.")

    def synchronize(self, arrays: Sequence[torch.Tensor]) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def update_rules(self) -> Sequence[TorchRule]:
        return [
            TorchRule(
                Claim(
                    method,
                    dialect,
                    options,
                    DTYPES,
                    evaluation=EVALUATION.get(method, frozenset()),
                    limits=LIMITS.get(dialect, no_limits),
                ),
                optimizer,
                arguments,
            )
            for method, dialect, optimizer, arguments, option_sets in RULES
            for options in option_sets
        ]

    def schedules(self) -> Sequence[TorchSchedule]:
        return SCHEDULES

    def clippings(self) -> Sequence[TorchClipping]:
        return [
            TorchClipping(Claim("clip-by-norm", "stabilised-norm", options, DTYPES))
            for options in (SINGLE, FOREACH)
        ]
