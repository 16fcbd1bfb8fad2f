"""The law of Nesterov's method on convex functions, and its curves beside gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats, Retunes
from optcheck.properties.descent.modes import FLOAT64, companion, is_momentum
from optcheck.properties.descent.running import Gradient, descend, looks_ahead, told
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.trace import Tracer, under_test
from optcheck.properties.update_rules import larger
from optcheck.reference.descent.convergence import chain_floor, convex_bound
from optcheck.reference.descent.nesterov import Chain, convex_bounds, convex_momenta

STEPS = 100
# What a rule starts with, before it is resumed with the momentum of its first step.
OTHER = 0.5


@dataclass(frozen=True)
class Curves:
    """Excess errors on the chain after 1, 2, ... steps, and what theory says of them."""

    descent: Floats
    nesterov: Floats
    descent_bound: Floats
    nesterov_bound: Floats
    floor: Floats


def curves(
    nesterov: Subject, descent: Subject, *, nodes: int, steps: int, smoothness: float = 1.0
) -> Curves:
    """Gradient descent and Nesterov's method at the rate 1/L on the chain, from zero.

    ``nesterov`` is a rule of which ``nesterov-convex-rate`` is asked.
    """
    chain, start = Chain(nodes, smoothness), np.zeros(nodes)
    slow = descend(descent, {"learning_rate": 1.0 / smoothness}, start, chain.gradient, steps)
    fast = with_convex_momenta(nesterov, start, chain.gradient, smoothness, steps)
    bounds = _bounds(chain, steps)
    return Curves(
        chain.excess(slow[1:]),
        chain.excess(fast),
        bounds["descent"],
        bounds["nesterov"],
        _floor(chain, steps),
    )


def with_convex_momenta(
    subject: Subject, start: Floats, gradient: Gradient, smoothness: float, steps: int
) -> Floats:
    """The points of a rule that is told before each step the momentum of that step.

    A rule that does not look ahead is given the gradient of the point ahead.
    """
    h = {"learning_rate": 1.0 / smoothness, "momentum": OTHER}
    tracer = Tracer(subject, Case(h, (start,), (), subject.dtype))
    points, asks = [start, start], looks_ahead(subject)
    for momentum in convex_momenta(steps):
        _retune(tracer, {**h, "momentum": momentum})
        change = points[-1] - points[-2]
        ahead = tracer.evaluation_point() if asks else points[-1] + momentum * change
        slope = gradient(ahead)
        tracer.advance((slope,))
        points.append(tracer.parameter())
        _require_resumed(subject, points, slope / smoothness, momentum)
    return np.array(points[2:])


def _retune(tracer: Tracer, hyperparameters: dict[str, float]) -> None:
    rule = tracer.subject.rule
    with under_test(tracer.subject, tracer.describe):
        if isinstance(rule, Retunes):
            rule.retune(tracer.run, hyperparameters)
            return
        native = tracer.native((tracer.parameter(),))
        tracer.run = rule.resume(tracer.run.save(), native, hyperparameters)


def _require_resumed(
    subject: Subject, points: list[Floats], step: Floats, momentum: float
) -> None:
    """The last step was not one with the momentum of the start."""
    before, here, after = points[-3:]
    change = here - before
    kept, wanted = (np.abs(after - here - mu * change + step).max() for mu in (OTHER, momentum))
    if kept < wanted and np.any(change != 0.0) and kept <= 2.0**-40 * np.abs(change).max():
        raise NotShown(f"{subject.backend.name} goes on with the momentum that it saved")


def _follows(subject: Subject) -> bool:
    return is_momentum(subject) and subject.claim.dialect != "dampened"


def _takes_one_momentum(subject: Subject) -> str | None:
    if "shifted" in subject.claim.dialect:
        return "with a momentum that changes, the shifted form is another method"
    if "averaged" in subject.claim.dialect:
        return "with a momentum that changes, an average weighs its gradients by another rate"
    return None


@law(
    id="nesterov-convex-rate",
    title="Nesterov's method is within 2 L R^2/(k + 1)^2, where gradient descent is not",
    statement=(
        "With gradients at the point ahead, eta = 1/L and momentum (t_(k-1) - 1)/t_k, the excess "
        "error after k steps is at most 2 L R^2/(k + 1)^2: on Nesterov's chain, and on modes of "
        f"all curvatures, among which gradient descent exceeds that within {STEPS} steps. On the "
        "chain it is at least L/8 (1/(k + 1) - 1/(n + 1)), below which no sum of gradients "
        "comes, and smaller in the end than that of gradient descent, which keeps to its own "
        "bound L R^2/(2 k). What these bounds leave is far more than rounding takes."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("nesterov-rate-convex",),
    about=_follows,
    excused=_takes_one_momentum,
    every_path=False,
    dtypes=FLOAT64,
    share=0.05,
)
def nesterov_convex_rate(subject: Subject, data: st.DataObject) -> float:
    smoothness = data.draw(st.sampled_from((1.0, 4.0, 0.25)), label="L")
    chain = Chain(data.draw(st.sampled_from((79, 59)), label="nodes"), smoothness)
    descent = companion(subject, "gradient-descent")
    return larger(_on_modes(subject, descent, smoothness), _on_the_chain(subject, descent, chain))


def _on_the_chain(subject: Subject, descent: Subject | None, chain: Chain) -> float:
    steps, start = (chain.nodes - 1) // 2, np.zeros(chain.nodes)
    case = {"nodes": chain.nodes, "L": chain.smoothness}
    bounds, floor = _bounds(chain, steps), _floor(chain, steps)
    fast = chain.excess(
        with_convex_momenta(subject, start, chain.gradient, chain.smoothness, steps)
    )
    ratio = _require_between(subject, floor, fast, bounds["nesterov"], case)
    if descent is None:
        return ratio
    h = {"learning_rate": 1.0 / chain.smoothness}
    slow = chain.excess(descend(descent, h, start, chain.gradient, steps)[1:])
    ratio = larger(ratio, _require_between(descent, floor, slow, bounds["descent"], case))
    if not fast[-1] < slow[-1]:
        raise Deviation(
            f"{subject.name}: an excess error of {fast[-1]:.4g} after {steps} steps on the chain; "
            f"gradient descent {slow[-1]:.4g}",
            counterexample=case,
        )
    return ratio


def _bounds(chain: Chain, steps: int) -> dict[str, Floats]:
    squared, counts = chain.distance_squared, range(1, steps + 1)
    return {
        "descent": np.array([convex_bound(chain.smoothness, squared, k) for k in counts]),
        "nesterov": convex_bounds(steps, chain.smoothness, squared),
    }


def _floor(chain: Chain, steps: int) -> Floats:
    counts = range(1, steps + 1)
    return np.array([float(chain_floor(chain.smoothness, chain.nodes, k)) for k in counts])


def _on_modes(subject: Subject, descent: Subject | None, smoothness: float) -> float:
    """Each mode is a function of its own, from 1."""
    curvatures = smoothness * np.geomspace(1e-4, 1.0, 33)
    start, h = np.ones_like(curvatures), {"learning_rate": 1.0 / smoothness}
    case = told(h, start, curvatures=curvatures)

    def gradient(w: Floats) -> Floats:
        slopes: Floats = curvatures * w
        return slopes

    bounds = np.outer(convex_bounds(STEPS, smoothness, 1.0), start)
    path = with_convex_momenta(subject, start, gradient, smoothness, STEPS)
    excess = curvatures * path**2 / 2.0
    ratio = _require_between(subject, np.zeros_like(bounds), excess, bounds, case)
    if descent is not None:
        slow = descend(descent, h, start, gradient, STEPS)[1:]
        if not np.any(curvatures * slow**2 / 2.0 > bounds):
            raise Deviation(
                f"{descent.name} keeps to the bound of Nesterov's method", counterexample=case
            )
    return ratio


def _require_between(
    subject: Subject, floor: Floats, excess: Floats, bound: Floats, case: dict[str, Any]
) -> float:
    """At every step, one a row, of one function or of several."""
    inside = (floor <= excess) & (excess <= bound)
    if not np.all(inside):
        where = tuple(np.argwhere(~inside)[0])
        raise Deviation(
            f"{subject.name}: an excess error of {excess[where]:.6g} after {where[0] + 1} steps; "
            f"theory has it between {floor[where]:.6g} and {bound[where]:.6g}",
            counterexample=case,
        )
    return float(np.max(excess / bound))
