"""Wrong initial biases; and wrong starts from what was learned or measured before."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from wrong_draws import Rule, family, slip
from wrong_likelihoods import FAMILIES as LIKELIHOODS
from wrong_pretraining import Stages, calling, changing, pretraining
from wrong_variants import Slip, Wrong

from optcheck.backends.numpy import initializers

CONSTANT = ("biases-start-at-their-constant",)
ACTIVE = ("units-start-active-as-biases-say",)
MEMORY = ("open-forget-gates-remember",)
SOFTMAX = ("softmax-of-biases-is-the-marginal",)
MOMENTS = ("marginal-moments-are-a-stationary-start",)
COPIED = ("learned-layers-are-copied-new-ones-drawn",)


def _filled(number: Callable[[float], float]) -> Rule:
    return lambda random, layer, value: np.full(layer.shape, number(value))


CONSTANT_BIAS = [
    slip("zero", "are zero", (*CONSTANT, *ACTIVE), _filled(lambda value: 0.0)),
    slip("negative", "are negative", (*CONSTANT, *ACTIVE), _filled(lambda value: -value)),
    slip("tenth", "are 0.1 for 0 too", (*CONSTANT, *ACTIVE), _filled(lambda value: 0.1)),
    slip(
        "half",
        "are rounded to half precision",
        CONSTANT,
        _filled(lambda value: float(np.float16(value))),
    ),
]


def _at_gate(*places: int) -> Rule:
    def wrong(random: Any, layer: Any, *, value: float) -> Any:
        biases = np.zeros((layer.gates, layer.outputs // layer.gates))
        biases[list(places)] = value
        return biases.ravel()

    return wrong


FORGET_GATE = [
    slip("input-gate", "sets the first gate", (*CONSTANT, *MEMORY), _at_gate(0)),
    slip("cell-gate", "sets the third gate", (*CONSTANT, *MEMORY), _at_gate(2)),
    slip("all-gates", "sets all gates", (*CONSTANT, *MEMORY), _at_gate(0, 1, 2, 3)),
    slip(
        "interleaved",
        "takes the gates of a unit to be neighbours",
        (*CONSTANT, *MEMORY),
        lambda random, layer, value: np.tile([0.0, value, 0.0, 0.0], layer.outputs // 4),
    ),
    slip(
        "both-biases",
        "adds the biases of two matrices, both set",
        (*CONSTANT, *MEMORY),
        lambda random, layer, value: _at_gate(1)(random, layer, value=2 * value),
    ),
]


def _of_frequencies(function: Callable[[Any], Any]) -> Rule:
    return lambda random, layer: function(np.array(layer.frequencies))


MARGINAL = [
    slip("frequencies", "are the frequencies", SOFTMAX, _of_frequencies(lambda c: c)),
    slip("negative", "have the wrong sign", SOFTMAX, _of_frequencies(lambda c: -np.log(c))),
    slip(
        "log-odds",
        "are the log-odds of each class",
        SOFTMAX,
        _of_frequencies(lambda c: np.log(c) - np.log1p(-c)),
    ),
    slip("base-two", "are logarithms to base 2", SOFTMAX, _of_frequencies(np.log2)),
    slip(
        "smoothed",
        "are logarithms of frequencies and a little more",
        SOFTMAX,
        _of_frequencies(lambda c: np.log(c + 1e-4)),
    ),
]


_BIASES = {"takes": lambda layer: layer.parameter == "bias"}
_GATES = {
    "takes": lambda layer: layer.parameter == "bias" and layer.gates == 4,
    "memory": initializers.memory,
}
_CLASSES = {"takes": lambda layer: bool(layer.frequencies)}

FAMILIES = [
    family("constant-bias", "all-units", initializers.constant_bias, CONSTANT_BIAS, _BIASES),
    family("constant-bias", "forget-gate", initializers.forget_gate_bias, FORGET_GATE, _GATES),
    family("marginal-bias", "logarithms", initializers.marginal_bias, MARGINAL, _CLASSES),
]


def _starting(change: Callable[[int, Any], Any]) -> Callable[[], Any]:
    """Pre-training whose new layers start otherwise: ``change(stage, weights)``."""

    def changed(stages: list[Any]) -> Stages:
        kept = enumerate(stages[:-1])
        new = [
            replace(stage, before=(*stage.before[:-2], *change(number, stage.before[-2:])))
            for number, stage in kept
        ]
        return [*new, stages[-1]]

    return changing(changed)


def _rounded(stages: list[Any]) -> Stages:
    """What was learned is saved in single precision."""
    return [
        replace(
            stage,
            before=(*(np.float32(w).astype(float) for w in stage.before[:-2]), *stage.before[-2:]),
        )
        for stage in stages[:-1]
    ] + stages[-1:]


def _kept_output(stages: list[Any]) -> Stages:
    """The output of the stage before stays."""
    learned = [
        replace(here, before=(*here.before[:-1], below.after[-1]))
        for below, here in itertools.pairwise(stages[:-1])
    ]
    return [stages[0], *learned, stages[-1]]


TRANSFERS = [
    Slip("copies-rounded", "rounds what it copies", COPIED, changing(_rounded), says="copy"),
    Slip(
        "new-layers-of-zeros",
        "starts new layers at zero",
        COPIED,
        _starting(lambda number, new: [0.0 * w for w in new]),
    ),
    Slip(
        "new-layers-positive",
        "starts new layers with positive weights",
        COPIED,
        _starting(lambda number, new: [abs(w) for w in new]),
        says="positive",
    ),
    Slip(
        "new-layers-alike",
        "starts new layers alike from every seed",
        COPIED,
        calling(lambda inputs, targets, widths, seed: pretraining(inputs, targets, widths, 0)),
        says="another one has",
    ),
    Slip("output-kept", "keeps the output", COPIED, changing(_kept_output)),
]

WRONG = [
    *(Wrong("pretraining", "greedy-pretraining", "supervised", each) for each in TRANSFERS),
    *(
        likelihood.with_slip(replace(each, name=f"{each.name}-at-the-start", laws=MOMENTS))
        for likelihood in LIKELIHOODS
        for each in likelihood.slips
        if each.name in ("normalised-alone", "shrunk")
    ),
]
