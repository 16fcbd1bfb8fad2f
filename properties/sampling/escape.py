"""The law of the wrong valley: gradient descent stays, stochastic gradient descent leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.sampling.noisy import FLOAT64, is_gradient_descent, within
from optcheck.properties.statistics import excess
from optcheck.reference.calculus.models import GABOR_DATA
from optcheck.reference.oracle import SAFETY
from optcheck.reference.sampling.escape import (
    BARRIER,
    BATCH_SIZE,
    CENTER,
    HALF_WIDTHS,
    LEAVES,
    LONGEST_OF_ONE_EXAMPLE,
    MINIMUM,
    RATE,
    SLOPE_AT_MINIMUM,
    STEPS,
    gradients,
    is_in_the_valley,
)

TRIALS = 2048
STARTS = 32
COUNT = len(GABOR_DATA.inputs)
_ALL = np.arange(COUNT)


@law(
    id="wrong-valley",
    title="Gradient descent stays in a wrong valley that stochastic descent leaves",
    statement=(
        "The loss of the Gabor model has a local minimum in a box whose edges are above a barrier "
        "(proved in balls). At a small fixed rate gradient descent from below the barrier never "
        "leaves the box. At the minimum itself the gradients of single examples add up to 0 and "
        f"are not 0; at the same rate, {STEPS} steps with batches of {BATCH_SIZE} lead out of the "
        f"box with a probability of at least {LEAVES:g} (Chernoff's bound; the estimate is 0.91)."
    ),
    oracle="statistic",
    capability="update-rule",
    equations=("sgd-escape-local-minima",),
    about=is_gradient_descent,
    every_path=False,
    dtypes=FLOAT64,
    share=0.1,
    false_alarm=1e-9,
    alternative="half the step",
)
def wrong_valley(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(st.integers(0, 2**32 - 1), label="seed")
    random = np.random.default_rng(seed)
    _require_that_all_stay(subject, random, seed)
    return max(_single_gradients(subject), _share_that_leaves(subject, random, seed))


def _descend(
    subject: Subject, start: Floats, gradient: Callable[[Floats], Floats], steps: int
) -> Floats:
    """The points of many trials, shape ``(steps + 1, 2, trials)``."""
    points = descend(
        subject,
        {"learning_rate": RATE},
        start.ravel(),
        lambda w: gradient(w.reshape(2, -1)).ravel(),
        steps,
    )
    return points.reshape(len(points), 2, -1)


def _starts(random: np.random.Generator) -> Floats:
    """Points of the box below the barrier, the minimum first."""
    center, half = np.array(CENTER)[:, None], np.array(HALF_WIDTHS)[:, None]
    anywhere = center + half * random.uniform(-1.0, 1.0, (2, 16 * STARTS))
    low = [float(GABOR_DATA.value(point)) < BARRIER for point in anywhere.T]
    # A third of the box is below the barrier; should there be too few, the minimum counts again.
    found = np.concatenate([anywhere[:, low], np.tile(np.array(MINIMUM)[:, None], STARTS)], axis=1)
    return np.concatenate([np.array(MINIMUM)[:, None], found[:, : STARTS - 1]], axis=1)


def _require_that_all_stay(subject: Subject, random: np.random.Generator, seed: int) -> None:
    start = _starts(random)
    points = _descend(
        subject, start, lambda w: gradients(w[:, None], _ALL[:, None]).sum(axis=1), STEPS
    )
    gone = ~is_in_the_valley(points.swapaxes(0, 1))
    if gone.any():
        step, trial = np.argwhere(gone)[0]
        raise Deviation(
            f"{subject.name}: gradient descent at the rate {RATE:g} leaves a valley whose edges "
            f"are above its start, for {points[step, :, trial].tolist()} after {step} steps",
            counterexample={"seed": seed, "start": start[:, trial].tolist()},
        )


def _single_gradients(subject: Subject) -> float:
    """One step from the minimum with each example."""
    start = np.repeat(np.array(MINIMUM)[:, None], COUNT, axis=1)
    points = _descend(subject, start, lambda w: gradients(w, _ALL), 1)
    moves = (points[0] - points[1]) / RATE
    longest = float(np.hypot(*moves).max())
    # The sum of the examples rounds, and each step: the product, and the difference.
    unit = 2.0**-53
    rounding = SAFETY * unit * COUNT * (COUNT * longest + float(np.abs(start).max()) / RATE)
    left = float(np.abs(moves.sum(axis=1)).max())
    if longest < LONGEST_OF_ONE_EXAMPLE:
        raise Deviation(
            f"{subject.name}: no gradient of an example is longer than {longest:.3g} where the "
            "loss is stationary",
            counterexample={"start": list(MINIMUM)},
        )
    return within(
        left / (SLOPE_AT_MINIMUM + rounding),
        f"{subject.name}: the steps with single examples from a minimum add up to {left:.3g}",
        lambda: {"start": list(MINIMUM)},
    )


def _share_that_leaves(subject: Subject, random: np.random.Generator, seed: int) -> float:
    def batch(w: Floats) -> Floats:
        drawn = random.integers(0, COUNT, (BATCH_SIZE, TRIALS))
        return np.asarray(gradients(w[:, None], drawn).sum(axis=1) * (COUNT / BATCH_SIZE))

    start = np.repeat(np.array(MINIMUM)[:, None], TRIALS, axis=1)
    end = _descend(subject, start, batch, STEPS)[-1]
    left = int(np.count_nonzero(np.isfinite(end).all(axis=0) & ~is_in_the_valley(end)))
    return within(
        excess(left, TRIALS, LEAVES) if left < LEAVES * TRIALS else 0.0,
        f"{subject.name}: {left} of {TRIALS} trials left the valley; expected {LEAVES:g} of them "
        "or more",
        lambda: {"seed": seed, "start": list(MINIMUM), "trials": TRIALS},
    )
