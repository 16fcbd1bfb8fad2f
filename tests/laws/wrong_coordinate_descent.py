"""Wrong coordinate descents."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, walk
from optcheck.backends.numpy.minimizers.coordinate_descent import block_displacement

DIRECTION = "direction-is-the-equation"
LINE = "step-is-the-minimum-along-its-line"
MINIMUM = "each-update-is-a-minimum-over-its-block"
GAUSS_SEIDEL = "coordinate-descent-is-gauss-seidel"
CRAWLS = "coordinate-descent-crawls-where-variables-are-coupled"
STAYS = "coordinate-descent-stays-at-kinks-and-saddles"

# The number of coordinates, or blocks, to which of them is next, for ever.
Order = Callable[[int], Iterator[int]]
# (gradient, coordinate) to a direction.
Direction = Callable[[Any, int], Any]


def _in_turn(count: int) -> Iterator[int]:
    return itertools.cycle(range(count))


def _backwards(count: int) -> Iterator[int]:
    return itertools.cycle(reversed(range(count)))


def _to_and_fro(count: int) -> Iterator[int]:
    return itertools.cycle([*range(count), *reversed(range(count))])


def _all_but_the_last(count: int) -> Iterator[int]:
    return itertools.cycle(range(max(count - 1, 1)))


def _downhill(g: Any, index: int) -> Any:
    d = np.zeros_like(g)
    d[index] = -np.sign(g[index])
    return d


def _by_the_slope(g: Any, index: int) -> Any:
    """As long as the slope, and not 1."""
    d = np.zeros_like(g)
    d[index] = -g[index]
    return d


def _steepest(g: Any, index: int) -> Any:
    """All coordinates at once."""
    return -g


def _greedy(g: Any, index: int) -> Any:
    """The coordinate with the largest slope, out of turn."""
    return _downhill(g, int(np.argmax(np.abs(g))))


def _leaking(g: Any, index: int) -> Any:
    """A little of the next coordinate too."""
    return _downhill(g, index) + 1e-6 * _downhill(g, (index + 1) % len(g))


def _along(scale: float = 1.0) -> Any:
    def step(objective: Any, x: Any, g: Any, d: Any) -> float | None:
        a = exact_step(objective, x, g, d) if np.any(d) else 0.0
        return None if a is None else scale * a

    return step


def _one_newton_step(objective: Any, x: Any, g: Any, d: Any) -> float:
    """Exact on quadratics alone."""
    curvature = d @ objective.hessian(x) @ d
    return float(-(g @ d) / curvature) if curvature > 0.0 else 0.0


def cyclic(direction: Direction = _downhill, order: Order = _in_turn, step: Any = None) -> Rule:
    """Cyclic coordinate descent with another direction, order or step."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        turns = order(x.size)
        taken = step or _along()
        return walk(objective, x, lambda x, g: direction(g, next(turns)), taken, **given)

    return rule


def _jacobi(objective: Any, x: Any, **given: Any) -> Any:
    """A sweep goes by the gradient at its start, as Jacobi's iteration does."""
    turns, kept = _in_turn(x.size), {}

    def direction(x: Any, g: Any) -> Any:
        index = next(turns)
        if index == 0:
            kept["start"] = x
        return _downhill(objective.gradient(kept["start"]), index)

    def step(objective: Any, x: Any, g: Any, d: Any) -> float | None:
        start = kept["start"]
        return _along()(objective, start, objective.gradient(start), d)

    return walk(objective, x, direction, step, **given)


# (objective, x, block) to a displacement.
Displacement = Callable[[Any, Any, Any], Any]


def block(displacement: Displacement = block_displacement, order: Order = _in_turn) -> Rule:
    """Block coordinate descent with another displacement or order."""

    def rule(objective: Any, x: Any, *, block_size: float, **given: Any) -> Any:
        size = int(block_size)
        blocks = [np.arange(i, min(i + size, x.size)) for i in range(0, x.size, size)]
        turns = order(len(blocks))

        def direction(x: Any, g: Any) -> Any:
            return displacement(objective, x, blocks[next(turns)])

        def whole(objective: Any, x: Any, g: Any, d: Any) -> float | None:
            return 1.0 if np.all(np.isfinite(d)) else None

        return walk(objective, x, direction, whole, **given)

    return rule


def _scaled(factor: float) -> Displacement:
    return lambda objective, x, block: factor * block_displacement(objective, x, block)


def _one_step(objective: Any, x: Any, block: Any) -> Any:
    """One step of Newton's, which is the minimum on quadratics alone."""
    d = np.zeros_like(x)
    curvature = objective.hessian(x)[np.ix_(block, block)]
    d[block] = np.linalg.solve(curvature, -objective.gradient(x)[block])
    return d


