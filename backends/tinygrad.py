"""tinygrad: the optimizers of ``tinygrad.nn.optim``, one by one and fused."""

from __future__ import annotations

import functools
import itertools
import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from tinygrad.device import Device
from tinygrad.dtype import dtypes
from tinygrad.helpers import DEV, PARALLEL, Context
from tinygrad.nn import optim
from tinygrad.nn.state import get_state_dict, load_state_dict
from tinygrad.tensor import Tensor

from optcheck.backends.interface import INTERFACE_VERSION, Case, Claim, Floats, Hyperparameters
from optcheck.backends.rows import Row
from optcheck.backends.scripts import literals

# What to try for each device of ours, the first one first. PYTHON is an emulator, slow and exact.
_DEVICES = {"cpu": ("CPU", "PYTHON"), "cuda": ("CUDA", "NV")}
_SGD = {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"}
_ADAM = {"lr": "learning_rate", "b1": "beta1", "b2": "beta2", "eps": "epsilon"}
_STILL = {"learning_rate": 1e-3, "momentum": 0.0, "weight_decay": 0.0}
_BETAS = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_OUTSIDE = "epsilon-outside-root"
_LEADING = "shifted+learning-rate-inside"
_FUSED = {"fused": True}

ROWS = (
    Row("gradient-descent", "plain", "SGD", _SGD, _STILL),
    Row("momentum", "learning-rate-outside", "SGD", _SGD, _STILL),
    Row("momentum", "learning-rate-outside", "SGD", _SGD, _STILL, options=_FUSED),
    Row("momentum", "learning-rate-inside", "SGD", _SGD, _STILL, {"classic": True}),
    Row("nesterov", "shifted", "SGD", _SGD, _STILL, {"nesterov": True}),
    Row("nesterov", _LEADING, "SGD", _SGD, _STILL, {"classic": True, "nesterov": True}),
    Row("weight-decay", "coupled", "SGD", _SGD, _STILL),
    Row("adam", _OUTSIDE, "Adam", _ADAM, _BETAS),
    Row("adam", _OUTSIDE, "Adam", _ADAM, _BETAS, options=_FUSED),
    Row(
        *("adamw", "decoupled", "AdamW"),
        {**_ADAM, "weight_decay": "weight_decay"},
        {**_BETAS, "weight_decay": 0.01},
    ),
)


class TinygradRun:
    """One optimization by an optimizer of tinygrad, which changes ``tensors`` in place."""

    def __init__(
        self,
        optimizer: Any,
        tensors: Sequence[Tensor],
        shapes: Sequence[tuple[int, ...]],
        rates: Sequence[float] | None,
    ) -> None:
        self.optimizer, self.tensors, self.shapes, self.rates = optimizer, tensors, shapes, rates
        self.steps = 0

    def step(self, gradients: Sequence[Tensor], **signals: Any) -> None:
        if self.rates is not None:
            rate = Tensor([self.rates[self.steps]], dtype=dtypes.float32)
            self.optimizer.lr.assign(rate).realize()
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = gradient.reshape(tensor.shape)
        with Context(TRAINING=1):  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.steps += 1

    def parameters(self) -> Sequence[Tensor]:
        return self._shaped(self.tensors)

    def evaluation_point(self) -> Sequence[Tensor]:
        return self.parameters()

    def state(self) -> Mapping[str, Sequence[Tensor]]:
        optimizer = self.optimizer
        if isinstance(optimizer, optim.LAMB):
            return {
                "first_moment": self._shaped(optimizer.m),
                "second_moment": self._shaped(optimizer.v),
            }
        # With the learning rate inside, it subtracts what the textbook adds.
        kept = [-each for each in optimizer.b] if optimizer.classic else optimizer.b
        return {"velocity": self._shaped(kept)} if optimizer.momentum else {}

    def save(self) -> bytes:
        # safe_save needs the device CPU, whichever device is used.
        state = get_state_dict(self.optimizer)
        return pickle.dumps({name: tensor.numpy() for name, tensor in state.items()})

    def _shaped(self, arrays: Sequence[Tensor]) -> Sequence[Tensor]:
        """An array for each parameter, of its shape; what is fused is one for all of them."""
        if self.optimizer.fused and arrays is not self.tensors:
            ends = self.optimizer.pos_params
            arrays = [arrays[0][i:j] for i, j in itertools.pairwise(ends)]
        return [each.reshape(shape) for each, shape in zip(arrays, self.shapes, strict=True)]


@dataclass(frozen=True)
class TinygradRule:
    """A row of the table on a device."""

    claim: Claim
    row: Row
    device: str

    @property
    def implementation(self) -> str:
        """The function."""
        return f"tinygrad.nn.optim.{self.row.name}"

    def start(
        self,
        parameters: Sequence[Tensor],
        hyperparameters: Hyperparameters,
        learning_rates: Sequence[float] | None = None,
    ) -> TinygradRun:
        shapes = [tuple(int(size) for size in each.shape) for each in parameters]
        # Its optimizers refuse a parameter without axes, for the learning rate has one.
        tensors = [each if each.ndim else each.reshape(1) for each in parameters]
        make = getattr(optim, self.row.name)
        arguments = {**self.row.arguments(hyperparameters), **self.claim.options}
        return TinygradRun(make(tensors, **arguments), tensors, shapes, learning_rates)

    def resume(
        self, saved: bytes, parameters: Sequence[Tensor], hyperparameters: Hyperparameters
    ) -> TinygradRun:
        run = self.start(parameters, hyperparameters)
        state = {name: Tensor(array) for name, array in pickle.loads(saved).items()}
        load_state_dict(run.optimizer, state, verbose=False)
        return run

    def script(self, case: Case, quantity: str) -> str:
        arguments = {**self.row.arguments(case.hyperparameters), **self.claim.options}
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        write = functools.partial(literals, dtype=case.dtype)
        shown = {
            "parameter": "parameters",
            "first_moment": "optimizer.m",
            "second_moment": "optimizer.v",
            "velocity": "[-b for b in optimizer.b]"
            if "classic" in self.row.given
            else "optimizer.b",
        }
        return f"""import os

os.environ["DEV"] = {self.device!r}
import numpy as np
from tinygrad import Tensor
from tinygrad.helpers import Context
from tinygrad.nn import optim

parameters = [Tensor(np.atleast_1d(each)) for each in {write(case.parameters)}]
gradients = [
{"".join(f"    {write(each)},{chr(10)}" for each in case.gradients)}]
rates = {None if case.learning_rates is None else list(case.learning_rates)!r}
optimizer = optim.{self.row.name}(parameters, {keywords})
for t, step_gradients in enumerate(gradients):
    if rates is not None:
        optimizer.lr.assign(Tensor([rates[t]], dtype="float32")).realize()
    for parameter, gradient in zip(parameters, step_gradients):
        parameter.grad = Tensor(np.atleast_1d(gradient))
    with Context(TRAINING=1):
        optimizer.step()
computed = [float(x) for array in {shown[quantity]} for x in array.numpy().ravel()]
"""


class TinygradBackend:
    """tinygrad on one of its devices."""

    name = "tinygrad"
    interface_version = INTERFACE_VERSION
    source_modules = ("tinygrad.nn.optim",)

    def __init__(self, device: str = "cpu") -> None:
        names = _DEVICES.get(device, (device.upper(),))
        wanted = tuple(name for name in names if name == DEV.device)
        self.device = _usable(wanted or names, device)
        if not wanted:
            DEV.value = self.device
        # Kernels this small are compiled sooner here than in processes of their own.
        PARALLEL.value = 0

    def library(self) -> tuple[str, str]:
        return "tinygrad", version("tinygrad")

    def environment(self) -> Mapping[str, str]:
        return {"device name": self.device}

    def asarray(self, values: Floats, dtype: str, *, transposed: bool = False) -> Tensor:
        # A parameter that is a view of another array is none that an optimizer can change.
        if not values.size:
            # It is never computed: with memory, it would go on using all that it is made of.
            return Tensor.zeros(values.shape, dtype=dtype)
        # A number alone would be a constant, which no memory belongs to.
        return Tensor(np.array(values, dtype=dtype, ndmin=1)).reshape(values.shape)

    def to_numpy(self, array: Tensor) -> Floats:
        return np.array(array.numpy(), dtype=np.float64)

    def dtype(self, array: Tensor) -> str:
        return str(array.numpy().dtype)

    def synchronize(self, arrays: Sequence[Tensor]) -> None:
        Device[self.device].synchronize()  # type: ignore[no-untyped-call]

    def update_rules(self) -> Sequence[TinygradRule]:
        bits = {"float32": (24, 24)}
        fields = {"dtypes": ("float32",), "scalar_bits": bits, "compilation": "operations"}
        return [TinygradRule(row.claim(**fields), row, self.device) for row in ROWS]


def _usable(names: Sequence[str], device: str) -> str:
    """The first device that runs a kernel: a new one, since old ones lie on the disk."""
    for name in names:
        try:
            with Context(DEV=name):  # type: ignore[no-untyped-call]
                (Tensor([1.0]) * random.random()).realize()
        except Exception:
            continue
        return name
    advice = "install clang, or set DEV=PYTHON" if device == "cpu" else "run with --device cpu"
    raise LookupError(f"tinygrad cannot use its device {' or '.join(names)} here: {advice}")
