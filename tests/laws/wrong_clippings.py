"""Wrong gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from wrong_variants import Family, Rule, Slip, Wrong, fixed

VALUES = ("clip-values",)
BOTH = ("clip-values", "clip-bounds-the-norm")
TURNED, SHORT = "clipping-keeps-the-direction", "clipping-leaves-what-is-short"
MANY, INFINITE = "clipping-many-arrays", "clipping-does-not-hide-infinity"
EMPTY, CLIFF = "clipping-takes-empty-arrays", "clipping-saves-the-cliff"

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


def _in_own_precision(gradients: Gradients) -> float:
    return float(np.sqrt(sum(float(np.sum(np.square(g))) for g in gradients)))


def _slips(factor: Factor, other: Factor, *, joint: bool) -> list[Slip]:
    spread = (lambda rule: rule) if joint else _each
    right = spread(clip(factor))

    def with_norm(norm: Callable[[Gradients], float]) -> Callable[[], Rule]:
        return fixed(spread(clip(factor, norm)))

    def with_factor(change: Factor) -> Callable[[], Rule]:
        return fixed(spread(clip(change)))

    each = Slip("each", "the norm of each parameter, not of all", BOTH, fixed(_each(right)))
    together = Slip("together", "the norm of all, not of each", VALUES, fixed(clip(factor)))
    first = Slip(
        "first",
        "the norm of the first parameter",
        BOTH,
        fixed(clip(factor, lambda gs: euclidean(gs[:1]))),
    )
    return [
        each if joint else together,
        first,
        Slip("by-value", "clips each element", (*VALUES, TURNED), fixed(_by_value)),
        Slip(
            "of-ten",
            "the norm of the first ten arrays",
            (MANY,) if joint else VALUES,
            fixed(
                clip(factor, lambda gs: euclidean(gs[:10]))
                if joint
                else lambda gs, **h: [*right(gs[:1], **h), *gs[1:]]
            ),
        ),
        Slip(
            "clean", "takes what is not finite for 0", (INFINITE,), fixed(_without_infinity(right))
        ),
        Slip(
            "largest-first",
            "asks for the largest element of each array",
            (EMPTY,),
            fixed(lambda gs, **h: right([g + 0.0 * g.max() for g in gs], **h)),
            raises=True,
        ),
        Slip(
            "maximum",
            "max for min",
            BOTH,
            with_factor(lambda n, v, s: max(v / n, 1.0) if n else 1.0),
        ),
        Slip(
            "always",
            "scales up to the threshold",
            (*VALUES, SHORT),
            with_factor(lambda n, v, s: v / n if n else 1.0),
        ),
        Slip("never", "does nothing", (*BOTH, CLIFF), with_factor(lambda n, v, s: 1.0)),
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
        Slip(
            "undefined-at-zero",
            "a norm of zero, as where squares underflow, is divided by itself",
            VALUES,
            fixed(
                spread(
                    clip(
                        lambda n, v, s: factor(n, v, s) * float(np.float64(n) / n),
                        _in_own_precision,
                    )
                )
            ),
            bug="tf-clip-by-norm-grad-nan",
        ),
        Slip("no-root", "the squared norm", VALUES, with_norm(lambda gs: euclidean(gs) ** 2)),
        Slip("magnitudes", "the 1-norm", VALUES, with_norm(_magnitudes)),
        Slip("largest", "the largest magnitude", BOTH, with_norm(_largest)),
        Slip("mean-square", "the root of the mean square", BOTH, with_norm(_mean_square)),
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


def _without_infinity(rule: Rule) -> Rule:
    return lambda gradients, **h: rule(
        [np.nan_to_num(g, posinf=0.0, neginf=0.0) for g in gradients], **h
    )


def _flat(rule: Rule) -> Rule:
    return lambda gradients, **h: [np.concatenate([g.ravel() for g in rule(gradients, **h)])]


def _of_other_norms(norm: Callable[[Gradients], float], other: Any) -> list[Slip]:
    right = clip(_stabilised, norm)
    return [
        Slip("euclidean", "the 2-norm", VALUES, fixed(clip(_stabilised, euclidean))),
        Slip("other", "another norm", VALUES, fixed(clip(_stabilised, other))),
        Slip("each", "the norm of each array", (*VALUES, TURNED), fixed(_each(right))),
        Slip("exact", "no stabiliser", VALUES, fixed(clip(_exact, norm))),
        Slip("never", "does nothing", (*BOTH, CLIFF), fixed(lambda gs, **h: list(gs))),
    ]


def _root_mean_square() -> Family:
    right = _each(clip(_exact, _mean_square))

    def with_norm(norm: Callable[[Gradients], float]) -> Callable[[], Rule]:
        return fixed(_each(clip(_exact, norm)))

    slips = [
        Slip("norm", "no mean is taken", VALUES, with_norm(euclidean)),
        Slip("together", "the mean over all", VALUES, fixed(clip(_exact, _mean_square))),
        Slip("mean", "no root", VALUES, with_norm(lambda gs: _mean_square(gs) ** 2)),
        Slip(
            "one-less",
            "divided by n - 1",
            VALUES,
            with_norm(lambda gs: _mean_square(gs) * (gs[0].size / max(gs[0].size - 1, 1)) ** 0.5),
        ),
        Slip("largest", "the largest magnitude", VALUES, with_norm(_largest)),
        Slip("by-value", "clips each element", VALUES, fixed(_by_value)),
    ]
    return Family("clip-by-norm", "root-mean-square", right, slips, capability="clipping")


def _value() -> Family:
    def clipped(change: Callable[[Any, float], Any]) -> Callable[[], Rule]:
        return fixed(lambda gradients, *, threshold: [change(g, threshold) for g in gradients])

    slips = [
        Slip("above", "clips from above alone", BOTH, clipped(np.minimum)),
        Slip("below", "clips from below alone", BOTH, clipped(lambda g, v: np.maximum(g, -v))),
        Slip("magnitudes", "signs are lost", VALUES, clipped(lambda g, v: np.minimum(abs(g), v))),
        Slip("to-one", "clips at 1", VALUES, clipped(lambda g, v: np.clip(g, -1.0, 1.0))),
        Slip("zero", "what is too large is 0", VALUES, clipped(lambda g, v: g * (abs(g) <= v))),
        Slip(
            "scaled",
            "divided by the threshold",
            VALUES,
            clipped(lambda g, v: np.clip(g / v, -v, v)),
        ),
        Slip("by-norm", "by norm", VALUES, fixed(lambda gs, **h: clip(_exact)(gs, **h))),
        Slip("never", "does nothing", BOTH, clipped(lambda g, v: g)),
    ]
    return Family("clip-by-value", "exact", _by_value, slips, capability="clipping")


_NORMS = (("exact", _exact, _stabilised), ("stabilised-norm", _stabilised, _exact))

FAMILIES = [
    *(
        Family(
            method,
            dialect,
            clip(factor) if joint else _each(clip(factor)),
            _slips(factor, other, joint=joint),
            capability="clipping",
        )
        for method, joint in (("clip-by-global-norm", True), ("clip-by-norm", False))
        for dialect, factor, other in _NORMS
    ),
    *(
        Family(
            "clip-by-global-norm",
            f"stabilised-{kind}",
            clip(_stabilised, norm),
            _of_other_norms(norm, other),
            capability="clipping",
        )
        for kind, norm, other in (
            ("sum", _magnitudes, _largest),
            ("maximum", _largest, _magnitudes),
        )
    ),
    _root_mean_square(),
    _value(),
]


def _gradient(name: str, what: str, rule: Rule) -> Wrong:
    slip = Slip(name, what, ("steep-slopes-are-short",), fixed(rule))
    return Wrong("derivative", "gradient", "written-out", slip)


WRONG = [
    _gradient("cliff-twice", "has twice the slope", lambda f, x: 2.0 * f.gradient(x)),
    _gradient("cliff-at-least-one", "is never flat", lambda f, x: np.maximum(f.gradient(x), 1.0)),
    _gradient("cliff-wide", "sees the cliff from afar", lambda f, x: f.gradient(x / 2.0)),
]
