"""Derivatives written out, and SciPy's differences.

The models are typed in here once more from the texts, as a user would who has no automatic
differentiation: a class a model, with loss, slopes and curvatures of all examples at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.differentiate import jacobian
from scipy.optimize import approx_fprime

from optcheck.backends.function_training import FunctionTraining
from optcheck.backends.minimization import Objective

Array = npt.NDArray[Any]
# Parameters, inputs and targets to a value, a gradient or a Hessian.
Formula = Callable[[Array, Array, Array], Any]

rules = FunctionTraining()


def _line_loss(w: Array, x: Array, y: Array) -> Any:
    return np.sum((w[0] + w[1] * x - y) ** 2)


def _line_gradient(w: Array, x: Array, y: Array) -> Array:
    error = w[0] + w[1] * x - y
    return np.array([2 * np.sum(error), 2 * np.sum(error * x)])


def _line_hessian(w: Array, x: Array, y: Array) -> Array:
    design = np.stack([np.ones_like(x), x], axis=1)
    hessian: Array = 2 * design.T @ design
    return hessian


def _halved(formula: Formula) -> Formula:
    return lambda w, x, y: formula(w, x, y) / 2


def _sigmoid(z: Array) -> Array:
    # The exponential of a negative number cannot overflow.
    decay = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + decay), decay / (1 + decay))


def _logistic_loss(w: Array, x: Array, y: Array) -> Any:
    z = w[0] + w[1] * x
    return np.sum(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z))))


def _logistic_gradient(w: Array, x: Array, y: Array) -> Array:
    error = _sigmoid(w[0] + w[1] * x) - y
    return np.array([np.sum(error), np.sum(error * x)])


def _logistic_hessian(w: Array, x: Array, y: Array) -> Array:
    z = w[0] + w[1] * x
    spread = _sigmoid(z) * _sigmoid(-z)
    mixed = np.sum(spread * x)
    return np.array([[np.sum(spread), mixed], [mixed, np.sum(spread * x * x)]])


def _gabor_parts(w: Array, x: Array) -> tuple[Array, Array, Array]:
    """The output, its derivative in the argument, and the second one."""
    u = w[0] + 0.06 * w[1] * x
    window = np.exp(-(u**2) / 32)
    output = np.sin(u) * window
    slope = np.cos(u) * window - u / 16 * output
    return output, slope, -output - u / 16 * (np.cos(u) * window) - output / 16 - u / 16 * slope


def _gabor_loss(w: Array, x: Array, y: Array) -> Any:
    return np.sum((_gabor_parts(w, x)[0] - y) ** 2)


def _gabor_gradient(w: Array, x: Array, y: Array) -> Array:
    output, slope, _ = _gabor_parts(w, x)
    pull = 2 * (output - y) * slope
    return np.array([np.sum(pull), np.sum(pull * 0.06 * x)])


def _gabor_hessian(w: Array, x: Array, y: Array) -> Array:
    output, slope, bend = _gabor_parts(w, x)
    curvature = 2 * (slope**2 + (output - y) * bend)
    t = 0.06 * x
    mixed = np.sum(curvature * t)
    return np.array([[np.sum(curvature), mixed], [mixed, np.sum(curvature * t * t)]])


def _relu_parts(w: Array, x: Array) -> tuple[Array, Array, Array]:
    """The output, its slopes ``(10, N)``, and which units are on ``(3, N)``."""
    weights, offsets, slopes = w[1:4], w[4::2], w[5::2]
    z = offsets[:, None] + slopes[:, None] * x
    on = np.where(z > 0, 1, 0).astype(w.dtype)
    rows = np.empty((10, x.size), w.dtype)
    rows[0] = 1
    rows[1:4] = np.maximum(z, 0)
    rows[4::2] = weights[:, None] * on
    rows[5::2] = weights[:, None] * on * x
    return w[0] + weights @ rows[1:4], rows, on


def _relu_loss(w: Array, x: Array, y: Array) -> Any:
    return np.sum((_relu_parts(w, x)[0] - y) ** 2)


def _relu_gradient(w: Array, x: Array, y: Array) -> Array:
    output, slopes, _ = _relu_parts(w, x)
    gradient: Array = 2 * slopes @ (output - y)
    return gradient


def _relu_hessian(w: Array, x: Array, y: Array) -> Array:
    output, slopes, on = _relu_parts(w, x)
    hessian: Array = 2 * slopes @ slopes.T
    error = output - y
    for k in range(3):
        for place, mixed in ((4 + 2 * k, on[k] * error), (5 + 2 * k, on[k] * x * error)):
            hessian[k + 1, place] += 2 * np.sum(mixed)
            hessian[place, k + 1] += 2 * np.sum(mixed)
    return hessian


def _gaussian_loss(w: Array, x: Array, y: Array) -> Any:
    return np.sum((w[2] * (w[0] + w[1] * x - y) ** 2 - np.log(w[2])) / 2)


def _gaussian_gradient(w: Array, x: Array, y: Array) -> Array:
    error = w[0] + w[1] * x - y
    return np.array(
        [w[2] * np.sum(error), w[2] * np.sum(error * x), np.sum(error**2 - 1 / w[2]) / 2]
    )


def _gaussian_hessian(w: Array, x: Array, y: Array) -> Array:
    error = w[0] + w[1] * x - y
    line = np.stack([np.ones_like(x), x])
    hessian = np.empty((3, 3), w.dtype)
    hessian[:2, :2] = w[2] * (line @ line.T)
    hessian[2, :2] = hessian[:2, 2] = line @ error
    hessian[2, 2] = x.size / (2 * w[2] ** 2)
    return hessian


_MODELS: dict[object, tuple[Formula, Formula, Formula]] = {
    "LinearRegression": (_line_loss, _line_gradient, _line_hessian),
    "HalvedLinearRegression": (
        _halved(_line_loss),
        _halved(_line_gradient),
        _halved(_line_hessian),
    ),
    "LogisticRegression": (_logistic_loss, _logistic_gradient, _logistic_hessian),
    "Gabor": (_gabor_loss, _gabor_gradient, _gabor_hessian),
    "ShallowReLU": (_relu_loss, _relu_gradient, _relu_hessian),
    "GaussianRegression": (_gaussian_loss, _gaussian_gradient, _gaussian_hessian),
}


def _line(w: Array, x: Any) -> Any:
    return w[0] + w[1] * x


_OUTPUTS: dict[object, Callable[[Array, Any], Any]] = {
    "LinearRegression": _line,
    "HalvedLinearRegression": _line,
    "GaussianRegression": _line,
    "LogisticRegression": lambda w, x: _sigmoid(_line(w, x)),
    "Gabor": lambda w, x: _gabor_parts(w, x)[0],
    "ShallowReLU": lambda w, x: _relu_parts(w, np.array([x], w.dtype))[0][0],
}


def _derivative(objective: Objective, x: Array, order: int) -> Any:
    """The derivative of that order; by the formulas above where there are some."""
    name, size = _structure(objective)
    if name in _MODELS and size != "output":
        data = np.array(objective.coefficients, x.dtype)
        return _MODELS[name][order](x, *np.split(data, 2))
    return (objective.value, objective.gradient, objective.hessian)[order](x)


def _structure(objective: Objective) -> tuple[object, object]:
    """The name of a model and the number of its examples, or ``output``."""
    structure = objective.structure
    pair = isinstance(structure, tuple) and len(structure) == 2
    return structure if pair else (None, None)  # type: ignore[return-value]


@rules.derivative("value", dialect="evaluated")
def value(objective: Objective, x: Array) -> Any:
    """The loss, or the output of a model at one input."""
    name, size = _structure(objective)
    if name in _OUTPUTS and size == "output":
        return _OUTPUTS[name](x, objective.coefficients[0])
    return _derivative(objective, x, 0)


@rules.derivative("gradient", dialect="written-out")
def gradient(objective: Objective, x: Array) -> Any:
    """By its formula."""
    return _derivative(objective, x, 1)


@rules.derivative("hessian", dialect="written-out")
def hessian(objective: Objective, x: Array) -> Any:
    """By its formula."""
    return _derivative(objective, x, 2)


@rules.derivative("directional-derivative", dialect="written-out")
def directional_derivative(objective: Objective, x: Array, direction: Array) -> Any:
    """The product with the gradient."""
    return np.dot(_derivative(objective, x, 1), direction)


@rules.derivative("hessian-vector-product", dialect="written-out")
def hessian_vector_product(objective: Objective, x: Array, direction: Array) -> Any:
    """The product with the Hessian."""
    return _derivative(objective, x, 2) @ direction


@rules.derivative(
    "gradient",
    dialect="forward-difference",
    options={"library": "scipy"},
    dtypes=("float64",),
    fixed={"step": 2.0**-26},
)
def approximate_gradient(objective: Objective, x: Array) -> Any:
    """``scipy.optimize.approx_fprime`` with its default step."""
    return approx_fprime(x, objective.value)


@rules.derivative(
    "gradient",
    dialect="central-difference",
    options={"library": "scipy"},
    dtypes=("float64",),
    fixed={"step": 2.0**-17},
)
def central_gradient(objective: Objective, x: Array) -> Any:
    """``scipy.differentiate.jacobian`` with one stencil of the second order."""

    def values(points: Array) -> Array:
        columns = points.reshape(len(x), -1).T
        return np.array([objective.value(each) for each in columns]).reshape(points.shape[1:])

    return jacobian(values, x, initial_step=2.0**-17, order=2, maxiter=1).df
