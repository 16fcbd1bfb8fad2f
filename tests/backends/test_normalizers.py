"""Normalisers: what their scripts print, and what the laws do not see of the adapters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from printed_numbers import printed_numbers

from optcheck.backends import load_backend
from optcheck.reference import PROCEDURES

BATCHES = [np.random.default_rng(seed).normal(2.0, 3.0, size=(4, 3)) for seed in range(3)]


def normalizers(name: str) -> list[Any]:
    return list(load_backend(name).normalizers())


def hyperparameters(claim: Any) -> dict[str, float]:
    domains = PROCEDURES[claim.method].domains(claim.dialect)
    usual = {"epsilon": 1e-5, "momentum": 0.9}
    return {name: usual[name] for name in domains} | dict(claim.fixed)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_scripts_print_what_the_last_batch_becomes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = normalizers(name)
    if name == "jax":
        # One of each kind: a script compiles each of its operations.
        rules = list({rule.claim.method: rule for rule in rules}.values())
    for rule in rules:
        learned = {}
        if rule.claim.method != "data-normalization":
            learned = {"gain": np.array([1.0, -2.0, 0.5]), "shift": np.array([0.0, 1.0, 2.0])}
        given = hyperparameters(rule.claim)
        script = rule.script(BATCHES, given, dtype="float32", **learned)
        numbers = printed_numbers(script, capsys, "float32")
        run = rule.start((3,), given, dtype="float32", **learned)
        for batch in BATCHES[:-1]:
            run.train(batch)
        expected = [run.evaluate(BATCHES[-1]), run.train(BATCHES[-1])]
        # XLA fuses other operations in the script; half of the digits survive a one-pass variance.
        room = 2.0**-12 if name == "jax" else 0.0
        same = pytest.approx(np.ravel(expected).tolist(), rel=room, abs=room)
        assert numbers == same, rule.claim.name


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_gradients_leave_the_run_alone(name: str) -> None:
    for rule in normalizers(name):
        if rule.claim.method != "batch-normalization":
            continue
        run = rule.start((3,), hyperparameters(rule.claim), dtype="float64")
        run.train(BATCHES[0])
        before = {key: each.copy() for key, each in run.state().items()}
        run.gradients(BATCHES[1], BATCHES[2])
        assert before.keys() == run.state().keys()
        assert all(np.array_equal(before[key], run.state()[key]) for key in before)


def test_torch_counts_batches_that_it_refuses() -> None:
    import torch

    layer = torch.nn.BatchNorm1d(1, momentum=None)
    with pytest.raises(ValueError, match="more than 1 value"):
        layer(torch.ones(1, 1))
    assert layer.num_batches_tracked == 1


def test_flax_alone_takes_masks() -> None:
    mask = [True, True, False, True]
    taking = {
        (name, rule.claim.method)
        for name in ("numpy", "torch", "jax")
        for rule in normalizers(name)
        for run in [rule.start((3,), hyperparameters(rule.claim), dtype="float32")]
        if run.train_masked(BATCHES[0], mask) is not None
    }
    assert taking == {("numpy", "batch-normalization"), ("jax", "batch-normalization")}
