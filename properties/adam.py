"""Laws of Adam and of exponential averages: bias correction, and the size of the first step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.strategies import ONE, Gradients
from optcheck.properties.trace import Snapshot, Tracer, describe, flat, require, run_case
from optcheck.properties.update_rules import compare, draw_case, larger, oracle_for
from optcheck.reference.oracle import Quantity
from optcheck.reference.rates import corrected_constant_gradient, signed_steps

CONSTANT = Gradients(("constant",), noise=False)

# The moments that start at zero: state, its decay, and the power of the gradient it averages.
_MOMENTS = {
    "adam": (("first_moment", "beta1", 1), ("second_moment", "beta2", 2)),
    "rmsprop": (("second_moment", "decay", 2),),
    "momentum": (("first_moment", "momentum", 1),),
    "nesterov": (("first_moment", "momentum", 1),),
}


def _keeps_an_average(subject: Subject) -> bool:
    return subject.record.id in ("adam", "rmsprop") or "averaged" in subject.claim.dialect


@law(
    id="constant-gradient-moments",
    title="Bias correction makes the moments of a constant gradient exact",
    statement=(
        "Under a constant gradient g an average that starts at zero holds (1 - beta^t) g after "
        "step t (and (1 - beta2^t) g^2), so that its bias correction gives exactly g (and g^2)."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-bias-correction",),
    about=_keeps_an_average,
    share=0.4,
)
def constant_gradient_moments(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=12, gradients=CONSTANT)
    gradient = flat(case.gradients[0])
    oracle = oracle_for(subject, case)
    position = oracle.start(flat(case.parameters))
    worst = float("nan")
    for step, snapshot in enumerate(run_case(subject, case), start=1):
        position = oracle.advance(position, gradient)
        for name, decay, power in _MOMENTS[subject.record.id]:
            if name not in snapshot.vectors:
                continue
            weight = case.hyperparameters[decay]
            exact = corrected_constant_gradient(weight, step, gradient, power)
            # The closed form is exact; the budget is that of the recursion that leads there.
            ratio = require(
                Quantity(exact, position.vectors[name].working),
                snapshot.vectors[name],
                what=f"{subject.name}: {name} of a constant gradient after step {step}",
                counterexample=lambda: describe(case),
                body=lambda step=step, name=name: subject.rule.script(case.until(step), name),  # type: ignore[misc]
            )
            worst = larger(worst, ratio)
    if np.isnan(worst) and not _shown(subject, snapshot):
        raise _moments_not_shown(subject)
    return worst


def _shown(subject: Subject, snapshot: Snapshot) -> bool:
    return any(name in snapshot.vectors for name, _, _ in _MOMENTS[subject.record.id])


def _moments_not_shown(subject: Subject) -> NotShown:
    return NotShown(f"{subject.backend.name} does not show the moments of {subject.record.id}")


def _is_corrected_adam(subject: Subject) -> bool:
    # Without bias correction the first step has another size.
    return subject.record.id == "adam" and subject.claim.dialect != "uncorrected"


@law(
    id="adam-first-step-size",
    title="Adam's first step has the size of the learning rate",
    statement=(
        "With epsilon 0 the first bias-corrected step moves every coordinate whose gradient is "
        "not zero by exactly the learning rate, against the sign of its gradient, whatever the "
        "size of the gradient."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-bias-correction",),
    about=_is_corrected_adam,
    share=0.4,
)
def adam_first_step_size(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, fixed={"epsilon": 0.0}, from_zero=True)
    gradient = flat(case.gradients[0])
    oracle = oracle_for(subject, case)
    position = oracle.advance(oracle.start(flat(case.parameters)), gradient)
    exact = signed_steps(case.hyperparameters["learning_rate"], gradient)
    # A zero gradient makes 0/0 at epsilon 0: the working ball is undefined: no verdict.
    return require(
        Quantity(exact, position.parameter.working),
        run_case(subject, case)[0].parameter,
        what=f"{subject.name}: first step with epsilon 0",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


# Past 256, where a count kept in bfloat16 stops growing.
LATE = 300


@law(
    id="late-steps",
    title="The step count goes on counting",
    statement=(
        f"After {LATE} updates, one more is still the equation with that step number, judged from "
        "the state that the implementation is in: the bias correction has not stopped early."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-bias-correction",),
    about=_is_corrected_adam,
    share=0.1,
)
def late_steps(subject: Subject, data: st.DataObject) -> float:
    # With this beta2 the correction is still far from 1, so that the count matters.
    case = draw_case(subject, data, fixed={"beta2": 0.999}, layouts=(ONE,))
    tracer = Tracer(subject, case)
    for _ in range(LATE):
        before = tracer.step(case.gradients[0])
    oracle = oracle_for(subject, case)
    if not set(before.vectors) >= {"parameter", "first_moment", "second_moment"}:
        raise _moments_not_shown(subject)
    position = oracle.advance(oracle.at(LATE, before.vectors), flat(case.gradients[0]))
    # The script repeats the constant gradient, and so the whole run.
    whole = replace(case, gradients=case.gradients * (LATE + 1))
    after = tracer.step(case.gradients[0])
    return compare(subject, whole, LATE + 1, after, position, "from its own state before it")
