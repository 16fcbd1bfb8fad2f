"""Source text of scripts that show a deviation on two processes of torch alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optcheck.backends.distribution import Batch
from optcheck.backends.interface import Case
from optcheck.backends.scripts import literal
from optcheck.backends.torch.scripts import tensors

_HEADING = """import multiprocessing
import os
import tempfile

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

"""

_RUNNING = """

def process(rank, rendezvous, results):
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    results.put((rank, run(rank, init_device_mesh("cpu", (2,)))))
    dist.destroy_process_group()


with tempfile.TemporaryDirectory() as folder:
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    arguments = f"file://{folder}/rendezvous", results
    processes = [fork.Process(target=process, args=(rank, *arguments)) for rank in range(2)]
    for each in processes:
        each.start()
    computed = dict([results.get(), results.get()])[0]
    for each in processes:
        each.join()
"""

_FULLY_SHARDED = """

class Parameters(torch.nn.Module):
    def __init__(self, parameters):
        super().__init__()
        self.each = torch.nn.ParameterList(parameters)

    def forward(self, gradients):
        return torch.stack([(p * g).sum() for p, g in zip(self.each, gradients)]).sum()

"""


def update_script(
    case: Case,
    *,
    layout: str,
    cut: str,
    optimizer: str,
    keywords: Mapping[str, Any],
    state: Sequence[str],
) -> str:
    """The updates of ``case``, and ``computed``: the parameters, or ``state`` put together."""
    steps = "".join(f"    {tensors(each, case.dtype, 'cpu')},\n" for each in case.gradients)
    given = "".join(f", {keyword}={value!r}" for keyword, value in keywords.items())
    lines = _LAYOUTS.get(layout, _on_mesh(cut))
    shown = lines["state"].format(name=state[0]) if state else lines["parameters"]
    made = lines["made"].format(optimizer=optimizer, given=given)
    return f"""{_HEADING}parameters = {tensors(case.parameters, case.dtype, "cpu")}
gradients = [
{steps}]
{lines["before"]}

def run(rank, mesh):
{made}
    for arrays in gradients:
{lines["step"]}
    shown = {shown}
    return [x for array in shown for x in array.detach().double().flatten().tolist()]

{_RUNNING}"""


def _on_mesh(cut: str) -> Mapping[str, str]:
    axis = {"rows": "0", "columns": "array.ndim - 1"}.get(cut)
    placement = "Replicate()" if axis is None else f"Shard({axis}) if array.ndim else Replicate()"
    return {
        "before": f"""

def placed(array, mesh):
    return distribute_tensor(array, mesh, [{placement}])

""",
        "made": """    each = [torch.nn.Parameter(placed(array, mesh)) for array in parameters]
    optimizer = torch.optim.{optimizer}(each{given})""",
        "step": """        for parameter, array in zip(each, arrays):
            parameter.grad = placed(array, mesh)
        optimizer.step()""",
        "parameters": "[parameter.full_tensor() for parameter in each]",
        "state": "[optimizer.state[parameter][{name!r}].full_tensor() for parameter in each]",
    }


_LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "fully-sharded": {
        "before": _FULLY_SHARDED,
        "made": """    module = fully_shard(Parameters(parameters), mesh=mesh)
    each = list(module.parameters())
    optimizer = torch.optim.{optimizer}(each{given})""",
        "step": """        optimizer.zero_grad()
        # The mean over the processes is the gradient.
        module([array * 2 * (rank == 0) for array in arrays]).backward()
        optimizer.step()""",
        "parameters": "[parameter.full_tensor() for parameter in each]",
        "state": "[optimizer.state[parameter][{name!r}].full_tensor() for parameter in each]",
    },
    "zero-redundancy": {
        "before": "",
        "made": """    each = [torch.nn.Parameter(array) for array in parameters]
    optimizer = ZeroRedundancyOptimizer(each, torch.optim.{optimizer}{given})""",
        "step": """        for parameter, array in zip(each, arrays):
            parameter.grad = array
        optimizer.step()
    optimizer.consolidate_state_dict(to=0)
    state = optimizer.state_dict()["state"] if rank == 0 else {}""",
        "parameters": "each",
        "state": "[state[index][{name!r}] for index in sorted(state)]",
    },
}


def gradient_script(batch: Batch, *, wrapper: str, dtype: str) -> str:
    """``computed`` is the gradient that the first process ends with."""
    first = batch.shares[0]
    numbers = {"weights": batch.weights, "inputs": batch.inputs, "targets": batch.targets}
    given = "".join(
        f"{name} = torch.tensor({literal(array)}, dtype=torch.{dtype})\n"
        for name, array in numbers.items()
    )
    mesh = ", mesh=mesh" if wrapper == "fully_shard" else ""
    grad = "linear.weight.grad" + (".full_tensor()" if mesh else "")
    return f"""{_HEADING}{given}

def run(rank, mesh):
    mine = slice(0, {first}) if rank == 0 else slice({first}, None)
    linear = torch.nn.Linear({len(batch.weights)}, 1, bias=False, dtype=torch.{dtype})
    linear.weight.data.copy_(weights.reshape(1, -1))
    model = {wrapper}(linear{mesh})
    (((model(inputs[mine]).ravel() - targets[mine]) ** 2).mean() / 2).backward()
    return {grad}.double().flatten().tolist()

{_RUNNING}"""
