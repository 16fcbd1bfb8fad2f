"""Wrong derivatives of quadratics, and gradients that cost more than they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Slip, Wrong, fixed

MINIMUM = ("quadratic-about-its-minimum",)
VALUES = ("a-quadratic-from-its-values",)
GRADIENTS = ("a-quadratic-from-its-gradients",)

Rule = Callable[[Any, Any], Any]


def _without_cross_terms(objective: Any, x: Any) -> Any:
    """The value along each axis alone, added up."""
    origin = np.zeros_like(x)
    alone = (objective.value(row) - objective.value(origin) for row in np.diag(x))
    return objective.value(origin) + sum(alone)


def _central(step: float) -> Rule:
    def gradient(objective: Any, x: Any) -> Any:
        axes = step * np.eye(len(x), dtype=x.dtype)
        return [(objective.value(x + e) - objective.value(x - e)) / (2 * step) for e in axes]

    return gradient


VALUE = [
    Slip(
        "without-the-constant",
        "measures from the value at 0",
        (*MINIMUM, *VALUES),
        fixed(lambda objective, x: objective.value(x) - objective.value(0 * x)),
    ),
    Slip(
        "without-cross-terms",
        "adds up what each variable does alone",
        (*MINIMUM, *VALUES),
        fixed(_without_cross_terms),
    ),
    Slip(
        "linear",
        "goes along the tangent at 0",
        (*MINIMUM, *VALUES),
        fixed(lambda f, x: f.value(0 * x) + f.gradient(0 * x) @ x),
    ),
]

GRADIENT = [
    Slip(
        "by-differences",
        "takes differences of values for the reverse mode",
        GRADIENTS,
        fixed(_central(0.5)),
        says="evaluations",
    ),
    Slip(
        "constant",
        "gives the gradient at 0 everywhere",
        (*MINIMUM, *GRADIENTS),
        fixed(lambda objective, x: objective.gradient(0 * x)),
    ),
    Slip(
        "without-the-linear-term",
        "gives H w",
        (*MINIMUM, *GRADIENTS),
        fixed(lambda objective, x: objective.hessian(x) @ x),
    ),
    Slip(
        "separable",
        "leaves the couplings out",
        (*MINIMUM, *GRADIENTS),
        fixed(lambda f, x: f.gradient(0 * x) + np.diag(f.hessian(x)) * x),
    ),
]

HESSIAN = [
    Slip(
        "of-the-form",
        "gives the H of w'Hw",
        MINIMUM,
        fixed(lambda objective, x: objective.hessian(x) / 2),
    ),
    Slip(
        "one-triangle",
        "leaves the lower triangle empty",
        MINIMUM,
        fixed(lambda objective, x: np.triu(objective.hessian(x))),
    ),
    Slip(
        "without-couplings",
        "gives the diagonal alone",
        MINIMUM,
        fixed(lambda objective, x: np.diag(np.diag(objective.hessian(x)))),
    ),
]


def _differences() -> Slip:
    """One that knows the answer, so that it needs no values."""
    return Slip(
        "without-values",
        "claims to take differences, and evaluates nothing",
        GRADIENTS,
        fixed(lambda objective, x: objective.gradient(x)),
        says="which is not in them",
    )


WRONG = [
    *(Wrong("derivative", "value", "evaluated", slip) for slip in VALUE),
    *(Wrong("derivative", "gradient", "reverse-mode", slip) for slip in GRADIENT),
    *(Wrong("derivative", "hessian", "written-out", slip) for slip in HESSIAN),
    Wrong(
        "derivative",
        "gradient",
        "central-difference",
        _differences(),
        {"dtypes": ("float64",), "fixed": {"step": 2.0**-17}},
    ),
]
