"""Laws of training, on real update rules: the minimum that is reached, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from flint import arb, arb_mat
from hypothesis import assume
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.trace import require
from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.calculus.objectives import least_squares_minimum, validation_losses
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.rates import contracted_modes

UNIT = 2.0**-53
STARTS = 6
EXAMPLES = 4
LONG = 120
_FLOAT64 = ("float64",)


def _is_gradient_descent(subject: Subject) -> bool:
    return bool(subject.record.id == "gradient-descent")


def _quarters(data: st.DataObject, count: int, label: str, reach: int = 8) -> Floats:
    drawn = data.draw(
        st.lists(st.integers(-reach, reach), min_size=count, max_size=count), label=f"4 {label}"
    )
    return np.array(drawn) / 4


def _left_of(points: Floats, gradients: Floats, budgets: Floats, rate: float) -> float:
    """How far rounding may have led the last point from the path, in Euclidean length.

    A step ``w - rate * g`` adds the error of the gradient and three roundings; what is off already
    does not grow, since no step stretches: ``abs(1 - rate * curvature)`` is at most 1.
    """
    local = rate * (budgets + 2 * UNIT * np.abs(gradients)) + UNIT * np.abs(points[1:])
    return SAFETY * float(np.sum(np.linalg.norm(local, axis=1)))


@law(
    id="descent-reaches-the-least-squares-minimum",
    title="Gradient descent finds the one minimum of linear regression, or a line of them",
    statement=(
        "On the loss of a straight line through four points, gradient descent from six starts is "
        "where (1 - eta H)^T puts it, H the Hessian: with inputs that differ, all come to the one "
        "closed-form minimiser, at that rate; with equal inputs each comes to the point of the "
        "line of minimisers that is nearest to its start. The budget is the forward error of T "
        "rounded steps."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("minimum-of-objective-argmin", "linear-regression-single-minimum"),
    about=_is_gradient_descent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.1,
)
def descent_reaches_the_least_squares_minimum(subject: Subject, data: st.DataObject) -> float:
    different = data.draw(st.booleans(), label="different inputs")
    x = np.resize(_quarters(data, EXAMPLES if different else 1, "x"), EXAMPLES)
    y = _quarters(data, EXAMPLES, "y")
    starts = _quarters(data, 2 * STARTS, "starts", 64).reshape(STARTS, 2)
    design = np.stack([x, np.ones(EXAMPLES)])
    curvatures = np.linalg.eigvalsh(design @ design.T)
    share = data.draw(st.floats(0.25, 1.75), label="eta * largest curvature")
    rate = share / float(curvatures[1])
    # Nine decades at the pace of the slower mode, where there is time for it.
    slower = share * max(float(curvatures[0] / curvatures[1]), 1e-3)
    pace = max(abs(1 - slower), abs(1 - share), 1e-3)
    steps = min(LONG, math.ceil(math.log(1e-9) / math.log(pace)))

    def slope(w: Floats) -> Floats:
        return (w @ design - y) @ design.T

    def all_slopes(w: Floats) -> Floats:
        return slope(w.reshape(STARTS, 2)).ravel()

    h = {"learning_rate": rate}
    path = descend(subject, h, starts.ravel(), all_slopes, steps).reshape(-1, STARTS, 2)
    ratios = []
    for points, start in zip(path.swapaxes(0, 1), starts, strict=True):
        # Inner products of two and of EXAMPLES terms (Higham, section 3.1).
        size = (np.abs(points[:-1]) @ np.abs(design) + np.abs(y)) @ np.abs(design).T
        budgets = (EXAMPLES + 3) * UNIT / (1 - 8 * UNIT) * size
        allowed = _left_of(points, slope(points[:-1]), budgets, rate)
        expected = _after(steps, rate, x, start, least_squares_minimum(x, y, start))
        ratios.append(
            require(
                Bound(expected, np.full(2, allowed)),
                points[-1],
                what=f"{subject.name}: line fitted from {start.tolist()} after {steps} steps",
                counterexample=lambda: told(h, starts, x=x, y=y, steps=np.array(steps)),
            )
        )
    return max(ratios)


def _after(steps: int, rate: float, x: Floats, start: Floats, minimum: tuple[arb, arb]) -> Floats:
    """Where ``(1 - rate H)**steps`` leaves what separates the start from the minimum."""
    with ball_arithmetic():
        inputs = [arb(float(each)) for each in x]
        square, mean = sum((a * a for a in inputs), arb(0)), sum(inputs, arb(0))
        eta = arb(rate)
        step = arb_mat([[1 - eta * square, -eta * mean], [-eta * mean, 1 - eta * len(inputs)]])
        off = arb_mat([[arb(float(w)) - m] for w, m in zip(start, minimum, strict=True)])
        end = step**steps * off
        return np.array([float((m + end[i, 0]).mid()) for i, m in enumerate(minimum)])


@law(
    id="early-stopping-returns-the-best-of-its-path",
    title="Early stopping: the best validation loss lies where the closed-form path says",
    statement=(
        "On a quadratic training error with another quadratic as validation error, the smallest "
        "validation loss of the points that gradient descent visits is at the iteration that the "
        "closed form (1 - eta lambda)^tau of the path says, has the value of the closed form, and "
        "is below those before and after it; the training gradient there is that of the closed "
        "form, and is not 0."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("early-stopping-criterion",),
    about=_is_gradient_descent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.2,
)
def early_stopping_returns_the_best_of_its_path(subject: Subject, data: st.DataObject) -> float:
    positive = st.lists(st.integers(1, 16), min_size=3, max_size=3)
    curvature = np.array(data.draw(positive, label="4 curvature")) / 4
    weight = np.array(data.draw(positive, label="4 validation curvature")) / 4
    start, center = _quarters(data, 3, "start", 64), _quarters(data, 3, "center")
    assume(np.any(start != center))
    # The data for validation want less than half of the way.
    stop = data.draw(st.integers(1, 7), label="part of the way") / 16
    target = start + stop * (center - start)
    share = data.draw(st.floats(0.05, 0.75), label="eta * largest curvature")
    rate, steps = share / float(curvature.max()), 30
    problem = {"curvature": curvature, "center": center, "weight": weight, "target": target}
    h = {"learning_rate": rate}
    path = descend(subject, h, start, lambda w: curvature * (w - center), steps)
    exact = validation_losses(start, problem, rate, steps)
    with ball_arithmetic():
        expected = np.array([float(each.mid()) for each in exact])
    best = int(np.argmin(expected))
    gradients = curvature * (path - center)
    budgets = 2 * UNIT * np.abs(gradients)
    allowed = _left_of(path, gradients[:-1], budgets[:-1], rate)
    losses = 0.5 * ((path - target) ** 2 @ weight)
    # The slope of the validation loss where the path may be; and its own seven roundings.
    slopes = np.linalg.norm(weight * (path - target), axis=1) + weight.max() * allowed
    errors = allowed * slopes + SAFETY * 7 * UNIT * losses
    others = np.delete(expected, best)
    if not others.min() - expected[best] > 2 * errors.max():
        return float("nan")
    found = int(np.argmin(losses))

    def counterexample() -> Mapping[str, object]:
        return told(h, start, **problem, steps=np.array(steps))

    if found != best:
        raise Deviation(
            f"{subject.name}: the smallest validation loss is that of step {found}, "
            f"{losses[found]:.6g}; by the closed form it is that of step {best}, "
            f"{expected[best]:.6g}",
            counterexample=counterexample(),
        )
    ratio = require(
        Bound(expected[[best]], errors[[best]]),
        losses[[found]],
        what=f"{subject.name}: validation loss at step {best}, where it is smallest",
        counterexample=counterexample,
    )
    # Starts and centers are quarters: their difference is exact.
    off = curvature * contracted_modes(start - center, curvature, rate, best).midpoints()
    slope = require(
        Bound(off, curvature * allowed + SAFETY * 4 * UNIT * np.abs(off)),
        gradients[found],
        what=f"{subject.name}: training gradient at step {best}",
        counterexample=counterexample,
    )
    if not np.linalg.norm(off) > 0.0:
        return float("nan")
    return max(ratio, slope)


@law(
    id="log-loss-falls-after-the-last-error",
    title="The log loss of separable data goes on falling when no example is wrong any more",
    statement=(
        "On separable data, with a rate eta of at most 1/L, gradient descent lowers the mean "
        "logistic loss at every step by at least eta (1 - eta L/2) and at most eta times the "
        "squared gradient, after all examples are right as well; after T steps the loss is at "
        "most min over u of E(u) + |u|^2/(2 eta T), and the weights are as long as that demands."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("surrogate-loss",),
    about=_is_gradient_descent,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.1,
)
def log_loss_falls_after_the_last_error(subject: Subject, data: st.DataObject) -> float:
    # Inputs times their class, 1 or -1: the first axis separates them, by at least 1/2.
    along = data.draw(st.lists(st.integers(2, 8), min_size=4, max_size=4), label="4 along")
    z = np.stack([np.array(along) / 4, _quarters(data, 4, "across")], axis=1)
    smooth = float(np.sum(z**2)) / (4 * len(z))
    rate = data.draw(st.floats(0.5, 1.0), label="eta L") / smooth
    h, steps = {"learning_rate": rate}, 120
    path = descend(subject, h, np.zeros(2), lambda w: _logistic_slope(z, w), steps)
    slopes = np.array([_logistic_slope(z, w) for w in path])
    losses = np.mean(np.logaddexp(0.0, -path @ z.T), axis=1)
    falls, squares = -np.diff(losses), np.sum(slopes[:-1] ** 2, axis=1)
    noise = _noise(z, path, losses, rate)
    low = rate * (1 - rate * smooth / 2) * squares - noise
    high = rate * squares + noise

    def counterexample() -> Mapping[str, object]:
        return told(h, np.zeros(2), inputs=z, steps=np.array(steps))

    wrong = np.flatnonzero(~((falls >= low) & (falls <= high)))
    right = np.flatnonzero(np.all(path @ z.T > 0.0, axis=1))
    if wrong.size:
        k = int(wrong[0])
        when = "after" if right.size and k >= right[0] else "before"
        raise Deviation(
            f"{subject.name}: step {k}, {when} the last error, lowers the log loss by "
            f"{falls[k]:.6g}; theory says between {low[k]:.6g} and {high[k]:.6g}",
            counterexample=counterexample(),
        )
    if not right.size:
        return float("nan")
    longest = float(np.linalg.norm(z, axis=1).max())
    margins = np.abs(path[:-1]) @ np.abs(z).max(axis=0)
    budgets = np.outer((2 * margins + 8) * UNIT * losses[:-1], [longest, longest])
    drift = _left_of(path, slopes[:-1], budgets, rate)
    lengths = np.arange(0.0, 40.0, 0.25)
    bound = float(np.min(np.logaddexp(0.0, -lengths / 2) + lengths**2 / (2 * rate * steps)))
    length = -math.log(math.expm1(bound)) / longest
    end = float(np.linalg.norm(path[-1]))
    if not (losses[-1] <= bound + longest * drift + noise[-1] and end >= length - drift):
        raise Deviation(
            f"{subject.name}: after {steps} steps the log loss is {losses[-1]:.6g} and the "
            f"weights have length {end:.6g}; theory says at most {bound:.6g} and at least "
            f"{length:.6g}",
            counterexample=counterexample(),
        )
    return float(losses[-1] / bound)


def _noise(z: Floats, path: Floats, losses: Floats, rate: float) -> Floats:
    """What rounding may do to the fall of the loss in a step, and to what theory says of it.

    Margins have two roundings, and so has the exponent in a slope; a loss has six of its own and
    a slope eight, the step three. No slope exceeds the loss times the longest input.
    """
    sizes = np.abs(path) @ np.abs(z).max(axis=0)
    margins = np.maximum(sizes[:-1], sizes[1:])
    steps = rate * losses[:-1] * np.max(np.sum(z**2, axis=1))
    noise: Floats = SAFETY * UNIT * (5 * margins + 12 * losses[:-1] + steps * (4 * margins + 18))
    return noise


def _logistic_slope(z: Floats, w: Floats) -> Floats:
    """Of the mean loss."""
    slope: Floats = -(z.T @ (1 / (1 + np.exp(z @ w)))) / len(z)
    return slope


def _is_linear(subject: Subject) -> bool:
    return subject.record.family in ("gradient-descent", "momentum", "nesterov")


@law(
    id="mean-loss-needs-the-rate-times-n",
    title="On the mean of n losses the learning rate is n times that for their sum",
    statement=(
        "With the gradient of the mean over n = 2^j examples and n times the rate, descent goes "
        "through the very points of the sum's gradient with the rate itself; with the same rate "
        "its first step is 1/n of that. Powers of two round nothing: the points agree in every "
        "bit."
    ),
    oracle="identity",
    capability="update-rule",
    equations=("mean-loss-objective",),
    about=_is_linear,
    every_path=False,
    dtypes=_FLOAT64,
    share=0.15,
)
def mean_loss_needs_the_rate_times_n(subject: Subject, data: st.DataObject) -> float:
    n = 2 ** data.draw(st.integers(1, 5), label="log2 n")
    x = _quarters(data, n, "x")
    y = _quarters(data, n, "y")
    start = np.zeros(2)
    h = {"learning_rate": data.draw(st.floats(1e-3, 1e-1), label="rate of the sum") / (4 * n)}
    domains = subject.record.domains(subject.claim.dialect)
    for name in ("momentum", "dampening"):
        if name in domains:
            h[name] = data.draw(st.floats(0.05, 0.95), label=name)
    design = np.stack([x, np.ones(n)])

    def total(w: Floats) -> Floats:
        gradient: Floats = 2 * design @ (w @ design - y)
        return gradient

    by_sum = descend(subject, h, start, total, 6)
    scaled = {**h, "learning_rate": n * h["learning_rate"]}
    by_mean = descend(subject, scaled, start, lambda w: total(w) / n, 6)
    short = descend(subject, h, start, lambda w: total(w) / n, 1)
    if np.array_equal(by_sum, by_mean) and np.array_equal(n * short[1], by_sum[1]):
        return 0.0
    raise Deviation(
        f"{subject.name}: with the sum's gradient it goes to {by_sum[-1].tolist()}, with the "
        f"mean's and {n} times the rate to {by_mean[-1].tolist()}; first steps "
        f"{by_sum[1].tolist()} and, with the mean's gradient and the same rate, "
        f"{short[1].tolist()}",
        counterexample=told(h, start, x=x, y=y),
    )
