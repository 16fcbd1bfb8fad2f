"""The laws as tests of somebody's own test suite."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from optcheck.properties import PROFILES, Unit
from optcheck.properties.gate import Gate, failure_text
from optcheck.properties.known import SHIPPED, load_known
from optcheck.runner import Plan, Request


@dataclass(frozen=True)
class LawTest:
    """One law, asked of one implementation in one dtype when it is called."""

    unit: Unit
    gate: Gate

    def __call__(self) -> None:
        """Ask.

        Raises
        ------
        AssertionError
            The law is broken, or it could not be asked to the end.
        """
        __tracebackhide__ = True
        outcome = self.gate.ask(self.unit)
        if outcome.verdict == "unsupported":
            pytest.skip(outcome.message)
        if outcome.verdict not in ("pass", "known"):
            raise AssertionError(failure_text(outcome))


def parametrized(request: Request) -> pytest.MarkDecorator:
    """A decorator that gives ``law`` to a test, once for each unit of what is implemented."""
    plan = Plan(request)
    gate = Gate(PROFILES[request.profile], request.seed, load_known([*request.known, *SHIPPED]))
    tests = [
        pytest.param(LawTest(unit, gate), id=_id(unit, several=len(plan.loaded) > 1))
        for unit in plan.units.values()
        if unit.dtype  # a method that the backend does not have is no test
    ]
    return pytest.mark.parametrize("law", tests)


def _id(unit: Unit, *, several: bool) -> str:
    """As in ``exact-step/adam/epsilon-hat/float32``."""
    options = [f"{name}={value}" for name, value in sorted(unit.options.items())]
    names = (unit.law.id, unit.backend if several else "", unit.method, unit.dialect, *options)
    return "/".join(name for name in (*names, unit.dtype) if name)
