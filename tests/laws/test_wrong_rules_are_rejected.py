"""No law that cannot fail: every law rejects wrong implementations, and no right one."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from wrong_rules import FAMILIES, WRONG
from wrong_variants import Family, Wrong

from optcheck.backends import load_backend
from optcheck.properties import LAWS, PROFILES, Outcome, Profile, Unit, execute, units
from optcheck.properties.known import SHIPPED, judge, load_known
from optcheck.reference import CLIPPINGS, METHODS, PROCEDURES, SCHEDULES

# As many examples as users spend by default, and no time spent on simplifying the failures.
PROFILE = Profile("rejection", PROFILES["default"].examples, 1, 60, 0)


def asked(wrong: Wrong) -> list[Unit]:
    """The units that ask something of the wrong rule; the lower precision first."""
    found = [unit for unit in units([wrong.backend()]) if unit.subject is not None]
    return sorted(found, key=lambda unit: unit.dtype)


def verdict(wrong: Wrong, law: str) -> Outcome:
    """The first rejection of the rule by the law, in any dtype, or its last outcome."""
    # Nearly all are rejected with the first seed; which ones, a release of Hypothesis may change.
    for seed in range(6):
        for unit in asked(wrong):
            if unit.law.id == law:
                outcome = execute(unit, PROFILE, seed)
                if outcome.verdict in ("fail", "error"):
                    return outcome
    return outcome


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_rule_is_rejected(wrong: Wrong) -> None:
    allowed = ("fail", "error") if wrong.slip.raises else ("fail",)
    for law in wrong.slip.laws:
        last = verdict(wrong, law)
        assert last.verdict in allowed, f"{law} lets through: {wrong.slip.what}"
        assert "\n" not in last.message
        if last.verdict == "fail":
            assert last.counterexample
            assert wrong.slip.says in last.message


def named_laws() -> Counter[str]:
    return Counter(law for wrong in WRONG for law in wrong.slip.laws)


@pytest.mark.parametrize("law", LAWS)
def test_every_law_rejects_something(law: str) -> None:
    # Each of these rejections is tested above.
    assert named_laws()[law] >= 1, f"{law} has no wrong implementation in {__file__}"


def test_slips_name_laws_that_exist() -> None:
    assert set(named_laws()) <= set(LAWS)
    assert all(wrong.slip.laws for wrong in WRONG)


def test_names_are_unique() -> None:
    names = Counter(str(wrong) for wrong in WRONG)
    assert [name for name, count in names.items() if count > 1] == []


def dialects() -> list[tuple[str, str]]:
    return [
        *((method.id, dialect) for method in METHODS.values() for dialect in method.dialects),
        *((schedule.id, "closed-form") for schedule in SCHEDULES.values()),
        *(
            (record.id, dialect)
            for record in (*CLIPPINGS.values(), *PROCEDURES.values())
            for dialect in record.dialects
        ),
    ]


@pytest.mark.parametrize(("method", "dialect"), dialects())
def test_every_dialect_has_wrong_variants_of_its_own(method: str, dialect: str) -> None:
    own = [f for f in FAMILIES if (f.method, f.dialect) == (method, dialect)]
    assert sum(len(family.slips) for family in own) >= 4


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f"{f.method}-{f.dialect}")
def test_the_same_code_without_a_slip_passes(family: Family) -> None:
    for unit in asked(family.control()):
        # One dtype is enough: the shipped rules are asked in both below.
        if unit.dtype == "float32" or "float32" not in unit.law.dtypes or only_float64(unit):
            outcome = execute(unit, PROFILE, seed=0)
            # A rule without a count, say, does not show what a law about counts asks for.
            assert outcome.verdict in ("pass", "unsupported"), f"{unit.key}: {outcome.message}"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("law", LAWS)
def test_no_false_alarm_about_the_shipped_rules(law: str, seed: int) -> None:
    every = asked_of_a_shipped_rule(law)
    assert every
    for unit in random.Random(f"{law} {seed}").sample(every, max(1, len(every) // 8)):
        outcome = judge(unit, execute(unit, PROFILE, seed), load_known(SHIPPED))
        assert outcome.verdict in ("pass", "known", "unsupported"), (
            f"{unit.key}: {outcome.message}"
        )
        assert outcome.verdict != "pass" or 0.0 <= (outcome.worst_ratio or 0.0) <= 1.0


def only_float64(unit: Unit) -> bool:
    return unit.subject is not None and "float32" not in unit.subject.claim.dtypes


def asked_of_a_shipped_rule(law: str) -> list[Unit]:
    """Of NumPy's rules, or of torch's where NumPy has none that the law is about."""
    for name in ("numpy", "torch"):
        every = [u for u in units([load_backend(name)]) if u.law.id == law and u.subject]
        if every:
            return every
    return []
