"""Loaders: what their scripts print, and what torch's samplers need to be told."""

from __future__ import annotations

import ast
import contextlib
import io
from typing import Any

import pytest

from optcheck.backends import load_backend
from optcheck.reference.sampling.loaders import DIVISIONS


def loaders(name: str) -> list[Any]:
    return list(load_backend(name).loaders())


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_scripts_print_what_is_drawn(name: str) -> None:
    given = {"examples": 7, "batch_size": 4, "epochs": 2, "seed": 5}
    for rule in loaders(name):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(rule.script(**given), {})
        lines = printed.getvalue().splitlines()
        epochs = [ast.literal_eval(line) for line in lines]
        assert epochs == rule.epochs(**given)
        sizes = DIVISIONS[rule.claim.dialect].sizes(7, 4)
        assert [[len(batch) for batch in epoch] for epoch in epochs] == [sizes] * 2


def test_replicas_share_even_batches_alone() -> None:
    shared = [rule for rule in loaders("torch") if "sampler" in rule.claim.options]
    refusing = [rule for rule in shared if rule.claim.limits({"batch_size": 3})]
    assert [rule.claim.dialect for rule in refusing] == ["shuffled+dropped", "shuffled+padded"]
    assert not any(rule.claim.limits({"batch_size": 4}) for rule in shared)


def test_an_epoch_that_is_not_announced_repeats_the_order() -> None:
    from torch.utils.data import DistributedSampler

    sampler = DistributedSampler(range(20), 2, 0, seed=3)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
