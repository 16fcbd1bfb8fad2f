"""Laws of Adam and of exponential averages: bias correction, and the size of the first step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import CountsSteps
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.strategies import ONE, Gradients
from optcheck.properties.trace import (
    Snapshot,
    Tracer,
    describe,
    flat,
    require,
    run_case,
    under_test,
)
from optcheck.properties.update_rules import (
    compare,
    draw_case,
    final_position,
    larger,
    oracle_for,
    positions_of,
    traced_from_the_plain_path,
)
from optcheck.reference.oracle import Quantity
from optcheck.reference.rates import corrected_constant_gradient, signed_steps

CONSTANT = Gradients(("constant",), noise=False)

# The moments that start at zero: state, its decay, and the power of the gradient it averages.
_ADAM = (("first_moment", "beta1", 1), ("second_moment", "beta2", 2))
_MOMENTS = {
    **dict.fromkeys(("adam", "adamw", "amsgrad", "nadam", "radam"), _ADAM),
    "adamax": (("first_moment", "beta1", 1),),
    "rmsprop": (("second_moment", "decay", 2), ("first_moment", "decay", 1)),
    "momentum": (("first_moment", "momentum", 1),),
    "nesterov": (("first_moment", "momentum", 1),),
}


def _keeps_an_average(subject: Subject) -> bool:
    method, dialect = subject.record.id, subject.claim.dialect
    if method in ("momentum", "nesterov"):
        return "averaged" in dialect
    from_zero = "first-square" not in dialect and "initial-mean-square" not in dialect
    return method in _MOMENTS and from_zero


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
    every_path=False,
    share=0.4,
)
def constant_gradient_moments(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=12, gradients=CONSTANT)
    gradient = flat(case.gradients[0])
    worst = float("nan")
    steps = zip(run_case(subject, case), positions_of(subject, case), strict=True)
    for step, (snapshot, position) in enumerate(steps, start=1):
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
    every_path=False,
    share=0.4,
)
def adam_first_step_size(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, fixed={"epsilon": 0.0}, from_zero=True)
    gradient = flat(case.gradients[0])
    position = final_position(subject, case)
    exact = signed_steps(case.hyperparameters["learning_rate"], gradient)
    # A zero gradient makes 0/0 at epsilon 0: the working ball is undefined: no verdict.
    return require(
        Quantity(exact, position.parameter.working),
        run_case(subject, case)[0].parameter,
        what=f"{subject.name}: first step with epsilon 0",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


def _corrects_by_the_count(subject: Subject) -> bool:
    # torch's product of scheduled momenta is no function of the count that could be restored.
    corrected = ("adam", "adamw", "amsgrad", "adamax", "nadam", "radam", "yogi")
    excepted = ("uncorrected", "scheduled-momentum")
    return subject.record.id in corrected and subject.claim.dialect not in excepted


# Past 256, where a count kept in bfloat16 stops growing, and past 2048, where one in float16 does.
GONE = 300
RESTORED = 2050


def _late(tracer: Tracer) -> tuple[int, Snapshot]:
    """Late in a run: restored with another count where the run allows it, else gone there.

    The state is judged from what it is, so that it does not matter how the run came to it.
    """
    gradients = tracer.case.gradients[0]
    after = tracer.step(gradients)
    if isinstance(tracer.run, CountsSteps) and tracer.run.count() is not None:
        with under_test(tracer.subject, tracer.describe):
            tracer.run.set_count(RESTORED)
        return RESTORED, after
    for _ in range(GONE - 1):
        after = tracer.step(gradients)
    return GONE, after


@law(
    id="late-steps",
    title="The step count goes on counting",
    statement=(
        f"Restored at {RESTORED} updates, or after {GONE} where the count cannot be restored, one "
        "more is still the equation with that step number, judged from the state that the "
        "implementation is in: the bias correction has not stopped early."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-bias-correction",),
    about=_corrects_by_the_count,
    excused=traced_from_the_plain_path,
    share=0.1,
)
def late_steps(subject: Subject, data: st.DataObject) -> float:
    # With these decays the corrections are still far from 1, so that the count matters.
    decays = {"beta1": 0.995, "beta2": 0.999}
    case = draw_case(subject, data, fixed=decays, layouts=(ONE,))
    tracer = Tracer(subject, case)
    count, before = _late(tracer)
    oracle = oracle_for(subject, case)
    if not set(before.vectors) >= set(oracle.start(flat(case.parameters)).vectors):
        raise _moments_not_shown(subject)
    position = oracle.advance(oracle.at(count, before.vectors), flat(case.gradients[0]))
    after = tracer.step(case.gradients[0])
    # The script repeats the constant gradient, and so the whole run.
    whole = replace(case, gradients=case.gradients * (count + 1))
    return compare(subject, whole, count + 1, after, position, "from its own state before it")
