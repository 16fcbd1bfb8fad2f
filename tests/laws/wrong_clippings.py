"""Wrong gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from wrong_variants import Family, Rule, Slip, fixed

VALUES = ("clip-values",)
BOTH = ("clip-values", "clip-bounds-the-norm")

Gradients = Sequence[Any]


def euclidean(gradients: Gradients) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)))


def _exact(norm: float, threshold: float, stabiliser: float) -> float:
    return threshold / norm if norm > threshold else 1.0


def _stabilised(norm: float, threshold: float, stabiliser: float) -> float:
    return min(threshold / (norm + stabiliser), 1.0)


Factor = Callable[[float, float, float], float]


def clip(factor: Factor, norm: Callable[[Gradients], float] = euclidean) -> Rule:
    """Clipping by a norm of all gradients together, and what to make of it."""

    def rule(gradients: Gradients, *, threshold: float, stabiliser: float = 0.0) -> list[Any]:
        scale = factor(norm(gradients), threshold, stabiliser)
        return [g * scale for g in gradients]

    return rule


def _each(rule: Rule) -> Rule:
    return lambda gradients, **h: [rule([g], **h)[0] for g in gradients]


def _by_value(gradients: Gradients, *, threshold: float, **h: float) -> list[Any]:
    return [np.clip(g, -threshold, threshold) for g in gradients]


def _float64(rule: Rule) -> Rule:
    return lambda gradients, **h: [g.astype(np.float64) for g in rule(gradients, **h)]


def _half(rule: Rule) -> Rule:
    return lambda gradients, **h: rule([g.astype(np.float16) for g in gradients], **h)


def _magnitudes(gradients: Gradients) -> float:
    return sum(float(np.sum(np.abs(g))) for g in gradients)


def _largest(gradients: Gradients) -> float:
    return max((float(np.max(np.abs(g))) for g in gradients if g.size), default=0.0)


def _mean_square(gradients: Gradients) -> float:
    return euclidean(gradients) / max(sum(g.size for g in gradients), 1) ** 0.5


def _slips(factor: Factor, other: Factor) -> list[Slip]:
    right = clip(factor)

    def with_norm(norm: Callable[[Gradients], float]) -> Callable[[], Rule]:
        return fixed(clip(factor, norm))

    def with_factor(change: Factor) -> Callable[[], Rule]:
        return fixed(clip(change))

    return [
        Slip("each", "the norm of each parameter, not of all", BOTH, fixed(_each(right))),
        Slip("by-value", "clips each element", BOTH, fixed(_by_value)),
        Slip(
            "maximum",
            "max for min",
            BOTH,
            with_factor(lambda n, v, s: max(v / n, 1.0) if n else 1.0),
        ),
        Slip(
            "always",
            "scales up to the threshold",
            BOTH,
            with_factor(lambda n, v, s: v / n if n else 1.0),
        ),
        Slip("never", "does nothing", BOTH, with_factor(lambda n, v, s: 1.0)),
        Slip(
            "unit",
            "scales to norm 1",
            VALUES,
            with_factor(lambda n, v, s: 1.0 / n if n > v else 1.0),
        ),
        Slip(
            "other",
            "the other dialect",
            VALUES,
            with_factor(lambda n, v, s: other(n, v, s or 1e-6)),
        ),
        Slip("no-root", "the squared norm", VALUES, with_norm(lambda gs: euclidean(gs) ** 2)),
        Slip("magnitudes", "the 1-norm", VALUES, with_norm(_magnitudes)),
        Slip("largest", "the largest magnitude", BOTH, with_norm(_largest)),
        Slip("mean-square", "the root of the mean square", BOTH, with_norm(_mean_square)),
        Slip(
            "first",
            "the norm of the first parameter",
            BOTH,
            with_norm(lambda gs: euclidean(gs[:1])),
        ),
        Slip("half", "computes in float16", VALUES, fixed(_half(right))),
        Slip(
            "shrinks",
            "one part in 10^5 too small",
            VALUES,
            with_factor(lambda n, v, s: factor(n, v, s) * (1 - 1e-5)),
        ),
        Slip(
            "float64",
            "answers in float64 whatever it was given",
            VALUES,
            fixed(_float64(right)),
        ),
        Slip("flat", "answers with one flat array", VALUES, fixed(_flat(right))),
    ]


def _flat(rule: Rule) -> Rule:
    return lambda gradients, **h: [np.concatenate([g.ravel() for g in rule(gradients, **h)])]


FAMILIES = [
    Family("clip-by-norm", dialect, clip(factor), _slips(factor, other), capability="clipping")
    for dialect, factor, other in (
        ("exact", _exact, _stabilised),
        ("stabilised-norm", _stabilised, _exact),
    )
]
