"""Laws of transfer: what was learned is copied, and what is new is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Stage
from optcheck.properties.initialization.drawing import seeds
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.statistics import excess
from optcheck.properties.trace import under_test

_WIDTHS = (6, 6, 6)
_SEEDS = 2


@law(
    id="learned-layers-are-copied-new-ones-drawn",
    title="A network starts from the layers learned before, and from new ones that are drawn",
    statement=(
        "Each stage starts with the hidden layers that the stage before learned, bit for bit, and "
        f"with two new ones. The numbers of these are drawn: the same from the same seed; of "
        f"{_SEEDS} seeds, and of all stages, none occurs twice at one place; half of them are "
        "positive (a count that is refused has a probability below 1e-15, Chernoff)."
    ),
    oracle="statistic",
    capability="pretraining",
    equations=("pretraining-transfer-initialisation",),
    dtypes=("float64",),
    share=0.1,
    false_alarm=1e-9,
    alternative=(
        "new layers of zeros, of positive numbers, or the same for every seed or stage; an output "
        "that is kept; copies that are rounded"
    ),
)
def learned_layers_are_copied_new_ones_drawn(subject: Subject, data: st.DataObject) -> float:
    seed = data.draw(seeds(), label="seed")
    runs = [_stages(subject, seed + k) for k in range(_SEEDS)]
    drawn = []
    for stages in runs:
        learned: Sequence[Floats] = ()
        for number, stage in enumerate(stages[:-1]):
            copied = stage.before[:-2]
            if not _same(copied, learned):
                raise _deviation(subject, seed, f"stage {number} does not copy what was learned")
            drawn.append((number, stage.before[-2:], stage.after[-1:]))
            learned = stage.after[:-1]
    again = _stages(subject, seed)
    if not all(_same(a.before, b.before) for a, b in zip(again, runs[0], strict=True)):
        raise _deviation(subject, seed, "draws other layers for the same seed")
    # The second hidden layer and the third have one shape, and so have all outputs.
    for place in (0, 1):
        layers = [new[place] for number, new, _ in drawn if number or place]
        learned_outputs = [after[0] for *_, after in drawn] if place else []
        _require_new(subject, seed, np.stack([*layers, *learned_outputs]), len(layers))
    numbers = np.concatenate([layer.ravel() for _, new, _ in drawn for layer in new])
    positive = int(np.sum(numbers > 0))
    ratio = excess(positive, len(numbers), 0.5)
    if ratio > 1.0:
        message = f"{positive} of {len(numbers)} new weights are positive"
        raise _deviation(subject, seed, message, ratio)
    return ratio


def _stages(subject: Subject, seed: int) -> Sequence[Stage]:
    """Of a network that learns the product of two inputs."""
    random = np.random.default_rng(0)
    inputs = random.uniform(-1.0, 1.0, (6, 2))
    targets = np.stack([inputs[:, 0] * inputs[:, 1], inputs[:, 0]], axis=1)
    with under_test(subject, lambda: {"seed": seed}):
        stages: Sequence[Stage] = subject.rule.pretrain(inputs, targets, _WIDTHS, seed)
    if [len(stage.before) for stage in stages] != [2, 3, 4, 4]:
        raise _deviation(subject, seed, f"has stages of {[len(s.before) for s in stages]} layers")
    return stages


def _same(first: Sequence[Floats], second: Sequence[Floats]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def _require_new(subject: Subject, seed: int, layers: Floats, drawn: int) -> None:
    """None of the first ``drawn`` layers has a number that another one has at its place."""
    for index in range(drawn):
        others = np.delete(layers, index, axis=0)
        if (others == layers[index]).any():
            raise _deviation(subject, seed, "has numbers in a new layer that another one has")


def _deviation(
    subject: Subject, seed: int, message: str, ratio: float = float("inf")
) -> Deviation:
    return Deviation(
        f"{subject.name}: {message}", ratio=ratio, counterexample={"seed": seed, "widths": _WIDTHS}
    )
