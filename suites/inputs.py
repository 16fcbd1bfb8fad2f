"""Inputs in which nothing is round: settings, sizes, signs and rates all differ.

Whatever two forms of an update rule do otherwise, such an input shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optcheck.backends.interface import Case, Claim, Floats
from optcheck.reference import METHODS, Domain, Method

# A variance is rectified after six updates.
STEPS = 8
POOL = 6
# Of the coordinates' gradients; some coordinates differ in their signs and in when they move.
_SIZES = np.array([1.0, 1.0, 3.0, 0.3, 0.05, 1.0])
# All that any dialect is told beside its gradient.
_SIGNALS = sorted(
    {name for m in METHODS.values() for form in m.dialects.values() for name in form.signals}
)
# Hyper-parameters that go together with any others.
_FREE = ("learning_rate", "epsilon", "weight_decay")


@dataclass(frozen=True)
class Input:
    """Where to start, a gradient for each step, and what a rule may be told beside it.

    ``start`` has ``n`` elements, ``gradients`` the shape ``(STEPS, n)``; ``factors`` are those of
    the learning rate at each step, all 1 where it is constant.
    """

    dtype: str
    start: Floats
    gradients: Floats
    factors: Floats
    told: tuple[Mapping[str, Any], ...]

    def signals(self, names: Sequence[str], step: int) -> dict[str, Any]:
        """What is told at ``step`` (from 0), flat."""
        return {name: self.told[step][name] for name in names}

    def case(
        self, h: Mapping[str, float], signals: Sequence[str] = (), *, scheduled: bool = False
    ) -> Case:
        """The input with hyper-parameters, for a rule that is told these signals."""
        changes = scheduled and bool(np.any(self.factors != 1.0))
        rates = _short(h["learning_rate"] * self.factors).tolist() if changes else None
        return Case(
            hyperparameters=h,
            parameters=(self.start,),
            gradients=tuple((row,) for row in self.gradients),
            dtype=self.dtype,
            learning_rates=None if rates is None else tuple(rates),
            signals=tuple(_as_arrays(self.signals(signals, s)) for s in range(STEPS))
            if signals
            else (),
        )


def inputs(dtype: str) -> Iterator[Input]:
    """The pool; the learning rate changes in every second one, the first of them included."""
    for seed in range(POOL):
        random = np.random.default_rng(seed)
        n = _SIZES.size
        gradients = _SIZES * random.uniform(0.2, 1.0, (STEPS, n))
        gradients *= random.choice([-1.0, 1.0], n)
        gradients[:, 1] *= (-1.0) ** np.arange(STEPS)
        gradients[1:, 5] = 0.0
        told = tuple({name: _told(name, random, n) for name in _SIGNALS} for _ in range(STEPS))
        factors = np.ones(STEPS) if seed % 2 else random.uniform(0.3, 1.0, STEPS)
        yield Input(dtype, _short(random.normal(size=n)), _short(gradients), factors, told)


def settings(record: Method, claim: Claim, seed: int) -> dict[str, float] | None:
    """Hyper-parameters of few digits; None where the method or the library refuses them."""
    random = np.random.default_rng(1000 + seed)
    domains = record.domains(claim.dialect)
    drawn = {name: draw(name, domain, random) for name, domain in domains.items()} | dict(
        claim.fixed
    )
    usual = {name: claim.fixed.get(name, domain.typical[0]) for name, domain in domains.items()}
    for h in (drawn, {**usual, **{name: drawn[name] for name in _FREE if name in drawn}}, usual):
        if record.constraint(h) is None and claim.limits(h) is None:
            return h
    return None


def draw(name: str, domain: Domain, random: np.random.Generator) -> float:
    """From the middle of the domain."""
    if domain.integer or domain.low == domain.high:
        return float(random.choice(domain.typical))
    if name == "epsilon":
        return float(f"{10 ** random.uniform(-2.5, -0.5):.2g}")
    if name.endswith("rate") or name == "weight_decay":
        return float(f"{10 ** random.uniform(-1.5, -0.5):.2g}")
    if name == "beta2" and random.uniform() < 0.5:
        return float(random.choice(domain.typical[:2]))
    drawn = round(random.uniform(0.3, 0.9), 3)
    return drawn if drawn in domain else float(random.choice(domain.typical))


def _told(name: str, random: np.random.Generator, n: int) -> float | Floats:
    """A small whole loss, or something like a gradient."""
    return float(random.integers(0, 3)) if name == "loss" else _short(random.normal(size=n))


def _as_arrays(signals: Mapping[str, Any]) -> dict[str, Any]:
    """One array a parameter, as cases have it."""
    return {
        name: (value,) if isinstance(value, np.ndarray) else value
        for name, value in signals.items()
    }


def _short(values: Floats) -> Floats:
    """Of eight bits: representable in every format."""
    significand, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(significand * 2**8), exponent - 8), dtype=np.float64)
