"""Budgets are tight: a few ulp where a step is well conditioned, thousands off when it is wrong.

``allowed()`` is what a conforming implementation may be off. The promise for one update from zero
with usual hyper-parameters is 16 ulp of the update, in float32 and in float64; it is 24 for rules
that round more often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from drawn_cases import PAIRS, usual
from exact_numbers import working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import METHODS, Method
from optcheck.reference.oracle import Quantity, UpdateOracle

PROMISE = 16
# Nadam adds two quotients, Yogi's moments do not start at zero, and the Nesterov form of RMSProp
# adds a multiple of the step to the step.
LONGER_PROMISE = 24
LONGER = {
    *(pair for pair in PAIRS if pair[0] in ("nadam", "yogi")),
    ("rmsprop", "epsilon-inside-root+learning-rate-inside+nesterov"),
}
# The first corrected variance is g^2 - g^2, beside epsilon: its first step is ill conditioned.
CANCELLING = ("rmsprop", "epsilon-inside-root+centered+corrected")
CONDITIONED = [pair for pair in PAIRS if pair != CANCELLING]
KINDS = {"float32": np.float32, "float64": np.float64}


def promise(method: str, dialect: str) -> int:
    return LONGER_PROMISE if (method, dialect) in LONGER else PROMISE


def first_update(
    record: Method, dialect: str, dtype: str, changed: Mapping[str, float], gradient: Any
) -> Quantity:
    """The parameter after one update from zero: the update itself."""
    h = {**usual(record, dialect), **changed}
    if "accumulation_steps" in h:
        h["accumulation_steps"] = 1
    oracle = UpdateOracle(record, dialect, h, working(dtype))
    start = oracle.start(np.zeros(np.size(gradient)))
    return oracle.advance(start, gradient, signals=signals(record, dialect, gradient)).parameter


def signals(record: Method, dialect: str, gradient: Any, t: int = 0) -> dict[str, Any]:
    """What is told beside the gradient: a loss that rises and falls, nothing that cancels it."""
    values = {"loss": float(t % 5), "snapshot_gradient": -gradient, "full_gradient": gradient}
    return {name: values[name] for name in record.dialect(dialect).signals}


def moderate_gradients(dtype: str, size: int) -> Any:
    """Both signs, between 0.1 and 10, every significand."""
    random = np.random.default_rng(0)
    values = random.choice([-1.0, 1.0], size) * 10.0 ** random.uniform(-1, 1, size)
    return values.astype(KINDS[dtype]).astype(np.float64)


def in_ulp(quantity: Quantity, dtype: str) -> Any:
    kind = KINDS[dtype]
    return quantity.allowed() / np.spacing(np.abs(quantity.expected()).astype(kind))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), CONDITIONED)
def test_one_usual_step_may_be_off_by_16_ulp(method: str, dialect: str, dtype: str) -> None:
    quantity = first_update(METHODS[method], dialect, dtype, {}, moderate_gradients(dtype, 500))
    assert in_ulp(quantity, dtype).max() <= promise(method, dialect)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), CONDITIONED)
@settings(max_examples=10)
@given(learning_rate=st.floats(1e-4, 1.0))
def test_one_step_at_any_rate_may_be_off_by_16_epsilon(
    method: str, dialect: str, dtype: str, learning_rate: float
) -> None:
    """An ulp is between a half and a whole machine epsilon of the number that it belongs to.

    So a budget of 12.4 epsilon is up to 24.8 ulp of an update just below a power of two, where
    Adam's lies when the learning rate is one.
    """
    rate = {"learning_rate": learning_rate}
    gradient = moderate_gradients(dtype, 50)
    quantity = first_update(METHODS[method], dialect, dtype, rate, gradient)
    budget = quantity.allowed() / np.abs(quantity.expected())
    assert budget.max() <= promise(method, dialect) * np.finfo(KINDS[dtype]).eps


# From zero these move by the learning rate, which a double holds.
BY_THE_RATE = {("sign-descent", "sign"), *(pair for pair in PAIRS if pair[0] == "rprop")}


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_the_budget_is_not_below_the_rounding_of_the_result(
    method: str, dialect: str, dtype: str
) -> None:
    quantity = first_update(METHODS[method], dialect, dtype, {}, moderate_gradients(dtype, 100))
    if dtype == "float64" and (method, dialect) in BY_THE_RATE:
        assert quantity.allowed().max() == 0
    else:
        assert in_ulp(quantity, dtype).min() >= 0.5


# A learning rate that changes; gradients near epsilon and near its root, of both signs and of
# changing size; and moderate ones, from parameters on which weight decay acts.
RATES = (0.1, 0.025, 0.4, 0.1, 0.2, 0.1, 0.05, 0.4)
SIZES = (1.0, 3.0, -2.0, 5.0, 4.0, -1.0, -3.0, 2.0)
REVEALING = [
    (np.zeros(3), [np.array([1e-8, -3e-8, 2e-4]) * size for size in SIZES]),
    (np.array([1.0, -2.0, 0.5]), [np.array([0.7, -1.1, 0.01 / size]) * size for size in SIZES]),
]
# Values at which a difference shows within eight updates, where the usual ones hide it.
TELLING: dict[str, dict[str, float]] = {
    "adamax": {"beta2": 0.5},
    "adamw": {"weight_decay": 0.1},
    "nadam": {"momentum_decay": 1.0},
    "rmsprop": {"initial_mean_square": 1e-7},
    "rprop": {"step_size_min": 0.004, "step_size_max": 0.011},
}


def trajectories(
    record: Method, dialect: str, dtype: str, changed: Mapping[str, float]
) -> list[Quantity]:
    telling = TELLING.get(record.id, {})
    domains = record.domains(dialect)
    h = {**usual(record, dialect), **{k: v for k, v in telling.items() if k in domains}, **changed}
    points = []
    for start, gradients in REVEALING:
        oracle = UpdateOracle(record, dialect, h, working(dtype))
        position = oracle.start(start)
        for t, (gradient, rate) in enumerate(zip(gradients, RATES, strict=True)):
            told = signals(record, dialect, gradient, t)
            position = oracle.advance(position, gradient, rate, told)
            points.append(position.parameter)
    return points


def farthest(claimed: list[Quantity], actual: list[Quantity]) -> float:
    """How many budgets of ``claimed`` the values of ``actual`` are off, at the worst."""
    ratios = [ours.judge(theirs.expected()) for ours, theirs in zip(claimed, actual, strict=True)]
    return float(np.nanmax(ratios))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("method", "claimed", "actual"),
    [
        (method, claimed, actual)
        for method, claimed in PAIRS
        for actual in METHODS[method].dialects
        if claimed != actual
    ],
)
def test_another_dialect_is_a_thousand_budgets_away(
    method: str, claimed: str, actual: str, dtype: str
) -> None:
    record = METHODS[method]
    points = [trajectories(record, each, dtype, {}) for each in (claimed, actual)]
    assert farthest(*points) >= 1000


# A threshold says nothing until it is crossed.
THRESHOLDS = {"threshold": (4.0, 5.0), "switch_tolerance": (1e-9, 1.0)}


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("method", "dialect", "name"),
    [
        (method, dialect, name)
        for method, dialect in PAIRS
        for name in METHODS[method].domains(dialect)
        if name not in ("learning_rate", *THRESHOLDS)
    ],
)
def test_a_hyperparameter_off_by_a_tenth_is_a_thousand_budgets_away(
    method: str, dialect: str, name: str, dtype: str
) -> None:
    record = METHODS[method]
    value = {**usual(record, dialect), **TELLING.get(method, {})}[name]
    wrong = value * 0.9 if value else 1e-6
    right = trajectories(record, dialect, dtype, {})
    assert farthest(right, trajectories(record, dialect, dtype, {name: wrong})) >= 1000


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(
    ("method", "dialect", "name"),
    [
        (method, dialect, name)
        for method, dialect in PAIRS
        for name in METHODS[method].domains(dialect)
        if name in THRESHOLDS
    ],
)
def test_a_crossed_threshold_is_a_thousand_budgets_away(
    method: str, dialect: str, name: str, dtype: str
) -> None:
    points = [
        trajectories(METHODS[method], dialect, dtype, {name: value}) for value in THRESHOLDS[name]
    ]
    assert farthest(*points) >= 1000


@pytest.mark.parametrize("dialect", ["epsilon-outside-root", "epsilon-inside-root", "epsilon-hat"])
@pytest.mark.parametrize("dtype", KINDS)
def test_a_missing_bias_correction_shows_at_moderate_gradients(dialect: str, dtype: str) -> None:
    record = METHODS["adam"]
    points = []
    for each in (dialect, "uncorrected"):
        oracle = UpdateOracle(record, each, usual(record, each), working(dtype))
        position = oracle.start(np.zeros(3))
        for _ in range(4):
            position = oracle.advance(position, moderate_gradients(dtype, 3))
        points.append(position.parameter)
    assert farthest(points[:1], points[1:]) >= 1000


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
