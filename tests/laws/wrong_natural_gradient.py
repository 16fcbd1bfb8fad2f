"""Wrong natural gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import walk
from optcheck.backends.numpy.minimizers.natural_gradient import (
    expected_hessian,
    score_outer_product,
)

DIRECTION = "direction-is-the-equation"
CLOSED_FORM = "natural-gradient-has-the-closed-form"
BOTH_FORMS = "natural-gradient-solves-both-forms"
TRUTH = "natural-gradient-rests-at-the-truth"
NEWTON = "natural-gradient-is-newton-in-natural-parameters"
LINEAR = "natural-gradient-is-invariant-to-linear-changes"
CURVED = "natural-gradient-is-invariant-to-first-order"
DIVERGENCE = "natural-gradient-divergence-of-a-step"
LIKELIHOOD = "natural-gradient-raises-the-likelihood"
LAGRANGIAN = "natural-gradient-minimises-the-lagrangian"
BEST = "natural-gradient-is-the-best-step-of-its-divergence"
STEP = "trajectory-is-true"

Matrix = Callable[[Any, Any], Any]
# (matrix, gradient, multiplier) to a direction.
Solve = Callable[[Any, Any, float], Any]


def _natural(F: Any, g: Any, multiplier: float) -> Any:
    return np.linalg.solve(F, -g / multiplier)


def natural(matrix: Matrix, solve: Solve = _natural, step: float = 1.0) -> Rule:
    """The natural gradient with another matrix, another direction or another step."""

    def rule(objective: Any, x: Any, *, multiplier: float, **given: Any) -> Any:
        def direction(x: Any, g: Any) -> Any:
            try:
                return solve(matrix(objective, x), g, multiplier)
            except np.linalg.LinAlgError:
                return np.full_like(x, np.nan)

        def taken(objective: Any, x: Any, g: Any, d: Any) -> float | None:
            return step if np.all(np.isfinite(d)) else None

        return walk(objective, x, direction, taken, **given)

    return rule


def _plain(F: Any, g: Any, multiplier: float) -> Any:
    return -g / multiplier


def _printed_sign(F: Any, g: Any, multiplier: float) -> Any:
    return np.linalg.solve(F, g / multiplier)


def _printed_multiplier(F: Any, g: Any, multiplier: float) -> Any:
    return np.linalg.solve(F, -g)


def _trace(F: Any, g: Any, multiplier: float) -> Any:
    """The product of scores in the printed order, of columns: a number."""
    return -g / np.trace(F) / multiplier


def _normalised(F: Any, g: Any, multiplier: float) -> Any:
    natural = np.linalg.solve(F, -g)
    return natural / np.sqrt(-natural @ g) / multiplier


def _damped(F: Any, g: Any, multiplier: float) -> Any:
    return np.linalg.solve(F + 1e-4 * np.eye(len(g)), -g / multiplier)


def _diagonal(F: Any, g: Any, multiplier: float) -> Any:
    return -g / np.diag(F) / multiplier


def _root(F: Any, g: Any, multiplier: float) -> Any:
    """The inverse of the root, as adaptive methods have it."""
    sizes, axes = np.linalg.eigh(F)
    return -axes @ (axes.T @ g / np.sqrt(sizes)) / multiplier


def _single(F: Any, g: Any, multiplier: float) -> Any:
    solved = np.linalg.solve(F.astype(np.float32), (-g / multiplier).astype(np.float32))
    return solved.astype(np.float64)


def _of_the_data(objective: Any, x: Any) -> Any:
    """Newton's: the expectation under the data and not under the model."""
    return objective.hessian(x)


def _equal_weights(objective: Any, x: Any) -> Any:
    """One draw of each outcome, as if all were as probable."""
    scores = [objective.score(x, each) for _, each in objective.outcomes(x)]
    return sum(np.outer(score, score) for score in scores) / len(scores)


def _equal_hessians(objective: Any, x: Any) -> Any:
    hessians = [objective.score_hessian(x, each) for _, each in objective.outcomes(x)]
    return -sum(hessians) / len(hessians)


def _without_the_rarest(objective: Any, x: Any) -> Any:
    """The sum over outcomes stops one too early."""
    pairs = [(p, objective.score(x, each)) for p, each in objective.outcomes(x)[:-1]]
    return sum(p * np.outer(score, score) for p, score in pairs)


def _only_the_mode(objective: Any, x: Any) -> Any:
    """The Hessian of the most probable outcome, for the expected one."""
    _, likeliest = max(objective.outcomes(x), key=lambda pair: pair[0])
    return -objective.score_hessian(x, likeliest)


