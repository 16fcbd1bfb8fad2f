"""What a law is, what it is about, and how it says that something deviates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from optcheck.backends.interface import Backend, Claim
from optcheck.backends.interface import NotShown as NotShown  # laws say so too
from optcheck.reference import FORMATS
from optcheck.reference.balls import Arithmetic

Floats = npt.NDArray[np.float64]
Capability = Literal[
    "update-rule",
    "schedule",
    "clipping",
    "minimizer",
    "line-search",
    "interpolation",
    "curriculum",
    "pretraining",
    "derivative",
    "loss",
    "factorization",
    "loader",
    "initializer",
    "normalizer",
    "recurrence",
    "metric-schedule",
    "distribution",
]
Oracle = Literal["exact", "rate", "statistic", "identity"]


class Deviation(AssertionError):
    """An implementation broke a law. The message is one line for people."""

    def __init__(
        self,
        message: str,
        *,
        ratio: float = float("inf"),
        counterexample: Mapping[str, Any] | None = None,
        script: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(message)
        self.ratio = ratio
        self.counterexample = dict(counterexample or {})
        self.script = script


class ImplementationError(Exception):
    """The implementation or its adapter raised; not a verdict about its mathematics."""

    def __init__(self, message: str, counterexample: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.counterexample = dict(counterexample or {})


@dataclass(frozen=True)
class Subject:
    """One implementation in one dtype on one device: what a law is asked about."""

    backend: Backend
    rule: Any
    capability: Capability
    record: Any
    dtype: str
    device: str
    # Strategies by what was asked of them; making one takes longer than drawing from it.
    strategies: dict[Any, Any] = field(default_factory=dict, compare=False)

    @property
    def claim(self) -> Claim:
        """What the library says of the implementation."""
        claim: Claim = self.rule.claim
        return claim

    @property
    def plain_dialect(self) -> bool:
        """Whether the dialect is the record's own, without a modifier."""
        return self.claim.dialect in self.record.dialects

    @property
    def working(self) -> Arithmetic:
        """The arithmetic that the implementation declares."""
        hyperparameters, steps = self.claim.scalar_bits.get(self.dtype, (53, 53))
        return Arithmetic.working(
            FORMATS[self.dtype],
            scalar_bits=hyperparameters,
            step_bits=steps,
            flushes_subnormals=self.claim.flushes_subnormals,
        )

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.backend.name} {self.claim.name} in {self.dtype}"


Check = Callable[[Subject, st.DataObject], float]


@dataclass(frozen=True)
class Law:
    """A checkable statement.

    ``check`` draws a case, runs the implementation and raises :class:`Deviation`. It returns the
    largest ratio of deviation to allowance that it saw, or NaN where the case decided nothing.
    ``about`` says whether a method in a dialect is the law's subject at all; ``excused`` returns
    why an implementation of it is not asked, or None.
    """

    id: str
    title: str
    statement: str
    oracle: Oracle
    capability: Capability
    check: Check
    equations: tuple[str, ...] = ()
    about: Callable[[Subject], bool] = lambda subject: True
    excused: Callable[[Subject], str | None] = lambda subject: None
    # A share of the profile's number of examples, for laws whose cases are long.
    share: float = 1.0
    # Laws about rates run on the plain path; the exact laws tie the other paths to it.
    every_path: bool = True
    # Asked of dialects that are joined with a modifier too.
    with_modifiers: bool = False
    # What has nothing to do with the precision is asked in one dtype, the first that is claimed.
    one_dtype: bool = False
    # Of a statistic: the probability that a right implementation fails a unit of a run, and what
    # is told from the right one in at least 99 units of 100.
    false_alarm: float | None = None
    alternative: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64", "float16", "bfloat16")


LAWS: dict[str, Law] = {}


def law(**fields: Any) -> Callable[[Check], Check]:
    """Register the decorated function as the check of a law."""

    def register(check: Check) -> Check:
        record = Law(check=check, **fields)
        if record.id in LAWS:
            raise ValueError(f"law {record.id!r} is registered twice")
        LAWS[record.id] = record
        return check

    return register
