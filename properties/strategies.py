"""Strategies that aim at the branches of an update rule on purpose.

A gradient sequence is drawn as a *pattern* for each coordinate (constant, alternating, shrinking,
...) times a magnitude (about epsilon, about 1, tiny, huge, zero), with a seed for its noise. That
is few draws for many numbers, reaches the branches that random gradients of one size never enter,
and shrinks to one coordinate with a constant gradient of 1.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Case, Claim, Floats, Signals
from optcheck.reference import FORMATS, Domain, Format, Method

Layout = tuple[tuple[int, ...], ...]

# Few layouts of few shapes: some libraries compile every operation once for each shape.
ONE: Layout = ((),)
SEVERAL: Layout = ((3,), (2, 2), (), (0,))
SCALARS: Layout = ((),) * 8
VECTOR: Layout = ((8,),)

# Gradients over time, as a function of the step number 0, 1, 2, ... and the number of steps.
PATTERNS: dict[str, Callable[[int, int], float]] = {
    "constant": lambda step, steps: 1.0,
    "alternating": lambda step, steps: (-1.0) ** step,
    "shrinking": lambda step, steps: 0.25**step,
    "growing": lambda step, steps: 2.0**step,
    "impulse": lambda step, steps: 1.0 if step == 0 else 0.0,
    "late": lambda step, steps: 1.0 if step >= 2 else 0.0,
    "flipping once": lambda step, steps: 1.0 if step < steps / 2 else -1.0,
}


def representable(values: Floats, form: Format) -> Floats:
    """``values`` rounded to nearest in ``form``; what is too large becomes the largest number."""
    significand, exponent = np.frexp(values)
    # Below the smallest normal number the spacing stays that of the smallest normal number.
    lost = np.maximum(form.minimum_exponent + 1 - exponent, 0)
    bits = form.bits - lost
    rounded = np.ldexp(np.round(np.ldexp(significand, bits)), exponent - bits)
    return np.asarray(np.clip(rounded, -form.largest, form.largest), dtype=np.float64)


@functools.cache  # making a strategy takes longer than drawing from it
def hyperparameter(domain: Domain) -> st.SearchStrategy[float]:
    """Usual values first, then values from the whole domain, its ends included."""
    usual = st.sampled_from(domain.typical)
    if domain.low == domain.high:
        return usual
    if domain.integer:
        return usual | st.integers(int(domain.low), int(min(domain.high, 30.0))).map(float)
    if math.isfinite(domain.low) and math.isfinite(domain.high):
        if not 0.0 <= domain.low < domain.high <= 1.0:
            return usual | st.floats(domain.low, domain.high).filter(lambda v: v in domain)
        near_one = st.integers(1, 12).map(lambda k: 1.0 - 2.0**-k)
        # The end itself is a usual value; what is next to it does nothing that 0 does not do.
        return usual | near_one | st.floats(max(domain.low, 1e-3), 1.0 - 2.0**-12)
    if domain.high <= 0:
        return usual | st.floats(-5.0, 1.0).map(lambda e: -(10.0**e))
    return usual | st.floats(-5.0, 1.0).map(lambda e: domain.low + 10.0**e)


def hyperparameters(
    domains: Mapping[str, Domain],
    claim: Claim,
    fixed: Mapping[str, float] | None = None,
    constraint: Callable[[Mapping[str, float]], str | None] = lambda h: None,
) -> st.SearchStrategy[dict[str, float]]:
    """Legal hyper-parameters that the library does not refuse."""
    given = {**claim.fixed, **(fixed or {})}
    values = st.fixed_dictionaries(
        {
            name: st.just(given[name]) if name in given else hyperparameter(domain)
            for name, domain in domains.items()
        }
    )
    return values.filter(lambda h: constraint(h) is None and claim.limits(h) is None)


# Sizes of a gradient: where branches are, and the range between. Names are resolved against the
# case's epsilon and format, so that the strategy is one object for all cases.
_BRANCHES: tuple[float | str, ...] = (
    *(1.0, "epsilon", "root of epsilon", "epsilon squared", 1e-4, 1e3, 1e-8, 0.0, -0.0),
    *("smallest normal", "large subnormal", "subnormal", "nearly overflowing square"),
)
_RANGE = tuple(10.0 ** (exponent / 2) for exponent in range(-30, 31))
# As many of the one kind as of the other.
_SIZES = (*_BRANCHES * (len(_RANGE) // len(_BRANCHES)), *_RANGE)


def _size(drawn: float | str, epsilon: float, form: Format) -> float:
    if not isinstance(drawn, str):
        return drawn
    named = {
        "epsilon": epsilon,
        "root of epsilon": math.sqrt(epsilon),
        "epsilon squared": epsilon**2,
        "smallest normal": form.smallest_normal,
        "large subnormal": 0.75 * form.smallest_normal,
        "subnormal": 3 * form.smallest_subnormal,
        "nearly overflowing square": math.sqrt(form.largest) / 64,
    }
    return named[drawn] or 1.0


@dataclass(frozen=True)
class Gradients:
    """How to draw gradient sequences: which patterns, and with noise or without."""

    patterns: tuple[str, ...] = tuple(PATTERNS)
    noise: bool = True

    @functools.cache  # noqa: B019 (few, and made once for all)
    def strategy(self, count: int) -> st.SearchStrategy[tuple[int, list[tuple[str, float, Any]]]]:
        """A seed of the noise, and a (pattern, sign, size) for each of ``count`` coordinates."""
        # One choice among all combinations: that is three times as fast as three choices.
        coordinate = st.sampled_from(list(itertools.product(self.patterns, (1.0, -1.0), _SIZES)))
        seeds = st.integers(0, 2**16) if self.noise else st.just(0)
        return st.tuples(seeds, st.lists(coordinate, min_size=count, max_size=count))


def extreme_gradients(form: Format, layout: Layout, steps: int) -> st.SearchStrategy[Any]:
    """Gradients near the ends of the range, and ordinary ones between, some changing sign.

    The largest leave room for sums of them, and their squares overflow. Each size occurs once, in
    any order, so that every example meets them all: ``layout`` has eight coordinates.
    """
    large, root = form.largest / 4096, 4 * math.sqrt(form.largest)
    small = 2.0 ** (form.minimum_exponent // 2)  # the square of less than that underflows
    sizes = (large, -large, root, -root, 1.0, small / 4, form.smallest_normal)
    alternate = (1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0)

    def build(order: list[tuple[float, float]]) -> tuple[tuple[Floats, ...], ...]:
        rows = [[size * sign**step for size, sign in order] for step in range(steps)]
        return tuple(split(representable(np.array(row), form), layout) for row in rows)

    pairs = zip((*sizes, form.smallest_subnormal), alternate, strict=True)
    return st.permutations(list(pairs)).map(build)


def gradient_sequence(
    drawn: tuple[int, list[tuple[str, float, Any]]], steps: int, epsilon: float, form: Format
) -> Floats:
    """The gradients that were drawn, shape ``(steps, count)``, representable in ``form``."""
    seed, coordinates = drawn
    gradients = np.zeros((steps, len(coordinates)))
    for column, (pattern, sign, size) in enumerate(coordinates):
        scale = sign * _size(size, epsilon, form)
        gradients[:, column] = [scale * PATTERNS[pattern](step, steps) for step in range(steps)]
    if seed:
        gradients *= np.random.default_rng(seed).uniform(0.5, 1.5, gradients.shape)
    return representable(gradients, form)


def _told(
    names: tuple[str, ...], seed: int, steps: int, layout: Layout, form: Format
) -> tuple[Signals, ...]:
    """What the rule is told beside its gradients: small whole losses, gradients of size 1."""
    random = np.random.default_rng(seed)

    def one(name: str) -> float | tuple[Floats, ...]:
        if name == "loss":
            return float(random.integers(0, 3))
        return split(representable(random.normal(size=_count(layout)), form), layout)

    return tuple({name: one(name) for name in names} for _ in range(steps)) if names else ()


def cases(
    method: Method,
    claim: Claim,
    dtype: str,
    *,
    max_steps: int = 1,
    min_steps: int = 1,
    fixed: Mapping[str, float] | None = None,
    scheduled: bool = False,
    layouts: tuple[Layout, ...] | None = None,
    gradients: Gradients | None = None,
    from_zero: bool = False,
) -> st.SearchStrategy[Case]:
    """Cases of an update rule: hyper-parameters, parameters, a gradient sequence."""
    form = FORMATS[dtype]
    names = method.dialect(claim.dialect).signals
    domains = method.domains(claim.dialect)
    changes = scheduled and method.scheduled and claim.scheduled
    shapes = layouts or ((ONE, SEVERAL) if method.elementwise else (ONE, VECTOR))
    # Strategies are made once, here: Hypothesis spends longer on making them than on drawing.
    drawn = [(gradients or Gradients()).strategy(_count(layout)) for layout in shapes]
    parts = st.tuples(
        hyperparameters(domains, claim, fixed, method.constraint),
        st.integers(min_steps, max_steps),
        # From zero the update itself is seen, and not its rounding into a large parameter.
        st.just(0.0) if from_zero else st.sampled_from([0.0, 1.0, 1e-6, 1e4]),
        st.sampled_from(_RATES) if changes else st.just("constant"),
        st.booleans(),
        st.one_of(
            *(st.tuples(st.just(layout), each) for layout, each in zip(shapes, drawn, strict=True))
        ),
        st.integers(0, 2**16) if names else st.just(0),
    )

    def build(values: tuple[Any, ...]) -> Case:
        h, steps, scale, rates, transposed, (layout, sequence), seed = values
        # Adding 0.0 turns the -0.0 of a zero start into 0.0.
        start = representable(scale * np.linspace(-1.0, 1.0, _count(layout)) + 0.0, form)
        rows = gradient_sequence(sequence, steps, h.get("epsilon", 0.0), form)
        return Case(
            hyperparameters=h,
            parameters=split(start, layout),
            gradients=tuple(split(row, layout) for row in rows),
            dtype=dtype,
            learning_rates=_learning_rates(rates, h["learning_rate"], steps),
            transposed=transposed and layout is SEVERAL,
            signals=_told(names, seed, steps, layout, form),
        )

    return parts.map(build)


_RATES = ("constant", "falls once", "halves", "warms up")


def _learning_rates(kind: str, rate: float, steps: int) -> tuple[float, ...] | None:
    """A rate for each step, or None for a constant one; float32 holds every value."""
    if kind == "constant":
        return None
    base = float(np.float32(rate))
    factors = {
        "falls once": [1.0 if step < steps / 2 else 0.125 for step in range(steps)],
        "halves": [0.5**step for step in range(steps)],
        "warms up": [min(1.0, 0.25 * 2.0**step) for step in range(steps)],
    }
    return tuple(base * factor for factor in factors[kind])


def _count(layout: Layout) -> int:
    return sum(math.prod(shape) for shape in layout)


def split(values: Floats, layout: Layout) -> tuple[Floats, ...]:
    """A flat vector cut into arrays of the given shapes."""
    sizes = [math.prod(shape) for shape in layout]
    ends = np.cumsum([0, *sizes])
    return tuple(
        values[start : start + size].reshape(shape)
        for start, size, shape in zip(ends[:-1], sizes, layout, strict=True)
    )
