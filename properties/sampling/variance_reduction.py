"""Laws of SVRG: its estimate has no bias, and no variance at the minimum, so that it converges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Floats
from optcheck.properties.law import Subject, law
from optcheck.properties.sampling.noisy import FLOAT64, draw_curvature, draw_examples, within
from optcheck.properties.statistics import excess_of_bounded_mean
from optcheck.properties.trace import Tracer, require
from optcheck.reference.oracle import SAFETY, Bound
from optcheck.reference.sampling.variance_reduction import stage_bound, stage_squares

Indices = npt.NDArray[np.int_]
# Of the examples numbered, at points of the same shape.
Gradient = Callable[[Indices, Floats], Floats]

TRIALS = 4096


def _is_svrg(subject: Subject) -> bool:
    return bool(subject.record.id == "svrg")


def _stage(
    subject: Subject,
    rate: float,
    snapshot: Floats,
    start: Floats,
    examples: Sequence[Indices],
    gradient: Gradient,
    full_gradient: Floats,
) -> Floats:
    """The points from ``start``, shape ``(steps + 1, n)``, with one example for each step."""
    signals = tuple(
        {"snapshot_gradient": (gradient(each, snapshot),), "full_gradient": (full_gradient,)}
        for each in examples
    )
    case = Case({"learning_rate": rate}, (start,), (), subject.dtype, signals=signals)
    tracer, points = Tracer(subject, case), [start]
    for each in examples:
        tracer.advance((gradient(each, points[-1]),))
        points.append(tracer.parameter())
    return np.array(points)


# Powers of two, so that nothing rounds: the curvatures of eight examples, and their pulls at the
# minimum, which add up to 0.
CURVATURES = np.array([1.0, 2.0, 0.5, 0.25, 1.0, 4.0, 0.5, 2.0])
PULLS = np.array([1.0, -1.0, 4.0, -4.0, 0.5, -0.5, 8.0, -8.0])


@law(
    id="svrg-estimate",
    title="SVRG's estimate has the full gradient for its mean, and no variance at the snapshot",
    statement=(
        "Steps with each of eight examples from one point, in numbers that do not round: their "
        "mean is the step along the full gradient there, exactly. From the snapshot all eight "
        "are that step, and from a snapshot at the minimum none of them moves, though the "
        "gradients of the examples are not 0 there."
    ),
    oracle="exact",
    capability="update-rule",
    equations=("svrg",),
    about=_is_svrg,
    every_path=False,
    dtypes=FLOAT64,
    share=0.3,
)
def svrg_estimate(subject: Subject, data: st.DataObject) -> float:
    whole = st.integers(-8, 8).map(float)
    minimum, point, snapshot = (data.draw(whole, label=x) for x in ("minimum", "w", "snapshot"))
    rate = data.draw(st.sampled_from((0.25, 1.0, 2.0**-6)), label="learning rate")
    every = np.arange(len(CURVATURES))

    def gradient(examples: Indices, w: Floats) -> Floats:
        return np.asarray(CURVATURES[examples] * (w - minimum) + PULLS[examples])

    def steps(w: float, from_snapshot: float) -> Floats:
        there, full = np.full(len(every), from_snapshot), CURVATURES.mean()
        full_gradient = np.full(len(every), full * (from_snapshot - minimum))
        start = np.full(len(every), w)
        ends = _stage(subject, rate, there, start, [every], gradient, full_gradient)[-1]
        return np.asarray(ends - w)

    def of_mean(w: float) -> float:
        return float(-rate * CURVATURES.mean() * (w - minimum))

    found = steps(point, snapshot), steps(snapshot, snapshot), steps(minimum, minimum)
    expected = np.concatenate(
        [[of_mean(point)], np.full(len(every), of_mean(snapshot)), np.zeros(len(every))]
    )
    return require(
        Bound(expected, np.zeros_like(expected)),
        np.concatenate([[found[0].mean()], *found[1:]]),
        what=f"{subject.name}: mean step, steps from the snapshot, and from the minimum",
        counterexample=lambda: {
            "learning_rate": rate,
            "minimum": minimum,
            "w": point,
            "snapshot": snapshot,
            "curvatures": CURVATURES.tolist(),
            "pulls": PULLS.tolist(),
        },
    )


SIZE, STAGES, STEPS = 8, 3, 16


@law(
    id="svrg-has-no-floor",
    title="At a constant rate SVRG converges where stochastic descent stalls",
    statement=(
        f"On {SIZE} Gaussian examples of one curvature in each trial, drawn at random, with a new "
        f"snapshot every {STEPS} steps, the distance to the minimum of the training error is "
        "(1 - eta lambda)^k of its start, to rounding: that of gradient descent, and not "
        "eta lambda sigma^2/(2 - eta lambda)."
    ),
    oracle="rate",
    capability="update-rule",
    equations=("svrg",),
    about=_is_svrg,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
)
def svrg_has_no_floor(subject: Subject, data: st.DataObject) -> float:
    examples, curvature = draw_examples(data), draw_curvature(data)
    share = data.draw(st.sampled_from((0.5, 0.25, 1.5)), label="rate times curvature")
    rate, random = share / curvature, np.random.default_rng(examples.seed)
    trials = np.arange(64)
    sets = examples.center + examples.spread * random.standard_normal((SIZE, len(trials)))
    minima = sets.mean(axis=0)

    def gradient(drawn: Indices, w: Floats) -> Floats:
        return np.asarray(curvature * (w - sets[drawn, trials]))

    w = np.full(len(trials), examples.center + 4.0 * examples.spread)
    expected = minima + (1.0 - share) ** (STAGES * STEPS) * (w - minima)
    largest = float(np.abs(sets).max() + np.abs(w).max())
    for _ in range(STAGES):
        drawn = random.integers(0, SIZE, (STEPS, len(trials)))
        full = np.mean([gradient(np.full(len(trials), i), w) for i in range(SIZE)], axis=0)
        w = _stage(subject, rate, w, w, list(drawn), gradient, full)[-1]
    return require(
        Bound(expected, np.full(len(trials), _budget(share, largest))),
        w,
        what=f"{subject.name}: w after {STAGES} stages",
        counterexample=lambda: examples.told(learning_rate=rate, curvature=curvature),
    )


def _budget(share: float, largest: float) -> float:
    """Forward error after all steps, with all numbers but gradients below ``largest``.

    A gradient rounds twice, the mean of the full one SIZE times more, and the rule four times; a
    gradient is below ``2 largest`` times the curvature. A step contracts what was wrong before.
    The minimum and what is expected of it round SIZE + 4 times.
    """
    unit, contraction = 2.0**-53, abs(1.0 - share)
    local = unit * largest * (2.0 * share * (SIZE + 2 + 2 + 2 + 4) + 1.0)
    total = local * min(STAGES * STEPS, 1.0 / (1.0 - contraction)) + (SIZE + 4) * unit * largest
    return SAFETY * total


LONG_STAGE = 40
RATE = 0.125
UNEQUAL = np.array([1.0, 0.75, 0.625, 1.0, 0.5625, 0.875])


@law(
    id="svrg-stage",
    title="Each stage of SVRG multiplies the error by the same factor",
    statement=(
        "On examples of different curvatures, each with a minimum of its own, the mean over a "
        f"stage of {LONG_STAGE} steps of the square distance, over that of the snapshot, is that "
        "of the exact recurrence for its moments, stage after stage, so that the error falls "
        "exponentially at a constant rate. It is below 1/(mu eta (1 - 2 L eta) m) + "
        "2 L eta/(1 - 2 L eta) (Johnson and Zhang). Hoeffding's inequality judges the means: no "
        "distance exceeds that of the snapshot."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("svrg",),
    about=_is_svrg,
    every_path=False,
    dtypes=FLOAT64,
    share=0.15,
    false_alarm=1e-9,
    alternative="half the step",
)
def svrg_stage(subject: Subject, data: st.DataObject) -> float:
    scale = data.draw(st.sampled_from((1.0, 16.0, 2.0**-8)), label="scale of the curvatures")
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    random, curvatures = np.random.default_rng(seed), scale * UNEQUAL
    pulls = scale * random.standard_normal(len(UNEQUAL))
    pulls -= pulls.mean()

    def gradient(drawn: Indices, w: Floats) -> Floats:
        return np.asarray(curvatures[drawn] * w + pulls[drawn])

    rate, count = RATE / scale, len(UNEQUAL)
    squares = stage_squares(rate, curvatures.tolist(), LONG_STAGE)
    bound = stage_bound(rate, float(curvatures.max()), float(curvatures.mean()), LONG_STAGE)
    snapshot, ratios = np.ones(TRIALS), []
    for stage in range(1, STAGES + 1):
        drawn = random.integers(0, count, (LONG_STAGE, TRIALS))
        full = curvatures.mean() * snapshot
        points = _stage(subject, rate, snapshot, snapshot, list(drawn), gradient, full)
        share = (points / snapshot) ** 2
        for what, measured, expected in (
            ("the mean over stage", share[:-1].mean(axis=0), float(np.mean(squares[:-1]))),
            ("the end of stage", share[-1], squares[-1]),
        ):
            found = float(np.mean(measured))
            ratios.append(
                within(
                    excess_of_bounded_mean(found - expected, TRIALS, 1.0),
                    f"{subject.name}: {what} {stage} leaves {found:.6g} of the square distance; "
                    f"theory says {expected:.6g}",
                    lambda: {"seed": seed, "curvatures": curvatures.tolist(), "rate": rate},
                )
            )
        above = max(0.0, float(np.mean(share[:-1])) - bound)
        ratios.append(
            within(
                excess_of_bounded_mean(above, TRIALS, 1.0),
                f"{subject.name}: stage {stage} leaves {above:.3g} more of the error than the "
                f"theorem's {bound:.6g}",
                lambda: {"seed": seed, "curvatures": curvatures.tolist(), "rate": rate},
            )
        )
        snapshot = points[-1]
    return max(ratios)
