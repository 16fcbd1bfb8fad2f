"""Laws of what a quadratic holds: about its minimum, and in how many values or gradients."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat
from hypothesis import strategies as st

from optcheck.backends.interface import Floats
from optcheck.properties.law import Deviation, Subject, law
from optcheck.properties.minimizers.drawing import quadratics, starts
from optcheck.properties.minimizers.running import worst
from optcheck.properties.surfaces.running import BOTH, displacements
from optcheck.properties.trace import under_test
from optcheck.reference.calculus.derivatives import derivative_at
from optcheck.reference.problems import Polynomial, Quadratic
from optcheck.reference.surfaces.quadratics import independent_elements, monomials


def _derives(*procedures: str) -> Callable[[Subject], bool]:
    return lambda subject: subject.record.id in procedures


def polynomial(variables: int, coefficients: Sequence[float]) -> Polynomial:
    """With the coefficients of all monomials, so that all of a size have one structure."""
    return Polynomial(variables, tuple(zip(coefficients, monomials(variables), strict=True)))


def expanded(quadratic: Quadratic) -> Polynomial:
    """``c + b'w + w'H w / 2``."""
    h, center = np.array(quadratic.matrix), np.array(quadratic.center)
    pairs = itertools.combinations_with_replacement(range(len(center)), 2)
    curvatures = [h[i, j] / (2.0 if i == j else 1.0) for i, j in pairs]
    constant = quadratic.minimum + center @ h @ center / 2.0
    return polynomial(
        len(center), [float(each) for each in (constant, *(-h @ center), *curvatures)]
    )


@dataclass(frozen=True)
class Counted:
    """An objective that counts how often it is evaluated."""

    objective: Polynomial
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.objective, name)

    def value(self, x: Any) -> Any:
        """The objective, counted."""
        self.calls.append("value")
        return self.objective.value(x)

    def with_coefficients(self, coefficients: Sequence[Any]) -> Counted:
        """Counted together with this one."""
        return Counted(self.objective.with_coefficients(coefficients), self.calls)


@dataclass(frozen=True)
class Asked:
    """A derivative that was asked for: what the library says, and how far it may be off."""

    subject: Subject
    objective: Polynomial
    point: Floats
    calls: list[str] = field(default_factory=list)

    @functools.cached_property
    def found(self) -> Floats:
        """What the library says, flat."""
        with under_test(self.subject, self.describe):
            found: Floats = self.subject.rule.derivative(
                Counted(self.objective, self.calls), self.point.copy(), dtype=self.subject.dtype
            )
        if found.size != len(self.allowed):
            raise self.deviation(f"{found.size} numbers for {len(self.allowed)}")
        return np.ravel(found)

    @functools.cached_property
    def allowed(self) -> Floats:
        """By rounding, or by the theory of differences."""
        return derivative_at(
            self.subject.record.id,
            self.subject.claim.dialect,
            self.objective,
            self.point,
            self.subject.working,
            step=self.subject.claim.fixed.get("step", 0.0),
        ).allowed()

    def require(self, what: str, off: Floats, allowed: Floats) -> float:
        """The worst ratio; a deviation above 1. Where ``allowed`` is infinite, NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(off == 0.0, 0.0, np.abs(off) / allowed)
        ratios = np.where(np.isinf(allowed), np.nan, np.where(np.isnan(ratios), np.inf, ratios))
        place = int(np.argmax(np.nan_to_num(ratios, nan=-1.0)))
        if not ratios[place] > 1.0:
            return float(ratios[place])
        raise self.deviation(
            f"{what} is off by {off[place]:.3g}, {ratios[place]:.3g} times the allowed "
            f"{allowed[place]:.3g}",
            float(ratios[place]),
        )

    def deviation(self, message: str, ratio: float = float("inf")) -> Deviation:
        """A deviation, with the function and a script."""
        title = f"{self.subject.name}: {message}"
        script = self.subject.rule.script
        return Deviation(
            title,
            ratio=ratio,
            counterexample=self.describe(),
            script=lambda: (
                f'"""{title}"""\n\n{script(self.objective, self.point, dtype=self.subject.dtype)}'
            ),
        )

    def describe(self) -> dict[str, Any]:
        """The function and the point."""
        return {"function": self.objective.source(), "point": self.point.tolist()}


