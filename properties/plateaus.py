"""Laws of rates that are reduced where a metric stops improving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats, Hyperparameters
from optcheck.backends.training import ReducesGroups
from optcheck.properties.law import Deviation, ImplementationError, Subject, law
from optcheck.properties.strategies import hyperparameters, representable
from optcheck.properties.trace import require, under_test
from optcheck.reference import FORMATS
from optcheck.reference.schedules.plateau import WATCHES, Watch, bar, courses

# What becomes of a metric: how far it goes from the best to the bar that it has to be beyond, and
# how far beyond, as a share of the best.
_MOVES = {
    "stays": (0.0, 0.0),
    "worse": (0.0, -0.5),
    "short of the bar": (0.5, 0.0),
    "just short of the bar": (1.0, -(2.0**-20)),
    "at the bar": (1.0, 0.0),
    "just better": (1.0, 2.0**-20),
    "better": (1.0, 0.125),
    "far better": (1.0, 0.75),
}
_INFINITE = {"NaN": math.nan, "infinite": math.inf, "negative infinite": -math.inf}
_USUAL = ("stays", "stays", "worse", "better")
_SEQUENCES = st.lists(
    st.sampled_from((*_USUAL, *_USUAL, *_MOVES, *_INFINITE)), min_size=1, max_size=24
)
# Where thresholds are shares, a law of its own asks about metrics below 0.
_FIRST = st.sampled_from([1.0, 3.0, 1e-3, 1e4])
_FIRST_OF_ANY_SIGN = st.sampled_from([1.0, 0.0, -3.0, 1e-3, -1e4])
# Few settings of what a library compiles programs for.
_COMPILED = (
    {"factor": 0.5, "relative_threshold": 0.25, "absolute_threshold": 0.0},
    {"factor": 0.1, "relative_threshold": 1e-4, "absolute_threshold": 0.5},
)
_MANY_METRICS = 60
# Waits that are over soon, so that short sequences see several reductions.
_WAITS = st.fixed_dictionaries(
    {
        "patience": st.sampled_from([1.0, 2.0, 3.0, 0.0]),
        "cooldown": st.sampled_from([0.0, 1.0, 2.0]),
        "minimal_change": st.sampled_from([1e-8, 0.0, 1e-3]),
    }
)


def _watch(subject: Subject) -> Watch:
    """How the subject's dialect follows its metric."""
    return WATCHES[subject.claim.dialect]


def _floor_below_start(h: Hyperparameters) -> str | None:
    return None if h["minimal_rate"] <= h["initial_rate"] else "the minimum is above the start"


def _draw_settings(subject: Subject, data: st.DataObject, **fixed: float) -> dict[str, float]:
    domains = subject.record.domains(subject.claim.dialect)
    if subject.claim.compilation == "programs":
        # Where some are fixed, all are those of the first.
        settings = st.sampled_from(_COMPILED[:1] if fixed else _COMPILED)
        fixed = {**fixed, **data.draw(settings, label="compiled settings")}
    if _watch(subject).averaged:
        fixed["averaged_metrics"] = float(data.draw(st.integers(1, 3), label="averaged metrics"))
    own = {name: value for name, value in fixed.items() if name in domains}
    legal = hyperparameters(domains, subject.claim, own, _floor_below_start)
    return data.draw(legal, label="hyperparameters")


