"""Wrong curricula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Family, Slip, fixed

from optcheck.backends.numpy.minimizers.curriculum import GrowingMix, RisingThreshold

WEIGHTS = ("easy-examples-weigh-more-at-first",)
SHARE = ("the-share-of-difficult-examples-follows",)
SAMPLING = ("sampling-is-weighting-on-average",)


def weighing(right: type, change: Callable[[Any, Any], Any]) -> type:
    """The curriculum with changed weights; ``change`` is told the difficulties too."""

    class Wrong(right):
        def weights(self, difficulty: Any, stages: int) -> Any:
            return change(super().weights(difficulty, stages), difficulty)

    return Wrong


def drawing(right: type, change: Callable[..., Any]) -> type:
    """The curriculum with other batches: ``change(draw, difficulty, shares, size, seed)``."""

    class Wrong(right):
        def batches(self, *given: Any) -> Any:
            return change(super().batches, *given)

    return Wrong


def _swapped(weights: Any, difficulty: Any) -> Any:
    """The easiest example weighs what the most difficult one should, and so on."""
    order = np.argsort(difficulty)
    wrong = np.empty_like(weights)
    wrong[:, order] = weights[:, order[::-1]]
    return wrong


def _without_the_hardest(weights: Any, difficulty: Any) -> Any:
    wrong = weights.copy()
    wrong[:, np.argmax(difficulty)] = 0.0
    return wrong / wrong.sum(axis=1, keepdims=True)


def _pure(draw: Any, difficulty: Any, shares: Any, size: int, seed: int) -> Any:
    """Each example difficult with the probability of its share, and no mix guaranteed."""
    random = np.random.default_rng(seed)
    hard = np.flatnonzero(difficulty > np.median(difficulty))
    easy = np.setdiff1d(np.arange(len(difficulty)), hard)
    return [
        [int(random.choice(hard if random.random() < share else easy)) for _ in range(size)]
        for share in shares
    ]


def _favourite(draw: Any, difficulty: Any, *given: Any) -> Any:
    """Of the difficult examples always the same one."""
    hardest, middle = int(np.argmax(difficulty)), np.median(difficulty)
    batches = draw(difficulty, *given)
    return [[hardest if difficulty[e] > middle else e for e in batch] for batch in batches]


def _common(right: type) -> list[Slip]:
    """Slips in either dialect."""

    def weights(name: str, what: str, change: Callable[[Any, Any], Any]) -> Slip:
        return Slip(name, what, WEIGHTS, fixed(weighing(right, change)))

    def batches(name: str, what: str, change: Callable[..., Any], *laws: str, **more: Any) -> Slip:
        return Slip(name, what, laws or SHARE, fixed(drawing(right, change)), **more)

    return [
        weights("difficult-first", "weighs difficult examples more", _swapped),
        weights("backwards", "ends with the easy ones", lambda w, difficulty: w[::-1]),
        weights("unnormalised", "weighs each example 1", lambda w, difficulty: w * w.shape[1]),
        weights("uniform", "weighs all alike at once", lambda w, difficulty: 0 * w + w[-1]),
        weights("incomplete", "never comes to the hardest example", _without_the_hardest),
        weights("transposed", "gives a column for each stage", lambda w, difficulty: w.T),
        batches(
            "stale-share",
            "keeps the first share",
            lambda draw, difficulty, shares, *given: draw(
                difficulty, [shares[0]] * len(shares), *given
            ),
        ),
        batches(
            "easy-share",
            "takes the share for that of easy examples",
            lambda draw, difficulty, shares, *given: draw(
                difficulty, [1 - share for share in shares], *given
            ),
        ),
        batches(
            "one-seed",
            "ignores the seed",
            lambda draw, difficulty, shares, size, seed: draw(difficulty, shares, size, 0),
            says="same batches",
        ),
        batches(
            "unseeded",
            "draws anew whatever the seed",
            lambda draw, difficulty, shares, size, seed: draw(
                difficulty, shares, size, np.random.SeedSequence().entropy
            ),
            says="two draws",
        ),
        batches(
            "from-one",
            "counts examples from 1",
            lambda draw, *given: [[each + 1 for each in batch] for batch in draw(*given)],
        ),
        batches(
            "half-batches",
            "draws half of what was asked for",
            lambda draw, *given: [batch[::2] for batch in draw(*given)],
            says="batches of",
        ),
        batches("favourite", "draws one difficult example alone", _favourite, *SAMPLING),
    ]


DETERMINISTIC_SLIPS = [
    *_common(RisingThreshold),
    Slip(
        "by-chance",
        "leaves the number of difficult examples to chance",
        SHARE,
        fixed(drawing(RisingThreshold, _pure)),
    ),
    Slip(
        "mixed",
        "lets every example weigh something from the start",
        WEIGHTS,
        fixed(weighing(RisingThreshold, lambda w, difficulty: (w + w[-1]) / 2)),
    ),
]

STOCHASTIC_SLIPS = [
    *_common(GrowingMix),
    Slip(
        "unmixed",
        "draws batches that are easy or difficult throughout",
        SHARE,
        fixed(drawing(GrowingMix, _pure)),
        says="not a mix",
    ),
    Slip(
        "squared-share",
        "takes the square of the share",
        SHARE,
        fixed(
            drawing(
                GrowingMix,
                lambda draw, difficulty, shares, *given: draw(
                    difficulty, [max(share**2, 0.125) for share in shares], *given
                ),
            )
        ),
    ),
    Slip(
        "exclusive",
        "starts without the difficult examples",
        WEIGHTS,
        fixed(weighing(RisingThreshold, lambda w, difficulty: w)),
    ),
]

FAMILIES = [
    Family(
        "curriculum",
        "deterministic",
        RisingThreshold,
        DETERMINISTIC_SLIPS,
        capability="curriculum",
    ),
    Family("curriculum", "stochastic", GrowingMix, STOCHASTIC_SLIPS, capability="curriculum"),
]
