"""The formulas of losses and activations, for one element: values and slopes."""

from __future__ import annotations

from typing import Any

from flint import arb

from optcheck.reference.balls import Balls
from optcheck.reference.calculus.elementary import (
    half_log_two_pi,
    log,
    sigmoid,
    softplus,
    weighted,
)
from optcheck.reference.functions import maximum, sign, where_positive
from optcheck.reference.registry import equation

# Below this torch's binary_cross_entropy takes a logarithm for it.
LOWEST_LOGARITHM = -100
# Above this torch's softplus takes the identity for it.
SOFTPLUS_THRESHOLD = 20


@equation(
    "least-squares-loss",
    title="Least-squares loss",
    formula=r"L[\phi]=\sum_{i=1}^{I}\ell_i=\sum_{i=1}^{I}(f[x_i,\phi]-y_i)^2",
    sources=("prince:6.5", "prince:6.9"),
)
def squared(prediction: Any, target: Any) -> Any:
    """One term of the sum."""
    return (prediction - target) ** 2


@equation(
    "sum-of-squares-error",
    title="Sum-of-squares error",
    formula=r"E(w,b)=\frac12\sum_{n=1}^{N}\{y(x_n,w,b)-t_n\}^2",
    sources=("bishop:7.62",),
)
def half_squared(prediction: Any, target: Any) -> Any:
    """One term of the sum: half of the other dialect."""
    return (prediction - target) ** 2 / 2


@equation(
    "logistic-sigmoid",
    title="Logistic sigmoid",
    formula=r"\mathrm{sig}[z]=\frac{1}{1+\exp[-z]}",
    sources=("prince:6.22",),
)
def logistic(argument: Any) -> Any:
    """From 0 to 1."""
    return sigmoid(argument)


@equation(
    "cross-entropy-error",
    title="Cross-entropy error",
    formula=r"E(w,b)=-\sum_{n=1}^{N}\{t_n\ln y(x_n,w,b)+(1-t_n)\ln(1-y(x_n,w,b))\}",
    sources=("bishop:7.64",),
    erratum="B14: printed without the minus sign: the log likelihood, which is concave.",
)
def cross_entropy(prediction: Any, target: Any) -> Any:
    """One term of the sum, from a probability."""
    return -(weighted(target, log(prediction)) + weighted(1 - target, log(1 - prediction)))


@equation(
    "conditional-gaussian-regression",
    title="Regression with Gaussian noise",
    formula=r"p(y\mid\mathbf x)=\mathcal N(y\mid\mathbf w^T\mathbf x+b,1/\beta)",
    sources=("goodfellow:sec 8.7.2",),
)
def gaussian_by_precision(prediction: Any, target: Any, precision: Any) -> Any:
    """The negative log density of one target."""
    return _with_constant((precision * (target - prediction) ** 2 - log(precision)) / 2)


def _with_constant(energy: Any) -> Any:
    constant = half_log_two_pi()
    return energy + (constant if isinstance(energy, Balls) else float(constant.ball.mid()))


def clamped_cross_entropy(prediction: Any, target: Any) -> Any:
    """As :func:`cross_entropy`, with no logarithm below ``LOWEST_LOGARITHM``."""
    left = maximum(_log(prediction), LOWEST_LOGARITHM)
    right = maximum(_log(1 - prediction), LOWEST_LOGARITHM)
    return -(target * left + (1 - target) * right)


def _log(value: Any) -> Any:
    """The logarithm where it is clamped: that of 0 is as low as any."""
    logarithm = log(value)
    if isinstance(logarithm, Balls):
        return logarithm.choose(lambda a, v: arb(-1e9) if v.is_zero() else a, value)
    return logarithm


def cross_entropy_slope(prediction: Any, target: Any) -> Any:
    """In the probability."""
    left, right = 1 / prediction, 1 / (1 - prediction)
    return weighted(1 - target, right) - weighted(target, left)


def clamped_cross_entropy_slope(prediction: Any, target: Any) -> Any:
    """In the probability; 0 is the slope of a logarithm that is clamped."""
    left = where_positive(_log(prediction) - LOWEST_LOGARITHM, 1 / prediction)
    right = where_positive(_log(1 - prediction) - LOWEST_LOGARITHM, 1 / (1 - prediction))
    return weighted(1 - target, right) - weighted(target, left)


def cross_entropy_of_logits(prediction: Any, target: Any) -> Any:
    """``sig(z)`` for the probability: each of the two terms keeps its accuracy."""
    left, right = softplus(-prediction), softplus(prediction)
    return target * left + (1 - target) * right


def cross_entropy_by_difference(prediction: Any, target: Any) -> Any:
    """``(1 - t) z - log sig(z)``: where z is large, what is small is lost."""
    return (1 - target) * prediction + softplus(-prediction)


def gaussian_by_variance(prediction: Any, target: Any, variance: Any) -> Any:
    """The negative log density, by the variance."""
    return _with_constant(gaussian_without_constant(prediction, target, variance))


def gaussian_without_constant(prediction: Any, target: Any, variance: Any) -> Any:
    """The same up to ``log(2 pi) / 2``."""
    return ((target - prediction) ** 2 / variance + log(variance)) / 2


def gaussian_by_scale(prediction: Any, target: Any, scale: Any) -> Any:
    """The negative log density, by the standard deviation."""
    return _with_constant((target - prediction) ** 2 / scale**2 / 2 + log(scale))


def ones(vector: Any) -> Any:
    """1 for each element."""
    return 0 * vector + 1


def softplus_or_identity(z: Any) -> Any:
    """Softplus, and the identity above ``SOFTPLUS_THRESHOLD``."""
    excess = z - SOFTPLUS_THRESHOLD
    return where_positive(excess, z) + where_positive(_at_most(excess), softplus(z))


def softplus_or_identity_slope(z: Any) -> Any:
    """Of the same: 1 above the threshold."""
    excess = z - SOFTPLUS_THRESHOLD
    return where_positive(excess, ones(z)) + where_positive(_at_most(excess), sigmoid(z))


def _at_most(excess: Any) -> Any:
    """Above 0 where ``excess`` is at most 0."""
    return 1 - maximum(sign(excess), 0)


def slope_in_scale(prediction: Any, target: Any, scale: Any) -> Any:
    """Where ``log(2 pi scale**2)`` is derived, 2 pi goes in and out again: four more roundings."""
    inverse = 1 / scale
    slope = inverse - (target - prediction) ** 2 / scale**2 / scale
    return slope.reordered(*[inverse] * 4) if isinstance(slope, Balls) else slope


def logistic_slope(argument: Any) -> Any:
    """By the value, as the texts derive it."""
    value = sigmoid(argument)
    return value * (1 - value)
