"""Reductions: a rule with some hyper-parameters is another rule.

Each is a law of its own. The implementation runs with those hyper-parameters, and is judged
against the exact value of the *other* equation, within the budget of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import ONE, Gradients
from optcheck.properties.trace import Tracer, describe, end_of, flat, require, run_case
from optcheck.properties.update_rules import (
    draw_case,
    final_position,
    larger,
    oracle_for,
    positions_of,
    usual,
)
from optcheck.reference import METHODS
from optcheck.reference.oracle import Position, Quantity, UpdateOracle

Values = Mapping[str, float]
Form = tuple[str, str]  # method and dialect


@dataclass(frozen=True)
class Reduction:
    """``sources`` with the hyper-parameters ``fixed`` are ``target``.

    ``sources`` maps (method, dialect) to the target's (method, dialect). ``hyperparameters`` gives
    the target's from the source's; ``gradient`` what the target sees. Both are exact in floats.
    """

    id: str
    title: str
    statement: str
    sources: Mapping[Form, Form]
    fixed: Values
    equations: tuple[str, ...] = ()
    hyperparameters: Callable[[Values], Values] = dict
    gradient: Callable[[Floats], Floats] = lambda g: g
    gradients: Gradients = field(default_factory=Gradients)

    def about(self, subject: Subject) -> bool:
        """Whether the subject's dialect is one of the sources."""
        return (subject.record.id, subject.claim.dialect) in self.sources

    def excused(self, subject: Subject) -> str | None:
        """Why the library refuses these hyper-parameters, if it does."""
        return subject.claim.limits({**usual(subject), **self.fixed})

    def target(self, subject: Subject, case: Case) -> UpdateOracle:
        """The oracle of what the rule is reduced to."""
        method, dialect = self.sources[subject.record.id, subject.claim.dialect]
        record = METHODS[method]
        values = self.hyperparameters(case.hyperparameters)
        known = {name: values[name] for name in record.domains(dialect)}
        evaluation = subject.claim.evaluation
        return UpdateOracle(record, dialect, known, subject.working, evaluation)

    def check(self, subject: Subject, data: st.DataObject) -> float:
        """The law."""
        case = draw_case(
            subject, data, min_steps=1, max_steps=5, fixed=self.fixed, gradients=self.gradients
        )
        target = self.target(subject, case)
        there = target.start(flat(case.parameters))
        worst = 0.0
        steps = zip(run_case(subject, case), positions_of(subject, case), strict=True)
        for step, (snapshot, here) in enumerate(steps, start=1):
            there = target.advance(there, self.gradient(flat(case.gradients[step - 1])))
            ratio = require(
                Quantity(there.parameter.exact, here.parameter.working),
                snapshot.parameter,
                what=f"{subject.name}: parameter after step {step}, {self.title}",
                counterexample=lambda step=step: describe(case.until(step)),  # type: ignore[misc]
                body=lambda step=step: subject.rule.script(case.until(step), "parameter"),  # type: ignore[misc]
            )
            worst = larger(worst, ratio)
        return worst


_OUTSIDE = ("momentum", "learning-rate-outside")
_ADAM = ("adam", "epsilon-outside-root")
_DESCENT = ("gradient-descent", "plain")
# Powers of two: the rate that the averaged form needs is exact.
_DYADIC = {"momentum": 0.75, "learning_rate": 0.5}


def _of(method: str, *, to: Form) -> dict[Form, Form]:
    """All dialects of a method, each to ``to``."""
    return {(method, dialect): to for dialect in METHODS[method].dialects}


def _averaged_rate(h: Values) -> Values:
    return {**h, "learning_rate": h["learning_rate"] * (1 - h["momentum"])}