@dataclass(frozen=True)
class _Run:
    """What a schedule is told, and how it is reported."""

    subject: Subject
    h: Hyperparameters
    metrics: Sequence[float]

    def describe(self) -> dict[str, Any]:
        return {
            "hyperparameters": dict(self.h),
            "metrics": [
                metric if math.isfinite(metric) else str(metric) for metric in self.metrics
            ],
        }

    def script(self) -> str:
        source: str = self.subject.rule.script(self.h, self.metrics, dtype=self.subject.dtype)
        return source

    def rates(self, saved_after: int | None = None) -> Floats:
        """The rate after each metric."""
        given = {"dtype": self.subject.dtype, "saved_after": saved_after}
        with under_test(self.subject, self.describe):
            found = list(self.subject.rule.rates(self.h, self.metrics, **given))
        if len(found) != len(self.metrics):
            raise self.deviation(f"gives {len(found)} rates for {len(self.metrics)} metrics")
        return np.array(found, dtype=np.float64)

    def deviation(self, message: str, **more: Any) -> Deviation:
        title = f"{self.subject.name}: {message}"
        return Deviation(
            title,
            counterexample={**self.describe(), **more},
            script=lambda: f'"""{title}"""\n\n{self.script()}\nprint(computed)\n',
        )


def _draw_run(subject: Subject, data: st.DataObject, h: Hyperparameters) -> _Run:
    """Metrics that fall, stay, rise again, and meet the bar between."""
    watch = _watch(subject)
    own = subject.record.domains(subject.claim.dialect)
    waits = data.draw(_WAITS, label="waits")
    h = {**h, **{name: max(waits[name], own[name].low) for name in waits if name in own}}
    first = data.draw(_FIRST if watch.relative else _FIRST_OF_ANY_SIGN, label="first metric")
    moves = data.draw(_SEQUENCES, label="moves")
    readings = list(_readings(subject, h, first, moves))
    return _Run(subject, h, _metrics(subject, h, readings)[:_MANY_METRICS])


def _readings(
    subject: Subject, h: Hyperparameters, first: float, moves: Sequence[str]
) -> Iterator[float]:
    """The first reading, and one for each move."""
    watch, given = _watch(subject), SimpleNamespace(**h)
    onwards = -1.0 if watch.falling else 1.0
    best = first
    yield first
    for move in moves:
        if move in _INFINITE:
            yield _INFINITE[move]
            continue
        needed = bar(best, given, watch, above_zero=best > 0.0)
        share, beyond = _MOVES[move]
        reading = best + share * (needed - best) + onwards * beyond * (abs(best) or 1.0)
        if watch.relative and reading <= 0.0:
            reading = best
        yield reading
        if reading < needed if watch.falling else reading > needed:
            best = reading


def _metrics(subject: Subject, h: Hyperparameters, readings: Sequence[float]) -> list[float]:
    """As many metrics for each reading as are averaged; their mean is the reading."""
    count = _watch(subject).together(h)
    spread = [1.0 + 0.25 * (i - (count - 1) / 2) / count for i in range(count)]
    values = np.array([reading * part for reading in readings for part in spread])
    finite = np.isfinite(values)
    values[finite] = representable(values[finite], FORMATS[subject.dtype])
    return [float(value) for value in values]


@law(
    id="plateau-rates-are-the-rule",
    title="The rate after each metric is the rule",
    statement=(
        "Whatever a metric does, the rates are those of the rule within the budget of their "
        "products: metrics that stay, improve by less than the threshold, by just it or by more, "
        "get worse, are infinite or NaN, which is no improvement. Where rounding leaves open "
        "whether a metric is better, or a reduction large enough, either is right."
    ),
    oracle="exact",
    capability="metric-schedule",
    share=0.5,
)
def plateau_rates_are_the_rule(subject: Subject, data: st.DataObject) -> float:
    run = _draw_run(subject, data, _draw_settings(subject, data))
    every = courses(_watch(subject), run.h, run.metrics, subject.working)
    computed = run.rates()
    worst = [float(np.max(ratios)) for ratios in (course.judge(computed) for course in every)]
    conforming = [ratio for ratio in worst if not ratio > 1.0]
    if conforming or not every:
        return min(conforming, default=math.nan)
    return require(
        every[0],
        computed,
        what=f"{subject.name}: rates after {len(computed)} metrics",
        counterexample=run.describe,
        body=run.script,
    )


def _reductions(rates: Floats, start: float) -> list[int]:
    """After which metrics the rate is another one."""
    return [int(i) for i in np.flatnonzero(np.diff(rates, prepend=start))]


