"""Laws of the formulas that find the minimum of an interpolating polynomial.

A wrong one goes unnoticed inside a search: the safeguards around it let the search converge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb
from hypothesis import strategies as st

from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.trace import under_test
from optcheck.reference.balls import Arithmetic, Scalar, ball_arithmetic
from optcheck.reference.minimizers.line_searches import (
    cubic_minimum_of_slopes,
    cubic_minimum_of_values,
    quadratic_minimum,
)
from optcheck.reference.oracle import SAFETY

Data = Mapping[str, float]


@dataclass(frozen=True)
class Cubic:
    """``cubic (x - center)**3 + square (x - center)**2 + slope (x - center) + constant``."""

    center: Fraction
    cubic: Fraction
    square: Fraction
    slope: Fraction
    constant: Fraction

    def value(self, x: Fraction) -> Fraction:
        z = x - self.center
        return ((self.cubic * z + self.square) * z + self.slope) * z + self.constant

    def derivative(self, x: Fraction) -> Fraction:
        z = x - self.center
        return (3 * self.cubic * z + 2 * self.square) * z + self.slope

    def data(self, dialect: str, a: Fraction, b: Fraction, c: Fraction) -> dict[str, float]:
        """What ``dialect`` is told of it; all are short binary fractions."""
        f, g = self.value, self.derivative
        told = {"a": a, "fa": f(a), "ga": g(a), "b": b, "fb": f(b)}
        if dialect == "cubic-two-slopes":
            told["gb"] = g(b)
        if dialect == "cubic-three-values":
            told |= {"c": c, "fc": f(c)}
        return {name: float(value) for name, value in told.items()}


def _quarters(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(4 * low, 4 * high).map(lambda k: Fraction(k, 4))


def _positive(high: int) -> st.SearchStrategy[Fraction]:
    return st.integers(1, 4 * high).map(lambda k: Fraction(k, 4))


_SCALES = st.integers(-20, 20).map(lambda k: Fraction(2) ** k)


def _points(data: st.DataObject, center: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """``a`` and ``b`` on either side of ``center``, in any order, and ``c`` elsewhere."""
    a = center - data.draw(_positive(4), label="distance to the left")
    b = center + data.draw(_positive(4), label="distance to the right")
    distances = _quarters(-8, 8).filter(lambda z: center + z not in (a, b))
    c = center + data.draw(distances, label="distance of the third point")
    return (b, a, c) if data.draw(st.booleans(), label="right to left") else (a, b, c)


def _result(subject: Subject, told: Data) -> float:
    with under_test(subject, lambda: dict(told)):
        found = float(subject.rule.minimum(told, dtype=subject.dtype))
    return found


def _deviation(subject: Subject, told: Data, message: str, ratio: float = math.inf) -> Deviation:
    title = f"{subject.name}: {message}"
    return Deviation(
        title,
        ratio=ratio,
        counterexample=dict(told),
        script=lambda: f'"""{title}"""\n\n{subject.rule.script(told, dtype=subject.dtype)}',
    )


@law(
    id="interpolated-minimum-is-exact",
    title="The interpolated minimum of a cubic is its minimum",
    statement=(
        "For the values and slopes of a cubic with a known minimum between a and b (of a "
        "parabola, where a parabola is fitted) that minimum is returned, but for the rounding "
        "of the formula and one rounding of each datum: in either order of a and b, and at any "
        "scale of the function."
    ),
    oracle="exact",
    capability="interpolation",
    share=0.5,
    dtypes=("float32", "float64"),
)
def interpolated_minimum_is_exact(subject: Subject, data: st.DataObject) -> float:
    dialect = subject.claim.dialect
    scale = data.draw(_SCALES, label="scale of the function")
    cubic = Fraction(0)
    if dialect != "quadratic":
        cubic = data.draw(_quarters(-4, 4), label="cubic coefficient")
    if dialect == "cubic-three-values" and not cubic:
        cubic = Fraction(1, 4)
    curve = Cubic(
        data.draw(_quarters(-4, 4), label="minimum"),
        scale * cubic,
        scale * data.draw(_positive(4), label="square coefficient"),
        Fraction(0),
        scale * data.draw(_quarters(-4, 4), label="value of the minimum"),
    )
    told = curve.data(dialect, *_points(data, curve.center))
    allowed = SAFETY * _rounding(dialect, told, subject.working)
    if not math.isfinite(allowed):
        return math.nan
    found = _result(subject, told)
    off = abs(found - float(curve.center))
    if not off <= allowed:
        raise _deviation(
            subject,
            told,
            f"finds the minimum at {found!r}, it is at {float(curve.center)!r}",
            off / allowed if allowed else math.inf,
        )
    return off / allowed if allowed else 0.0


def rounding_of(dialect: str, told: Mapping[str, Scalar], *, ascending: bool) -> float:
    """The radius of the minimum for data that are balls.

    The formula is not symmetric in a and b and libraries swap them: the larger of both radii.
    """
    swapped = dict(told)
    swapped["a"], swapped["b"] = told["b"], told["a"]
    swapped["fa"], swapped["fb"] = told["fb"], told["fa"]
    if dialect == "cubic-two-slopes":
        swapped["ga"], swapped["gb"] = told["gb"], told["ga"]
        ends: tuple[Any, ...] = (
            cubic_minimum_of_slopes(**told, ascending=ascending),
            cubic_minimum_of_slopes(**swapped, ascending=not ascending),
        )
    elif dialect == "cubic-three-values":
        ends = (cubic_minimum_of_values(**told),)
    else:
        ends = (quadratic_minimum(**told),)
    return max(float(end.ball.rad()) if end.ball.is_finite() else math.inf for end in ends)


def _rounding(dialect: str, told: Data, working: Arithmetic) -> float:
    perturbed = {name: perturbation(value, working) for name, value in told.items()}
    return rounding_of(dialect, perturbed, ascending=told["a"] < told["b"])


def perturbation(value: float, working: Arithmetic) -> Scalar:
    """A datum with one rounding, which an algebraically equal formula may make of it."""
    with ball_arithmetic():
        return Scalar(arb(value, abs(value) * 2.0**-working.bits), working.bits)


@law(
    id="interpolation-without-a-minimum",
    title="Where the interpolating polynomial has no minimum, none is made up",
    statement=(
        "For data of a monotone cubic (of a straight line, where a parabola is fitted) nothing is "
        "returned, or a number that is not finite, or a point between a and b."
    ),
    oracle="exact",
    capability="interpolation",
    share=0.25,
    dtypes=("float32", "float64"),
)
def interpolation_without_a_minimum(subject: Subject, data: st.DataObject) -> float:
    dialect = subject.claim.dialect
    steep = data.draw(_positive(4), label="slope")
    cubic = Fraction(0) if dialect == "quadratic" else data.draw(_positive(4), label="cubic")
    sign = data.draw(st.sampled_from((-1, 1)), label="sign")
    center = data.draw(_quarters(-4, 4), label="center")
    curve = Cubic(center, sign * cubic, Fraction(0), sign * steep, Fraction(0))
    told = curve.data(dialect, *_points(data, center))
    found = _result(subject, told)
    low, high = sorted((told["a"], told["b"]))
    if math.isfinite(found) and not low <= found <= high:
        raise _deviation(
            subject, told, f"finds a minimum at {found!r} of a function that has none"
        )
    return 0.0
