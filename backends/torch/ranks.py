"""torch.optim on two processes of gloo: a program that a helper process runs, and forks from.

Rank 0 answers requests, and tells rank 1 of each; the ranks talk to each other on the loopback
interface alone.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from multiprocessing.connection import Pipe
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.helpers import serve
from optcheck.backends.interface import Case, Floats, NotShown

RANKS = 2
TIMEOUT = timedelta(seconds=60)
FULL = StateDictOptions(full_state_dict=True)

Request = tuple[str, tuple[Any, ...]]
Make = Callable[[Sequence[torch.Tensor]], Any]


def start() -> Callable[[Request], Any]:
    """Fork rank 1; what answers a request on rank 0."""
    torch.set_num_threads(1)
    # Imported by the first operation on a DTensor otherwise, by each rank.
    importlib.import_module("torch._dynamo")
    ours, theirs = Pipe()
    # To fork what has imported torch takes less than to import it twice. No thread runs yet.
    if os.fork() == 0:
        ours.close()
        try:
            _join(1, TCPStore("127.0.0.1", theirs.recv(), RANKS, timeout=TIMEOUT))
            serve(theirs, answered)
        finally:
            os._exit(1)
    theirs.close()
    try:
        store = TCPStore(
            "127.0.0.1", 0, RANKS, is_master=True, timeout=TIMEOUT, wait_for_workers=False
        )
        ours.send(store.port)
        _join(0, store)
    except (RuntimeError, OSError) as error:
        raise NotShown(f"two processes of gloo cannot meet on the loopback: {error}") from error

    def answer(request: Request) -> Any:
        ours.send((0, request))
        try:
            mine = answered(request)
        finally:
            # Whatever happens here: the next answer from there is to the next request.
            _, said, others = ours.recv()
        if said != "answer":
            raise RuntimeError(f"rank 1: {others}")
        return together(mine, others)

    return answer


def _join(rank: int, store: TCPStore) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    dist.init_process_group("gloo", store=store, rank=rank, world_size=RANKS, timeout=TIMEOUT)


def answered(request: Request) -> Any:
    """What this rank shows."""
    name, arguments = request
    kinds: Mapping[str, Callable[..., Any]] = {"update": update, "gradient": gradient}
    return kinds[name](*arguments)


def together(first: Any, second: Any) -> Any:
    """What both ranks show, as one answer."""
    if not isinstance(first, list):
        return [first, second]
    return [
        Gathered(one.copies + other.copies, one.state, one.held + other.held)
        for one, other in zip(first, second, strict=True)
    ]


@functools.cache
def mesh() -> DeviceMesh:
    """Both ranks in a row."""
    return init_device_mesh("cpu", (RANKS,))


class Parameters(torch.nn.Module):
    """A module whose gradient is what it is told."""

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.each = torch.nn.ParameterList(parameters)

    def forward(self, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        terms = [(p * g).sum() for p, g in zip(self.each, gradients, strict=True)]
        return torch.stack(terms).sum()


class Spread:
    """Parameters that are tensors on a mesh, and their optimizer."""

    def __init__(self, arrays: Sequence[torch.Tensor], cut: str, make: Make) -> None:
        self.cut = cut
        self.module = Parameters([self.placed(array) for array in arrays])
        self.prepare()
        # DTensors, which parameters do not say of themselves.
        self.parameters: list[Any] = list(self.module.parameters())
        self.optimizer = make(self.parameters)

    def prepare(self) -> None:
        """Nothing more is to be done."""

    def placed(self, array: torch.Tensor) -> torch.Tensor:
        axis = {"rows": 0, "columns": array.ndim - 1}.get(self.cut)
        placement: Placement = Replicate() if axis is None or array.ndim == 0 else Shard(axis)
        return distribute_tensor(array, mesh(), [placement])

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = self.placed(gradient)
        self.optimizer.step()

    def whole(self) -> list[torch.Tensor]:
        """The parameters as this rank puts them together."""
        if self.cut == "not":
            return [parameter.to_local() for parameter in self.parameters]
        return [parameter.full_tensor() for parameter in self.parameters]

    def state(self, name: str) -> list[torch.Tensor]:
        states = [self.optimizer.state[parameter][name] for parameter in self.parameters]
        return [state.full_tensor() for state in states]

    def held(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(
            sum(self.optimizer.state[parameter][name].to_local().numel() for name in names)
            for parameter in self.parameters
        )

    def resume(self, other: Spread) -> None:
        """Go on from the state of ``other``; each rank saves its own part."""
        self.optimizer.load_state_dict(_through_bytes(other.optimizer.state_dict()))


class FullySharded(Spread):
    """The module is handed over to ``fully_shard``, which averages the gradients of the ranks."""

    def placed(self, array: torch.Tensor) -> torch.Tensor:
        return array

    def prepare(self) -> None:
        fully_shard(self.module, mesh=mesh())

    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        # The mean is the gradient, and rank 1 has none: nobody can do with his own.
        own = [gradient * RANKS * (dist.get_rank() == 0) for gradient in gradients]
        self.optimizer.zero_grad()
        self.module(own).backward()
        self.optimizer.step()

    def resume(self, other: Spread) -> None:
        """The state of ``other`` is put together, saved, and cut up again."""
        saved = get_optimizer_state_dict(other.module, other.optimizer, options=FULL)
        loaded = _through_bytes(saved)
        set_optimizer_state_dict(self.module, self.optimizer, loaded, options=FULL)


class ZeroRedundancy(Spread):
    """Both ranks have all parameters, and each updates some of them."""

    optimizer: ZeroRedundancyOptimizer

    def placed(self, array: torch.Tensor) -> torch.Tensor:
        return array

    def whole(self) -> list[torch.Tensor]:
        return list(self.parameters)

    def state(self, name: str) -> list[torch.Tensor]:
        self.optimizer.consolidate_state_dict(to=0)
        if dist.get_rank() != 0:
            return []
        states = self.optimizer.state_dict()["state"]
        return [states[index][name] for index in range(len(self.parameters))]

    def held(self, names: Sequence[str]) -> tuple[int, ...]:
        states = [self.optimizer.optim.state.get(parameter, {}) for parameter in self.parameters]
        return tuple(sum(state[name].numel() for name in names if state) for state in states)

    def resume(self, other: Spread) -> None:
        optimizer: Any = other.optimizer
        optimizer.consolidate_state_dict(to=0)
        saved = [optimizer.state_dict() if dist.get_rank() == 0 else None]
        dist.broadcast_object_list(saved, src=0)
        self.optimizer.load_state_dict(_through_bytes(saved[0]))


LAYOUTS: dict[str, type[Spread]] = {
    "sharded": Spread,
    "replicated": Spread,
    "fully-sharded": FullySharded,
    "zero-redundancy": ZeroRedundancy,
}


def _through_bytes(saved: Any) -> Any:
    stream = io.BytesIO()
    torch.save(saved, stream)
    stream.seek(0)
    return torch.load(stream)


def update(
    layout: str,
    cut: str,
    optimizer: str,
    keywords: Mapping[str, Any],
    names: Mapping[str, str],
    case: Case,
    stop: int | None,
) -> list[Gathered]:
    """What this rank shows after each update; the state where it is put together, on rank 0."""
    kind = getattr(torch.optim, optimizer)

    def make(parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        if layout == "zero-redundancy":
            return ZeroRedundancyOptimizer(parameters, optimizer_class=kind, **keywords)
        made: torch.optim.Optimizer = kind(parameters, **keywords)
        return made

    def native(arrays: Sequence[Any]) -> list[torch.Tensor]:
        return [torch.tensor(array, dtype=getattr(torch, case.dtype)) for array in arrays]

    spread, shown = LAYOUTS[layout](native(case.parameters), cut, make), []
    for count, gradients in enumerate(case.gradients):
        if count == stop:
            whole = [tensor.detach().clone() for tensor in spread.whole()]
            before, spread = spread, LAYOUTS[layout](whole, cut, make)
            spread.resume(before)
        spread.step(native(gradients))
        state = {ours: _numbers(spread.state(theirs)) for theirs, ours in names.items()}
        shown.append(Gathered((_numbers(spread.whole()),), state, (spread.held(list(names)),)))
    return shown


def _numbers(tensors: Sequence[torch.Tensor]) -> tuple[Floats, ...]:
    return tuple(np.array(tensor.detach().double().numpy()) for tensor in tensors)


def gradient(how: str, batch: Batch, dtype: str) -> Floats:
    """The gradient that this rank ends with."""
    rank = dist.get_rank()
    ends = np.cumsum([0, *batch.shares])
    mine = slice(ends[rank], ends[rank + 1])
    kind = getattr(torch, dtype)
    weights, inputs, targets = (
        torch.tensor(array, dtype=kind)
        for array in (batch.weights, batch.inputs[mine], batch.targets[mine])
    )
    linear = torch.nn.Linear(len(weights), 1, bias=False, dtype=kind)
    linear.weight.data.copy_(weights.reshape(1, -1))
    if how == "fully_shard":
        model: Any = fully_shard(linear, mesh=mesh())
    else:
        model = DistributedDataParallel(linear)
    (((model(inputs).ravel() - targets) ** 2).mean() / 2).backward()
    found: Any = linear.weight.grad
    whole = found.full_tensor() if isinstance(found, DTensor) else found
    return _numbers([whole])[0].ravel()
