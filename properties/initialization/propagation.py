"""Laws of variance: what layers of random weights make of signals, and of deltas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.initialization.drawing import distribution
from optcheck.properties.initialization.signals import (
    MATRICES,
    NARROWING,
    SQUARES,
    WIDE,
    Passage,
    Stack,
    backwards,
    forwards,
    has_known_moments,
    is_gaussian,
    is_symmetric,
    narrowing,
    squares,
)
from optcheck.properties.initialization.walks import (
    RECTIFIED_MEAN,
    excess_of_balance,
    excess_of_energy,
    excess_of_sum,
    rectified,
    rectified_deviation,
    squared,
)
from optcheck.properties.law import Subject, law
from optcheck.properties.statistics import excess, excess_of_bounded_mean
from optcheck.reference.initialization.distributions import Gaussian
from optcheck.reference.initialization.propagation import output_moments, product_variance

BLOCK = 16
# Of mean 3/2.
_NUMBERS = np.array([0.5, 1.0, 2.0, 2.5])


@law(
    id="layers-pass-the-predicted-variance",
    title="Layers pass signals on with M variance, rectified ones with half, and deltas likewise",
    statement=(
        f"Weights from {NARROWING.inputs} inputs to {NARROWING.outputs} units, cut into layers of "
        f"{BLOCK} units: given what enters it, the pre-activations of a layer have mean 0 and the "
        "variance of a weight times the squared length of the input, M times its mean square, "
        "whether all layers are linear or rectified. Each unit is active with probability 1/2, "
        "and the active ones have the same mean square, so that a rectified layer passes half on. "
        "Deltas that come back have the variance of a weight times the squared length of the "
        "delta, half of whose units the rectifiers have let through. Sums of squares are "
        "chi-square for Gaussian weights; for uniform and truncated ones, which are strictly "
        "sub-Gaussian, bounded by Chernoff; each is further off than allowed with probability "
        "below 1e-15."
    ),
    oracle="statistic",
    capability="initializer",
    equations=(
        "he-preactivation-mean",
        "he-variance-recursion-preactivations",
        "forward-variance-recursion-linear",
        "backward-variance-recursion-linear",
    ),
    about=is_symmetric,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative=(
        "the fan-out for the fan-in, or the other way round; a factor of 2 that is forgotten; "
        "the gain for its square; weights around another mean than zero"
    ),
)
def layers_pass_the_predicted_variance(subject: Subject, data: st.DataObject) -> float:
    stack = narrowing(subject, data)
    layers, scale = stack.blocks(BLOCK), 1.0 / math.sqrt(stack.variance)
    ratios = []
    for rectifies in (False, True):
        kind = "rectified" if rectifies else "linear"
        before = scale * _weighed(forwards(layers, rectified=rectifies))
        ratios.append(_balanced(stack, f"{kind} units", before))
        ratios.append(_energetic(stack, f"pre-activations of {kind} units", before))
        if rectifies:
            ratios += _require_half(stack, before)
        back = scale * _weighed(backwards(layers, rectified=rectifies))
        ratios.append(_energetic(stack, f"deltas behind {kind} units", back))
    return max(ratios)


def _weighed(passages: Sequence[Passage]) -> Floats:
    return np.concatenate([each.weighed for each in passages])


def _balanced(stack: Stack, name: str, before: Floats) -> float:
    """Pre-activations in units of what they should have."""
    total = float(before.sum())
    message = (
        f"the mean pre-activation of {before.size} {name} is {total / before.size:.4g} "
        "standard deviations, not 0"
    )
    return stack.require(message, excess_of_balance(total, before.size))


def _energetic(stack: Stack, name: str, values: Floats) -> float:
    total = float(values @ values)
    message = (
        f"the variance of {values.size} {name} is {total / values.size:.4g} times that of a "
        f"weight, {stack.variance:.4g}, and the squared length of what enters"
    )
    ratio = excess_of_energy(total, values.size, gaussian=is_gaussian(stack.subject))
    return stack.require(message, ratio)


def _require_half(stack: Stack, before: Floats) -> list[float]:
    active = before[before > 0.0]
    message = f"{active.size} of {before.size} rectified units are active, not half of them"
    return [
        stack.require(message, excess(active.size, before.size, 0.5)),
        _energetic(stack, "active units", active),
    ]


@law(
    id="rectified-outputs-keep-half-of-the-second-moment",
    title="Rectified outputs have half of the second moment, and 0.68 or all of the variance",
    statement=(
        "For Gaussian weights of variance eps^2 and inputs of mean square q, the outputs of M "
        "inputs have the mean sqrt(M eps^2 q / (2 pi)) and the variance (1 - 1/pi) M/2 eps^2 q. "
        "So inputs of mean 0 and variance lambda^2 = q give 1 - 1/pi = 0.68 of M/2 eps^2 "
        "lambda^2; inputs that are rectified Gaussians themselves, lambda^2 = (1 - 1/pi) q, give "
        f"all of it. Measured on {SQUARES // 2} layers of {WIDE} units for each; further off than "
        "allowed with probability below 1e-15 (Chernoff, by the exact cumulants)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("he-variance-recursion-outputs",),
    about=is_gaussian,
    every_path=False,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative="a factor of 2 that is forgotten, in the fan or for the rectifier",
)
def rectified_outputs(subject: Subject, data: st.DataObject) -> float:
    stack = squares(subject, data)
    share = 1.0 - 1.0 / math.pi
    ratios = []
    for matrices, inputs, kept in (
        (stack.weights[: SQUARES // 2], _inputs(0.0), share),
        (stack.weights[SQUARES // 2 :], _inputs(1.0 / math.pi), 1.0),
    ):
        outputs = np.maximum(matrices @ inputs, 0.0).ravel()
        second, mean = output_moments(WIDE, stack.variance, float(np.mean(inputs**2)))
        # In units of the standard deviation of the pre-activations.
        standard = outputs / math.sqrt(2.0 * second)
        printed = WIDE / 2 * stack.variance * float(np.var(inputs))
        found = float(np.mean((outputs - mean) ** 2))
        message = (
            f"the variance of outputs is {found / printed:.4g} M/2 eps^2 lambda^2, for {kept:.4g}"
        )
        total = float(np.sum((standard - RECTIFIED_MEAN) ** 2))
        spread = excess_of_sum(total, [(rectified_deviation, outputs.size)])
        ratios.append(stack.require(message, spread))
        message = f"the mean output is {float(np.mean(outputs)):.4g}, for {mean:.4g}"
        centre = excess_of_sum(float(standard.sum()), [(rectified, outputs.size)])
        ratios.append(stack.require(message, centre))
    return max(ratios)


def _inputs(share: float) -> Floats:
    """Of mean square 1, of which the square of the mean is that share."""
    signs = np.where(np.arange(WIDE) % 2, 1.0, -1.0)
    inputs: Floats = math.sqrt(share) + math.sqrt(1.0 - share) * signs
    return inputs


@law(
    id="products-with-weights-have-the-variance-of-products",
    title="The variance of a weight times an independent number",
    statement=(
        "Weights X, and Y = 3/2 plus or minus 1/2 or 1, each as often and chosen without them: "
        "the mean of X Y is m_X m_Y and its variance D[X] D[Y] + m_X^2 D[Y] + m_Y^2 D[X], with "
        f"the variances of both means. Measured on the weights of {MATRICES} layers; further off "
        "than allowed with probability below 1e-15 (Chernoff by the exact cumulants of Gaussian "
        "weights; Hoeffding for the bounded ones, by the ranges of the squared deviations)."
    ),
    oracle="statistic",
    capability="initializer",
    equations=("product-variance-identity",),
    about=has_known_moments,
    every_path=False,
    one_dtype=True,
    dtypes=("float64",),
    share=0.02,
    false_alarm=1e-9,
    alternative="weights between minus and plus the scale for those between zero and the scale",
)
def products_with_weights(subject: Subject, data: st.DataObject) -> float:
    stack = narrowing(subject, data)
    x = stack.weights.reshape(-1, len(_NUMBERS))
    of_x, mean_y, variance_y = (
        distribution(subject, stack.plan),
        float(_NUMBERS.mean()),
        float(_NUMBERS.var()),
    )
    centre = of_x.mean * mean_y
    variance = product_variance(of_x.mean, of_x.variance, mean_y, variance_y)
    off = (x * _NUMBERS - centre) ** 2
    found = float(off.mean())
    message = f"the variance of products is {found:.4g}, for {variance:.4g}"
    if isinstance(of_x, Gaussian):
        deviation = float(of_x.deviation)
        parts = [(squared(0.0, abs(float(y))), len(x)) for y in _NUMBERS]
        return stack.require(message, excess_of_sum(float(off.sum()) / deviation**2, parts))
    # The farthest that each product may be from the mean of all, squared.
    ends = np.array([float(each) for each in of_x.support])
    reach = np.max((np.multiply.outer(ends, _NUMBERS) - centre) ** 2, axis=0)
    # Hoeffding's bound for unequal ranges has their mean square for the square of one.
    width = math.sqrt(float(np.mean(reach**2)))
    return stack.require(message, excess_of_bounded_mean(found - variance, off.size, width))
