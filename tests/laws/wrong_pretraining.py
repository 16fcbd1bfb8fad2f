"""Wrong greedy pre-training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_variants import Family, Rule, Slip

from optcheck.backends.minimization import Stage
from optcheck.backends.numpy.minimizers.pretraining import pretrain

FROZEN = ("trained-layers-stay-frozen",)
LOSS = ("a-stage-lowers-the-true-loss",)
TUNING = ("fine-tuning-starts-where-the-last-stage-ended",)
SEED = ("new-layers-come-from-the-seed",)

Stages = Sequence[Stage]


def pretraining(inputs: Any, targets: Any, widths: Sequence[int], seed: int) -> Stages:
    """The rule as it is, under a name of its own."""
    return pretrain(inputs, targets, widths, seed)


def changing(change: Callable[[list[Stage]], Stages]) -> Callable[[], Rule]:
    """Pre-training whose stages are changed."""
    return lambda: lambda *given: change(list(pretraining(*given)))


def calling(change: Callable[..., Stages]) -> Callable[[], Rule]:
    """Pre-training that is asked otherwise."""
    return lambda: lambda *given: change(*given)


def _nudged(weights: Sequence[Any], layer: int) -> tuple[Any, ...]:
    return tuple(w + 2.0**-30 if k == layer else w for k, w in enumerate(weights))


def _thawed(stages: list[Stage]) -> Stages:
    """Everything below moves with the stage."""
    return [
        replace(stage, after=_nudged(stage.after, 0)) if k == len(stages) - 2 and k else stage
        for k, stage in enumerate(stages)
    ]


def _forgetful(stages: list[Stage]) -> Stages:
    """The layers below start over."""
    for k in range(1, len(stages) - 1):
        first = stages[0].before[0]
        kept = stages[k].before[1:], stages[k].after[1:]
        stages[k] = Stage((first, *kept[0]), (first, *kept[1]), stages[k].losses)
    return stages


def _fresh_output(stages: list[Stage]) -> Stages:
    last = stages[-1]
    before = (*last.before[:-1], np.ones_like(last.before[-1]))
    return [*stages[:-1], replace(last, before=before)]


def _untuned(stages: list[Stage]) -> Stages:
    """Fine-tuning moves the output alone."""
    last = stages[-1]
    return [*stages[:-1], replace(last, after=(*last.before[:-1], last.after[-1]))]


def _idle(stages: list[Stage]) -> Stages:
    return [replace(s, after=s.before, losses=s.losses[:1]) for s in stages]


def _lossy(change: Callable[[tuple[float, ...]], tuple[float, ...]]) -> Callable[[], Rule]:
    return changing(lambda stages: [replace(s, losses=change(s.losses)) for s in stages])


def _generous(stages: list[Stage]) -> Stages:
    last = stages[-1]
    return [*stages[:-1], replace(last, losses=(last.losses[0] + 1.0, *last.losses[1:]))]


def _alike(inputs: Any, targets: Any, widths: Sequence[int], seed: int) -> Stages:
    return pretraining(inputs, targets, widths, 0)


def _unseeded(inputs: Any, targets: Any, widths: Sequence[int], seed: int) -> Stages:
    entropy: Any = np.random.SeedSequence().entropy
    return pretraining(inputs, targets, widths, entropy)


SLIPS = [
    Slip("thawed", "trains the layers below too", FROZEN, changing(_thawed), says="frozen"),
    Slip("forgetful", "starts the layers below anew", FROZEN, changing(_forgetful), says="keep"),
    Slip("idle", "trains nothing", (*FROZEN, *LOSS), changing(_idle)),
    Slip("untuned", "fine-tunes the output alone", FROZEN, changing(_untuned), says="train"),
    Slip(
        "without-tuning",
        "leaves out fine-tuning",
        FROZEN,
        changing(lambda stages: stages[:-1]),
        says="stages",
    ),
    Slip(
        "shallow",
        "drops the layers below",
        FROZEN,
        changing(lambda stages: [replace(s, before=s.before[-2:]) for s in stages]),
        says="layers",
    ),
    Slip(
        "fresh-output",
        "starts fine-tuning with another output",
        TUNING,
        changing(_fresh_output),
    ),
    Slip("generous", "starts fine-tuning higher", (*TUNING, *LOSS), changing(_generous)),
    Slip(
        "whole-square",
        "leaves out the half of the loss",
        LOSS,
        _lossy(lambda losses: tuple(2 * each for each in losses)),
    ),
    Slip("climbs", "shows its losses backwards", LOSS, _lossy(lambda losses: losses[::-1])),
    Slip("alike", "starts alike from any seed", SEED, calling(_alike), says="alike"),
    Slip("unseeded", "forgets its seed", SEED, calling(_unseeded), says="two runs"),
]

FAMILIES = [
    Family("greedy-pretraining", "supervised", pretraining, SLIPS, capability="pretraining"),
]
