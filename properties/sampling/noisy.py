"""Update rules on Gaussian examples, with a trial in each coordinate.

The example ``xi`` has the loss ``curvature (w - xi)**2 / 2``. A rule that is linear in its
gradients then has Gaussian iterates, so that means and variances have exact tests. Rounding moves
them by some 1e-16 of their size, far below what TRIALS trials resolve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.descent.running import descend
from optcheck.properties.law import Deviation, Subject
from optcheck.properties.statistics import excess_of_mean, excess_of_variance

TRIALS = 4096
FLOAT64 = ("float64",)

Details = Callable[[], Mapping[str, Any]]


def is_gradient_descent(subject: Subject) -> bool:
    """What most texts mean by stochastic gradient descent."""
    return bool(subject.record.id == "gradient-descent")


def is_linear(subject: Subject) -> bool:
    """Whether the rule is gradient descent, with momentum or without."""
    return subject.record.family in ("gradient-descent", "momentum", "nesterov")


@dataclass(frozen=True)
class Examples:
    """Where the examples come from; each trial and each step has examples of its own."""

    center: float
    spread: float
    seed: int

    @property
    def variance(self) -> float:
        """Of one example."""
        return self.spread**2

    def fresh(self, batch_size: int = 1) -> Callable[[], Floats]:
        """Means of batches, another one for each trial at every call."""
        random = np.random.default_rng(self.seed)

        def batch() -> Floats:
            noise = random.standard_normal((batch_size, TRIALS)).mean(axis=0)
            return np.asarray(self.center + self.spread * noise)

        return batch

    def starts(self, center: float, deviation: float) -> Floats:
        """A Gaussian start for each trial, whatever the examples will be."""
        noise = np.random.default_rng((self.seed, TRIALS)).standard_normal(TRIALS)
        return np.asarray(center + deviation * noise)

    def told(self, **more: Any) -> dict[str, Any]:
        """For a counterexample."""
        return {
            "center": self.center,
            "spread": self.spread,
            "seed": self.seed,
            "trials": TRIALS,
            **more,
        }


def draw_examples(data: st.DataObject) -> Examples:
    """A Gaussian, and the seed of its examples."""
    return Examples(
        data.draw(st.sampled_from((1.0, 0.0, -3.0)), label="center"),
        data.draw(st.sampled_from((1.0, 0.25, 4.0)), label="spread"),
        data.draw(st.integers(0, 2**32 - 1), label="seed"),
    )


def draw_curvature(data: st.DataObject) -> float:
    """A curvature, 1 at first."""
    return data.draw(st.sampled_from((1.0, 0.25, 5.0, 0.01)), label="curvature")


def train(
    subject: Subject,
    hyperparameters: Mapping[str, float],
    start: Floats | float,
    batches: Callable[[], Floats],
    curvatures: Sequence[Any],
    rates: Sequence[float] | None = None,
) -> Floats:
    """The points of all trials, shape ``(steps + 1, TRIALS)``, with a curvature for each step.

    A step has one curvature for all trials, or one for each.
    """
    left = iter(curvatures)
    return descend(
        subject,
        hyperparameters,
        np.full(TRIALS, start) if isinstance(start, float) else start,
        lambda w: next(left) * (w - batches()),
        len(curvatures),
        learning_rates=rates,
    )


def require_gaussian(
    subject: Subject, values: Floats, mean: float, variance: float, what: str, details: Details
) -> float:
    """``values`` are independent, with this mean and variance; the larger of both ratios."""
    return max(
        require_mean(subject, values, mean, variance, what, details),
        require_square(subject, values - mean, variance, f"variance of {what}", details),
    )


def require_mean(
    subject: Subject, values: Floats, mean: float, variance: float, what: str, details: Details
) -> float:
    """``values`` are independent Gaussians of this mean."""
    error, found = math.sqrt(variance / values.size), float(np.mean(values))
    return within(
        excess_of_mean(found - mean, error),
        f"{subject.name}: the mean of {what} is {found:.6g} over {values.size} trials; theory "
        f"says {mean:.6g}, with a standard error of {error:.2g}",
        details,
    )


def require_square(
    subject: Subject, values: Floats, square: float, what: str, details: Details
) -> float:
    """``values`` are independent Gaussians of mean 0 with this mean square."""
    total = float(np.sum(np.square(values)))
    return within(
        excess_of_variance(total, values.size, square),
        f"{subject.name}: the {what} is {total / values.size:.6g} over {values.size} trials; "
        f"theory says {square:.6g}",
        details,
    )


def within(ratio: float, message: str, details: Details) -> float:
    """The ratio, if it conforms; what is undefined does not."""
    if ratio <= 1.0:
        return ratio
    raise Deviation(message, ratio=ratio, counterexample=details())


def in_turn(length: int, times: int) -> itertools.chain[int]:
    """The indices of ``length`` examples, so many times over."""
    return itertools.chain.from_iterable([range(length)] * times)
