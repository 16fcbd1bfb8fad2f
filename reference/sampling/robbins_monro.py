"""Which schedules satisfy the conditions of Robbins and Monro, decided from closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from flint import arb

from optcheck.reference.balls import ball_arithmetic
from optcheck.reference.registry import statement

statement(
    "robbins-monro-conditions",
    title="The rates must add up to infinity, and their squares must not",
    formula=r"\sum_{k=1}^{\infty}\eta_k=\infty,\qquad\sum_{k=1}^{\infty}\eta_k^2<\infty",
    sources=("goodfellow:8.11",),
)
statement(
    "schedule-too-fast-cooling",
    title="A schedule that cools too fast stops short of the minimum",
    formula=(
        r"\sum_\tau\eta^{(\tau)}<\infty\ \Rightarrow\ "
        r"\|\mathbf w^{(\infty)}-\mathbf w^{(0)}\|\le G\sum_\tau\eta^{(\tau)}"
    ),
    sources=("trofimov:slide 'Learning Rate Tuning'",),
)

Hyperparameters = Mapping[str, float]


@dataclass(frozen=True)
class PowerTail:
    """Rates ``scale (1 + tau / time)**-order`` from the step ``after`` on; a p-series."""

    order: float
    scale: float
    time: Fraction
    after: int = 0

    def sum_is_finite(self, power: int) -> bool:
        """Of the rates, each to that power: the p-series converges for p > 1 alone."""
        return power * self.order > 1.0

    def bounds(self, start: int, stop: int, power: int) -> tuple[arb, arb]:
        """On the sum over ``start <= tau < stop``, by the integral test.

        A falling function is summed between its integrals over the interval as it is and shifted
        by one, which differ by less than the first summand less the last.
        """
        integral = self._integral(start, stop, power)
        return integral, integral + self._rate(start) ** power - self._rate(stop) ** power

    def _rate(self, step: int) -> arb:
        return arb(self.scale) * self._elapsed(step) ** -arb(self.order)

    def _elapsed(self, step: int) -> arb:
        return 1 + arb(step) / self._time

    @property
    def _time(self) -> arb:
        return arb(self.time.numerator) / self.time.denominator

    def _integral(self, start: int, stop: int, power: int) -> arb:
        order = power * arb(self.order)
        low, high = self._elapsed(start), self._elapsed(stop)
        if (order - 1).contains(0):
            area = (high / low).log()
        else:
            area = (high ** (1 - order) - low ** (1 - order)) / (1 - order)
        return arb(self.scale) ** power * self._time * area


@dataclass(frozen=True)
class GeometricTail:
    """Rates ``scale exp(logarithm floor(tau / period))``; every sum is a geometric series.

    ``logarithm`` is a function, so that it is computed in balls.
    """

    falls: bool
    logarithm: Callable[[], arb]
    scale: float
    period: int = 1
    after: int = 0

    def sum_is_finite(self, power: int) -> bool:
        """Of the rates, each to that power."""
        return self.falls

    def bounds(self, start: int, stop: int, power: int) -> tuple[arb, arb]:
        """On the sum over ``start <= tau < stop``: the sum itself, twice."""
        total = self._sum(stop, power) - self._sum(start, power)
        return total, total

    def _sum(self, stop: int, power: int) -> arb:
        (whole, rest), q = divmod(stop, self.period), (power * self.logarithm()).exp()
        series = (1 - q**whole) / (1 - q) if self.falls else arb(whole)
        return arb(self.scale) ** power * (self.period * series + rest * q**whole)


Tail = PowerTail | GeometricTail


def _constant(rate: float, after: int = 0) -> Tail:
    """The rate for ever; where it is 0, any series of zeros will do."""
    return GeometricTail(rate == 0.0, lambda: arb(-1 if rate == 0.0 else 0), rate, after=after)


TAILS: dict[str, Callable[[Hyperparameters], Tail]] = {
    "linear-schedule": lambda h: _constant(h["final_rate"], int(h["decay_steps"])),
    "power-law-schedule": lambda h: PowerTail(
        -h["exponent"], h["initial_rate"], Fraction(h["decay_steps"])
    ),
    "exponential-schedule": lambda h: GeometricTail(
        h["decay_factor"] < 1.0,
        lambda: arb(h["decay_factor"]).log() / arb(h["decay_steps"]),
        h["initial_rate"],
    ),
    "exponential-rate-schedule": lambda h: GeometricTail(
        h["decay_rate"] > 0.0, lambda: -arb(h["decay_rate"]), h["initial_rate"]
    ),
    "inverse-time-schedule": lambda h: (
        PowerTail(1.0, h["initial_rate"], 1 / Fraction(h["decay_rate"]))
        if h["decay_rate"]
        else _constant(h["initial_rate"])
    ),
    "step-schedule": lambda h: GeometricTail(
        h["decay_factor"] < 1.0,
        lambda: arb(h["decay_factor"]).log(),
        h["initial_rate"],
        int(h["decay_steps"]),
    ),
    "linear-warm-up": lambda h: _constant(h["learning_rate"], int(h["warm_up_steps"])),
}


def tail(schedule: str, hyperparameters: Hyperparameters) -> Tail:
    """What the rates of a schedule are from some step on: all that the conditions ask."""
    return TAILS[schedule](hyperparameters)


def robbins_monro(schedule: str, hyperparameters: Hyperparameters) -> tuple[bool, bool]:
    """Whether the rates add up to infinity, and whether their squares stay finite.

    The conditions of Robbins and Monro hold where both are true. ``schedule`` is an id, and the
    decision is made of the closed form: a p-series, or a geometric series.
    """
    rates = tail(schedule, hyperparameters)
    return not rates.sum_is_finite(1), rates.sum_is_finite(2)


def bounds_on_sum(rates: Tail, steps: int, power: int) -> tuple[float, float]:
    """On the sum of the first ``steps`` rates of a tail, each to that power."""
    with ball_arithmetic():
        low, high = rates.bounds(rates.after, rates.after + steps, power)
        return float(low.lower()), float(high.upper())
