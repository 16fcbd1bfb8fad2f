"""Wrong BFGS: updates, directions, pairs and what is kept from run to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_minimizers import general_slips
from wrong_variants import Family, Rule, Slip, fixed

from optcheck.backends.minimization import Iteration
from optcheck.backends.numpy.minimizers._walk import exact_step, unit_step, walk
from optcheck.backends.numpy.minimizers.conjugate_gradients import backtracking_step
from optcheck.backends.numpy.minimizers.quasi_newton import (
    Approximation,
    Pairs,
    expanded_form,
    hessian_form,
    product_form,
)

Update = Callable[[Any, Any, Any], Any]
Make = Callable[[int, Update, float], Approximation]

DIRECTION = ("direction-is-the-equation",)
SECANT = ("bfgs-secant-condition",)
RANK = ("bfgs-changes-by-rank-two",)
POSITIVE = ("bfgs-stays-positive-definite",)
FORMS = ("bfgs-forms-agree",)
NEWTON = ("bfgs-turns-to-newtons-direction",)
ENDS = ("quasi-newton-ends-in-n-steps",)
CONJUGATE = ("quasi-newton-directions-are-conjugate",)
SKIPPED = ("negative-curvature-is-skipped",)
FIRST = ("first-direction-is-the-gradient",)
ZERO = ("a-first-value-of-zero-is-no-end",)

# The curvature of no pair is below it.
KEEP_ALL = -np.inf


def bfgs(
    update: Update = product_form,
    step: Any = exact_step,
    make: Make = Approximation,
    threshold: float | None = None,
) -> Rule:
    """BFGS with another update, another step, or another way to keep its matrix."""

    def rule(objective: Any, x: Any, *, curvature_threshold: float, **given: Any) -> Any:
        smallest = curvature_threshold if threshold is None else threshold
        state = make(len(x), update, smallest)
        # What is shown approximates the inverse Hessian.
        shown = make is not Solving
        matrix = (lambda: state.matrix) if shown else (lambda: None)
        return walk(objective, x, state.direction, step, matrix=matrix, **given)

    return rule


def scaled_step(factor: float) -> Any:
    """An exact search that misses by a factor."""

    def step(*arguments: Any) -> float | None:
        a = exact_step(*arguments)
        return None if a is None else factor * a

    return step


def stops_at_zero(right: Rule) -> Rule:
    """Compares the first value with one before it, which it takes for 0."""

    def rule(objective: Any, x: Any, **given: Any) -> Any:
        if abs(float(objective.value(x))) <= given["tolerance"]:
            yield Iteration(x, float(objective.value(x)), objective.gradient(x))
            return True, "the value does not change"
        return (yield from right(objective, x, **given))

    return rule


class Ascending(Approximation):
    """Goes along ``B g``."""

    def direction(self, x: Any, g: Any) -> Any:
        return -super().direction(x, g)


class FromNothing(Approximation):
    """Updates at the start, against a point and a gradient of zeros."""

    def __init__(self, n: int, update: Update, threshold: float) -> None:
        super().__init__(n, update, threshold)
        self.pairs.before = np.zeros(n), np.zeros(n)


class Forgetful(Approximation):
    """Starts from the identity before every update."""

    def _take(self, s: Any, y: Any) -> None:
        self.matrix = self.update(np.eye(len(s)), s, y)


class Late(Approximation):
    """Updates by the pair before the last one."""

    waiting: Any = None

    def _take(self, s: Any, y: Any) -> None:
        if self.waiting is not None:
            super()._take(*self.waiting)
        self.waiting = s, y


class Resetting(Approximation):
    """Swallows a failure: starts from the identity where it should skip the pair."""

    def __init__(self, n: int, update: Update, threshold: float) -> None:
        super().__init__(n, update, threshold)
        self.pairs = Pairs(KEEP_ALL, self._take)

    def _take(self, s: Any, y: Any) -> None:
        if s @ y > 0.0:
            super()._take(s, y)
        else:
            self.matrix = np.eye(len(s))


class Solving(Approximation):
    """Solves with the Hessian."""

    def direction(self, x: Any, g: Any) -> Any:
        return self.solution(x, g)


def _shared() -> Rule:
    """One matrix for all runs, as a default argument would be."""
    kept: dict[int, Any] = {}

    def make(n: int, update: Update, threshold: float) -> Approximation:
        state = Approximation(n, update, threshold)
        state.matrix = kept.setdefault(n, state.matrix)

        def take(s: Any, y: Any) -> None:
            state.matrix[:] = update(state.matrix.copy(), s, y)

        state.pairs.take = take
        return state

    return bfgs(make=make)


def _same_side(B: Any, s: Any, y: Any) -> Any:
    left = np.eye(len(s)) - np.outer(s, y) / (y @ s)
    return left @ B @ left + np.outer(s, s) / (y @ s)


def _without_the_step(B: Any, s: Any, y: Any) -> Any:
    return product_form(B, s, y) - np.outer(s, s) / (y @ s)


def _negative(B: Any, s: Any, y: Any) -> Any:
    return product_form(B, s, -y)


def _drifting(B: Any, s: Any, y: Any) -> Any:
    return product_form(B, s, y) + 0.001 * np.eye(len(s))


PRODUCT = [
    Slip("same-side", "the right factor is the left one", SECANT + RANK, fixed(bfgs(_same_side))),
    Slip(
        "without-the-step",
        "forgets s s' / y's",
        SECANT + DIRECTION,
        fixed(bfgs(_without_the_step)),
    ),
    Slip(
        "exchanged",
        "step and change of the gradient exchanged",
        SECANT + FORMS,
        fixed(bfgs(lambda B, s, y: product_form(B, y, s))),
    ),
    Slip(
        "negative-secant",
        "B y = -s, as printed (goodfellow 8.22)",
        SECANT + POSITIVE,
        fixed(bfgs(_negative, unit_step)),
    ),
    Slip(
        "along-the-gradient",
        "goes along B g, as printed (goodfellow section 8.5.3)",
        DIRECTION,
        fixed(bfgs(step=unit_step, make=Ascending)),
    ),
    Slip(
        "from-nothing",
        "updates before there is a pair, as printed (goodfellow algorithm 8.11)",
        SECANT + FIRST,
        fixed(bfgs(make=FromNothing)),
    ),
    Slip(
        "never-updates",
        "keeps the identity",
        DIRECTION + NEWTON + ENDS,
        fixed(bfgs(lambda B, s, y: B)),
    ),
    Slip(
        "forgetful",
        "updates the identity at every step",
        DIRECTION + FORMS,
        fixed(bfgs(make=Forgetful)),
    ),
    Slip("late-pair", "updates by the pair before the last", SECANT, fixed(bfgs(make=Late))),
    Slip("drifts", "adds a little identity", RANK + SECANT, fixed(bfgs(_drifting))),
    Slip(
        "shared-matrix",
        "all runs share one matrix",
        ("trajectory-is-true",),
        _shared,
        says="two runs",
        bug="scipy-shared-bfgs-default",
    ),
    Slip(
        "misses",
        "its search goes a hundredth too far",
        ENDS + CONJUGATE,
        fixed(bfgs(step=scaled_step(1.01))),
    ),
    Slip(
        "stops-at-zero",
        "ends where the first value is 0",
        ZERO,
        fixed(stops_at_zero(bfgs())),
        bug="optimistix-first-step-terminate",
    ),
]


def _printed(replacement: Callable[[Any, Any], Any]) -> Update:
    """The sum as printed, with a reading of the term that cannot be one."""

    def update(B: Any, s: Any, y: Any) -> Any:
        factor = (1.0 + y @ B @ y / (s @ y)) / (s @ y)
        return expanded_form(B, s, y) + factor * (replacement(s, y) - np.outer(s, s))

    return update


def _without_the_one(B: Any, s: Any, y: Any) -> Any:
    return expanded_form(B, s, y) - np.outer(s, s) / (s @ y)


def _one_sided(B: Any, s: Any, y: Any) -> Any:
    mixed = np.outer(s, B @ y) / (s @ y)
    return expanded_form(B, s, y) + mixed.T - mixed


def _davidon_fletcher_powell(B: Any, s: Any, y: Any) -> Any:
    changed = B @ y
    return B + np.outer(s, s) / (s @ y) - np.outer(changed, changed) / (y @ changed)


EXPANDED = [
    Slip(
        "printed-number",
        "adds phi' phi to every entry (goodfellow 8.23 as printed)",
        SECANT + RANK,
        fixed(bfgs(_printed(lambda s, y: y @ y), unit_step)),
    ),
    Slip(
        "printed-identity",
        "adds phi' phi times the identity",
        SECANT + RANK,
        fixed(bfgs(_printed(lambda s, y: y @ y * np.eye(len(y))), unit_step)),
    ),
    Slip(
        "printed-outer",
        "adds phi phi'",
        SECANT + DIRECTION,
        fixed(bfgs(_printed(lambda s, y: np.outer(y, y)), unit_step)),
    ),
    Slip("without-the-one", "forgets the 1", SECANT + FORMS, fixed(bfgs(_without_the_one))),
    Slip("one-sided", "takes one mixed term twice", RANK, fixed(bfgs(_one_sided))),
    Slip(
        "dfp",
        "the update of Davidon, Fletcher and Powell, which has the secant condition too",
        DIRECTION + FORMS,
        fixed(bfgs(_davidon_fletcher_powell)),
    ),
]

CROSSING = [
    Slip(
        "keeps-negative",
        "keeps pairs with s'y < 0",
        SKIPPED + POSITIVE,
        fixed(bfgs(expanded_form, backtracking_step, threshold=KEEP_ALL)),
    ),
    Slip(
        "absolute-curvature",
        "divides by abs(s'y)",
        SKIPPED,
        fixed(
            bfgs(
                lambda B, s, y: expanded_form(B, s, y * np.sign(s @ y)),
                backtracking_step,
                threshold=KEEP_ALL,
            )
        ),
    ),
    Slip(
        "resets",
        "starts from the identity where a pair is to be skipped",
        SKIPPED,
        fixed(bfgs(expanded_form, backtracking_step, Resetting)),
    ),
    Slip(
        "impatient",
        "takes the full step whatever the decrease",
        ("search-conditions-hold",),
        fixed(bfgs(expanded_form, unit_step)),
    ),
]


def _without_the_old(A: Any, s: Any, y: Any) -> Any:
    return A + np.outer(y, y) / (y @ s)


def _rank_one(A: Any, s: Any, y: Any) -> Any:
    off = y - A @ s
    return A + np.outer(off, off) / (off @ s)


HESSIAN = [
    Slip(
        "multiplies",
        "multiplies by the Hessian instead of solving",
        DIRECTION + FORMS,
        fixed(bfgs(hessian_form)),
    ),
    Slip(
        "keeps-the-old",
        "forgets to take A s s'A / s'A s away",
        DIRECTION,
        fixed(bfgs(_without_the_old, make=Solving)),
    ),
    Slip(
        "rank-one",
        "the symmetric update of rank one",
        DIRECTION + FORMS,
        fixed(bfgs(_rank_one, make=Solving)),
    ),
    Slip(
        "solves-with-the-first",
        "solves with the identity always",
        NEWTON,
        fixed(bfgs(lambda A, s, y: A, make=Solving)),
    ),
]

RIGHT = bfgs()
CLAIM = {"promises": ("gradient-maximum",)}

FAMILIES = [
    Family(
        "bfgs",
        "product-form",
        RIGHT,
        PRODUCT,
        capability="minimizer",
        general=general_slips(RIGHT),
        claim=CLAIM,
    ),
    Family(
        "bfgs",
        "expanded-form",
        bfgs(expanded_form),
        EXPANDED,
        capability="minimizer",
        claim=CLAIM,
    ),
    Family(
        "bfgs",
        "expanded-form",
        bfgs(expanded_form, backtracking_step),
        CROSSING,
        capability="minimizer",
        claim={**CLAIM, "search": "armijo"},
    ),
    Family(
        "bfgs",
        "hessian-form",
        bfgs(hessian_form, make=Solving),
        HESSIAN,
        capability="minimizer",
        claim=CLAIM,
    ),
]
