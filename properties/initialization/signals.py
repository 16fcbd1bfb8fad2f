"""Stacks of layers with weights from an initializer, and what goes through them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.layers import Layer
from optcheck.properties.initialization.drawing import (
    Plan,
    deviation,
    distribution,
    draw,
    draw_plan,
    is_random,
    repeated,
    require,
    taken,
)
from optcheck.properties.law import Deviation, Subject
from optcheck.reference.initialization.propagation import Growth

# Two shapes for all laws: some libraries compile for each, and for each number of draws.
WIDE = 32
SQUARE = Layer(WIDE, WIDE)
SQUARES = 100
# A shape of the laws of initial values too, drawn once from each of so many seeds.
NARROWING = Layer(128, 64)
MATRICES = 4


@dataclass(frozen=True)
class Stack:
    """Weights of equal layers; the plans differ in their seeds alone."""

    subject: Subject
    plans: tuple[Plan, ...]

    @property
    def plan(self) -> Plan:
        """The first one."""
        return self.plans[0]

    @functools.cached_property
    def weights(self) -> Floats:
        """As the library draws them, shape ``(draws, outputs, inputs)``."""
        return np.concatenate([draw(self.subject, plan) for plan in self.plans])

    def blocks(self, size: int) -> Floats:
        """All weights as square layers of that size, those of one place one after the other."""
        rows, columns = (each // size for each in self.plan.layer.shape)
        cut = self.weights.reshape(-1, rows, size, columns, size)
        return cut.transpose(1, 3, 0, 2, 4).reshape(-1, size, size)

    @property
    def variance(self) -> float:
        """Of each weight; of an orthogonal matrix by its gain."""
        if is_orthogonal(self.subject):
            return self.plan.hyperparameters["gain"] ** 2 / self.plan.layer.inputs
        return distribution(self.subject, self.plan).variance

    def growth(self, units: int = WIDE, *, rectified: bool) -> Growth:
        """Of signals in a layer of so many units."""
        return Growth(units, self.variance, rectified, is_orthogonal(self.subject))

    def require(self, message: str, ratio: float) -> float:
        """The ratio; a deviation where it is above 1."""
        return require(self.subject, self.plan, ratio, message, seeds=self._seeds)

    def deviation(self, message: str) -> Deviation:
        """A deviation of all draws."""
        return deviation(self.subject, self.plan, message, seeds=self._seeds)

    @property
    def _seeds(self) -> list[int]:
        return [plan.seed for plan in self.plans]


def squares(subject: Subject, data: st.DataObject, **given: float) -> Stack:
    """Layers that have as many units as inputs; ``given`` hyper-parameters are told."""
    return Stack(subject, (repeated(draw_plan(subject, data, (SQUARE,), **given), SQUARES),))


def narrowing(subject: Subject, data: st.DataObject) -> Stack:
    """Layers that have half as many units as inputs."""
    plan = draw_plan(subject, data, (NARROWING,))
    seeds = np.random.default_rng(plan.seed).choice(2**31 - 1, MATRICES, replace=False).tolist()
    return Stack(subject, tuple(replace(plan, seed=seed) for seed in seeds))


def is_orthogonal(subject: Subject) -> bool:
    """Whether all weights of a matrix hang together."""
    return bool(subject.record.id == "orthogonal" and taken(subject, (SQUARE,)))


def is_gaussian(subject: Subject) -> bool:
    """Whether weights of dense layers are independent Gaussians around zero."""
    kind = (subject.record.id, subject.claim.dialect)
    return has_known_moments(subject) and kind in (
        ("normal", "standard-deviation"),
        ("he-normal", "fan-in"),
        ("he-normal", "fan-out"),
        ("glorot-normal", "harmonic-mean"),
    )


def is_symmetric(subject: Subject) -> bool:
    """Whether weights of dense layers are independent, alike, and symmetric about zero."""
    return subject.claim.dialect != "from-zero" and has_known_moments(subject)


def has_known_moments(subject: Subject) -> bool:
    """Whether weights of dense layers are independent, about as many on each side of the mean."""
    dense = is_random(subject) and bool(taken(subject, (SQUARE,)))
    return dense and subject.claim.dialect not in ("absolute-bounds", "hidden-units")


@dataclass(frozen=True)
class Passage:
    """Of one layer: what enters, of length 1, what its weights make of it, and what leaves."""

    enters: Floats
    weighed: Floats
    leaves: Floats


def forwards(matrices: Floats, *, rectified: bool) -> list[Passage]:
    """A signal through all layers, square matrices one after the other.

    Only the direction of what leaves a layer enters the next one: lengths neither overflow nor
    vanish. Where no unit is active, a new signal enters it.
    """
    passages = []
    signal = _new(matrices.shape[2])
    for matrix in matrices:
        before = matrix @ signal
        after = np.maximum(before, 0.0) if rectified else before
        passages.append(Passage(signal, before, after))
        signal = _direction(after)
    return passages


def backwards(matrices: Floats, *, rectified: bool) -> list[Passage]:
    """A delta from the last layer, which is linear, to the first.

    A rectified unit lets through where it is active in the forward pass; there is none before the
    first layer.
    """
    active = [each.weighed > 0.0 for each in forwards(matrices, rectified=True)]
    passages = []
    delta = _new(matrices.shape[1])
    for layer in reversed(range(len(matrices))):
        back = delta @ matrices[layer]
        after = np.where(active[layer - 1], back, 0.0) if rectified and layer else back
        passages.append(Passage(delta, back, after))
        delta = _direction(after)
    return passages[::-1]


def _new(size: int) -> Floats:
    """A signal of which no two coordinates are equal."""
    return _direction(np.arange(1.0, size + 1))


def _direction(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0.0 else _new(vector.size)
