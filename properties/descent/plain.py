"""What the laws of plain gradient descent share: whom they ask, and what rounding may do.

Many of these laws draw short binary fractions. Then no operation rounds, whatever its order, and
what theory says must hold to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Check, Deviation, Subject, law
from optcheck.reference.oracle import SAFETY

# Most laws run so many coordinates at once: some libraries compile anew for each number.
WIDTH = 16

UNIT = 2.0**-53
_TINY = float(np.finfo(np.float64).tiny)


def is_gradient_descent(subject: Subject) -> bool:
    """A mode of momentum has two characteristic roots and not one factor."""
    return bool(subject.record.id == "gradient-descent")


def law_of_descent(**fields: Any) -> Callable[[Check], Check]:
    """A law of plain gradient descent, in double precision and on the plain path.

    What a wrong rule makes overflow is judged by its numbers, and no warning says more.
    """
    asked = {"capability": "update-rule", "about": is_gradient_descent, "every_path": False}
    register = law(**asked, dtypes=("float64",), **fields)
    return lambda check: register(np.errstate(all="ignore")(check))


def draw_integers(
    data: st.DataObject, low: int, high: int, label: str, size: int = WIDTH
) -> Floats:
    """So many integers, as doubles."""
    drawn = data.draw(st.lists(st.integers(low, high), min_size=size, max_size=size), label=label)
    return np.array(drawn, dtype=np.float64)


def draw_floats(
    data: st.DataObject, low: float, high: float, label: str, size: int = WIDTH
) -> Floats:
    """So many numbers between the two."""
    drawn = data.draw(st.lists(st.floats(low, high), min_size=size, max_size=size), label=label)
    return np.array(drawn)


def exactly(values: Any) -> Any:
    """Doubles as fractions, in an array of the same shape."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise Deviation("the weights overflow", counterexample={"weights": array.tolist()})
    fractions = [Fraction(value) for value in array.ravel().tolist()]
    return np.array(fractions, dtype=object).reshape(array.shape)


def require_equal(
    computed: Any, expected: Any, what: str, counterexample: Callable[[], Mapping[str, Any]]
) -> float:
    """Raise unless the two, numbers or arrays of them, are equal to the last bit."""
    found, right = np.ravel(np.asarray(computed)), np.ravel(np.asarray(expected))
    for index, (c, e) in enumerate(zip(found, right, strict=True)):
        if c != e:
            raise Deviation(
                f"{what}: computed {float(c):.17g}, expected {float(e):.17g} (nothing rounds)",
                counterexample={**counterexample(), "coordinate": index},
            )
    return 0.0


def require_that(holds: Any, what: str, counterexample: Callable[[], Mapping[str, Any]]) -> float:
    """Raise unless a condition holds everywhere; ``what`` says what is wrong where it does not."""
    if np.all(holds):
        return 0.0
    wrong = np.argwhere(~np.asarray(holds, dtype=bool))[0].tolist()
    raise Deviation(what, counterexample={**counterexample(), "where": wrong})


def require_at_most(
    value: Any,
    bound: Any,
    allowed: Any,
    what: str,
    counterexample: Callable[[], Mapping[str, Any]],
) -> float:
    """Raise where a value is above its bound by more than ``allowed``; return the worst ratio.

    Values and bounds may be fractions or balls: only their difference is rounded.
    """
    over = np.ravel(np.asarray(np.asarray(value) - np.asarray(bound)))
    excess = np.array([float(each) for each in over])
    limits = np.broadcast_to(np.ravel(allowed), excess.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(excess <= 0.0, 0.0, excess / limits)
    worst = int(np.argmax(np.where(np.isnan(ratios), np.inf, ratios)))
    ratio = float(ratios[worst])
    if ratio <= 1.0:
        return ratio
    raise Deviation(
        f"{what}: above the bound by {excess[worst]:.3g}, "
        f"{ratio:.3g} times what rounding explains",
        ratio=ratio,
        counterexample={**counterexample(), "where": worst},
    )


def step_rounding(after: Any, step: Any) -> Any:
    """How far one rounded update is from ``before - step``: a product and a difference."""
    return SAFETY * UNIT * (np.abs(step) + np.abs(after)) + _TINY


def mode_budgets(start: Floats, curvatures: Floats, rate: float, steps: int) -> Floats:
    """Forward error of ``w - fl(rate * fl(curvature * w))``, shape ``(steps + 1, n)``.

    One step rounds thrice: each of the two products by at most u, the difference by at most u of
    the result. An error made at step t is then multiplied like the mode itself, by q = 1 - eta
    lambda a step.
    """
    q, share = np.abs(1.0 - rate * curvatures), np.abs(rate * curvatures)
    w, error = np.abs(start), np.zeros_like(start)
    errors = [error]
    for _ in range(steps):
        local = UNIT * (2.0 * share * w + q * w)
        error = q * error + local + 4.0 * UNIT * (1.0 + share) * error
        w = q * w + error
        errors.append(error)
    allowed: Floats = SAFETY * np.array(errors) + _TINY
    return allowed
