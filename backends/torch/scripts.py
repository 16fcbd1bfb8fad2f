"""Source text of scripts that show a deviation on torch alone."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence

from optcheck.backends.interface import Case, Floats
from optcheck.backends.scripts import literal
from optcheck.backends.torch.cuda_graphs import GraphedStep


def tensors(
    arrays: Sequence[Floats | None], dtype: str, device: str, *, transposed: bool = False
) -> str:
    """A list of ``torch.tensor`` expressions; a gradient that is missing is None."""
    place = "" if device == "cpu" else f", device={device!r}"

    def one(array: Floats | None) -> str:
        if array is None:
            return "None"
        storage = ".T.contiguous().T" if transposed and array.ndim > 1 else ""
        return f"torch.tensor({literal(array)}, dtype=torch.{dtype}{place}){storage}"

    return "[" + ", ".join(one(array) for array in arrays) + "]"


def tensor_source(value: float | tuple[float, ...], device: str = "cpu") -> str:
    """A hyper-parameter, or a pair of them, as tensors."""
    if isinstance(value, tuple):
        return "(" + ", ".join(tensor_source(each, device) for each in value) + ")"
    place = "" if device == "cpu" else f", device={device!r}"
    return f"torch.tensor({value!r}, dtype=torch.float64{place})"


def step_script(
    case: Case,
    *,
    optimizer: str,
    keywords: str,
    device: str,
    state: Sequence[str],
    recorded: bool,
    compiled: bool,
    graphed: bool,
    rate_is_tensor: bool,
) -> str:
    """The updates of ``case``, and ``computed``: the parameters, or what is found of ``state``.

    ``optimizer`` is a class with its library: torch, or one that is built on it.
    ``recorded`` steps run on what autograd has computed. A learning rate that is a tensor is
    changed in place, as torch's schedulers do.
    """
    write = functools.partial(tensors, dtype=case.dtype, device=device, transposed=case.transposed)
    library = optimizer.partition(".")[0]
    lines = ["import torch", *([] if library == "torch" else [f"import {library}"]), ""]
    lines += [f"parameters = {write(case.parameters)}", "gradients = ["]
    lines += [f"    {write(each)}," for each in case.gradients]
    lines += ["]", "parameters = [p.requires_grad_() for p in parameters]"]
    if recorded:
        lines += ["parameters = [p.clone() for p in parameters]"]
        lines += ["for parameter in parameters:", "    parameter.retain_grad()"]
    lines += [f"optimizer = {optimizer}(parameters, {keywords})"]
    step = "torch.compile(optimizer.step)" if compiled else "optimizer.step"
    if graphed:
        lines += ["from typing import Any", "", "", inspect.getsource(GraphedStep), ""]
        step = "GraphedStep(optimizer)"
    lines += [f"step = {step}"]
    lines += ["for t, step_gradients in enumerate(gradients):"]
    lines += ["    for parameter, gradient in zip(parameters, step_gradients):"]
    lines += ["        parameter.grad = gradient"]
    if case.learning_rates is not None:
        rate = f"{list(case.learning_rates)!r}[t]"
        change = f".fill_({rate})" if rate_is_tensor else f" = {rate}"
        lines += [f'    optimizer.param_groups[0]["lr"]{change}']
    lines += ["    step()"]
    shown = f"[optimizer.state[p][k] for p in parameters for k in {list(state)!r}"
    collect = f"{shown} if k in optimizer.state[p]]" if state else "parameters"
    lines += [f"computed = [x for t in {collect} for x in t.detach().double().flatten().tolist()]"]
    return "\n".join(lines) + "\n"
