"""Laws of the natural gradient that compare its step with others of the same divergence.

On softmax families theory bounds the divergence of every step, so that what holds to first order
has a remainder that is known.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat
from hypothesis import strategies as st

from optcheck.properties.law import Subject, law
from optcheck.properties.minimizers.drawing import draw_task, likelihoods, starts
from optcheck.properties.minimizers.likelihoods import (
    Step,
    at,
    column,
    curvature_range,
    divergence,
    doubles,
    fall,
    first_step,
    is_natural_gradient,
    product,
    softmax_task,
    spread,
    vector,
)
from optcheck.properties.minimizers.running import Task, require_of, worst
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.minimizers.natural_gradient import lagrangian, quadratic_divergence
from optcheck.reference.oracle import Bound


@law(
    id="natural-gradient-divergence-of-a-step",
    title="The divergence of a step is what its quadratic approximation says",
    statement=(
        "The Kullback-Leibler divergence of a step is g'F^-1 g/(2 multiplier^2) to second order; "
        "for a softmax family it is that times a factor between 2(exp(-R) + R - 1)/R^2 and "
        "2(exp(R) - R - 1)/R^2, R the largest difference between the changes of two logits "
        "(Bach 2010, self-concordance). Beside it, only rounding."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("kl-divergence-quadratic-approximation", "log-probability-taylor-expansion"),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_divergence(subject: Subject, data: st.DataObject) -> float:
    task = softmax_task(subject, data)
    step = first_step(subject, task)
    if step is None:
        return float("nan")
    exact = step.exactly(task.hyperparameters["multiplier"])
    fisher = [list(row) for row in step.fisher.tolist()]
    with ball_arithmetic():
        expected = float(quadratic_divergence(fisher, exact.entries()).mid())
    most = float(curvature_range(spread(step.moved))[1].mid())
    rounding = step.slack(exact) + step.error @ np.abs(doubles(step.fisher)) @ step.error / 2
    # The factor's distance from 1 is larger above than below.
    allowed = (most - 1.0) * (expected + rounding) + rounding
    bound = Bound(np.array([expected]), np.array([allowed]))
    found = np.array([float(divergence(task.objective, step.before, step.moved).mid())])
    return require_of(subject, task, bound, found, "divergence of a step")


@law(
    id="natural-gradient-raises-the-likelihood",
    title="A short natural gradient step raises the likelihood",
    statement=(
        "On a softmax family the loss after a step d is at most that before it less "
        "(multiplier - c/2) d'F d, with c = 2(exp(R) - R - 1)/R^2 and R the largest difference "
        "between the changes of two logits: it falls where c < 2 multiplier. Beside it, only "
        "rounding."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("natural-gradient-update",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_raises_the_likelihood(subject: Subject, data: st.DataObject) -> float:
    task = softmax_task(subject, data)
    step = first_step(subject, task)
    if step is None:
        return float("nan")
    multiplier = task.hyperparameters["multiplier"]
    most = curvature_range(spread(step.moved))[1]
    if not most < 2.0 * multiplier:
        return float("nan")
    with ball_arithmetic():
        needed = (arb(multiplier) - most / 2) * step.square(step.moved)
        missing = needed - fall(task.objective, step.before, step.after)
    bound = Bound(np.zeros(1), np.array([multiplier * step.slack(step.moved)]))
    computed = np.array([max(float(missing.mid()), 0.0)])
    return require_of(subject, task, bound, computed, "missing fall of the loss")


def _others(data: st.DataObject, step: Step, exact: arb_mat) -> list[arb_mat]:
    """Steps to compare with: the exact one, and one that is drawn."""
    drawn = data.draw(starts(len(step.before), 1.0), label="another direction")
    return [exact, column(drawn)]


@law(
    id="natural-gradient-minimises-the-lagrangian",
    title="The natural gradient step minimises its Lagrangian",
    statement=(
        "No other step has a lower value of f + g'd + (multiplier/2) d'F d; what rounding puts "
        "the step off by, raises it by its square alone."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("natural-gradient-lagrangian",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_minimises_the_lagrangian(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data, likelihoods(), iterations=1)
    step = first_step(subject, task)
    if step is None:
        return float("nan")
    multiplier = task.hyperparameters["multiplier"]
    allowed = multiplier / 2 * step.error @ np.abs(doubles(step.fisher)) @ step.error
    bound = Bound(np.zeros(1), np.array([allowed]))
    ratios = []
    for other in _others(data, step, step.exactly(multiplier)):
        with ball_arithmetic():
            excess = _lagrangian(task, step, step.moved) - _lagrangian(task, step, other)
        computed = np.array([max(float(excess.mid()), 0.0)])
        what = f"excess of the Lagrangian over that of the step {vector(other).tolist()}"
        ratios.append(require_of(subject, task, bound, computed, what))
    return worst(ratios)


def _lagrangian(task: Task, step: Step, moved: arb_mat) -> arb:
    value: arb = lagrangian(
        task.objective.value(at(step.before)).ball,
        step.gradient.entries(),
        step.fisher.tolist(),
        moved.entries(),
        arb(task.hyperparameters["multiplier"]),
    )
    return value


@law(
    id="natural-gradient-is-the-best-step-of-its-divergence",
    title="No step of the same divergence lowers the loss more, to first order",
    statement=(
        "On a softmax family no step u of at most the Kullback-Leibler divergence of the step d "
        "has g'u below g'd by more than multiplier d'F d (sqrt(c(d)/b(u)) - 1), b and c the least "
        "and the largest factor between the divergence and its quadratic approximation "
        "(Cauchy-Schwarz, and Bach 2010). Beside it, only rounding."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("natural-gradient-constrained-problem",),
    about=is_natural_gradient,
    share=0.5,
)
def natural_gradient_is_the_best_step(subject: Subject, data: st.DataObject) -> float:
    task = softmax_task(subject, data)
    step = first_step(subject, task)
    if step is None:
        return float("nan")
    multiplier = task.hyperparameters["multiplier"]
    given = divergence(task.objective, step.before, step.moved)
    ratios = []
    for direction in _others(data, step, step.exactly(multiplier)):
        other = _scaled(task, step, direction, given)
        with ball_arithmetic():
            gained = product(step.gradient, step.moved) - product(step.gradient, other)
            most = curvature_range(spread(step.moved))[1]
            least = curvature_range(spread(other))[0]
            room = arb(multiplier) * step.square(step.moved) * ((most / least).sqrt() - 1)
        rounding = multiplier * (step.slack(step.moved) + step.slack(other))
        bound = Bound(np.zeros(1), np.array([float(room.mid()) + rounding]))
        computed = np.array([max(float(gained.mid()), 0.0)])
        what = f"loss that the step {vector(other).tolist()} of no greater divergence saves"
        ratios.append(require_of(subject, task, bound, computed, what))
    return worst(ratios)


def _scaled(task: Task, step: Step, direction: arb_mat, given: arb) -> arb_mat:
    """``direction``, as long as the divergence ``given`` allows, or a little shorter."""

    def found(scale: arb) -> arb:
        return divergence(task.objective, step.before, direction * scale)

    with ball_arithmetic():
        scale = (2 * given / step.square(direction)).sqrt().mid()
        for _ in range(4):
            scale = (scale * (given / found(scale)).sqrt()).mid()
        shorter = arb(2) ** -60
        while not found(scale) <= given:
            scale, shorter = (scale * (1 - shorter)).mid(), 4 * shorter
        return direction * scale
