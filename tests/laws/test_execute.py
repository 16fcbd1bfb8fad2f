"""The engine: one unit in, one outcome out, whatever the implementation does."""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from optcheck.backends import FunctionBackend, load_backend
from optcheck.properties import PROFILES, Outcome, Profile, Unit, execute, units
from optcheck.reference import CLIPPINGS, EQUATIONS, METHODS, PROCEDURES

SMALL = Profile("small", 6, 1, 30, 100)
BRIEF = Profile("brief", 6, 1, 1, 100)
SHRINKING = Profile("shrinking", 20, 1, 60, 300)

Rule = Callable[..., Any]


def descent(rule: Rule) -> FunctionBackend:
    """A backend with one implementation of gradient descent."""
    backend = FunctionBackend("mine")
    backend.update_rule("gradient-descent", dialect="plain")(rule)
    return backend


def unit_of(backend: Any, law: str, dtype: str = "float32", method: str = "") -> Unit:
    return next(
        unit
        for unit in units([backend])
        if unit.subject is not None
        and unit.law.id == law
        and unit.dtype == dtype
        and unit.method.startswith(method)
    )


def ask(rule: Rule, law: str = "exact-step", profile: Profile = SMALL) -> Outcome:
    return execute(unit_of(descent(rule), law), profile, seed=0)


def plain(outcome: Outcome) -> dict[str, Any]:
    """All of an outcome but the time that it took."""
    return {name: value for name, value in outcome.to_dict().items() if name != "seconds"}