def _sizes(subject: Subject, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Of these the one that is compiled, where each is."""
    return (2,) if subject.claim.compilation == "programs" else sizes


@law(
    id="quadratic-about-its-minimum",
    title="A quadratic with its minimum at w* has no linear term about it",
    statement=(
        "For E(w) = c + b'w + w'Hw/2 with H positive definite and w* = -H^-1 b, given with its "
        "linear term: the value found at w is E(w*) + (w - w*)'H(w - w*)/2, the gradient found is "
        "H(w - w*), so none at w*, and the Hessian found gives the same rise from w*. Each to "
        "within the rounding of the derivative."
    ),
    oracle="exact",
    capability="derivative",
    equations=("quadratic-about-minimum",),
    about=_derives("value", "gradient", "hessian"),
    every_path=False,
    share=0.1,
    dtypes=BOTH,
)
def quadratic_about_its_minimum(subject: Subject, data: st.DataObject) -> float:
    quadratic = data.draw(quadratics(_sizes(subject, (2, 4))), label="E")
    h, center = np.array(quadratic.matrix), np.array(quadratic.center)
    z = data.draw(starts(len(center), 2.0), label="w - w*")
    objective, rise = expanded(quadratic), z @ h @ z / 2.0
    if subject.record.id == "hessian":
        asked = Asked(subject, objective, center)
        sizes = np.abs(np.outer(z, z)).ravel() / 2.0
        off = asked.found @ np.outer(z, z).ravel() / 2.0 - rise
        return asked.require(
            "(w - w*)'H(w - w*)/2", np.atleast_1d(off), np.atleast_1d(asked.allowed @ sizes)
        )
    there = Asked(subject, objective, center + z)
    if subject.record.id == "value":
        return there.require("E(w)", there.found - (quadratic.minimum + rise), there.allowed)
    here = Asked(subject, objective, center)
    return worst(
        [
            here.require("the gradient at w*", here.found, here.allowed),
            there.require("the gradient at w", there.found - h @ z, there.allowed),
        ]
    )


@law(
    id="a-quadratic-from-its-values",
    title="W (W + 3) / 2 + 1 values tell a quadratic from all others, and one fewer does not",
    statement=(
        "From the values found at W (W + 3) / 2 + 1 points of a shifted lattice, solving for the "
        "constant, b and the symmetric H gives those of the quadratic, to within the rounding of "
        "the values. Without any one of the points there is another quadratic with the same "
        "values at the rest, which is 1 away at that point."
    ),
    oracle="exact",
    capability="derivative",
    equations=("quadratic-independent-parameter-count", "gradient-information-cost"),
    about=_derives("value"),
    every_path=False,
    share=0.2,
    dtypes=BOTH,
)
def a_quadratic_from_its_values(subject: Subject, data: st.DataObject) -> float:
    variables = data.draw(st.sampled_from(_sizes(subject, (2, 1, 3, 4))), label="W")
    count = independent_elements(variables) + 1
    coefficients = data.draw(displacements(count), label="coefficients")
    shift = data.draw(st.tuples(*[st.integers(-2, 2)] * variables), label="shift")
    points = [np.add(shift, powers).astype(np.float64) for powers in monomials(variables)]
    dropped = data.draw(st.integers(0, count - 1), label="dropped")
    inverse = _vandermonde(points).inv()
    objective = polynomial(variables, coefficients)
    asked = [Asked(subject, objective, point) for point in points]
    values = np.array([each.found[0] for each in asked])
    allowed = np.array([each.allowed[0] for each in asked])
    off = inverse * _column(values) - _column(coefficients)
    ratio = asked[0].require("an element", _floats(off), np.abs(_table(inverse)) @ allowed)
    unseen = _table(inverse)[:, dropped]
    other = polynomial(variables, [float(each) for each in np.add(coefficients, unseen)])
    again = [Asked(subject, other, point) for point in points]
    apart = np.array([each.found[0] for each in again]) - values - np.eye(count)[dropped]
    both = allowed + np.array([each.allowed[0] for each in again])
    return worst([ratio, again[0].require("another quadratic", apart, both)])


def _vandermonde(points: Sequence[Floats]) -> fmpq_mat:
    """The monomials, exactly; a row a point."""
    rows = [
        [fmpq(int(np.prod(point ** np.array(powers)))) for powers in monomials(len(point))]
        for point in points
    ]
    return fmpq_mat(rows)


def _column(values: Sequence[float] | Floats) -> fmpq_mat:
    return fmpq_mat([[fmpq(*float(each).as_integer_ratio())] for each in values])


def _floats(exact: fmpq_mat) -> Floats:
    return np.array([float(each.p) / float(each.q) for each in exact.entries()])


def _table(exact: fmpq_mat) -> Floats:
    return _floats(exact).reshape(exact.nrows(), exact.ncols())


@law(
    id="a-quadratic-from-its-gradients",
    title="W + 1 gradients locate the minimum of a quadratic, and W do not",
    statement=(
        "From the gradients found at a point and a step from it along each axis, differences give "
        "the columns of H and solving gives the minimum, to within what the gradients may be off. "
        "Without any one of them there is another quadratic with the same gradients at the rest. "
        "In reverse mode a gradient evaluates the function once, however many variables there "
        "are; a difference of values evaluates it W + 1 times at least."
    ),
    oracle="exact",
    capability="derivative",
    equations=("gradient-information-cost",),
    about=_derives("gradient"),
    every_path=False,
    share=0.2,
    dtypes=BOTH,
)
def a_quadratic_from_its_gradients(subject: Subject, data: st.DataObject) -> float:
    quadratic = data.draw(quadratics(_sizes(subject, (2, 1, 4))), label="E")
    variables = quadratic.dimension
    shift = np.array(data.draw(st.tuples(*[st.integers(-2, 2)] * variables), label="shift"))
    points = [shift.astype(np.float64), *(shift + np.eye(variables))]
    asked = [Asked(subject, expanded(quadratic), point) for point in points]
    ratios = [_located(quadratic, asked)]
    for each in asked:
        _affordable(each)
    dropped = data.draw(st.integers(0, variables), label="dropped")
    # Its gradient is 0 at all points but one, and 1 there in its own direction.
    axis = -np.ones(variables) if dropped == 0 else np.eye(variables)[dropped - 1]
    offset = shift + (np.eye(variables)[0] if dropped == 0 else 0.0)
    unseen = Quadratic(tuple(map(tuple, np.outer(axis, axis).tolist())), tuple(offset.tolist()))
    summed = zip(expanded(quadratic).terms, expanded(unseen).terms, strict=True)
    other = polynomial(variables, [a + b for (a, _), (b, _) in summed])
    for place, before in enumerate(asked):
        after = Asked(subject, other, before.point)
        apart = after.found - before.found - (axis if place == dropped else 0.0)
        both = before.allowed + after.allowed
        ratios.append(after.require("the gradient of another quadratic", apart, both))
    return worst(ratios)


def _located(quadratic: Quadratic, asked: Sequence[Asked]) -> float:
    """The minimum of the quadratic that has the gradients found.

    With H off by D and the gradient by d, the solution z of ``(H + D) z = -(g + d)`` is off by
    ``-H^-1 (d + D z)``.
    """
    first, *others = asked
    columns = [_column(each.found) - _column(first.found) for each in others]
    rows = [[column[i, 0] for column in columns] for i in range(len(columns))]
    try:
        step = fmpq_mat(rows).solve(-_column(first.found))
    except ZeroDivisionError:
        raise first.deviation("the differences of the gradients are singular") from None
    off = _floats(step - (_column(quadratic.center) - _column(first.point)))
    size = np.abs(_floats(step))
    wrong = first.allowed + sum(
        (each.allowed + first.allowed) * length for each, length in zip(others, size, strict=True)
    )
    h = fmpq_mat([[fmpq(*entry.as_integer_ratio()) for entry in row] for row in quadratic.matrix])
    return first.require("the minimum", off, np.abs(_table(h.inv())) @ wrong)


def _affordable(asked: Asked) -> None:
    """Raise unless the gradient took as many evaluations as its mode does."""
    dialect, calls, variables = asked.subject.claim.dialect, len(asked.calls), asked.point.size
    if dialect == "reverse-mode" and calls > 1:
        raise asked.deviation(f"a gradient of {variables} variables takes {calls} evaluations")
    if dialect.endswith("difference") and calls <= variables:
        raise asked.deviation(
            f"{calls} values for the gradient of {variables} variables, which is not in them"
        )
