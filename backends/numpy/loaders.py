"""Minibatches by ``numpy.random``: one generator for all epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()

Indices = npt.NDArray[np.int64]
Batches = list[list[list[int]]]


def _kept(order: Indices, batch_size: int) -> list[list[int]]:
    """All of it; the last batch is shorter where the size does not divide the number."""
    parts = np.split(order, range(batch_size, len(order), batch_size))
    return [part.tolist() for part in parts]


def _dropped(order: Indices, batch_size: int) -> list[list[int]]:
    """Full batches alone."""
    count = len(order) // batch_size
    batches: list[list[int]] = order[: count * batch_size].reshape(count, batch_size).tolist()
    return batches


def _loader(dialect: str, name: str) -> Callable[[Any], Any]:
    return rules.loader("minibatches", dialect=dialect, options={"function": name})


@_loader("in-order", "numpy.split")
def in_order(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """The examples as they come."""
    return [_kept(np.arange(examples), batch_size) for _ in range(epochs)]


@_loader("in-order+dropped", "numpy.reshape")
def in_order_dropped(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """The examples as they come, without a shorter batch."""
    return [_dropped(np.arange(examples), batch_size) for _ in range(epochs)]


@_loader("shuffled", "Generator.permutation")
def permutation(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """A new permutation for every epoch."""
    random = np.random.default_rng(seed)
    return [_kept(random.permutation(examples), batch_size) for _ in range(epochs)]


@_loader("shuffled", "Generator.shuffle")
def shuffle(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """One array, shuffled again in place before every epoch."""
    random, order, drawn = np.random.default_rng(seed), np.arange(examples), []
    for _ in range(epochs):
        random.shuffle(order)
        drawn.append(_kept(order, batch_size))
    return drawn


@_loader("shuffled", "Generator.choice")
def choice(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """As many as there are, without replacement."""
    random = np.random.default_rng(seed)
    orders = (random.choice(examples, examples, replace=False) for _ in range(epochs))
    return [_kept(order, batch_size) for order in orders]


@_loader("shuffled+dropped", "Generator.permutation")
def permutation_dropped(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """A new permutation for every epoch; what is left over at its end waits for the next one."""
    random = np.random.default_rng(seed)
    return [_dropped(random.permutation(examples), batch_size) for _ in range(epochs)]


@_loader("with-replacement", "Generator.integers")
def integers(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """As many indices as there are examples, each drawn from all."""
    random = np.random.default_rng(seed)
    return [_kept(random.integers(examples, size=examples), batch_size) for _ in range(epochs)]


@_loader("with-replacement", "Generator.choice")
def choice_with_replacement(examples: int, batch_size: int, epochs: int, seed: int) -> Batches:
    """As many indices as there are examples, each drawn from all."""
    random = np.random.default_rng(seed)
    return [_kept(random.choice(examples, examples), batch_size) for _ in range(epochs)]