def right(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g


def ascent(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w + learning_rate * g


@pytest.mark.parametrize("rule", [right, ascent])
@pytest.mark.parametrize("law", ["exact-step", "exact-sequence", "resume", "contract"])
def test_equal_units_and_seeds_give_equal_outcomes(rule: Rule, law: str) -> None:
    profile = Profile("unhurried", 6, 1, 60, 3000)
    assert plain(ask(rule, law, profile)) == plain(ask(rule, law, profile))


def test_another_seed_gives_other_examples() -> None:
    unit = unit_of(load_backend("numpy"), "exact-step", method="adam")
    ratios = {execute(unit, SMALL, seed).worst_ratio for seed in range(4)}
    assert len(ratios) > 1


def test_the_order_of_units_does_not_matter() -> None:
    laws = ("exact-step", "contract", "schedule-values", "clip-values")
    every = [
        unit
        for unit in units([load_backend("numpy")])
        if unit.law.id in laws and unit.dtype != "float32"
    ]
    forwards = {unit.key: plain(execute(unit, SMALL, 3)) for unit in every}
    backwards = {unit.key: plain(execute(unit, SMALL, 3)) for unit in reversed(every)}
    assert len(forwards) == len(every)
    assert forwards == backwards


def test_unsupported_units_say_why() -> None:
    unsupported = [unit for unit in units([FunctionBackend("empty")]) if unit.subject is None]
    assert {unit.method for unit in unsupported} >= {*METHODS, *CLIPPINGS, *PROCEDURES}
    unsupported += [u for u in units([load_backend("numpy")]) if u.subject is None]
    for unit in unsupported:
        outcome = execute(unit, SMALL, 0)
        assert outcome.verdict == "unsupported"
        assert outcome.message.strip()
        assert "\n" not in outcome.message


def test_an_exception_is_an_error_in_one_line() -> None:
    def raising(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        raise RuntimeError("no kernel for this\nand a second line")

    outcome = ask(raising)
    assert outcome.verdict == "error"
    assert outcome.message == (
        "mine gradient-descent/plain in float32 raised RuntimeError: no kernel for this"
    )
    assert outcome.counterexample is not None


def test_a_missing_argument_is_an_error() -> None:
    outcome = ask(lambda w, g, state: w)
    assert outcome.verdict == "error"
    assert "learning_rate" in outcome.message


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread() or os.name == "nt",
    reason="only an alarm in the main thread can interrupt a rule",
)
@pytest.mark.parametrize("swallows", [False, True])
def test_a_rule_that_hangs_times_out(swallows: bool) -> None:
    def hanging(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                if not swallows:
                    raise

    started = time.monotonic()
    outcome = ask(hanging, profile=BRIEF)
    assert outcome.verdict == "timeout"
    assert outcome.message == "not done after 1 s"
    assert time.monotonic() - started < 10


WRONG_ANSWERS: dict[str, tuple[Rule, str]] = {
    "nan": (lambda w, g, state, **h: w * np.nan, "computed nan"),
    "infinite": (lambda w, g, state, **h: w + np.inf, "computed inf"),
    "shape": (lambda w, g, state, **h: np.append(w, w), "with shapes [("),
    "dtype": (lambda w, g, state, **h: w.astype(np.float64), "with dtype float64 for float32"),
    "complex": (lambda w, g, state, **h: w + 0j, "complex"),
    "text": (lambda w, g, state, **h: "sixteen", "sixteen"),
}


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answers_have_clear_messages(name: str) -> None:
    rule, fragment = WRONG_ANSWERS[name]
    outcome = ask(rule)
    assert outcome.verdict in ("fail", "error")
    assert fragment in outcome.message
    assert outcome.message.startswith("mine gradient-descent/plain in float32")
    assert "\n" not in outcome.message


def _by_step(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return METHODS["gradient-descent"].step("plain", w, g, learning_rate=learning_rate)[0]


def _by_equation(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    function = EQUATIONS["gradient-descent-update"].function
    assert function is not None
    return function(w, g, learning_rate)


def _by_other_method(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    METHODS["adam"].step(
        "uncorrected", w, g, learning_rate=1.0, beta1=0.9, beta2=0.9, epsilon=1e-3
    )
    return w - learning_rate * g


def _swallowing(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    try:
        _by_step(w, g, state, learning_rate=learning_rate)
        raise RuntimeError
    except BaseException:
        return w - learning_rate * g


def _in_a_thread(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    answers: list[Any] = []

    def work() -> None:
        answers.append(_by_step(w, g, state, learning_rate=learning_rate))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    return answers[0]


@pytest.mark.parametrize(
    "rule",
    [
        _by_step,
        _by_equation,
        _by_other_method,
        _swallowing,
        _in_a_thread,
    ],
)
@pytest.mark.parametrize("law", ["exact-step", "contract"])
def test_asking_the_reference_is_detected(rule: Rule, law: str) -> None:
    outcome = ask(rule, law)
    assert outcome.verdict == "fail"
    assert "mine gradient-descent/plain in float32 calls optcheck.reference" in outcome.message
    assert "implement the rule in the library under test" in outcome.message


def test_asking_the_reference_for_a_schedule_is_detected() -> None:
    backend = FunctionBackend("mine")

    @backend.schedule("inverse-time-schedule")
    def schedule(tau: int, **h: float) -> float:
        function = EQUATIONS["gradient-descent-update"].function
        assert function is not None
        function(1.0, 1.0, 1.0)
        return h["initial_rate"] / (1.0 + h["decay_rate"] * tau)

    outcome = execute(unit_of(backend, "schedule-values", "float64"), SMALL, 0)
    assert outcome.verdict == "fail"
    assert "calls optcheck.reference" in outcome.message


def test_asking_the_reference_for_a_clipping_is_detected() -> None:
    backend = FunctionBackend("mine")

    @backend.clipping("clip-by-global-norm", dialect="exact")
    def clip(gradients: Sequence[Any], *, threshold: float) -> list[Any]:
        function = EQUATIONS["gradient-descent-update"].function
        assert function is not None
        return [function(g, g, 0.0) for g in gradients]

    outcome = execute(unit_of(backend, "clip-values"), SMALL, 0)
    assert outcome.verdict == "fail"
    assert "calls optcheck.reference" in outcome.message


def test_a_rule_whose_examples_decide_nothing_is_no_pass() -> None:
    unit = unit_of(load_backend("numpy"), "exact-step")

    def undecided(subject: Any, data: Any) -> float:
        return float("nan")

    law = type(unit.law)(**{**vars(unit.law), "check": undecided})
    outcome = execute(type(unit)(**{**vars(unit), "law": law}), SMALL, 0)
    assert outcome.verdict == "error"
    assert "no example decided anything" in outcome.message


def heavy(w: Any, g: Any, state: Any, *, learning_rate: float, momentum: float) -> Any:
    """The velocity is never stored."""
    return w - learning_rate * (momentum * state.setdefault("velocity", np.zeros_like(g)) + g)


def _momentum_backend(rule: Rule) -> FunctionBackend:
    backend = FunctionBackend("mine")
    backend.update_rule("momentum", dialect="learning-rate-outside")(rule)
    return backend


@pytest.mark.parametrize("seed", range(3))
def test_a_simple_slip_shrinks_to_one_coordinate(seed: int) -> None:
    outcome = execute(unit_of(descent(ascent), "exact-step"), SHRINKING, seed)
    assert outcome.verdict == "fail"
    case = outcome.counterexample
    assert case is not None
    assert [np.ravel(each).tolist() for each in case["gradients"]] == [[1.0]]
    assert [np.ravel(each).tolist() for each in case["parameters"]] == [[0.0]]
    assert case["learning_rates"] is None


@pytest.mark.parametrize("seed", range(3))
def test_a_slip_of_the_second_step_shrinks_to_two_steps(seed: int) -> None:
    outcome = execute(unit_of(_momentum_backend(heavy), "exact-sequence"), SHRINKING, seed)
    assert outcome.verdict == "fail"
    case = outcome.counterexample
    assert case is not None
    assert len(case["gradients"]) <= 2
    assert [np.size(array) for array in case["parameters"]] == [1]


def test_shrinking_stops_after_so_many_attempts() -> None:
    calls = []

    def counted(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        calls.append(w.size)
        return w + learning_rate * g if w.size == 3 else w - learning_rate * g

    outcome = ask(counted, profile=Profile("impatient", 20, 1, 60, 5))
    assert outcome.verdict == "fail"
    # Four parameters a case: the cases before the first failure, it, and five attempts.
    assert len(calls) <= 4 * (20 + 1 + 5)


def test_the_script_of_a_local_function_says_what_to_do() -> None:
    def local(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
        return ascent(w, g, state, learning_rate=learning_rate)

    outcome = ask(local)
    assert outcome.verdict == "fail"
    ast.parse(outcome.reproduce or "")
    assert "local is a local function" in (outcome.reproduce or "")


def test_profiles_grow() -> None:
    quick, default, thorough = (PROFILES[name] for name in ("quick", "default", "thorough"))
    assert quick.examples < default.examples < thorough.examples
    assert quick.seconds <= default.seconds <= thorough.seconds
