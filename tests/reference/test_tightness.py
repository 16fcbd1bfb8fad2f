"""Budgets are tight: a few ulp where a step is well conditioned, thousands off when it is wrong.

``allowed()`` is what a conforming implementation may be off. The promise for one update from zero
with usual hyper-parameters is 16 ulp of the update, in float32 and in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from exact_numbers import working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import METHODS, Method
from optcheck.reference.oracle import Quantity, UpdateOracle

PROMISE = 16
PAIRS = [(record.id, dialect) for record in METHODS.values() for dialect in record.dialects]
KINDS = {"float32": np.float32, "float64": np.float64}


def usual(record: Method, dialect: str) -> dict[str, float]:
    return {name: domain.typical[0] for name, domain in record.domains(dialect).items()}


def first_update(
    record: Method, dialect: str, dtype: str, h: Mapping[str, float], gradient: Any
) -> Quantity:
    """The parameter after one update from zero: the update itself."""
    oracle = UpdateOracle(record, dialect, h, working(dtype))
    return oracle.advance(oracle.start(np.zeros(np.size(gradient))), gradient).parameter


def moderate_gradients(dtype: str, size: int) -> Any:
    """Both signs, between 0.1 and 10, every significand."""
    random = np.random.default_rng(0)
    values = random.choice([-1.0, 1.0], size) * 10.0 ** random.uniform(-1, 1, size)
    return values.astype(KINDS[dtype]).astype(np.float64)


def in_ulp(quantity: Quantity, dtype: str) -> Any:
    kind = KINDS[dtype]
    return quantity.allowed() / np.spacing(np.abs(quantity.expected()).astype(kind))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_one_usual_step_may_be_off_by_16_ulp(method: str, dialect: str, dtype: str) -> None:
    record = METHODS[method]
    gradient = moderate_gradients(dtype, 500)
    quantity = first_update(record, dialect, dtype, usual(record, dialect), gradient)
    assert in_ulp(quantity, dtype).max() <= PROMISE


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
@settings(max_examples=10)
@given(learning_rate=st.floats(1e-4, 1.0))
def test_one_step_at_any_rate_may_be_off_by_16_epsilon(
    method: str, dialect: str, dtype: str, learning_rate: float
) -> None:
    """An ulp is between a half and a whole machine epsilon of the number that it belongs to.

    So a budget of 12.4 epsilon is up to 24.8 ulp of an update just below a power of two, where
    Adam's lies when the learning rate is one.
    """
    record = METHODS[method]
    h = {**usual(record, dialect), "learning_rate": learning_rate}
    quantity = first_update(record, dialect, dtype, h, moderate_gradients(dtype, 50))
    budget = quantity.allowed() / np.abs(quantity.expected())
    assert budget.max() <= PROMISE * np.finfo(KINDS[dtype]).eps


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_the_budget_is_not_below_the_rounding_of_the_result(
    method: str, dialect: str, dtype: str
) -> None:
    record = METHODS[method]
    gradient = moderate_gradients(dtype, 100)
    quantity = first_update(record, dialect, dtype, usual(record, dialect), gradient)
    assert in_ulp(quantity, dtype).min() >= 0.5


# Gradients near epsilon and near its root, of both signs and of changing size, and a learning
# rate that changes.
REVEALING = [np.array([g, -3 * g, 2e4 * g]) for g in (1e-8, 3e-8, -2e-8, 5e-8)]
RATES = (0.1, 0.025, 0.4, 0.1)


def trajectory(
    record: Method, dialect: str, dtype: str, gradients: list[Any], **changed: float
) -> list[Quantity]:
    h = {**usual(record, dialect), **changed}
    oracle = UpdateOracle(record, dialect, h, working(dtype))
    position = oracle.start(np.zeros(3))
    points = []
    for gradient, rate in zip(gradients, RATES, strict=True):
        position = oracle.advance(position, gradient, rate)
        points.append(position.parameter)
    return points


def farthest(claimed: list[Quantity], actual: list[Quantity]) -> float:
    """How many budgets of ``claimed`` the values of ``actual`` are off, at the worst."""
    return max(
        float(ours.judge(theirs.expected()).max())
        for ours, theirs in zip(claimed, actual, strict=True)
    )


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("method", "claimed", "actual"),
    [
        (record.id, claimed, actual)
        for record in METHODS.values()
        for claimed in record.dialects
        for actual in record.dialects
        if claimed != actual
    ],
)
def test_another_dialect_is_a_thousand_budgets_away(
    method: str, claimed: str, actual: str, dtype: str
) -> None:
    record = METHODS[method]
    points = [trajectory(record, each, dtype, REVEALING) for each in (claimed, actual)]
    assert farthest(*points) >= 1000


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("method", "dialect", "name"),
    [
        (record.id, dialect, name)
        for record in METHODS.values()
        for dialect in record.dialects
        for name in record.domains(dialect)
        if name != "learning_rate"
    ],
)
def test_a_hyperparameter_off_by_a_tenth_is_a_thousand_budgets_away(
    method: str, dialect: str, name: str, dtype: str
) -> None:
    record = METHODS[method]
    value = usual(record, dialect)[name]
    wrong = value * 0.9 if value else 1e-6
    right = trajectory(record, dialect, dtype, REVEALING)
    assert farthest(right, trajectory(record, dialect, dtype, REVEALING, **{name: wrong})) >= 1000


@pytest.mark.parametrize("dialect", ["epsilon-outside-root", "epsilon-inside-root", "epsilon-hat"])
@pytest.mark.parametrize("dtype", KINDS)
def test_a_missing_bias_correction_shows_at_moderate_gradients(dialect: str, dtype: str) -> None:
    record = METHODS["adam"]
    gradients = [moderate_gradients(dtype, 3)] * 4
    corrected = trajectory(record, dialect, dtype, gradients)
    assert farthest(corrected, trajectory(record, "uncorrected", dtype, gradients)) >= 1000


def test_scalars_in_single_precision_are_allowed_what_they_lose() -> None:
    """The correction ``1 - 0.999`` has lost nine bits in float32, and only there it may have."""
    record = METHODS["adam"]
    h = usual(record, "epsilon-outside-root")
    gradient = moderate_gradients("float32", 50)
    budgets = []
    for bits in (24, 53):
        oracle = UpdateOracle(
            record, "epsilon-outside-root", h, working("float32", scalar=bits, step=bits)
        )
        point = oracle.advance(oracle.start(np.zeros(50)), gradient).parameter
        budgets.append(point.allowed())
    assert (budgets[0] > 50 * budgets[1]).all()