REDUCTIONS = (
    Reduction(
        "zero-momentum-is-gradient-descent",
        "with momentum 0 it is gradient descent",
        "With momentum 0 (and no dampening) every form of momentum is gradient descent.",
        {**_of("momentum", to=_DESCENT), **_of("nesterov", to=_DESCENT)},
        {"momentum": 0.0, "dampening": 0.0},
        ("gradient-descent-update",),
    ),
    Reduction(
        "zero-momentum-is-rmsprop",
        "with momentum 0 it is RMSProp without momentum",
        "With momentum 0 every form of RMSProp with momentum is RMSProp without.",
        {
            ("rmsprop", name): ("rmsprop", name.split("+learning-rate")[0].split("+look")[0])
            for name in METHODS["rmsprop"].dialects
            if "learning-rate" in name or "look-ahead" in name
        },
        {"momentum": 0.0},
    ),
    Reduction(
        "momentum-forms-at-a-constant-rate",
        "at a constant rate it is momentum with the rate outside",
        "At a constant learning rate the velocity may hold the rate or not, and without dampening "
        "the dampened form is no other.",
        {("momentum", "learning-rate-inside"): _OUTSIDE, ("momentum", "dampened"): _OUTSIDE},
        {"dampening": 0.0},
        ("momentum-form-equivalence",),
    ),
    Reduction(
        "averaged-momentum-at-a-constant-rate",
        "it is momentum with the rate times 1 - mu",
        "At a constant learning rate the averaged form is momentum with (1 - mu) times the rate.",
        {("momentum", "averaged"): _OUTSIDE},
        _DYADIC,
        ("momentum-form-equivalence",),
        hyperparameters=_averaged_rate,
    ),
    Reduction(
        "zero-decay-is-no-decay",
        "with weight decay 0 it is the rule without",
        "With weight decay 0, coupled and decoupled forms are the rule without decay.",
        {
            **_of("adamw", to=_ADAM),
            **_of("weight-decay", to=_OUTSIDE),
            ("maximize", "coupled"): ("maximize", "plain"),
        },
        {"weight_decay": 0.0},
        ("weight-decay-coupled", "weight-decay-decoupled", "adamw"),
    ),
    Reduction(
        "maximizing-is-minimizing-the-negative",
        "it is minimising with the gradient's sign changed",
        "Maximising runs as minimising does on the negative gradients.",
        {("maximize", "plain"): _OUTSIDE},
        {},
        ("gradient-ascent-update",),
        gradient=lambda g: -g,
    ),
    Reduction(
        "amsgrad-on-growing-moments-is-adam",
        "on gradients that grow it is Adam",
        "While the second moment only grows, its maximum is itself, and AMSGrad is Adam.",
        {
            ("amsgrad", "maximum-of-raw"): _ADAM,
            ("amsgrad", "maximum-of-corrected"): _ADAM,
            ("amsgrad", "maximum-of-corrected+epsilon-inside-root"): (
                "adam",
                "epsilon-inside-root",
            ),
            ("amsgrad", "uncorrected"): ("adam", "uncorrected"),
        },
        {},
        ("amsgrad",),
        gradients=Gradients(("constant", "growing"), noise=False),
    ),
    Reduction(
        "adam-with-both-decays-0-is-sign-descent",
        "with both decays 0 it is normalised sign descent",
        "With both decays 0 Adam is g / (|g| + epsilon) times the rate: sign descent. That it is "
        "gradient descent, as printed, is refuted by any two gradients of different sizes.",
        {("adam", "epsilon-outside-root"): ("sign-descent", "normalised")},
        {"beta1": 0.0, "beta2": 0.0},
        ("adam-sgd-special-case", "sign-normalised-gradient-update"),
    ),
    Reduction(
        "adam-without-first-decay-is-rmsprop",
        "with beta1 0 it is RMSProp",
        "Without bias correction and with beta1 0 Adam is RMSProp.",
        {("adam", "uncorrected"): ("rmsprop", "epsilon-outside-root")},
        {"beta1": 0.0},
        ("adam-equals-rmsprop-plus-momentum",),
        hyperparameters=lambda h: {**h, "decay": h["beta2"]},
    ),
    Reduction(
        "accumulating-one-gradient-is-adam",
        "accumulating one gradient it is Adam",
        "Accumulation over one step is the rule itself.",
        _of("gradient-accumulation", to=_ADAM),
        {"accumulation_steps": 1.0},
        ("gradient-accumulation",),
    ),
    Reduction(
        "delta-bar-delta-without-increments",
        "without increments it is gradient descent",
        "Delta-bar-delta whose rates neither grow nor fall is gradient descent.",
        _of("delta-bar-delta", to=_DESCENT),
        {"rate_increment": 0.0, "rate_reduction": 0.0},
        ("delta-bar-delta",),
    ),
)

