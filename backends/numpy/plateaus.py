"""Rates that are reduced where a metric stops improving, in plain Python."""

from __future__ import annotations

import math
from typing import Any

from optcheck.backends.function_training import FunctionTraining

rules = FunctionTraining()

State = dict[str, Any]


def _lower(best: float, share: float) -> float:
    """The best less a share of its magnitude; infinity stays what it is."""
    return best * (1.0 - math.copysign(share, best))


def _follow(
    state: State,
    *,
    better: bool,
    wait: float,
    initial_rate: float,
    factor: float,
    cooldown: float,
    minimal_rate: float,
    minimal_change: float = 0.0,
) -> float:
    """The rate after one more metric, which is better than the best or not."""
    rate: float = state.setdefault("rate", initial_rate)
    if state.get("cooldown", 0) > 0:
        state["cooldown"] -= 1
        state["waited"] = 0
        return rate
    state["waited"] = 0 if better else state.get("waited", 0) + 1
    if state["waited"] < wait or better:
        return rate
    lower = max(rate * factor, minimal_rate)
    if rate - lower > minimal_change:
        state["rate"] = lower
    state["waited"], state["cooldown"] = 0, cooldown
    return float(state["rate"])


def _falls(metric: float, state: State, bar: float) -> bool:
    """Whether the metric is below the bar, and then the best."""
    if metric < bar:
        state["best"] = metric
    return metric < bar


def _rises(metric: float, state: State, bar: float) -> bool:
    """Whether the metric is above the bar, and then the best."""
    if metric > bar:
        state["best"] = metric
    return metric > bar


@rules.metric_schedule("reduce-on-plateau", dialect="minimum+relative")
def minimum_relative(
    metric: float, state: State, *, threshold: float, patience: float, **rest: float
) -> float:
    """A loss has to fall by a share of its magnitude."""
    better = _falls(metric, state, _lower(state.get("best", math.inf), threshold))
    return _follow(state, better=better, wait=patience + 1, **rest)


@rules.metric_schedule("reduce-on-plateau", dialect="minimum+absolute")
def minimum_absolute(
    metric: float, state: State, *, threshold: float, patience: float, **rest: float
) -> float:
    """A loss has to fall by so much."""
    better = _falls(metric, state, state.get("best", math.inf) - threshold)
    return _follow(state, better=better, wait=patience + 1, **rest)


@rules.metric_schedule("reduce-on-plateau", dialect="maximum+relative")
def maximum_relative(
    metric: float, state: State, *, threshold: float, patience: float, **rest: float
) -> float:
    """A score has to rise by a share of its magnitude."""
    better = _rises(metric, state, -_lower(-state.get("best", -math.inf), threshold))
    return _follow(state, better=better, wait=patience + 1, **rest)


@rules.metric_schedule("reduce-on-plateau", dialect="maximum+absolute")
def maximum_absolute(
    metric: float, state: State, *, threshold: float, patience: float, **rest: float
) -> float:
    """A score has to rise by so much."""
    better = _rises(metric, state, state.get("best", -math.inf) + threshold)
    return _follow(state, better=better, wait=patience + 1, **rest)


@rules.metric_schedule("reduce-on-plateau", dialect="minimum+both+at-patience+averaged")
def minimum_of_means(
    metric: float,
    state: State,
    *,
    relative_threshold: float,
    absolute_threshold: float,
    patience: float,
    averaged_metrics: float,
    **rest: float,
) -> float:
    """The mean of some losses has to fall by both thresholds."""
    n = state.get("averaged", 0)
    state["mean"] = (n * state.get("mean", 0.0) + metric) / (n + 1) if n else metric
    state["averaged"] = (n + 1) % averaged_metrics
    if state["averaged"]:
        return float(state.setdefault("rate", rest["initial_rate"]))
    bar = _lower(state.get("best", math.inf), relative_threshold) - absolute_threshold
    return _follow(state, better=_falls(state["mean"], state, bar), wait=patience, **rest)
