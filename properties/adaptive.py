"""Laws of the adaptive methods: bounds on their steps, units, and where they drift."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.bounds import moves_of, require_at_most
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.strategies import ONE, VECTOR, Gradients
from optcheck.properties.trace import Tracer, describe, end_of, flat, require, run_case
from optcheck.properties.update_rules import (
    draw_case,
    final_position,
    larger,
    oracle_for,
    refuses,
)
from optcheck.reference.identities import adam_step_bound
from optcheck.reference.nadam import approximated_length
from optcheck.reference.oracle import Bound, Quantity

_STEADY = Gradients(("constant",), noise=False)
_CORRECTED = ("epsilon-outside-root", "epsilon-inside-root", "epsilon-hat")


@law(
    id="adam-step-bound",
    title="No step of Adam is longer than its decays allow",
    statement=(
        "By the Cauchy-Schwarz inequality abs(m_hat)/sqrt(v_hat) is at most sqrt(1 - beta2^t) / "
        "(1 - beta1^t) (1 - beta1) / sqrt(1 - beta2) sqrt(sum of (beta1^2/beta2)^k, k < t), "
        "whatever the gradients."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("adam-step-bound",),
    about=lambda s: s.record.id == "adam" and s.claim.dialect in _CORRECTED,
    every_path=False,
    share=0.3,
)
def adam_steps_are_bounded(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=8, from_zero=True)
    h = case.hyperparameters
    bounds = [adam_step_bound(h["beta1"], h["beta2"], t) for t in range(1, case.steps + 1)]
    limits = h["learning_rate"] * np.array(bounds)
    return require_at_most(
        subject, case, "step", moves_of(subject, case, run_case(subject, case)), limits
    )


@law(
    id="rmsprop-step-bound",
    title="No step of RMSProp is longer than 1/sqrt(1 - beta) learning rates",
    statement="From a mean square of zero, r_t >= (1 - beta) g_t^2, so abs(g)/sqrt(r) is bounded.",
    oracle="rate",
    capability="update-rule",
    equations=("rmsprop-step-bound",),
    about=lambda s: s.record.id == "rmsprop" and s.claim.dialect in _CORRECTED,
    every_path=False,
    share=0.3,
)
def rmsprop_steps_are_bounded(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=1, max_steps=8, from_zero=True)
    h = case.hyperparameters
    limit = h["learning_rate"] / np.sqrt(1 - h["decay"]) * (1 + 2.0**-50)
    limits = np.full(case.steps, limit)
    return require_at_most(
        subject, case, "step", moves_of(subject, case, run_case(subject, case)), limits
    )


@law(
    id="adagrad-rates-never-rise",
    title="AdaGrad's effective rates never rise",
    statement=(
        "Under a constant gradient no step of AdaGrad is longer than the one before it, since "
        "its accumulated square only grows."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("adagrad-learning-rate-monotone-decay",),
    about=lambda s: s.record.id == "adagrad",
    every_path=False,
    share=0.3,
)
def adagrad_rates_never_rise(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=8, gradients=_STEADY, from_zero=True)
    moves = moves_of(subject, case, run_case(subject, case))
    pairs = [(move, slack + before_slack) for (_, before_slack), (move, slack) in pairwise(moves)]
    limits = [np.abs(move) for move, _ in moves[:-1]]
    return require_at_most(subject, case, "after the first, step", pairs, limits)


@law(
    id="adadelta-units",
    title="AdaDelta's steps have the units of the parameters",
    statement=(
        "With an epsilon that is negligible beside the squared gradients, gradients c times as "
        "large move the parameters as far; and gradients 1/c times as large, with an epsilon c^2 "
        "times as large (its first square root is a step), move them c times as far."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("adadelta-no-learning-rate",),
    about=lambda s: (s.record.id, s.claim.dialect) == ("adadelta", "epsilon-inside-roots"),
    every_path=False,
    dtypes=("float32", "float64"),
    share=0.3,
)
def adadelta_units(subject: Subject, data: st.DataObject) -> float:
    # With factors up to 8 it is below 2**-70 of every square, and its own square root a step.
    epsilon = 2.0**-100
    drawn = draw_case(
        subject,
        data,
        min_steps=1,
        max_steps=5,
        fixed={"epsilon": epsilon},
        from_zero=True,
        layouts=(VECTOR,),
    )
    factor = 2.0 ** data.draw(st.integers(-3, 3), label="log2 c")
    # Sizes about 1: beside their squares epsilon vanishes in every format.
    rows = tuple((np.clip(np.abs(row[0]), 0.5, 2.0) * _signs(row[0]),) for row in drawn.gradients)
    case = replace(drawn, gradients=rows)
    louder = replace(case, gradients=tuple((factor * row[0],) for row in rows))
    larger_units = replace(
        case,
        hyperparameters={**case.hyperparameters, "epsilon": epsilon * factor**2},
        gradients=tuple((row[0] / factor,) for row in rows),
    )
    exact = final_position(subject, case).parameter.exact
    worst = 0.0
    for scale, other, how in (
        (1.0, louder, f"with gradients {factor:g} times as large"),
        (factor, larger_units, f"in parameters {factor:g} times as large"),
    ):
        working = final_position(subject, other).parameter.working
        ratio = require(
            Quantity(exact.arithmetic.scalar(scale) * exact, working),
            end_of(subject, other).parameter,
            what=f"{subject.name}: parameter {how}",
            counterexample=lambda: {**describe(case), "c": factor},
        )
        worst = larger(worst, ratio)
    return worst


def _signs(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, 1.0)


@law(
    id="yogi-increment-bound",
    title="Yogi's second moment changes by at most the new square",
    statement="abs(v_t - v_{t-1}) is at most (1 - beta2) g_t^2, whatever v was.",
    oracle="exact",
    capability="update-rule",
    equations=("yogi",),
    about=lambda s: s.record.id == "yogi",
    every_path=False,
    share=0.3,
)
def yogi_increment_bound(subject: Subject, data: st.DataObject) -> float:
    case = draw_case(subject, data, min_steps=2, max_steps=6, layouts=(VECTOR,))
    oracle, tracer = oracle_for(subject, case), Tracer(subject, case)
    position = oracle.start(flat(case.parameters))
    earlier = position.vectors["second_moment"].expected()
    worst = float("nan")
    for step, gradients in enumerate(case.gradients, start=1):
        gradient = flat(gradients)
        local = oracle.advance(position, gradient)
        after = tracer.step(gradients)
        if not set(after.vectors) >= {"first_moment", "second_moment"}:
            raise NotShown(f"{subject.backend.name} does not show the moments of yogi")
        limit = (1 - case.hyperparameters["beta2"]) * gradient**2 * (1 + 2.0**-50)
        second = after.vectors["second_moment"]
        move = (second - earlier, local.vectors["second_moment"].allowed())
        ratio = require_at_most(subject, case, "increment", [move], [limit])
        worst = larger(worst, ratio)
        position, earlier = oracle.at(step, after.vectors), second
    return worst


_REDDI = {"learning_rate": 0.5, "beta1": 0.0, "epsilon": 1e-8}

# Twenty periods of three gradients: at rates 0.5/sqrt(t) both drifts are far above any rounding.
_PERIODS = 20


@law(
    id="reddi-problem",
    title="Adam drifts to the wrong end of Reddi's problem, AMSGrad does not",
    statement=(
        "On the slopes C, -1, -1, ... with C > 2, beta1 = 0 and beta2 = 1/(1 + C^2) the minimum "
        "lies in the negative direction; Adam ends in the positive one, AMSGrad in the right one."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("adam-nonconvergence-counterexample",),
    about=lambda s: s.record.id in ("adam", "amsgrad"),
    excused=lambda s: refuses(s, {**_REDDI, "beta2": 0.1}),
    every_path=False,
    dtypes=("float32", "float64"),
    share=0.05,
)
def reddi_problem(subject: Subject, data: st.DataObject) -> float:
    slope = float(data.draw(st.integers(3, 10), label="C"))
    steps = 3 * _PERIODS
    rows = [slope if step % 3 == 0 else -1.0 for step in range(steps)]
    h = {**_REDDI, "beta2": 1 / (1 + slope**2)}
    case = Case(
        hyperparameters=h,
        parameters=(np.zeros(()),),
        gradients=tuple((np.array(row),) for row in rows),
        dtype=subject.dtype,
        learning_rates=tuple(0.5 / math.sqrt(step + 1) for step in range(steps)),
    )
    end = float(end_of(subject, case).parameter[0])
    drifts_up = subject.record.id == "adam"
    if not (end > 0.0 if drifts_up else end < 0.0):
        raise Deviation(
            f"{subject.name}: on Reddi's problem with C = {slope:g} it ends at {end:g}; "
            f"{subject.record.id} ends {'above' if drifts_up else 'below'} zero",
            counterexample={"C": slope, "steps": steps, "end": end},
        )
    return 0.0


@law(
    id="radam-switch",
    title="RAdam becomes adaptive at its variance threshold",
    statement=(
        "With epsilon 0 and gradients four times as large, a step is four times as long while "
        "rho_t is at most the threshold, and as long as before from then on."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("rectified-adam",),
    about=lambda s: s.record.id == "radam",
    every_path=False,
    share=0.2,
)
def radam_switch(subject: Subject, data: st.DataObject) -> float:
    beta2 = data.draw(st.sampled_from([0.999, 0.99, 0.9]), label="beta2")
    case = draw_case(
        subject,
        data,
        min_steps=9,
        max_steps=9,
        fixed={"epsilon": 0.0, "beta2": beta2},
        gradients=_STEADY,
        layouts=(ONE,),
        from_zero=True,
    )
    # Far from both ends of the range, so that the scaled square is representable.
    ones = tuple((np.ones(()),) for _ in range(case.steps))
    case = replace(case, gradients=ones)
    louder = replace(case, gradients=tuple((4 * each[0],) for each in ones))
    worst = float("nan")
    both = zip(
        moves_of(subject, case, run_case(subject, case)),
        moves_of(subject, louder, run_case(subject, louder)),
        strict=True,
    )
    for step, ((move, slack), (moved, room)) in enumerate(both, start=1):
        factor = 1.0 if _is_adaptive(beta2, step, case.hyperparameters["threshold"]) else 4.0
        ratio = require(
            Bound(factor * move, factor * slack + room),
            moved,
            what=f"{subject.name}: step {step} with gradients four times as large",
            counterexample=lambda: describe(louder),
        )
        worst = larger(worst, ratio)
    return worst


def _is_adaptive(beta2: float, step: int, threshold: float) -> bool:
    _, length = approximated_length(SimpleNamespace(beta2=beta2, step=step))
    return bool(length > threshold)
