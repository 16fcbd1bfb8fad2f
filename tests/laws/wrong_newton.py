"""Wrong Newton: its step, what regularises it, and its solution by conjugate gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.numpy.minimizers._walk import exact_step, walk
from optcheck.backends.numpy.minimizers.newton import (
    full_steps,
    newton,
    regularized_newton,
    saddle_free_newton,
)

DIRECTION = ("direction-is-the-equation",)
ONE_STEP = ("newton-solves-a-quadratic-in-one-step",)
SCALING = ("newton-scales-by-curvature",)
SCALE = ("newton-ignores-the-scale",)
ORDER = ("newton-converges-quadratically",)
AFFINE = ("newton-is-affinely-invariant",)
WHITENED = ("newton-is-a-gradient-step-in-whitened-variables",)
DESCENDS = ("newton-descends-where-curvature-is-positive",)
FAR = ("newton-diverges-from-a-distant-start",)
SADDLE = ("saddle-point-is-left",)
LIMITS = ("regularized-newton-limits",)
SHRINKS = ("regularized-newton-steps-shrink",)
FORCING = ("truncated-newton-solves-well-enough",)
SMALL = ("truncated-newton-ignores-the-scale",)

# (Hessian, right-hand side, shift) to a direction.
Solve = Callable[..., Any]


def stepping(solve: Solve) -> Rule:
    """Full steps along ``solve(H, -g)``, told the shift where there is one."""

    def rule(objective: Any, x: Any, *, iterations: int, tolerance: float, **h: float) -> Any:
        return full_steps(objective, x, functools.partial(solve, **h), iterations, tolerance)

    return rule


def slip(name: str, what: str, laws: tuple[str, ...], solve: Solve) -> Slip:
    return Slip(name, what, laws, fixed(stepping(solve)))


def with_matrix(change: Callable[..., Any]) -> Solve:
    """The right solution of a system with another matrix."""
    return lambda H, b, **h: np.linalg.solve(change(H, **h), b)


def by_eigenvalues(change: Callable[[Any], Any]) -> Solve:
    """A direction with other eigenvalues."""

    def solve(H: Any, b: Any) -> Any:
        curvatures, Q = np.linalg.eigh(H)
        return Q @ (Q.T @ b / change(curvatures))

    return solve


def _plus(H: Any, b: Any) -> Any:
    return np.linalg.solve(H, -b)


def _normalised(H: Any, b: Any) -> Any:
    d = np.linalg.solve(H, b)
    return d * np.linalg.norm(b) / np.linalg.norm(d)


def _transposed(H: Any, b: Any) -> Any:
    curvatures, Q = np.linalg.eigh(H)
    # With a sign that makes Q no symmetric matrix, as it may have from LAPACK.
    Q[:, -1] *= -np.sign(Q[0, -1] * Q[-1, 0]) or 1.0
    return Q.T @ (Q @ b / np.abs(curvatures))


def unscaled(H: Any, b: Any) -> Any:
    """A step in whitened variables with the gradient as (8.15) is printed."""
    curvatures, Q = np.linalg.eigh(H)
    roots = np.sqrt(np.abs(curvatures))
    return (Q / roots) @ (Q * roots @ b)


def unscaled_back(H: Any, b: Any) -> Any:
    """The right gradient of the whitened variables, carried back by the printed inverse."""
    curvatures, Q = np.linalg.eigh(H)
    roots = np.sqrt(np.abs(curvatures))
    return (roots[:, None] * Q.T) @ ((Q / roots).T @ b)


def guarded(H: Any, b: Any) -> Any:
    """Newton's step where it descends, else the gradient's."""
    d = np.linalg.solve(H, b)
    return d if d @ b > 0.0 else b


def tiny_is_singular(H: Any, b: Any, **h: float) -> Any:
    """The gradient where the determinant is below a number that fits all."""
    M = H + h.get("shift", 0.0) * np.eye(len(b))
    return np.linalg.solve(M, b) if abs(np.linalg.det(M)) > 1e-8 else b


def short(H: Any, b: Any) -> Any:
    """No step is longer than 1."""
    d = np.linalg.solve(H, b)
    return d / max(1.0, np.linalg.norm(d))


def chord(objective: Any, x: Any, *, iterations: int, tolerance: float) -> Any:
    """The Hessian of the start, for ever."""
    first = objective.hessian(x)
    solve = with_matrix(lambda H: first)
    return full_steps(objective, x, solve, iterations, tolerance)


NEWTON = [
    slip("plus", "Algorithm 8.9 as printed", (*DIRECTION, *ONE_STEP, *DESCENDS), _plus),
    slip("half", "half of the step", ONE_STEP, lambda H, b: np.linalg.solve(H, b) / 2),
    slip(
        "diagonal",
        "the diagonal of the Hessian alone",
        (*DIRECTION, *AFFINE, *WHITENED),
        with_matrix(lambda H: np.diag(np.diag(H))),
    ),
    slip("gradient", "the gradient itself", (*DIRECTION, *SCALING, *SCALE), lambda H, b: b),
    slip("normalised", "a step of the gradient's length", SCALING, _normalised),
    slip("printed-gradient", "(8.15) as printed", (*WHITENED, *SCALING), unscaled),
    slip("printed-inverse", "the inverse of (8.15) as printed", WHITENED, unscaled_back),
    slip("absolute", "absolute eigenvalues", (*ONE_STEP, *ORDER), by_eigenvalues(np.abs)),
    slip("guarded", "the gradient where Newton's step is uphill", (*ONE_STEP, *DESCENDS), guarded),
    slip(
        "stabilised",
        "a small multiple of the unit matrix",
        (*SCALE, *AFFINE),
        with_matrix(lambda H: H + 1e-4 * np.eye(len(H))),
    ),
    slip("tiny", "small determinants count as singular", SCALE, tiny_is_singular),
    slip("short", "no step longer than 1", (*DIRECTION, *FAR), short),
    Slip("chord", "the Hessian of the start", (*DIRECTION, *ORDER), fixed(chord)),
]

SHIFTED = [
    slip("forgotten", "no shift", (*DIRECTION, *SADDLE, *LIMITS), with_matrix(lambda H, shift: H)),
    slip(
        "subtracted",
        "the shift is subtracted",
        (*DIRECTION, *DESCENDS),
        with_matrix(lambda H, shift: H - shift * np.eye(len(H))),
    ),
    slip(
        "everywhere",
        "the shift is added to all entries",
        (*SCALING, *LIMITS),
        with_matrix(lambda H, shift: H + shift),
    ),
    slip(
        "relative",
        "the shift is relative to the diagonal",
        (*DIRECTION, *LIMITS),
        with_matrix(lambda H, shift: H + shift * np.diag(np.diag(H))),
    ),
    slip(
        "squared",
        "the square of the shift",
        (*DIRECTION, *SCALE),
        with_matrix(lambda H, shift: H + shift**2 * np.eye(len(H))),
    ),
    slip(
        "inverse",
        "one over the shift",
        (*SHRINKS, *LIMITS),
        with_matrix(lambda H, shift: H + np.eye(len(H)) / (shift or 1.0)),
    ),
    slip(
        "scaled-up",
        "the step is multiplied by the shift",
        (*SHRINKS, *DIRECTION),
        lambda H, b, shift: np.linalg.solve(H + shift * np.eye(len(b)), b) * shift,
    ),
    slip("tiny", "small determinants count as singular", SCALE, tiny_is_singular),
]

ABSOLUTE = [
    slip("signed", "Newton's own step", (*DIRECTION, *SADDLE, *DESCENDS), np.linalg.solve),
    slip("entries", "absolute entries", (*DIRECTION, *SCALING), with_matrix(np.abs)),
    slip(
        "squared",
        "the square without its root",
        (*DIRECTION, *SCALE),
        with_matrix(lambda H: H @ H),
    ),
    slip(
        "clipped",
        "negative curvatures count as 1",
        (*DIRECTION, *SCALING),
        by_eigenvalues(lambda curvatures: np.where(curvatures > 0.0, curvatures, 1.0)),
    ),
    slip(
        "positive-only",
        "stays where it is along negative curvature",
        SADDLE,
        by_eigenvalues(lambda curvatures: np.where(curvatures > 0.0, curvatures, np.inf)),
    ),
    slip("tiny", "small determinants count as singular", SCALE, tiny_is_singular),
    slip("transposed", "the rows of Q for its columns", (*DIRECTION, *SCALING), _transposed),
]


def conjugate(
    H: Any,
    b: Any,
    *,
    forcing: Callable[[float], float] = lambda length: min(0.5, length**0.5),
    least: float = 0.0,
    most: int = 40,
    mix: Callable[[float, float], float] = lambda new, old: new / old,
) -> Any:
    """Conjugate gradients on ``H d = b`` from 0, until the forcing term or no curvature."""
    d, left, p = np.zeros_like(b), b.copy(), b.copy()
    length = np.abs(b).sum()
    for _ in range(most):
        if np.abs(left).sum() <= forcing(length) * length:
            break
        curvature = p @ H @ p
        if curvature <= least:
            return d if d.any() else b
        a = left @ left / curvature
        d = d + a * p
        after = left - a * (H @ p)
        p = after + mix(after @ after, left @ left) * p
        left = after
    return d


def truncated(**changed: Any) -> Rule:
    """Conjugate gradients, and the minimum along the line."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        def direction(x: Any, g: Any) -> Any:
            return conjugate(objective.hessian(x), -g, **changed)

        return walk(objective, x, direction, exact_step, **given)

    return rule


