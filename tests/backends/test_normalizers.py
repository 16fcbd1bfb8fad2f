"""Normalisers: what their scripts print, and what the laws do not see of the adapters."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import numpy as np
import pytest

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
def test_scripts_print_what_the_last_batch_becomes(name: str) -> None:
    rules = normalizers(name)
    if name == "jax":
        # One of each kind: a script compiles each of its operations.
        rules = list({rule.claim.method: rule for rule in rules}.values())
    for rule in rules:
        learned = {}
        if rule.claim.method != "data-normalization":
            learned = {"gain": np.array([1.0, -2.0, 0.5]), "shift": np.array([0.0, 1.0, 2.0])}
        given = hyperparameters(rule.claim)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(rule.script(BATCHES, given, dtype="float32", **learned), {})
        numbers = [
            float(each) for each in re.findall(r"-?\d+\.\d*(?:e[-+]\d+)?", _numbers(printed))
        ]
        run = rule.start((3,), given, dtype="float32", **learned)
        for batch in BATCHES[:-1]:
            run.train(batch)
        expected = [run.evaluate(BATCHES[-1]), run.train(BATCHES[-1])]
        assert numbers == pytest.approx(np.ravel(expected).tolist(), abs=2e-3), rule.claim.name


def _numbers(printed: io.StringIO) -> str:
    """Without what is printed around the arrays."""
    return re.sub(r"(dtype|grad_fn)=[^)]*", "", printed.getvalue())


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
