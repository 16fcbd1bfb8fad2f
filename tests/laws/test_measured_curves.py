"""What the figures show of momentum: measured on the rules, beside theory."""

from __future__ import annotations

import numpy as np

from optcheck.backends import load_backend
from optcheck.properties import Subject, units
from optcheck.properties.descent.acceleration import curves


def subjects(law: str) -> dict[tuple[str, str], Subject]:
    return {
        (unit.method, unit.dialect): unit.subject
        for unit in units([load_backend("numpy")])
        if unit.law.id == law and unit.subject is not None and unit.dtype == "float64"
    }


def test_curves_on_the_chain() -> None:
    every = subjects("nesterov-convex-rate")
    descent = subjects("largest-stable-learning-rate")["gradient-descent", "plain"]
    assert len(every) == 3
    for subject in every.values():
        found = curves(subject, descent, nodes=59, steps=29)
        assert np.all((found.floor <= found.nesterov) & (found.nesterov <= found.nesterov_bound))
        assert np.all((found.floor <= found.descent) & (found.descent <= found.descent_bound))
        assert found.nesterov[-1] < found.descent[-1]
