"""The scripts of losses, which no law reads: they compute what the adapter does."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from optcheck.backends import load_backend
from optcheck.reference import PROCEDURES

ARGUMENTS = {
    "prediction": np.array([0.25, 0.75]),
    "target": np.array([1.0, 0.5]),
    "argument": np.array([-0.5, 2.0]),
    "precision": np.array([2.0, 0.5]),
    "variance": np.array([2.0, 0.5]),
    "scale": np.array([2.0, 0.5]),
    "weights": np.array([0.5, -1.0, 2.0]),
    "inputs": np.array([[1.0, 0.5, 0.25], [2.0, -1.0, 0.0]]),
}
RULES = [
    pytest.param(name, index, id=f"{name}-{rule.claim.name}")
    for name in ("numpy", "torch", "jax")
    for index, rule in enumerate(load_backend(name).losses())
]


@pytest.mark.parametrize(("backend", "index"), RULES)
def test_a_script_prints_value_and_gradient(backend: str, index: int) -> None:
    rule = load_backend(backend).losses()[index]
    # JAX would be left with x64 on.
    dtype = "float32" if "float32" in rule.claim.dtypes else "float64"
    form: Any = PROCEDURES[rule.claim.method].dialects[rule.claim.dialect]
    arguments = {name: ARGUMENTS[name] for name in form.arguments}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(rule.script(arguments, {}, dtype=dtype), {"__name__": "script"})
    text = printed.getvalue().replace("\n", " ")
    for found in (rule.value, rule.gradient):
        for number in np.ravel(found(arguments, {}, dtype=dtype)):
            assert any(abs(number - each) <= 1e-4 for each in _numbers(text))


def _numbers(text: str) -> list[float]:
    words = text.translate({ord(sign): " " for sign in "()[],="}).split()
    return [float(word) for word in words if word.lstrip("-")[0].isdigit()]
