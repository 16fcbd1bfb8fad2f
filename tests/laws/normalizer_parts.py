"""Normalisers made of parts, each of which a slip may replace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from wrong_variants import Rule

Wide = np.longdouble
Function = Callable[..., Any]


def mean(rows: Any) -> Any:
    """Of each row, as a column; NaN of none."""
    return np.sum(rows, axis=1, keepdims=True) / rows.shape[1]


def two_pass(rows: Any) -> Any:
    """Mean and variance of each row, as columns."""
    centre = mean(rows)
    return centre, mean((rows - centre) ** 2)


def one_pass(rows: Any) -> Any:
    """By the mean of the squares, in the precision of ``rows``."""
    centre = mean(rows)
    return centre, np.maximum(mean(rows**2) - centre**2, 0)


def unbiased(rows: Any) -> Any:
    """With n - 1 for n."""
    centre, variance = two_pass(rows)
    return centre, variance * rows.shape[1] / (rows.shape[1] - 1)


def normal(rows: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    """Epsilon inside the root."""
    return (rows - centre) / np.sqrt(variance + epsilon)


def through(rows: Any, slopes: Any, centre: Any, variance: Any, epsilon: float) -> Any:
    """The derivative through both statistics."""
    values = normal(rows, centre, variance, epsilon)
    along = mean(slopes * values)
    centred = slopes - mean(slopes)
    return (centred - values * along) / np.sqrt(variance + epsilon)


def counted(rows: Any, mask: Any) -> Any:
    """The members of a group that a mask leaves."""
    return rows[:, mask]


@dataclass(frozen=True)
class Parts:
    """What a normaliser is made of; ``rows`` hold the values that share their statistics."""

    group: str
    moments: Function = two_pass
    normal: Function = normal
    # What is left of an average after a batch: momentum and number of the batch.
    kept: Function | None = None
    # What is averaged: variance and how many values it is of.
    spread: Function = lambda variance, count: variance
    deviation: bool = False
    start: float = 1.0
    derivative: Function = through
    counted: Function = counted
    least: int = 1
    dtype: Any = Wide
    # Whose statistics: of "batch", "averages", or "start".
    training: str = "batch"
    inference: str = "averages"
    learns_in_inference: bool = False
    after: bool = True
    # An example that counts does so once, not at every place.
    once: bool = False

    def rule(self) -> Rule:
        """A class as the adapter takes it."""
        return type("Normalizer", (Normalizer,), {"parts": self})


class Normalizer:
    """A normaliser made of parts."""

    parts: Parts

    def __init__(
        self, features: Any, gain: Any, shift: Any, *, epsilon: float, momentum: float = 0.0
    ) -> None:
        self.gain, self.shift, self.epsilon, self.momentum = gain, shift, epsilon, momentum
        self.count = 0
        self.mean = np.zeros((features[0], 1), Wide)
        self.spread = np.full((features[0], 1), self.parts.start, Wide)

    def rows(self, batch: Any) -> Any:
        if self.parts.group == "feature":
            return np.moveaxis(batch, 1, 0).reshape(batch.shape[1], -1)
        if self.parts.group == "batch":
            return batch.reshape(len(batch), -1).T
        return batch.reshape(-1, batch.shape[-1] if self.parts.group == "last-axis" else self.size)

    def back(self, rows: Any, batch: Any) -> Any:
        if self.parts.group == "feature":
            moved = (batch.shape[1], len(batch), *batch.shape[2:])
            return np.moveaxis(rows.reshape(moved), 0, 1).astype(batch.dtype)
        if self.parts.group == "batch":
            return rows.T.reshape(batch.shape).astype(batch.dtype)
        return rows.reshape(batch.shape).astype(batch.dtype)

    def wide(self, batch: Any) -> Any:
        self.size = int(np.prod(batch.shape[1:]))
        return self.rows(batch.astype(self.parts.dtype))

    def output(self, batch: Any, centre: Any, variance: Any) -> Any:
        parts, rows = self.parts, self.wide(batch)
        if self.gain is not None and not parts.after:
            rows = self.wide(self.affine(batch))
        values = self.back(parts.normal(rows, centre, variance, self.epsilon), batch)
        return values if self.gain is None or not parts.after else self.affine(values)

    def per_value(self, learned: Any, batch: Any) -> Any:
        feature = self.parts.kept is not None
        return learned.reshape(-1, *[1] * (batch.ndim - 2)) if feature else learned

    def affine(self, batch: Any) -> Any:
        return batch * self.per_value(self.gain, batch) + self.per_value(self.shift, batch)

    def train(self, batch: Any) -> Any:
        return self.train_masked(batch, np.ones(len(batch), dtype=bool))

    def train_masked(self, batch: Any, mask: Any) -> Any:
        parts, rows = self.parts, self.wide(batch)
        members = np.ones(rows.shape[1], dtype=bool)
        if parts.group == "feature":
            members = np.repeat(mask, int(np.prod(batch.shape[2:])))
        if members.sum() < parts.least:
            raise ValueError("too few values")
        centre, variance = parts.moments(parts.counted(rows, members))
        if parts.once:
            places = int(np.prod(batch.shape[2:]))
            centre, variance = centre * places, variance * places
        self.average(centre, variance, int(members.sum()))
        if parts.training == "averages":
            return self.evaluate(batch)
        return self.output(batch, centre, variance)

    def average(self, centre: Any, variance: Any, size: int) -> None:
        if self.parts.group == "feature":
            self.count += 1
            left = self.parts.kept(self.momentum, self.count) if self.parts.kept else 0.0
            new = self.parts.spread(variance, size) if self.parts.kept else variance
            self.mean = left * self.mean + (1 - left) * centre
            self.spread = left * self.spread + (1 - left) * new

    def evaluate(self, batch: Any) -> Any:
        parts, rows = self.parts, self.wide(batch)
        if parts.inference == "batch" or parts.group != "feature":
            return self.output(batch, *parts.moments(rows))
        if parts.learns_in_inference:
            self.average(*parts.moments(rows), rows.shape[1])
        if parts.inference == "start":
            return self.output(batch, 0.0, 1.0)
        return self.output(batch, self.mean, self.spread**2 if parts.deviation else self.spread)

    def gradients(self, batch: Any, cotangent: Any) -> Any:
        rows = self.wide(batch)
        statistics = self.parts.moments(rows)
        values = self.back(self.parts.normal(rows, *statistics, self.epsilon), batch)
        others = tuple(range(batch.ndim))
        if self.gain is None:
            weighted = cotangent
        else:
            weighted = cotangent * self.per_value(self.gain, batch)
            own = (1,) if self.parts.kept else others[batch.ndim - self.gain.ndim :]
            others = tuple(axis for axis in others if axis not in own)
        slopes = self.parts.derivative(rows, self.wide(weighted), *statistics, self.epsilon)
        return {
            "batch": self.back(slopes, batch),
            "gain": np.sum(cotangent * values, axis=others),
            "shift": np.sum(cotangent, axis=others),
        }

    def state(self) -> Any:
        if self.parts.kept is None:
            return {}
        name = "deviation" if self.parts.deviation else "variance"
        return {"mean": self.mean.ravel(), name: self.spread.ravel()}
