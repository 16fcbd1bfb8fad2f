"""Laws of the natural gradient: its matrix, its step, and what other parameters make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, likelihoods
from optcheck.properties.minimizers.likelihoods import (
    at,
    column,
    doubles,
    first_step,
    is_natural_gradient,
    matrix,
    residual,
    softmax_task,
    softmaxes,
    spread,
    step_of,
    vector,
)
from optcheck.properties.minimizers.running import Task, minimize, moves, require_of, worst
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.families import Categorical, Gaussian, Reparametrised
from optcheck.reference.oracle import Bound


def _closed_form(family: Any, point: Floats, multiplier: float) -> Floats:
    """The natural gradient step, with the inverse of the family's Fisher matrix worked out."""
    x = at(point)
    number = x[0].same
    if isinstance(family, Gaussian):
        deviation, precision = number(family.mean) - x[0], family.fisher(x)[0][0]
        moment = number(family.variance) + deviation * deviation
        step = [deviation, (moment * precision - 1) / 2]
    else:
        pairs = zip(family.weights, family.probabilities(x), strict=True)
        if isinstance(family, Categorical):
            _, *step = (number(q) - p for q, p in pairs)
        else:
            rest, *ratios = (number(q) / p for q, p in pairs)
            step = [each - rest for each in ratios]
    return np.array([float((each / number(multiplier)).ball.mid()) for each in step])


