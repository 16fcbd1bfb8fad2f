"""torch.optim and the means of gradients of torch on two processes of gloo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optcheck.backends.distribution import Batch, Gathered
from optcheck.backends.helpers import Helper
from optcheck.backends.interface import Case, Claim, Floats, Hyperparameters
from optcheck.backends.torch.distribution_scripts import gradient_script, update_script
from optcheck.backends.torch.table import (
    ADAGRAD,
    ADAM,
    ADAMW,
    FOREACH,
    RMSPROP,
    SGD,
    SINGLE,
    Options,
    Row,
)
from optcheck.backends.torch.update_rules import STATE, TorchRule

RANKS = 2
DTYPES = ("float32",)

_HELPER = Helper(Path(__file__).with_name("ranks.py"), {"OMP_NUM_THREADS": "1"})


def _has_velocity(h: Hyperparameters) -> str | None:
    return None if h["momentum"] > 0 else "torch keeps no velocity for a momentum of 0"


# The rows, and torch's names of their state.
_ROWS: dict[str, tuple[Row, tuple[str, ...]]] = {
    "adam": (Row("adam", "epsilon-outside-root", ADAM), ("exp_avg", "exp_avg_sq")),
    "adamw": (Row("adamw", "decoupled", ADAMW), ("exp_avg", "exp_avg_sq")),
    "momentum": (
        Row("momentum", "learning-rate-outside", replace(SGD, limits=_has_velocity)),
        ("momentum_buffer",),
    ),
    "adagrad": (Row("adagrad", "epsilon-outside-root", ADAGRAD), ("sum",)),
    "rmsprop": (Row("rmsprop", "epsilon-outside-root", RMSPROP), ("square_avg",)),
}
_BOTH_PATHS = (
    *((name, SINGLE) for name in _ROWS),
    ("adam", FOREACH),
    ("momentum", FOREACH),
)
_CUTS: tuple[tuple[str, str, tuple[tuple[str, Options], ...]], ...] = (
    ("sharded", "rows", _BOTH_PATHS),
    ("sharded", "columns", (("adam", SINGLE),)),
    ("replicated", "not", (("adam", SINGLE),)),
    ("zero-redundancy", "not", _BOTH_PATHS),
    ("fully-sharded", "rows", _BOTH_PATHS),
)
_MEANS = {
    "DistributedDataParallel": "torch.nn.parallel.DistributedDataParallel",
    "fully_shard": "torch.distributed.fsdp.fully_shard",
}


@dataclass(frozen=True)
class ShardedOptimizer:
    """A class of torch.optim over tensors on a mesh, or inside ``ZeroRedundancyOptimizer``."""

    claim: Claim
    rule: TorchRule
    names: tuple[str, ...]
    cut: str
    devices: int = RANKS

    @property
    def update(self) -> Claim:
        """The claim of the class on one device."""
        return self.rule.claim

    @property
    def implementation(self) -> str:
        """The class of torch.optim."""
        return self.rule.implementation

    def takes(self, shape: tuple[int, ...]) -> bool:
        # torch documents that fully_shard takes no scalars.
        return self.claim.dialect != "fully-sharded" or shape != ()

    def run(self, case: Case, stop: int | None = None) -> Sequence[Gathered]:
        arguments = (
            self.claim.dialect,
            self.cut,
            self.rule.row.optimizer.name,
            self.rule.keywords(case.hyperparameters),
            {name: STATE[name] for name in self.names},
            case,
            stop,
        )
        shown: Sequence[Gathered] = _HELPER.ask(("update", arguments))
        return shown

    def script(self, case: Case, quantity: str) -> str:
        return update_script(
            case,
            layout=self.claim.dialect,
            cut=self.cut,
            optimizer=self.rule.row.optimizer.name,
            keywords=self.rule.keywords(case.hyperparameters),
            state=[name for name in self.names if STATE[name] == quantity],
        )


@dataclass(frozen=True)
class MeanGradient:
    """What averages the gradients of the processes in their backward pass."""

    claim: Claim
    wrapper: str
    devices: int = RANKS
    # The documentation of both says that a process counts as one whatever its batch is.
    unequal: bool = True

    @property
    def implementation(self) -> str:
        """The wrapper."""
        return _MEANS[self.wrapper]

    def gradients(self, batch: Batch, *, dtype: str) -> Sequence[Floats]:
        found: Sequence[Floats] = _HELPER.ask(("gradient", (self.wrapper, batch, dtype)))
        return found

    def script(self, batch: Batch, *, dtype: str) -> str:
        return gradient_script(batch, wrapper=self.wrapper, dtype=dtype)


def _updates() -> list[ShardedOptimizer]:
    found = []
    for dialect, cut, rules in _CUTS:
        for name, path in rules:
            row, names = _ROWS[name]
            options = {"rule": name, **path, **({"cut": cut} if dialect == "sharded" else {})}
            claim = Claim("sharded-update", dialect, options, DTYPES)
            rule = TorchRule(row.claim(path), row, "cpu")
            found.append(ShardedOptimizer(claim, rule, names, cut))
    return found


DISTRIBUTIONS: list[ShardedOptimizer | MeanGradient] = [
    *_updates(),
    *(
        MeanGradient(
            Claim("data-parallel-gradient", "mean", {"wrapper": wrapper}, DTYPES), wrapper
        )
        for wrapper in _MEANS
    ),
]
