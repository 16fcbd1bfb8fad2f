"""``Method.step``: the formulas on NumPy arrays agree with the exact oracle, or refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exact_numbers import working
from hypothesis import given, settings
from hypothesis import strategies as st

from optcheck.reference import METHODS, DomainError, Method
from optcheck.reference.oracle import UpdateOracle

PAIRS = [(record.id, dialect) for record in METHODS.values() for dialect in record.dialects]
KINDS = {"float32": np.float32, "float64": np.float64}
ONES = np.ones(3)


def usual(record: Method, dialect: str) -> dict[str, float]:
    return {name: domain.typical[0] for name, domain in record.domains(dialect).items()}


def adam(parameter: Any = ONES, gradient: Any = ONES, **changed: Any) -> Any:
    h = {**usual(METHODS["adam"], "epsilon-outside-root"), **changed}
    return METHODS["adam"].step("epsilon-outside-root", parameter, gradient, **h)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("method", "dialect"), PAIRS)
@settings(max_examples=20)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), decades=st.integers(-6, 6))
def test_steps_agree_with_the_exact_oracle(
    method: str, dialect: str, dtype: str, data: st.DataObject, seed: int, decades: int
) -> None:
    record, kind = METHODS[method], KINDS[dtype]
    h = {
        name: data.draw(st.sampled_from(domain.typical), label=name)
        for name, domain in record.domains(dialect).items()
    }
    random = np.random.default_rng(seed)
    w = random.normal(size=(2, 3)).astype(kind)
    oracle = UpdateOracle(record, dialect, h, working(dtype))
    position, state = oracle.start(w), None
    for _ in range(4):
        gradient = (random.normal(size=w.shape) * 10.0**decades).astype(kind)
        position = oracle.advance(position, gradient)
        w, state = record.step(dialect, w, gradient, state, **h)
        assert w.dtype == kind
        assert w.shape == (2, 3)
        assert state["step"] == position.step
        assert position.parameter.judge(w).max() <= 1
        assert set(state) - {"step"} == set(position.vectors) - {"parameter"}
        for name in set(state) - {"step"}:
            assert state[name].dtype == kind
            assert position.vectors[name].judge(state[name]).max() <= 1


@pytest.mark.parametrize(("method", "dialect"), PAIRS)
def test_a_step_leaves_its_arguments_alone_and_shares_nothing_with_them(
    method: str, dialect: str
) -> None:
    record = METHODS[method]
    h = usual(record, dialect)
    parameter, gradient = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    new, state = record.step(dialect, parameter, gradient, **h)
    kept = {name: np.copy(value) for name, value in state.items()}
    again, later = record.step(dialect, new, gradient, state, **h)
    assert parameter.tolist() == [1.0, 2.0]
    assert gradient.tolist() == [0.5, -0.5]
    for name, value in kept.items():
        np.testing.assert_array_equal(state[name], value)
    # Training loops overwrite their gradients in place.
    for result in (new, again, *state.values(), *later.values()):
        if isinstance(result, np.ndarray):
            assert not np.shares_memory(result, parameter)
            assert not np.shares_memory(result, gradient)


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
        "epsilon-hat, uncorrected",
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