def _one_by_one(objective: Any, x: Any, block: Any) -> Any:
    """The coordinates of the block, each once."""
    end = x
    for index in block:
        end = end + block_displacement(objective, end, np.array([index]))
    return end - x


def _all_at_once(objective: Any, x: Any, block: Any) -> Any:
    """The whole minimum, whatever the block."""
    return block_displacement(objective, x, np.arange(x.size))


def _half_the_block(objective: Any, x: Any, block: Any) -> Any:
    return block_displacement(objective, x, block[: max(1, len(block) // 2)])


def _touching(objective: Any, x: Any, block: Any) -> Any:
    """Moves the others a little."""
    return block_displacement(objective, x, block) + 1e-9


CYCLIC = cyclic()
BLOCK = block()

CYCLIC_SLIPS = [
    Slip(
        "steepest",
        "moves all coordinates at once",
        (DIRECTION, MINIMUM, GAUSS_SEIDEL, CRAWLS, STAYS),
        fixed(cyclic(_steepest)),
    ),
    Slip(
        "backwards",
        "goes through the coordinates from the last to the first",
        (DIRECTION, MINIMUM, GAUSS_SEIDEL, CRAWLS),
        fixed(cyclic(order=_backwards)),
    ),
    Slip(
        "to-and-fro",
        "turns round at the last coordinate",
        (DIRECTION, MINIMUM),
        fixed(cyclic(order=_to_and_fro)),
    ),
    Slip(
        "one-coordinate-less",
        "never moves the last coordinate",
        (DIRECTION, MINIMUM, GAUSS_SEIDEL),
        fixed(cyclic(order=_all_but_the_last)),
    ),
    Slip(
        "greedy",
        "takes the steepest coordinate out of turn",
        (DIRECTION, MINIMUM, GAUSS_SEIDEL),
        fixed(cyclic(_greedy)),
    ),
    Slip(
        "by-the-slope",
        "goes along the partial derivative and not along a unit vector",
        (DIRECTION,),
        fixed(cyclic(_by_the_slope)),
    ),
    Slip(
        "leaking",
        "moves the next coordinate a little too",
        (DIRECTION, MINIMUM),
        fixed(cyclic(_leaking)),
    ),
    Slip(
        "jacobi",
        "goes by the values at the start of the sweep",
        (MINIMUM, GAUSS_SEIDEL, CRAWLS, LINE),
        fixed(_jacobi),
    ),
    Slip(
        "over-relaxed",
        "goes half as far again, as over-relaxation does",
        (LINE, MINIMUM, GAUSS_SEIDEL, CRAWLS),
        fixed(cyclic(step=_along(1.5))),
    ),
    Slip(
        "short",
        "stops a thousandth before the minimum",
        (LINE, MINIMUM, GAUSS_SEIDEL),
        fixed(cyclic(step=_along(0.999))),
    ),
    Slip(
        "one-newton-step",
        "takes one step of Newton's for the minimum along the coordinate",
        (MINIMUM,),
        fixed(cyclic(step=_one_newton_step)),
    ),
]
BLOCK_SLIPS = [
    Slip(
        "one-newton-step",
        "takes one step of Newton's for the minimum over the block",
        (MINIMUM,),
        fixed(block(_one_step)),
        raises=True,
    ),
    Slip(
        "one-by-one",
        "minimises over each coordinate of the block once",
        (MINIMUM, GAUSS_SEIDEL, CRAWLS),
        fixed(block(_one_by_one)),
    ),
    Slip(
        "all-at-once",
        "minimises over all coordinates",
        (MINIMUM, GAUSS_SEIDEL, CRAWLS, STAYS),
        fixed(block(_all_at_once)),
    ),
    Slip(
        "half-the-block",
        "minimises over half of the block",
        (MINIMUM, GAUSS_SEIDEL),
        fixed(block(_half_the_block)),
    ),
    Slip(
        "backwards",
        "goes through the blocks from the last to the first",
        (MINIMUM, GAUSS_SEIDEL),
        fixed(block(order=_backwards)),
    ),
    Slip(
        "touching",
        "moves the other coordinates a little",
        (MINIMUM, STAYS),
        fixed(block(_touching)),
    ),
    Slip(
        "short",
        "stops a thousandth before the minimum",
        (LINE, MINIMUM, GAUSS_SEIDEL, CRAWLS),
        fixed(block(_scaled(0.999))),
    ),
    Slip(
        "over-relaxed",
        "goes half as far again",
        (LINE, MINIMUM, GAUSS_SEIDEL, CRAWLS),
        fixed(block(_scaled(1.5))),
    ),
]

FAMILIES = [
    Family(
        "coordinate-descent",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim={"promises": ("gradient-maximum",)},
    )
    for dialect, right, slips in (
        ("cyclic", CYCLIC, CYCLIC_SLIPS),
        ("block", BLOCK, BLOCK_SLIPS),
    )
]
