"""Laws of Nesterov momentum on quadratics: what looking ahead changes, and what it gains."""

from __future__ import annotations

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.modes import FLOAT64, Modes, companion, run_modes
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.trace import require
from optcheck.properties.update_rules import larger
from optcheck.reference.balls import Balls, ball_arithmetic
from optcheck.reference.descent.nesterov import (
    strongly_convex,
    strongly_convex_envelope,
    two_steps,
)
from optcheck.reference.descent.recurrences import ROUNDINGS, settings
from optcheck.reference.oracle import SAFETY, Bound

STEPS = 40
MOMENTUM = 0.95
# A swing counts as long as it is at least this part of the start.
VISIBLE = 0.01
OBLONG = 120


def _is_nesterov(subject: Subject) -> bool:
    return bool(subject.record.id == "nesterov")


@law(
    id="nesterov-looks-ahead",
    title="Nesterov momentum is momentum, less eta mu H dw",
    statement=(
        "On a quadratic with coupled coordinates the first step from rest is that of momentum, "
        "and the second one differs from momentum's by exactly -eta mu H dw; on a linear function "
        "(H = 0) they are the same."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("nesterov-lookahead-difference",),
    about=_is_nesterov,
    every_path=False,
    dtypes=FLOAT64,
    share=0.3,
)
def nesterov_looks_ahead(subject: Subject, data: st.DataObject) -> float:
    entries = data.draw(st.lists(st.integers(-4, 4), min_size=6, max_size=6), label="Hessian")
    linear = np.array(data.draw(st.lists(st.integers(-4, 4), min_size=3, max_size=3), label="b"))
    a, b, c, d, e, f = (float(each) for each in entries)
    hessian = np.array([[a, b, c], [b, d, e], [c, e, f]])
    momentum = data.draw(st.sampled_from((0.9, 0.5, 0.75)), label="momentum")
    rate = data.draw(st.sampled_from((0.1, 0.01, 0.25)), label="rate")
    dialect = subject.claim.dialect
    h = settings("nesterov", dialect, rate, momentum)
    start = np.array([1.0, -2.0, 0.5])
    points = descend(subject, h, start, lambda w: hessian @ w - linear, 2)
    textbook = two_steps(
        hessian.tolist(), linear.tolist(), start.tolist(), arb(rate), arb(momentum)
    )
    expected = np.array([_shown(dialect, momentum, *each) for each in textbook])
    return require(
        Bound(expected.ravel(), _rounding(hessian, linear, start, rate, momentum).ravel()),
        points[1:].ravel(),
        what=f"{subject.name}: two steps from rest, by momentum and the look-ahead",
        counterexample=lambda: told(h, start, hessian=hessian, linear=linear),
    )


def _shown(dialect: str, momentum: float, weights: Balls, change: Balls) -> Floats:
    """Where the rule stands: the shifted forms at the point ahead."""
    lead = momentum if "shifted" in dialect else 0.0
    with ball_arithmetic():
        pairs = zip(weights.balls, change.balls, strict=True)
        return Balls([w + arb(lead) * d for w, d in pairs], weights.arithmetic).midpoints()


def _rounding(
    hessian: Floats, linear: Floats, start: Floats, rate: float, momentum: float
) -> Floats:
    """What rounding may do to two steps: all terms by their magnitudes.

    Each term passes as many roundings as in a mode, and those of the inner products.
    """
    matrix, constant = np.abs(hessian), np.abs(linear)
    roundings = 2 * (ROUNDINGS + 3)
    gamma = roundings * 2.0**-53 / (1.0 - roundings * 2.0**-53)
    w, change, bounds = np.abs(start), np.zeros(3), []
    for _ in range(2):
        ahead = w + momentum * change
        change = momentum * change + rate * (matrix @ ahead + constant)
        w = w + change
        bounds.append(SAFETY * gamma * (w + momentum * change))
    return np.array(bounds)


@law(
    id="nesterov-strongly-convex-rate",
    title="Nesterov momentum contracts by 1 - 1/sqrt(kappa)",
    statement=(
        "With eta = 1/L and mu = (sqrt kappa - 1)/(sqrt kappa + 1) the modes of a whole spectrum "
        "stay below (1 + t/sqrt kappa) (1 - 1/sqrt kappa)^t, the softest one is exactly this, and "
        "it is smaller than that of gradient descent at eta = 1/L, (1 - 1/kappa)^t."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("nesterov-rate-strongly-convex",),
    about=_is_nesterov,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def nesterov_strongly_convex_rate(subject: Subject, data: st.DataObject) -> float:
    root = data.draw(st.sampled_from((20, 10, 4, 2)), label="root of the condition number")
    largest = data.draw(st.sampled_from((1.0, 4.0, 0.25, 64.0)), label="largest curvature")
    curvatures = largest * np.geomspace(1.0 / root**2, 1.0, 8)
    with ball_arithmetic():
        tuned, rate = strongly_convex(root), 1 / arb(largest)
        envelope = _envelope(subject.claim.dialect, root)
    modes = run_modes(subject, curvatures, STEPS, rate=rate, momentum=tuned.momentum)
    ratio = larger(modes.judge(), _judge_softest(modes, envelope))
    _require_below(modes, envelope)
    descent = companion(subject, "gradient-descent")
    if descent is not None:
        slow = run_modes(descent, curvatures[:1], STEPS, rate=rate, momentum=arb(0))
        ratio = larger(ratio, slow.judge())
        here, there = np.abs(modes.computed[-1]).max(), abs(float(slow.computed[-1, 0]))
        if not here < there:
            raise _deviation(
                modes, f"{here:.4g} after {STEPS} steps; gradient descent {there:.4g}"
            )
    return ratio


def _envelope(dialect: str, root: int) -> Floats:
    bounds = (strongly_convex_envelope(dialect, root, t) for t in range(STEPS + 1))
    return np.array([float(each.mid()) for each in bounds])


def _judge_softest(modes: Modes, envelope: Floats) -> float:
    return require(
        Bound(envelope, modes.allowed[:, 0]),
        modes.computed[:, 0],
        what=f"{modes.subject.name}: the softest mode at the rate of theory",
        counterexample=modes.told,
    )


def _require_below(modes: Modes, envelope: Floats) -> None:
    over = np.abs(modes.computed) - modes.allowed - envelope[:, None]
    if not np.all(over <= 0.0):
        step, mode = np.unravel_index(np.argmax(~(over <= 0.0)), over.shape)
        size = abs(modes.computed[step, mode])
        raise _deviation(
            modes, f"{size:.6g} in a mode after {step} steps; the bound is {envelope[step]:.6g}"
        )


@law(
    id="nesterov-oblong-quadratic",
    title="On an oblong quadratic Nesterov swings less, and gradient descent is slowest",
    statement=(
        f"With mu = {MOMENTUM} and one rate for all: along the steep axis Nesterov momentum "
        f"swings by more than {VISIBLE:.0%} of its start as often as its closed form does, and "
        "fewer times than momentum; along the flat axis gradient descent is further from the "
        "minimum."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("nesterov-oblong-quadratic-comparison",),
    about=_is_nesterov,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def nesterov_oblong_quadratic(subject: Subject, data: st.DataObject) -> float:
    kappa = data.draw(st.sampled_from((50.0, 30.0, 80.0)), label="condition number")
    product = data.draw(st.sampled_from((0.5, 0.25, 0.75)), label="eta * largest curvature")
    axes, rate = np.array([1.0, kappa]), arb(product) / arb(kappa)
    own = run_modes(subject, axes, OBLONG, rate=rate, momentum=arb(MOMENTUM))
    ratio, swings = own.judge(), _swings(own.computed[:, 1])
    if swings != (expected := _swings(own.expected[:, 1])):
        raise _deviation(own, f"{swings} swings along the steep axis; its closed form {expected}")
    if (momentum := companion(subject, "momentum", ("learning-rate-outside",))) is not None:
        other = run_modes(momentum, axes, OBLONG, rate=rate, momentum=arb(MOMENTUM))
        if not swings < (others := _swings(other.computed[:, 1])):
            raise _deviation(own, f"{swings} swings along the steep axis; momentum {others}")
    if (descent := companion(subject, "gradient-descent")) is not None:
        slow = run_modes(descent, axes, OBLONG, rate=rate, momentum=arb(0))
        here, there = abs(float(own.computed[-1, 0])), abs(float(slow.computed[-1, 0]))
        if not here < there:
            raise _deviation(own, f"{here:.4g} along the flat axis; gradient descent {there:.4g}")
    return ratio


def _deviation(modes: Modes, message: str) -> Deviation:
    return Deviation(f"{modes.subject.name}: {message}", counterexample=modes.told())


def _swings(path: Floats) -> int:
    """How often it goes to the other side, by a visible part of its start."""
    count, side = 0, np.sign(path[0])
    for x in path:
        if abs(x) >= VISIBLE * abs(path[0]) and np.sign(x) != side:
            count, side = count + 1, np.sign(x)
    return count
