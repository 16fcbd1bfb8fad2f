"""The interface to updates and gradients on several devices.

Numbers cross the border whole, as float64 NumPy arrays: how they are cut is the library's affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from optcheck.backends.interface import Case, Claim, Floats


@dataclass(frozen=True)
class Gathered:
    """What all devices show together after an update.

    ``copies`` has the parameters once for each device that has them whole or puts them together.
    ``state`` has the catalogue's names, an array a parameter;
    ``held[device][parameter]`` is how many numbers of all that state the device has in memory.
    """

    copies: tuple[tuple[Floats, ...], ...]
    state: Mapping[str, tuple[Floats, ...]]
    held: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Batch:
    """Examples of a linear model, those of the first device first.

    The loss of a share of n examples is the mean of ``(inputs @ weights - targets)**2 / 2``.
    """

    weights: Floats
    inputs: Floats
    targets: Floats
    shares: tuple[int, ...]


class ShardedUpdateRule(Protocol):
    """An update rule of a library whose parameters or state are spread over devices.

    ``claim`` says how they are spread, ``update`` which rule it is.
    """

    claim: Claim
    devices: int

    @property
    def update(self) -> Claim:
        """The claim of the rule on one device."""

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether a parameter may have this shape."""

    def run(self, case: Case, stop: int | None = None) -> Sequence[Gathered]:
        """What is shown after each update; the gradients of ``case`` are means over the devices.

        After ``stop`` updates the state is saved as the library saves it, and loaded into a new
        optimizer that goes on. Raises ``NotShown`` where there are no such devices.
        """

    def script(self, case: Case, quantity: str) -> str:
        """Python that runs ``case`` on the library alone and leaves a list ``computed``."""


class DataParallelRule(Protocol):
    """A way of a library to average gradients over devices, each with its share of a batch.

    ``unequal`` says whether shares may be of different sizes.
    """

    claim: Claim
    devices: int
    unequal: bool

    def gradients(self, batch: Batch, *, dtype: str) -> Sequence[Floats]:
        """The gradient that each device ends with; raises as ``ShardedUpdateRule.run``."""

    def script(self, batch: Batch, *, dtype: str) -> str:
        """Python that leaves the gradient of the first device in a list ``computed``."""
