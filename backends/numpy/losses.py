"""Losses and activations, written out, and SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.numpy._parts import Array

# SciPy's expit is 0 where exp(-z) overflows, and shows no subnormal result.
rules = FunctionTraining()


def difference(prediction: Array, target: Array) -> Array:
    """The slope of half a square."""
    return prediction - target


def twice_the_difference(prediction: Array, target: Array) -> Array:
    """The slope of a square."""
    return 2 * (prediction - target)


def mean_difference(prediction: Array, target: Array) -> Any:
    """The slope of the mean of squares."""
    return 2 * (prediction - target) / len(target)


@rules.loss("squared-error", dialect="sum", gradient=twice_the_difference)
def sum_of_squares(prediction: Array, target: Array) -> Any:
    """Without a factor."""
    return np.sum((prediction - target) ** 2)


@rules.loss("squared-error", dialect="half-sum", gradient=difference)
def half_sum_of_squares(prediction: Array, target: Array) -> Any:
    """Half of it, so that the gradient has no factor."""
    return np.sum((prediction - target) ** 2) / 2


@rules.loss("squared-error", dialect="mean", gradient=mean_difference)
def mean_of_squares(prediction: Array, target: Array) -> Any:
    """The empirical objective."""
    return np.mean((prediction - target) ** 2)


def logit_slope(prediction: Array, target: Array) -> Any:
    """The two terms apart, so that a small slope keeps its accuracy."""
    return (1 - target) * special.expit(prediction) - target * special.expit(-prediction)


@rules.loss(
    "binary-cross-entropy", dialect="logits+sum", gradient=logit_slope, flushes_subnormals=True
)
def cross_entropy_of_logits(prediction: Array, target: Array) -> Any:
    """By the logarithm of the sigmoid, which does not overflow."""
    terms = target * special.log_expit(prediction) + (1 - target) * special.log_expit(-prediction)
    return -np.sum(terms)


def probability_slope(prediction: Array, target: Array) -> Any:
    """A term of weight 0 has no slope, even where its logarithm has none."""
    left = np.divide(target, prediction, out=np.zeros_like(target), where=target > 0)
    rest = 1 - target
    right = np.divide(rest, 1 - prediction, out=np.zeros_like(target), where=rest > 0)
    return right - left


@rules.loss("binary-cross-entropy", dialect="probabilities+sum", gradient=probability_slope)
def cross_entropy_of_probabilities(prediction: Array, target: Array) -> Any:
    """A term of weight 0 is 0."""
    terms = special.xlogy(target, prediction) + special.xlog1py(1 - target, -prediction)
    return -np.sum(terms)


def precision_slope(prediction: Array, target: Array, precision: Array) -> Any:
    """In the precision: it vanishes where 1/precision is the squared residual."""
    return ((target - prediction) ** 2 - 1 / precision) / 2


def weighted_difference(prediction: Array, target: Array, precision: Array) -> Any:
    """In the prediction."""
    return precision * (prediction - target)


def gaussian_slope(**given: Array) -> Any:
    """In whichever argument is given first."""
    slopes = {"prediction": weighted_difference, "precision": precision_slope}
    return slopes[next(iter(given))](**given)


@rules.loss("gaussian-negative-log-likelihood", dialect="precision+sum", gradient=gaussian_slope)
def gaussian(prediction: Array, target: Array, precision: Array) -> Any:
    """The density of each target, by the precision."""
    energies = precision * (target - prediction) ** 2 - np.log(precision) + np.log(2 * np.pi)
    return np.sum(energies) / 2


def normal_slope_of_mean(prediction: Array, target: Array, scale: Array) -> Any:
    """In the mean."""
    return (prediction - target) / scale**2


def normal_slope_of_scale(prediction: Array, target: Array, scale: Array) -> Any:
    """In the standard deviation."""
    return (1 - ((target - prediction) / scale) ** 2) / scale


def normal_slope(**given: Array) -> Any:
    """In whichever argument is given first; SciPy differentiates nothing."""
    slopes = {"prediction": normal_slope_of_mean, "scale": normal_slope_of_scale}
    return slopes[next(iter(given))](**given)


@rules.loss(
    "gaussian-negative-log-likelihood",
    dialect="scale",
    gradient=normal_slope,
    # SciPy's distributions answer in double precision whatever they are given.
    dtypes=("float64",),
)
def normal(prediction: Array, target: Array, scale: Array) -> Any:
    """The density of SciPy."""
    return -stats.norm.logpdf(target, prediction, scale)


def logistic_slope(argument: Array) -> Any:
    """By the value."""
    value = special.expit(argument)
    return value * (1 - value)


@rules.loss(
    "logistic-sigmoid", dialect="textbook", gradient=logistic_slope, flushes_subnormals=True
)
def logistic(argument: Array) -> Any:
    """SciPy's, which does not overflow."""
    return special.expit(argument)


def step(argument: Array) -> Any:
    """0 at 0."""
    return (argument > 0).astype(argument.dtype)


@rules.loss("rectifier", dialect="flat-at-zero", gradient=step)
def rectifier(argument: Array) -> Any:
    """Negative arguments are cut off."""
    return np.maximum(argument, 0)


def softplus_slope(argument: Array) -> Any:
    """The sigmoid."""
    return special.expit(argument)


@rules.loss("softplus", dialect="exact", gradient=softplus_slope, flushes_subnormals=True)
def softplus(argument: Array) -> Any:
    """By the logarithm of the sigmoid."""
    return -special.log_expit(-argument)


def flat(prediction: Array, target: Array) -> Any:
    """No slope anywhere."""
    return np.zeros_like(prediction)


@rules.loss("zero-one-loss", dialect="elementwise", gradient=flat)
def zero_one(prediction: Array, target: Array) -> Any:
    """An error where the signs differ."""
    return (1 - target * np.sign(prediction)) / 2


def batch_slope(weights: Array, inputs: Array, target: Array) -> Any:
    """The chain rule, for the whole batch at once."""
    return 2 * inputs.T @ (inputs @ weights - target)


@rules.loss("batch-loss", dialect="sum", gradient=batch_slope)
def batch_loss(weights: Array, inputs: Array, target: Array) -> Any:
    """Of the sum over the batch."""
    return np.sum((inputs @ weights - target) ** 2)


def mean_batch_slope(weights: Array, inputs: Array, target: Array) -> Any:
    """The mean of the scores of the examples."""
    return np.mean(2 * inputs * (inputs @ weights - target)[:, None], axis=0)


@rules.loss("batch-loss", dialect="mean", gradient=mean_batch_slope)
def mean_batch_loss(weights: Array, inputs: Array, target: Array) -> Any:
    """Of the mean over the batch."""
    return np.mean((inputs @ weights - target) ** 2)
