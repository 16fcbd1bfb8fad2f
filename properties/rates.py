"""Laws about rates: what theory promises on quadratics and slopes, on the real implementation."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import Gradients
from optcheck.properties.trace import describe, end_of, flat, require
from optcheck.properties.update_rules import draw_case, final_position
from optcheck.reference.balls import Balls
from optcheck.reference.oracle import Bound, Quantity
from optcheck.reference.rates import contracted_modes, largest_stable_rate, slope_displacement

# The measured threshold is bracketed to this relative width. STEPS is long enough to decide both
# ends: on one mode gradient descent grows by 1.04**200 > 1e3 or falls by 0.96**200 < 1e-3 there.
RESOLUTION = 0.02
STEPS = 200

_FLOAT64 = ("float64",)


def _is_gradient_descent(subject: Subject) -> bool:
    # A mode of momentum has two characteristic roots and not one factor.
    return bool(subject.record.id == "gradient-descent")


@law(
    id="quadratic-mode-contraction",
    title="Each mode of a quadratic contracts by 1 - eta lambda",
    statement=(
        "On a quadratic with curvatures lambda_i, gradient descent multiplies coordinate i by "
        "(1 - eta lambda_i) at every step, so after T steps it is (1 - eta lambda_i)^T of its "
        "start. The budget is the forward error of T rounded steps."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("gd-quadratic-mode-contraction", "gd-quadratic-mode-after-t-steps"),
    about=_is_gradient_descent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.4,
)
def quadratic_mode_contraction(subject: Subject, data: st.DataObject) -> float:
    curvatures = np.array(
        data.draw(st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3), label="curvatures")
    )
    share = data.draw(st.floats(0.01, 1.99), label="eta * largest curvature")
    steps = data.draw(st.integers(1, 40), label="steps")
    rate = share / float(curvatures.max())
    start = np.array([1.0, -2.0, 0.5])
    h = {"learning_rate": rate}
    points = descend(subject, h, start, lambda w: curvatures * w, steps)
    exact = contracted_modes(start, curvatures, rate, steps)
    return require(
        Bound(exact.midpoints(), _contraction_budget(start, curvatures, rate, steps)),
        points[-1],
        what=f"{subject.name}: modes after {steps} steps on curvatures {curvatures.tolist()}",
        counterexample=lambda: told(h, start, curvatures=curvatures, steps=steps),
    )


def _contraction_budget(start: Floats, curvatures: Floats, rate: float, steps: int) -> Floats:
    """Forward error of ``w - fl(rate * fl(curvature * w))``, step by step.

    One step rounds thrice: each of the two products by at most u, the difference by at most u of
    the result. An error made at step t is then contracted like the mode itself, by q = 1 - eta
    lambda a step, and abs(q) <= 1 here. The factor 2 is the oracle's SAFETY.
    """
    unit = 2.0**-53
    q = np.abs(1.0 - rate * curvatures)
    w, error = np.abs(start), np.zeros_like(start)
    for _ in range(steps):
        local = unit * (2.0 * rate * curvatures * w + q * w)
        error = q * error + local + 4.0 * unit * error
        w = q * w + error
    allowed: Floats = 2.0 * error + np.finfo(np.float64).tiny
    return allowed


def _has_threshold(subject: Subject) -> bool:
    return subject.record.family in ("gradient-descent", "momentum", "nesterov")


@law(
    id="largest-stable-learning-rate",
    title="The largest stable learning rate is that of theory",
    statement=(
        "On a quadratic of curvature lambda the rule converges below the threshold of theory and "
        "diverges above it: 2/lambda for gradient descent, 2(1+mu)/lambda for momentum, "
        "2(1+mu)/((1+2mu) lambda) for Nesterov momentum. Found by bisection, to within "
        f"{RESOLUTION:.0%}."
    ),
    oracle="rate",
    capability="update-rule",
    equations=(
        "gd-quadratic-convergence-condition",
        "momentum-largest-stable-rate",
        "nesterov-largest-stable-rate",
    ),
    about=_has_threshold,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.05,
)
def largest_stable_learning_rate(subject: Subject, data: st.DataObject) -> float:
    curvature = data.draw(st.floats(0.01, 100.0), label="curvature")
    h = {"learning_rate": 1.0}
    domains = subject.record.domains(subject.claim.dialect)
    for name in ("momentum", "dampening"):
        if name in domains:
            h[name] = data.draw(st.floats(0.05, 0.95), label=name)
    theory = largest_stable_rate(subject.record.id, subject.claim.dialect, h, curvature)
    # A bracket that does not know the answer: theory lies in it with room on both sides.
    scale = data.draw(st.floats(1.5, 4.0), label="bracket over threshold")
    low, high = 0.0, scale * theory
    while high - low > RESOLUTION * theory:
        middle = (low + high) / 2
        if _is_stable(subject, {**h, "learning_rate": middle}, curvature):
            low = middle
        else:
            high = middle
    # The decision is certain only RESOLUTION away from the threshold on either side.
    if low * (1 - RESOLUTION) <= theory <= high * (1 + RESOLUTION):
        return abs((low + high) / 2 - theory) / (2 * RESOLUTION * theory)
    raise Deviation(
        f"{subject.name}: largest stable learning rate on curvature {curvature:g} lies in "
        f"[{low:.6g}, {high:.6g}], theory says {theory:.6g}",
        ratio=abs((low + high) / 2 - theory) / (2 * RESOLUTION * theory),
        counterexample={"hyperparameters": h, "curvature": curvature, "threshold": theory},
    )


def _is_stable(subject: Subject, hyperparameters: dict[str, float], curvature: float) -> bool:
    one = np.array([1.0])
    points = descend(
        subject, hyperparameters, one, lambda w: curvature * w, STEPS, until=_is_settled
    )
    return bool(abs(points[-1][0]) < 1.0)


def _is_settled(w: Floats) -> bool:
    """Far beyond what a stable rule does on its way, or below what an unstable one comes to."""
    return not 1e-8 < abs(w[0]) < 1e8


def _has_velocity(subject: Subject) -> bool:
    return subject.record.family in ("momentum", "nesterov")


def _displacement(subject: Subject, data: st.DataObject, ratio: int) -> float:
    pattern = "constant" if ratio == 1 else "alternating"
    gradients = Gradients((pattern,), noise=False)
    case = draw_case(subject, data, max_steps=20, gradients=gradients, from_zero=True)
    steps, gradient = case.steps, flat(case.gradients[0])
    position = final_position(subject, case)
    h = dict(case.hyperparameters)
    exact: Balls = slope_displacement(subject.claim.dialect, steps, h, gradient, ratio)
    return require(
        Quantity(exact, position.parameter.working),
        end_of(subject, case).parameter,
        what=f"{subject.name}: displacement after {steps} {pattern} gradients",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


@law(
    id="momentum-rate-on-a-slope",
    title="On a slope, momentum multiplies the learning rate by 1/(1 - mu)",
    statement=(
        "Under a constant gradient the step after T updates is eta (1 - mu^T)/(1 - mu) times the "
        "gradient (eta (1 - mu^T) for the averaged form); the displacement is the sum of those."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-effective-rate-constant-gradient",),
    about=_has_velocity,
    every_path=False,
    share=0.4,
)
def momentum_on_a_slope(subject: Subject, data: st.DataObject) -> float:
    return _displacement(subject, data, 1)


@law(
    id="momentum-rate-in-a-ravine",
    title="In a ravine, momentum divides the learning rate by 1 + mu",
    statement=(
        "Under a gradient that changes sign at every step the step after T updates is "
        "eta (1 - (-mu)^T)/(1 + mu) times the gradient; the displacement is the sum of those."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-effective-rate-oscillating-gradient",),
    about=_has_velocity,
    every_path=False,
    share=0.4,
)
def momentum_in_a_ravine(subject: Subject, data: st.DataObject) -> float:
    return _displacement(subject, data, -1)
