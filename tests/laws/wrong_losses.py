"""Wrong losses and activations: values, slopes, and what becomes of the elements of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special
from wrong_variants import Family, Rule, Slip, Wrong

VALUE = ("loss-value-is-exact",)
SLOPE = ("loss-gradient-is-exact",)
ENDS = ("loss-holds-at-the-ends",)
CONVEX = ("loss-is-convex-and-not-negative",)
SIGMOID = ("sigmoid-is-symmetric-and-its-slope-bounded",)
FLAT = ("zero-one-loss-is-flat",)
BAYES = ("bayes-rule-errs-least",)
LIKELIHOOD = ("likelihood-is-greatest-at-the-closed-form",)
BATCH = ("batch-is-made-of-its-examples",)
PARTS = ("gradients-of-parts-add-up",)
TRUE = ("empirical-objective-approaches-the-true-one",)

Function = Callable[..., Any]
_REDUCE: dict[str, Function] = {"none": lambda v: v, "sum": np.sum, "mean": np.mean}


@dataclass(frozen=True)
class Parts:
    """An element, its slopes by argument, and what becomes of the elements."""

    element: Function
    slopes: Mapping[str, Function]
    reduction: str = "none"
    # What becomes of the slopes, where that is not what becomes of the elements.
    of_slopes: str = ""

    def rule(self) -> Rule:
        """A function for the value, with one for the gradient."""

        def value(**given: Any) -> Any:
            return _REDUCE[self.reduction](self.element(**given))

        def gradient(**given: Any) -> Any:
            slope = self.slopes[next(iter(given))](**given)
            return slope / len(slope) if (self.of_slopes or self.reduction) == "mean" else slope

        value.gradient = gradient
        return value

    def valued(self, change: Function) -> Parts:
        """With another value: ``change`` of each element and of the arguments."""
        return replace(self, element=lambda **given: change(self.element(**given), **given))

    def sloped(self, change: Function) -> Parts:
        """With other slopes."""

        def changed(slope: Function) -> Function:
            return lambda **given: change(slope(**given), **given)

        slopes = {name: changed(slope) for name, slope in self.slopes.items()}
        return replace(self, slopes=slopes)

    def told(self, **changes: Function) -> Parts:
        """With some of the arguments changed, for value and slopes."""

        def changed(function: Function) -> Function:
            def of(**given: Any) -> Any:
                return function(
                    **{name: changes.get(name, lambda a: a)(a) for name, a in given.items()}
                )

            return of

        slopes = {name: changed(slope) for name, slope in self.slopes.items()}
        return replace(self, element=changed(self.element), slopes=slopes)


class LossFamily(Family):
    """A family whose rules bring their gradients."""

    def with_slip(self, slip: Slip) -> Wrong:
        claim = {**self.claim, "gradient": slip.make().gradient}
        return Wrong(self.capability, self.method, self.dialect, slip, claim, self.beside)


def slip(name: str, what: str, laws: tuple[str, ...], wrong: Parts, **more: Any) -> Slip:
    return Slip(name, what, laws, wrong.rule, **more)


def _twice(v: Any, **given: Any) -> Any:
    return 2 * v


def _negative(v: Any, **given: Any) -> Any:
    return -v


def _half(v: Any, **given: Any) -> Any:
    return v / 2


def _single(a: Any) -> Any:
    """A float64 keeps the digits of a half."""
    return a.astype(np.float16).astype(a.dtype)


def common_slips(right: Parts) -> list[Slip]:
    """Slips of any loss, whatever becomes of its elements."""
    return [
        slip("doubled", "has a factor of 2 too much", VALUE, right.valued(_twice)),
        slip("half-slope", "forgets the factor of the slope", SLOPE, right.sloped(_half)),
        slip("ascending", "has the sign of the slope wrong", SLOPE, right.sloped(_negative)),
    ]


def counting_slips(right: Parts) -> list[Slip]:
    """Slips of any loss that is one number for a batch."""
    return [
        slip(
            "last-left-out",
            "forgets the last example",
            (*VALUE, *BATCH),
            right.valued(lambda v, **given: np.append(v[:-1], 0.0)),
        ),
        slip(
            "no-repetition",
            "counts an example once, however often it occurs",
            BATCH,
            right.valued(lambda v, **given: v * _first_time(**given)),
        ),
    ]


def _reduction_slips(right: Parts) -> list[Slip]:
    if right.reduction == "none":
        return [
            slip(
                "added-up",
                "adds up the elements",
                VALUE,
                replace(right, reduction="sum", of_slopes="none"),
                says="shape",
            ),
        ]
    other = "mean" if right.reduction == "sum" else "sum"
    return [
        slip(
            f"{other}-for-{right.reduction}",
            f"takes the {other} of the elements",
            VALUE,
            replace(right, reduction=other, of_slopes=right.reduction),
        ),
        slip(
            f"{other}-slopes",
            f"derives the {other} of the elements",
            SLOPE,
            replace(right, of_slopes=other),
        ),
        *counting_slips(right),
    ]


def _first_time(**given: Any) -> Any:
    columns = [each.reshape(len(each), -1) for name, each in given.items() if name != "weights"]
    rows = np.concatenate(columns, axis=1)
    weight = np.zeros(len(rows))
    weight[np.unique(rows, axis=0, return_index=True)[1]] = 1.0
    return weight


def _copied(v: Any, **given: Any) -> Any:
    """Every second element is that of its neighbour."""
    v = np.array(v)
    if v.ndim:
        v[1::2] = v[: len(v) - 1 : 2]
    return v


def family(method: str, dialect: str, right: Parts, own: list[Slip], **claim: Any) -> LossFamily:
    return LossFamily(
        method,
        dialect,
        right.rule(),
        [*common_slips(right), *_reduction_slips(right), *own],
        capability="loss",
        claim=claim,
    )


# Squared errors.


def _squares(factor: float, reduction: str) -> Parts:
    return Parts(
        lambda prediction, target: factor * (prediction - target) ** 2,
        {"prediction": lambda prediction, target: 2 * factor * (prediction - target)},
        reduction,
    )


def _squared(dialect: str, factor: float, reduction: str) -> LossFamily:
    right = _squares(factor, reduction)
    other = replace(_squares(1.5 - factor, reduction), slopes=right.slopes)
    own = [
        slip("absolute", "takes the absolute value", VALUE, right.valued(_root)),
        slip("other-half", "has the factor of the other text", VALUE, other),
        slip("negated", "is maximised", CONVEX, right.valued(_negative).sloped(_negative)),
        slip("concave", "has the slope of what is maximised", CONVEX, right.sloped(_negative)),
        slip("half-precision", "subtracts in float16", VALUE, right.told(target=_single)),
        slip(
            "half-a-batch",
            "counts every second example for its neighbour too",
            TRUE,
            right.valued(_copied),
        ),
    ]
    return family("squared-error", dialect, right, own)


def _root(v: Any, **given: Any) -> Any:
    return np.sqrt(v)


# Cross-entropies.


def _of_probabilities(clamp: float, reduction: str) -> Parts:
    def term(weight: Any, p: Any) -> Any:
        with np.errstate(divide="ignore"):
            return (
                weight * np.maximum(np.log(p), clamp)
                if clamp > -np.inf
                else special.xlogy(weight, p)
            )

    def slope(weight: Any, p: Any) -> Any:
        with np.errstate(divide="ignore"):
            kept = (weight > 0) & (np.log(p) > clamp)
        return np.divide(weight, p, out=np.zeros_like(p), where=kept)

    return Parts(
        lambda prediction, target: -term(target, prediction) - term(1 - target, 1 - prediction),
        {
            "prediction": lambda prediction, target: (
                slope(1 - target, 1 - prediction) - slope(target, prediction)
            )
        },
        reduction,
    )


def _of_logits(reduction: str) -> Parts:
    return Parts(
        lambda prediction, target: (
            -target * special.log_expit(prediction) - (1 - target) * special.log_expit(-prediction)
        ),
        {
            "prediction": lambda prediction, target: (
                (1 - target) * special.expit(prediction) - target * special.expit(-prediction)
            )
        },
        reduction,
    )


def _smoothed(target: Any) -> Any:
    return 0.99 * target + 0.005


def _swapped(target: Any) -> Any:
    return 1 - target


def _entropy_slips(right: Parts) -> list[Slip]:
    return [
        slip(
            "printed-sign",
            "is the log likelihood, as bishop:7.64 prints it",
            (*VALUE, *CONVEX),
            right.valued(_negative).sloped(_negative),
        ),
        slip(
            "smoothed-labels",
            "smooths the labels",
            (*VALUE, *LIKELIHOOD),
            right.told(target=_smoothed),
        ),
        slip(
            "swapped", "takes the labels for the other class", SLOPE, right.told(target=_swapped)
        ),
        slip("bits", "takes logarithms to base 2", VALUE, right.valued(_in_bits)),
        slip(
            "positive-weight",
            "weighs the class 1 twice",
            LIKELIHOOD,
            right.sloped(lambda g, **given: np.where(given["target"] > 0, 2 * g, g)),
        ),
    ]


def _in_bits(v: Any, **given: Any) -> Any:
    return v / np.log(2)


def _naive_logits(right: Parts) -> Parts:
    """By the probability, which is 0 or 1 far out."""

    def element(prediction: Any, target: Any) -> Any:
        p = 1 / (1 + np.exp(-prediction))
        return -(target * np.log(p) + (1 - target) * np.log(1 - p))

    return replace(right, element=element)


def _clipped(p: Any) -> Any:
    return np.clip(p, 1e-7, 1 - 1e-7)


def _entropy(dialect: str) -> LossFamily:
    base, _, reduction = dialect.partition("+")
    reduction = reduction or "none"
    if base.startswith("probabilities"):
        right = _of_probabilities(-100.0 if base.endswith("clamped") else -np.inf, reduction)
        far = slip(
            "clipped",
            "keeps probabilities away from 0 and 1",
            ENDS,
            right.told(prediction=_clipped),
        )
    else:
        right = _of_logits(reduction)
        far = slip("overflows", "goes by the probability", ENDS, _naive_logits(right))
    claim = {"flushes_subnormals": True}
    return family("binary-cross-entropy", dialect, right, [*_entropy_slips(right), far], **claim)


FAMILIES = [
    _squared("sum", 1.0, "sum"),
    _squared("half-sum", 0.5, "sum"),
    _squared("mean", 1.0, "mean"),
    _squared("elementwise", 1.0, "none"),
    _squared("half-elementwise", 0.5, "none"),
    _entropy("probabilities+sum"),
    _entropy("probabilities-clamped+sum"),
    _entropy("probabilities-clamped+mean"),
    _entropy("logits"),
    _entropy("logits+sum"),
    _entropy("logits+mean"),
    _entropy("logits-difference+sum"),
    _entropy("logits-difference+mean"),
]
