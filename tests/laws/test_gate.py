"""The gate: a broken implementation gets one diagnosis, and the others are asked as ever."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optcheck
from optcheck.backends import FunctionBackend, load_backend
from optcheck.properties import PROFILES, Outcome, Unit, implementations, units
from optcheck.properties.execute import execute
from optcheck.properties.gate import NOT_ASKED, Gate, after_crash
from optcheck.properties.independence import parts_of_the_reference
from optcheck.properties.known import KnownDeviation
from optcheck.reference import EQUATIONS, METHODS
from optcheck.reference.oracle import UpdateOracle

QUICK = PROFILES["quick"]
Slip = Callable[[Any, Any], Any]


def right(w: Any, g: Any) -> Any:
    return g


def raising(w: Any, g: Any) -> Any:
    raise RuntimeError("no kernel for this")


def scaling(w: Any, g: Any) -> Any:
    g *= 2
    return g / 2


def noisy(w: Any, g: Any) -> Any:
    return g * np.random.default_rng().uniform(size=g.shape).astype(g.dtype)


def widening(w: Any, g: Any) -> Any:
    return g.astype(np.float64)


def flattening(w: Any, g: Any) -> Any:
    return np.append(g, 1).astype(g.dtype)


def asking(w: Any, g: Any) -> Any:
    return -METHODS["gradient-descent"].step("plain", g * 0, g, learning_rate=1.0)[0]


def hanging(w: Any, g: Any) -> Any:
    time.sleep(60)


def dying(w: Any, g: Any) -> Any:
    os._exit(3)


def backend(slip: Slip) -> FunctionBackend:
    """Gradient descent with a slip, and momentum without one."""
    made = FunctionBackend("mine")

    @made.update_rule("gradient-descent", dialect="plain")
    def descend(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * slip(w, g)

    @made.update_rule("momentum", dialect="learning-rate-outside")
    def momentum(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
        state["velocity"] = momentum * state.get("velocity", 0) + g
        return w - learning_rate * state["velocity"]

    return made


def supported(made: Any) -> list[Unit]:
    return [unit for unit in units([made]) if unit.subject is not None]


def asked(gate: Gate, made: Any, method: str) -> dict[str, Outcome]:
    """The outcomes of two laws in two dtypes, by their keys, and that of the contract."""
    laws = ("exact-step", "contract", "zero-gradients")
    wanted = [u for u in supported(made) if u.method == method and u.law.id in laws]
    return {unit.key: gate.ask(unit) for unit in wanted}


def verdicts(outcomes: dict[str, Outcome]) -> dict[str, int]:
    return dict(Counter(outcome.verdict for outcome in outcomes.values()))


@pytest.mark.parametrize(
    ("slip", "verdict", "reason"),
    [
        (raising, "error", "raised RuntimeError: no kernel for this"),
        (scaling, "fail", "changes the gradient that it is given"),
        (noisy, "fail", "two runs on one input end at"),
        (widening, "fail", "with dtype float64 for float32 parameters"),
        (flattening, "error", "operands could not be broadcast"),
        (asking, "fail", "optcheck.reference"),
    ],
)
def test_one_diagnosis_for_a_broken_contract(slip: Slip, verdict: str, reason: str) -> None:
    gate, made = Gate(QUICK, 0), backend(slip)
    outcomes = asked(gate, made, "gradient-descent")
    assert verdicts(outcomes) == {verdict: 1, "unsupported": len(outcomes) - 1}
    (told,) = (each for each in outcomes.values() if each.verdict == verdict)
    assert reason in told.message
    for outcome in outcomes.values():
        if outcome is not told:
            assert outcome.message.startswith(
                f"{NOT_ASKED}it breaks its contract (see law contract): mine gradient-descent/"
            )
            assert "\n" not in outcome.message
    assert set(verdicts(asked(gate, made, "momentum"))) == {"pass"}


def test_what_keeps_its_contract_is_asked_as_without_a_gate() -> None:
    gate = Gate(QUICK, 3)
    for unit in supported(backend(right))[:12]:
        through, alone = (each.to_dict() for each in (gate.ask(unit), execute(unit, QUICK, 3)))
        assert {**through, "seconds": 0} == {**alone, "seconds": 0}


def test_a_declared_deviation_stops_nothing() -> None:
    declared = KnownDeviation("contract", "mine", "it scales", method="gradient-descent")
    outcomes = asked(Gate(QUICK, 0, [declared]), backend(scaling), "gradient-descent")
    assert verdicts(outcomes) == {"pass": len(outcomes) - 1, "known": 1}


@pytest.mark.skipif(os.name == "nt", reason="only an alarm can interrupt a rule")
def test_what_hangs_is_waited_for_once() -> None:
    brief = type(QUICK)("brief", 1, 1, 4, 10)
    started = time.monotonic()
    outcomes = asked(Gate(brief, 0), backend(hanging), "gradient-descent")
    assert verdicts(outcomes) == {"timeout": 1, "unsupported": len(outcomes) - 1}
    assert time.monotonic() - started < 30


def test_a_capability_without_a_contract_is_held_to_its_first_law() -> None:
    made = FunctionBackend("mine")

    @made.clipping("clip-by-norm", dialect="exact")
    def clip(gradients: Any, *, threshold: float) -> Any:
        raise RuntimeError("no kernel")

    @made.clipping("clip-by-value", dialect="exact")
    def wrong(gradients: Any, *, threshold: float) -> Any:
        return [2 * each for each in gradients]

    gate = Gate(QUICK, 0)
    found = {unit.key: gate.ask(unit) for unit in supported(made)}
    raised = {key: each for key, each in found.items() if "/clip-by-norm/" in key}
    assert verdicts(raised) == {"error": 1, "unsupported": len(raised) - 1}
    assert {each.message.partition(" (")[0] for each in raised.values()} >= {
        "not asked: it does not run as an adapter must"
    }
    # What is wrong and runs is asked all the same.
    assert verdicts({k: v for k, v in found.items() if "/clip-by-value/" in k})["fail"] > 1


def test_processes_share_what_they_find_out(tmp_path: Path) -> None:
    made = backend(scaling)
    first, second = Gate(QUICK, 0, folder=tmp_path), Gate(QUICK, 0, folder=tmp_path)
    contract = next(unit for unit in supported(made) if unit.law.id == "contract")
    assert first.ask(contract) == second.ask(contract), "the time that it took included"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process must die")
# JAX, where another test has imported it, warns of forks; the child does not touch it.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_what_takes_the_process_down_does_it_once(tmp_path: Path) -> None:
    made = backend(dying)
    of_descent = [unit for unit in supported(made) if unit.method == "gradient-descent"]
    step = next(unit for unit in of_descent if unit.law.id == "exact-step")
    contract = next(unit for unit in of_descent if unit.law.id == "contract")
    process = multiprocessing.get_context("fork").Process(
        target=lambda: Gate(QUICK, 0, folder=tmp_path).ask(step)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 3

    # What the run says of the unit in which the process died, and the next worker of the others.
    died = after_crash(step, tmp_path)
    assert died.verdict == "unsupported"
    assert died.message.startswith(f"{NOT_ASKED}it breaks its contract (see law contract): ")
    gate = Gate(QUICK, 0, folder=tmp_path)
    assert gate.ask(step) == died
    assert gate.ask(contract).verdict == after_crash(contract, tmp_path).verdict == "crash"


def test_a_crash_behind_the_gate_is_a_crash(tmp_path: Path) -> None:
    step = next(unit for unit in supported(backend(right)) if unit.law.id == "exact-step")
    assert after_crash(step, tmp_path).verdict == "crash"
    Gate(QUICK, 0, folder=tmp_path).ask(step)
    assert after_crash(step, tmp_path).verdict == "crash"


def test_the_report_counts_what_was_not_asked() -> None:
    report = optcheck.check(backend(raising), profile="quick", select="law:zero-gradients")
    assert not report.conforms, "even where the diagnosis itself is not selected"
    (note,) = report.notes
    assert note.startswith(
        "mine gradient-descent/plain: 1 check not asked: it breaks its contract"
    )


def _importing(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    from optcheck.reference import step  # noqa: F401

    return w - learning_rate * g


def _importing_the_package(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    from optcheck import reference  # noqa: F401

    return w - learning_rate * g


def _importing_by_name(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    __import__("importlib").import_module("optcheck.reference.oracle")
    return w - learning_rate * g


def _naming_a_table(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g if EQUATIONS else w


def _helped(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return _helper(w, g, learning_rate)


def _helper(w: Any, g: Any, learning_rate: float) -> Any:
    return w - learning_rate * g if UpdateOracle else w


def _enclosing() -> Callable[..., Any]:
    oracle = UpdateOracle

    def rule(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return w - learning_rate * g if oracle else w

    return rule


class _Method:
    def __init__(self, parameters: Any, *, learning_rate: float) -> None:
        self.parameters = parameters

    def step(self, gradients: Any) -> None:
        self.oracle = UpdateOracle


def _independent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    """What this module imports beside it is not its affair: optcheck.reference, say."""
    return w - learning_rate * g


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (_importing, "optcheck.reference"),
        (_importing_the_package, "optcheck.reference"),
        (_importing_by_name, "optcheck.reference.oracle"),
        (_naming_a_table, "optcheck.reference.EQUATIONS"),
        (_helped, "optcheck.reference.oracle.UpdateOracle"),
        (_enclosing(), "optcheck.reference.oracle.UpdateOracle"),
        (_Method, "optcheck.reference.oracle.UpdateOracle"),
    ],
)
def test_code_that_names_the_reference_is_found_out(rule: Any, part: str) -> None:
    made = FunctionBackend("mine")
    made.update_rule("gradient-descent", dialect="plain")(rule)
    assert part in parts_of_the_reference(made.update_rules()[0])
    contract = next(unit for unit in supported(made) if unit.law.id == "contract")
    outcome = Gate(QUICK, 0).ask(contract)
    assert outcome.verdict == "fail"
    assert "mine gradient-descent/plain in float32 uses optcheck.reference (" in outcome.message
    assert part in outcome.message


def test_code_that_does_not_is_not() -> None:
    made = FunctionBackend("mine")
    made.update_rule("gradient-descent", dialect="plain")(_independent)
    shipped = [*implementations(load_backend("numpy")).values(), made.update_rules()]
    rules = [rule for each in shipped for rule in each]
    assert len(rules) > 200
    assert {part for rule in rules for part in parts_of_the_reference(rule)} == set()
