"""Losses, and the activations that they are made with.

A dialect says which formula an element has, and what becomes of the elements of a batch: they are
kept, added up (``+sum``) or averaged (``+mean``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optcheck.reference.balls import Arithmetic, Balls
from optcheck.reference.calculus.elementary import sigmoid, softplus, softplus_slope, weighted
from optcheck.reference.calculus.elements import (
    LOWEST_LOGARITHM,
    SOFTPLUS_THRESHOLD,
    clamped_cross_entropy,
    clamped_cross_entropy_slope,
    cross_entropy,
    cross_entropy_by_difference,
    cross_entropy_of_logits,
    cross_entropy_slope,
    gaussian_by_precision,
    gaussian_by_scale,
    gaussian_by_variance,
    gaussian_without_constant,
    half_squared,
    logistic,
    logistic_slope,
    ones,
    slope_in_scale,
    softplus_or_identity,
    softplus_or_identity_slope,
    squared,
)
from optcheck.reference.functions import maximum, sign, where_positive
from optcheck.reference.oracle import Quantity
from optcheck.reference.procedures import Form, Procedure, procedure
from optcheck.reference.registry import statement

Floats = npt.NDArray[np.float64]
Element = Callable[..., Any]
Reduction = Literal["none", "sum", "mean"]
Vectors = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LossForm(Form):
    """A dialect of a loss: the value of an element, and its slope in each argument by name.

    ``arguments`` are in the order in which they are usually given.
    """

    element: Element
    slopes: Mapping[str, Element]
    arguments: tuple[str, ...]
    reduction: Reduction = "none"

    def value(self, vectors: Vectors) -> Any:
        """The loss: one element where the batch is added up or averaged."""
        elements = self.element(**vectors)
        if self.reduction == "none":
            return elements
        total = summed(elements)
        return total / len(elements) if self.reduction == "mean" else total

    def slope(self, argument: str, vectors: Vectors) -> Any:
        """The derivative of the summed value in one of the arguments."""
        slopes = self.slopes[argument](**vectors)
        return slopes / len(slopes) if self.reduction == "mean" else slopes


def summed(vector: Any) -> Any:
    """The sum of the elements, as a vector of one."""
    if isinstance(vector, Balls):
        return Balls([vector.total().ball], vector.arithmetic)
    return np.sum(vector, keepdims=True)


def value_of(form: LossForm, arguments: Mapping[str, Floats], working: Arithmetic) -> Quantity:
    """The loss of named arrays, and what rounding may do to it."""
    return Quantity(*(form.value(_vectors(arguments, each)) for each in _both(working)))


def slope_of(form: LossForm, arguments: Mapping[str, Floats], working: Arithmetic) -> Quantity:
    """Its derivative in the first of ``arguments``."""
    first = next(iter(arguments))
    return Quantity(*(form.slope(first, _vectors(arguments, each)) for each in _both(working)))


def _both(working: Arithmetic) -> tuple[Arithmetic, Arithmetic]:
    return Arithmetic.exact(), working


def _vectors(arguments: Mapping[str, Floats], arithmetic: Arithmetic) -> Vectors:
    """Each array as one vector, and a matrix as a list of its rows."""
    return {
        name: [arithmetic.array(row) for row in values]
        if values.ndim == 2
        else arithmetic.array(values)
        for name, values in arguments.items()
    }


_SQUARES = ("least-squares-loss", "error-sum-over-data")
_HALVES = ("sum-of-squares-error", "error-sum-over-data")
_SQUARED_SLOPE = {"prediction": lambda prediction, target: 2 * (prediction - target)}
_HALF_SLOPE = {"prediction": lambda prediction, target: prediction - target}
_PAIR = ("prediction", "target")


def _pair(
    summary: str,
    element: Element,
    slopes: Mapping[str, Element],
    reduction: Reduction,
    equations: tuple[str, ...],
) -> LossForm:
    return LossForm(
        summary,
        equations,
        element=element,
        slopes=slopes,
        arguments=_PAIR,
        reduction=reduction,
    )


statement(
    "error-sum-over-data",
    title="The error of a data set is the sum of the errors of its examples",
    formula=r"E(\mathbf{w})=\sum_{n=1}^{N}E_n(\mathbf{w})",
    sources=("bishop:7.17", "slides:slide 'Stochastic gradient descent'", "goodfellow:sec 8.1.3"),
)
statement(
    "mean-loss-objective",
    title="The mean loss of a data set",
    formula=r"E(w)=\frac1n\sum_{i=1}^{n}E^{(i)}(w)\to\min_w",
    sources=(
        "trofimov:slide 'Stochastic Gradient Descent (SGD)'",
        "trofimov:slide 'Neural Network Training Problem'",
    ),
)

SQUARED_ERROR = procedure(
    Procedure(
        id="squared-error",
        title="Squared error",
        source="prince:6.5",
        capability="loss",
        family="losses",
        dialects={
            "sum": _pair("sum of squares", squared, _SQUARED_SLOPE, "sum", _SQUARES),
            "half-sum": _pair("half of it", half_squared, _HALF_SLOPE, "sum", _HALVES),
            "mean": _pair(
                "mean of squares",
                squared,
                _SQUARED_SLOPE,
                "mean",
                ("least-squares-loss", "mean-loss-objective"),
            ),
            "elementwise": _pair(
                "square", squared, _SQUARED_SLOPE, "none", ("least-squares-loss",)
            ),
            "half-elementwise": _pair(
                "half a square", half_squared, _HALF_SLOPE, "none", ("sum-of-squares-error",)
            ),
        },
    )
)

_LOGIT_SLOPE = {
    "prediction": lambda prediction, target: (
        weighted(1 - target, softplus_slope(prediction))
        - weighted(target, softplus_slope(-prediction))
    )
}
_DIFFERENCE_SLOPE = {"prediction": lambda prediction, target: sigmoid(prediction) - target}
_FORMULAS: dict[str, tuple[str, Element, Mapping[str, Element]]] = {
    "probabilities": (
        "of a probability",
        cross_entropy,
        {"prediction": cross_entropy_slope},
    ),
    "probabilities-clamped": (
        f"of a probability, no logarithm below {LOWEST_LOGARITHM}",
        clamped_cross_entropy,
        {"prediction": clamped_cross_entropy_slope},
    ),
    "logits": ("of a logit, small losses accurate", cross_entropy_of_logits, _LOGIT_SLOPE),
    "logits-difference": (
        "of a logit, as (1 - t) z - ln sig(z)",
        cross_entropy_by_difference,
        _DIFFERENCE_SLOPE,
    ),
}
_REDUCTIONS: dict[str, Reduction] = {"": "none", "+sum": "sum", "+mean": "mean"}


def _entropies(*dialects: str) -> dict[str, LossForm]:
    forms = {}
    for name in dialects:
        base, plus, reduction = name.partition("+")
        summary, element, slopes = _FORMULAS[base]
        more = {"sum": ("error-sum-over-data",), "mean": ("mean-loss-objective",)}
        equations = ("cross-entropy-error", *more.get(reduction, ()))
        told = {"sum": "; sum", "mean": "; mean"}.get(reduction, "")
        forms[name] = _pair(
            summary + told, element, slopes, _REDUCTIONS[plus + reduction], equations
        )
    return forms


BINARY_CROSS_ENTROPY = procedure(
    Procedure(
        id="binary-cross-entropy",
        title="Binary cross-entropy",
        source="bishop:7.64",
        capability="loss",
        family="losses",
        dialects=_entropies(
            "probabilities+sum",
            "probabilities-clamped+sum",
            "probabilities-clamped+mean",
            "logits",
            "logits+sum",
            "logits+mean",
            "logits-difference+sum",
            "logits-difference+mean",
        ),
    )
)


def _gaussian(
    summary: str,
    element: Element,
    spread: str,
    slopes: Mapping[str, Element],
    reduction: Reduction = "none",
) -> LossForm:
    return LossForm(
        summary,
        ("conditional-gaussian-regression",),
        element=element,
        slopes=slopes,
        arguments=("prediction", "target", spread),
        reduction=reduction,
    )


_BY_VARIANCE: Mapping[str, Element] = {
    "prediction": lambda prediction, target, variance: (prediction - target) * (1 / variance),
    "variance": lambda prediction, target, variance: (
        (1 / variance - (target - prediction) ** 2 / variance**2) / 2
    ),
}


GAUSSIAN = procedure(
    Procedure(
        id="gaussian-negative-log-likelihood",
        title="Negative log likelihood of a Gaussian",
        source="goodfellow:sec 8.7.2",
        capability="loss",
        family="losses",
        dialects={
            "precision+sum": _gaussian(
                "by the precision; sum",
                gaussian_by_precision,
                "precision",
                {
                    "prediction": lambda prediction, target, precision: (
                        precision * (prediction - target)
                    ),
                    "precision": lambda prediction, target, precision: (
                        ((target - prediction) ** 2 - 1 / precision) / 2
                    ),
                },
                "sum",
            ),
            "variance+sum": _gaussian(
                "by the variance; sum", gaussian_by_variance, "variance", _BY_VARIANCE, "sum"
            ),
            "variance-without-constant+mean": _gaussian(
                "by the variance, without ln(2 pi) / 2; mean",
                gaussian_without_constant,
                "variance",
                _BY_VARIANCE,
                "mean",
            ),
            "scale": _gaussian(
                "by the standard deviation",
                gaussian_by_scale,
                "scale",
                {
                    "prediction": lambda prediction, target, scale: (
                        (prediction - target) / scale**2
                    ),
                    "scale": slope_in_scale,
                },
            ),
        },
    )
)


def _activation(
    summary: str, element: Element, slope: Element, equations: tuple[str, ...] = ()
) -> LossForm:
    return LossForm(
        summary, equations, element=element, slopes={"argument": slope}, arguments=("argument",)
    )


LOGISTIC = procedure(
    Procedure(
        id="logistic-sigmoid",
        title="Logistic sigmoid",
        source="prince:6.22",
        capability="loss",
        family="models",
        dialects={
            "textbook": _activation(
                "1 / (1 + exp(-z))", logistic, logistic_slope, ("logistic-sigmoid",)
            )
        },
    )
)
RECTIFIER = procedure(
    Procedure(
        id="rectifier",
        title="Rectified linear unit",
        source="prince:6.23",
        capability="loss",
        family="models",
        dialects={
            "flat-at-zero": _activation(
                "max(0, z), slope 0 at 0",
                lambda argument: maximum(argument, 0),
                lambda argument: where_positive(argument, ones(argument)),
                ("shallow-relu-network-model",),
            )
        },
    )
)
SOFTPLUS = procedure(
    Procedure(
        id="softplus",
        title="Softplus",
        source="bishop:7.64",
        capability="loss",
        family="models",
        dialects={
            "exact": _activation(
                "ln(1 + exp(z)), the cross-entropy of a logit of the class 0",
                lambda argument: softplus(argument),
                lambda argument: softplus_slope(argument),
                ("cross-entropy-error",),
            ),
            "linear-above-threshold": _activation(
                f"the same, and z where z is above {SOFTPLUS_THRESHOLD}",
                lambda argument: softplus_or_identity(argument),
                lambda argument: softplus_or_identity_slope(argument),
                ("cross-entropy-error",),
            ),
        },
    )
)

ZERO_ONE = procedure(
    Procedure(
        id="zero-one-loss",
        title="Zero-one loss of a score",
        source="goodfellow:sec 8.1.1",
        capability="loss",
        family="losses",
        dialects={
            "elementwise": _pair(
                "1 where the sign of the score is not the target, 1 or -1; 1/2 at 0",
                lambda prediction, target: (1 - target * sign(prediction)) / 2,
                {"prediction": lambda prediction, target: 0 * prediction},
                "none",
                ("zero-one-loss-derivative",),
            )
        },
    )
)
