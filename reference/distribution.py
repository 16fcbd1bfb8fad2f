"""Updates and gradients on several devices: what each device has, and what all make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.oracle import Quantity
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import statement

Floats = npt.NDArray[np.float64]

statement(
    "update-of-parts",
    title="An update that treats each coordinate alone can be made in parts",
    formula=(
        r"\mathbf{w}=(\mathbf{w}_1,\dots,\mathbf{w}_P):\quad "
        r"U(\mathbf{w},\mathbf{g},\mathbf{s})="
        r"(U(\mathbf{w}_1,\mathbf{g}_1,\mathbf{s}_1),\dots,"
        r"U(\mathbf{w}_P,\mathbf{g}_P,\mathbf{s}_P))"
    ),
    sources=("torch:torch.distributed.optim.ZeroRedundancyOptimizer",),
)
statement(
    "state-of-parts",
    title="State that is cut takes the memory of one copy",
    formula=r"|\mathbf{s}|=\sum_{k=1}^P|\mathbf{s}_k|,\quad|\mathbf{s}_k|=|\mathbf{s}|/P",
    sources=("torch:torch.distributed.optim.ZeroRedundancyOptimizer",),
)


@dataclass(frozen=True)
class Layout:
    """Which state a device has: all of it, a part of each array, or all of some arrays."""

    state: Literal["all", "part", "some"]
    summary: str

    def conforms(self, held: Sequence[int], sizes: Sequence[int], devices: int) -> bool:
        """Whether a device may have ``held[i]`` of the ``sizes[i]`` numbers of array i.

        The first axis of every array, and the last, is a multiple of ``devices``. Arrays handed
        out one by one, each to whoever has least, leave nobody with more than his part and the
        largest array.
        """
        if self.state == "all":
            return list(held) == list(sizes)
        if self.state == "part":
            return list(held) == [size // devices for size in sizes]
        whole = all(has in (0, size) for has, size in zip(held, sizes, strict=True))
        return whole and sum(held) * devices <= sum(sizes) + devices * max(sizes)

    def copies(self, devices: int) -> int:
        """How many copies of the state there are in all."""
        return devices if self.state == "all" else 1


LAYOUTS: Mapping[str, Layout] = {
    "sharded": Layout("part", "each device has a part of every array, cut along one axis"),
    "replicated": Layout("all", "each device has all parameters and all state"),
    "zero-redundancy": Layout(
        "some", "each device has all parameters, and updates some of them, whose state it has"
    ),
    "fully-sharded": Layout(
        "part",
        "each device has a part of every array, cut along the first axis; gradients are averaged "
        "over the devices and cut likewise",
    ),
}

SHARDED_UPDATE = procedure(
    Procedure(
        id="sharded-update",
        title="Update of parameters on several devices",
        source="torch:torch.distributed",
        capability="distribution",
        family="distributed",
        dialects={
            name: Form(summary=layout.summary, equations=("update-of-parts", "state-of-parts"))
            for name, layout in LAYOUTS.items()
        },
    )
)

DATA_PARALLEL_GRADIENT = procedure(
    Procedure(
        id="data-parallel-gradient",
        title="Gradient of a batch whose examples lie on several devices",
        source="torch:torch.nn.parallel.DistributedDataParallel",
        capability="distribution",
        family="distributed",
        dialects={
            "mean": Form(
                summary="the mean over the devices of the gradients of their shares' mean losses",
                equations=("minibatch-gd-partition-update", "batch-gradient-additive-parallel"),
            )
        },
    )
)


def linear_gradient(
    weights: Floats, inputs: Floats, targets: Floats, shares: Sequence[int], working: Arithmetic
) -> Quantity:
    """The mean over the shares of the gradient of half the mean squared error of each.

    Where all are of one size that is the gradient of the whole batch, with which it is compared.
    """
    one_size = len(set(shares)) == 1
    exact = [len(targets)] if one_size else shares
    return Quantity(
        _mean_of_means(weights, inputs, targets, exact, Arithmetic.exact()),
        _mean_of_means(weights, inputs, targets, shares, working),
    )


def _mean_of_means(
    weights: Floats,
    inputs: Floats,
    targets: Floats,
    shares: Sequence[int],
    arithmetic: Arithmetic,
) -> Balls:
    w = arithmetic.array(weights)
    predictions = [(arithmetic.array(row) * w).total().ball for row in inputs]
    residuals = Balls(predictions, arithmetic) - arithmetic.array(targets)
    weighed = residuals / arithmetic.array(np.repeat(shares, shares).astype(np.float64))
    # Sums in any order: those of the shares one after the other are one of them.
    sums = [(arithmetic.array(column) * weighed).total().ball for column in inputs.T]
    mean: Balls = Balls(sums, arithmetic) / len(shares)
    return mean