def _frozen(matrix: Matrix) -> Rule:
    """The matrix of the start, for all steps."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        return natural(lambda objective, _: matrix(objective, x))(objective, x, **given)

    return rule


def _slips(matrix: Matrix) -> list[Slip]:
    """Slips that either form of the matrix can have around it."""
    return [
        Slip(
            "printed-sign",
            "adds the step as printed: the likelihood falls (errata G33)",
            (DIRECTION, CLOSED_FORM, LIKELIHOOD, LAGRANGIAN),
            fixed(natural(matrix, _printed_sign)),
        ),
        Slip(
            "printed-multiplier",
            "leaves out the multiplier as printed (errata G33)",
            (DIRECTION, CLOSED_FORM, DIVERGENCE, LAGRANGIAN),
            fixed(natural(matrix, _printed_multiplier)),
        ),
        Slip(
            "gradient",
            "goes along the plain gradient",
            (DIRECTION, CLOSED_FORM, BOTH_FORMS, NEWTON, LINEAR, CURVED, BEST, LAGRANGIAN),
            fixed(natural(matrix, _plain)),
        ),
        Slip(
            "normalised",
            "takes steps of one divergence, whatever the gradient",
            (DIRECTION, TRUTH, DIVERGENCE),
            fixed(natural(matrix, _normalised)),
        ),
        Slip(
            "damped",
            "adds a little to the diagonal",
            (DIRECTION, CLOSED_FORM, LINEAR),
            fixed(natural(matrix, _damped)),
        ),
        Slip(
            "diagonal",
            "keeps the diagonal of the matrix alone",
            (DIRECTION, LINEAR, CURVED),
            fixed(natural(matrix, _diagonal)),
        ),
        Slip(
            "root",
            "divides by the root of the matrix",
            (DIRECTION, CLOSED_FORM, LINEAR, CURVED),
            fixed(natural(matrix, _root)),
        ),
        Slip(
            "newton",
            "takes the expectation under the data, which is Newton's method",
            (DIRECTION, CLOSED_FORM, BOTH_FORMS),
            fixed(natural(_of_the_data)),
        ),
        Slip(
            "frozen",
            "keeps the matrix of the start",
            (DIRECTION, BOTH_FORMS),
            fixed(_frozen(matrix)),
        ),
        Slip(
            "single",
            "solves in float32",
            (DIRECTION, CLOSED_FORM),
            fixed(natural(matrix, _single)),
        ),
        Slip(
            "half-step",
            "takes half the step",
            (CLOSED_FORM, DIVERGENCE),
            fixed(natural(matrix, step=0.5)),
        ),
    ]


BY_SCORES = natural(score_outer_product)
BY_HESSIANS = natural(expected_hessian)

SCORES = [
    *_slips(score_outer_product),
    Slip(
        "printed-order",
        "multiplies the scores in the printed order, which is the trace (errata G30)",
        (DIRECTION, CLOSED_FORM, BEST),
        fixed(natural(score_outer_product, _trace)),
    ),
    Slip(
        "equal-weights",
        "takes all outcomes for equally probable",
        (DIRECTION, BOTH_FORMS, NEWTON),
        fixed(natural(_equal_weights)),
    ),
    Slip(
        "one-outcome-less",
        "leaves out the last outcome",
        (DIRECTION, BOTH_FORMS, NEWTON),
        fixed(natural(_without_the_rarest)),
    ),
]
HESSIANS = [
    *_slips(expected_hessian),
    Slip(
        "equal-weights",
        "takes all outcomes for equally probable",
        (DIRECTION, BOTH_FORMS),
        fixed(natural(_equal_hessians)),
    ),
    Slip(
        "mode",
        "takes the Hessian of the most probable outcome",
        (DIRECTION, BOTH_FORMS),
        fixed(natural(_only_the_mode)),
    ),
    Slip(
        "lost-sign",
        "forgets the minus before the expectation",
        (DIRECTION, LIKELIHOOD, LAGRANGIAN),
        fixed(natural(lambda objective, x: -expected_hessian(objective, x))),
    ),
]

CLAIM = {"search": "unit", "monotone": False, "promises": ("gradient-maximum",)}
FAMILIES = [
    Family(
        "natural-gradient",
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim=CLAIM,
    )
    for dialect, right, slips in (
        ("score-outer-product", BY_SCORES, SCORES),
        ("expected-hessian", BY_HESSIANS, HESSIANS),
    )
]
