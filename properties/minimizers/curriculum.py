"""Laws of curricula: easy examples first, all alike in the end, and a fair draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.running import worst
from optcheck.properties.statistics import excess
from optcheck.properties.trace import under_test
from optcheck.reference.minimizers.curriculum import weighted

BATCH = 8
SEEDS = 200


def _is_stochastic(subject: Subject) -> bool:
    return bool(subject.claim.dialect == "stochastic")


@st.composite
def difficulties(draw: st.DrawFn) -> Floats:
    """Those of 4 to 12 examples, an even number, all different and in any order."""
    count = 2 * draw(st.integers(2, 6))
    return np.array(draw(st.permutations([float(k) for k in range(1, count + 1)])))


def _difficult(difficulty: Floats) -> Any:
    return difficulty > np.median(difficulty)


def _deviation(subject: Subject, message: str, ratio: float = np.inf, **case: Any) -> Deviation:
    plain = {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in case.items()}
    return Deviation(f"{subject.name}: {message}", ratio=ratio, counterexample=plain)


def _weights(subject: Subject, difficulty: Floats, stages: int) -> Floats:
    case: dict[str, Any] = {"difficulty": difficulty.tolist(), "stages": stages}
    with under_test(subject, lambda: case):
        weights: Floats = subject.rule.weights(difficulty.copy(), stages)
    if weights.shape != (stages, len(difficulty)):
        raise _deviation(subject, f"gives weights of shape {weights.shape}", **case)
    return weights


def _batches(
    subject: Subject, difficulty: Floats, shares: Sequence[float], seed: int
) -> list[list[int]]:
    case: dict[str, Any] = {
        "difficulty": difficulty.tolist(),
        "shares": list(shares),
        "seed": seed,
    }
    with under_test(subject, lambda: case):
        drawn = subject.rule.batches(difficulty.copy(), shares, BATCH, seed)
    batches = [[int(each) for each in batch] for batch in drawn]
    sizes = [len(batch) for batch in batches]
    if sizes != [BATCH] * len(shares):
        raise _deviation(subject, f"draws batches of {sizes} for {BATCH} each", **case)
    if not all(0 <= each < len(difficulty) for batch in batches for each in batch):
        raise _deviation(subject, f"draws examples that are not there: {batches}", **case)
    return batches


@law(
    id="easy-examples-weigh-more-at-first",
    title="The weights of a curriculum go from easy examples to all alike",
    statement=(
        "At every stage the weights are not negative, sum to 1, and do not grow with difficulty; "
        "from stage to stage no tail of the most difficult examples loses weight, the first stage "
        "prefers the easy half, and in the last one all weigh 1/N. A deterministic curriculum "
        "starts without the most difficult example, a stochastic one always mixes all of them."
    ),
    oracle="exact",
    capability="curriculum",
    equations=("curriculum-learning",),
)
def easy_examples_weigh_more_at_first(subject: Subject, data: st.DataObject) -> float:
    difficulty = data.draw(difficulties(), label="difficulty")
    stages = data.draw(st.integers(1, 6), label="stages")
    weights = _weights(subject, difficulty, stages)
    ordered = weights[:, np.argsort(difficulty)]
    count = len(difficulty)
    # A weight is a few operations from the count, a sum adds one for each example.
    rounding = 4 * (count + 4) * 2.0**-53
    tails = np.cumsum(ordered[:, ::-1], axis=1)
    easy = ordered[0, : count // 2].sum()
    mixes = weights.min() > 0 if _is_stochastic(subject) else ordered[0, -1] == 0
    broken = {
        "are negative": weights.min() < 0,
        "do not sum to 1": bool(np.any(np.abs(weights.sum(axis=1) - 1) > rounding)),
        "grow with difficulty": bool(np.any(np.diff(ordered, axis=1) > rounding)),
        "of the difficult examples fall": bool(np.any(np.diff(tails, axis=0) < -rounding)),
        "do not prefer the easy half at first": stages > 1 and not easy > 0.5 + rounding,
        "differ in the last stage": bool(np.any(np.abs(weights[-1] - 1 / count) > rounding)),
        "start with what the dialect excludes": stages > 1 and not mixes,
    }
    for what, found in broken.items():
        if found:
            case: dict[str, Any] = {"difficulty": difficulty, "weights": weights}
            raise _deviation(subject, f"its weights {what}", **case)
    return float(np.max(np.abs(weights.sum(axis=1) - 1)) / rounding)


@st.composite
def rising_shares(draw: st.DrawFn, subject: Subject) -> list[float]:
    """Shares of difficult examples that rise; of a mix neither all nor none."""
    least, most = (1, BATCH - 1) if _is_stochastic(subject) else (0, BATCH)
    shares = st.lists(st.integers(least, most), min_size=2, max_size=4, unique=True)
    eighths = draw(shares)
    return [each / BATCH for each in sorted(eighths)]


@law(
    id="the-share-of-difficult-examples-follows",
    title="The share of difficult examples is the one that was asked for",
    statement=(
        "A deterministic curriculum puts exactly that share into each batch. A stochastic one "
        f"mixes easy and difficult examples in every batch, and over {SEEDS} seeds their number "
        "is further from its expectation than allowed with probability below 1e-15 (Chernoff; "
        f"for the {SEEDS * BATCH} draws of a step a share off by an eighth is rejected). The seed "
        "determines the batches, and other seeds give others."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="a share that is an eighth off",
    capability="curriculum",
    equations=("stochastic-curriculum",),
    share=0.25,
)
def the_share_of_difficult_examples_follows(subject: Subject, data: st.DataObject) -> float:
    difficulty = data.draw(difficulties(), label="difficulty")
    shares = data.draw(rising_shares(subject), label="shares")
    first = data.draw(st.integers(0, 2**31), label="seed")
    case: Mapping[str, Any] = {"difficulty": difficulty, "shares": shares, "seed": first}
    drawn = [_batches(subject, difficulty, shares, first + run) for run in range(SEEDS)]
    if drawn[0] != _batches(subject, difficulty, shares, first):
        raise _deviation(subject, "two draws with one seed differ", **case)
    # Of easy examples alone there are 2 at least: 2**-8 a batch, to the power of the seeds.
    if all(batches == drawn[0] for batches in drawn):
        raise _deviation(subject, f"{SEEDS} seeds give the same batches", **case)
    hard = _difficult(difficulty)
    counts = np.array([[int(hard[batch].sum()) for batch in batches] for batches in drawn])
    if _is_stochastic(subject):
        return _is_a_fair_mix(subject, counts, shares, case)
    if np.any(counts != np.round(np.array(shares) * BATCH)):
        raise _deviation(subject, f"puts {counts[0].tolist()} of {BATCH} into batches", **case)
    return 0.0


def _is_a_fair_mix(
    subject: Subject, counts: Any, shares: Sequence[float], case: Mapping[str, Any]
) -> float:
    if counts.min() == 0 or counts.max() == BATCH:
        raise _deviation(subject, "a batch is not a mix", **case)
    ratios = []
    for step, share in enumerate(shares):
        total = int(counts[:, step].sum())
        ratio = excess(total, SEEDS * BATCH, share)
        if ratio > 1.0:
            raise _deviation(
                subject,
                f"{total} of {SEEDS * BATCH} examples of step {step} are difficult; "
                f"expected {share * SEEDS * BATCH:.0f}",
                ratio,
                **case,
            )
        ratios.append(ratio)
    return worst(ratios)


@law(
    id="sampling-is-weighting-on-average",
    title="Sampling and weighting have the same expected gradient",
    statement=(
        "Where a stage weighs all easy examples alike and all difficult ones alike, batches that "
        "are drawn with its share of difficult examples contain each example as often as it "
        "weighs; the expected gradient, linear in these frequencies, is then the weighted one. "
        f"Over {SEEDS} seeds a count is further off than allowed with probability below 1e-15."
    ),
    oracle="statistic",
    false_alarm=1e-9,
    alternative="sampling that ignores the weights",
    capability="curriculum",
    equations=("curriculum-learning",),
    share=0.25,
)
def sampling_is_weighting_on_average(subject: Subject, data: st.DataObject) -> float:
    difficulty = data.draw(difficulties(), label="difficulty")
    weights = _weights(subject, difficulty, data.draw(st.integers(2, 4), label="stages"))
    hard = _difficult(difficulty)
    first = data.draw(st.integers(0, 2**31), label="seed")
    ratios = []
    for stage, row in enumerate(weights):
        share = float(weighted(row, hard.astype(np.float64)))
        alike = all(np.ptp(row[part]) <= 2.0**-50 for part in (hard, ~hard))
        if not (alike and _can_be_drawn(subject, share)):
            continue
        counts: Counter[int] = Counter()
        for run in range(SEEDS):
            (batch,) = _batches(subject, difficulty, [share], first + run)
            counts.update(batch)
        for example, weight in enumerate(row):
            ratio = excess(counts[example], SEEDS * BATCH, float(weight))
            if ratio > 1.0:
                raise _deviation(
                    subject,
                    f"example {example} weighs {weight:.4g} at stage {stage} and is drawn "
                    f"{counts[example]} times of {SEEDS * BATCH}",
                    ratio,
                    difficulty=difficulty,
                    share=share,
                )
            ratios.append(ratio)
    return worst(ratios)


def _can_be_drawn(subject: Subject, share: float) -> bool:
    """Whether batches have this share: on average in a mix, exactly where nothing is random."""
    if _is_stochastic(subject):
        return 1 / BATCH <= share <= 1 - 1 / BATCH
    return (share * BATCH).is_integer()
