"""Hyper-parameters go from library to library and back, wherever there is a way."""

from __future__ import annotations

import itertools

import pytest

from optcheck.backends import UnavailableError, load_backend
from optcheck.reference import METHODS
from optcheck.suites.translate import Translation, TranslationError, translate

LIBRARIES = ("numpy", "torch", "jax")
# tinygrad is left out: without clang it runs on an emulator.
OTHERS = ("keras", "mlx", "pytorch_optimizer", "sklearn")
PAIRS = [
    *itertools.permutations(LIBRARIES, 2),
    *itertools.product(OTHERS, ("numpy", "torch")),
    *itertools.product(("numpy", "torch"), OTHERS),
]
ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999}


def between(one: str, other: str, method: str, dialect: str = "", **given: float) -> Translation:
    return translate(load_backend(one), load_backend(other), method, given, dialect)


def claims(name: str) -> dict[tuple[str, str], dict[str, float]]:
    """The dialects of a library, each with usual values that it takes."""
    found = {}
    for rule in load_backend(name).update_rules():  # type: ignore[attr-defined]
        claim = rule.claim
        domains = METHODS[claim.method].domains(claim.dialect)
        values = {key: domain.typical[0] for key, domain in domains.items()} | claim.fixed
        if not claim.thorough_only and claim.limits(values) is None:
            found[claim.method, claim.dialect] = values
    return found


# Keras's own, under NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_an_exact_translation_is_the_same_update_and_has_a_way_back(one: str, other: str) -> None:
    for name in (one, other):
        try:
            load_backend(name)
        except UnavailableError as reason:
            pytest.skip(str(reason))
    exact = 0
    for (method, dialect), values in claims(one).items():
        try:
            there = between(one, other, method, dialect, **values)
        except TranslationError:
            continue
        if (
            not there.exact
            or (other, method) == ("jax", "rprop")
            or (one, method)
            == (
                "jax",
                "rprop",
            )
        ):
            continue
        exact += 1
        assert there.worst <= 1.0, there
        target = there.target.split()[1]
        back = between(other, one, *target.split("/", 1), **there.found)
        assert back.exact, back
        if back.target.split()[1] == f"{method}/{dialect}":
            assert back.found == pytest.approx(values, rel=2.0**-50)
    assert exact > 1


def test_an_average_is_a_sum_with_another_rate() -> None:
    found = between("numpy", "torch", "momentum", "averaged", learning_rate=0.5, momentum=0.75)
    assert found.exact
    assert found.found == {"learning_rate": 0.125, "momentum": 0.75}


def test_decay_that_the_rate_does_not_scale_is_divided_by_it() -> None:
    given = {**ADAM, "epsilon": 1e-8, "weight_decay": 1e-4}
    found = between("numpy", "torch", "adamw", "decoupled-unscaled", **given)
    assert found.exact
    assert found.found["weight_decay"] == pytest.approx(0.1)


def test_another_place_of_epsilon_cannot_be_translated_and_it_is_said_how_much_that_is() -> None:
    found = between("numpy", "torch", "adam", "epsilon-hat", **ADAM, epsilon=1e-7)
    assert not found.exact
    assert found.worst > 1.0
    assert "epsilon" in found.because
    # At first the corrected epsilon is 1e-7 / sqrt(1 - 0.999); in the end both are one.
    assert found.first[1e-6] > 2.0
    assert found.steady[1.0] < 1e-7
    without = between("numpy", "torch", "adam", "epsilon-hat", **ADAM, epsilon=0.0)
    assert without.exact
    assert without.worst <= 1.0


def test_what_cannot_be_asked_gets_one_line() -> None:
    with pytest.raises(TranslationError, match="torch has no svrg; it has"):
        between("torch", "numpy", "svrg")
    with pytest.raises(TranslationError, match="has no mu; it takes learning_rate"):
        between("torch", "numpy", "momentum", mu=0.9)
    with pytest.raises(TranslationError, match="told more than gradients: "):
        between("numpy", "torch", "svrg", learning_rate=0.1)
    with pytest.raises(TranslationError, match="no default for learning_rate"):
        between("numpy", "torch", "momentum", momentum=0.9)
    with pytest.raises(TranslationError, match="torch has nothing like delta-bar-delta"):
        between("numpy", "torch", "delta-bar-delta", **claims("numpy")["delta-bar-delta", "plain"])
