"""Wrong Gaussian likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from wrong_losses import LIKELIHOOD, VALUE, LossFamily, Parts, family, slip

NOISE = ("noise-variance-is-the-mean-squared-residual",)
_LOG_TWO_PI = np.log(2 * np.pi)


def _gaussian(spread: str, constant: float, reduction: str) -> Parts:
    def precision(given: Mapping[str, Any]) -> Any:
        if spread == "precision":
            return given[spread]
        return 1 / (given[spread] ** 2 if spread == "scale" else given[spread])

    def element(**given: Any) -> Any:
        beta, residual = precision(given), given["target"] - given["prediction"]
        return (beta * residual**2 - np.log(beta) + constant) / 2

    def in_prediction(**given: Any) -> Any:
        return precision(given) * (given["prediction"] - given["target"])

    def in_spread(**given: Any) -> Any:
        s, square = given[spread], (given["target"] - given["prediction"]) ** 2
        if spread == "precision":
            return (square - 1 / s) / 2
        if spread == "variance":
            return (1 / s - square / s**2) / 2
        return 1 / s - square / s**3

    return Parts(element, {"prediction": in_prediction, spread: in_spread}, reduction)


def _likelihood(dialect: str, spread: str, constant: float, reduction: str) -> LossFamily:
    right = _gaussian(spread, constant, reduction)
    other = _gaussian(spread, _LOG_TWO_PI - constant, reduction)
    own = [
        slip("constant", "has the constant, or lacks it, the other way", VALUE, other),
        slip(
            "square-root",
            "takes the spread for its root",
            (*VALUE, *NOISE),
            right.told(**{spread: np.sqrt}),
        ),
        slip(
            "normalised-alone",
            "forgets the slope of the exponent",
            NOISE,
            right.sloped(lambda g, **given: g + 1 / given[spread]),
        ),
        slip(
            "shrunk",
            "draws the mean towards 0",
            LIKELIHOOD,
            right.sloped(lambda g, **given: g + 0.01 * given["prediction"] + 0.01),
        ),
    ]
    return family("gaussian-negative-log-likelihood", dialect, right, own)


FAMILIES = [
    _likelihood("precision+sum", "precision", _LOG_TWO_PI, "sum"),
    _likelihood("variance+sum", "variance", _LOG_TWO_PI, "sum"),
    _likelihood("variance-without-constant+mean", "variance", 0.0, "mean"),
    _likelihood("scale", "scale", _LOG_TWO_PI, "none"),
]