def _require_reductions(run: _Run, expected: Sequence[int]) -> None:
    found = _reductions(run.rates(), run.h["initial_rate"])
    if found != list(expected):
        message = f"reduces the rate after the metrics {found} (from 0) for {list(expected)}"
        raise run.deviation(message)


def _improving(subject: Subject, h: Hyperparameters, first: float, count: int) -> list[float]:
    """So many readings, each far better than the one before."""
    return list(_readings(subject, h, first, ["better"] * (count - 1)))


# With these nothing but the count of metrics decides when the rate is reduced.
_FREE = {"minimal_rate": 0.0, "minimal_change": 0.0}
_PLAIN = {"threshold": 0.25, "relative_threshold": 0.25, "absolute_threshold": 0.0}


@law(
    id="plateau-waits-out-its-patience",
    title="The rate is reduced exactly when the patience is at an end, and again after the rest",
    statement=(
        "While the last metric before the end of the patience improves, again and again, the rate "
        "stays. On a plateau it is reduced by the very metric that ends the patience, and from "
        "there on after each cooldown and patience: never earlier, never later."
    ),
    oracle="identity",
    capability="metric-schedule",
    equations=("plateau-reduction",),
    share=0.3,
    one_dtype=True,
    every_path=False,
)
def plateau_waits_out_its_patience(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, **_FREE, **_PLAIN)
    wait = _watch(subject).wait(h)
    saved = data.draw(st.integers(0, 2), label="plateaus that end in time")
    readings: list[float] = []
    for reading in _improving(subject, h, 1.0, saved + 1):
        readings += [reading] * wait
    last = saved * wait
    readings += readings[-1:] * (1 + 2 * (wait + int(h["cooldown"])))
    run = _Run(subject, h, _metrics(subject, h, readings))
    period = wait + int(h["cooldown"])
    reading_of = [last + wait + k * period for k in range(3)]
    size = _watch(subject).together(h)
    _require_reductions(run, [(i + 1) * size - 1 for i in reading_of if i < len(readings)])
    return 0.0


@law(
    id="plateau-keeps-the-rate-while-it-improves",
    title="A metric that improves does not cost a reduction",
    statement=(
        "While every metric is better than the best by more than the threshold, the rate stays "
        "what it is, however small the patience; with none, too, unless the library refuses it."
    ),
    oracle="identity",
    capability="metric-schedule",
    equations=("plateau-improvement", "plateau-reduction"),
    share=0.15,
    one_dtype=True,
    every_path=False,
)
def plateau_keeps_the_rate_while_it_improves(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, **_PLAIN)
    count = data.draw(st.integers(2, 12), label="readings")
    for patience in (h["patience"], 0.0):
        settings = {**h, "patience": patience}
        metrics = _metrics(subject, settings, _improving(subject, settings, 1.0, count))
        try:
            _require_reductions(_Run(subject, settings, metrics), [])
        except ImplementationError as error:
            if patience or not isinstance(error.__cause__, ValueError):
                raise
    return 0.0


@law(
    id="plateau-is-one-below-zero-too",
    title="A metric that stays has stopped improving, below zero as above it",
    statement=(
        "A metric that stays the same is a plateau whatever its sign: the rate is reduced when "
        "the patience is at an end. A threshold that is a share is one of the magnitude."
    ),
    oracle="identity",
    capability="metric-schedule",
    equations=("plateau-improvement",),
    about=lambda subject: bool(_watch(subject).relative),
    share=0.15,
    one_dtype=True,
    every_path=False,
)
def plateau_is_one_below_zero_too(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, **_FREE, **_PLAIN)
    first = data.draw(_FIRST, label="magnitude")
    watch = _watch(subject)
    for reading in (first, -first):
        metrics = _metrics(subject, h, [reading] * (1 + watch.wait(h)))
        _require_reductions(_Run(subject, h, metrics), [len(metrics) - 1])
    return 0.0


