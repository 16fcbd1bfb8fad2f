"""Wrong schedules that follow a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wrong_variants import Family, Slip, Wrong, fixed

from optcheck.backends import FunctionBackend
from optcheck.backends.function_training import FunctionMetricScheduleRule
from optcheck.backends.numpy import plateaus

RULE = ("plateau-rates-are-the-rule",)
PATIENCE = ("plateau-waits-out-its-patience",)
IMPROVES = ("plateau-keeps-the-rate-while-it-improves",)
BELOW_ZERO = ("plateau-is-one-below-zero-too",)
MINIMUM = ("plateau-never-goes-below-its-minimum",)
RESUMES = ("plateau-resumes-from-its-state",)
GROUPS = ("plateau-groups-have-rates-of-their-own",)

Rule = Callable[..., float]
# What is made of the metric, the state and the hyper-parameters before the right rule sees them.
Told = Callable[[float, dict[str, Any], dict[str, float]], float]


def told(right: Rule, change: Told) -> Rule:
    """The right rule, told another metric, or with another state or hyper-parameters."""

    def wrong(metric: float, state: dict[str, Any], **h: float) -> float:
        return right(change(metric, state, h), state, **h)

    return wrong


def given(right: Rule, **changes: Callable[[dict[str, float]], float]) -> Rule:
    """The right rule with other hyper-parameters; each change sees all of them."""
    return lambda metric, state, **h: right(
        metric, state, **{**h, **{name: change(h) for name, change in changes.items()}}
    )


def after(right: Rule, change: Callable[[float, dict[str, Any], dict[str, float]], None]) -> Rule:
    """The right rule with a slip in its state after a metric; the change sees the rate before."""

    def wrong(metric: float, state: dict[str, Any], **h: float) -> float:
        before = state.get("rate", h["initial_rate"])
        right(metric, state, **h)
        change(before, state, h)
        return float(state["rate"])

    return wrong


def _always_best(right: Rule) -> Rule:
    """The last metric is the best, whether it was better or not."""

    def wrong(metric: float, state: dict[str, Any], **h: float) -> float:
        rate = right(metric, state, **h)
        state["best"] = metric
        return rate

    return wrong


def _from_the_start(before: float, state: dict[str, Any], h: dict[str, float]) -> None:
    if state["rate"] != before:
        state["rate"] = max(h["initial_rate"] * h["factor"], h["minimal_rate"])


def _not_reset(before: float, state: dict[str, Any], h: dict[str, float]) -> None:
    if state["rate"] != before:
        state["waited"] = h["patience"]


def _below(before: float, state: dict[str, Any], h: dict[str, float]) -> None:
    """The minimum stops the reductions that would begin below it, and no other."""
    if state["rate"] != before and before > h["minimal_rate"]:
        state["rate"] = before * h["factor"]


def _not_in_a_row(right: Rule) -> Rule:
    """The metrics without an improvement need not be in a row."""

    def wrong(metric: float, state: dict[str, Any], **h: float) -> float:
        waited = state.get("waited", 0)
        best = state.get("best")
        rate = right(metric, state, **h)
        if state.get("best") != best and not state.get("cooldown"):
            state["waited"] = waited
        return rate

    return wrong


def _unsaved(right: Rule) -> Rule:
    hidden: dict[int, tuple[Any, dict[str, Any]]] = {}

    def wrong(metric: float, state: dict[str, Any], **h: float) -> float:
        # The state is kept too, so that no other gets its number.
        _, own = hidden.setdefault(id(state), (state, {}))
        return right(metric, own, **h)

    return wrong


def _common(right: Rule, best: float) -> list[Slip]:
    """Slips of any dialect, whose metric may be ``best`` at best."""

    def slip(name: str, what: str, laws: tuple[str, ...], wrap: Any, **more: Any) -> Slip:
        return Slip(name, what, laws, lambda: wrap(right), **more)

    return [
        slip(
            "early",
            "reduces a metric too early",
            (*RULE, *PATIENCE),
            lambda r: given(r, patience=lambda h: h["patience"] - 1),
        ),
        slip(
            "late",
            "reduces a metric too late",
            (*RULE, *PATIENCE),
            lambda r: given(r, patience=lambda h: h["patience"] + 1),
        ),
        slip(
            "restless",
            "ignores its cooldown",
            (*RULE, *PATIENCE),
            lambda r: given(r, cooldown=lambda h: 0.0),
        ),
        slip(
            "counts-after-it",
            "does not count anew after a reduction",
            (*RULE, *PATIENCE),
            lambda r: after(r, _not_reset),
        ),
        slip("not-in-a-row", "does not count anew after an improvement", PATIENCE, _not_in_a_row),
        slip("last-is-best", "compares with the metric before", RULE, _always_best),
        slip(
            "from-the-start",
            "reduces the initial rate again and again",
            RULE,
            lambda r: after(r, _from_the_start),
        ),
        slip("below", "goes a step below its minimum", MINIMUM, lambda r: after(r, _below)),
        slip(
            "unbounded",
            "ignores its minimum",
            (*RULE, *MINIMUM),
            lambda r: given(r, minimal_rate=lambda h: 0.0),
        ),
        slip(
            "nan-is-best",
            "takes NaN for an improvement",
            RULE,
            lambda r: told(r, lambda metric, state, h: best if metric != metric else metric),
        ),
        slip(
            "unsaved", "its state is not in what it saves", RESUMES, _unsaved, says="saved after"
        ),
    ]


def _of_one_threshold(right: Rule, mirrored: Rule, printed: Rule | None) -> list[Slip]:
    """Slips of one threshold, and of a reduction that may be too small.

    ``printed`` takes its threshold for a share of the signed best.
    """
    negative = given(printed or right, threshold=lambda h: -h["threshold"])
    changed = {
        "no-threshold": ("takes any improvement for one", {"threshold": lambda h: 0.0}),
        "any-change": ("reduces for any change", {"minimal_change": lambda h: 0.0}),
    }
    return [
        Slip("wrong-way", "rises for falls, or falls for rises", IMPROVES, lambda: mirrored),
        Slip("wrong-sign", "the threshold is on the wrong side", RULE, lambda: negative),
        *(
            Slip(name, what, RULE, fixed(given(right, **change)))
            for name, (what, change) in changed.items()
        ),
        *(
            [Slip("as-printed", "its share is one of a signed best", BELOW_ZERO, lambda: printed)]
            if printed
            else []
        ),
    ]


def _signed(best: float, share: float) -> float:
    return best * (1.0 - share)


def minimum_as_printed(metric: float, state: Any, *, threshold: float, **h: float) -> float:
    better = plateaus._falls(metric, state, _signed(state.get("best", math.inf), threshold))
    return plateaus._follow(state, better=better, wait=h.pop("patience") + 1, **h)


def maximum_as_printed(metric: float, state: Any, *, threshold: float, **h: float) -> float:
    better = plateaus._rises(metric, state, _signed(state.get("best", -math.inf), -threshold))
    return plateaus._follow(state, better=better, wait=h.pop("patience") + 1, **h)


def _last(metric: float, state: dict[str, Any], h: dict[str, float]) -> float:
    state["mean"] = metric
    return metric


def _at_once(metric: float, state: dict[str, Any], **h: float) -> float:
    """A count of 0 is as long as a patience of 0."""
    rate = plateaus.minimum_of_means(metric, state, **h)
    if h["patience"] == 0 and state["waited"] == 0:
        state["rate"] = rate * h["factor"]
    return float(state["rate"])


_MEANS = plateaus.minimum_of_means
MEANS = [
    *_common(_MEANS, -math.inf),
    Slip(
        "single",
        "does not average",
        (*RULE, *PATIENCE),
        lambda: given(_MEANS, averaged_metrics=lambda h: 1.0),
    ),
    Slip("last", "takes the last metric for the mean", RULE, lambda: told(_MEANS, _last)),
    Slip(
        "one-threshold",
        "ignores its absolute threshold",
        RULE,
        lambda: given(_MEANS, absolute_threshold=lambda h: 0.0),
    ),
    Slip("at-once", "reduces where it improves, without patience", IMPROVES, lambda: _at_once),
]

_SIDES = {
    "minimum+relative": (plateaus.minimum_relative, plateaus.maximum_relative, minimum_as_printed),
    "minimum+absolute": (plateaus.minimum_absolute, plateaus.maximum_absolute, None),
    "maximum+relative": (plateaus.maximum_relative, plateaus.minimum_relative, maximum_as_printed),
    "maximum+absolute": (plateaus.maximum_absolute, plateaus.minimum_absolute, None),
}

FAMILIES = [
    *(
        Family(
            "reduce-on-plateau",
            dialect,
            right,
            [
                *_common(right, -math.inf if dialect.startswith("minimum") else math.inf),
                *_of_one_threshold(right, mirrored, printed),
            ],
            capability="metric-schedule",
        )
        for dialect, (right, mirrored, printed) in _SIDES.items()
    ),
    Family(
        "reduce-on-plateau",
        "minimum+both+at-patience+averaged",
        _MEANS,
        MEANS,
        capability="metric-schedule",
    ),
]


class GroupsOfOne(FunctionMetricScheduleRule):
    """Groups that are told the first one's values of what is ``shared``."""

    shared: Sequence[str] = ()

    def group_rates(
        self, groups: Sequence[Mapping[str, float]], metrics: Sequence[float], *, dtype: str
    ) -> list[Sequence[float]]:
        shared = {name: groups[0][name] for name in self.shared}
        return [self.rates({**group, **shared}, metrics, dtype=dtype) for group in groups]


@dataclass(frozen=True)
class WrongGroups(Wrong):
    """A slip in what each of several groups is told."""

    shared: Sequence[str] = ()

    def backend(self) -> FunctionBackend:
        backend = super().backend()
        (alone,) = backend._metric_schedules
        rule = GroupsOfOne(alone.function, alone.claim)
        rule.shared = self.shared
        backend._metric_schedules[:] = [rule]
        return backend


WRONG = [
    WrongGroups(
        "metric-schedule",
        "reduce-on-plateau",
        "minimum+relative",
        Slip(name, what, GROUPS, fixed(plateaus.minimum_relative)),
        shared=(shared,),
    )
    for name, what, shared in (
        ("one-start", "all groups have the rate of the first", "initial_rate"),
        ("one-minimum", "all groups have the minimum of the first", "minimal_rate"),
    )
]