for _reduction in REDUCTIONS:
    law(
        id=_reduction.id,
        title=f"{_reduction.title[0].upper()}{_reduction.title[1:]}",
        statement=_reduction.statement,
        oracle="exact",
        capability="update-rule",
        equations=_reduction.equations,
        about=_reduction.about,
        excused=_reduction.excused,
        every_path=False,
        share=0.2,
    )(_reduction.check)


def _shifts(subject: Subject) -> bool:
    return subject.record.id == "nesterov" and "averaged" not in subject.claim.dialect


@law(
    id="nesterov-forms-by-change-of-variables",
    title="Shifted Nesterov momentum stores the point of evaluation of the look-ahead form",
    statement=(
        "At a constant learning rate, and on the same gradients, the parameter of a shifted "
        "form is the point at which the look-ahead form wants its next gradient."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("nesterov-change-of-variables",),
    about=_shifts,
    every_path=False,
    share=0.2,
)
def nesterov_change_of_variables(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=5)
    shifted = "shifted" in subject.claim.dialect
    other = _nesterov(subject, case, shifted)
    there = other.start(flat(case.parameters))
    for gradients in case.gradients:
        there = other.advance(there, flat(gradients))
    here = final_position(subject, case)
    tracer = Tracer(subject, case)
    for gradients in case.gradients:
        snapshot = tracer.step(gradients)
    if shifted:
        exact = other.evaluation_point(there).exact
        quantity, computed = Quantity(exact, here.parameter.working), snapshot.parameter
    else:
        point = oracle_for(subject, case).evaluation_point(here)
        quantity = Quantity(there.parameter.exact, point.working)
        computed = tracer.evaluation_point()
    return require(
        quantity,
        computed,
        what=f"{subject.name}: point of evaluation after {case.steps} steps",
        counterexample=lambda: describe(case),
    )


def _nesterov(subject: Subject, case: Case, shifted: bool) -> UpdateOracle:
    dialect = "look-ahead" if shifted else "shifted"
    return UpdateOracle(
        METHODS["nesterov"], dialect, case.hyperparameters, subject.working, frozenset()
    )


def _keeps_rates(subject: Subject) -> bool:
    return subject.record.id == "momentum" and subject.claim.dialect in (
        "learning-rate-inside",
        "learning-rate-outside",
    )


@law(
    id="momentum-forms-part-when-the-rate-changes",
    title="The forms of momentum part when the learning rate changes",
    statement=(
        "With a velocity that holds the rate, a new rate leaves old steps alone; with one that "
        "does not, it rescales them. On gradients 1, 1 at rates eta, eta/8 the two end at "
        "different points, and the rule ends at its own."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("momentum-form-equivalence",),
    about=_keeps_rates,
    every_path=False,
    share=0.1,
)
def momentum_forms_part(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_case(
        subject,
        data,
        min_steps=2,
        max_steps=2,
        fixed={"momentum": 0.5},
        gradients=Gradients(("constant",), noise=False),
        layouts=(ONE,),
        from_zero=True,
    )
    rate = drawn.hyperparameters["learning_rate"]
    case = replace(drawn, learning_rates=(rate, rate / 8))
    dialects = ("learning-rate-inside", "learning-rate-outside")
    other = dialects[subject.claim.dialect == dialects[0]]
    elsewhere = UpdateOracle(METHODS["momentum"], other, case.hyperparameters, subject.working)
    there = _run_oracle(elsewhere, case).parameter
    here = final_position(subject, case).parameter
    computed = end_of(subject, case).parameter
    gap = np.abs(here.expected() - there.expected())
    separates = bool(gap[0] > here.allowed()[0] + there.allowed()[0])
    if separates and not there.judge(computed)[0] > 1.0:
        raise Deviation(
            f"{subject.name}: under a changing rate it ends where {other} ends, at "
            f"{computed.tolist()}",
            counterexample=describe(case),
        )
    return require(
        here,
        computed,
        what=f"{subject.name}: parameter under a changing rate",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


def _run_oracle(oracle: UpdateOracle, case: Case) -> Position:
    position = oracle.start(flat(case.parameters))
    for step, gradients in enumerate(case.gradients):
        position = oracle.advance(position, flat(gradients), case.rate(step))
    return position
