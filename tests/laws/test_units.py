"""Units of work: which laws are asked of what, and which claims are refused."""

from __future__ import annotations

import pytest

from optcheck.backends import Claim, FunctionBackend
from optcheck.backends.function_rules import FunctionUpdateRule
from optcheck.properties import ClaimError, units


def descend(w: object, g: object, state: object, *, learning_rate: float) -> None:
    """Never called here."""


def claiming(*claims: Claim) -> FunctionBackend:
    backend = FunctionBackend("mine")
    backend._update_rules = [FunctionUpdateRule(descend, claim) for claim in claims]
    return backend


PLAIN = Claim("gradient-descent", "plain")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ([Claim("adamm", "plain")], "mine claims the method 'adamm'; known: "),
        (
            [Claim("adam", "plain")],
            "mine claims adam/plain: adam has no dialect 'plain'; it has epsilon-outside",
        ),
        ([Claim("adam", "epsilon-hat", dtypes=("float8",))], "in float8; dtypes: float64"),
        ([PLAIN, PLAIN], "claims gradient-descent/plain twice; options tell them apart"),
    ],
)
def test_claims_outside_the_catalogue_are_refused(claims: list[Claim], message: str) -> None:
    with pytest.raises(ClaimError, match=message) as refused:
        units([claiming(*claims)])
    assert "\n" not in str(refused.value)


def test_keys_are_unique_and_paths_share_the_laws_about_rates() -> None:
    paths = [Claim("gradient-descent", "plain", {"fused": fused}) for fused in (False, True)]
    found = units([claiming(*paths)])
    assert len({unit.key for unit in found}) == len(found)
    asked = [unit for unit in found if unit.law.id == "quadratic-mode-contraction"]
    assert [unit.options for unit in asked] == [{"fused": False}]


def test_what_is_missing_is_said_once_for_each_method() -> None:
    every = units([claiming(PLAIN)])
    missing = [unit for unit in every if unit.unsupported and unit.method != PLAIN.method]
    methods = [unit.method for unit in missing]
    assert len(set(methods)) == len(methods)
    assert all(unit.unsupported == f"mine has no {unit.method}" for unit in missing)


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("", 73),
        ("law:exact-step", 2),
        ("float32 exact", 2),
        ("dtype:float64 law:exact-sequence", 1),
        ("nosuch", 0),
    ],
)
def test_selection(expression: str, count: int) -> None:
    supported = [unit for unit in units([claiming(PLAIN)]) if unit.subject is not None]
    assert sum(unit.matches(expression) for unit in supported) == count
