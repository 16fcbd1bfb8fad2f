"""What the laws do not see of the ways to differentiate: the scripts that they print."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jax
import numpy as np
import pytest

from optcheck.backends import load_backend
from optcheck.backends.training import DerivativeRule
from optcheck.reference.calculus.models import Gabor, LogisticRegression, ShallowReLU

DATA = ((1.0, -2.0, 0.5), (0.0, 1.0, 1.0))
NETWORK = [0.5, 1.0, -1.0, 2.0, 0.25, 1.0, -1.0, 0.75, 0.125, 1.0]
RULES = [
    (name, rule)
    for name in ("numpy", "torch", "jax")
    for rule in load_backend(name).derivatives()  # type: ignore[attr-defined]
]


@pytest.fixture(autouse=True)
def same_x64() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    yield
    jax.config.update("jax_enable_x64", before)


def printed(text: str) -> list[float]:
    numbers = re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", text.partition("dtype")[0])
    return [float(each) for each in numbers]


@pytest.mark.parametrize(
    ("rule", "dtype"),
    [(rule, rule.claim.dtypes[0]) for _, rule in RULES],
    ids=[f"{name}-{rule.claim.name}" for name, rule in RULES],
)
def test_a_script_prints_what_the_adapter_returns(
    rule: DerivativeRule, dtype: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for problem, start in (
        (LogisticRegression(*DATA), [0.5, -1.25]),
        (Gabor(*DATA).at(0.5), [0.5, 12.0]),
    ):
        point = np.array(start)
        product = rule.claim.method in ("directional-derivative", "hessian-vector-product")
        direction = np.array([1.0, -0.5]) if product else None
        computed = rule.derivative(problem, point, dtype=dtype, direction=direction)
        exec(rule.script(problem, point, dtype=dtype, direction=direction), {})
        # torch prints four digits.
        shown = printed(capsys.readouterr().out)
        assert shown == pytest.approx(computed.ravel().tolist(), rel=1e-3, abs=1e-4)


def test_numpy_writes_out_what_the_models_are() -> None:
    for model, start in ((Gabor(*DATA), [0.5, 12.0]), (ShallowReLU(*DATA), NETWORK)):
        point = np.array(start)
        for rule in load_backend("numpy").derivatives():  # type: ignore[attr-defined]
            if rule.claim.method in ("value", "gradient", "hessian"):
                expected = getattr(model, rule.claim.method)(point)
                found = rule.derivative(model, point, dtype="float64")
                assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)
