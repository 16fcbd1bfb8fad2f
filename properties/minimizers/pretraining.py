"""Laws of greedy pre-training: what is frozen, what is trained, and where fine-tuning starts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.backends.minimization import Stage
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import fractions
from optcheck.properties.minimizers.running import worst
from optcheck.properties.trace import require, under_test
from optcheck.reference.balls import Arithmetic, Scalar
from optcheck.reference.minimizers.pretraining import loss
from optcheck.reference.oracle import Quantity
from optcheck.reference.trajectories import vector


@dataclass(frozen=True)
class Lesson:
    """What a network is to learn."""

    inputs: Floats
    targets: Floats
    widths: tuple[int, ...]
    seed: int

    def describe(self) -> dict[str, Any]:
        """The lesson as plain data."""
        return {
            "inputs": self.inputs.tolist(),
            "targets": self.targets.tolist(),
            "widths": list(self.widths),
            "seed": self.seed,
        }


@st.composite
def lessons(draw: st.DrawFn) -> Lesson:
    """The product of two inputs, which no linear network knows, at six points."""
    points = st.tuples(fractions(-1.0, 1.0), fractions(-1.0, 1.0))
    inputs = np.array(draw(st.lists(points, min_size=6, max_size=6, unique=True)))
    targets = np.stack([inputs[:, 0] * inputs[:, 1], inputs[:, 0]], axis=1)
    hidden = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    return Lesson(inputs, targets, tuple(hidden), draw(st.integers(0, 2**31)))


def _deviation(subject: Subject, lesson: Lesson, message: str) -> Deviation:
    return Deviation(f"{subject.name}: {message}", counterexample=lesson.describe())


def _stages(subject: Subject, lesson: Lesson) -> Sequence[Stage]:
    """One stage for each hidden layer and the fine-tuning, in shapes that fit the network."""
    with under_test(subject, lesson.describe):
        stages: Sequence[Stage] = subject.rule.pretrain(
            lesson.inputs.copy(), lesson.targets.copy(), lesson.widths, lesson.seed
        )
    if len(stages) != len(lesson.widths) + 1:
        raise _deviation(subject, lesson, f"has {len(stages)} stages")
    for number, stage in enumerate(stages):
        units = (2, *lesson.widths[: number + 1], 2)
        expected = [(a + 1, b) for a, b in itertools.pairwise(units)]
        for weights in (stage.before, stage.after):
            shapes = [matrix.shape for matrix in weights]
            if shapes != expected:
                raise _deviation(
                    subject, lesson, f"stage {number} has layers {shapes}, not {expected}"
                )
    return stages


def _same(first: Sequence[Floats], second: Sequence[Floats]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@law(
    id="trained-layers-stay-frozen",
    title="A stage keeps the hidden layers that were trained before",
    statement=(
        "Each stage starts with the hidden layers that the one before it left, bit for bit, and a "
        "new hidden layer below a new output; it ends with the old layers unchanged and the two "
        "new ones changed. Fine-tuning changes every layer."
    ),
    oracle="exact",
    capability="pretraining",
    equations=("greedy-supervised-pre-training",),
    share=0.5,
)
def trained_layers_stay_frozen(subject: Subject, data: st.DataObject) -> float:
    lesson = data.draw(lessons(), label="lesson")
    stages = _stages(subject, lesson)
    kept: Sequence[Floats] = ()
    for number, stage in enumerate(stages[:-1]):
        if not _same(kept, stage.before[:-2]):
            raise _deviation(subject, lesson, f"stage {number} does not keep the trained layers")
        if not _same(kept, stage.after[:-2]):
            raise _deviation(subject, lesson, f"stage {number} changes the frozen layers")
        _require_change(subject, lesson, stage, number, range(number, number + 2))
        kept = stage.after[:-1]
    _require_change(subject, lesson, stages[-1], len(stages) - 1, range(len(stages)))
    return 0.0


def _require_change(
    subject: Subject, lesson: Lesson, stage: Stage, number: int, layers: range
) -> None:
    for layer in layers:
        if np.array_equal(stage.before[layer], stage.after[layer]):
            raise _deviation(subject, lesson, f"stage {number} does not train layer {layer}")


@law(
    id="a-stage-lowers-the-true-loss",
    title="Each stage lowers the loss of its network",
    statement=(
        "The first and the last loss of a stage are those of its network before and after it, "
        "evaluated exactly on the whole of it, within the rounding budget; the last is lower than "
        "the first."
    ),
    oracle="exact",
    capability="pretraining",
    equations=("greedy-supervised-pre-training",),
    share=0.25,
)
def a_stage_lowers_the_true_loss(subject: Subject, data: st.DataObject) -> float:
    lesson = data.draw(lessons(), label="lesson")
    ratios = []
    for number, stage in enumerate(_stages(subject, lesson)):
        for weights, reported in (
            (stage.before, stage.losses[0]),
            (stage.after, stage.losses[-1]),
        ):
            ratios.append(
                require(
                    _true_loss(subject, weights, lesson),
                    np.array([reported]),
                    what=f"{subject.name}: loss of stage {number}",
                    counterexample=lesson.describe,
                )
            )
        if not stage.losses[-1] < stage.losses[0]:
            raise _deviation(subject, lesson, f"stage {number} does not lower its loss")
    return worst(ratios)


def _true_loss(subject: Subject, weights: Sequence[Floats], lesson: Lesson) -> Quantity:
    """The loss as a vector of one element."""
    ends = []
    for arithmetic in (Arithmetic.exact(), subject.working):
        matrices = [_scalars(matrix, arithmetic) for matrix in weights]
        given = _scalars(lesson.inputs, arithmetic), _scalars(lesson.targets, arithmetic)
        ends.append(vector([loss(matrices, *given)], arithmetic))
    return Quantity(*ends)


def _scalars(matrix: Floats, arithmetic: Arithmetic) -> list[list[Scalar]]:
    return [[Scalar(arb(float(v)), arithmetic.bits) for v in row] for row in matrix]


@law(
    id="fine-tuning-starts-where-the-last-stage-ended",
    title="Fine-tuning starts with the network of the last stage",
    statement=(
        "Fine-tuning starts with all layers of the last stage, its output included, bit for bit: "
        "its first loss is no larger than the last stage's last one."
    ),
    oracle="exact",
    capability="pretraining",
    equations=("greedy-supervised-pre-training",),
    share=0.5,
)
def fine_tuning_starts_where_the_last_stage_ended(subject: Subject, data: st.DataObject) -> float:
    lesson = data.draw(lessons(), label="lesson")
    *_, last, tuning = _stages(subject, lesson)
    if not _same(last.after, tuning.before):
        raise _deviation(subject, lesson, "fine-tuning starts with other weights")
    rounding = float(_true_loss(subject, tuning.before, lesson).allowed()[0])
    if tuning.losses[0] > last.losses[-1] + rounding:
        raise _deviation(
            subject,
            lesson,
            f"fine-tuning starts at a loss of {tuning.losses[0]}, above {last.losses[-1]}",
        )
    return 0.0


@law(
    id="new-layers-come-from-the-seed",
    title="The seed decides how new layers start",
    statement=(
        "The same seed gives the same stages, bit for bit; another seed starts every new layer "
        "otherwise."
    ),
    oracle="exact",
    capability="pretraining",
    equations=("greedy-supervised-pre-training",),
    share=0.25,
)
def new_layers_come_from_the_seed(subject: Subject, data: st.DataObject) -> float:
    lesson = data.draw(lessons(), label="lesson")
    other = Lesson(lesson.inputs, lesson.targets, lesson.widths, lesson.seed + 1)
    first, again, differing = (_stages(subject, each) for each in (lesson, lesson, other))
    for number, stages in enumerate(zip(first, again, differing, strict=True)):
        one, two, three = stages
        if not (_same(one.before, two.before) and _same(one.after, two.after)):
            raise _deviation(subject, lesson, f"two runs differ in stage {number}")
        new = one.before[-2:], three.before[-2:]
        if number < len(first) - 1 and any(
            np.array_equal(a, b) for a, b in zip(*new, strict=True)
        ):
            raise _deviation(subject, lesson, f"stage {number} starts alike from another seed")
    return 0.0
