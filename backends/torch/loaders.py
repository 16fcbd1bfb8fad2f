"""Minibatches by ``torch.utils.data``."""

from __future__ import annotations

from collections.abc import Mapping

from optcheck.backends.interface import Claim, Option
from optcheck.backends.program_loaders import EACH_EPOCH, ProgramLoader
from optcheck.backends.training import LoaderRule

_IMPORTS = """import torch
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler
from torch.utils.data import RandomSampler, SequentialSampler"""

_GENERATOR = "generator = torch.Generator().manual_seed(seed)\n"


def _even(given: Mapping[str, float]) -> str | None:
    even = given["batch_size"] % 2 == 0
    return None if even else "two replicas have equal parts of a batch"


def _data_loader(dialect: str, arguments: str, **options: Option) -> LoaderRule:
    """A DataLoader that is kept from epoch to epoch."""
    return ProgramLoader(
        Claim("minibatches", dialect, {"loader": "DataLoader", **options}, ("float64",)),
        _IMPORTS,
        f"{_GENERATOR}loader = DataLoader(range(examples), batch_size, {arguments})",
        EACH_EPOCH.format("loader"),
        "len(loader)",
    )


def _batch_sampler(dialect: str, sampler: str, *, drop_last: bool) -> LoaderRule:
    """Indices alone, as a DataLoader draws them."""
    name = sampler.partition("(")[0]
    return ProgramLoader(
        Claim("minibatches", dialect, {"loader": f"BatchSampler of {name}"}, ("float64",)),
        _IMPORTS,
        f"{_GENERATOR}loader = BatchSampler({sampler}, batch_size, {drop_last})",
        "[list(loader) for epoch in range(epochs)]",
        "len(loader)",
    )


def _replicas(dialect: str, *, drop_last: bool) -> LoaderRule:
    """Two replicas, each with half of every batch; each epoch has to be announced."""
    return ProgramLoader(
        Claim(
            "minibatches",
            dialect,
            {"loader": "DataLoader", "sampler": "DistributedSampler"},
            ("float64",),
            limits=_even,
        ),
        _IMPORTS,
        f"""samplers = [
    DistributedSampler(range(examples), 2, rank, seed=seed, drop_last={drop_last})
    for rank in range(2)
]
loaders = [
    DataLoader(range(examples), batch_size // 2, sampler=each, drop_last={drop_last})
    for each in samplers
]


def drawn(epoch):
    for each in samplers:
        each.set_epoch(epoch)
    return [torch.cat(parts).tolist() for parts in zip(*loaders)]

""",
        "[drawn(epoch) for epoch in range(epochs)]",
        "len(loaders[0])",
    )


LOADERS: tuple[LoaderRule, ...] = (
    _data_loader("in-order", "shuffle=False"),
    _data_loader("in-order+dropped", "shuffle=False, drop_last=True"),
    _data_loader("shuffled", "shuffle=True, generator=generator"),
    _data_loader("shuffled+dropped", "shuffle=True, drop_last=True, generator=generator"),
    _data_loader(
        "with-replacement",
        "sampler=RandomSampler(range(examples), replacement=True, generator=generator)",
        sampler="RandomSampler",
    ),
    _batch_sampler("in-order", "SequentialSampler(range(examples))", drop_last=False),
    _batch_sampler(
        "shuffled", "RandomSampler(range(examples), generator=generator)", drop_last=False
    ),
    ProgramLoader(
        Claim("minibatches", "shuffled", {"loader": "torch.randperm"}, ("float64",)),
        _IMPORTS,
        _GENERATOR,
        EACH_EPOCH.format("torch.randperm(examples, generator=generator).split(batch_size)"),
    ),
    _replicas("shuffled+dropped", drop_last=True),
    _replicas("shuffled+padded", drop_last=False),
)
