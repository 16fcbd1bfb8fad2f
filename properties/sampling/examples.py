"""Examples with losses of their own, and update rules that are given batches of them.

The loss of example i is ``a_i (w - b_i)^2 / 2``, in each coordinate with its own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend, told
from optcheck.properties.law import Subject
from optcheck.properties.trace import require
from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.oracle import Bound, Quantity, UpdateOracle, namespace

Batch = Sequence[int]
# What becomes of the gradients of a batch: the sum, the mean ...
Estimate = Callable[[Sequence[Any]], Any]

COORDINATES = 3
START = np.array([1.0, -2.0, 0.5])


class Examples:
    """Examples by number, from 0, and how many gradients have been evaluated."""

    def __init__(
        self, number: int, curvature: Callable[[int], Floats], centre: Callable[[int], Floats]
    ) -> None:
        """``curvature(i)`` and ``centre(i)`` have one number for each coordinate."""
        self.number = number
        self.curvature = curvature
        self.centre = centre
        self.evaluations = 0

    @classmethod
    def drawn(cls, number: int, seed: int) -> Examples:
        """Any numbers, the curvatures between 1/4 and 2."""
        random = np.random.default_rng(seed)
        curvatures = random.uniform(0.25, 2.0, (number, COORDINATES))
        centres = random.uniform(-1.0, 1.0, (number, COORDINATES))
        return cls(number, lambda i: curvatures[i], lambda i: centres[i])

    def repeated(self, times: int) -> Examples:
        """Each of them so many times, one whole set after the other."""
        return Examples(
            times * self.number,
            lambda i: self.curvature(i % self.number),
            lambda i: self.centre(i % self.number),
        )

    def gradients(self, w: Any, batch: Batch, of: Callable[[Floats], Any] = np.asarray) -> Any:
        """The gradients at ``w`` of each example of the batch; ``of`` makes numbers of doubles."""
        self.evaluations += len(batch)
        return [of(self.curvature(i)) * (w - of(self.centre(i))) for i in batch]


def trace(
    subject: Subject,
    hyperparameters: Mapping[str, float],
    examples: Examples,
    batches: Sequence[Batch],
    estimate: Estimate,
) -> Floats:
    """The points that the library's rule goes through, shape ``(steps + 1, n)``."""
    order = iter(batches)
    return descend(
        subject,
        hyperparameters,
        START,
        lambda w: estimate(examples.gradients(w, next(order))),
        len(batches),
    )


def exact_trace(
    subject: Subject,
    hyperparameters: Mapping[str, float],
    examples: Examples,
    batches: Sequence[Batch],
    estimate: Estimate,
) -> Quantity:
    """The last of these points, exactly and with what rounding makes of gradients and updates."""
    form = subject.record.dialect(subject.claim.dialect)
    ends = []
    for arithmetic in (Arithmetic.exact(), subject.working):
        w: Balls = arithmetic.array(START)
        state: Any = form.initial_state(
            arithmetic.array(np.zeros(COORDINATES)), namespace(arithmetic, hyperparameters, 0)
        )
        for step, batch in enumerate(batches, start=1):
            h = namespace(arithmetic, hyperparameters, step)
            h.evaluation = subject.claim.evaluation
            slope = estimate(examples.gradients(w, batch, arithmetic.array))
            w, state = form.update(w, slope, state, h)
        ends.append(w)
    return Quantity(*ends)


def require_end(
    subject: Subject,
    hyperparameters: Mapping[str, float],
    quantity: Quantity,
    points: Floats,
    what: str,
    **more: Any,
) -> float:
    """As :func:`require`, for the last point of a trace."""
    return require(
        quantity,
        points[-1],
        what=f"{subject.name}: {what}, after {len(points) - 1} updates",
        counterexample=lambda: told(hyperparameters, START, **more),
    )


def one_step(
    subject: Subject, learning_rate: float, start: float, slopes: Sequence[Fraction]
) -> tuple[list[Fraction], Floats]:
    """Where the rule goes from ``start`` down each of the slopes, and how far off that may be.

    The slopes are rounded to doubles once. Each point is judged here.
    """
    h = {"learning_rate": learning_rate}
    given = np.array([float(slope) for slope in slopes])
    begin = np.full(len(slopes), start)
    claim = subject.claim
    oracle = UpdateOracle(subject.record, claim.dialect, h, subject.working, claim.evaluation)
    quantity = oracle.advance(oracle.start(begin), given).parameter
    allowed = quantity.allowed() + learning_rate * np.abs(given) * 2.0**-53
    end = descend(subject, h, begin, lambda w: given, 1)[-1]
    require(
        Bound(quantity.expected(), allowed),
        end,
        what=f"{subject.name}: one step",
        counterexample=lambda: told(h, begin, slopes=given),
    )
    return [Fraction(each) for each in end.tolist()], allowed
