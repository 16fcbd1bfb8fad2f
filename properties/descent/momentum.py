"""Laws of momentum on given gradients: its textbook loop, its limits, the weight of the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.descent.modes import is_momentum
from optcheck.properties.descent.running import looks_ahead
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.strategies import VECTOR, Gradients
from optcheck.properties.trace import Tracer, describe, end_of, flat, require, run_case
from optcheck.properties.update_rules import (
    draw_case,
    final_position,
    larger,
    oracle_for,
    positions_of,
)
from optcheck.reference.balls import Balls, ball_arithmetic
from optcheck.reference.descent.momentum import algorithm, averaged_rates, share_of_the_past
from optcheck.reference.oracle import SAFETY, Bound, Quantity
from optcheck.reference.rates import slope_displacement

EXAMPLES = 12
EPOCHS = 2
SMALL = 2.0**-40


def _is_the_algorithm(subject: Subject) -> bool:
    # The dampened form takes its first gradient in full.
    return is_momentum(subject) and subject.claim.dialect != "dampened"


@law(
    id="momentum-on-minibatches",
    title="Minibatch descent with momentum is the textbook's algorithm",
    statement=(
        f"Linear regression on {EXAMPLES} examples in reshuffled minibatches, the last one of an "
        "epoch shorter where they do not divide: the weights, and the point where the next "
        "gradient is taken, are those of the loop dw <- -eta grad E_n + mu dw, w <- w + dw, with "
        "gradients at w or at w + mu dw; the averaged forms are it with eta = alpha (1 - mu)."
    ),
    oracle="exact",
    capability="update-rule",
    equations=(
        "momentum-sgd-algorithm-bishop",
        "momentum-update-convex-combination",
        "nesterov-sgd-algorithm-goodfellow",
    ),
    about=_is_the_algorithm,
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def momentum_on_minibatches(subject: Subject, data: st.DataObject) -> float:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    batch = data.draw(st.sampled_from((4, 5, 3)), label="batch")
    h = {
        "learning_rate": data.draw(st.sampled_from((0.1, 0.01, 1.0)), label="learning rate"),
        "momentum": data.draw(st.sampled_from((0.9, 0.5, 0.99)), label="momentum"),
    }
    inputs, targets = generator.normal(size=(EXAMPLES, 3)), generator.normal(size=EXAMPLES)
    tracer = Tracer(subject, Case(h, (generator.normal(size=3),), (), subject.dtype))
    gradients = []
    for _ in range(EPOCHS):
        order = generator.permutation(EXAMPLES)
        for first in range(0, EXAMPLES, batch):
            block = order[first : first + batch]
            x, point = inputs[block], tracer.evaluation_point()
            gradients.append(x.T @ (x @ point - targets[block]) / len(block))
            tracer.advance((gradients[-1],))
    case = replace(tracer.case, gradients=tuple((each,) for each in gradients))
    return _judge_algorithm(subject, case, tracer)


def _judge_algorithm(subject: Subject, case: Case, tracer: Tracer) -> float:
    position, h = final_position(subject, case), case.hyperparameters
    with ball_arithmetic():
        momentum, rate = arb(h["momentum"]), arb(h["learning_rate"])
        if "averaged" in subject.claim.dialect:
            rate = rate * (1 - momentum)
    rows = [flat(each) for each in case.gradients]
    weights, change = algorithm(flat(case.parameters), rows, rate, momentum)
    with ball_arithmetic():
        pairs = zip(weights.balls, change.balls, strict=True)
        ahead = Balls([w + momentum * d for w, d in pairs], weights.arithmetic)

    def judge(what: str, quantity: Quantity, computed: Floats) -> float:
        return require(
            quantity,
            computed,
            what=f"{subject.name}: {what} after {case.steps} minibatches",
            counterexample=lambda: describe(case),
        )

    working = position.parameter.working
    if not looks_ahead(subject):
        shown = ahead if subject.record.id == "nesterov" else weights
        return judge("weights", Quantity(shown, working), tracer.parameter())
    point = oracle_for(subject, case).evaluation_point(position).working
    return larger(
        judge("weights", Quantity(weights, working), tracer.parameter()),
        judge("point of evaluation", Quantity(ahead, point), tracer.evaluation_point()),
    )


def _is_convex_combination(subject: Subject) -> bool:
    return subject.record.id == "momentum" and subject.claim.dialect in ("averaged", "dampened")


@law(
    id="momentum-convex-combination-limits",
    title="Convex combinations of gradient and last step end at descent and at a straight line",
    statement=(
        "Where the gradient enters with weight 1 - mu: mu = 0 is gradient descent; and as mu "
        "tends to 1 the path tends to a straight line that no gradient bends: with 1 - mu = "
        "2^-40 it leaves the line of its first step by at most alpha (1 - mu) T^2 max |g|. The "
        "averaged form starts at rest, the dampened one (dampening mu) with its first gradient."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-convex-combination-limits",),
    about=_is_convex_combination,
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def momentum_limits(subject: Subject, data: st.DataObject) -> float:
    fixed = {"momentum": 1.0 - SMALL, "dampening": 1.0 - SMALL}
    case = _from_rest(subject, data, ("constant", "alternating", "shrinking"), fixed)
    rows = [flat(each) for each in case.gradients]
    straight = [rows[0]] * case.steps if subject.claim.dialect == "dampened" else []
    ratio = _judge_limit(subject, case, straight, SMALL * case.steps**2)
    if subject.claim.dialect == "dampened":
        return ratio  # without momentum libraries do not dampen
    case = _from_rest(subject, data, ("constant", "alternating", "late"), {"momentum": 0.0})
    return larger(ratio, _judge_limit(subject, case, [flat(g) for g in case.gradients], 0.0))


def _from_rest(
    subject: Subject, data: st.DataObject, patterns: tuple[str, ...], fixed: dict[str, float]
) -> Case:
    return draw_case(
        subject,
        data,
        fixed=fixed,
        min_steps=2,
        max_steps=12,
        layouts=(VECTOR,),
        gradients=Gradients(patterns),
        from_zero=True,
    )


def _judge_limit(subject: Subject, case: Case, rows: Sequence[Floats], bend: float) -> float:
    """The end against descent along ``rows``, but for ``bend`` rates times a gradient."""
    rate = case.hyperparameters["learning_rate"]
    line, _ = algorithm(flat(case.parameters), rows, arb(rate), arb(0))
    largest = np.max(np.abs([flat(each) for each in case.gradients]), axis=0)
    working = final_position(subject, case).parameter.working
    with ball_arithmetic():
        widths = [arb(0, 1) * (rate * bend * arb(float(g)) / SAFETY) for g in largest]
        balls = [ball + width for ball, width in zip(working.balls, widths, strict=True)]
    return require(
        Quantity(line, Balls(balls, working.arithmetic)),
        end_of(subject, case).parameter,
        what=f"{subject.name}: after {case.steps} steps with momentum "
        f"{case.hyperparameters['momentum']!r}, against the path of its limit",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


def _steps_of(subject: Subject, case: Case) -> tuple[Floats, Floats]:
    """The steps of a run, and what rounding may do to each."""
    points = np.array([flat(case.parameters), *(s.parameter for s in run_case(subject, case))])
    ends = [position.parameter.allowed() for position in positions_of(subject, case)]
    allowed = np.array([np.zeros_like(ends[0]), *ends])
    # The difference of two doubles is rounded once more.
    steps = np.diff(points, axis=0)
    return steps, allowed[1:] + allowed[:-1] + 2.0**-53 * np.abs(steps)


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
    about=is_momentum,
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
    about=is_momentum,
    every_path=False,
    share=0.4,
)
def momentum_in_a_ravine(subject: Subject, data: st.DataObject) -> float:
    return _displacement(subject, data, -1)


@law(
    id="averaged-momentum-rates",
    title="Averaged momentum: at most the learning rate, a small part of it in a ravine",
    statement=(
        "Under a constant gradient step number t is alpha (1 - beta^t) times the gradient, which "
        "never exceeds alpha; under one that changes sign at every step it is "
        "alpha (1 - beta) (1 - (-beta)^t)/(1 + beta)."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-ema-effective-rate-bounds",),
    about=lambda s: s.claim.dialect in ("averaged", "look-ahead-averaged"),
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def averaged_momentum_rates(subject: Subject, data: st.DataObject) -> float:
    ratio = data.draw(st.sampled_from((1, -1)), label="ratio of successive gradients")
    pattern = "constant" if ratio == 1 else "alternating"
    case = _without_noise(subject, data, pattern)
    h = case.hyperparameters
    steps, allowed = _steps_of(subject, case)
    exact = averaged_rates(h["learning_rate"], h["momentum"], case.steps, ratio)
    factors = exact.midpoints()[:, None]
    gradients = np.array([flat(each) for each in case.gradients])
    worst = require(
        Bound((-factors * gradients).ravel(), (allowed + 2.0**-52 * np.abs(steps)).ravel()),
        steps.ravel(),
        what=f"{subject.name}: steps under {pattern} gradients",
        counterexample=lambda: describe(case),
    )
    over = np.abs(steps) - h["learning_rate"] * np.abs(gradients) - allowed
    if ratio == 1 and np.any(over > 0.0):
        raise Deviation(
            f"{subject.name}: a step of averaged momentum exceeds the learning rate times the "
            f"constant gradient by {float(np.max(over)):.3g}",
            counterexample=describe(case),
        )
    return worst


def _without_noise(subject: Subject, data: st.DataObject, pattern: str) -> Case:
    return draw_case(
        subject,
        data,
        min_steps=2,
        max_steps=12,
        layouts=(VECTOR,),
        gradients=Gradients((pattern,), noise=False),
        from_zero=True,
    )


@law(
    id="share-of-past-gradients",
    title="The share of the past in a step is the momentum",
    statement=(
        "Under a constant gradient a step less the first one, which knows no past, is "
        "alpha (1 - alpha^(T-1))/(1 - alpha^T) of the step, whatever the learning rate: it tends "
        "to alpha."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("momentum-alpha-eta-influence",),
    about=lambda s: s.record.id == "momentum" and s.claim.dialect != "dampened",
    every_path=False,
    dtypes=("float64",),
    share=0.2,
)
def share_of_past_gradients(subject: Subject, data: st.DataObject) -> float:
    case = _without_noise(subject, data, "constant")
    steps, allowed = _steps_of(subject, case)
    first, last, there = steps[0], steps[-1], steps[-1] != 0.0
    if not np.any(there):
        return float("nan")
    share = float(share_of_the_past(case.hyperparameters["momentum"], case.steps).mid())
    # Of a quotient: the errors of both, and three roundings of the share.
    own = 1.0 - first[there] / last[there]
    relative = (allowed[0][there] + np.abs(1.0 - own) * allowed[-1][there]) / np.abs(last[there])
    return require(
        Bound(np.full(int(there.sum()), share), relative + 2.0**-51),
        own,
        what=f"{subject.name}: share of past gradients in step {case.steps}",
        counterexample=lambda: describe(case),
    )
