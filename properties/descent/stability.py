"""Laws of where momentum is stable, and of how fast it is there."""

from __future__ import annotations

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.modes import (
    FLOAT64,
    Modes,
    companion,
    is_momentum,
    run_modes,
)
from optcheck.properties.descent.running import descend
from optcheck.properties.law import Deviation, ImplementationError, Subject, law
from optcheck.properties.trace import require
from optcheck.properties.update_rules import larger
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.descent.momentum import best_descent, best_envelope, best_momentum
from optcheck.reference.oracle import Bound
from optcheck.reference.rates import largest_stable_rate

STEPS = 40

# The measured threshold is bracketed to this relative width. LONG is long enough to decide both
# ends: on one mode gradient descent grows by 1.04**200 > 1e3 or falls by 0.96**200 < 1e-3 there.
RESOLUTION = 0.02
LONG = 200
# Beyond every threshold there is, and how many curvatures are run side by side.
LARGEST_PRODUCT = 4.5
CURVATURES = 64


@law(
    id="modes-are-powers-of-a-matrix",
    title="Momentum multiplies each mode of a quadratic by a matrix",
    statement=(
        "On curvature lambda two successive points are multiplied by the matrix "
        "((1 + mu - eta lambda, -mu), (1, 0)) at every step, for Nesterov momentum by "
        "(((1 + mu)(1 - eta lambda), -mu (1 - eta lambda)), (1, 0)): where its roots are complex, "
        "real, or beyond the unit circle. The budget is the forward error of the recurrence."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-accelerates-ill-conditioned",),
    about=is_momentum,
    every_path=False,
    dtypes=FLOAT64,
    share=0.2,
)
def modes_are_powers_of_a_matrix(subject: Subject, data: st.DataObject) -> float:
    momentum = data.draw(st.floats(0.05, 0.99), label="momentum")
    rate = data.draw(st.floats(1e-3, 10.0), label="learning rate")
    products = data.draw(st.lists(st.floats(1e-4, 4.2), min_size=4, max_size=4), label="products")
    steps = data.draw(st.integers(2, STEPS), label="steps")
    curvatures = np.array(products) / rate
    return run_modes(subject, curvatures, steps, rate=arb(rate), momentum=arb(momentum)).judge()


@law(
    id="momentum-parameter-range",
    title="Momentum contracts by its coefficient: stable below 1, undamped at 1, unstable above",
    statement=(
        "On a quadratic x_(t+1) x_(t-1) - x_t^2 is multiplied by exactly mu at every step (by "
        "mu (1 - eta lambda) for Nesterov momentum), the square of the spectral radius where the "
        "roots are complex. So the amplitude falls for mu below 1, stays for mu = 1 and grows "
        "above. A library may refuse a momentum of 1 or more."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-parameter-range",),
    about=is_momentum,
    every_path=False,
    dtypes=FLOAT64,
    share=0.3,
)
def momentum_parameter_range(subject: Subject, data: st.DataObject) -> float:
    # As an average, momentum of 1 lets no gradient in.
    beyond = () if "averaged" in subject.claim.dialect else (1.0, 1.25)
    momentum = data.draw(st.sampled_from((0.9, 0.5, 0.99, *beyond)), label="momentum")
    rate = data.draw(st.floats(1e-2, 10.0), label="learning rate")
    places = data.draw(st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3), label="places")
    low, high = _complex_range(subject, momentum)
    curvatures = (low + (high - low) * np.array(places)) / rate
    try:
        modes = run_modes(subject, curvatures, 24, rate=arb(rate), momentum=arb(momentum))
    except ImplementationError:
        if momentum < 1.0:
            raise
        return float("nan")
    return _judge_areas(modes)


def _complex_range(subject: Subject, momentum: float) -> tuple[float, float]:
    """Learning rates times curvature between which the roots are complex."""
    if subject.record.id == "nesterov":
        return ((1.0 - momentum) / (1.0 + momentum)) ** 2, 1.0
    root = momentum**0.5
    return (1.0 - root) ** 2, (1.0 + root) ** 2


def _judge_areas(modes: Modes) -> float:
    """The determinants of two successive pairs of points, each from the three that it needs."""
    x, e = np.abs(modes.expected), modes.allowed
    allowed = (
        x[2:] * e[:-2] + x[:-2] * e[2:] + e[2:] * e[:-2] + (2.0 * x[1:-1] + e[1:-1]) * e[1:-1]
    )
    # Three roundings on the way to a determinant from the points.
    allowed = allowed + 2.0**-51 * (x[2:] * x[:-2] + x[1:-1] ** 2)
    return require(
        Bound(_areas(modes.expected).ravel(), allowed.ravel()),
        _areas(modes.computed).ravel(),
        what=f"{modes.subject.name}: determinants of successive points",
        counterexample=modes.told,
    )


def _areas(points: Floats) -> Floats:
    areas: Floats = points[2:] * points[:-2] - points[1:-1] ** 2
    return areas


@law(
    id="best-momentum",
    title="The best momentum contracts by (sqrt kappa - 1)/(sqrt kappa + 1)",
    statement=(
        "With eta = 4/(sqrt L + sqrt m)^2, rho = (sqrt kappa - 1)/(sqrt kappa + 1), mu = rho^2, "
        "the largest mode after t steps is rho^t (1 + t (1 + rho)), and that of the stiffest end "
        "of the spectrum is exactly this. The steps to a thousandth are as many as this says, and "
        "fewer than those of gradient descent at its best fixed rate."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-accelerates-ill-conditioned",),
    about=lambda s: s.record.id == "momentum" and s.claim.dialect != "dampened",
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def best_momentum_contracts(subject: Subject, data: st.DataObject) -> float:
    root = data.draw(st.sampled_from((10, 5, 7)), label="root of the condition number")
    stiffest = data.draw(st.sampled_from((1.0, 4.0, 0.25, 100.0)), label="largest curvature")
    curvatures = stiffest * np.geomspace(1.0 / root**2, 1.0, 6)
    with ball_arithmetic():
        best = best_momentum(root)
        envelope = np.array([float(best_envelope(root, t).mid()) for t in range(20 * root)])
        plain = best_descent(root)
        steps = int(np.argmax(envelope <= TOLERANCE))
        others = int(np.ceil(np.log(TOLERANCE) / np.log(float(plain.factor))))
        rates = [each.product / arb(stiffest) for each in (best, plain)]
    modes = run_modes(subject, curvatures, steps, rate=rates[0], momentum=best.momentum)
    ratio = larger(modes.judge(), _judge_envelope(modes, envelope[: steps + 1]))
    _require_steps(modes, steps)
    descent = companion(subject, "gradient-descent")
    if descent is not None:
        there = run_modes(descent, curvatures, others, rate=rates[1], momentum=arb(0))
        _require_fewer(subject, steps, there)
    return ratio


TOLERANCE = 1e-3


def _judge_envelope(modes: Modes, envelope: Floats) -> float:
    """The stiffest mode is the envelope."""
    return require(
        Bound(envelope, modes.allowed[:, -1]),
        np.abs(modes.computed[:, -1]),
        what=f"{modes.subject.name}: the stiffest mode at the best parameters",
        counterexample=modes.told,
    )


def _require_steps(modes: Modes, steps: int) -> None:
    """The tolerance is met after the last of ``steps``, and not before."""
    sizes = np.max(np.abs(modes.computed), axis=1)
    if not (sizes[steps] <= TOLERANCE < sizes[steps - 1]):
        raise Deviation(
            f"{modes.subject.name}: largest modes of {sizes[steps - 1]:.4g} and "
            f"{sizes[steps]:.4g} after {steps - 1} and {steps} steps; theory is at {TOLERANCE:g} "
            f"after {steps}",
            counterexample=modes.told(),
        )


def _require_fewer(subject: Subject, steps: int, descent: Modes) -> None:
    """Gradient descent is not at the tolerance after so many steps."""
    size = float(np.max(np.abs(descent.computed[steps])))
    if not size > TOLERANCE:
        raise Deviation(
            f"{subject.name}: {steps} steps to {TOLERANCE:g}, and gradient descent is at "
            f"{size:.4g} after as many",
            counterexample=descent.told(),
        )


def _has_threshold(subject: Subject) -> bool:
    return subject.record.family in ("gradient-descent", "momentum", "nesterov")


@law(
    id="largest-stable-learning-rate",
    title="The largest stable learning rate is that of theory",
    statement=(
        "On a quadratic of curvature lambda the rule converges below the threshold of theory and "
        "diverges above it: 2/lambda for gradient descent, 2(1+mu)/lambda for momentum, "
        "2(1+mu)/((1+2mu) lambda) for Nesterov momentum. Found by running curvatures side by "
        f"side, to within {RESOLUTION:.0%}."
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
    dtypes=FLOAT64,
    share=0.05,
)
def largest_stable_learning_rate(subject: Subject, data: st.DataObject) -> float:
    h = {"learning_rate": data.draw(st.floats(1e-2, 10.0), label="learning rate")}
    domains = subject.record.domains(subject.claim.dialect)
    for name in ("momentum", "dampening"):
        if name in domains:
            h[name] = data.draw(st.floats(0.05, 0.95), label=name)
    theory = largest_stable_rate(subject.record.id, subject.claim.dialect, h, 1.0)
    # A bracket that does not know the answer: theory lies in it with room on both sides.
    scale = data.draw(st.floats(1.5, 4.0), label="bracket over threshold")
    low, high = _threshold(subject, h, scale * theory)
    ratio = abs((low + high) / 2 - theory) / (2 * RESOLUTION * theory)
    # The decision is certain only RESOLUTION away from the threshold on either side.
    if low * (1 - RESOLUTION) <= theory <= high * (1 + RESOLUTION):
        return ratio
    raise Deviation(
        f"{subject.name}: the largest stable learning rate times curvature lies in "
        f"[{low:.6g}, {high:.6g}], theory says {theory:.6g}",
        ratio=ratio,
        counterexample={"hyperparameters": h, "threshold": theory},
    )


def _threshold(subject: Subject, h: dict[str, float], largest: float) -> tuple[float, float]:
    """Learning rates times curvature between which stability ends, by modes side by side."""
    low, high = 0.0, largest
    for _ in range(2):
        products = np.linspace(low, high, CURVATURES + 1)
        curvatures = products[1:] / h["learning_rate"]
        end = _end(subject, h, curvatures)
        # All that is larger is unstable too: the first one that is decides.
        first = int(np.argmin([*(np.abs(end) < 1.0), False]))
        low, high = products[first], products[min(first + 1, CURVATURES)]
    return float(low), float(high)


def _end(subject: Subject, h: dict[str, float], curvatures: Floats) -> Floats:
    end: Floats = descend(subject, h, np.ones(CURVATURES), lambda w: curvatures * w, LONG)[-1]
    return end