def _uphill(objective: Any, x: Any, **given: Any) -> Any:
    def direction(x: Any, g: Any) -> Any:
        return -conjugate(objective.hessian(x), -g)

    return walk(objective, x, direction, lambda objective, x, g, d: 1.0, **given)


TRUNCATED = [
    Slip("loose", "a forcing term of 0.9", FORCING, fixed(truncated(forcing=lambda length: 0.9))),
    Slip(
        "absolute",
        "a residual below 1e-3 whatever the gradient",
        SMALL,
        fixed(truncated(forcing=lambda length: 1e-3 / length)),
    ),
    Slip("one", "one inner iteration", FORCING, fixed(truncated(most=1))),
    Slip(
        "inverted",
        "the quotient of the residuals upside down",
        FORCING,
        fixed(truncated(mix=lambda new, old: old / new)),
    ),
    Slip(
        "steepest",
        "never mixes in the direction before",
        FORCING,
        fixed(truncated(mix=lambda new, old: 0.0, most=3)),
    ),
    Slip(
        "small-curvature",
        "curvatures below a number that fits all count as none",
        SMALL,
        fixed(truncated(least=1e-15)),
    ),
    Slip(
        "uphill",
        "goes against the direction",
        (*FORCING, "value-never-above-the-start"),
        fixed(_uphill),
    ),
]

FULL: dict[str, Any] = {
    "search": "unit",
    "promises": ("gradient-maximum",),
    "monotone": False,
}


def _family(method: str, dialect: str, right: Rule, slips: list[Slip]) -> Family:
    return Family(
        method,
        dialect,
        right,
        slips,
        capability="minimizer",
        general=general_slips(right),
        claim=FULL,
    )


FAMILIES = [
    _family("newton", "full-step", newton, NEWTON),
    _family("regularized-newton", "shifted", regularized_newton, SHIFTED),
    _family("saddle-free-newton", "absolute-eigenvalues", saddle_free_newton, ABSOLUTE),
    Family(
        "newton",
        "truncated",
        truncated(),
        TRUNCATED,
        capability="minimizer",
        general=general_slips(truncated()),
        claim={"promises": ("gradient-maximum",)},
    ),
]
