"""What the figures show of momentum: measured on the rules, beside theory."""

from __future__ import annotations

import numpy as np
import pytest

from optcheck.backends import load_backend
from optcheck.properties import Subject, units
from optcheck.properties.descent.acceleration import curves
from optcheck.properties.descent.stability import measured_threshold


def subjects(law: str) -> dict[tuple[str, str], Subject]:
    return {
        (unit.method, unit.dialect): unit.subject
        for unit in units([load_backend("numpy")])
        if unit.law.id == law and unit.subject is not None and unit.dtype == "float64"
    }


@pytest.mark.parametrize("momentum", [0.1, 0.5, 0.95])
def test_measured_thresholds(momentum: float) -> None:
    for (method, _), subject in subjects("modes-are-powers-of-a-matrix").items():
        ahead = 1.0 + 2.0 * momentum if method == "nesterov" else 1.0
        theory = 2.0 * (1.0 + momentum) / ahead
        assert measured_threshold(subject, momentum) == pytest.approx(theory, rel=5e-3)


def test_curves_on_the_chain() -> None:
    every = subjects("nesterov-convex-rate")
    descent = subjects("largest-stable-learning-rate")["gradient-descent", "plain"]
    assert len(every) == 3
    for subject in every.values():
        found = curves(subject, descent, nodes=59, steps=29)
        assert np.all((found.floor <= found.nesterov) & (found.nesterov <= found.nesterov_bound))
        assert np.all((found.floor <= found.descent) & (found.descent <= found.descent_bound))
        assert found.nesterov[-1] < found.descent[-1]
