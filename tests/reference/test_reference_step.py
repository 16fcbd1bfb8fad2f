"""``Method.step``: the formulas on NumPy arrays agree with the exact oracle, or refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drawn_cases import JOINED, PAIRS, as_vector, in_order, told, typical, usual
from exact_numbers import working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import METHODS, DomainError
from optcheck.reference.oracle import Position, Quantity, UpdateOracle

KINDS = {"float32": np.float32, "float64": np.float64}
ONES = np.ones(3)


def adam(parameter: Any = ONES, gradient: Any = ONES, **changed: Any) -> Any:
    h = {**usual(METHODS["adam"], "epsilon-outside-root"), **changed}
    return METHODS["adam"].step("epsilon-outside-root", parameter, gradient, **h)


def rprop(**changed: float) -> Any:
    h = {**usual(METHODS["rprop"], "rprop-minus"), **changed}
    return METHODS["rprop"].step("rprop-minus", ONES, ONES, **h)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), [*PAIRS, *JOINED])
@settings(max_examples=20)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), decades=st.integers(-6, 6))
def test_steps_agree_with_the_exact_oracle(
    method: str, dialect: str, dtype: str, data: st.DataObject, seed: int, decades: int
) -> None:
    record, kind = METHODS[method], KINDS[dtype]
    h = typical(data, record.domains(dialect))
    random = np.random.default_rng(seed)
    w = random.normal(size=(2, 3)).astype(kind)
    oracle = UpdateOracle(record, dialect, h, working(dtype))
    position, state = oracle.start(w), None
    for _ in range(4):
        gradient = (random.normal(size=w.shape) * 10.0**decades).astype(kind)
        signals = {
            name: value if name == "loss" else value.astype(kind)
            for name, value in told(record, dialect, random, w.shape).items()
        }
        position = oracle.advance(position, gradient, signals=signals)
        # Without epsilon the first variance may be zero: both then divide by it.
        with np.errstate(divide="ignore", invalid="ignore"):
            w, state = record.step(dialect, w, gradient, state, signals, **h)
        assert w.dtype == kind
        assert w.shape == (2, 3)
        assert state["step"] == position.step
        assert conforms(position.parameter, w)
        assert set(state) - {"step"} == set(position.vectors) - {"parameter"}
        for name in set(state) - {"step"}:
            assert_conforms(position, name, state[name], kind)


def conforms(quantity: Quantity, values: Any) -> bool:
    """No element is beyond its budget; NaN where the input decides nothing."""
    return not (as_vector(quantity).judge(values) > 1).any()


def assert_conforms(position: Position, name: str, value: Any, kind: type) -> None:
    quantity = position.vectors[name]
    if isinstance(value, str):
        decided = np.isfinite(position.parameter.allowed()).all()
        assert value == quantity.exact or not decided
        return
    # A number such as the loss before is no array, and stays what it was.
    assert isinstance(value, float) or value.dtype == kind
    assert conforms(quantity, value)


@pytest.mark.parametrize(("method", "dialect"), [*PAIRS, *JOINED])
def test_a_step_leaves_its_arguments_alone_and_shares_nothing_with_them(
    method: str, dialect: str
) -> None:
    record = METHODS[method]
    h = in_order(usual(record, dialect))
    parameter, gradient = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    signals = told(record, dialect, np.random.default_rng(0), (2,))
    kept_signals = {name: np.copy(value) for name, value in signals.items()}
    new, state = record.step(dialect, parameter, gradient, None, signals, **h)
    kept = {name: np.copy(value) for name, value in state.items()}
    again, later = record.step(dialect, new, gradient, state, signals, **h)
    assert parameter.tolist() == [1.0, 2.0]
    assert gradient.tolist() == [0.5, -0.5]
    for before, now in ((kept, state), (kept_signals, signals)):
        for name, value in before.items():
            np.testing.assert_array_equal(now[name], value)
    told_arrays = [value for value in signals.values() if isinstance(value, np.ndarray)]
    # Training loops overwrite their gradients in place.
    for result in (new, again, *state.values(), *later.values()):
        if isinstance(result, np.ndarray):
            for argument in (parameter, gradient, *told_arrays):
                assert not np.shares_memory(result, argument)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 1)])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_shape_and_dtype_are_kept(shape: tuple[int, ...], kind: type) -> None:
    new, state = adam(np.zeros(shape, kind), np.ones(shape, kind))
    assert isinstance(new, np.ndarray)
    assert (new.shape, new.dtype) == (shape, kind)
    assert state["first_moment"].shape == shape


def test_numpy_doubles_as_hyperparameters_do_not_widen_the_arrays() -> None:
    new, _ = adam(np.zeros(2, np.float32), np.ones(2, np.float32), learning_rate=np.float64(0.1))
    assert new.dtype == np.float32


def test_lists_are_taken_as_doubles() -> None:
    new, _ = adam([1.0, 2.0], [0.5, 0.5])
    assert new.dtype == np.float64


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "dialect": (
        lambda: METHODS["adam"].step(
            "inside", ONES, ONES, **usual(METHODS["adam"], "uncorrected")
        ),
        "adam has no dialect 'inside'; it has epsilon-outside-root, epsilon-inside-root, "
        "epsilon-hat, uncorrected, each with + decoupled, coupled, rate-decay, maximize",
    ),
    "modifier": (
        lambda: METHODS["svrg"].step("plain+clipped", ONES, ONES, learning_rate=0.1),
        "svrg has no dialect 'plain+clipped'; it has plain, each with + decoupled, coupled, "
        "rate-decay, maximize",
    ),
    "modifier alone": (
        lambda: METHODS["svrg"].step("maximize", ONES, ONES, learning_rate=0.1),
        "svrg has no dialect 'maximize'; it has plain, each with + decoupled, coupled, "
        "rate-decay, maximize",
    ),
    "modifier before the dialect": (
        lambda: METHODS["svrg"].step("maximize+plain", ONES, ONES, learning_rate=0.1),
        "svrg has no dialect 'maximize+plain'; it has plain, each with + decoupled, coupled, "
        "rate-decay, maximize",
    ),
    "missing for a modifier": (
        lambda: METHODS["gradient-descent"].step("plain+coupled", ONES, ONES, learning_rate=0.1),
        "gradient-descent needs weight_decay in [0, inf) (bishop:7.16)",
    ),
    "of a modifier that is not there": (
        lambda: METHODS["svrg"].step("plain", ONES, ONES, learning_rate=0.1, weight_decay=0.1),
        "svrg has no hyper-parameter 'weight_decay'; it has learning_rate "
        "(prince:Notes Optimization algorithms)",
    ),
    "initial step above its bounds": (
        lambda: rprop(learning_rate=51.0),
        "the initial step, learning_rate, must lie between step_size_min and step_size_max "
        "(rprop; trofimov:slide 'RProp (Resilient Propagation)')",
    ),
    "initial step below its bounds": (
        lambda: rprop(learning_rate=1e-7),
        "the initial step, learning_rate, must lie between step_size_min and step_size_max "
        "(rprop; trofimov:slide 'RProp (Resilient Propagation)')",
    ),
    "value": (
        lambda: adam(beta2=1.0),
        "beta2=1.0 is outside [0, 1) (adam; bishop:7.47)",
    ),
    "rate": (
        lambda: adam(learning_rate=0.0),
        "learning_rate=0.0 is outside (0, inf) (adam; bishop:7.47)",
    ),
    "unknown": (
        lambda: adam(lr=0.1),
        "adam has no hyper-parameter 'lr'; it has learning_rate, beta1, beta2, epsilon "
        "(bishop:7.47)",
    ),
    "missing": (
        lambda: METHODS["gradient-descent"].step("plain", ONES, ONES),
        "gradient-descent needs learning_rate in (0, inf) (bishop:7.16)",
    ),
    "missing in one dialect": (
        lambda: METHODS["momentum"].step("dampened", ONES, ONES, learning_rate=0.1, momentum=0.9),
        "momentum needs dampening in [0, 1) (bishop:7.31)",
    ),
    "only in another dialect": (
        lambda: METHODS["momentum"].step(
            "averaged", ONES, ONES, learning_rate=0.1, momentum=0.9, dampening=0.1
        ),
        "momentum has no hyper-parameter 'dampening'; it has learning_rate, momentum "
        "(bishop:7.31)",
    ),
    "integer parameter": (
        lambda: adam(parameter=np.ones(3, np.int64)),
        "parameter.dtype=int64 is not a floating dtype (adam)",
    ),
    "integer gradient": (
        lambda: adam(gradient=[1, 2, 3]),
        "gradient.dtype=int64 is not a floating dtype (adam)",
    ),
    "complex": (
        lambda: adam(gradient=ONES * 1j),
        "gradient.dtype=complex128 is not a floating dtype (adam)",
    ),
    "shape": (
        lambda: adam(gradient=np.ones((3, 1))),
        "gradient.shape=(3, 1) differs from parameter.shape=(3,) (adam)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_one_line(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert str(caught.value) == message


def test_the_initial_step_may_lie_on_its_bounds() -> None:
    for bound in (1e-6, 50.0):
        new, _ = rprop(learning_rate=bound)
        assert new.tolist() == [1.0 - bound] * 3


def test_signals_reach_the_update() -> None:
    signals = {"snapshot_gradient": ONES / 4, "full_gradient": ONES / 2}
    new, state = METHODS["svrg"].step("plain", ONES, ONES, None, signals, learning_rate=1.0)
    assert new.tolist() == [1.0 - (1.0 - 0.25 + 0.5)] * 3
    assert state == {"step": 1}


@pytest.mark.parametrize(("second_loss", "back"), [(1.0, 0.0), (3.0, -0.5)])
def test_a_loss_that_rises_takes_the_last_step_back(second_loss: float, back: float) -> None:
    h = {**usual(METHODS["rprop"], "irprop-plus"), "learning_rate": 0.5}
    step = METHODS["rprop"].step
    new, state = step("irprop-plus", np.zeros(1), np.ones(1), None, {"loss": 2.0}, **h)
    assert new.tolist() == [-0.5]
    new, state = step("irprop-plus", new, -np.ones(1), state, {"loss": second_loss}, **h)
    assert new.tolist() == [-0.5 - back]
    assert state["step_size"].tolist() == [0.25]
    assert float(state["previous_loss"]) == second_loss
