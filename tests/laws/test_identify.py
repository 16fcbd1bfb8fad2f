"""Each implementation is identified as what it is, and as nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from optcheck.backends import FunctionBackend, load_backend
from optcheck.backends.interface import UpdateRule
from optcheck.reference import CLIPPINGS, METHODS
from optcheck.suites.candidates import candidates
from optcheck.suites.identify import Identity, identify
from optcheck.suites.identify_parts import identify_clipping, identify_schedule

# optax.rprop applies the update of the call before, unless the sign has changed: no known form.
NO_KNOWN_FORM = {("jax", "rprop")}


def rules(name: str) -> Iterator[UpdateRule]:
    """The plain path of every dialect; the laws tie the other paths to it."""
    seen = set()
    for rule in load_backend(name).update_rules():  # type: ignore[attr-defined]
        key = (rule.claim.method, rule.claim.dialect)
        if key not in seen and not rule.claim.thorough_only:
            seen.add(key)
            yield rule


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_every_claim_is_what_is_found(name: str) -> None:
    backend = load_backend(name)
    for rule in rules(name):
        found = identify(backend, rule)
        claim = rule.claim
        if (name, claim.method) in NO_KNOWN_FORM:
            assert not found.survivors
            assert found.closest is not None
            continue
        assert [(each.method, each.dialect, each.reading) for each in found.survivors] == [
            (claim.method, claim.dialect, "")
        ], claim.name
        assert found.agrees


@pytest.mark.parametrize("method", METHODS)
def test_no_dialect_passes_for_another(method: str) -> None:
    """All ordered pairs: NumPy has every dialect, and each refutes all others."""
    backend = load_backend("numpy")
    mine = [rule for rule in rules("numpy") if rule.claim.method == method]
    assert {rule.claim.dialect for rule in mine} >= set(METHODS[method].dialects)
    for rule in mine:
        refuted = {str(each.candidate) for each in identify(backend, rule).refuted}
        others = set(METHODS[method].dialects) - {rule.claim.dialect}
        assert {f"{method}/{other}" for other in others} <= refuted


def adam(change: dict[str, Any]) -> Identity:
    """What an Adam is taken for that does something otherwise."""
    backend = FunctionBackend("mine")

    @backend.update_rule("adam", dialect="epsilon-outside-root")
    def rule(
        w: Any,
        g: Any,
        state: Any,
        *,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
    ) -> Any:
        b1, b2 = (1 - beta1 if change.get("complement") else beta1), beta2
        t = state["step"] = state.get("step", change.get("from", 0)) + 1
        m = state["first_moment"] = b1 * state.get("first_moment", 0.0) + (1 - b1) * g
        v = state["second_moment"] = b2 * state.get("second_moment", 0.0) + (1 - b2) * g**2
        corrected = (
            m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + epsilon ** change.get("power", 1))
        )
        return w + change.get("sign", -1) * learning_rate * corrected

    return identify(backend, backend.update_rules()[0])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"complement": True}, "adam/epsilon-outside-root, 1 - beta1 for beta1"),
        ({"power": 2}, "adam/epsilon-outside-root, epsilon^2 for epsilon"),
        ({"from": 1}, "adam/epsilon-outside-root, step counted from 2"),
        ({"sign": 1}, "adam/epsilon-outside-root+maximize"),
    ],
)
def test_a_misreading_is_named(change: dict[str, Any], name: str) -> None:
    found = adam(change)
    assert [str(each) for each in found.survivors] == [name]
    assert not found.agrees


def test_what_is_no_known_form_is_said_to_be_none() -> None:
    found = adam({"power": 3})
    assert found.survivors == []
    closest = found.closest
    assert closest is not None
    assert closest.factor > 1
    assert found.to_dict()["closest"]["candidate"] == str(closest.candidate)


def test_a_method_need_not_be_named() -> None:
    backend = load_backend("numpy")
    rule = next(
        rule
        for rule in rules("numpy")
        if rule.claim.dialect == "epsilon-outside-root+centered+learning-rate-outside"
    )
    found = identify(backend, rule, tuple(METHODS))
    assert [str(each) for each in found.survivors] == [
        "rmsprop/epsilon-outside-root+centered+learning-rate-outside"
    ]


def test_candidates_are_all_different_by_name() -> None:
    names = [str(each) for each in candidates(tuple(METHODS), {"weight_decay", "beta1", "beta2"})]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_clippings_and_schedules_are_what_they_claim(name: str) -> None:
    backend: Any = load_backend(name)
    for rule in backend.clippings():
        found = identify_clipping(backend, rule)
        assert [each.dialect for each in found.survivors] == [rule.claim.dialect]
        others = set(CLIPPINGS[rule.claim.method].dialects) - {rule.claim.dialect}
        assert {each.candidate.dialect for each in found.refuted} >= others
    for rule in backend.schedules():
        found = identify_schedule(backend, rule)
        assert found.agrees, rule.claim.name
        assert {(each.method, each.reading) for each in found.survivors} == {
            (rule.claim.method, "")
        }


def test_a_schedule_that_counts_from_1_is_found_out() -> None:
    backend = FunctionBackend("mine")

    @backend.schedule("linear-schedule")
    def linear(tau: int, *, initial_rate: float, final_rate: float, decay_steps: float) -> float:
        share = min(tau + 1, decay_steps) / decay_steps
        return (1 - share) * initial_rate + share * final_rate

    found = identify_schedule(backend, backend.schedules()[0])
    assert not found.agrees
    assert {each.reading for each in found.survivors} == {"step counted from 1"}


def test_a_clipping_that_is_no_known_form_is_said_to_be_none() -> None:
    backend = FunctionBackend("mine")

    @backend.clipping("clip-by-norm", dialect="exact")
    def clip(gradients: Any, *, threshold: float) -> Any:
        return [g * min(1.0, threshold / np.sum(g**2)) for g in gradients]

    found = identify_clipping(backend, backend.clippings()[0], any_method=True)
    assert found.survivors == []
    assert found.closest is not None
