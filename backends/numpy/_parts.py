"""What the rules of several families are made of.

All of it works on arrays of any shape and leaves their dtype as it is: hyper-parameters and what
is computed from them and the step count are Python floats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
State = dict[str, Any]


def buffer(state: State, name: str, like: Array, fill: float = 0.0) -> Array:
    """The state array ``name``, made on first use."""
    if name not in state:
        state[name] = np.full_like(like, fill)
    array: Array = state[name]
    return array


def average(state: State, name: str, value: Array, decay: float) -> Array:
    """Update an exponential average in place; ``value`` is overwritten."""
    average = buffer(state, name, value)
    average *= decay
    value *= 1.0 - decay
    average += value
    return average


def next_step(state: State) -> int:
    """Count this step; the first one is 1."""
    step: int = state.get("step", 0) + 1
    state["step"] = step
    return step


def outside_root(squares: Array, epsilon: float) -> Array:
    """A denominator with epsilon outside the root."""
    denominator: Array = np.sqrt(squares) + epsilon
    return denominator


def inside_root(squares: Array, epsilon: float) -> Array:
    """A denominator with epsilon inside the root."""
    denominator: Array = np.sqrt(squares + epsilon)
    return denominator