@law(
    id="natural-gradient-has-the-closed-form",
    title="The natural gradient step of known families",
    statement=(
        "For a Gaussian in mean and log deviation the step is ((m - mu), (s^2/sigma^2 - 1)/2), "
        "with s^2 the data's second moment about mu; for logits q_k/p_k - q_0/p_0; for "
        "probabilities q - p; all over the multiplier, within the rounding budget of the system "
        "that gives it."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("fisher-information-matrix", "natural-gradient-update"),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_has_the_closed_form(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, likelihoods(), iterations=3)
    ratios = []
    for index, (here, there) in enumerate(moves(minimize(subject, task))):
        if not np.all(np.isfinite(there.point)):
            break
        step = step_of(subject, task, here, there)
        expected = _closed_form(task.objective, here.point, task.hyperparameters["multiplier"])
        bound = Bound(expected, step.error)
        ratios.append(require_of(subject, task, bound, vector(step.moved), f"step {index}"))
    return worst(ratios)


@law(
    id="natural-gradient-solves-both-forms",
    title="The two forms of the Fisher matrix give one step",
    statement=(
        "The expected outer product of the score and minus the expected Hessian of the log "
        "probability are one matrix: a step by the one solves the equations of the other, within "
        "the rounding budget of its own."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("fisher-hessian-equivalence", "fisher-information-matrix"),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_solves_both_forms(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, likelihoods(), iterations=3)
    (other,) = set(subject.record.dialects) - {subject.claim.dialect}
    ratios = []
    for index, (here, there) in enumerate(moves(minimize(subject, task))):
        off, allowed = residual(subject, task, here, there, other)
        bound, what = Bound(np.zeros(len(off)), allowed), f"residual of step {index} in {other}"
        ratios.append(require_of(subject, task, bound, off, what))
    return worst(ratios)


@law(
    id="natural-gradient-rests-at-the-truth",
    title="Where the data follow the model, there is no step",
    statement=(
        "The expected score of a model is 0: with data distributed as the model is at the start, "
        "the step is 0, but for the rounding of the data's weights and that of the step."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("score-zero-mean",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_rests_at_the_truth(subject: Subject, data: st.DataObject) -> float:
    drawn = draw_task(subject, data, likelihoods(), tolerance=0.0, iterations=1)
    family: Any = drawn.objective
    x = drawn.start
    if isinstance(family, Gaussian):
        true: Any = Gaussian(float(x[0]), float(np.exp(2.0 * x[1])))
    else:
        true = type(family)(tuple(float(p) for p in family.probabilities(x)))
    task = Task(true, x, drawn.hyperparameters, iterations=1, tolerance=0.0)
    step = first_step(subject, task)
    if step is None:
        return 0.0
    rounded = np.abs(vector(step.exactly(task.hyperparameters["multiplier"])))
    bound = Bound(np.zeros(len(x)), rounded + step.error)
    return require_of(subject, task, bound, vector(step.moved), "step from the truth")


@law(
    id="natural-gradient-is-newton-in-natural-parameters",
    title="In natural parameters the natural gradient is Newton's method",
    statement=(
        "The log probability of a softmax family has a Hessian that does not depend on the "
        "observation, so that its expectation is the same under the model and under the data: "
        "the step solves H d = -g/multiplier with the Hessian H of the loss, within the rounding "
        "budget of its own equations."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("natural-gradient-versus-newton",),
    about=is_natural_gradient,
    share=0.25,
)
def natural_gradient_is_newton(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, softmaxes(), iterations=3)
    ratios = []
    for index, (here, there) in enumerate(moves(minimize(subject, task))):
        _, allowed = residual(subject, task, here, there, subject.claim.dialect)
        taken = here.direction if here.direction is not None else there.point - here.point
        x = at(here.point)
        multiplier = arb(task.hyperparameters["multiplier"])
        with ball_arithmetic():
            gradient = arb_mat([[each.ball] for each in task.objective.gradient(x)])
            hessian = matrix(task.objective.hessian(x))
            off = vector(hessian * column(taken) + gradient * (1 / multiplier))
        bound = Bound(np.zeros(len(off)), allowed)
        what = f"residual of step {index} in Newton's equations"
        ratios.append(require_of(subject, task, bound, off, what))
    return worst(ratios)


@st.composite
def _changes(draw: st.DrawFn, dimension: int) -> tuple[tuple[float, ...], ...]:
    """Matrices with entries and inverses that are short binary fractions: scales and a shear."""
    scales = [2.0 ** draw(st.integers(-3, 3)) for _ in range(dimension)]
    rows = np.diag(scales)
    if dimension == 2:
        rows[0] += draw(st.integers(-4, 4)) / 2 * rows[1]
    return tuple(tuple(float(a) for a in row) for row in rows)


@law(
    id="natural-gradient-is-invariant-to-linear-changes",
    title="A linear change of parameters does not change the natural gradient step",
    statement=(
        "With theta = M psi, the step in psi mapped by M is the step in theta, within the "
        "rounding budgets of both; a step of gradient descent would be scaled by M M'."
    ),
    oracle="identity",
    capability="minimizer",
    equations=("natural-gradient-parametrisation-invariance",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_is_invariant_to_linear_changes(
    subject: Subject, data: st.DataObject
) -> float:
    task = draw_task(subject, data, likelihoods(), iterations=1)
    change = data.draw(_changes(task.objective.dimension), label="change of parameters")
    # Exact: the inverse of the change is made of short binary fractions too.
    start = np.linalg.inv(np.array(change)) @ task.start
    other = Task(Reparametrised(task.objective, change), start, task.hyperparameters, iterations=1)
    here, there = first_step(subject, task), first_step(subject, other)
    if here is None or there is None:
        return float("nan")
    size = np.abs(np.array(change))
    with ball_arithmetic():
        mapped = vector(arb_mat([[arb(a) for a in row] for row in change]) * there.moved)
    bound = Bound(vector(here.moved), here.error + size @ there.error)
    return require_of(subject, other, bound, mapped, "step mapped to the first parameters")


@law(
    id="natural-gradient-is-invariant-to-first-order",
    title="A curved change of parameters changes the natural gradient step to second order",
    statement=(
        "From the same distribution, one step in logits and one in probabilities lead to "
        "distributions that differ by at most R^2/8 in each probability, R the largest difference "
        "between the changes of two logits: the remainder of Taylor's theorem, as the second "
        "derivative of a probability along a line is at most the variance, which is at most R^2/4 "
        "(Popoviciu). Beside it, only rounding."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("natural-gradient-parametrisation-invariance",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_is_invariant_to_first_order(subject: Subject, data: st.DataObject) -> float:
    task = softmax_task(subject, data)
    family: Any = task.objective
    start = np.array([float(p.ball.mid()) for p in family.probabilities(at(task.start))[1:]])
    other = Task(Categorical(family.weights), start, task.hyperparameters, iterations=1)
    logits, probabilities = first_step(subject, task), first_step(subject, other)
    if logits is None or probabilities is None:
        return float("nan")
    reached, left = (
        np.array([float(p.ball.mid()) for p in family.probabilities(at(each))[1:]])
        for each in (logits.after, logits.before)
    )
    unit = 2.0**-subject.working.bits
    rounding = np.abs(doubles(logits.fisher)) @ logits.error + probabilities.error + unit * left
    bound = Bound(reached, spread(logits.moved) ** 2 / 8 + rounding)
    return require_of(subject, other, bound, probabilities.after, "distribution after a step")
