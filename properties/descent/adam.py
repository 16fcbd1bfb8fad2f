"""Laws of Adam on quadratics: with its second moment all but frozen, and on minibatches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, CountsSteps, Floats
from optcheck.properties.descent.adaptive_rates import DEFAULTS, WIDTH
from optcheck.properties.descent.modes import FLOAT64
from optcheck.properties.descent.plain import draw_integers
from optcheck.properties.law import Deviation, NotShown, Subject, law
from optcheck.properties.trace import Tracer, describe, require, under_test
from optcheck.properties.units import implementations
from optcheck.properties.update_rules import final_position, refuses
from optcheck.reference.descent.adam import largest_stable_curvature

# 1 - beta2 is exact. Over STEPS steps the second moment loses 2^-12 of itself, and the gradients
# of the run, below 2^-10 of the one that made it, add less.
BETA2 = 1.0 - 2.0**-20
STEPS = 200
# Past this many steps the bias corrections are 1, but for exp(-16).
RESTORED = 2**24
# Curvatures over the threshold. The slowest of them, without momentum, falls to 0.96^200 < 1e-3
# of its start or grows to 1.04^200 > 1e3 times of it.
BELOW, ABOVE = (0.3, 0.7, 0.9, 0.98), (1.02, 1.1, 1.5, 2.0)
GROWN = 1e3
START = 1e-6
# The gradient that makes the second moment.
LARGE = 1.0


@law(
    id="adam-largest-stable-curvature",
    title="Adam is stable up to a preconditioned curvature of 38 over the learning rate",
    statement=(
        "With its second moment frozen, Adam is averaged momentum with a preconditioner: on a "
        "quadratic it converges where curvature over sqrt(v) is below "
        "2 (1 + beta1)/((1 - beta1) eta), and diverges above; asked at 0.98 and 1.02 of that, and "
        "further away. The second moment is made by one large gradient, and the step count "
        "restored so far on that bias corrections are 1."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("adam-largest-stable-curvature",),
    about=lambda s: s.record.id == "adam",
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def adam_largest_stable_curvature(subject: Subject, data: st.DataObject) -> float:
    h = {
        "learning_rate": data.draw(st.sampled_from((1.0, 0.125, 0.01)), label="learning rate"),
        "beta1": data.draw(st.sampled_from((0.9, 0.5, 0.0, 0.95)), label="beta1"),
        "beta2": BETA2,
        "epsilon": 0.0,
    }
    if (reason := refuses(subject, h)) is not None:
        raise NotShown(reason)
    shares = np.array([*BELOW, *ABOVE])
    preconditioner, tracer = _frozen(subject, h, len(shares))
    threshold = largest_stable_curvature(h["beta1"], h["learning_rate"])
    curvatures = shares * threshold * preconditioner
    start = START * h["learning_rate"]
    center = tracer.parameter() - start
    sizes = []
    for _ in range(STEPS):
        # A mode that has grown is left where it is, before it moves the second moment.
        sizes.append(np.abs(tracer.parameter() - center))
        grown = np.max(sizes, axis=0) > GROWN * start
        tracer.advance((np.where(grown, 0.0, curvatures * (tracer.parameter() - center)),))
    return _decide(subject, h, shares, np.array(sizes) / start)


def _frozen(subject: Subject, h: dict[str, float], count: int) -> tuple[float, Tracer]:
    """The root of the second moment, and a run that has it and no first moment."""
    tracer = Tracer(subject, Case(h, (np.zeros(count),), (), subject.dtype))
    tracer.advance((np.full(count, LARGE),))
    tracer.advance((np.full(count, -h["beta1"] * LARGE),))
    second = (1.0 - BETA2) * (BETA2 + h["beta1"] ** 2) * LARGE**2
    if subject.claim.dialect != "uncorrected":
        if not isinstance(tracer.run, CountsSteps) or tracer.run.count() is None:
            raise NotShown(f"{subject.backend.name} does not show the step count of adam")
        with under_test(subject, tracer.describe):
            tracer.run.set_count(RESTORED)
    return float(np.sqrt(second)), tracer


def _decide(subject: Subject, h: dict[str, float], shares: Floats, sizes: Floats) -> float:
    """Modes below the threshold end smaller than they started, and modes above have grown."""
    grown, fallen = np.max(sizes, axis=0) > GROWN, sizes[-1] < 1.0
    wrong = np.where(shares < 1.0, grown | ~fallen, ~grown)
    if np.any(wrong):
        share = float(shares[np.argmax(wrong)])
        raise Deviation(
            f"{subject.name}: at {share:g} of the largest stable curvature a mode "
            f"{'does not fall' if share < 1.0 else 'does not grow'}, with beta1 = {h['beta1']:g}",
            counterexample={"hyperparameters": h, "share": share},
        )
    return float(np.max(sizes[-1][shares < 1.0]))


# Curvatures of very different sizes, as in the texts' examples.
_CURVATURES = np.array([1.0, 5.0, 0.2, 1.0, 0.0625, 64.0, 5.0, 0.2])
# So far away that gradients keep their signs and stay within a factor of 2 of each other: then
# no step is longer than 2 learning rates, and all of them together are shorter than this.
_DISTANCE = 128.0
_UPDATES = 24
# Numbers of examples, and of those in a block.
_DIVISIONS = ((8, 2), (9, 2), (12, 3), (10, 4), (4, 4), (5, 1), (7, 3))


@law(
    id="adam-learns-from-blocks-of-the-data",
    title="Adam learns from all blocks of the shuffled data, and descends",
    statement=(
        "On a sum of quadratics, a center an example, the library's own batches of a shuffled "
        "epoch and its own Adam make the loop of the texts: the count goes up by one before each "
        "update, blocks of B go through all N examples, the last full block included where B "
        "divides N, in ceil(N/B) updates an epoch. It ends where the equation does on these "
        "gradients, and from far away the mean error falls at every update."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("adam-algorithm-bishop", "adam-algorithm-goodfellow"),
    about=lambda s: (s.record.id, s.claim.dialect) == ("adam", "epsilon-outside-root"),
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
)
def adam_learns_from_blocks(subject: Subject, data: st.DataObject) -> float:
    # Where each number of examples is compiled, two of them: B divides one of the two.
    divisions = _DIVISIONS if subject.claim.compilation == "none" else _DIVISIONS[:2]
    count, size = data.draw(st.sampled_from(divisions), label="N and B")
    seed = data.draw(st.integers(0, 2**16), label="seed")
    centers = draw_integers(data, -4, 4, "centers", count * WIDTH).reshape(count, WIDTH)
    h = {**DEFAULTS, "learning_rate": 1.0}
    if (reason := refuses(subject, h)) is not None:
        raise NotShown(reason)
    blocks = [
        block
        for epoch in _epochs(subject, count, size, _UPDATES // math.ceil(count / size), seed)
        for block in epoch
    ]
    start = np.full(WIDTH, _DISTANCE)
    tracer, points, gradients = Tracer(subject, Case(h, (start,), (), subject.dtype)), [start], []
    for block in blocks:
        gradients.append(_CURVATURES * (points[-1] - centers[list(block)].mean(axis=0)))
        tracer.advance((gradients[-1],))
        points.append(tracer.parameter())
    case = Case(h, (start,), tuple((each,) for each in gradients), subject.dtype)
    mean = centers.mean(axis=0)
    errors = np.array([_CURVATURES @ (w - mean) ** 2 for w in points]) / 2.0
    if not np.all(np.diff(errors) < 0.0):
        raise Deviation(
            f"{subject.name}: the mean error does not fall in update "
            f"{int(np.argmax(~(np.diff(errors) < 0.0))) + 1}",
            counterexample={**describe(case), "errors": errors.tolist()},
        )
    _require_count(tracer, len(blocks))
    return require(
        final_position(subject, case).parameter,
        points[-1],
        what=f"{subject.name}: parameter after {len(blocks)} blocks of {size} of {count}",
        counterexample=lambda: describe(case),
        body=lambda: subject.rule.script(case, "parameter"),
    )


def _epochs(
    subject: Subject, examples: int, size: int, epochs: int, seed: int
) -> Sequence[Sequence[Sequence[int]]]:
    """Shuffled batches of the library, or of NumPy where it has no loader."""
    loaders: list[Any] = [
        rule
        for rule in implementations(subject.backend)["loader"]
        if rule.claim.dialect == "shuffled"
    ]
    told = {"examples": examples, "batch size": size, "seed": seed}
    if not loaders:
        random = np.random.default_rng(seed)
        orders = [random.permutation(examples).tolist() for _ in range(epochs)]
        return [[each[i : i + size] for i in range(0, examples, size)] for each in orders]
    with under_test(subject, lambda: told):
        batches: Sequence[Sequence[Sequence[int]]] = loaders[0].epochs(
            examples, size, epochs, seed
        )
    for epoch in batches:
        used = Counter(int(i) for block in epoch for i in block)
        if used != Counter(range(examples)) or len(epoch) != math.ceil(examples / size):
            raise Deviation(
                f"{subject.backend.name}: an epoch of {examples} examples in blocks of {size} has "
                f"{len(epoch)} blocks, and {len(used)} of the examples",
                counterexample=told,
            )
    return batches


def _require_count(tracer: Tracer, updates: int) -> None:
    """One for each update, where it is shown."""
    run = tracer.run
    with under_test(tracer.subject, tracer.describe):
        count = run.count() if isinstance(run, CountsSteps) else None
    if count not in (None, updates):
        raise Deviation(
            f"{tracer.subject.name}: counts {count} updates of {updates}",
            counterexample={"updates": updates, "count": count},
        )
