"""The schedule that follows a metric: the rate is reduced where the metric stops improving.

Whether a metric is better is a comparison, and rounding may leave it open. Then either answer is
right, and so are the rates that follow from it: :func:`courses` goes both ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flint import arb

from optcheck.reference.balls import Arithmetic, Balls, ball_arithmetic
from optcheck.reference.domains import Domain, count, non_negative, open_interval, unit_interval
from optcheck.reference.functions import maximum
from optcheck.reference.oracle import SAFETY, Quantity, namespace
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import equation
from optcheck.reference.schedules.record import RATE, WHOLE

# Comparisons that are left open double the courses; with more than these nothing is decided.
MOST_COURSES = 32

# What was read: a number, or an infinity or NaN, with which nothing is computed.
Reading = Quantity | float


@dataclass(frozen=True)
class Watch:
    """What a dialect calls better, and when it has waited for long enough.

    ``relative`` and ``absolute`` name the hyper-parameters that are thresholds. ``beyond`` counts
    the metrics that it waits for after its patience is at an end.
    """

    falling: bool
    relative: str = ""
    absolute: str = ""
    beyond: int = 1
    averaged: bool = False

    def wait(self, given: Mapping[str, float]) -> int:
        """How many readings in a row without an improvement reduce the rate."""
        return int(given["patience"]) + self.beyond

    def together(self, given: Mapping[str, float]) -> int:
        """How many metrics make one reading."""
        return int(given["averaged_metrics"]) if self.averaged else 1


@equation(
    "plateau-improvement",
    title="A metric is better if it is so by more than a threshold",
    formula=(
        r"m<b-\theta_r|b|-\theta_a\ (\text{minimum}),\quad "
        r"m>b+\theta_r|b|+\theta_a\ (\text{maximum});\qquad b\leftarrow m"
    ),
    sources=(
        "torch:optim.lr_scheduler.ReduceLROnPlateau",
        "optax:contrib.reduce_on_plateau",
    ),
    erratum="Printed b (1 - theta) and b (1 + theta), which is on the other side of b below 0.",
)
def bar(best: Any, h: Any, watch: Watch, *, above_zero: bool) -> Any:
    """What a metric has to be beyond to be better than ``best``."""
    if watch.relative:
        share = getattr(h, watch.relative)
        best = best * (1 + share if above_zero != watch.falling else 1 - share)
    if watch.absolute:
        margin = getattr(h, watch.absolute)
        best = best - margin if watch.falling else best + margin
    return best


@equation(
    "plateau-reduction",
    title="The rate is reduced after so many metrics in a row that are not better",
    formula=(
        r"n\leftarrow n+1,\ \text{or }0\text{ if }m\text{ is better or in the cooldown of }C;"
        r"\qquad n>p:\ \eta\leftarrow\max(\gamma\eta,\eta_{\min}),\ n\leftarrow0"
    ),
    sources=(
        "torch:optim.lr_scheduler.ReduceLROnPlateau",
        "optax:contrib.reduce_on_plateau",
    ),
)
def reduced(rate: Any, h: Any) -> Any:
    """The next rate below ``rate``."""
    return maximum(rate * h.factor, h.minimal_rate)


class _Place(NamedTuple):
    """Where a course stands: ``waited`` readings without an improvement, ``resting`` to rest."""

    rate: Quantity
    best: Reading
    waited: int
    resting: int


def courses(
    watch: Watch, given: Mapping[str, float], metrics: Sequence[float], working: Arithmetic
) -> list[Quantity]:
    """The rates after each metric, in each course that rounding allows; the exact one first.

    None at all where too much is left open.
    """
    follower = _Follower(watch, given, working)
    every: list[tuple[_Place, list[Quantity]]] = [(follower.start(), [])]
    for reading in follower.readings(metrics):
        every = [
            (after, [*rates, after.rate])
            for place, rates in every
            for after in ([place] if reading is None else follower.told(place, reading))
        ]
        if len(every) > MOST_COURSES:
            return []
    return [_joined(rates) for _, rates in every]


class _Follower:
    """One dialect with its hyper-parameters, in exact and in working arithmetic."""

    def __init__(self, watch: Watch, given: Mapping[str, float], working: Arithmetic) -> None:
        self.watch, self.given = watch, given
        self.arithmetics = (Arithmetic.exact(), working)
        self.h = [namespace(each, given, 0) for each in self.arithmetics]

    def number(self, value: float) -> Quantity:
        return Quantity(*(each.array([value]) for each in self.arithmetics))

    def start(self) -> _Place:
        worst = math.inf if self.watch.falling else -math.inf
        return _Place(self.number(self.given["initial_rate"]), worst, 0, 0)

    def readings(self, metrics: Sequence[float]) -> Iterator[Reading | None]:
        """For each metric the reading that it completes, if it completes one."""
        size = self.watch.together(self.given)
        for position in range(len(metrics)):
            seen = metrics[position + 1 - size : position + 1]
            complete = (position + 1) % size == 0
            yield self.mean(seen) if complete else None

    def mean(self, metrics: Sequence[float]) -> Reading:
        """The running mean, as it is computed from one metric to the next."""
        if not all(math.isfinite(metric) for metric in metrics):
            return sum(metric for metric in metrics if not math.isfinite(metric))
        mean = self.number(metrics[0])
        for n, metric in enumerate(metrics[1:], start=1):
            mean = Quantity(
                *(
                    (m * n + value) / (n + 1)
                    for m, value in zip(_pair(mean), _pair(self.number(metric)), strict=True)
                )
            )
        return mean

    def told(self, place: _Place, reading: Reading) -> Iterator[_Place]:
        """Where a reading leads to; to more than one place where rounding leaves it open."""
        for better in self.better(reading, place.best):
            best = reading if better else place.best
            waited = 0 if better else place.waited + 1
            if place.resting:
                yield _Place(place.rate, best, 0, place.resting - 1)
            elif better or waited < self.watch.wait(self.given):
                yield _Place(place.rate, best, waited, 0)
            else:
                for rate in self.next_rates(place.rate):
                    yield _Place(rate, best, 0, int(self.given["cooldown"]))

    def better(self, reading: Reading, best: Reading) -> list[bool]:
        """Whether a reading is better than the best; both where rounding leaves it open."""
        falling = self.watch.falling
        if isinstance(reading, float) or isinstance(best, float):
            # What is infinite stays so beside any threshold, and NaN is never better.
            m, b = _plain(reading), _plain(best)
            return [m < b if falling else m > b]
        above_zero = _plain(best) > 0.0
        needed = Quantity(
            *(
                bar(b, h, self.watch, above_zero=above_zero)
                for b, h in zip(_pair(best), self.h, strict=True)
            )
        )
        return _above(needed, reading) if falling else _above(reading, needed)

    def next_rates(self, rate: Quantity) -> list[Quantity]:
        """The reduced rate; the old one where the reduction is not worth its while."""
        new = Quantity(*(reduced(r, h) for r, h in zip(_pair(rate), self.h, strict=True)))
        if "minimal_change" not in self.given:
            return [new]
        change = self.number(self.given["minimal_change"])
        fall = Quantity(rate.exact - new.exact, rate.working - new.working)
        return [new if enough else rate for enough in _above(fall, change)]


def _pair(quantity: Quantity) -> tuple[Balls, Balls]:
    return quantity.exact, quantity.working


def _plain(reading: Reading) -> float:
    return reading if isinstance(reading, float) else float(reading.expected()[0])


def _above(first: Quantity, second: Quantity) -> list[bool]:
    """Whether the first of two numbers is above the second; the other answer too if it is open."""
    with ball_arithmetic():
        gap = first.exact.balls[0] - second.exact.balls[0]
        balls = (first.working.balls[0], second.working.balls[0])
        room = SAFETY * sum((ball.rad() for ball in balls), arb(0))
        finite = all(ball.is_finite() for ball in balls)
        answer = bool(gap > 0)
        decided = finite and (room.is_zero() or bool(abs(gap) > room))
    return [answer] if decided else [answer, not answer]


def _joined(numbers: Sequence[Quantity]) -> Quantity:
    exact, working = zip(*(_pair(number) for number in numbers), strict=True)
    return Quantity(*(_vector(balls) for balls in (exact, working)))


def _vector(numbers: Sequence[Balls]) -> Balls:
    return Balls([number.balls[0] for number in numbers], numbers[0].arithmetic)


WATCHES: Mapping[str, Watch] = {
    "minimum+relative": Watch(falling=True, relative="threshold"),
    "minimum+absolute": Watch(falling=True, absolute="threshold"),
    "maximum+relative": Watch(falling=False, relative="threshold"),
    "maximum+absolute": Watch(falling=False, absolute="threshold"),
    "minimum+both+at-patience+averaged": Watch(
        falling=True,
        relative="relative_threshold",
        absolute="absolute_threshold",
        beyond=0,
        averaged=True,
    ),
}


def _summary(watch: Watch) -> str:
    away = "below" if watch.falling else "above"
    kinds = [kind for kind in ("relative", "absolute") if getattr(watch, kind)]
    number = "p + 1" if watch.beyond else "p"
    mean = "; each is the mean of some metrics" if watch.averaged else ""
    return (
        f"better is what is {away} the best by more than the threshold "
        f"({' and '.join(kinds)}); with a patience of p, number {number} in a row that is not "
        f"better reduces the rate{mean}"
    )


_SHARE = unit_interval(1e-4, 0.25, 2.0**-10, 0.1, 0.0)
_MARGIN = non_negative(1e-4, 0.25, 1.0, 0.0)


def _extra(watch: Watch) -> dict[str, Domain]:
    """The thresholds, and what else a dialect has for itself."""
    thresholds = {watch.relative: _SHARE, watch.absolute: _MARGIN}
    own = {name: domain for name, domain in thresholds.items() if name}
    if watch.averaged:
        return {**own, "patience": count(2, 1, 5, 10), "averaged_metrics": count(1, 2, 3)}
    return {**own, "minimal_change": non_negative(1e-8, 0.0, 1e-3)}


REDUCE_ON_PLATEAU = procedure(
    Procedure(
        id="reduce-on-plateau",
        title="Reduction of the rate where a metric stops improving",
        source="torch:optim.lr_scheduler.ReduceLROnPlateau",
        capability="metric-schedule",
        family="schedules",
        hyperparameters={
            "initial_rate": RATE,
            "factor": open_interval(0.5, 0.1, 0.9),
            "patience": WHOLE,
            "cooldown": WHOLE,
            "minimal_rate": non_negative(0.0, 0.001, 0.01),
        },
        extra={name: _extra(watch) for name, watch in WATCHES.items()},
        dialects={
            name: Form(_summary(watch), ("plateau-reduction", "plateau-improvement"))
            for name, watch in WATCHES.items()
        },
    )
)
