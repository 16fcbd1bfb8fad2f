"""Slips against what the texts say of adaptive rates, averages, signs and Newton's method."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
from wrong_adam_parts import DIRECTIONS, average
from wrong_adam_parts import Form as Adam
from wrong_adam_parts import variant as adam_variant
from wrong_adaptive import ADAGRAD, Form, variant
from wrong_newton import chord
from wrong_newton import slip as newton_slip
from wrong_rmsprop import FORMS as RMSPROP
from wrong_variants import Rule, Slip, Wrong, fixed

from optcheck.backends.numpy.factorizations import cholesky
from optcheck.backends.numpy.signs import irprop_minus, rprop_minus

AXES = ("rates-of-their-own-need-the-axes",)
ROOT = ("gradients-lower-rates-by-the-root-of-their-squares",)
UNSTABILISED = ("without-a-stabiliser-scales-do-not-show",)
SCALE = ("adam-does-not-see-the-scale-of-the-loss",)
LENGTH = ("an-average-looks-back-as-far-as-its-decay-says",)
START = ("rmsprop-starts-with-too-small-a-mean-square",)
FADES = ("bias-corrections-fade",)
BLOCKS = ("adam-learns-from-blocks-of-the-data",)
CYCLE = ("sign-descent-ends-in-a-cycle-of-two",)
DRIFT = ("rprop-drifts-where-gradients-have-mean-zero",)
RAPHSON = ("newton-is-newton-raphson-on-the-gradient",)
ALONE = ("newton-of-each-parameter-alone",)
TAYLOR = ("expansion-in-one-parameter",)
MEMORY = ("a-hessian-takes-the-square-of-its-parameters",)
CUBE = ("elimination-takes-a-sixth-of-the-cube",)
BICONVEX = ("sparse-coding-is-convex-in-each-block-alone",)

adagrad = functools.partial(variant, ADAGRAD)


def _zero_is_one(form: Form) -> Rule:
    """0/0 counts as 1."""
    right = form.rule()

    def rule(w: Any, g: Any, state: Any, **h: float) -> Any:
        with np.errstate(invalid="ignore"):
            new = right(w, g, state, **h)
        return np.where(np.isnan(new), w - h["learning_rate"], new)

    return rule


_ADAGRAD = [
    adagrad(
        "one-sum-for-all",
        "one sum of squares for all coordinates",
        (*AXES, *ROOT),
        accumulate=lambda r, g, h: r + np.sum(g * g),
    ),
    adagrad(
        "inverse-to-the-sum",
        "rates are inverse to the sum, as goodfellow's words say",
        (*AXES, *ROOT, *UNSTABILISED),
        denominator=lambda r, e: r + e,
    ),
    adagrad(
        "forgets-old-squares",
        "the sum decays",
        ROOT,
        accumulate=lambda r, g, h: 0.9 * r + g * g,
    ),
    adagrad(
        "rare-gradients-alone",
        "steps without a gradient count as one of size 1",
        ROOT,
        accumulate=lambda r, g, h: r + np.where(g == 0.0, 1.0, g * g),
    ),
    adagrad(
        "keeps-a-stabiliser",
        "adds 1e-8, whatever epsilon is",
        UNSTABILISED,
        denominator=lambda r, e: np.sqrt(r) + e + 1e-8,
    ),
    Slip(
        "zero-over-zero-is-one",
        "0/0 counts as 1",
        UNSTABILISED,
        fixed(_zero_is_one(ADAGRAD)),
        says="without a gradient",
    ),
]

_PLAIN = RMSPROP["epsilon-outside-root"]
rmsprop = functools.partial(variant, _PLAIN)


def _swapped(r: Any, g: Any, h: SimpleNamespace) -> Any:
    return average(r, g * g, 1.0 - h.decay)


_RMSPROP = [
    rmsprop(
        "divides-by-the-square",
        "divides by the mean square itself",
        UNSTABILISED,
        denominator=lambda r, e: r + e,
    ),
    rmsprop(
        "decay-swapped",
        "keeps 1 - rho of the average in place of rho",
        (*LENGTH, *START),
        accumulate=_swapped,
    ),
    rmsprop(
        "corrects-its-start",
        "divides by 1 - rho^t, as Adam does",
        START,
        weight=lambda h: 1.0 - h.decay**h.step,
    ),
    rmsprop(
        "starts-at-the-first-square",
        "starts at the first square",
        START,
        accumulate=lambda r, g, h: g * g if h.step == 1 else average(r, g * g, h.decay),
    ),
]

_RIGHT = Adam(DIRECTIONS["epsilon-outside-root"])
adam = functools.partial(adam_variant, _RIGHT)

_ADAM = [
    adam(
        "printed-by-goodfellow",
        "uses the raw moments, and multiplies with the gradient once more",
        (*BLOCKS, *SCALE),
        direction=lambda n: n.m / (np.sqrt(n.v) + n.epsilon) * n.g,
    ),
    adam(
        "printed-by-bishop",
        "takes the gradient with a minus sign",
        BLOCKS,
        gradient=lambda n: -n.g,
        says="does not fall",
    ),
    adam(
        "counts-after-the-update",
        "the count of the first update is 0, for which it takes 1",
        (*BLOCKS, *FADES),
        correction1=lambda b, t: 1.0 - b ** max(t - 1, 1),
        correction2=lambda b, t: 1.0 - b ** max(t - 1, 1),
    ),
    adam(
        "stops-correcting",
        "corrects its moments at the first five steps alone",
        FADES,
        correction1=lambda b, t: 1.0 - b**t if t <= 5 else 1.0,
        correction2=lambda b, t: 1.0 - b**t if t <= 5 else 1.0,
    ),
    adam(
        "root-of-the-correction",
        "divides the second moment by the root of its correction",
        FADES,
        correction2=lambda b, t: float(np.sqrt(1.0 - b**t)),
    ),
    adam(
        "keeps-epsilon",
        "1e-8, whatever epsilon is",
        SCALE,
        epsilon=lambda e: 1e-8,
    ),
    adam(
        "adds-up",
        "adds gradients to the first moment with their full weight",
        LENGTH,
        first=lambda n: n.beta1 * n.m + n.g,
    ),
]


def _clipped(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * g / max(1.0, float(np.linalg.norm(g)))


def _remembers_a_sign(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    return w - learning_rate * np.sign(g)


_DESCENT = [
    Slip("clips", "clips every gradient to the length 1", (*SCALE, *DRIFT), fixed(_clipped)),
    Slip("of-signs", "goes along the signs", (*SCALE, *DRIFT), fixed(_remembers_a_sign)),
]


def _halves(w: Any, g: Any, state: Any, *, learning_rate: float) -> Any:
    before = state.get("before", g)
    size = state.get("size", 1.0) * np.where(before * g < 0.0, 0.5, 1.0)
    state.update(before=g, size=size)
    return w - learning_rate * size * np.sign(g)


_SIGN = [
    Slip("converges", "halves the step where the sign changes", CYCLE, fixed(_halves)),
    Slip(
        "never-rests",
        "the sign of 0 is 1",
        CYCLE,
        fixed(lambda w, g, state, *, learning_rate: w - learning_rate * np.where(g < 0, -1, 1)),
    ),
]


def _by_size(w: Any, g: Any, state: Any, **h: float) -> Any:
    return w - h["learning_rate"] * g


_RPROP = [
    Slip("by-size", "goes along the gradient, and so nowhere", DRIFT, fixed(_by_size)),
    Slip("forgets-at-turns", "forgets a gradient of the other sign", DRIFT, fixed(irprop_minus)),
]
_IRPROP = [
    Slip("by-size-too", "goes along the gradient, and so nowhere", DRIFT, fixed(_by_size)),
    Slip("moves-at-turns", "moves where the sign has changed", DRIFT, fixed(rprop_minus)),
]


_NEWTON = [
    Slip("hessian-of-the-start", "keeps the Hessian of the start", RAPHSON, fixed(chord)),
    newton_slip(
        "without-the-half",
        "steps to the extremum of the expansion as printed, half as far",
        (*RAPHSON, *ALONE),
        lambda H, b: np.linalg.solve(2.0 * H, b),
    ),
    newton_slip(
        "printed-sign",
        "takes step over slope for the inverse curvature",
        (*RAPHSON, *ALONE),
        lambda H, b: -np.linalg.solve(H, b),
    ),
    newton_slip(
        "always-down",
        "takes the size of each curvature",
        ALONE,
        lambda H, b: np.linalg.solve(np.abs(H), b),
    ),
]


def _triangle(objective: Any, x: Any) -> Any:
    return objective.hessian(x)[np.tril_indices(len(x))]


_HESSIAN = [
    Slip("packed", "one triangle, one row after the other", MEMORY, fixed(_triangle)),
    Slip(
        "sparse",
        "the diagonal alone",
        MEMORY,
        fixed(lambda objective, x: np.diag(np.diag(objective.hessian(x)))),
        says="entries",
    ),
    Slip(
        "coefficients",
        "the coefficients of the squares, without the factor 2",
        TAYLOR,
        fixed(lambda objective, x: objective.hessian(x) / 2.0),
    ),
]


def _incomplete(matrix: Any) -> Any:
    """Without the entries that elimination fills in."""
    lower = np.tril(matrix).copy()
    for k in range(len(lower)):
        lower[k, k] = np.sqrt(lower[k, k])
        lower[k + 1 :, k] /= lower[k, k]
        for j in range(k + 1, len(lower)):
            lower[j:, j] -= np.where(matrix[j:, j] == 0.0, 0.0, lower[j:, k] * lower[j, k])
    return {"factor": lower}


_CHOLESKY = [
    Slip("incomplete", "leaves out what elimination fills in", CUBE, fixed(_incomplete)),
    Slip(
        "of-the-diagonal",
        "the factor of the diagonal alone",
        CUBE,
        fixed(lambda matrix: cholesky(np.diag(np.diag(matrix)))),
    ),
]


def _on_sparse_coding(change: Any) -> Rule:
    return lambda objective, x: (
        change(objective, x) if objective.structure == "sparse coding" else objective.value(x)
    )


_VALUE = [
    Slip(
        "signed-penalty",
        "adds the code itself for its size",
        BICONVEX,
        fixed(
            _on_sparse_coding(lambda f, x: f.value(x) - f.penalty * np.sum(np.abs(x[2:]) - x[2:]))
        ),
    ),
    Slip(
        "root-of-the-squares",
        "the distance for its square",
        BICONVEX,
        fixed(_on_sparse_coding(lambda f, x: np.sqrt(f.value(x)))),
    ),
]

_OTHER_DEFAULTS = Slip(
    "other-defaults", "beta2 is 0.99 where it is not told", SCALE, fixed(_RIGHT.rule())
)

WRONG = [
    *(Wrong("update-rule", "adagrad", "epsilon-outside-root", each) for each in _ADAGRAD),
    *(Wrong("update-rule", "rmsprop", "epsilon-outside-root", each) for each in _RMSPROP),
    *(Wrong("update-rule", "adam", "epsilon-outside-root", each) for each in _ADAM),
    Wrong(
        "update-rule",
        "adam",
        "epsilon-outside-root",
        _OTHER_DEFAULTS,
        {"defaults": {"beta1": 0.9, "beta2": 0.99}},
    ),
    *(Wrong("update-rule", "gradient-descent", "plain", each) for each in _DESCENT),
    *(Wrong("update-rule", "sign-descent", "sign", each) for each in _SIGN),
    *(Wrong("update-rule", "rprop", "rprop-minus", each) for each in _RPROP),
    *(Wrong("update-rule", "rprop", "irprop-minus", each) for each in _IRPROP),
    *(
        Wrong("minimizer", "newton", "full-step", each, {"promises": ("gradient-maximum",)})
        for each in _NEWTON
    ),
    *(Wrong("derivative", "hessian", "written-out", each) for each in _HESSIAN),
    *(Wrong("derivative", "value", "evaluated", each) for each in _VALUE),
    *(Wrong("factorization", "cholesky", "lower", each) for each in _CHOLESKY),
]
