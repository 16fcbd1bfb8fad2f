"""Laws of closed forms: what a state is made of, and what it is on average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.strategies import VECTOR
from optcheck.properties.trace import Tracer, describe, end_of, flat, require, run_case
from optcheck.properties.update_rules import (
    draw_case,
    final_position,
    larger,
    oracle_for,
    refuses,
    traced_from_the_plain_path,
)
from optcheck.reference import METHODS
from optcheck.reference.balls import Arithmetic, Balls, Scalar
from optcheck.reference.identities import weighted_sum
from optcheck.reference.oracle import Quantity, UpdateOracle


@law(
    id="momentum-is-a-weighted-sum",
    title="Momentum is a weighted sum of all past gradients",
    statement=(
        "After step t the velocity is the sum of mu^(t-k) g_k: times -eta_k in the form that "
        "holds the rate, times 1 - mu in the averaged form, times 1 - tau for all but the first "
        "gradient in the dampened form."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("momentum-gradient-weights",),
    about=lambda s: s.record.id == "momentum",
    every_path=False,
    share=0.3,
)
def momentum_is_a_weighted_sum(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=10, scheduled=True)
    position = final_position(subject, case)
    after = end_of(subject, case)
    name = "first_moment" if subject.claim.dialect == "averaged" else "velocity"
    if name not in after.vectors and case.hyperparameters["momentum"] == 0.0:
        return float("nan")  # without momentum some libraries keep no velocity
    if name not in after.vectors:
        raise NotShown(f"{subject.backend.name} does not show the velocity of momentum")
    return require(
        Quantity(_sum_of_gradients(subject, case), position.vectors[name].working),
        after.vectors[name],
        what=f"{subject.name}: {name} after {case.steps} steps, as a weighted sum",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, name),
    )


def _sum_of_gradients(subject: Subject, case: Case) -> Balls:
    h, gradients = case.hyperparameters, [flat(each) for each in case.gradients]
    weights = [_weight(subject.claim.dialect, case, step) for step in range(case.steps)]
    return weighted_sum(gradients, h["momentum"], weights)


def _weight(dialect: str, case: Case, step: int) -> Scalar:
    """With which a gradient enters the velocity."""
    exact, h = Arithmetic.exact(), case.hyperparameters
    one = exact.scalar(1.0)
    if dialect == "learning-rate-inside":
        return -exact.scalar(case.rate(step) or h["learning_rate"])
    if dialect == "averaged":
        kept: Scalar = one - exact.scalar(h["momentum"])
        return kept
    if dialect == "dampened" and step:
        damped: Scalar = one - exact.scalar(h["dampening"])
        return damped
    return one


def _is_centered(subject: Subject) -> bool:
    return subject.record.id == "rmsprop" and subject.claim.dialect.endswith("root+centered")


@law(
    id="centered-with-zero-mean-is-rmsprop",
    title="Centered RMSProp with a mean of zero is RMSProp",
    statement=(
        "On gradients g, -beta g the mean is zero after the second step, and that step is the one "
        "of RMSProp that is not centered."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("rmsprop-centered",),
    about=_is_centered,
    every_path=False,
    share=0.3,
)
def centered_with_zero_mean(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_case(
        subject, data, min_steps=1, max_steps=1, fixed={"decay": 0.5}, layouts=(VECTOR,)
    )
    first = drawn.gradients[0][0]
    case = replace(drawn, gradients=((first,), (-0.5 * first,)))
    tracer = Tracer(subject, case)
    before = tracer.step(case.gradients[0])
    after = tracer.step(case.gradients[1])
    if not set(before.vectors) >= {"first_moment", "second_moment"}:
        raise NotShown(f"{subject.backend.name} does not show the averages of rmsprop")
    plain = UpdateOracle(
        METHODS["rmsprop"],
        subject.claim.dialect.removesuffix("+centered"),
        case.hyperparameters,
        subject.working,
    )
    vectors = {name: before.vectors[name] for name in ("parameter", "second_moment")}
    there = plain.advance(plain.at(1, vectors), flat(case.gradients[1]))
    own = oracle_for(subject, case)
    here = own.advance(own.at(1, before.vectors), flat(case.gradients[1]))
    return require(
        Quantity(there.parameter.exact, here.parameter.working),
        after.parameter,
        what=f"{subject.name}: parameter after a step with mean zero",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


@law(
    id="centered-variance-stays-defined",
    title="The variance of a constant gradient does not turn negative",
    statement=(
        "Under a constant gradient r - m^2 tends to zero, where rounding may make it negative; no "
        "parameter may become NaN for it."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("rmsprop-centered",),
    about=lambda s: s.record.id == "rmsprop" and "centered" in s.claim.dialect,
    dtypes=("float32",),
    excused=traced_from_the_plain_path,
    share=0.2,
)
def centered_variance_stays_defined(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_case(
        subject,
        data,
        min_steps=1,
        max_steps=1,
        fixed={"decay": 0.5, "epsilon": 1e-8},
        layouts=(VECTOR,),
    )
    # Eight gradients with all their bits in use: some variance rounds to below zero.
    size = data.draw(st.floats(1.0, 1000.0), label="size")
    row = np.asarray(np.float32(size * np.linspace(1.0, 2.0, 8) ** 2), dtype=np.float64)
    case = replace(drawn, gradients=((row,),) * 60)
    end = end_of(subject, case).parameter
    if np.any(np.isnan(end)):
        raise Deviation(
            f"{subject.name}: after {case.steps} equal gradients the parameters are "
            f"{end.tolist()}",
            counterexample={**describe(case.until(1)), "repeated": case.steps},
        )
    return 0.0


# 4096 independent coordinates of +-1. Hoeffding: the mean of 4096 numbers in [-1, 1] is more than
# this far from its expectation with probability at most 2 exp(-4096 d^2 / 2) < 1e-12.
_COORDINATES = 4096
_DISTANCE = 0.118
_STEPS = 6
_STATIONARY = {"learning_rate": 1.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 0.0}


@law(
    id="bias-correction-is-unbiased",
    title="The corrected first moment is unbiased for stationary gradients",
    statement=(
        "On gradients of 1 with probability 0.8 and -1 otherwise the corrected second moment is "
        "1, so that (epsilon 0) the mean step is -0.6 learning rates at every t. The mean over "
        f"{_COORDINATES} independent coordinates is more than {_DISTANCE} off with probability "
        f"below 1e-12 a step (Hoeffding), t up to {_STEPS}; without the first correction it is "
        "at least 0.3 off for beta1 = 0.9, and a correction with t + 1 at least 0.28 off at t = 1."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="a first moment that is not corrected",
    capability="update-rule",
    equations=("adam-bias-correction",),
    about=lambda s: s.record.id == "adam" and s.claim.dialect != "uncorrected",
    excused=lambda s: refuses(s, _STATIONARY),
    every_path=False,
    dtypes=("float32",),
    share=0.1,
)
def bias_correction_is_unbiased(subject: Subject, data: st.DataObject) -> float:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    rows = np.where(random.random((_STEPS, _COORDINATES)) < 0.8, 1.0, -1.0)
    case = Case(
        hyperparameters=_STATIONARY,
        parameters=(np.zeros(_COORDINATES),),
        gradients=tuple((row,) for row in rows),
        dtype=subject.dtype,
    )
    before, worst = np.zeros(_COORDINATES), 0.0
    for step, snapshot in enumerate(run_case(subject, case), start=1):
        mean = float(np.mean(snapshot.parameter - before))
        ratio = abs(mean + 0.6) / _DISTANCE
        if not ratio <= 1.0:
            raise Deviation(
                f"{subject.name}: the mean step {step} is {mean:.4f} learning rates, its "
                f"expectation -0.6; it is {_DISTANCE} off with probability below 1e-12",
                ratio=ratio,
                counterexample={"hyperparameters": _STATIONARY, "step": step, "mean": mean},
            )
        before, worst = snapshot.parameter, larger(worst, ratio)
    return worst
