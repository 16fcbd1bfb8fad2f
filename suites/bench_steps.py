"""Benchmarks of one update, run by ``optcheck bench``: many small tensors, and one large one."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from optcheck.backends import load_backend
from optcheck.backends.interface import Claim, HasUpdateRules
from optcheck.reference import METHODS

DTYPE = "float32"
# Bound by dispatch, and bound by memory: 8 MiB a vector, more than a core's own cache.
SIZES = {"100 x 100": [100] * 100, "1 x 2097152": [2097152]}


def _rules() -> list[Any]:
    # Set by `optcheck bench`; without them there is nothing to time.
    backends = os.environ.get("OPTCHECK_BENCH_BACKENDS", "").split()
    device = os.environ.get("OPTCHECK_BENCH_DEVICE", "cpu")
    found = []
    for spec in backends:
        backend = load_backend(spec, device)
        rules = backend.update_rules() if isinstance(backend, HasUpdateRules) else ()
        for rule in rules:
            if _is_timed(rule.claim):
                found += [
                    pytest.param(
                        backend, rule, size, id=f"{backend.name}-{rule.claim.name}-{size}"
                    )
                    for size in SIZES
                ]
    return found


def _is_timed(claim: Claim) -> bool:
    """The methods' own dialects; a modifier adds what it adds to all of them."""
    forms = METHODS[claim.method].dialects
    plain = claim.dialect in forms and not forms[claim.dialect].signals
    return plain and DTYPE in claim.dtypes and not claim.thorough_only


@pytest.mark.parametrize(("backend", "rule", "size"), _rules())
def test_step(backend: Any, rule: Any, size: str, benchmark: BenchmarkFixture) -> None:
    """One update with a constant gradient; the state is warm and the device idle at the edges."""
    values = [np.linspace(-1.0, 1.0, count) for count in SIZES[size]]
    domains = METHODS[rule.claim.method].domains(rule.claim.dialect)
    h = {name: domain.typical[0] for name, domain in domains.items()}
    run = rule.start([backend.asarray(each, DTYPE) for each in values], h)
    gradients = [backend.asarray(each, DTYPE) for each in values]

    def step() -> None:
        # The shifted form of some paths writes to its gradients; that costs no extra pass, and
        # the growth it causes stays finite over a benchmark.
        run.step(gradients)
        backend.synchronize(run.parameters())

    step()
    benchmark.group = f"{rule.claim.method}/{rule.claim.dialect}"
    benchmark.extra_info.update(
        backend=backend.name,
        method=rule.claim.method,
        dialect=rule.claim.dialect,
        options=", ".join(f"{key}={value}" for key, value in rule.claim.options.items()),
        size=size,
    )
    benchmark(step)