@law(
    id="plateau-never-goes-below-its-minimum",
    title="The rate falls to its minimum, and stays there",
    statement=(
        "On a plateau without an end the rate never rises, is never below its minimum, and is "
        "exactly that once as many reductions as it takes are done."
    ),
    oracle="identity",
    capability="metric-schedule",
    equations=("plateau-reduction",),
    share=0.15,
    one_dtype=True,
    every_path=False,
)
def plateau_never_goes_below_its_minimum(subject: Subject, data: st.DataObject) -> float:
    factor = data.draw(st.sampled_from([0.5, 0.1]), label="factor")
    drawn = {"factor": factor, "cooldown": 0.0, "patience": 1.0, "minimal_change": 0.0}
    h = _draw_settings(subject, data, **_PLAIN, **drawn)
    share = data.draw(st.sampled_from([1.0, 0.3, 0.01, 2.0**-6]), label="share that is left")
    h["minimal_rate"] = share * h["initial_rate"]
    reductions = 2 + math.ceil(math.log(share) / math.log(h["factor"]))
    readings = [1.0] * (1 + reductions * _watch(subject).wait(h))
    run = _Run(subject, h, _metrics(subject, h, readings))
    rates = run.rates()
    minimum = float(representable(np.array(h["minimal_rate"]), FORMATS[subject.dtype]))
    if np.any(np.diff(rates) > 0.0) or rates.min() != minimum or rates[-1] != minimum:
        raise run.deviation(f"goes down to {rates.tolist()} for a minimal rate of {minimum:.17g}")
    return 0.0


@law(
    id="plateau-resumes-from-its-state",
    title="A schedule that follows a metric goes on from its saved state",
    statement=(
        "Saved after any metric with its optimizer, through bytes, and restored into new ones, it "
        "gives the very rates that it gives without the break."
    ),
    oracle="identity",
    capability="metric-schedule",
    share=0.15,
    one_dtype=True,
)
def plateau_resumes_from_its_state(subject: Subject, data: st.DataObject) -> float:
    run = _draw_run(subject, data, _draw_settings(subject, data))
    start = data.draw(st.integers(0, len(run.metrics) - 1), label="saved after")
    whole, resumed = run.rates(), run.rates(saved_after=start)
    if not np.array_equal(whole, resumed):
        message = f"saved after {start} metrics gives {resumed.tolist()} for {whole.tolist()}"
        raise run.deviation(message, saved_after=start)
    return 0.0


@law(
    id="plateau-groups-have-rates-of-their-own",
    title="Each group of parameters is reduced from its own rate to its own minimum",
    statement=(
        "Groups with initial and minimal rates of their own, which follow one metric, have the "
        "very rates that each has alone."
    ),
    oracle="identity",
    capability="metric-schedule",
    about=lambda subject: isinstance(subject.rule, ReducesGroups),
    share=0.15,
    one_dtype=True,
    every_path=False,
)
def plateau_groups_have_rates_of_their_own(subject: Subject, data: st.DataObject) -> float:
    h = _draw_settings(subject, data, **_FREE, **_PLAIN, factor=0.5)
    shares = data.draw(st.permutations([0.0, 0.3, 1.0]), label="shares that are left")
    groups = []
    for number, share in enumerate(shares, start=1):
        rate = number * h["initial_rate"]
        groups.append({**h, "initial_rate": rate, "minimal_rate": share * rate})
    readings = [1.0] * (1 + 3 * (_watch(subject).wait(h) + int(h["cooldown"])))
    run = _Run(subject, h, _metrics(subject, h, readings))
    with under_test(subject, run.describe):
        together = subject.rule.group_rates(groups, run.metrics, dtype=subject.dtype)
    for group, rates in zip(groups, together, strict=True):
        alone = replace(run, h=group)
        if not np.array_equal(alone.rates(), rates):
            message = f"gives a group {list(rates)} for {alone.rates().tolist()}"
            raise alone.deviation(message, groups=groups)
    return 0.0
