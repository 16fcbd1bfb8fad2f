"""Laws of Levenberg-Marquardt: its equations, its limits, its damping, and what it is good for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import NotShown, Subject, law
from optcheck.properties.minimizers.damped_equations import (
    Equations,
    Trial,
    excess_of_fall,
    trials,
)
from optcheck.properties.minimizers.drawing import draw_task, fractions, residuals
from optcheck.properties.minimizers.running import (
    Task,
    claim_of,
    deviation,
    minimize,
    require_of,
    worst,
)
from optcheck.reference import trajectories
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.problems import LeastSquares

_FIXED = ("fixed-damping", "fixed-damping-of-means")
_REGIONS = ("trust-region", "scaled-damping")


def _is_damped(subject: Subject) -> bool:
    return bool(subject.record.id == "levenberg-marquardt")


def _in(*dialects: str) -> Callable[[Subject], bool]:
    return lambda subject: _is_damped(subject) and subject.claim.dialect in dialects


def _free(subject: Subject, **wanted: float) -> dict[str, float]:
    """Those of ``wanted`` that the dialect has and that the library lets anybody choose."""
    choice = subject.record.domains(subject.claim.dialect).keys() - subject.claim.fixed.keys()
    return {name: value for name, value in wanted.items() if name in choice}


@law(
    id="steps-solve-the-damped-equations",
    title="Every step solves the damped normal equations",
    statement=(
        "Every step that is tried, taken or refused, solves (J'J + mu D**2) d = -J'e within the "
        "rounding of the entries and the backward error of elimination or of orthogonal "
        "transformations; where mu is hidden, one mu >= 0 explains all coordinates."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("levenberg-marquardt-hessian-approximation", "scaled-damping"),
    about=_is_damped,
    share=0.5,
)
def steps_solve_the_damped_equations(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    tried = trials(subject, task, minimize(subject, task))
    return worst([_solves(subject, task, trial) for trial in tried])


def _solves(subject: Subject, task: Task, trial: Trial) -> float:
    here = Equations(subject, task, trial.point)
    mu = _damping(here, trial)
    off = here.off(trial.direction, mu * trial.weights)
    allowed = here.allowed(trial, mu * trial.weights)
    what = f"residual of the damped equations at {trial.point.tolist()}"
    return _nothing_is_left(subject, task, trial, off, allowed, f"{what}, mu = {mu:.6g}")


def _damping(here: Equations, trial: Trial) -> float:
    return here.hidden_damping(trial) if trial.damping is None else trial.damping


def _nothing_is_left(
    subject: Subject, task: Task, trial: Trial, off: Floats, allowed: Floats, what: str
) -> float:
    """``off`` is within ``allowed``; if mu was fitted, the whole of it, as a length.

    The directions ``-mu D**2 d`` with ``mu >= 0`` are convex, so the nearest is no further away
    than that of the true mu.
    """
    if trial.damping is None:
        off, allowed = (np.array([np.linalg.norm(each)]) for each in (off, allowed))
    return require_of(subject, task, Bound(np.zeros_like(off), allowed), off, what)


@st.composite
def linear_fits(draw: st.DrawFn) -> LeastSquares:
    """Linear residuals without a common zero; the first two alone have full rank."""
    a, b = (draw(fractions(0.25, 2.0)) for _ in range(2))
    c, p, q = (draw(fractions(-2.0, 2.0)) for _ in range(3))
    return residuals((a, p), (b, 0.0, c), (0.0, q, 0.25))


@law(
    id="linear-residuals-are-modelled-exactly",
    title="On linear residuals a step leaves the gradient -mu d, and at damping 0 none",
    statement=(
        "On linear residuals J'J is the Hessian: the gradient after a step is -mu D**2 d, so "
        "without damping one step lands on the solution, as Newton's does."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("gauss-newton-hessian-decomposition", "levenberg-marquardt-update"),
    about=_is_damped,
    share=0.25,
)
def linear_residuals_are_modelled_exactly(subject: Subject, data: st.DataObject) -> float:
    undamped = data.draw(st.booleans(), label="without damping")
    given = _free(subject, damping=0.0) if undamped else None
    task = draw_task(subject, data, linear_fits(), fixed=given)
    tried = trials(subject, task, minimize(subject, task))
    return worst([_leaves(subject, task, trial) for trial in tried if trial.taken])


def _leaves(subject: Subject, task: Task, trial: Trial) -> float:
    here, there = (Equations(subject, task, each) for each in (trial.point, trial.after))
    damping = _damping(here, trial) * trial.weights
    off = there.off(np.zeros_like(damping), damping) + damping * trial.direction
    rounded = SAFETY * np.abs(here.squares) @ (here.unit * np.abs(trial.after))
    allowed = here.allowed(trial, damping) + rounded
    what = f"gradient after the step, and damping times the step, at {trial.after.tolist()}"
    return _nothing_is_left(subject, task, trial, off, allowed, what)


@law(
    id="damping-limits",
    title="Little damping gives Gauss-Newton, much of it gradient descent with the rate 1/mu",
    statement=(
        "The step differs from that of Gauss-Newton by at most mu |(J'J)^-1| of it, and from "
        "-g/mu by at most |J'J|/mu of that."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("levenberg-marquardt-damping-limits",),
    about=_in(*_FIXED, "adaptive-damping", "gain-ratio-damping"),
    share=0.25,
)
def damping_limits(subject: Subject, data: st.DataObject) -> float:
    exponent = data.draw(st.integers(-20, 20), label="logarithm of the damping")
    given = _free(subject, damping=2.0**exponent, initial_damping=2.0**exponent)
    task = draw_task(subject, data, fixed=given, iterations=2)
    tried = trials(subject, task, minimize(subject, task))
    if any(trial.damping is None for trial in tried):
        raise NotShown(f"{subject.claim.name} does not show its damping")
    return worst([_between_the_limits(subject, task, trial) for trial in tried])


def _between_the_limits(subject: Subject, task: Task, trial: Trial) -> float:
    assert trial.damping is not None
    here = Equations(subject, task, trial.point)
    mu, d = trial.damping, trial.direction
    left = float(np.linalg.norm(here.allowed(trial, mu * trial.weights)))
    inverse, newton, gradient = here.inverse_norm(), here.undamped(), here.steepness()
    # What rounding leaves in the equations, (J'J + mu)^-1 makes of it at most this.
    noise = left * min(inverse, 1.0 / mu if mu else np.inf)
    cases = [("Gauss-Newton", newton, mu * inverse)]
    if mu > 0.0:
        cases.append(
            ("gradient descent", -gradient / mu, float(np.linalg.norm(here.squares)) / mu)
        )
    ratios = []
    for name, limit, share in cases:
        length = float(np.linalg.norm(limit))
        bound = Bound(np.zeros(1), np.array([share * length + noise]))
        away = np.array([float(np.linalg.norm(d - limit))])
        what = f"distance from the step of {name}, with mu = {mu:.6g}"
        ratios.append(require_of(subject, task, bound, away, what))
    return worst(ratios)


@law(
    id="damped-steps-descend",
    title="Every damped step descends",
    statement=(
        "With mu > 0 the matrix is positive definite, so g'd = -d'(J'J + mu D**2)d < 0 for every "
        "step that is tried, taken or refused."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("levenberg-marquardt-update",),
    about=_is_damped,
    share=0.25,
)
def damped_steps_descend(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    tried = trials(subject, task, minimize(subject, task))
    return worst([_descends(subject, task, trial) for trial in tried])


def _descends(subject: Subject, task: Task, trial: Trial) -> float:
    here, d = Equations(subject, task, trial.point), trial.direction
    slope = float(here.steepness() @ d)
    noise = float(here.allowed(trial, _damping(here, trial) * trial.weights) @ np.abs(d))
    if slope > noise:
        raise deviation(
            subject,
            task,
            f"the step {d.tolist()} from {trial.point.tolist()} ascends: g'd = {slope:.6g}",
            slope / noise,
        )
    return max(slope, 0.0) / noise


@law(
    id="damping-follows-the-value",
    title="The damping falls where the value falls, and else rises and the step is taken back",
    statement=(
        "A step is taken exactly if the value falls, as far as rounding decides that; then the "
        "damping is divided by the factor, else it is multiplied by it and the point stays."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("levenberg-marquardt-adaptive-damping",),
    about=_in("adaptive-damping"),
    share=0.5,
)
def damping_follows_the_value(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    factor = task.hyperparameters["factor"]
    tried = trials(subject, task, trajectory)
    ratios = [_as_it_falls(subject, task, trial, 0.0) for trial in tried]
    for here, there in itertools.pairwise(tried):
        ratios.append(_changes(subject, task, here, there, 1 / factor if here.taken else factor))
    return worst([_starts(subject, task, tried), *ratios])


@law(
    id="steps-follow-the-gain-ratio",
    title="A step is taken by its own gain ratio, and the damping follows it",
    statement=(
        "A step is taken exactly if the value falls by the stated share of what the linear model "
        "of the residuals predicts for this step; the point stays otherwise. Where the damping is "
        "governed by the ratio, it falls above the higher cutoff and rises below the lower one, "
        "by the stated factors, and stays between them."
    ),
    oracle="exact",
    capability="minimizer",
    equations=("least-squares-gain-ratio",),
    about=_in("gain-ratio-damping", *_REGIONS),
    share=0.5,
)
def steps_follow_the_gain_ratio(subject: Subject, data: st.DataObject) -> float:
    task = draw_task(subject, data)
    trajectory = minimize(subject, task)
    h = task.hyperparameters
    low = h.get("low_cutoff", claim_of(subject).sufficient_decrease)
    tried = trials(subject, task, trajectory)
    ratios = [_as_it_falls(subject, task, trial, low) for trial in tried]
    if "low_cutoff" not in h:
        return worst(ratios)
    for here, there in itertools.pairwise(tried):
        excess, allowed = excess_of_fall(subject, task, here, h["high_cutoff"])
        if not here.taken:
            ratios.append(_changes(subject, task, here, there, h["increase"]))
        elif abs(excess) > allowed:
            by = 1 / h["decrease"] if excess > 0 else 1.0
            ratios.append(_changes(subject, task, here, there, by))
    return worst([_starts(subject, task, tried), *ratios])


def _as_it_falls(subject: Subject, task: Task, trial: Trial, share: float) -> float:
    excess, allowed = excess_of_fall(subject, task, trial, share)
    if abs(excess) <= allowed:
        return float("nan")
    place = f"from {trial.point.tolist()} to {trial.end.tolist()}"
    if trial.taken != (excess > 0):
        verb = "takes" if trial.taken else "refuses"
        raise deviation(
            subject,
            task,
            f"{verb} the step {place}: the value falls by {excess:.6g} more than "
            f"{share:g} of what is predicted",
        )
    return 0.0


def _starts(subject: Subject, task: Task, tried: list[Trial]) -> float:
    if not tried:
        return float("nan")
    first = task.hyperparameters["initial_damping"]
    return _damped_by(subject, task, tried[0], first)


def _changes(subject: Subject, task: Task, here: Trial, there: Trial, factor: float) -> float:
    if here.damping is None:
        raise NotShown(f"{subject.claim.name} does not show its damping")
    return _damped_by(subject, task, there, here.damping * factor)


def _damped_by(subject: Subject, task: Task, trial: Trial, expected: float) -> float:
    """A change is a product or quotient, of the damping or of its reciprocal: three roundings."""
    if trial.damping is None:
        raise NotShown(f"{subject.claim.name} does not show its damping")
    unit = 2.0**-subject.working.bits
    bound = Bound(np.array([expected]), np.array([SAFETY * 3 * unit * expected]))
    what = f"damping at {trial.point.tolist()}"
    return require_of(subject, task, bound, np.array([trial.damping]), what)


@law(
    id="levenberg-marquardt-in-ravines",
    title="In a ravine Levenberg-Marquardt leaves steepest descent behind",
    statement=(
        "On the residuals (x, sqrt(kappa) y) from (kappa, 1), where steepest descent leaves "
        "exactly ((kappa - 1)/(kappa + 1))**2 of the value at every step, no more than that is "
        "left after as many steps with an initial mu of at most (kappa - 1)/2, or with a region "
        "as wide as the start is long."
    ),
    oracle="rate",
    capability="minimizer",
    equations=("levenberg-marquardt-ravines-and-cost",),
    about=_is_damped,
    share=0.25,
    dtypes=("float64",),
)
def levenberg_marquardt_in_ravines(subject: Subject, data: st.DataObject) -> float:
    root = data.draw(st.sampled_from((16.0, 32.0, 64.0)), label="root of the condition number")
    kappa = root**2
    ravine = residuals((1.0, 0.0), (root, 0.0, 0.0), (0.0, 0.0, 0.0))
    given = _free(subject, damping=1.0, initial_damping=1.0)
    task = draw_task(subject, data, st.just(ravine), fixed=given)
    task = replace(task, start=np.array([kappa, 1.0]))
    points = [each.point for each in minimize(subject, task).iterations]
    first, last = (
        trajectories.value_at(task.objective, each, subject.working).expected()[0]
        for each in (points[0], points[-1])
    )
    left = ((kappa - 1) / (kappa + 1)) ** (2 * task.iterations)
    ratio = float(last / first / left)
    if not ratio <= 1.0:
        raise deviation(
            subject,
            task,
            f"leaves {last / first:.6g} of the value after {task.iterations} steps in a ravine of "
            f"condition number {kappa:g}, steepest descent {left:.6g}",
            ratio,
        )
    return ratio
